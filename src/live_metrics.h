/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_metrics.h - --metrics in a live session: what the event loop does for it, which is to count and to say that it is
 * alive. All of it does nothing without the option. Life: open, watch, start, beat, close.
 */
#ifndef SOCKLIFE_LIVE_METRICS_H
#define SOCKLIFE_LIVE_METRICS_H

#include "live_journal.h"
#include "live_log.h"
#include "metrics.h"
#include "metrics_http.h"
#include "pipeline.h"

/* Zeroed: none. */
struct live_metrics {
	struct metrics *metrics;
	struct metrics_http *http;
};

/* Takes the address; -errno after a line on stderr. Before privileges are given up. */
int live_metrics__open(struct live_metrics *l, const struct options *o);
/* Counts what this pipeline makes of events. Before its start. */
void live_metrics__watch(struct live_metrics *l, struct pipeline *p);
/* Answers from now on. After privileges were given up, so that its thread has no more than the others. */
void live_metrics__start(struct live_metrics *l, const struct options *o);
/*
 * Once a second, when events have been read. `log` NULL: there is none, and `err` is what failed. `journal` is NULL where
 * there is none.
 */
void live_metrics__beat(struct live_metrics *l, struct live_log *log,
			const struct live_journal *journal, int err);
void live_metrics__close(struct live_metrics *l);

#endif
