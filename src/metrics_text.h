/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_text.h - the numbers as text: OpenMetrics 1.0, or the older text format of Prometheus (0.0.4). Whatever bytes a
 * process has for its name, each line is valid, and no series comes twice. Pure.
 */
#ifndef SOCKLIFE_METRICS_TEXT_H
#define SOCKLIFE_METRICS_TEXT_H

#include "json.h"
#include "metrics.h"
#include "metrics_look.h"

#define METRICS_STALL_NS 10000000000ull /* without a sign of life for so long: not healthy */

/* What the process needs itself. */
struct metrics_own {
	const char *version, *kernel;
	double started_s; /* since 1970 */
	uint64_t cpu_ns, resident_bytes, virtual_bytes;
};

struct metrics_values {
	struct metrics_counts counts;
	struct metrics_comm comms[METRICS_COMMS];
	size_t n_comms;
	const struct looked *looked;
	char (*listeners)[COMM_LEN]; /* who has looked->listeners[i]; "": not known */
	struct metrics_own own;
	uint64_t now_ns; /* CLOCK_BOOTTIME */
};

void metrics_text__write(struct buf *b, const struct metrics_values *v, bool openmetrics);

/* Whether events are read and the output is written: NULL, or why not, with its newline, in `text`. */
const char *metrics_text__sick(const struct metrics_counts *c, uint64_t now_ns, char *text,
			       size_t size);

/* What the Accept header of a request asks for; NULL: there is none. */
bool metrics_text__is_openmetrics(const char *accept);

#endif
