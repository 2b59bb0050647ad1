/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.h - to look at something from inside a network namespace. Only the thread that looks goes
 * there: a netlink socket stays in the namespace it was made in, and /proc/sys/net and
 * /proc/thread-self/net show that of the reading thread.
 */
#ifndef SOCKLIFE_NETNS_H
#define SOCKLIFE_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "kernel.h"

/*
 * Runs fn() inside: on a thread of its own, or on the caller's where it is there already. Returns what
 * fn() returns (0 or -errno), or why it could not be run: -ENOENT (no process and no /run/netns/NAME has
 * it any more), -ESTALE (another namespace has its inode number by now), -EPERM.
 */
int netns__within(const struct netns_ref *n, int (*fn)(void *arg), void *arg);

/*
 * Calls found() once for each namespace that a process is in or that /run/netns names, the caller's own
 * first. `name` is that of `ip netns`, NULL: none. The cookie in the reference is 0: not known. -errno,
 * or how many.
 */
int netns__each(void (*found)(void *arg, const struct netns_ref *n, const char *name), void *arg);

/*
 * The name that `ip netns` has for it, no NUL: bytes, or -ENOENT: none. Of several the first. Looks at 4096 names at most.
 */
ssize_t netns__name(uint32_t inode, char *name, size_t max);

/* The cookie of the namespace that the calling thread is in. 0 or -errno. */
int netns__cookie(uint64_t *cookie);

/* The inode number of the caller's own, 0: no /proc. */
uint32_t netns__own(void);

#endif
