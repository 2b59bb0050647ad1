/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.h - the live answers of struct kernel (kernel.h), from the socket iterator (who), sock_diag and
 * /proc inside the namespace (the rest).
 */
#ifndef SOCKLIFE_ASK_H
#define SOCKLIFE_ASK_H

#include "kernel.h"
#include "record.h"

struct ask;

typedef void ask_found_fn(void *ctx, const struct ev_snapshot *s);

struct ask_config {
	int cgroup_fd; /* root of the cgroup2 hierarchy, detached mount or not; -1: none. The caller's */
	/*
	 * Calls found() once per (process, descriptor). Port 0: any; netns is an inode number, 0: any.
	 * 0 or -errno.
	 */
	int (*each_socket)(void *arg, uint16_t port, uint32_t netns, ask_found_fn *found,
			   void *ctx);
	/* The process with this number, all but its arguments. 0 or -errno. NULL: nobody can say. */
	int (*process)(void *arg, uint32_t tgid, struct ev_process *e);
	void *arg;
	/*
	 * Questions that walk all sockets may take a fifth of the time, 0.2 s at once; beyond, -EBUSY: nobody
	 * reads the ring meanwhile, and with 100 000 sockets one takes 10 ms to 200 ms. Names of containers: a fiftieth,
	 * 0.05 s.
	 */
	bool bounded;
};

/* NULL with errno set. To be made before capabilities and system calls are given up. */
struct ask *ask__new(const struct ask_config *c);

/*
 * A kernel_ask_fn; its `arg` is the struct ask. ASK_HOLDERS answers listeners first, then what a
 * process holds, then orphans, then TIME_WAIT; `estimated` is set in all where one of the two
 * sources could not be read, since_ns is left 0 (the table knows it).
 */
ssize_t ask__answer(void *ask, enum question q, const void *question, size_t len, void *answer,
		    size_t max);

void ask__free(struct ask *a); /* accepts NULL */

#endif
