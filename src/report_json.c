/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_json.c - the report as one JSON object; docs/report.md has its fields. `page`: with what only the
 * charts of the HTML page need.
 */
#include <stdlib.h>
#include "report.h"

#define TOP_MAX  100
#define GAPS_MAX 1000

struct column {
	const char *key;
	unsigned int at;
};

static void put_time(struct buf *b, const char *key, uint64_t ns)
{
	struct stamp stamp = { 0 };

	if (!ns)
		return;
	json__key(b, key);
	json__time(b, &stamp, ns);
}

/* A number with `decimals` digits behind the point, rounded down. */
static void put_fixed(struct buf *b, const char *key, double value, unsigned int decimals)
{
	uint64_t factor = decimals == 2 ? 100 : 1000, n = (uint64_t)(value * (double)factor);
	char fraction[3];

	json__put_u64(b, key, n / factor);
	buf__char(b, '.');
	stamp__fraction(fraction, (uint32_t)(n % factor * (1000000000 / factor)), (int)decimals);
	buf__put(b, fraction, decimals);
}

static void put_seconds(struct buf *b, const char *key, uint64_t ns)
{
	put_fixed(b, key, (double)ns / 1e9, 3);
}

/* --- coverage --- */

static void put_gaps(struct buf *b, const struct report *r)
{
	uint64_t from = report__from(r), to = report__to(r);
	struct gap gap;
	size_t i;

	json__key(b, "gaps");
	json__open(b, '[');
	for (i = 0; i < GAPS_MAX && report_span__gap(&r->span, i, from, to, &gap); i++) {
		json__open(b, '{');
		put_time(b, "from", gap.from_ns);
		put_time(b, "to", gap.to_ns);
		put_seconds(b, "seconds", gap.to_ns - gap.from_ns);
		json__put_string(b, "reason", gap.reason);
		if (gap.missing)
			json__put_u64(b, "missing_records", gap.missing);
		json__close(b, '}');
	}
	json__close(b, ']');
	if (i == GAPS_MAX)
		json__put_bool(b, "more_gaps", true);
}

static void put_losses(struct buf *b, const struct report *r)
{
	json__key(b, "lost");
	json__open(b, '[');
	for (size_t i = 0; i < r->losses.n; i++) {
		const struct report_entry *e = &r->losses.entries[i];

		json__open(b, '{');
		json__put_string(b, "reason", e->name);
		json__put_u64(b, "records", e->counts[LOSS_RECORDS]);
		json__put_u64(b, "count", e->counts[LOSS_COUNT]);
		put_time(b, "from", e->counts[LOSS_FROM]);
		put_time(b, "to", e->counts[LOSS_TO]);
		json__close(b, '}');
	}
	json__close(b, ']');
}

static void put_coverage(struct buf *b, const struct report *r)
{
	uint64_t from = report__from(r), to = report__to(r);

	json__key(b, "coverage");
	json__open(b, '{');
	put_fixed(b, "percent", report__coverage(r), 2);
	put_seconds(b, "span_s", to > from ? to - from : 0);
	put_seconds(b, "watched_s", to > from ? report_span__watched(&r->span, from, to) : 0);
	put_gaps(b, r);
	put_losses(b, r);
	json__put_u64(b, "clock_steps", r->clock_steps);
	json__put_u64(b, "unreadable_lines", r->bad_lines);
	json__put_u64(b, "unreadable_files", r->bad_files);
	json__put_u64(b, "torn_lines", r->torn);
	json__put_u64(b, "untracked_sockets", r->untracked);
	json__close(b, '}');
}

/* --- tables --- */

static void put_table(struct buf *b, const char *key, const char *name, const char *note,
		      const struct report_table *t, const struct column *columns)
{
	const struct report_entry *top[TOP_MAX];
	size_t total, n = report_table__top(t, columns[0].at, top, TOP_MAX, &total);

	json__key(b, key);
	json__open(b, '{');
	json__put_u64(b, "total", total);
	if (t->turned_away)
		json__put_u64(b, "other", t->other.counts[columns[0].at]);
	json__key(b, "top");
	json__open(b, '[');
	for (size_t i = 0; i < n; i++) {
		json__open(b, '{');
		json__put_string(b, name, top[i]->name);
		for (const struct column *c = columns; c->key; c++)
			json__put_u64(b, c->key, top[i]->counts[c->at]);
		if (note && top[i]->note)
			json__put_string(b, note, top[i]->note);
		json__close(b, '}');
	}
	json__close(b, ']');
	json__close(b, '}');
}

static void put_tables(struct buf *b, const struct report *r)
{
	static const struct column processes[] = {
		{ "records", PROCESS_RECORDS }, { "connects", PROCESS_CONNECTS },
		{ "accepts", PROCESS_ACCEPTS }, { "failed", PROCESS_FAILED },
		{ "closes", PROCESS_CLOSES },	{ "tx_bytes", PROCESS_TX },
		{ "rx_bytes", PROCESS_RX },	{ NULL, 0 },
	}, ports[] = {
		{ "records", PORT_USES }, { "listens", PORT_LISTENS }, { "accepts", PORT_ACCEPTS },
		{ "failed", PORT_FAILED }, { "closes", PORT_CLOSES },	{ "tx_bytes", PORT_TX },
		{ "rx_bytes", PORT_RX },   { NULL, 0 },
	}, destinations[] = {
		{ "records", DEST_USES },     { "connects", DEST_CONNECTS },
		{ "failed", DEST_FAILED },    { "latencies", DEST_LATENCIES }, { "latency_us_sum", DEST_LATENCY_SUM },
		{ "latency_us_max", DEST_LATENCY_MAX },
		{ "peers", DEST_PEERS },      { "tx_bytes", DEST_TX },
		{ "rx_bytes", DEST_RX },      { NULL, 0 },
	}, errors[] = { { "count", ERROR_COUNT }, { NULL, 0 } },
	  ended[] = {
		{ "count", ENDED_ALL },	      { "client", ENDED_CLIENT },
		{ "server", ENDED_SERVER },   { "listener", ENDED_LISTENER },
		{ "datagram", ENDED_DATAGRAM }, { "idle", ENDED_IDLE }, { NULL, 0 },
	};

	put_table(b, "errors", "what", NULL, &r->errors, errors);
	put_table(b, "processes", "comm", "exe", &r->processes, processes);
	put_table(b, "ports", "port", "process", &r->ports, ports);
	put_table(b, "destinations", "destination", "process", &r->destinations, destinations);
	put_table(b, "ended", "reason", NULL, &r->ended, ended);
}

/* --- times --- */

static void put_hist(struct buf *b, const char *key, const struct report_hist *h)
{
	json__key(b, key);
	json__open(b, '{');
	json__put_u64(b, "count", h->count);
	if (h->count) {
		json__put_u64(b, "min", h->least);
		json__put_u64(b, "mean", h->sum / h->count);
		json__put_u64(b, "p50", report_hist__at(h, 500));
		json__put_u64(b, "p90", report_hist__at(h, 900));
		json__put_u64(b, "p99", report_hist__at(h, 990));
		json__put_u64(b, "p999", report_hist__at(h, 999));
		json__put_u64(b, "max", h->most);
	}
	json__close(b, '}');
}

static void put_hex(struct buf *b, const char *key, uint64_t v, int digits)
{
	char text[16];

	for (int i = digits - 1; i >= 0; i--, v >>= 4)
		text[i] = "0123456789abcdef"[v & 15];
	json__key(b, key);
	json__bytes(b, text, (size_t)digits);
}

static void put_findings(struct buf *b, const struct report *r)
{
	json__key(b, "findings");
	json__open(b, '[');
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct report_finding *f = &r->findings[i];

		json__open(b, '{');
		json__put_string(b, "finding", f->id);
		put_hex(b, "key", f->key, 16);
		json__put_string(b, "severity", f->severity);
		json__put_string(b, "status", f->status);
		put_time(b, "first", f->first_ns);
		put_time(b, "last", f->last_ns);
		json__put_u64(b, "count", f->count);
		json__put_u64(b, "episodes", f->episodes);
		json__put_string(b, "comm", f->comm);
		if (f->pid)
			json__put_u64(b, "pid", f->pid);
		json__put_string(b, "message", f->message);
		json__put_string(b, "advice", f->advice);
		json__close(b, '}');
	}
	json__close(b, ']');
	if (r->findings_not_kept)
		json__put_u64(b, "findings_not_kept", r->findings_not_kept);
}

static void put_head(struct buf *b, const struct report *r)
{
	json__put_u64(b, "v", 1);
	json__key(b, "hosts");
	json__open(b, '[');
	for (size_t i = 0; i < r->n_hosts; i++)
		json__string(b, r->hosts[i]);
	json__close(b, ']');
	if (r->kernel[0])
		json__put_string(b, "kernel", r->kernel);
	put_time(b, "from", report__from(r));
	put_time(b, "to", report__to(r));
	json__put_u64(b, "records", r->taken);
	json__put_u64(b, "records_in_log", r->records);
	put_coverage(b, r);
}

static void put_types(struct buf *b, const struct report *r)
{
	json__key(b, "events");
	json__open(b, '{');
	for (unsigned int i = 0; i < LOG_TYPES; i++)
		if (r->types[i])
			json__put_u64(b, log_type_names[i], r->types[i]);
	json__close(b, '}');
}

/* --- the page --- */

static void put_services(struct buf *b, const struct report *r)
{
	const struct report_entry *top[TOP_MAX];
	size_t total, n = report_table__top(&r->ports, PORT_USES, top, TOP_MAX, &total);

	json__key(b, "services");
	json__open(b, '{');
	for (size_t i = 0; i < n; i++) {
		const char *slash = strchr(top[i]->name, '/');
		const char *service =
			slash ? report__service(slash + 1,
						(unsigned int)strtoul(top[i]->name, NULL, 10)) :
				"";

		if (*service)
			json__put_string(b, top[i]->name, service);
	}
	json__close(b, '}');
}

/* Milliseconds since 1970: what Date takes. */
static void put_timeline(struct buf *b, const struct report *r)
{
	static const char *const names[AT_COUNTS] = {
		[AT_CONNECTS] = "connects", [AT_FAILED] = "failed",
		[AT_ACCEPTS] = "accepts",   [AT_CLOSES] = "closes",
		[AT_FINDINGS] = "findings", [AT_TIME_WAIT] = "time_wait",
		[AT_CLIENTS] = "clients",   [AT_SERVERS] = "servers",
	};
	const struct report_timeline *t = &r->timeline;

	json__key(b, "timeline");
	json__open(b, '{');
	json__put_u64(b, "width_us", t->width_ns / 1000);
	json__put_u64(b, "first_us", t->first * (t->width_ns / 1000));
	for (unsigned int k = 0; k < AT_COUNTS; k++) {
		json__key(b, names[k]);
		json__open(b, '[');
		for (unsigned int i = 0; i < t->n; i++) {
			json__i64(b, t->rows[i][k]);
		}
		json__close(b, ']');
	}
	json__close(b, '}');
}

static void put_points(struct buf *b, const char *key, const struct report_points *p)
{
	json__key(b, key);
	json__open(b, '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct report_point *at = &p->points[i];

		json__open(b, '[');
		json__u64(b, at->ts_ns / 1000);
		json__string(b, at->subject);
		json__u64(b, at->capacity);
		json__u64(b, at->used);
		json__u64(b, at->live);
		json__u64(b, at->time_wait);
		json__close(b, ']');
	}
	json__close(b, ']');
}

/* [port, listens, clients, datagrams, bound, failed, process] of each that was used. */
static void put_port_map(struct buf *b, const struct report *r)
{
	json__key(b, "port_map");
	json__open(b, '[');
	for (unsigned int port = 0; port < 65536; port++) {
		const struct report_port *p = &r->port_map[port];

		if (!(p->listens | p->clients | p->datagrams | p->bound | p->failed))
			continue;
		json__open(b, '[');
		json__u64(b, port);
		json__u64(b, p->listens);
		json__u64(b, p->clients);
		json__u64(b, p->datagrams);
		json__u64(b, p->bound);
		json__u64(b, p->failed);
		/* clients are many and of few processes: told where it is a server's port */
		if (p->who && (p->listens | p->datagrams | p->bound | p->failed))
			json__string(b, r->processes.entries[p->who - 1].name);
		json__close(b, ']');
	}
	json__close(b, ']');
}

static void put_lives(struct buf *b, const char *key, const struct report_lives *l)
{
	json__key(b, key);
	json__open(b, '[');
	for (size_t i = 0; i < l->n; i++) {
		const struct report_life *life = &l->lives[i];

		json__open(b, '[');
		json__u64(b, life->ended_ns / 1000);
		json__id(b, life->sock);
		json__string(b, life->comm);
		json__string(b, life->proto);
		json__string(b, life->role);
		json__string(b, life->laddr);
		json__u64(b, life->lport);
		json__string(b, life->raddr);
		json__u64(b, life->rport);
		json__u64(b, life->duration_us);
		json__u64(b, life->tx);
		json__u64(b, life->rx);
		json__string(b, life->reason);
		json__u64(b, life->time_wait);
		json__close(b, ']');
	}
	json__close(b, ']');
}

static void put_range(struct buf *b, const struct report_range *range)
{
	if (!range->capacity)
		return;
	json__key(b, "range");
	json__open(b, '{');
	json__put_u64(b, "low", range->low);
	json__put_u64(b, "high", range->high);
	json__put_u64(b, "capacity", range->capacity);
	json__close(b, '}');
}

static void put_page(struct buf *b, const struct report *r)
{
	put_services(b, r);
	put_timeline(b, r);
	put_points(b, "ephemeral", &r->ephemeral);
	put_points(b, "queues", &r->queues);
	put_range(b, &r->range);
	put_port_map(b, r);
	json__put_u64(b, "lives_total", r->lives.seen);
	json__put_u64(b, "failed_total", r->failed.seen);
	put_lives(b, "lives", &r->lives);
	/* all are among the lives then */
	if (r->lives.seen > r->lives.n)
		put_lives(b, "failed_lives", &r->failed);
}

void report_json__write(struct report *r, struct buf *b, bool page)
{
	json__open(b, '{');
	put_head(b, r);
	if (!r->options->report.findings || page) {
		put_types(b, r);
		put_tables(b, r);
		put_hist(b, "durations_us", &r->durations);
		put_hist(b, "connect_latency_us", &r->latencies);
		put_hist(b, "accept_wait_us", &r->waits);
	}
	put_findings(b, r);
	if (page)
		put_page(b, r);
	json__close(b, '}');
	buf__char(b, '\n');
}
