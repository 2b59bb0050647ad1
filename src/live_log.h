/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_log.h - between a live session and the audit log's writer: lines on their way there, segments that the
 * writer asks for, what it has to say. Life: new, start, then step once a batch, end, free.
 */
#ifndef SOCKLIFE_LIVE_LOG_H
#define SOCKLIFE_LIVE_LOG_H

#include "audit_writer.h"
#include "pipeline.h"

struct live_log;

/* Takes over neither; the log's name is for messages. NULL: ENOMEM. */
struct live_log *live_log__new(struct audit_log *log, const struct log_options *o);
void live_log__free(struct live_log *g);

/* For the sink. */
const struct line_taker *live_log__taker(const struct live_log *g);
/* Readable when step() has something to do. */
int live_log__fd(const struct live_log *g);

/* The first segment, before the pipeline's start(). 0 or -errno: there is no thread. */
int live_log__start(struct live_log *g, struct pipeline *p, uint64_t now_ns);
/* SIGHUP. */
void live_log__rotate(struct live_log *g);
/* Begins segments, tells what did not fit, hands on what was written. False: the log is at its end. */
bool live_log__step(struct live_log *g);
/* There is more to tell of a segment's beginning, and room for it: step() again soon. */
bool live_log__busy(const struct live_log *g);

/* How the writer fares, as of the last step(). */
struct live_log_health {
	int error;           /* -errno: nothing can be written; 0: all is well */
	uint64_t lost;       /* records that could not be written, in all */
	uint64_t stalled_ns; /* since when it has not gone on, CLOCK_BOOTTIME; 0: it does */
};
void live_log__health(struct live_log *g, uint64_t now_ns, struct live_log_health *h);

/* What was told so far can be written. step() does that, too. */
void live_log__publish(struct live_log *g);
/* While the queue is filling up: waits a little. False: there is room enough, or it is no use. */
bool live_log__wait(struct live_log *g);

/* Before the pipeline's end(): so that `stop` has all counts. */
void live_log__before_end(struct live_log *g);
/* After it: the exit code, with a message where it is not 0. */
int live_log__end(struct live_log *g);

#endif
