/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_file.h - the segment that is being written. Room is allocated before it is needed, and behind it
 * a reserve, so that on a full disk there is still some for the last records and their seal.
 */
#ifndef SOCKLIFE_AUDIT_FILE_H
#define SOCKLIFE_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_RESERVE ((uint64_t)64 << 10)

struct audit_file {
	int fd;             /* -1: none */
	uint64_t size;      /* bytes written, whole lines */
	uint64_t allocated; /* bytes that are ours */
	bool cannot;        /* this file system cannot allocate in advance: there is no reserve */
	bool dirty;         /* behind `size` there may be a part of what could not be written */
};

#define AUDIT_FILE_MODE 0640 /* whatever the umask is */

/* A new file in the directory `dir`, a link is not followed. `access`: O_RDWR or O_WRONLY. A descriptor or -errno. */
int audit_file__create(int dir, const char *name, int access);

/* Takes over the descriptor. 0, or -errno of the reserve: closed then. */
int audit_file__open(struct audit_file *f, int fd, uint64_t size);
/* What append() will take of that without the reserve, it will have room for. 0 or -errno. */
int audit_file__room(struct audit_file *f, uint64_t len);
/* All of it or nothing. `last`: from the reserve. 0 or -errno. */
int audit_file__append(struct audit_file *f, const void *data, size_t len, bool last);
/* Half of the reserve is still there, or it cannot be known. */
bool audit_file__has_reserve(const struct audit_file *f);
int audit_file__sync(const struct audit_file *f); /* 0 or -errno */
/* Gives back what is allocated and not used. */
void audit_file__close(struct audit_file *f);

#endif
