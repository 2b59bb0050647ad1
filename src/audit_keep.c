// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_keep.c - counts the oldest segments that are beyond the limits of time and size, and tells what went
 * with them.
 */
#include "audit_keep.h"

size_t audit_keep__expired(struct audit_dir *d, const struct audit_limits *l, uint64_t current,
			   int64_t now_ns)
{
	uint64_t size = audit_dir__size(d) + current;
	const struct audit_segment *s;
	size_t n;

	for (n = 0; (s = audit_dir__segment(d, n)); n++) {
		bool large = l->size && size > l->size;
		bool old = l->time_ns && now_ns > s->written_ns &&
			   (uint64_t)(now_ns - s->written_ns) > l->time_ns;

		if (!large && !old)
			break;
		size -= s->size;
	}
	return n;
}

void audit_keep__gone(struct audit_dir *d, size_t n, const struct audit_first *next,
		      struct audit_gone *gone)
{
	struct audit_first first = { 0 }, end = *next;

	*gone = (struct audit_gone){ .n = n };
	if (!n)
		return;
	gone->last_segment = audit_dir__segment(d, n - 1)->number;
	if (audit_dir__segment(d, n) && audit_dir__first(d, n, &end))
		end = (struct audit_first){ 0 };
	if (!audit_dir__first(d, 0, &first) && end.seq > first.seq)
		gone->records = end.seq - first.seq;
	gone->from_ns = first.ns;
	gone->to_ns = end.ns;
}
