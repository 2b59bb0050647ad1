/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pipeline.h - from raw events to the output: decode, table, detectors, sink, in that order, live or
 * replayed. It reads no clock and no file: all it knows comes through these calls, and a capture keeps
 * them all. Life: new, start, then event, lost, missing, clock and tick in any order, end, free.
 */
#ifndef SOCKLIFE_PIPELINE_H
#define SOCKLIFE_PIPELINE_H

#include "capture.h"
#include "detect.h"
#include "kernel.h"
#include "options.h"
#include "record.h"
#include "sink.h"
#include "sock_table.h"

/* Everything that shapes the output besides the events. A capture's first chunk. */
struct pipeline_config {
	struct start start;
	struct wall wall;
	struct record_filter filter;
	struct detect_config detect;
	uint64_t table_size;
	uint64_t count; /* stop after so many events; 0: never */
	uint32_t verbose;
	uint32_t no_args; /* leave the arguments out of `process` */
};

/* How it ended. */
struct ending {
	uint64_t now_ns;
	int32_t signal; /* 0: none */
	uint32_t by_pid;
	uint32_t by_uid;
	uint32_t finish_open; /* write the close of what is still open, marked as inferred */
	char by_comm[COMM_LEN];
};

struct pipeline;

/* Takes over neither; `capture` may be NULL. NULL: ENOMEM. */
struct pipeline *pipeline__new(const struct pipeline_config *c, const struct kernel *kernel,
			       struct capture_writer *capture);
void pipeline__free(struct pipeline *p);

/* The sink is the pipeline's from here on. Its wall pointer must be pipeline__wall(). */
const struct wall *pipeline__wall(const struct pipeline *p);
int pipeline__set_sink(struct pipeline *p, struct sink *s); /* -ENOMEM for NULL */

/*
 * Somebody who looks on: each record that there is, also those that the filter keeps from the sink, but none that is told
 * again; and each socket of the table. Nothing comes of it in the output. Before the start.
 */
struct pipeline_watch {
	void (*record)(void *arg, const struct record *r);
	void *arg;
	struct sock_noter noter;
};
void pipeline__watch(struct pipeline *p, const struct pipeline_watch *w);

void pipeline__start(struct pipeline *p, uint64_t now_ns);
void pipeline__event(struct pipeline *p, const void *data, size_t size);
void pipeline__lost(struct pipeline *p, const struct lost *l);
/* The kernel no longer has this socket: its close was lost. */
void pipeline__missing(struct pipeline *p, uint64_t cookie, uint64_t now_ns);
void pipeline__tick(struct pipeline *p, uint64_t now_ns, int32_t gmtoff_s);
/* The wall clock was stepped: its offset from now on (struct wall). */
void pipeline__clock(struct pipeline *p, uint64_t now_ns, int64_t offset_ns);
/*
 * For the audit log: a new segment begins, before start() or at any time after it. Its first line, then
 * tell_open() until it says false: the sockets that are open, at most `max` a call, each before its
 * next record at the latest. Each process is told again before its first record in it.
 */
void pipeline__segment(struct pipeline *p, const struct segment *s, uint64_t now_ns);
bool pipeline__tell_open(struct pipeline *p, size_t max);
/* What was lost behind the pipeline, told there already: for the totals in `stop`. */
void pipeline__count_lost(struct pipeline *p, enum lost_reason reason, uint64_t count);
void pipeline__end(struct pipeline *p, const struct ending *e);

/* Whether --event, --failed, --errno and --slower want this record. */
bool pipeline__chosen(const struct record_filter *f, const struct record *r);
/* --count is reached. */
bool pipeline__full(const struct pipeline *p);
const struct sock_table *pipeline__table(const struct pipeline *p);
/* Totals so far, by enum lost_reason. */
const uint64_t *pipeline__losses(const struct pipeline *p);

/* The first chunk of a capture, and back. */
size_t pipeline_config__pack(const struct pipeline_config *c, void *buf, size_t max);
/* 0 or -EBADMSG. Strings point into `data`. */
int pipeline_config__unpack(struct pipeline_config *c, void *data, size_t len);

#endif
