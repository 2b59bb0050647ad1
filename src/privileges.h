/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privileges.h - what a command gives up once it has begun, before it looks at anything that others wrote: capabilities,
 * system calls, and ever to gain any (docs/security.md). There is no way back.
 */
#ifndef SOCKLIFE_PRIVILEGES_H
#define SOCKLIFE_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who may do what afterwards; the table is in privileges.c. */
enum privileges {
	PRIVILEGES_OFFLINE, /* read files, write what is open */
	PRIVILEGES_LIVE, /* and ask the kernel: /proc, sock_diag, maps and iterators that are loaded */
	PRIVILEGES_RECORD, /* and make, rename and remove files */
};

#define PRIVILEGE(cap) (1ull << (cap)) /* CAP_* of <linux/capability.h> */

#define PRIVILEGE_SERVE                                                                            \
	(1ull << 63) /* no capability: to accept connections on a socket that is open */

/*
 * Of the whole process: no_new_privs and the system calls. Of the calling thread, and of those that it makes
 * afterwards: the capabilities; `more` are kept too, PRIVILEGE() of each. Where the kernel refuses, a warning: what
 * could be given up stays given up, and the command goes on.
 */
void privileges__drop(enum privileges p, uint64_t more);
/* Of the calling thread alone: the same capabilities. For one that was made before. */
void privileges__drop_thread(enum privileges p, uint64_t more);

/* The names of the capabilities that are missing to load and attach, in `text`, "" for none. */
void privileges__missing(char *text, size_t size);

/* For `check`: each that it can do without. */
struct privilege_status {
	const char *name;
	const char *without; /* what is lost without it */
	bool works;
};
void privileges__optional(void (*report)(void *arg, const struct privilege_status *s), void *arg);

/*
 * For `more`: what must be kept so that these can be read, and the files in those that are directories. 0 where
 * their modes allow it without. NULLs and "-" are left out.
 */
uint64_t privileges__to_read(char *const *paths, size_t n);
/* The same, to make files in this directory. */
uint64_t privileges__to_write(const char *dir);

#endif
