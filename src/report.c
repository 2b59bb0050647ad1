/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - the model: each record adds to the counts of its type, process, port and destination, and to the
 * times. One function a type. Nothing is kept of a record but in bounded tables.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "report_open.h"

#define S_NS   1000000000ull
#define LOSSES 64

int report__init(struct report *r, const struct options *o)
{
	*r = (struct report){ .options = o, .random = 0x9e3779b97f4a7c15ull };
	r->filter = report_filter__new(o);
	r->open = report_open__new(REPORT_OPEN_MAX);
	r->findings = calloc(REPORT_FINDINGS_MAX, sizeof(*r->findings));
	r->ephemeral.points = calloc(REPORT_POINTS_MAX, sizeof(*r->ephemeral.points));
	r->queues.points = calloc(REPORT_POINTS_MAX, sizeof(*r->queues.points));
	r->port_map = calloc(65536, sizeof(*r->port_map));
	r->lives = (struct report_lives){ .max = REPORT_LIVES_MAX };
	r->lives.lives = calloc(REPORT_LIVES_MAX, sizeof(*r->lives.lives));
	r->failed = (struct report_lives){ .max = REPORT_FAILED_MAX };
	r->failed.lives = calloc(REPORT_FAILED_MAX, sizeof(*r->failed.lives));
	if (report_span__init(&r->span) || report_table__init(&r->errors, 1024) ||
	    report_table__init(&r->processes, REPORT_NAMES_MAX) ||
	    report_table__init(&r->ports, REPORT_NAMES_MAX) ||
	    report_table__init(&r->destinations, REPORT_NAMES_MAX) ||
	    report_table__init(&r->ended, LOSSES) || report_table__init(&r->losses, LOSSES) ||
	    !r->filter || !r->open || !r->findings || !r->ephemeral.points || !r->queues.points ||
	    !r->port_map || !r->lives.lives || !r->failed.lives)
		return -ENOMEM;
	return 0;
}

void report__free(struct report *r)
{
	struct report_table *tables[] = { &r->errors,       &r->processes, &r->ports,
					  &r->destinations, &r->ended,     &r->losses };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		report_table__free(tables[i]);
	for (size_t i = 0; i < r->n_findings; i++)
		report_finding__free(&r->findings[i]);
	for (size_t i = 0; i < r->n_hosts; i++)
		free(r->hosts[i]);
	report_filter__free(r->filter);
	report_open__free(r->open);
	report_span__free(&r->span);
	free(r->findings);
	free(r->ephemeral.points);
	free(r->queues.points);
	free(r->port_map);
	free(r->lives.lives);
	free(r->failed.lives);
}

/* --- the span --- */

static bool in_time(const struct report *r, uint64_t ts_ns)
{
	const struct report_options *o = &r->options->report;

	return ts_ns >= o->since_ns && (!o->until_ns || ts_ns <= o->until_ns);
}

bool report__look(struct report *r, enum log_type type, uint64_t seq, uint64_t ts_ns,
		  const char *boot, size_t boot_len, bool has_gap)
{
	const struct report_options *o = &r->options->report;

	r->records++;
	report_span__record(&r->span, type, seq, ts_ns, boot, boot_len, has_gap);
	if (type == LOG_SEAL && in_time(r, ts_ns)) {
		r->types[LOG_SEAL]++;
		r->taken++;
	}
	if (type == LOG_SEAL || (o->until_ns && ts_ns > o->until_ns))
		return false;
	return ts_ns >= o->since_ns || report_filter__chooses(r->filter) || type == LOG_START ||
	       type == LOG_SEGMENT;
}

/* Where only one end was asked for and lies beyond the log, there is no time in between. */
uint64_t report__from(const struct report *r)
{
	uint64_t first = report_span__first(&r->span), until = r->options->report.until_ns;

	if (r->options->report.since_ns)
		return r->options->report.since_ns;
	return until && until < first ? until : first;
}

uint64_t report__to(const struct report *r)
{
	uint64_t last = report_span__last(&r->span), since = r->options->report.since_ns;

	if (r->options->report.until_ns)
		return r->options->report.until_ns;
	return since > last ? since : last;
}

double report__coverage(const struct report *r)
{
	uint64_t from = report__from(r), to = report__to(r);

	if (to <= from)
		return report_span__has(&r->span, from) ? 100 : 0;
	return 100.0 * (double)report_span__watched(&r->span, from, to) / (double)(to - from);
}

/* --- small parts --- */

static const char *or_unknown(const char *s)
{
	return s && *s ? s : "?";
}

const char *report__owner(const struct report_record *rec)
{
	const char *owner = report__member_string(rec->owner, "comm");

	return or_unknown(owner ? owner : rec->comm);
}

static bool is_udp(const struct report_record *rec)
{
	return rec->proto && !strcmp(rec->proto, "udp");
}

/* Who acts; of a close the owner, whoever closed it. */
static struct report_entry *process_of(struct report *r, const struct report_record *rec)
{
	return report_table__get(&r->processes, rec->type == LOG_CLOSE ? report__owner(rec) :
									 or_unknown(rec->comm));
}

static struct report_entry *port_of(struct report *r, const struct report_record *rec,
				    uint64_t port)
{
	char name[32];
	struct report_entry *e;

	snprintf(name, sizeof(name), "%s/%llu", is_udp(rec) ? "udp" : "tcp",
		 (unsigned long long)port);
	e = report_table__get(&r->ports, name);
	e->counts[PORT_USES]++;
	return e;
}

void report__end_text(char *s, size_t size, const char *addr, uint64_t port)
{
	const char *form = addr && strchr(addr, ':') ? "[%.45s]:%llu" : "%.45s:%llu";

	snprintf(s, size, form, addr ? addr : "*", (unsigned long long)port);
}

static struct report_entry *destination_of(struct report *r, const struct report_record *rec)
{
	char name[96];
	struct report_entry *e;

	report__end_text(name, sizeof(name) - 5, rec->raddr, rec->rport);
	snprintf(name + strlen(name), 5, "/%s", is_udp(rec) ? "udp" : "tcp");
	e = report_table__get(&r->destinations, name);
	e->counts[DEST_USES]++;
	report_table__note(&r->destinations, e, rec->comm);
	return e;
}

static struct report_port *mapped(struct report *r, const struct report_record *rec, uint64_t port)
{
	struct report_port *p = &r->port_map[port & 65535];
	const struct report_entry *e;

	if (p->who)
		return p;
	e = report_table__get(&r->processes, report__owner(rec));
	if (e != &r->processes.other)
		p->who = (uint32_t)(e - r->processes.entries) + 1;
	return p;
}

static void count_failure(struct report *r, const struct report_record *rec)
{
	char name[64];

	snprintf(name, sizeof(name), "%s %.40s", log_type_names[rec->type], rec->error);
	report_table__get(&r->errors, name)->counts[ERROR_COUNT]++;
	process_of(r, rec)->counts[PROCESS_FAILED]++;
}

/* --- what is open --- */

static void set_open(struct report *r, uint32_t *flags, uint32_t what, uint64_t ts_ns)
{
	if (!flags || *flags & (OPEN_CLIENT | OPEN_SERVER))
		return;
	*flags |= what;
	report_timeline__add(&r->timeline, ts_ns, what == OPEN_CLIENT ? AT_CLIENTS : AT_SERVERS, 1);
}

struct restart {
	struct report *r;
	uint64_t ts_ns;
};

static void gone(void *arg, uint32_t flags)
{
	const struct restart *restart = arg;

	if (flags & OPEN_CLIENT)
		report_timeline__add(&restart->r->timeline, restart->ts_ns, AT_CLIENTS, -1);
	if (flags & OPEN_SERVER)
		report_timeline__add(&restart->r->timeline, restart->ts_ns, AT_SERVERS, -1);
}

static void end_open(struct report *r, uint32_t flags, const struct report_record *rec)
{
	uint64_t since = r->first_ns, from = 0;
	bool client = !strcmp(rec->role, "client");

	if (flags & OPEN_CLIENT)
		report_timeline__add(&r->timeline, rec->ts_ns, AT_CLIENTS, -1);
	else if (flags & OPEN_SERVER)
		report_timeline__add(&r->timeline, rec->ts_ns, AT_SERVERS, -1);
	else if (rec->established)
		from = report__time_ns(rec->established, strlen(rec->established));
	if (!from || (!client && strcmp(rec->role, "server") != 0))
		return;
	/* no record of it was read while it was open: from the beginning on, or from when it was made */
	report_timeline__add(&r->timeline, from > since ? from : since,
			     client ? AT_CLIENTS : AT_SERVERS, 1);
	report_timeline__add(&r->timeline, rec->ts_ns, client ? AT_CLIENTS : AT_SERVERS, -1);
}

/* --- lives --- */

static uint64_t next_random(struct report *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

/* Each life has the same chance to be kept (reservoir sampling). The same log gives the same choice. */
static struct report_life *place_for(struct report *r, struct report_lives *l)
{
	uint64_t at = l->seen++;

	if (at >= l->max)
		at = next_random(r) % l->seen;
	if (at >= l->max)
		return NULL;
	if (at == l->n)
		l->n++;
	return &l->lives[at];
}

static void copy(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%s", s ? s : "");
}

static void keep_life(struct report_life *l, const struct report_record *rec)
{
	if (!l)
		return;
	*l = (struct report_life){
		.sock = rec->sock,
		.ended_ns = rec->ts_ns,
		.duration_us = rec->duration_us,
		.tx = rec->tx_bytes,
		.rx = rec->rx_bytes,
		.lport = (uint16_t)rec->lport,
		.rport = (uint16_t)rec->rport,
		.has_bytes = rec->has_bytes,
		.time_wait = rec->time_wait,
	};
	copy(l->proto, sizeof(l->proto), rec->proto);
	copy(l->role, sizeof(l->role), rec->role);
	copy(l->reason, sizeof(l->reason), rec->reason);
	copy(l->laddr, sizeof(l->laddr), rec->laddr);
	copy(l->raddr, sizeof(l->raddr), rec->raddr);
	copy(l->comm, sizeof(l->comm), report__owner(rec));
}

static bool went_wrong(const char *reason)
{
	static const char *const fine[] = { "local-close", "remote-close", "closed", "unused" };

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		if (!strcmp(reason, fine[i]))
			return false;
	return true;
}

/* --- one function a type --- */

static void take_snapshot(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	const char *state = rec->state ? rec->state : "";

	if (!rec->lport)
		return;
	if (!strcmp(state, "LISTEN")) {
		mapped(r, rec, rec->lport)->listens++;
		report_table__note(&r->ports, port_of(r, rec, rec->lport), report__owner(rec));
	} else if (is_udp(rec)) {
		mapped(r, rec, rec->lport)->datagrams++;
	} else if (rec->rport) {
		/* which end it is was not recorded: a client's port is the higher one */
		bool client = rec->lport > rec->rport;

		if (client)
			mapped(r, rec, rec->lport)->clients++;
		set_open(r, flags, client ? OPEN_CLIENT : OPEN_SERVER, rec->ts_ns);
	} else {
		mapped(r, rec, rec->lport)->bound++;
	}
}

static void take_bind(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	(void)flags;
	if (rec->error && rec->req_port) {
		port_of(r, rec, rec->req_port)->counts[PORT_FAILED]++;
		mapped(r, rec, rec->req_port)->failed++;
	} else if (!rec->error && rec->lport && is_udp(rec)) {
		mapped(r, rec, rec->lport)->datagrams++;
		if (rec->req_port)
			report_table__note(&r->ports, port_of(r, rec, rec->lport),
					   report__owner(rec));
	} else if (!rec->error && rec->lport) {
		mapped(r, rec, rec->lport)->bound++;
	}
}

static void take_listen(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	struct report_entry *port;

	(void)flags;
	if (!rec->lport)
		return;
	port = port_of(r, rec, rec->lport);
	port->counts[rec->error ? PORT_FAILED : PORT_LISTENS]++;
	if (rec->error)
		return;
	report_table__note(&r->ports, port, report__owner(rec));
	mapped(r, rec, rec->lport)->listens++;
}

static void take_connect(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	bool failed = rec->error || rec->abandoned;
	struct report_entry *to;

	process_of(r, rec)->counts[PROCESS_CONNECTS] += !failed;
	report_timeline__add(&r->timeline, rec->ts_ns, failed ? AT_FAILED : AT_CONNECTS, 1);
	if (rec->abandoned && !rec->error) {
		report_table__get(&r->errors, "connect abandoned")->counts[ERROR_COUNT]++;
		process_of(r, rec)->counts[PROCESS_FAILED]++;
	}
	if (rec->rport) {
		to = destination_of(r, rec);
		to->counts[failed ? DEST_FAILED : DEST_CONNECTS]++;
		if (!failed && rec->has_latency) {
			to->counts[DEST_LATENCIES]++;
			to->counts[DEST_LATENCY_SUM] += rec->latency_us;
			if (rec->latency_us > to->counts[DEST_LATENCY_MAX])
				to->counts[DEST_LATENCY_MAX] = rec->latency_us;
		}
	}
	if (failed || is_udp(rec))
		return;
	if (rec->has_latency)
		report_hist__add(&r->latencies, rec->latency_us);
	set_open(r, flags, OPEN_CLIENT, rec->ts_ns);
}

static void take_accept(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	if (rec->error)
		return;
	process_of(r, rec)->counts[PROCESS_ACCEPTS]++;
	if (rec->lport)
		port_of(r, rec, rec->lport)->counts[PORT_ACCEPTS]++;
	report_timeline__add(&r->timeline, rec->ts_ns, AT_ACCEPTS, 1);
	if (rec->has_queue)
		report_hist__add(&r->waits, rec->queue_us);
	set_open(r, flags, OPEN_SERVER, rec->ts_ns);
}

static void take_peer(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	(void)flags;
	destination_of(r, rec)->counts[DEST_PEERS]++;
}

static void count_bytes(struct report *r, const struct report_record *rec)
{
	struct report_entry *process = process_of(r, rec), *e;

	process->counts[PROCESS_TX] += rec->tx_bytes;
	process->counts[PROCESS_RX] += rec->rx_bytes;
	if (!strcmp(rec->role, "server") && rec->lport) {
		e = port_of(r, rec, rec->lport);
		e->counts[PORT_CLOSES]++;
		e->counts[PORT_TX] += rec->tx_bytes;
		e->counts[PORT_RX] += rec->rx_bytes;
	} else if (!strcmp(rec->role, "client") && rec->rport && rec->has_bytes) {
		e = destination_of(r, rec);
		e->counts[DEST_TX] += rec->tx_bytes;
		e->counts[DEST_RX] += rec->rx_bytes;
	}
}

static void take_close(struct report *r, const struct report_record *rec, uint32_t *flags)
{
	static const struct {
		const char *role;
		unsigned int column;
	} roles[] = { { "client", ENDED_CLIENT },
		      { "server", ENDED_SERVER },
		      { "listener", ENDED_LISTENER },
		      { "datagram", ENDED_DATAGRAM },
		      { "idle", ENDED_IDLE } };
	struct report_entry *ended = report_table__get(&r->ended, rec->reason);
	bool client = !strcmp(rec->role, "client");

	ended->counts[ENDED_ALL]++;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		ended->counts[roles[i].column] += !strcmp(roles[i].role, rec->role);
	process_of(r, rec)->counts[PROCESS_CLOSES]++;
	report_timeline__add(&r->timeline, rec->ts_ns, AT_CLOSES, 1);
	count_bytes(r, rec);
	if (rec->established && rec->has_duration && (client || !strcmp(rec->role, "server")))
		report_hist__add(&r->durations, rec->duration_us);
	if (client && rec->lport)
		mapped(r, rec, rec->lport)->clients++;
	if (client && rec->time_wait)
		report_timeline__add(&r->timeline, rec->ts_ns, AT_TIME_WAIT, 1);
	end_open(r, flags ? *flags : 0, rec);
	keep_life(place_for(r, &r->lives), rec);
	if (went_wrong(rec->reason))
		keep_life(place_for(r, &r->failed), rec);
}

static void (*const take_own[LOG_TYPES])(struct report *r, const struct report_record *rec,
					 uint32_t *flags) = {
	[LOG_SNAPSHOT] = take_snapshot, [LOG_BIND] = take_bind,     [LOG_LISTEN] = take_listen,
	[LOG_CONNECT] = take_connect,   [LOG_ACCEPT] = take_accept, [LOG_PEER] = take_peer,
	[LOG_CLOSE] = take_close,
};

/* --- all records --- */

static void take_lost(struct report *r, const struct report_record *rec)
{
	struct report_entry *e = report_table__get(&r->losses, rec->reason);
	uint64_t from, to;

	report__lost_span(rec, &from, &to);
	/* the recorder that found it has sealed what was left: that is no sign of life of the one before */
	if (!strcmp(rec->reason, "crash"))
		report_span__crash(&r->span, from);
	e->counts[LOSS_RECORDS]++;
	e->counts[LOSS_COUNT] += rec->count;
	if (!e->counts[LOSS_FROM] || from < e->counts[LOSS_FROM])
		e->counts[LOSS_FROM] = from;
	if (to > e->counts[LOSS_TO])
		e->counts[LOSS_TO] = to;
}

static void take_host(struct report *r, const char *host)
{
	for (size_t i = 0; i < r->n_hosts; i++)
		if (!strcmp(r->hosts[i], host))
			return;
	if (r->n_hosts == REPORT_HOSTS_MAX) {
		r->more_hosts = true;
		return;
	}
	r->hosts[r->n_hosts] = strdup(host);
	r->n_hosts += r->hosts[r->n_hosts] != NULL;
}

static void take_start(struct report *r, const struct report_record *rec)
{
	struct restart restart = { .r = r, .ts_ns = rec->ts_ns };

	take_host(r, rec->host);
	copy(r->kernel, sizeof(r->kernel), rec->kernel);
	copy(r->version, sizeof(r->version), rec->version);
	/* what was open then may have closed unseen: what still is comes as a snapshot */
	if (rec->type == LOG_START || rec->has_gap)
		report_open__restart(r->open, gone, &restart);
}

/* One match admits a socket until its close. */
static bool admitted(const struct report *r, const struct report_record *rec, uint32_t *flags)
{
	if (!report_filter__chooses(r->filter) || (flags && *flags & OPEN_ADMITTED))
		return true;
	if (!report_filter__match(r->filter, rec))
		return false;
	if (flags)
		*flags |= OPEN_ADMITTED;
	return true;
}

static void count(struct report *r, const struct report_record *rec)
{
	r->taken++;
	r->types[rec->type]++;
	if (!r->first_ns || rec->ts_ns < r->first_ns)
		r->first_ns = rec->ts_ns;
	if (rec->ts_ns > r->last_ns)
		r->last_ns = rec->ts_ns;
}

static void take_range(struct report *r, const struct report_record *rec)
{
	struct report_range n = { .low = report__member_u64(rec->settings, "range_low"),
				  .high = report__member_u64(rec->settings, "range_high"),
				  .own = report__member_bool(rec->settings, "own") };
	uint64_t reserved = report__member_u64(rec->settings, "reserved");

	if (n.high < n.low || n.high > UINT16_MAX || reserved > n.high - n.low ||
	    (r->range.own && !n.own))
		return;
	n.capacity = n.high - n.low + 1 - reserved;
	r->range = n;
}

static void take_socket(struct report *r, const struct report_record *rec)
{
	uint32_t *flags = report_open__get(r->open, rec->boot, rec->sock);

	r->untracked += !flags;
	if (admitted(r, rec, flags) && in_time(r, rec->ts_ns) &&
	    report_filter__wants(r->filter, rec)) {
		count(r, rec);
		process_of(r, rec)->counts[PROCESS_RECORDS]++;
		if (rec->error)
			count_failure(r, rec);
		if (take_own[rec->type])
			take_own[rec->type](r, rec, flags);
	}
	if (rec->type == LOG_CLOSE)
		report_open__remove(r->open, rec->boot, rec->sock);
}

static void take_process(struct report *r, const struct report_record *rec)
{
	report_filter__process(r->filter, rec);
	if (rec->exe)
		report_table__note(&r->processes, report_table__get(&r->processes, rec->comm),
				   rec->exe);
}

void report__take(struct report *r, const struct report_record *rec)
{
	bool now = in_time(r, rec->ts_ns);

	if (log_type__of_socket(rec->type)) {
		if (rec->settings && now)
			take_range(r, rec);
		take_socket(r, rec);
		return;
	}
	if (rec->type == LOG_FINDING) {
		if (!now || !admitted(r, rec, NULL) || !report_filter__wants(r->filter, rec))
			return;
		count(r, rec);
		report_finding__take(r, rec);
		return;
	}
	if (rec->type == LOG_PROCESS)
		take_process(r, rec);
	if (rec->type == LOG_START || rec->type == LOG_SEGMENT)
		take_start(r, rec);
	if (!now)
		return;
	count(r, rec);
	take_host(r, rec->host);
	if (rec->type == LOG_LOST)
		take_lost(r, rec);
	r->clock_steps += rec->type == LOG_CLOCK;
}

void report__end(struct report *r)
{
	report_span__end(&r->span);
	qsort(r->findings, r->n_findings, sizeof(*r->findings), report__by_time);
}

const char *report__service(const char *proto, unsigned int port)
{
	const struct servent *s = getservbyport(htons((uint16_t)port), proto);

	return s && s->s_name ? s->s_name : "";
}
