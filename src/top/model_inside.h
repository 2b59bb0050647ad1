/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model_inside.h - what model.c (records), model_walk.c (the kernel's own view) and model_take.c (frames) share.
 */
#ifndef SOCKLIFE_TOP_MODEL_INSIDE_H
#define SOCKLIFE_TOP_MODEL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include "top/frame.h"
#include "top/listeners.h"
#include "top/table.h"
#include "top/told.h"

struct closed {
	uint64_t cookie, closed_ns;
};

/* A count, and how fast it grew when that was looked at last. */
struct rate {
	uint64_t total, before, per_second;
};

struct top_model {
	pthread_mutex_t lock;
	atomic_bool record_waits; /* for the lock; not long: the ring fills meanwhile */
	struct top_model_config config;
	struct top_table table;
	struct history history;
	struct told *told;
	struct listeners listeners;
	struct closed closed[TOP_CLOSED_MAX]; /* a ring, the oldest first */
	uint32_t first_closed, n_closed;
	char *containers[TOP_CONTAINERS];
	uint32_t n_containers;
	uint64_t started_ns, walked_ns;
	uint64_t rated_ns, rated_for_ns; /* when rates were taken last, over how long */
	struct rate events, opened, ended;
	uint64_t lost[LOST_REASONS];
	struct top_finding *findings[TOP_FINDINGS_MAX]; /* the oldest first */
	uint32_t n_findings;
	uint64_t finding_seq;
	struct top_ports *ports;
	uint64_t frames;
	uint64_t walk_ns; /* when the walk that is on began */
	uint32_t walk;    /* its number */
	bool whole;
	char host[65];
};

/*
 * The lock, for all but records. It is tried again and again, not slept for: a thread that has to be woken comes too
 * late each time while a backlog of records takes it a million times a second. Where all sockets are gone through,
 * it is held for so many at a time, well below a millisecond, and given to a record that waits in between. Smaller
 * portions are worse: each can cost a record a sleep.
 */
#define TOP_PORTION 16384
void top_model__lock(struct top_model *m);
void top_model__let_others(struct top_model *m);

/* Under the lock. Growth from `before` to `now` in so many ns, a second. */
uint64_t top_model__rate(uint64_t before, uint64_t now, uint64_t ns);
void top_model__set_state(struct top_sock *s, uint8_t state, uint64_t now_ns);
/* TABLE_NONE, and counted: no room. */
uint32_t top_model__add_sock(struct top_model *m, const struct ev_sock *sock, uint64_t now_ns);
void top_model__remove_sock(struct top_model *m, uint32_t index);
/* Closed sockets that have been shown long enough. */
void top_model__forget_old(struct top_model *m, uint64_t now_ns);

#endif
