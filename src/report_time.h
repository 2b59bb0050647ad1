/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_time.h - counts over time in a fixed number of intervals, which get twice as long whenever the log
 * turns out to be longer. What is open is kept as differences, which can be given in any order.
 */
#ifndef SOCKLIFE_REPORT_TIME_H
#define SOCKLIFE_REPORT_TIME_H

#include <stdint.h>

#define TIMELINE_MAX   480
#define TIMELINE_WIDTH 1000000ull /* ns, to begin with */

enum {
	AT_CONNECTS,
	AT_FAILED,
	AT_ACCEPTS,
	AT_CLOSES,
	AT_FINDINGS,
	AT_TIME_WAIT, /* client connections that went into TIME_WAIT */
	AT_CLIENTS,   /* difference: open client connections */
	AT_SERVERS,
	AT_COUNTS
};

struct report_timeline {
	uint64_t width_ns, first; /* of the first interval: its time / width_ns */
	unsigned int n;
	int64_t rows[TIMELINE_MAX][AT_COUNTS];
};

void report_timeline__add(struct report_timeline *t, uint64_t ts_ns, unsigned int what, int64_t n);

#endif
