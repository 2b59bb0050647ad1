/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.h - a thread that reads the kernel's own view into the model of `socklife top`: states, counters and
 * queues of sockets by sock_diag in every namespace, and the use of ports. Once a refresh at most, and never
 * more than a fifth of the time. Life: start, want as often as the view changes, stop.
 */
#ifndef SOCKLIFE_TOP_WALK_H
#define SOCKLIFE_TOP_WALK_H

#include "top/model.h"

struct tracer;
struct top_walk;

/* What is worth reading for what is on the screen. */
enum top_walk_kind { WALK_NOTHING, WALK_SOCKS, WALK_LISTENERS, WALK_PORTS };

struct top_walk_config {
	struct top_model *model;
	const struct tracer *tracer;        /* who can tell of sockets without a record */
	const struct socket_filter *filter; /* the tracer's */
	bool filtered;                      /* it leaves sockets out */
	uint64_t interval_ns;
};

/* NULL with errno. The first walk is asked for by top_walk__want(). */
struct top_walk *top_walk__start(const struct top_walk_config *c);
/* From now on; another kind than before is read at once. */
void top_walk__want(struct top_walk *w, enum top_walk_kind kind);
void top_walk__stop(struct top_walk *w); /* accepts NULL; waits for the walk that is on */

#endif
