/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_dir.h - the directory of an audit log, for the recorder: made, locked, its segments by number, what
 * the recorder before left, and what has to go. Life: open, recover, then create and remove, free.
 */
#ifndef SOCKLIFE_AUDIT_DIR_H
#define SOCKLIFE_AUDIT_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "seal.h"

#define AUDIT_NAME_MAX 64

struct audit_dir;

/* Why something cannot be: one sentence for the user. */
struct audit_error {
	char text[512];
};

/* A segment that is not being written any more. */
struct audit_segment {
	uint64_t number;
	uint64_t size;      /* bytes on the disk, as the file has them */
	int64_t written_ns; /* its last change, by the wall clock */
	bool gzipped;
	bool stays; /* it could not be gzipped */
};

/* What a recorder before left behind. */
struct audit_past {
	uint64_t segment; /* the last one's number, 0: there is none */
	uint64_t size;    /* its bytes */
	uint64_t seq;     /* of the last record */
	uint64_t seals;   /* how many there are in all */
	uint8_t head[SEAL_HASH];
	int64_t last_ns;   /* of the last record, by the wall clock; 0: there is none */
	uint64_t unsealed; /* whole records of the last segment after its last seal */
	uint64_t torn;     /* bytes that were no whole records and are now in: */
	char torn_name[AUDIT_NAME_MAX];
	bool ended; /* the last segment ends as one must; else it has to be sealed */
	bool clean; /* there was a stop record before that, or there is no log yet */
};

/*
 * Makes the directory where only itself is missing, locks it, removes what was left half done. NULL with
 * *why set.
 */
struct audit_dir *audit_dir__open(const char *path, struct audit_error *why);
void audit_dir__free(struct audit_dir *d);

/*
 * Reads the end of the log, whose seals must have macs or not as `keyed` says; what is torn there is cut off and kept aside. 0 or -errno with *why set. Then
 * unsealed() gives each record of the last segment after its last seal: 0 or -errno.
 */
int audit_dir__recover(struct audit_dir *d, bool keyed, struct audit_past *past,
		       struct audit_error *why);
int audit_dir__unsealed(struct audit_dir *d,
			void (*record)(void *arg, const char *line, size_t len), void *arg);

int audit_dir__fd(const struct audit_dir *d);
/* Directory entries made and removed are on the disk. 0 or -errno. */
int audit_dir__sync(const struct audit_dir *d);

void audit_dir__name(char name[AUDIT_NAME_MAX], uint64_t number, bool gzipped);
/* A new file for segment `number`, or the last one that there is: a descriptor or -errno. */
int audit_dir__create(const struct audit_dir *d, uint64_t number);
int audit_dir__reopen(const struct audit_dir *d);
/* It is complete: from now on it is one of those below. -ENOMEM: it is not. */
int audit_dir__ended(struct audit_dir *d, uint64_t number, uint64_t size);

/* The complete ones, oldest first. NULL: no more. */
struct audit_segment *audit_dir__segment(struct audit_dir *d, size_t i);
uint64_t audit_dir__size(const struct audit_dir *d); /* of all these */

/* Where segment i begins: 0, -EBADMSG: its first line is no segment's, or -errno. */
struct audit_first {
	uint64_t seq;
	int64_t ns; /* by the wall clock */
};
int audit_dir__first(struct audit_dir *d, size_t i, struct audit_first *first);
/* Deletes the oldest one. 0 or -errno. */
int audit_dir__remove_oldest(struct audit_dir *d);

#endif
