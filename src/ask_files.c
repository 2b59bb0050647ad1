// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_files.c - a process's descriptors: limit, how many are open, and its sockets by state.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask_answers.h"

static FILE *open_of(uint32_t tgid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", tgid, name);
	return fopen(path, "re");
}

/* Field 22 of /proc/PID/stat is the start of the process in ticks; a name may hold spaces and ')'. */
static bool is_same(const struct ask_files *q)
{
	uint64_t tick_ns = 1000000000ull / sysconf(_SC_CLK_TCK);
	unsigned long long start = 0;
	FILE *f = open_of(q->tgid, "stat");
	char line[1024], *end;

	if (!f)
		return false;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (!end || sscanf(end + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
			   " %*d %*d %llu",
			   &start) != 1)
		end = NULL;
	fclose(f);
	return end && start == q->start_ns / tick_ns;
}

static int read_limits(const struct ask_files *q, struct file_use *use)
{
	static const char name[] = "Max open files";
	FILE *f = open_of(q->tgid, "limits");
	unsigned long long soft, hard;
	int err = -EPROTO;
	char line[256];

	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) ||
		    sscanf(line + strlen(name), "%llu %llu", &soft, &hard) != 2)
			continue;
		use->soft_limit = soft;
		use->hard_limit = hard;
		err = 0;
	}
	fclose(f);
	return err;
}

/* The size of /proc/PID/fd is their count since 6.2; before that it is 0. */
static void count_open(const struct ask_files *q, struct file_use *use)
{
	char path[64];
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", q->tgid);
	if (!stat(path, &st) && st.st_size) {
		use->open = st.st_size;
		return;
	}
	dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		use->open += e->d_name[0] != '.';
	closedir(dir);
}

static void count_system(struct file_use *use)
{
	unsigned long long used, spare, limit;
	FILE *f = fopen("/proc/sys/fs/file-nr", "re");

	if (!f)
		return;
	if (fscanf(f, "%llu %llu %llu", &used, &spare, &limit) == 3) {
		use->system_open = used;
		use->system_limit = limit;
	}
	fclose(f);
}

struct counting {
	const struct ask_files *q;
	struct file_use *use;
};

static void found_socket(void *arg, const struct ev_snapshot *snap)
{
	const struct ev_sock *s = &snap->base.sock;
	struct counting *c = arg;

	if (snap->base.actor.proc.tgid != c->q->tgid ||
	    snap->base.actor.proc.start_ns != c->q->start_ns)
		return;
	if (s->proto == IPPROTO_UDP)
		c->use->udp++;
	else if (s->state < FILE_STATES)
		c->use->tcp[s->state]++;
}

ssize_t answer__files(struct ask *a, const void *question, void *answer, size_t max)
{
	struct file_use use = { 0 };
	struct counting c = { .q = question, .use = &use };
	int err;

	if (max < sizeof(use))
		return -ENOSPC;
	if (!is_same(c.q))
		return -ESRCH;
	err = read_limits(c.q, &use);
	if (err)
		return err;
	count_open(c.q, &use);
	if (!use.open) /* it is ending: exit_files() comes before the last of /proc */
		return -ESRCH;
	count_system(&use);
	if (!a->config.each_socket || a->config.each_socket(a->config.arg, 0, 0, found_socket, &c))
		use.estimated = 1;
	memcpy(answer, &use, sizeof(use));
	return sizeof(use);
}
