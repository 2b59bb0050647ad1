/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_sample.h - small audit logs as the recorder writes them, in memory: one buffer a segment.
 */
#ifndef AUDIT_SAMPLE_H
#define AUDIT_SAMPLE_H

#include "json.h"
#include "seal.h"

#define SAMPLE_SEGMENTS 16

struct audit_sample {
	struct buf segment[SAMPLE_SEGMENTS];
	size_t n;
	struct seal_chain *chain;
	uint64_t seq, seals;
};

void audit_sample__begin(struct audit_sample *s, const struct seal_key *key);
/* A segment record; the segment before must be closed. */
void audit_sample__segment(struct audit_sample *s);
/* `own`: its fields with a comma first, or "". */
void audit_sample__record(struct audit_sample *s, const char *type, const char *own);
void audit_sample__binds(struct audit_sample *s, unsigned int n);
void audit_sample__seal(struct audit_sample *s, bool end);
/* The record, and the last seal. */
void audit_sample__stop(struct audit_sample *s);
/* Three segments, several seals in each, stopped. */
void audit_sample__whole(struct audit_sample *s, const struct seal_key *key);
void audit_sample__free(struct audit_sample *s);

#endif
