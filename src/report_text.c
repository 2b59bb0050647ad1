/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_text.c - the report for people: what was watched first, then what happened. Local time, or UTC with
 * --utc. Strings of the log are escaped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "log.h"
#include "report.h"

#define TOP       10
#define GAPS_MAX  20
#define NAME_WIDE 32

struct text {
	struct buf *b;
	const struct report *r;
	size_t line; /* where this one began */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	char s[256];
	va_list args;

	va_start(args, format);
	vsnprintf(s, sizeof(s), format, args);
	va_end(args);
	buf__str(t->b, s);
}

static void put_safe(struct text *t, const char *s)
{
	buf__safe(t->b, s, strlen(s), false);
}

static void begin(struct text *t)
{
	t->line = t->b->len;
}

static void column(struct text *t, unsigned int at)
{
	/* a name that is too wide is followed by one space */
	if (t->b->len - t->line >= at)
		buf__char(t->b, ' ');
	else
		buf__pad(t->b, t->line + at);
}

static void put_time(struct text *t, uint64_t ns, bool date)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char s[64];

	if (t->r->options->utc ? !gmtime_r(&seconds, &tm) : !localtime_r(&seconds, &tm))
		return;
	strftime(s, sizeof(s), date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	put(t, "%s.%03u", s, (unsigned int)(ns % 1000000000 / 1000000));
}

static void put_zone(struct text *t, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char s[16];

	if (t->r->options->utc ? !gmtime_r(&seconds, &tm) : !localtime_r(&seconds, &tm))
		return;
	if (strftime(s, sizeof(s), "%z", &tm) == 5)
		put(t, " %.3s:%s", s, s + 3);
}

static void put_duration(struct text *t, uint64_t us)
{
	uint64_t s = us / 1000000;

	if (us < 1000)
		put(t, "%lluus", (unsigned long long)us);
	else if (us < 1000000)
		put(t, "%.1fms", (double)us / 1e3);
	else if (s < 60)
		put(t, "%.1fs", (double)us / 1e6);
	else if (s < 3600)
		put(t, "%llum%02llus", (unsigned long long)s / 60, (unsigned long long)s % 60);
	else if (s < 86400)
		put(t, "%lluh%02llum", (unsigned long long)s / 3600,
		    (unsigned long long)s % 3600 / 60);
	else
		put(t, "%llud%02lluh", (unsigned long long)s / 86400,
		    (unsigned long long)s % 86400 / 3600);
}

static void put_size(struct text *t, uint64_t n)
{
	static const char units[] = "KMGTPE";
	double v = (double)n / 1024;
	unsigned int i = 0;

	if (n < 1024) {
		put(t, "%9llu", (unsigned long long)n);
		return;
	}
	for (; v >= 1024 && i < 5; i++)
		v /= 1024;
	put(t, "%8.1f%c", v, units[i]);
}

static void put_number(struct text *t, uint64_t n)
{
	char s[32], grouped[48];
	size_t len = (size_t)snprintf(s, sizeof(s), "%llu", (unsigned long long)n), k = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && !((len - i) % 3))
			grouped[k++] = ' ';
		grouped[k++] = s[i];
	}
	buf__put(t->b, grouped, k);
}

/* --- coverage --- */

static void put_span(struct text *t)
{
	uint64_t from = report__from(t->r), to = report__to(t->r);

	buf__str(t->b, "host      ");
	for (size_t i = 0; i < t->r->n_hosts; i++) {
		buf__str(t->b, i ? ", " : "");
		put_safe(t, t->r->hosts[i]);
	}
	buf__str(t->b, t->r->more_hosts ? ", ..." : t->r->n_hosts ? "" : "not told");
	if (t->r->kernel[0]) {
		buf__str(t->b, " (Linux ");
		put_safe(t, t->r->kernel);
		buf__char(t->b, ')');
	}
	buf__str(t->b, "\ntime      ");
	put_time(t, from, true);
	buf__str(t->b, " to ");
	put_time(t, to, true);
	put_zone(t, to);
	buf__str(t->b, ", ");
	put_duration(t, to > from ? (to - from) / 1000 : 0);
	buf__str(t->b, "\nrecords   ");
	put_number(t, t->r->taken);
	if (t->r->taken != t->r->records) {
		buf__str(t->b, " of ");
		put_number(t, t->r->records);
		buf__str(t->b, " in the log");
	}
	buf__char(t->b, '\n');
}

static const char *words_of(const char *reason)
{
	static const struct {
		const char *reason, *words;
	} rows[] = {
		{ "stopped", "the recorder was stopped" },
		{ "no-stop", "the recorder ended without a stop: killed, or a crash" },
		{ "missing", "records of the log are not there" },
		{ "before-log", "before the log begins" },
		{ "after-log", "after the log ends" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].reason, reason))
			return rows[i].words;
	return reason;
}

static size_t put_gaps(struct text *t)
{
	struct gap gap;
	size_t i;

	for (i = 0; report_span__gap(&t->r->span, i, report__from(t->r), report__to(t->r), &gap);
	     i++) {
		if (i == GAPS_MAX) {
			buf__str(t->b, "          more gaps: --json lists them\n");
			break;
		}
		buf__str(t->b, "  gap     ");
		put_time(t, gap.from_ns, true);
		buf__str(t->b, " to ");
		put_time(t, gap.to_ns, true);
		buf__str(t->b, ", ");
		put_duration(t, (gap.to_ns - gap.from_ns) / 1000);
		put(t, ": %s", words_of(gap.reason));
		if (gap.missing)
			put(t, ", %llu missing", (unsigned long long)gap.missing);
		buf__char(t->b, '\n');
	}
	return i;
}

static void put_losses(struct text *t)
{
	for (size_t i = 0; i < t->r->losses.n; i++) {
		const struct report_entry *e = &t->r->losses.entries[i];

		buf__str(t->b, "  lost    ");
		if (e->counts[LOSS_COUNT])
			put_number(t, e->counts[LOSS_COUNT]);
		else
			buf__str(t->b, "an unknown number");
		buf__str(t->b, " (");
		put_safe(t, e->name);
		buf__str(t->b, "), ");
		put_time(t, e->counts[LOSS_FROM], true);
		buf__str(t->b, " to ");
		put_time(t, e->counts[LOSS_TO], true);
		buf__char(t->b, '\n');
	}
}

static void put_count_line(struct text *t, const char *what, uint64_t n, const char *one,
			   const char *words)
{
	if (n)
		put(t, "  %-8s%llu %s%s %s\n", what, (unsigned long long)n, one, n == 1 ? "" : "s",
		    words);
}

static void put_coverage(struct text *t)
{
	uint64_t hundredths = (uint64_t)(report__coverage(t->r) * 100);

	put(t, "coverage  %llu.%02llu %% of this time was watched",
	    (unsigned long long)hundredths / 100, (unsigned long long)hundredths % 100);
	/* the words about gaps come first: whoever reads only one line reads this one */
	buf__str(t->b, t->r->losses.n ? ", with losses\n" : "\n");
	put_gaps(t);
	put_losses(t);
	put_count_line(t, "clock", t->r->clock_steps, "step", "of the wall clock");
	put_count_line(t, "bad", t->r->bad_lines, "line", "could not be read");
	put_count_line(t, "bad", t->r->bad_files, "file", "could not be read to the end");
	put_count_line(t, "torn", t->r->torn, "line",
		       "at the end of a file not whole: still being written, or a crash");
	put_count_line(t, "memory", t->r->untracked, "record",
		       "of sockets beyond those that are followed at one time");
}

/* --- what happened --- */

static void title(struct text *t, const char *s)
{
	put(t, "\n%s\n", s);
}

static void put_types(struct text *t)
{
	const struct report_entry *top[TOP];
	size_t total, n;

	title(t, "EVENTS");
	for (unsigned int i = LOG_SNAPSHOT; i <= LOG_FINDING; i++) {
		if (!t->r->types[i])
			continue;
		begin(t);
		put(t, "  %s", log_type_names[i]);
		column(t, 12);
		put_number(t, t->r->types[i]);
		buf__char(t->b, '\n');
	}
	n = report_table__top(&t->r->errors, ERROR_COUNT, top, TOP, &total);
	for (size_t i = 0; i < n; i++) {
		begin(t);
		buf__str(t->b, i ? "            " : "  failed    ");
		put_number(t, top[i]->counts[ERROR_COUNT]);
		buf__char(t->b, ' ');
		put_safe(t, top[i]->name);
		buf__char(t->b, '\n');
	}
}

static void put_more(struct text *t, const struct report_table *table, size_t n, size_t total,
		     unsigned int by)
{
	if (total > n)
		put(t, "  and %zu more\n", total - n);
	if (table->turned_away)
		put(t, "  other: %llu, names beyond the %zu that are kept\n",
		    (unsigned long long)table->other.counts[by], table->max);
}

static void put_processes(struct text *t)
{
	const struct report_entry *top[TOP];
	size_t total, n = report_table__top(&t->r->processes, PROCESS_RECORDS, top, TOP, &total);

	if (!n)
		return;
	title(t,
	      "PROCESSES        RECORDS  CONNECTS   ACCEPTS    FAILED     SENT RECEIVED  EXECUTABLE");
	for (size_t i = 0; i < n; i++) {
		const uint64_t *c = top[i]->counts;

		begin(t);
		buf__str(t->b, "  ");
		put_safe(t, top[i]->name);
		column(t, 17);
		put(t, "%8llu %9llu %9llu %9llu", (unsigned long long)c[PROCESS_RECORDS],
		    (unsigned long long)c[PROCESS_CONNECTS], (unsigned long long)c[PROCESS_ACCEPTS],
		    (unsigned long long)c[PROCESS_FAILED]);
		put_size(t, c[PROCESS_TX]);
		put_size(t, c[PROCESS_RX]);
		if (top[i]->note) {
			buf__str(t->b, "  ");
			put_safe(t, top[i]->note);
		}
		buf__char(t->b, '\n');
	}
	put_more(t, &t->r->processes, n, total, PROCESS_RECORDS);
}

static void put_ports(struct text *t)
{
	const struct report_entry *top[TOP];
	size_t total, n = report_table__top(&t->r->ports, PORT_USES, top, TOP, &total);

	if (!n)
		return;
	title(t, "PORTS             SERVICE        ACCEPTS    FAILED     SENT RECEIVED  PROCESS");
	for (size_t i = 0; i < n; i++) {
		const uint64_t *c = top[i]->counts;
		const char *slash = strchr(top[i]->name, '/');

		begin(t);
		buf__str(t->b, "  ");
		put_safe(t, top[i]->name);
		column(t, 18);
		if (slash)
			put_safe(t, report__service(slash + 1,
						    (unsigned int)strtoul(top[i]->name, NULL, 10)));
		column(t, 32);
		put(t, "%8llu %9llu", (unsigned long long)c[PORT_ACCEPTS],
		    (unsigned long long)c[PORT_FAILED]);
		put_size(t, c[PORT_TX]);
		put_size(t, c[PORT_RX]);
		if (top[i]->note) {
			buf__str(t->b, "  ");
			put_safe(t, top[i]->note);
		}
		buf__char(t->b, '\n');
	}
	put_more(t, &t->r->ports, n, total, PORT_USES);
}

/* "127.0.0.1:53/udp" -> " (domain)" */
static void put_service(struct text *t, const char *destination)
{
	const char *slash = strrchr(destination, '/'), *colon = strrchr(destination, ':');
	const char *service =
		slash && colon ?
			report__service(slash + 1, (unsigned int)strtoul(colon + 1, NULL, 10)) :
			"";

	if (!*service)
		return;
	buf__str(t->b, " (");
	put_safe(t, service);
	buf__char(t->b, ')');
}

static void put_destinations(struct text *t)
{
	const struct report_entry *top[TOP];
	size_t total, n = report_table__top(&t->r->destinations, DEST_USES, top, TOP, &total);

	if (!n)
		return;
	title(t,
	      "DESTINATIONS                   CONNECTS    FAILED  LATENCY  SLOWEST      SENT RECEIVED  PROCESS");
	for (size_t i = 0; i < n; i++) {
		const uint64_t *c = top[i]->counts;
		uint64_t opened = c[DEST_CONNECTS] + c[DEST_PEERS];

		begin(t);
		buf__str(t->b, "  ");
		put_safe(t, top[i]->name);
		put_service(t, top[i]->name);
		column(t, 30);
		put(t, "%9llu %9llu", (unsigned long long)opened,
		    (unsigned long long)c[DEST_FAILED]);
		column(t, 52);
		if (c[DEST_LATENCIES]) {
			put_duration(t, c[DEST_LATENCY_SUM] / c[DEST_LATENCIES]);
			column(t, 61);
			put_duration(t, c[DEST_LATENCY_MAX]);
		}
		buf__pad(t->b, t->line + 69);
		put_size(t, c[DEST_TX]);
		put_size(t, c[DEST_RX]);
		if (top[i]->note) {
			buf__str(t->b, "  ");
			put_safe(t, top[i]->note);
		}
		buf__char(t->b, '\n');
	}
	put_more(t, &t->r->destinations, n, total, DEST_USES);
}

static void put_hist(struct text *t, const char *name, const struct report_hist *h)
{
	static const unsigned int at[] = { 500, 900, 990, 999 };

	if (!h->count)
		return;
	begin(t);
	put(t, "  %s", name);
	column(t, 22);
	put(t, "%8llu", (unsigned long long)h->count);
	for (unsigned int i = 0; i < 4; i++) {
		column(t, 32 + 9 * i);
		put_duration(t, report_hist__at(h, at[i]));
	}
	column(t, 68);
	put_duration(t, h->most);
	buf__char(t->b, '\n');
}

static void put_times(struct text *t)
{
	if (!t->r->durations.count && !t->r->latencies.count && !t->r->waits.count)
		return;
	title(t, "TIMES                    COUNT  50 %     90 %     99 %     99.9 %   LONGEST");
	put_hist(t, "connections last", &t->r->durations);
	put_hist(t, "connects take", &t->r->latencies);
	put_hist(t, "wait for accept", &t->r->waits);
}

static void put_ended(struct text *t)
{
	const struct report_entry *top[TOP + 10];
	size_t total, n = report_table__top(&t->r->ended, ENDED_ALL, top, TOP + 10, &total);

	if (!n)
		return;
	title(t, "HOW SOCKETS ENDED      ALL    CLIENT    SERVER  LISTENER  DATAGRAM      IDLE");
	for (size_t i = 0; i < n; i++) {
		begin(t);
		buf__str(t->b, "  ");
		put_safe(t, top[i]->name);
		column(t, 17);
		put(t, "%9llu", (unsigned long long)top[i]->counts[ENDED_ALL]);
		for (unsigned int k = ENDED_CLIENT; k <= ENDED_IDLE; k++)
			put(t, " %9llu", (unsigned long long)top[i]->counts[k]);
		buf__char(t->b, '\n');
	}
}

static void put_finding(struct text *t, const struct report_finding *f)
{
	buf__str(t->b, "  ");
	put_time(t, f->first_ns, true);
	buf__str(t->b, "  ");
	put_safe(t, f->severity);
	buf__char(t->b, ' ');
	put_safe(t, f->id);
	if (f->count > 1 && !report_finding__counts_sockets(f))
		put(t, ", %llu times", (unsigned long long)f->count);
	if (f->last_ns > f->first_ns) {
		buf__str(t->b, ", until ");
		put_time(t, f->last_ns, true);
	}
	if (strcmp(f->status, "closed") != 0)
		buf__str(t->b, ", not over");
	buf__str(t->b, "\n    ");
	put_safe(t, f->message);
	if (*f->advice) {
		buf__str(t->b, "\n    do: ");
		put_safe(t, f->advice);
	}
	buf__char(t->b, '\n');
}

static void put_findings(struct text *t)
{
	title(t, "FINDINGS");
	if (!t->r->n_findings)
		buf__str(t->b, "  none\n");
	for (size_t i = 0; i < t->r->n_findings; i++)
		put_finding(t, &t->r->findings[i]);
	if (t->r->findings_not_kept)
		put(t, "  and %llu more records of findings\n",
		    (unsigned long long)t->r->findings_not_kept);
}

void report_text__write(struct report *r, struct buf *b)
{
	struct text t = { .b = b, .r = r };

	put_span(&t);
	put_coverage(&t);
	if (!r->options->report.findings) {
		put_types(&t);
		put_processes(&t);
		put_ports(&t);
		put_destinations(&t);
		put_times(&t);
		put_ended(&t);
	}
	put_findings(&t);
}
