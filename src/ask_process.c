// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_process.c - who a process is, for one that was there before the start or whose event was lost: from
 * the iterator, which knows what the kernel side tells too, and its arguments from /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask_answers.h"

static void read_args(struct ev_process *e, uint32_t tgid)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, e->args, sizeof(e->args));
	close(fd);
	e->args_len = n > 0 ? n : 0;
}

/* Number, start and exec together are this process as it is asked for, and no later one. */
static bool is_it(const struct ev_process *e, const struct ask_process *q)
{
	return e->proc.tgid == q->tgid && e->proc.start_ns == q->start_ns &&
	       e->proc.exec == q->exec;
}

ssize_t answer__process(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct ask_process *q = question;
	struct ev_process e, again;
	int err;

	if (max < sizeof(e))
		return -ENOSPC;
	if (!a->config.process)
		return -EOPNOTSUPP;
	err = a->config.process(a->config.arg, q->tgid, &e);
	if (err)
		return err;
	if (!is_it(&e, q))
		return -ESRCH;
	read_args(&e, q->tgid);
	/* the arguments are the same process's when it is still there */
	err = a->config.process(a->config.arg, q->tgid, &again);
	if (err || !is_it(&again, q)) {
		memset(e.args, 0, sizeof(e.args));
		e.args_len = 0;
	}
	memcpy(answer, &e, sizeof(e));
	return sizeof(e);
}
