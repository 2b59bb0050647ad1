/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_keep.h - which segments of an audit log have to go, and what goes with them.
 */
#ifndef SOCKLIFE_AUDIT_KEEP_H
#define SOCKLIFE_AUDIT_KEEP_H

#include "audit_dir.h"

struct audit_limits {
	uint64_t size;    /* of all segments, bytes; 0: no limit */
	uint64_t time_ns; /* since a segment's last record; 0: no limit */
};

/*
 * How many of the oldest complete segments are beyond the limits. `current`: bytes of the one that is
 * being written; `now_ns` by the wall clock.
 */
size_t audit_keep__expired(struct audit_dir *d, const struct audit_limits *l, uint64_t current,
			   int64_t now_ns);

/* The n oldest ones. */
struct audit_gone {
	size_t n;
	uint64_t last_segment;
	uint64_t records; /* 0: not known */
	int64_t from_ns, to_ns;
};
/* `next`: where the segment begins that is being written. */
void audit_keep__gone(struct audit_dir *d, size_t n, const struct audit_first *next,
		      struct audit_gone *gone);

#endif
