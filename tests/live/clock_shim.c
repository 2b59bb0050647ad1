// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded before a program (LD_PRELOAD): its wall clock is off by as many ns as the file CLOCK_OFFSET says, and its
 * timers on CLOCK_REALTIME are the fifo CLOCK_STEPPED. So the clock can be set for one program alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int fake = -1;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t id, struct timespec * ts);
	int64_t offset = 0, ns;
	int fd, err;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	err = real(id, ts);
	if (err || id != CLOCK_REALTIME || !getenv("CLOCK_OFFSET"))
		return err;
	fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
	if (fd < 0)
		return 0;
	if (read(fd, &offset, sizeof(offset)) == sizeof(offset)) {
		ns = ts->tv_sec * 1000000000ll + ts->tv_nsec + offset;
		ts->tv_sec = ns / 1000000000;
		ts->tv_nsec = ns % 1000000000;
	}
	close(fd);
	return 0;
}

int timerfd_create(clockid_t id, int flags)
{
	static int (*real)(clockid_t id, int flags);

	if (!real)
		real = (int (*)(clockid_t, int))dlsym(RTLD_NEXT, "timerfd_create");
	if (id != CLOCK_REALTIME || !getenv("CLOCK_STEPPED"))
		return real(id, flags);
	fake = open(getenv("CLOCK_STEPPED"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fake;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	static int (*real)(int fd, int flags, const struct itimerspec *new, struct itimerspec *old);

	if (!real)
		real = (int (*)(int, int, const struct itimerspec *,
				struct itimerspec *))dlsym(RTLD_NEXT, "timerfd_settime");
	return fd == fake ? 0 : real(fd, flags, new, old);
}
