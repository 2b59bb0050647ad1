/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h - numbers about what happens, for --metrics. The pipeline's thread counts, any other thread reads at any
 * time: neither waits for the other, and there is no lock. Every set of labels is bounded.
 */
#ifndef SOCKLIFE_METRICS_H
#define SOCKLIFE_METRICS_H

#include <stdbool.h>
#include "record.h"

#define METRICS_COMMS                                                                              \
	126 /* process names that are told apart; the sockets of the others are in `other` */
#define METRICS_OTHER     "other"
#define METRICS_LISTENERS 4096 /* remembered with their process; a power of two */
#define METRICS_ERRNOS    134  /* 1 to EHWPOISON; 0 stands for what is above */
#define METRICS_DETECTORS 32
#define METRICS_BUCKETS   18 /* at most, of one histogram, the last for all that is longer */

/* What a failed call was. */
enum metrics_call { CALL_BIND, CALL_LISTEN, CALL_CONNECT, CALL_ACCEPT, CALLS };

enum metrics_histogram {
	HISTOGRAM_CONNECT,
	HISTOGRAM_ACCEPT,
	HISTOGRAM_CLIENT, /* duration of connections, by role */
	HISTOGRAM_SERVER,
	HISTOGRAMS
};

/* The upper ends of buckets: as the `le` label says them, and in ns. The last one is +Inf, UINT64_MAX. */
struct metrics_bucket {
	const char *le;
	uint64_t ns;
};
const struct metrics_bucket *metrics__buckets(enum metrics_histogram h);

/* All uint64_t: copied word by word while somebody counts. */
struct metrics_counts {
	uint64_t events[RECORD_TYPES];
	uint64_t failures[CALLS][METRICS_ERRNOS];
	uint64_t abandoned;
	uint64_t closes[REASONS];
	uint64_t tx_bytes, rx_bytes, retrans; /* of TCP sockets that closed */
	struct {
		uint64_t buckets[METRICS_BUCKETS]; /* each without those before */
		uint64_t sum_ns;
	} histograms[HISTOGRAMS];
	uint64_t findings[METRICS_DETECTORS][FINDING_CLOSED + 1]; /* by detectors[] and status */
	uint64_t lost[LOST_REASONS];
	uint64_t open;       /* sockets in the table */
	uint64_t open_other; /* of them, of processes without a label of their own */
	uint64_t beat_ns;    /* when events were last read, CLOCK_BOOTTIME */
	uint64_t stalled_ns; /* since when the log's writer has not gone on, 0: it does */
	uint64_t error;      /* errno: why the output cannot be written, 0: it can */
	uint64_t journal_dropped;
	uint64_t scrapes, scrapes_failed;
};

struct metrics;

/* NULL: ENOMEM. */
struct metrics *metrics__new(void);
void metrics__free(struct metrics *m); /* accepts NULL */

/* --- by the pipeline's thread --- */

/* Each record, as a pipeline_watch (pipeline.h). */
void metrics__record(void *metrics, const struct record *r);
/* Each socket of the table after it changed, or when it goes, as a sock_noter (sock_table.h). */
uint8_t metrics__note(void *metrics, const struct ev_sock *s, uint8_t before, bool gone);
/* Events have been read up to now. */
void metrics__beat(struct metrics *m, uint64_t now_ns);
/* How the output fares: 0 or -errno; since when its writer hangs, 0: it does not. */
void metrics__output(struct metrics *m, int error, uint64_t stalled_ns);
/* Lost behind the pipeline, which does not tell of it: the total. */
void metrics__set_lost(struct metrics *m, enum lost_reason reason, uint64_t total);
/* Entries that did not get to the journal: the total. */
void metrics__set_journal(struct metrics *m, uint64_t dropped);

/* --- by the thread that serves --- */

void metrics__scraped(struct metrics *m, bool whole);

/* --- by any --- */

void metrics__read(const struct metrics *m, struct metrics_counts *c);

struct metrics_comm {
	char comm[COMM_LEN];
	uint64_t open;
};
/* Names with open sockets, in no order. Returns how many, at most METRICS_COMMS. */
size_t metrics__comms(const struct metrics *m, struct metrics_comm *list);
/* The name of the process that has this listener. False: not known. */
bool metrics__listener(struct metrics *m, uint64_t cookie, char comm[COMM_LEN]);

#endif
