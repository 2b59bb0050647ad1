// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_json.c - one object a line: each socket (`port`), then each namespace (`netns`), then, of the
 * port asked about, each bind() that could be tried (`prediction`).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "json_fields.h"
#include "log.h"
#include "ports_print.h"

struct writer {
	const struct ports_print *c;
	struct buf line, common;
	struct stamp now, then;
	uint64_t seq;
	uint32_t netns; /* of the predictions being asked for */
};

static void begin(struct writer *w, const char *type)
{
	w->line.len = 0;
	w->line.failed = false;
	fields__head(&w->line, &w->common, &w->now, w->c->wall, ++w->seq, w->c->now_ns, type);
}

static void end(struct writer *w)
{
	json__close(&w->line, '}');
	buf__char(&w->line, '\n');
	if (w->line.failed)
		out__fail(w->c->out, -ENOMEM);
	else
		out__put(w->c->out, w->line.data, w->line.len);
}

static void put_service(struct writer *w, uint8_t proto, uint16_t port)
{
	const char *name = services__name(w->c->services, proto, port);

	if (name)
		json__put_string(&w->line, "service", name);
}

static void put_process(struct buf *b, const struct ports_process *process, int32_t fd)
{
	json__open(b, '{');
	fields__proc(b, &process->proc);
	if (!process->uid_unknown)
		json__put_u64(b, "uid", process->uid);
	if (process->user[0])
		json__put_string(b, "user", process->user);
	if (process->nspid && process->nspid != process->proc.tgid)
		json__put_u64(b, "nspid", process->nspid);
	if (fd >= 0)
		json__put_u64(b, "fd", (uint64_t)fd);
	if (process->cgroup)
		json__put_string(b, "cgroup", process->cgroup);
	if (process->container[0])
		json__put_string(b, "container", process->container);
	fields__workload(b, process->workload);
	json__close(b, '}');
}

/* A socket cannot be older than its first process: the kernel does not keep when it was bound. */
static void put_processes(struct writer *w, const struct ports_sock *s)
{
	const struct ports *p = w->c->ports;
	struct buf *b = &w->line;
	uint64_t first = UINT64_MAX;
	uint32_t use;

	json__key(b, "processes");
	json__open(b, '[');
	for (use = s->uses; use != PORTS_NONE; use = p->uses[use].next) {
		const struct ports_process *process = &p->processes[p->uses[use].process];

		put_process(b, process, p->uses[use].fd);
		if (process->proc.start_ns < first)
			first = process->proc.start_ns;
	}
	json__close(b, ']');
	if (s->uses != PORTS_NONE)
		fields__time(b, &w->then, w->c->wall, "since", first);
}

static void put_queue(struct buf *b, const struct ports_sock *s)
{
	if (!s->in_diag || s->time_wait)
		return;
	if (s->role != PORTS_LISTENER) {
		json__put_u64(b, "recv_q", s->queue);
		json__put_u64(b, "send_q", s->limit);
	} else {
		json__put_u64(b, "queue", s->queue);
		json__put_u64(b, "queue_limit", s->limit);
	}
	if (s->role == PORTS_LISTENER || s->role == PORTS_DATAGRAM)
		json__put_u64(b, "drops", s->drops);
}

static void put_connections(struct buf *b, const struct ports *p, const struct ports_sock *s)
{
	if (s->role == PORTS_LISTENER) {
		json__put_u64(b, "connections", s->connections);
		json__put_u64(b, "time_wait", s->time_waits);
		if (s->half_open)
			json__put_u64(b, "half_open", s->half_open);
	}
	if (s->time_wait)
		json__put_u64(b, "expires_ms", s->expires_ms);
	if (s->listener != PORTS_NONE)
		json__put_id(b, "listener", p->socks[s->listener].sock.cookie);
}

/* family and ends, the socket's id before them. */
static void put_identity(struct buf *b, const struct ports_sock *s)
{
	if (s->sock.cookie)
		json__put_id(b, "sock", s->sock.cookie);
	if (s->sock.inode)
		json__put_u64(b, "inode", s->sock.inode);
	json__put_string(b, "proto", sink__proto_name(s->sock.proto));
	if (s->mptcp)
		json__put_bool(b, "mptcp", true);
	fields__ends(b, &s->sock, true, s->sock.raddr, s->sock.rport);
	json__put_string(b, "state", sink__state_name(s->state));
}

/* Of a log, which knows what the kernel does not keep. */
static void put_times(struct writer *w, const struct ports_sock *s)
{
	struct buf *b = &w->line;

	if (!w->c->at)
		return;
	fields__time(b, &w->then, w->c->wall, "created", s->sock.created_ns);
	fields__time(b, &w->then, w->c->wall, "bound", s->bound_ns);
	fields__time(b, &w->then, w->c->wall, "listening", s->listening_ns);
	fields__time(b, &w->then, w->c->wall, "established", s->established_ns);
}

static void write_sock(struct writer *w, const struct ports_sock *s)
{
	const struct ports *p = w->c->ports;
	struct buf *b = &w->line;

	begin(w, "port");
	put_identity(b, s);
	fields__netns(b, &s->sock);
	if (p->netns[s->netns].name[0])
		json__put_string(b, "netns_name", p->netns[s->netns].name);
	json__put_string(b, "role", ports_role_names[s->role]);
	put_service(w, s->sock.proto, s->sock.lport);
	if (p->netns[s->netns].facts.range_high || s->sock.lport < PRIVILEGED_END)
		json__put_string(b, "class", ports__class(&p->netns[s->netns], s->sock.lport));
	if (s->in_diag && !s->time_wait)
		json__put_u64(b, "uid", s->uid);
	put_processes(w, s);
	if (s->options_known)
		fields__options(b, &s->sock);
	put_queue(b, s);
	put_connections(b, p, s);
	put_times(w, s);
	if (s->uses != PORTS_NONE) {
		json__key(b, "inferred");
		json__open(b, '[');
		json__string(b, "since");
		json__close(b, ']');
	}
	end(w);
}

/* --- namespaces --- */

static void put_pair(struct buf *b, const struct ports_netns *n, const struct ports_pair *pair)
{
	json__open(b, '{');
	json__put_string(b, "proto", "tcp");
	json__put_string(b, "family", pair->family == AF_INET ? "ipv4" : "ipv6");
	if (pair->family != AF_INET && addr__is_ipv4(pair->raddr, pair->family))
		json__put_bool(b, "mapped", true);
	fields__addr(b, "laddr", pair->laddr, pair->family);
	fields__addr(b, "raddr", pair->raddr, pair->family);
	json__put_u64(b, "rport", pair->rport);
	json__put_u64(b, "live", pair->live);
	json__put_u64(b, "time_wait", pair->time_wait);
	json__put_u64(b, "reusable", pair->reusable);
	json__put_u64(b, "used", pair->used);
	json__put_u64(b, "capacity", n->capacity);
	json__put_u64(b, "percent", n->capacity ? 100ull * pair->used / n->capacity : 0);
	json__close(b, '}');
}

static void put_budget(struct buf *b, const struct ports_netns *n)
{
	size_t i;

	json__put_u64(b, "range_low", n->facts.range_low);
	json__put_u64(b, "range_high", n->facts.range_high);
	json__put_u64(b, "reserved", n->facts.reserved);
	json__put_u64(b, "capacity", n->capacity);
	json__put_u64(b, "tcp_used", n->tcp_used);
	json__put_u64(b, "tcp_bound", n->tcp_kept);
	json__put_u64(b, "udp_used", n->udp_used);
	json__put_u64(b, "time_wait", n->facts.time_wait);
	json__put_u64(b, "max_time_wait", n->facts.max_time_wait);
	json__put_u64(b, "tw_reuse", n->facts.tw_reuse);
	json__put_u64(b, "unprivileged_start", n->facts.unprivileged_start);
	json__key(b, "tightest");
	json__open(b, '[');
	for (i = 0; i < n->n_tightest; i++)
		put_pair(b, n, &n->tightest[i]);
	json__close(b, ']');
}

static void put_port(struct writer *w, const struct ports_netns *n)
{
	struct buf *b = &w->line;
	uint16_t port = w->c->port;

	json__put_u64(b, "port", port);
	put_service(w, IPPROTO_TCP, port);
	json__put_string(b, "class", ports__class(n, port));
	json__put_bool(b, "port_reserved", n->facts.port_reserved);
	json__put_bool(b, "port_privileged", port < n->facts.unprivileged_start);
	json__put_bool(b, "port_ephemeral", ports__in_range(n, port));
}

static void write_netns(struct writer *w, const struct ports_netns *n)
{
	struct buf *b = &w->line;

	begin(w, "netns");
	json__put_u64(b, "netns", n->ref.inode);
	if (n->ref.cookie)
		json__put_id(b, "netns_cookie", n->ref.cookie);
	if (n->name[0])
		json__put_string(b, "name", n->name);
	if (n->own)
		json__put_bool(b, "own", true);
	if (n->process != PORTS_NONE)
		fields__proc(b, &w->c->ports->processes[n->process].proc);
	if (n->error)
		json__put_string(b, "incomplete", log__errno(n->error));
	json__put_u64(b, "sockets", n->sockets);
	if (n->facts.range_high) {
		put_budget(b, n);
		if (w->c->port)
			put_port(w, n);
	}
	end(w);
}

/* --- predictions --- */

static void put_holder(struct writer *w, const struct ports_sock *s)
{
	struct buf *b = &w->line;

	json__open(b, '{');
	put_identity(b, s);
	if (s->in_diag && !s->time_wait)
		json__put_u64(b, "uid", s->uid);
	put_processes(w, s);
	if (s->options_known)
		fields__options(b, &s->sock);
	json__close(b, '}');
}

static void write_prediction(struct writer *w, const struct ports_question *q)
{
	const struct ports_netns *n = &w->c->ports->netns[w->netns];
	const struct ev_sock asked = { .options = q->options };
	struct buf *b = &w->line;
	struct ports_answer a;
	size_t i;

	ports__predict(w->c->ports, w->netns, q, &a);
	begin(w, "prediction");
	json__put_u64(b, "netns", n->ref.inode);
	if (n->ref.cookie)
		json__put_id(b, "netns_cookie", n->ref.cookie);
	json__put_string(b, "proto", sink__proto_name(q->proto));
	json__put_string(b, "family", q->family == AF_INET ? "ipv4" : "ipv6");
	if (q->other)
		json__put_bool(b, "other", true);
	if (!q->other && q->family != AF_INET && addr__is_ipv4(q->laddr, q->family))
		json__put_bool(b, "mapped", true);
	if (!q->other)
		fields__addr(b, "laddr", q->laddr, q->family);
	json__put_u64(b, "lport", q->port);
	fields__options(b, &asked);
	json__put_u64(b, "uid", q->uid);
	json__put_string(b, "would", a.error ? log__errno(a.error) : "succeed");
	if (conflict_names[a.rule])
		json__put_string(b, "rule", conflict_names[a.rule]);
	if (a.estimated)
		json__put_bool(b, "estimated", true);
	json__put_u64(b, "holders_total", a.holders_total);
	json__key(b, "holders");
	json__open(b, '[');
	for (i = 0; i < a.n_holders; i++)
		put_holder(w, &w->c->ports->socks[a.holders[i]]);
	json__close(b, ']');
	end(w);
}

/* An address, with every set of options that can make a difference there. */
static void predict_address(void *arg, const struct ports_question *address)
{
	static const uint32_t sets[] = { 0, OPT_REUSEADDR, OPT_REUSEPORT,
					 OPT_REUSEADDR | OPT_REUSEPORT };
	struct ports_question q = *address;
	struct writer *w = arg;
	bool v6only = q.family != AF_INET && !addr__is_ipv4(q.laddr, q.family);
	size_t i;

	q.uid = w->c->uid;
	q.privileged = w->c->privileged;
	for (i = 0; i < (v6only ? 8 : 4); i++) {
		q.options = sets[i % 4] | (i < 4 ? 0 : OPT_V6ONLY);
		write_prediction(w, &q);
	}
}

/* --- a moment of the past --- */

static void put_gap(struct writer *w, const struct past_read *at)
{
	const struct gap *g = &at->gap;
	struct buf *b = &w->line;

	json__key(b, "gap");
	json__open(b, '{');
	json__put_string(b, "reason", g->reason);
	if (g->from_ns) {
		json__key(b, "from");
		json__time(b, &w->then, g->from_ns);
	}
	if (g->to_ns != UINT64_MAX) {
		json__key(b, "to");
		json__time(b, &w->then, g->to_ns);
	}
	if (g->missing)
		json__put_u64(b, "missing_records", g->missing);
	if (at->lost_count) {
		json__put_string(b, "lost", at->lost_reason);
		json__put_u64(b, "count", at->lost_count);
	}
	json__close(b, '}');
}

/* What else the answer lacks. */
static void put_known(struct writer *w, const struct past_read *at)
{
	struct buf *b = &w->line;

	if (at->run_ns) {
		json__key(b, "time_wait_since");
		json__time(b, &w->then, at->run_ns);
	}
	if (at->lost)
		json__put_u64(b, "lost", at->lost);
	if (at->missing)
		json__put_u64(b, "missing_records", at->missing);
	if (past__left_out(at->past))
		json__put_u64(b, "left_out", past__left_out(at->past));
	if (at->tell.bad_lines)
		json__put_u64(b, "unreadable_lines", at->tell.bad_lines);
	if (at->tell.bad_files)
		json__put_u64(b, "unreadable_files", at->tell.bad_files);
	if (at->args)
		json__put_string(b, "recorder", at->args);
	json__put_bool(b, "filtered", at->filtered);
}

static void write_at(struct writer *w)
{
	const struct past_read *at = w->c->at;
	struct buf *b = &w->line;
	size_t i;

	begin(w, "at");
	json__key(b, "at");
	json__time(b, &w->then, at->at_ns);
	json__put_bool(b, "covered", at->covered);
	json__key(b, "log");
	json__open(b, '[');
	for (i = 0; i < at->n_logs; i++)
		json__string(b, at->logs[i]);
	json__close(b, ']');
	if (at->covered)
		put_known(w, at);
	else
		put_gap(w, at);
	end(w);
}

static void print_model(struct writer *w)
{
	const struct ports_print *c = w->c;
	const struct ports *p = c->ports;
	uint32_t i;

	for (i = 0; i < p->n_socks; i++)
		if (p->socks[p->order[i]].shown)
			write_sock(w, &p->socks[p->order[i]]);
	for (i = 0; i < p->n_netns; i++)
		if (ports_print__wants(c, &p->netns[i]))
			write_netns(w, &p->netns[i]);
	for (i = 0; i < p->n_netns && c->port && !c->at; i++) {
		w->netns = i;
		if (!ports_print__wants(c, &p->netns[i]))
			continue;
		ports__addresses(p, i, c->port, IPPROTO_TCP, predict_address, w);
		ports__addresses(p, i, c->port, IPPROTO_UDP, predict_address, w);
	}
}

void ports_json__print(const struct ports_print *c)
{
	struct writer w = { .c = c };

	fields__common(&w.common, c->boot_id, c->host);
	if (c->at)
		write_at(&w);
	if (!c->at || c->at->covered)
		print_model(&w);
	buf__free(&w.line);
	buf__free(&w.common);
}
