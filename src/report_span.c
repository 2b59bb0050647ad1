/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_span.c - joins the records of a log to runs, and says why there are gaps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report_span.h"

int report_span__init(struct report_span *s)
{
	*s = (struct report_span){ 0 };
	s->runs = calloc(RUNS_MAX, sizeof(*s->runs));
	return s->runs ? 0 : -ENOMEM;
}

void report_span__free(struct report_span *s)
{
	free(s->runs);
	s->runs = NULL;
}

void report_span__file(struct report_span *s)
{
	s->new_file = true;
}

static void begin_run(struct report_span *s, uint64_t ts_ns)
{
	if (s->n == RUNS_MAX) {
		s->not_kept++;
		return;
	}
	s->runs[s->n++] = (struct run){ .from_ns = ts_ns, .to_ns = ts_ns };
}

/* Does this record go on from the one before? If not, that run gets its end. */
static bool goes_on(struct report_span *s, enum log_type type, uint64_t seq, const char *boot,
		    size_t boot_len, bool has_gap)
{
	bool same_boot = boot_len < sizeof(s->boot) && !strncmp(s->boot, boot, boot_len) &&
			 !s->boot[boot_len];
	struct run *run;

	if (!s->n)
		return false;
	run = &s->runs[s->n - 1];
	if (run->end == RUN_STOPPED && type == LOG_SEAL && seq == s->last_seq + 1)
		return true; /* the last seal, after the stop */
	if (run->end != RUN_GOES_ON)
		return false;
	if (type == LOG_SEAL && seq == s->last_seq + 1)
		return true; /* also the next recorder's, of another boot, where this one crashed */
	if (seq > s->last_seq + 1 && !(s->new_file && type == LOG_START)) {
		run->end = RUN_MISSING;
		run->missing = seq - s->last_seq - 1;
		return false;
	}
	if (seq == s->last_seq + 1 && same_boot && type != LOG_START && !has_gap)
		return true;
	/* `start` follows the first segment line of its recorder */
	if (type == LOG_START && seq == s->last_seq + 1 && same_boot && s->last_type_segment)
		return true;
	run->end = RUN_CUT;
	return false;
}

void report_span__record(struct report_span *s, enum log_type type, uint64_t seq, uint64_t ts_ns,
			 const char *boot, size_t boot_len, bool has_gap)
{
	struct run *run;

	if (!goes_on(s, type, seq, boot, boot_len, has_gap))
		begin_run(s, ts_ns);
	run = &s->runs[s->n - 1];
	/* the clock may have been set back: the span of a run never shrinks */
	if (ts_ns > run->to_ns)
		run->to_ns = ts_ns;
	/* a snapshot is of the time before the hooks were attached */
	if (ts_ns < run->from_ns && type != LOG_SNAPSHOT)
		run->from_ns = ts_ns;
	if (type == LOG_STOP)
		run->end = RUN_STOPPED;
	s->last_seq = seq;
	s->last_type_segment = type == LOG_SEGMENT;
	s->new_file = false;
	if (type == LOG_SEAL && s->boot[0])
		return;
	if (boot_len >= sizeof(s->boot))
		boot_len = sizeof(s->boot) - 1;
	memcpy(s->boot, boot, boot_len);
	s->boot[boot_len] = '\0';
}

void report_span__crash(struct report_span *s, uint64_t ts_ns)
{
	struct run *before = s->n > 1 ? &s->runs[s->n - 2] : NULL;

	if (before && before->to_ns > ts_ns && before->from_ns <= ts_ns)
		before->to_ns = ts_ns;
}

static int by_time(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->from_ns != y->from_ns)
		return x->from_ns < y->from_ns ? -1 : 1;
	return x->to_ns < y->to_ns ? -1 : x->to_ns > y->to_ns;
}

void report_span__end(struct report_span *s)
{
	size_t kept = 0;

	qsort(s->runs, s->n, sizeof(*s->runs), by_time);
	for (size_t i = 0; i < s->n; i++) {
		struct run *last = kept ? &s->runs[kept - 1] : NULL;

		if (!last || s->runs[i].from_ns > last->to_ns) {
			s->runs[kept++] = s->runs[i];
			continue;
		}
		last->missing += s->runs[i].missing;
		if (s->runs[i].to_ns >= last->to_ns) {
			last->to_ns = s->runs[i].to_ns;
			last->end = s->runs[i].end;
		}
	}
	s->n = kept;
}

uint64_t report_span__first(const struct report_span *s)
{
	return s->n ? s->runs[0].from_ns : 0;
}

uint64_t report_span__last(const struct report_span *s)
{
	return s->n ? s->runs[s->n - 1].to_ns : 0;
}

static bool clip(uint64_t *from_ns, uint64_t *to_ns, uint64_t low, uint64_t high)
{
	if (*from_ns < low)
		*from_ns = low;
	if (*to_ns > high)
		*to_ns = high;
	return *from_ns < *to_ns;
}

uint64_t report_span__watched(const struct report_span *s, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		uint64_t from = s->runs[i].from_ns, to = s->runs[i].to_ns;

		if (clip(&from, &to, from_ns, to_ns))
			sum += to - from;
	}
	return sum;
}

bool report_span__has(const struct report_span *s, uint64_t at_ns)
{
	for (size_t i = 0; i < s->n; i++)
		if (at_ns >= s->runs[i].from_ns && at_ns <= s->runs[i].to_ns)
			return true;
	return false;
}

static const char *reason_of(const struct run *before)
{
	switch (before->end) {
	case RUN_STOPPED:
		return "stopped";
	case RUN_MISSING:
		return "missing";
	case RUN_CUT:
	case RUN_GOES_ON:
		break;
	}
	return "no-stop";
}

/* Before run i (n: after the last one). */
static struct gap gap_before(const struct report_span *s, size_t i)
{
	struct gap g = { .from_ns = i ? s->runs[i - 1].to_ns : 0,
			 .to_ns = i < s->n ? s->runs[i].from_ns : UINT64_MAX };

	if (!i) {
		g.reason = "before-log";
	} else if (i == s->n) {
		g.reason = "after-log";
	} else {
		g.reason = reason_of(&s->runs[i - 1]);
		g.missing = s->runs[i - 1].missing;
	}
	return g;
}

bool report_span__gap(const struct report_span *s, size_t i, uint64_t from_ns, uint64_t to_ns,
		      struct gap *gap)
{
	for (size_t at = 0; at <= s->n; at++) {
		*gap = gap_before(s, at);
		if (clip(&gap->from_ns, &gap->to_ns, from_ns, to_ns) && !i--)
			return true;
	}
	return false;
}
