// SPDX-License-Identifier: GPL-2.0-or-later
/* past_read.c - chooses the segments, reads them, and judges whether the moment was watched. */
#include "past_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"

#define WHY_MAX 160

struct reading {
	struct past_read *r;
	struct audit_reader *reader;
	struct report_reader *parser;
	struct report_span span;
	const char *file; /* that the last line was in */
};

/* --- where to begin --- */

/* The time of a file's first record; 0: none can be read. */
static uint64_t first_ns(struct reading *g, size_t i)
{
	struct audit_problem problem;
	struct audit_line line;
	const char *file = NULL;
	struct audit_head h;
	int ret;

	audit_reader__go_to(g->reader, i);
	while ((ret = audit_reader__next(g->reader, &line, &problem))) {
		if (file && strcmp(file, ret < 0 ? problem.file : line.file) != 0)
			return 0;
		file = ret < 0 ? problem.file : line.file;
		if (ret > 0 && audit__head(line.data, line.len, &h))
			return report__time_ns(h.ts, AUDIT_TS);
	}
	return 0;
}

/*
 * The last file that begins early enough, by halving: a log of years has thousands. One that cannot be read
 * counts as the last one before it that can. The first, where none is early enough.
 */
static size_t begin_at(struct reading *g, uint64_t from_ns)
{
	size_t low = 0, high = audit_reader__files(g->reader), begin = 0;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2, at = middle;
		uint64_t ns = 0;

		while (at > low && !(ns = first_ns(g, at)))
			at--;
		if (at != low && ns > from_ns) {
			high = at;
			continue;
		}
		if (at != low)
			begin = at;
		low = middle;
	}
	return begin;
}

/* --- what stands around the moment --- */

/* Any option that chooses sockets or records, by the table of all options. */
static bool is_filter(const char *arg)
{
	const struct option_row *row;
	size_t len;

	for (size_t i = 0; arg[0] == '-' && (row = options__row(i)); i++) {
		if (!(row->groups & (OPTS_FILTERS | OPTS_RECORDS)) &&
		    strcmp(row->name, "no-snapshot") != 0)
			continue;
		len = strlen(row->name);
		if (arg[1] == '-' && !strncmp(arg + 2, row->name, len) &&
		    (!arg[2 + len] || arg[2 + len] == '='))
			return true;
		if (arg[1] != '-' && row->letter && strchr(arg + 1, row->letter))
			return true;
	}
	return false;
}

/* The command that the recorder was started with; after "--" it is another program's, all that was traced. */
static void take_args(struct past_read *r, struct json_object *args)
{
	size_t n = args ? json_object_array_length(args) : 0;
	struct buf b = { 0 };

	r->filtered = false;
	for (size_t i = 1; i < n; i++) {
		const char *arg = json_object_get_string(json_object_array_get_idx(args, i));

		r->filtered |= arg && (!strcmp(arg, "--") || is_filter(arg));
		if (i > 1)
			buf__char(&b, ' ');
		buf__safe(&b, arg ? arg : "?", strlen(arg ? arg : "?"), true);
		if (arg && !strcmp(arg, "--"))
			break;
	}
	buf__char(&b, '\0');
	free(r->args);
	r->args = b.failed ? NULL : b.data;
	if (b.failed)
		buf__free(&b);
}

/* Losses after which a socket that was open, or one that had closed, may not be known as such. */
static bool matters(const char *reason)
{
	static const char *const others[] = { "peers", "tree", "retention", "crash" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(reason, others[i]))
			return false;
	return true;
}

static void take_lost(struct reading *g, const struct report_record *rec)
{
	struct past_read *r = g->r;
	uint64_t from, to;

	report__lost_span(rec, &from, &to);
	if (!strcmp(rec->reason, "crash"))
		report_span__crash(&g->span, from);
	if (!matters(rec->reason))
		return;
	if (from <= r->at_ns && to >= r->at_ns && !r->lost_count) {
		r->gap = (struct gap){ .from_ns = from, .to_ns = to, .reason = "lost" };
		r->lost_count = rec->count;
		snprintf(r->lost_reason, sizeof(r->lost_reason), "%s", rec->reason);
	} else if (to < r->at_ns) {
		r->lost += rec->count;
		r->lost_ns = to > r->lost_ns ? to : r->lost_ns;
	}
}

static void take(struct reading *g, const struct report_record *rec)
{
	struct past_read *r = g->r;

	if (rec->ts_ns <= r->at_ns || !r->host[0]) {
		snprintf(r->boot, sizeof(r->boot), "%s", rec->boot);
		snprintf(r->host, sizeof(r->host), "%s", rec->host);
	}
	if ((rec->type == LOG_START || rec->type == LOG_SEGMENT) && rec->ts_ns <= r->at_ns)
		take_args(r, rec->args);
	else if (rec->type == LOG_LOST)
		take_lost(g, rec);
	else
		past__take(r->past, rec);
}

/* Another run: its recorder knows nothing of what was open, unless only some records are missing in between. */
static void look(struct reading *g, enum log_type type, uint64_t seq, uint64_t ts_ns,
		 const char *boot, size_t boot_len, bool gap)
{
	bool same_boot = strlen(g->span.boot) == boot_len && !memcmp(g->span.boot, boot, boot_len);
	size_t before = g->span.n;
	const struct run *last;

	report_span__record(&g->span, type, seq, ts_ns, boot, boot_len, gap);
	if (g->span.n == before)
		return;
	last = before ? &g->span.runs[before - 1] : NULL;
	if (!last || last->end != RUN_MISSING || type == LOG_START || gap) {
		past__restart(g->r->past, ts_ns, before && !same_boot);
		if (ts_ns <= g->r->at_ns)
			g->r->run_ns = ts_ns;
	} else if (ts_ns <= g->r->at_ns) {
		g->r->missing += last->missing;
	}
}

/* False: enough was read. Seals are written by a clock of their own, and losses are told late. */
static bool on_line(struct reading *g, const struct audit_line *line)
{
	struct report_record rec;
	uint64_t ts_ns = 0;
	struct audit_head h;
	char why[WHY_MAX];
	int type = -1;

	if (g->file != line->file)
		report_span__file(&g->span);
	g->file = line->file;
	if (audit__head(line->data, line->len, &h)) {
		type = log_type__find(h.type, h.type_len);
		ts_ns = report__time_ns(h.ts, AUDIT_TS);
	}
	if (type >= 0 && ts_ns) {
		g->r->records++;
		look(g, (enum log_type)type, h.seq, ts_ns, h.boot, h.boot_len,
		     log_type__begins(type) && memmem(line->data, line->len, "\"gap_s\":", 8));
		if (type == LOG_PROCESS || type == LOG_FINDING ||
		    log_type__of_socket((enum log_type)type))
			if (ts_ns > g->r->at_ns + PAST_LATER_NS)
				return false;
		if (type == LOG_SEAL || type == LOG_FINDING || type == LOG_PEER || type == LOG_STOP)
			return true;
	}
	if (report_reader__parse(g->parser, line->data, line->len, &rec, why, sizeof(why))) {
		audit_tell__bad_line(&g->r->tell, line, why);
		return true;
	}
	if (type < 0 || !ts_ns) {
		g->r->records++;
		look(g, rec.type, rec.seq, rec.ts_ns, rec.boot, strlen(rec.boot), rec.has_gap);
	}
	take(g, &rec);
	return true;
}

static void read_around(struct reading *g)
{
	struct audit_problem problem;
	struct audit_line line;
	int ret;

	while ((ret = audit_reader__next(g->reader, &line, &problem))) {
		if (ret < 0)
			audit_tell__problem(&g->r->tell, &problem);
		else if (!on_line(g, &line))
			break;
	}
	audit_tell__rest(&g->r->tell);
}

/* --- was it watched? --- */

static void judge(struct reading *g)
{
	struct past_read *r = g->r;
	struct gap gap;

	report_span__end(&g->span);
	r->covered = false;
	for (size_t i = 0; i < g->span.n && !r->covered; i++)
		r->covered = g->span.runs[i].from_ns <= r->at_ns &&
			     r->at_ns <= g->span.runs[i].to_ns;
	for (size_t i = 0; !r->covered && report_span__gap(&g->span, i, 0, UINT64_MAX, &gap); i++)
		if (gap.from_ns <= r->at_ns && r->at_ns <= gap.to_ns)
			r->gap = gap;
	if (r->lost_count && r->covered)
		r->covered = false;
	else if (!r->covered)
		r->lost_count = 0; /* nobody was there to lose it */
	if (r->run_ns + PAST_TIME_WAIT_NS <= r->at_ns)
		r->run_ns = 0;
}

int past_read__run(struct past_read *r)
{
	const uint64_t from_ns = r->at_ns > PAST_TIME_WAIT_NS ? r->at_ns - PAST_TIME_WAIT_NS : 0;
	struct reading g = { .r = r };
	int err = report_span__init(&g.span);

	r->past = past__new(r->at_ns, r->filter, TABLE_SIZE_DEFAULT);
	g.reader = audit_reader__new(r->logs, r->n_logs);
	g.parser = report_reader__new();
	if (!err && (!r->past || !g.reader || !g.parser))
		err = -ENOMEM;
	if (!err) {
		audit_tell__others(g.reader);
		if (audit_reader__files(g.reader) > 1)
			audit_reader__go_to(g.reader, begin_at(&g, from_ns));
		read_around(&g);
		judge(&g);
	}
	report_span__free(&g.span);
	report_reader__free(g.parser);
	audit_reader__free(g.reader);
	return err;
}

void past_read__free(struct past_read *r)
{
	past__free(r->past);
	free(r->args);
	r->past = NULL;
	r->args = NULL;
}
