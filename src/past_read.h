/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past_read.h - reads of a log what lies around a moment: the segments that a minute before it needs, and no
 * others; and says whether a recorder watched then.
 */
#ifndef SOCKLIFE_PAST_READ_H
#define SOCKLIFE_PAST_READ_H

#include "audit_tell.h"
#include "past.h"
#include "report_span.h"

struct past_read {
	/* what is asked for, set by the caller: */
	uint64_t at_ns; /* since 1970 */
	struct socket_filter *filter;
	char *const *logs;
	size_t n_logs;
	/* what came of it: */
	struct past *past;
	struct audit_tell tell;
	uint64_t records; /* that were looked at; 0: it is no log */
	bool covered;
	struct gap gap;       /* where it is not */
	char lost_reason[16]; /* of a gap "lost" */
	uint64_t lost_count;
	/* of the covered moment: */
	uint64_t run_ns; /* its recorder had begun then; 0: more than a minute before */
	uint64_t lost; /* records lost before, among those that were read, and when the last time */
	uint64_t lost_ns;
	uint64_t missing; /* records before it that are not there */
	char *args;       /* of the recorder, NULL: not known */
	bool filtered;    /* it had filters */
	char boot[40], host[256];
};

/* 0 or -ENOMEM. Says what could not be read. */
int past_read__run(struct past_read *r);
void past_read__free(struct past_read *r);

#endif
