/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_span.h - when a recorder was at work: runs of records without an interruption, and the gaps between
 * them. Runs may come in any order and overlap (several files).
 */
#ifndef SOCKLIFE_REPORT_SPAN_H
#define SOCKLIFE_REPORT_SPAN_H

#include "report_record.h"

#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define RUNS_MAX 16384
#else
#define RUNS_MAX 8
#endif

/* How a run ended. */
enum run_end { RUN_GOES_ON, RUN_STOPPED, RUN_CUT, RUN_MISSING };

struct run {
	uint64_t from_ns, to_ns;
	uint64_t missing; /* records that the numbers after it say are not there */
	enum run_end end;
};

struct gap {
	uint64_t from_ns, to_ns;
	uint64_t missing;
	const char *reason; /* a word for JSON */
};

struct report_span {
	struct run *runs;
	size_t n;
	uint64_t not_kept; /* runs beyond RUNS_MAX: joined with the last one */
	uint64_t last_seq;
	bool new_file, last_type_segment;
	char boot[40];
};

int report_span__init(struct report_span *s);
void report_span__free(struct report_span *s);
/* For each record of the log, also those outside of what is asked for. Only seq, ts_ns, boot and type matter. */
void report_span__record(struct report_span *s, enum log_type type, uint64_t seq, uint64_t ts_ns,
			 const char *boot, size_t boot_len, bool has_gap);
/* The run before this one was over at that time: its recorder crashed. */
void report_span__crash(struct report_span *s, uint64_t ts_ns);
/* Another file begins. */
void report_span__file(struct report_span *s);
/* After the last record: runs in order of time, those that overlap joined. */
void report_span__end(struct report_span *s);
uint64_t report_span__first(const struct report_span *s); /* 0: no records */
uint64_t report_span__last(const struct report_span *s);
/* Of [from, to]: ns that were watched. */
uint64_t report_span__watched(const struct report_span *s, uint64_t from_ns, uint64_t to_ns);
/* At this moment a recorder was at work. */
bool report_span__has(const struct report_span *s, uint64_t at_ns);
/* The i-th gap within [from, to]; false: there are no more. */
bool report_span__gap(const struct report_span *s, size_t i, uint64_t from_ns, uint64_t to_ns,
		      struct gap *gap);

#endif
