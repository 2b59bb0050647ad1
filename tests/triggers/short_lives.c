/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * short_lives COUNT: one process after the other, each a program of its own (this one again, with its number as
 * argument) that renames itself, binds a socket and ends at once: a life of a millisecond.
 * short_lives unlinked: removes its own executable before it makes a socket.
 * short_lives heir: a child that does nothing but end, which closes the socket that it inherited, as the last.
 */
#include "trigger.h"

static void live_shortly(const char *number)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "short-%.8s", number);
	must(prctl(PR_SET_NAME, name), "prctl");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	_exit(0);
}

static void live_unlinked(const char *self)
{
	int fd;

	trigger_begin("unlinked");
	must(unlink(self), "unlink");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	close(fd);
}

static void leave_to_heir(void)
{
	int fd, go[2];
	pid_t pid;
	char byte;

	trigger_begin("testator");
	must(pipe(go), "pipe");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	fact_sock("bound", fd);
	pid = must(fork(), "fork");
	if (!pid) {
		close(go[1]);
		if (read(go[0], &byte, 1))
			die("read");
		_exit(0);
	}
	fact("heir_pid=%d", pid);
	close(fd);
	close(go[1]);
	reap(0);
}

int main(int argc, char **argv)
{
	int i, n = argc > 1 ? atoi(argv[1]) : 0;
	char number[16];
	pid_t pid;

	if (argc == 3)
		live_shortly(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "unlinked")) {
		live_unlinked(argv[0]);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "heir")) {
		leave_to_heir();
		return 0;
	}
	trigger_begin("parent");
	for (i = 0; i < n; i++) {
		snprintf(number, sizeof(number), "%d", i);
		pid = must(fork(), "fork");
		if (!pid) {
			execl("/proc/self/exe", "short", "life", number, NULL);
			die("exec");
		}
		reap(0);
	}
	return 0;
}
