/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * getppid CALLS: so many system calls that have nothing to do with sockets; prints the nanoseconds of one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	long calls = argc == 2 ? atol(argv[1]) : 0, i;
	double begin = now_ns();

	if (calls <= 0) {
		fputs("usage: getppid CALLS\n", stderr);
		return 2;
	}
	for (i = 0; i < calls; i++)
		syscall(SYS_getppid);
	printf("%.1f\n", (now_ns() - begin) / (double)calls);
	return 0;
}
