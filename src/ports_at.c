// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_at.c - above the text of `socklife ports --at`: the moment, the log, and what it does not tell.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ports_text.h"

#define SECOND 1000000000ull

/* "2026-05-03 03:12:00.250 +02:00" */
static void put_moment(struct buf *b, const struct ports_print *c, uint64_t ns)
{
	const int32_t east = c->wall->gmtoff_s;
	const unsigned int minutes = (unsigned int)(east < 0 ? -east : east) / 60;
	const time_t local = (time_t)(ns / SECOND) + east;
	char text[48];
	struct tm tm;

	if (!gmtime_r(&local, &tm))
		return;
	strftime(text, sizeof(text), "%F %T", &tm);
	buf__str(b, text);
	if (ns % SECOND) {
		snprintf(text, sizeof(text), ".%03u", (unsigned int)(ns % SECOND / 1000000));
		buf__str(b, text);
	}
	snprintf(text, sizeof(text), " %c%02u:%02u", east < 0 ? '-' : '+', minutes / 60,
		 minutes % 60);
	buf__str(b, text);
}

static void put_records(struct buf *b, uint64_t n)
{
	buf__u64(b, n);
	buf__str(b, n == 1 ? " record" : " records");
}

static void print_line(const struct ports_print *c, struct buf *b)
{
	buf__char(b, '\n');
	if (b->failed)
		out__fail(c->out, -ENOMEM);
	else
		out__put(c->out, b->data, b->len);
	b->len = 0;
}

static void put_reason(struct buf *b, const struct past_read *at)
{
	static const struct {
		const char *reason, *words;
	} reasons[] = {
		{ "before-log", "the log begins later" },
		{ "after-log", "the log ends before" },
		{ "stopped", "the recorder was stopped" },
		{ "no-stop", "the recorder had ended without a stop" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(at->gap.reason, reasons[i].reason))
			buf__str(b, reasons[i].words);
	if (at->gap.missing) {
		put_records(b, at->gap.missing);
		buf__str(b, " of the log missing");
	} else if (at->lost_count) {
		put_records(b, at->lost_count);
		buf__str(b, " lost (");
		buf__safe(b, at->lost_reason, strlen(at->lost_reason), true);
		buf__char(b, ')');
	}
}

static void print_gap(const struct ports_print *c, struct buf *b)
{
	const struct gap *g = &c->at->gap;

	buf__str(b, "not covered: ");
	put_reason(b, c->at);
	if (g->from_ns && g->to_ns != UINT64_MAX) {
		buf__str(b, ", from ");
		put_moment(b, c, g->from_ns);
		buf__str(b, " to ");
		put_moment(b, c, g->to_ns);
	} else {
		buf__str(b, ", at ");
		put_moment(b, c, g->from_ns ? g->from_ns : g->to_ns);
	}
	print_line(c, b);
}

static void print_doubts(const struct ports_print *c, struct buf *b)
{
	const struct past_read *at = c->at;
	uint64_t left_out = past__left_out(at->past);

	if (at->run_ns) {
		buf__str(b, "TIME_WAIT is known of connections that ended since ");
		put_moment(b, c, at->run_ns);
		buf__str(b, ", when the recorder began");
		print_line(c, b);
	}
	if (at->lost) {
		put_records(b, at->lost);
		buf__str(b, " lost before, the last at ");
		put_moment(b, c, at->lost_ns);
		buf__str(b, ": what they said is not known");
		print_line(c, b);
	}
	if (at->missing) {
		put_records(b, at->missing);
		buf__str(b, " of the log missing before: what they said is not known");
		print_line(c, b);
	}
	if (left_out) {
		buf__u64(b, left_out);
		buf__str(b, " sockets left out: more were open than are kept");
		print_line(c, b);
	}
	if (at->filtered && at->args) {
		buf__str(b, "The recorder had filters (");
		buf__str(b, at->args);
		buf__str(b, "): what they leave out is not known");
		print_line(c, b);
	}
}

void ports_at__print(const struct ports_print *c)
{
	const struct past_read *at = c->at;
	struct buf b = { 0 };

	buf__str(&b, "At ");
	put_moment(&b, c, at->at_ns);
	buf__str(&b, ", host ");
	buf__safe(&b, at->host, strlen(at->host), true);
	buf__str(&b, ", from the log ");
	for (size_t i = 0; i < at->n_logs && i < 2; i++) {
		buf__str(&b, i ? " " : "");
		buf__safe(&b, at->logs[i], strlen(at->logs[i]), false);
	}
	if (at->n_logs > 2)
		buf__str(&b, " ...");
	print_line(c, &b);
	if (at->covered) {
		buf__str(
			&b,
			"A log has one process a socket, and no queues, drops or answers of bind()");
		print_line(c, &b);
		print_doubts(c, &b);
		print_line(c, &b);
	} else {
		print_gap(c, &b);
	}
	buf__free(&b);
}
