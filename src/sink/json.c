// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sink/json.c - one JSON object a line, the fields as docs and interface name them. The same line is
 * what the audit log keeps, so that a reader of one reads the other.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include "json_fields.h"
#include "kernel.h"
#include "log.h"
#include "sink.h"

struct sink_json {
	struct sink sink;
	struct sink_config config;
	struct buf line;
	struct buf common;      /* ,"boot":...,"host":...,"type": the same in every record */
	struct stamp now, then; /* of the record, of the times inside it: they differ by seconds */
};

static const struct {
	uint32_t bit;
	const char *fields[5];
} inferred_fields[] = {
	{ INFERRED_OWNER, { "owner" } },
	{ INFERRED_PROCESS, { "proc", "pid", "comm" } },
	{ INFERRED_CREATED, { "created" } },
	{ INFERRED_LISTENER, { "listener" } },
	{ INFERRED_ENDED, { "ended", "reason" } },
	{ INFERRED_LATENCY, { "latency_us" } },
	{ INFERRED_CLOSED_BY, { "closed_by" } },
	{ INFERRED_WHO, { "ppid", "parents", "euid", "loginuid", "session" } },
	{ INFERRED_EXE, { "exe" } },
	{ INFERRED_ARGS, { "args" } },
	{ INFERRED_TIME, { "ts", "boot_ns" } },
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- small parts --- */

/* A CLOCK_BOOTTIME as a time of the wall; absent where it did not happen. */
static void put_time(struct sink_json *s, const char *key, uint64_t boot_ns)
{
	fields__time(&s->line, &s->then, s->config.wall, key, boot_ns);
}

static void put_list(struct buf *b, const char *key, const char *const *list, size_t max)
{
	size_t i;

	json__key(b, key);
	json__open(b, '[');
	for (i = 0; i < max && list[i]; i++)
		json__string(b, list[i]);
	json__close(b, ']');
}

/* --- the socket and the process --- */

static int known_fd(const struct record *r)
{
	if (r->fd >= 0)
		return r->fd;
	if (r->type == RECORD_ACCEPT && !r->error)
		return r->u.accept->fd;
	return r->type == RECORD_SNAPSHOT && r->u.snapshot ? r->u.snapshot->fd : -1;
}

static void put_sock(struct buf *b, const struct record *r)
{
	const struct ev_sock *sock = r->sock;
	const uint8_t *raddr = sock->raddr;
	uint16_t rport = sock->rport;
	bool local = sink__has_local(sock) || (r->type == RECORD_BIND && !r->error);

	if (r->type == RECORD_PEER) {
		raddr = r->u.peer->addr;
		rport = r->u.peer->port;
	} else if (r->type == RECORD_BIND || r->type == RECORD_LISTEN) {
		rport = 0;
	}
	json__put_id(b, "sock", sock->cookie);
	if (sock->inode)
		json__put_u64(b, "inode", sock->inode);
	if (known_fd(r) >= 0)
		json__put_u64(b, "fd", (uint64_t)known_fd(r));
	json__put_string(b, "proto", sink__proto_name(sock->proto));
	fields__ends(b, sock, local, raddr, rport);
	json__put_string(b, "state", sink__state_name(sock->state));
	fields__netns(b, sock);
}

static void put_cgroup(struct buf *b, uint64_t id, const char *path, const char *container)
{
	if (path)
		json__put_string(b, "cgroup", path);
	if (id)
		json__put_id(b, "cgroup_id", id);
	if (container)
		json__put_string(b, "container", container);
}

/* Without a tid only the process is known (a close by the kernel, told of the owner). */
static void put_actor(struct buf *b, const struct ev_actor *a, const char *cgroup,
		      const char *container)
{
	if (!a || !a->proc.tgid)
		return;
	fields__proc(b, &a->proc);
	if (a->tid) {
		json__put_u64(b, "tid", a->tid);
		if (a->thread[0] && strncmp(a->thread, a->proc.comm, COMM_LEN) != 0)
			fields__comm(b, "thread", a->thread);
		json__put_u64(b, "uid", a->uid);
		if (a->nspid && a->nspid != a->proc.tgid)
			json__put_u64(b, "nspid", a->nspid);
	}
	put_cgroup(b, a->cgroup_id, cgroup, container);
}

static void put_owner(struct buf *b, const struct ev_owner *owner)
{
	if (!owner || !owner->tgid)
		return;
	json__key(b, "owner");
	json__open(b, '{');
	fields__proc(b, owner);
	json__close(b, '}');
}

static void put_inferred(struct buf *b, uint32_t inferred)
{
	size_t i, k;

	if (!inferred)
		return;
	json__key(b, "inferred");
	json__open(b, '[');
	for (i = 0; i < ARRAY_SIZE(inferred_fields); i++)
		for (k = 0; k < ARRAY_SIZE(inferred_fields[i].fields) &&
			    (inferred & inferred_fields[i].bit) && inferred_fields[i].fields[k];
		     k++)
			json__string(b, inferred_fields[i].fields[k]);
	json__close(b, ']');
}

/* --- one function a type: its own fields --- */

static void put_since_us(struct buf *b, const char *key, uint64_t from_ns, uint64_t to_ns)
{
	if (from_ns)
		json__put_u64(b, key, to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0);
}

static void put_parents(struct buf *b, const struct process *p)
{
	size_t i;

	json__put_u64(b, "ppid", p->n_parents ? p->parents[0].tgid : 0);
	json__key(b, "parents");
	json__open(b, '[');
	for (i = 0; i < p->n_parents; i++) {
		json__open(b, '{');
		fields__proc(b, &p->parents[i]);
		if (p->parent_exe[i])
			json__put_string(b, "exe", p->parent_exe[i]);
		json__close(b, '}');
	}
	json__close(b, ']');
}

static void put_args(struct buf *b, const struct process *p)
{
	const char *from = p->args, *end = p->args + p->args_len;

	json__key(b, "args");
	json__open(b, '[');
	for (; from < end; from += strnlen(from, end - from) + 1)
		json__bytes(b, from, strnlen(from, end - from));
	json__close(b, ']');
}

static void write_process(struct sink_json *s, const struct record *r)
{
	const struct process *p = r->u.process;
	struct buf *b = &s->line;

	fields__proc(b, &p->proc);
	if (p->nspid && p->nspid != p->proc.tgid)
		json__put_u64(b, "nspid", p->nspid);
	if (p->whole)
		put_parents(b, p);
	put_time(s, "started", p->proc.start_ns);
	if (p->exe)
		json__put_string(b, "exe", p->exe);
	if (p->args)
		put_args(b, p);
	if (p->uid_known)
		json__put_u64(b, "uid", p->uid);
	if (p->whole)
		json__put_u64(b, "euid", p->euid);
	if (p->user[0])
		json__put_string(b, "user", p->user);
	if (p->whole) {
		json__put_u64(b, "loginuid", p->loginuid);
		json__put_u64(b, "session", p->session);
	}
	put_cgroup(b, p->cgroup_id, r->cgroup, r->container);
	fields__workload(b, r->workload);
}

static void write_snapshot(struct sink_json *s, const struct record *r)
{
	const struct retold *k = r->retold;

	if (!k || k->options_known)
		fields__options(&s->line, r->sock);
	if (!k)
		return;
	put_time(s, "created", k->created_ns);
	put_time(s, "bound", k->bound_ns);
	put_time(s, "listening", k->listening_ns);
	put_time(s, "established", k->established_ns);
}

static void write_bind(struct sink_json *s, const struct record *r)
{
	const struct ev_bind *e = r->u.bind;
	struct buf *b = &s->line;

	if (e->req_known) {
		fields__addr(b, "req_addr", e->req_addr, r->sock->family);
		json__put_u64(b, "req_port", e->req_port);
	}
	fields__options(b, r->sock);
	if (e->automatic)
		json__put_bool(b, "auto", true);
}

static void write_listen(struct sink_json *s, const struct record *r)
{
	json__put_u64(&s->line, "backlog", r->u.listen->backlog);
}

static void write_connect(struct sink_json *s, const struct record *r)
{
	const struct ev_connect *e = r->u.connect;
	struct buf *b = &s->line;

	put_since_us(b, "latency_us", e->started_ns, r->boot_ns);
	if (r->sock->proto == IPPROTO_UDP)
		return;
	json__put_bool(b, "async", e->async);
	if (e->abandoned)
		json__put_bool(b, "abandoned", true);
	json__put_bool(b, "syn_sent", e->syn_sent);
}

static void write_accept(struct sink_json *s, const struct record *r)
{
	const struct ev_accept *e = r->u.accept;

	if (e->listener)
		json__put_id(&s->line, "listener", e->listener);
	put_since_us(&s->line, "queue_us", e->established_ns, r->boot_ns);
}

static void write_state(struct sink_json *s, const struct record *r)
{
	json__put_string(&s->line, "old", sink__state_name(r->u.state->old_state));
	json__put_string(&s->line, "new", sink__state_name(r->u.state->new_state));
}

static void put_closed_by(struct buf *b, const struct record *r)
{
	const struct life *l = r->u.life;

	if (l->closed_by_kernel) {
		json__key(b, "closed_by");
		json__open(b, '{');
		json__put_bool(b, "kernel", true);
		json__close(b, '}');
	} else if (l->closed_by_known && r->actor && r->actor->proc.tgid) {
		json__key(b, "closed_by");
		json__open(b, '{');
		fields__proc(b, &r->actor->proc);
		if (l->closed_by_exit)
			json__put_bool(b, "exit", true);
		json__close(b, '}');
	}
}

static void put_counters(struct buf *b, const struct life *l)
{
	json__put_u64(b, "tx_bytes", l->tx_bytes);
	json__put_u64(b, "rx_bytes", l->rx_bytes);
	if (l->unacked_bytes)
		json__put_u64(b, "unacked_bytes", l->unacked_bytes);
	if (l->unread_bytes)
		json__put_u64(b, "unread_bytes", l->unread_bytes);
	json__put_u64(b, "retrans", l->retrans);
	if (l->srtt_us)
		json__put_u64(b, "srtt_us", l->srtt_us);
}

static void put_subflows(struct buf *b, const struct life *l)
{
	size_t i;

	json__key(b, "subflows");
	json__open(b, '[');
	for (i = 0; i < l->n_subflows; i++)
		json__id(b, l->subflows[i]);
	json__close(b, ']');
}

static void write_close(struct sink_json *s, const struct record *r)
{
	const struct life *l = r->u.life;
	struct buf *b = &s->line;

	json__put_string(b, "role", role_names[l->role]);
	put_time(s, "created", l->created_ns);
	put_time(s, "bound", l->bound_ns);
	put_time(s, "listening", l->listening_ns);
	put_time(s, "established", l->established_ns);
	put_time(s, "released", l->released_ns);
	put_time(s, "ended", l->ended_ns);
	put_since_us(b, "duration_us", l->first_ns, l->ended_ns);
	if (sink__has_counters(r))
		put_counters(b, l);
	if (l->role == ROLE_LISTENER)
		json__put_u64(b, "accepted", l->accepted);
	if (l->n_subflows)
		put_subflows(b, l);
	json__put_string(b, "reason", reason_names[l->reason]);
	put_closed_by(b, r);
	if (l->time_wait)
		json__put_bool(b, "time_wait", true);
}

static void put_holder(struct sink_json *s, const struct holder *h)
{
	struct buf *b = &s->line;

	json__open(b, '{');
	if (h->sock.cookie)
		json__put_id(b, "sock", h->sock.cookie);
	if (h->proc.tgid)
		fields__proc(b, &h->proc);
	if (h->uid_known)
		json__put_u64(b, "uid", h->uid);
	if (h->user[0]) {
		json__key(b, "user");
		json__bytes(b, h->user, strnlen(h->user, sizeof(h->user)));
	}
	fields__ends(b, &h->sock, sink__has_local(&h->sock), h->sock.raddr, h->sock.rport);
	json__put_string(b, "state", sink__state_name(h->sock.state));
	put_time(s, "since", h->since_ns);
	if (h->options_known)
		fields__options(b, &h->sock);
	json__close(b, '}');
}

static void put_one_evidence(struct buf *b, const struct evidence *e)
{
	switch (e->kind) {
	case EVIDENCE_NUMBER:
		json__put_u64(b, e->key, e->number);
		break;
	case EVIDENCE_FLAG:
		json__put_bool(b, e->key, e->number);
		break;
	case EVIDENCE_ADDRESS:
		fields__addr(b, e->key, e->addr, e->number);
		break;
	case EVIDENCE_TEXT:
		json__key(b, e->key);
		json__bytes(b, e->text, strnlen(e->text, sizeof(e->text)));
		break;
	}
}

static void put_processes(struct buf *b, const struct finding *f)
{
	size_t i, k;

	if (!f->n_processes)
		return;
	json__key(b, "processes");
	json__open(b, '[');
	for (i = 0; i < f->n_processes && i < FINDING_PROCESSES; i++) {
		const struct finding_process *p = &f->processes[i];

		json__open(b, '{');
		fields__proc(b, &p->proc);
		if (p->uid_known)
			json__put_u64(b, "uid", p->uid);
		for (k = 0; k < PROCESS_COUNTS && f->count_keys[k]; k++)
			json__put_u64(b, f->count_keys[k], p->counts[k]);
		json__close(b, '}');
	}
	json__close(b, ']');
}

/* A call that asks for a local port; EADDRINUSE says that somebody is in the way. */
static bool asks_for_port(const struct finding *f)
{
	return f->call && !f->any_port && (!strcmp(f->call, "bind") || !strcmp(f->call, "listen"));
}

static void put_evidence(struct buf *b, const struct finding *f)
{
	size_t i;

	json__key(b, "evidence");
	json__open(b, '{');
	json__put_u64(b, "count", f->count);
	if (f->call)
		json__put_string(b, "call", f->call);
	if (f->error)
		json__put_string(b, "error", log__errno(f->error));
	if (asks_for_port(f)) {
		fields__addr(b, "req_addr", f->sock.laddr, f->sock.family);
		json__put_u64(b, "req_port", f->sock.lport);
	}
	for (i = 0; i < f->n_evidence; i++)
		put_one_evidence(b, &f->evidence[i]);
	if (f->holders_total || (asks_for_port(f) && f->error == -EADDRINUSE))
		json__put_u64(b, "holders_total", f->holders_total);
	put_processes(b, f);
	if (f->estimated)
		json__put_bool(b, "estimated", true);
	json__close(b, '}');
}

/* A refused bind() leaves no local end: the one asked for is in the evidence. */
static void put_newcomer(struct buf *b, const struct record *r)
{
	const struct finding *f = r->u.finding;
	struct ev_sock sock = f->sock;
	bool local = sink__has_local(&sock);

	if (f->call && !strcmp(f->call, "bind")) {
		local = false;
		sock.lport = 0;
	}
	if (sock.cookie) {
		json__put_id(b, "sock", sock.cookie);
		if (sock.inode)
			json__put_u64(b, "inode", sock.inode);
		json__put_string(b, "proto", sink__proto_name(sock.proto));
		fields__ends(b, &sock, local, sock.raddr, sock.rport);
		json__put_string(b, "state", sink__state_name(sock.state));
		fields__netns(b, &sock);
	} else if (sock.netns) {
		fields__netns(b, &sock);
	}
	if (r->netns_name)
		json__put_string(b, "netns_name", r->netns_name);
	put_actor(b, &f->actor, r->cgroup, r->container);
	fields__workload(b, r->workload);
}

static void put_hex16(struct buf *b, const char *key, uint64_t v)
{
	char text[16];
	int i;

	for (i = 15; i >= 0; i--, v >>= 4)
		text[i] = "0123456789abcdef"[v & 15];
	json__key(b, key);
	json__bytes(b, text, sizeof(text));
}

static void write_finding(struct sink_json *s, const struct record *r)
{
	const struct finding *f = r->u.finding;
	struct buf *b = &s->line;
	size_t i;

	json__put_string(b, "finding", f->id);
	put_hex16(b, "key", f->key);
	json__put_string(b, "status", finding_status_names[f->status]);
	json__put_string(b, "severity", severity_names[f->severity]);
	json__key(b, "message");
	json__bytes(b, f->message, strnlen(f->message, sizeof(f->message)));
	json__key(b, "advice");
	json__bytes(b, f->advice, strnlen(f->advice, sizeof(f->advice)));
	if (f->rule)
		json__put_string(b, "rule", f->rule);
	json__key(b, "holders");
	json__open(b, '[');
	for (i = 0; i < f->n_holders && i < HOLDERS_MAX; i++)
		put_holder(s, &f->holders[i]);
	json__close(b, ']');
	put_evidence(b, f);
	put_time(s, "first", f->first_ns);
	put_time(s, "last", f->last_ns);
	put_newcomer(b, r);
}

static void write_lost(struct sink_json *s, const struct record *r)
{
	const struct lost *l = r->u.lost;

	json__put_string(&s->line, "reason", lost_names[l->reason]);
	json__put_u64(&s->line, "count", l->count);
	put_time(s, "from", l->from_ns);
	put_time(s, "to", l->to_ns);
}

static void write_clock(struct sink_json *s, const struct record *r)
{
	json__key(&s->line, "step_us");
	json__i64(&s->line, r->u.step_us);
}

/* Seconds with three decimals. */
static void put_gap(struct buf *b, uint64_t ms)
{
	char fraction[3];

	stamp__fraction(fraction, (uint32_t)(ms % 1000) * 1000000, 3);
	json__put_u64(b, "gap_s", ms / 1000);
	buf__char(b, '.');
	buf__put(b, fraction, sizeof(fraction));
}

static void write_start(struct sink_json *s, const struct record *r)
{
	const struct start *st = r->u.start;
	struct buf *b = &s->line;

	json__put_string(b, "version", st->version);
	json__put_string(b, "kernel", st->kernel);
	if (st->machine_id)
		json__put_string(b, "machine_id", st->machine_id);
	put_list(b, "args", st->args, ARRAY_SIZE(st->args));
	put_list(b, "hooks", st->hooks, START_LIST_MAX);
	put_list(b, "blind", st->blind, START_LIST_MAX);
	if (r->segment && r->segment->has_gap)
		put_gap(b, r->segment->gap_ms);
}

static void put_counts(struct buf *b, const char *key, const char *const *names,
		       const uint64_t *counts, size_t n)
{
	size_t i;

	json__key(b, key);
	json__open(b, '{');
	for (i = 0; i < n && names && names[i]; i++)
		if (counts[i])
			json__put_u64(b, names[i], counts[i]);
	json__close(b, '}');
}

static void put_signal(struct buf *b, int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = { { SIGINT, "SIGINT" },   { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" },
		      { SIGQUIT, "SIGQUIT" }, { SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" },
		      { SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" } };
	size_t i;

	json__key(b, "signal");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == number) {
			json__string(b, names[i].name);
			return;
		}
	json__id(b, (uint64_t)number);
}

static void write_stop(struct sink_json *s, const struct record *r)
{
	const struct stop *st = r->u.stop;
	struct buf *b = &s->line;

	put_counts(b, "events", record_names, st->events, RECORD_TYPES);
	put_counts(b, "lost", lost_names, st->lost, LOST_REASONS);
	put_counts(b, "findings", st->finding_ids, st->finding_counts, SIZE_MAX);
	if (st->signal)
		put_signal(b, st->signal);
	if (st->by_pid) {
		json__key(b, "by");
		json__open(b, '{');
		json__put_u64(b, "pid", st->by_pid);
		json__put_u64(b, "uid", st->by_uid);
		if (st->by_comm[0])
			fields__comm(b, "comm", st->by_comm);
		json__close(b, '}');
	}
}

static void (*const write_own[RECORD_TYPES])(struct sink_json *s, const struct record *r) = {
	[RECORD_START] = write_start,
	[RECORD_PROCESS] = write_process,
	[RECORD_SNAPSHOT] = write_snapshot,
	[RECORD_BIND] = write_bind,
	[RECORD_LISTEN] = write_listen,
	[RECORD_CONNECT] = write_connect,
	[RECORD_ACCEPT] = write_accept,
	[RECORD_PEER] = NULL,
	[RECORD_STATE] = write_state,
	[RECORD_CLOSE] = write_close,
	[RECORD_FINDING] = write_finding,
	[RECORD_LOST] = write_lost,
	[RECORD_CLOCK] = write_clock,
	[RECORD_SEGMENT] = write_start, /* the rest is the writer's, who knows its number */
	[RECORD_STOP] = write_stop,
};

/* Names and meanings as those of `netns` in `ports --json`. */
static void put_settings(struct buf *b, const struct netns_settings *s)
{
	if (!s)
		return;
	json__key(b, "settings");
	json__open(b, '{');
	if (!s->facts.foreign)
		json__put_bool(b, "own", true);
	if (s->name)
		json__put_string(b, "name", s->name);
	json__put_u64(b, "range_low", s->facts.range_low);
	json__put_u64(b, "range_high", s->facts.range_high);
	json__put_u64(b, "reserved", s->facts.reserved);
	if (s->reserved_ports)
		json__put_string(b, "reserved_ports", s->reserved_ports);
	json__put_u64(b, "max_time_wait", s->facts.max_time_wait);
	json__put_u64(b, "tw_reuse", s->facts.tw_reuse);
	json__put_u64(b, "unprivileged_start", s->facts.unprivileged_start);
	json__close(b, '}');
}

/* --- the sink --- */

static void sink_json__write(struct sink *sink, const struct record *r, uint64_t seq)
{
	struct sink_json *s = (struct sink_json *)sink;
	struct buf *b = &s->line;

	b->len = 0;
	b->failed = false;
	fields__head(b, &s->common, &s->now, s->config.wall, s->config.taker ? 0 : seq, r->boot_ns,
		     record_names[r->type]);
	if (r->type >= RECORD_SNAPSHOT && r->type <= RECORD_CLOSE) {
		put_sock(b, r);
		put_actor(b, r->actor, r->cgroup, r->container);
		put_owner(b, r->owner);
	}
	if (write_own[r->type])
		write_own[r->type](s, r);
	if (r->error && r->type != RECORD_FINDING)
		json__put_string(b, "error", log__errno(r->error));
	put_settings(b, r->settings);
	put_inferred(b, r->inferred);
	buf__put(b, "}\n", 2);
	if (s->config.taker)
		s->config.taker->take(s->config.taker->arg, r, b->data, b->failed ? 0 : b->len);
	else if (b->failed)
		out__fail(s->config.out, -ENOMEM);
	else
		out__put(s->config.out, b->data, b->len);
}

static void sink_json__free(struct sink *sink)
{
	struct sink_json *s = (struct sink_json *)sink;

	if (!s)
		return;
	buf__free(&s->line);
	buf__free(&s->common);
	free(s);
}

struct sink *sink_json__new(const struct sink_config *c, const char *boot_id, const char *host)
{
	struct sink_json *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sink = (struct sink){ .write = sink_json__write, .free = sink_json__free };
	s->config = *c;
	fields__common(&s->common, boot_id, host);
	if (s->common.failed) {
		sink_json__free(&s->sink);
		errno = ENOMEM;
		return NULL;
	}
	return &s->sink;
}
