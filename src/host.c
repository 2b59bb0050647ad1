// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - reads names, ids, clocks and the kernel's version from the machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "array.h"
#include "host.h"

uint64_t host__clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

uint64_t host__now(void)
{
	return host__clock(CLOCK_BOOTTIME);
}

/* Never below 0, as a reading of the later clock in the first place can be: what is 0 must not become a time. */
int64_t host__suspended(void)
{
	uint64_t monotonic = host__clock(CLOCK_MONOTONIC);

	return (int64_t)(host__clock(CLOCK_BOOTTIME) - monotonic);
}

int32_t host__gmtoff(bool utc)
{
	time_t now = time(NULL);
	struct tm tm;

	return utc || !localtime_r(&now, &tm) ? 0 : tm.tm_gmtoff;
}

/* The narrowest of some readings: being interrupted between the two clocks makes it wider. */
struct wall host__wall(bool utc)
{
	struct wall w = { .gmtoff_s = host__gmtoff(utc) };
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 5; i++) {
		uint64_t before = host__now(), wall = host__clock(CLOCK_REALTIME),
			 after = host__now();

		if (after - before >= best)
			continue;
		best = after - before;
		w.offset_ns = (int64_t)(wall - (before + best / 2));
	}
	return w;
}

/*
 * A timer that never expires but is cancelled. That also happens at a resume from suspend. CLOCK_BOOTTIME
 * is slewed as CLOCK_REALTIME is and goes on in suspend: only a step moves them apart.
 */
void host__clock_arm(int fd)
{
	struct itimerspec never = { .it_value.tv_sec = 1ll << 33 };
	uint64_t ignored;

	while (read(fd, &ignored, sizeof(ignored)) > 0)
		;
	timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

int host__clock_fd(void)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	host__clock_arm(fd);
	return fd;
}

/* The beginning of a small file. */
static void read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Its first line, without the newline. */
static void read_line(const char *path, char *buf, size_t size)
{
	read_text(path, buf, size);
	buf[strcspn(buf, "\n")] = '\0';
}

static void read_args(struct start *s)
{
	static char cmdline[8192];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, cmdline, sizeof(cmdline) - 1), at;
	size_t argc = 0;

	for (at = 0; at < n && argc + 1 < sizeof(s->args) / sizeof(s->args[0]);
	     at += strlen(cmdline + at) + 1)
		s->args[argc++] = cmdline + at;
	s->args[argc] = NULL;
	if (fd >= 0)
		close(fd);
}

void host__describe(struct start *s)
{
	static char boot_id[64], machine_id[64], host[256];
	static struct utsname uts;

	uname(&uts);
	gethostname(host, sizeof(host) - 1);
	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	read_line("/etc/machine-id", machine_id, sizeof(machine_id));
	s->version = SOCKLIFE_VERSION;
	s->kernel = uts.release;
	s->boot_id = boot_id;
	s->machine_id = machine_id;
	s->host = host;
	read_args(s);
}

void host__comm(uint32_t pid, char comm[COMM_LEN])
{
	char path[64], *end;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	read_text(path, comm, COMM_LEN);
	end = strrchr(comm, '\n'); /* the kernel's own, behind a name that may have others */
	if (end && !end[1])
		*end = '\0';
}

/* The fourth field of /proc/PID/stat, behind a name that may hold anything. */
static uint32_t parent_of(const char *pid)
{
	char path[300], text[512], *end;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	read_text(path, text, sizeof(text));
	end = strrchr(text, ')');
	return end && strlen(end) > 4 ? strtoul(end + 4, NULL, 10) : 0;
}

struct listed {
	uint32_t pid, parent;
	bool descends;
};

/* All processes of /proc. NULL with errno set; the caller frees it. */
static struct listed *read_processes(size_t *n)
{
	struct listed *list = NULL, *more;
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	size_t room = 0;

	*n = 0;
	if (!proc)
		return NULL;
	while ((entry = readdir(proc))) {
		uint32_t pid = strtoul(entry->d_name, NULL, 10);

		if (!pid)
			continue;
		more = array__grown(list, *n, &room, 512, sizeof(*list));
		if (!more) {
			free(list);
			list = NULL;
			break;
		}
		list = more;
		list[(*n)++] = (struct listed){ .pid = pid, .parent = parent_of(entry->d_name) };
	}
	closedir(proc);
	return list;
}

static bool is_among(uint32_t pid, const uint32_t *pids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int host__descendants(const uint32_t *pids, size_t n, void (*found)(void *arg, uint32_t pid),
		      void *arg)
{
	size_t count, i, k;
	struct listed *list = read_processes(&count);
	bool more = true;

	if (!list)
		return -errno;
	/* a generation a round */
	while (more) {
		more = false;
		for (i = 0; i < count; i++) {
			bool child = is_among(list[i].parent, pids, n);

			for (k = 0; k < count && !child && !list[i].descends; k++)
				child = list[k].descends && list[k].pid == list[i].parent;
			if (!child || list[i].descends)
				continue;
			list[i].descends = more = true;
			found(arg, list[i].pid);
		}
	}
	free(list);
	return 0;
}
