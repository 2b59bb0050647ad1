// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - the lock, and what each kind of record changes. */
#include "top/model.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline.h"
#include "top/model_inside.h"

#define SPINS   2000 /* some 20 us */
#define MOMENTS 10

struct sink_top {
	struct sink sink;
	struct top_model *model;
};

struct top_model *top_model__new(const struct top_model_config *c)
{
	struct top_model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->config = *c;
	pthread_mutex_init(&m->lock, NULL);
	m->told = told__new();
	if (m->told && !top_table__make(&m->table))
		return m;
	top_model__free(m);
	errno = ENOMEM;
	return NULL;
}

void top_finding__put(struct top_finding *f)
{
	if (f && atomic_fetch_sub(&f->refs, 1) == 1)
		free(f);
}

void top_model__free(struct top_model *m)
{
	uint32_t i;

	if (!m)
		return;
	for (i = 0; i < m->n_findings; i++)
		top_finding__put(m->findings[i]);
	for (i = 0; i < m->n_containers; i++)
		free(m->containers[i]);
	top_ports__put(m->ports);
	listeners__free(&m->listeners);
	history__free(&m->history);
	told__free(m->told);
	top_table__free(&m->table);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void wait_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = 50000 };

	nanosleep(&moment, NULL);
}

static bool try_lock(struct top_model *m)
{
	int i;

	for (i = 0; i < SPINS; i++)
		if (!pthread_mutex_trylock(&m->lock))
			return true;
	return false;
}

void top_model__lock(struct top_model *m)
{
	while (!try_lock(m))
		wait_a_moment();
}

void top_model__let_others(struct top_model *m)
{
	int i;

	pthread_mutex_unlock(&m->lock);
	/* who waits may have no CPU to run on: that is not waited for */
	for (i = 0; i < MOMENTS && atomic_load(&m->record_waits); i++)
		wait_a_moment();
	top_model__lock(m);
}

/* To sleep and be woken costs more than the lock is mostly held for, and the next 1000 records wait behind. */
static void lock_for_record(struct top_model *m)
{
	if (try_lock(m))
		return;
	atomic_store(&m->record_waits, true);
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->record_waits, false);
}

/* --- sockets --- */

bool top_sock__is_listener(const struct top_sock *s)
{
	if (s->sock.proto != IPPROTO_UDP)
		return s->state == TCP_LISTEN;
	return !s->sock.rport && !s->auto_bound && s->sock.lport;
}

void top_model__remove_sock(struct top_model *m, uint32_t index)
{
	m->listeners.stale |= m->table.socks[index].state == TCP_LISTEN;
	history__forget(&m->history, &m->table.more[index].history);
	top_table__remove(&m->table, index);
}

static void forget_closed(struct top_model *m)
{
	uint32_t index = top_table__find(&m->table, m->closed[m->first_closed].cookie);

	m->first_closed = (m->first_closed + 1) % TOP_CLOSED_MAX;
	m->n_closed--;
	if (index != TABLE_NONE && m->table.socks[index].closed_ns)
		top_model__remove_sock(m, index);
}

void top_model__forget_old(struct top_model *m, uint64_t now_ns)
{
	uint32_t n;

	for (n = 1; m->n_closed && m->closed[m->first_closed].closed_ns + TOP_CLOSED_NS <= now_ns;
	     n++) {
		forget_closed(m);
		if (n % TOP_PORTION == 0)
			top_model__let_others(m);
	}
}

static void remember_closed(struct top_model *m, const struct top_sock *s)
{
	if (m->n_closed == TOP_CLOSED_MAX)
		forget_closed(m);
	m->closed[(m->first_closed + m->n_closed++) % TOP_CLOSED_MAX] =
		(struct closed){ .cookie = s->sock.cookie, .closed_ns = s->closed_ns };
}

uint32_t top_model__add_sock(struct top_model *m, const struct ev_sock *sock, uint64_t now_ns)
{
	uint32_t index = TABLE_NONE;
	struct top_sock *s;

	if (m->table.n < m->config.max)
		index = top_table__add(&m->table, sock->cookie);
	if (index == TABLE_NONE) {
		m->lost[LOST_TABLE]++;
		return index;
	}
	s = &m->table.socks[index];
	s->sock = *sock;
	s->state = sock->state;
	s->first_ns = sock->created_ns ? sock->created_ns : now_ns;
	s->state_ns = now_ns;
	return index;
}

/* Kept once each, so that a frame can point to it. */
static const char *keep_container(struct top_model *m, const char *id)
{
	uint32_t i;

	for (i = m->n_containers; id && i > 0; i--)
		if (!strcmp(m->containers[i - 1], id))
			return m->containers[i - 1];
	if (!id || m->n_containers == TOP_CONTAINERS)
		return NULL;
	m->containers[m->n_containers] = strdup(id);
	return m->containers[m->n_containers] ? m->containers[m->n_containers++] : NULL;
}

void top_model__set_state(struct top_sock *s, uint8_t state, uint64_t now_ns)
{
	if (s->state != state)
		s->state_ns = now_ns;
	s->state = state;
}

/* --- records --- */

static void set_process(struct top_model *m, struct top_sock *s, const struct record *r)
{
	const struct ev_owner before = s->sock.owner;
	const struct ev_actor *a = r->actor;

	s->sock = *r->sock;
	if (!s->sock.owner.tgid)
		s->sock.owner = before.tgid || !a ? before : a->proc;
	if (!a || a->proc.tgid != s->sock.owner.tgid || a->proc.start_ns != s->sock.owner.start_ns)
		return;
	memcpy(s->sock.owner.comm, a->proc.comm, COMM_LEN);
	s->uid = a->uid;
	s->uid_known = true;
	if (r->container)
		s->container = keep_container(m, r->container);
}

static void on_bind(struct top_model *m, struct top_sock *s, const struct record *r,
		    struct top_event *e)
{
	(void)m;
	memcpy(e->addr, r->u.bind->req_addr, ADDR_LEN);
	e->port = r->u.bind->req_port;
	e->a = r->u.bind->automatic;
	e->b = r->u.bind->req_known;
	s->options_known = true;
	if (r->error)
		return;
	s->bound_ns = r->boot_ns;
	s->auto_bound = r->u.bind->automatic;
}

static void on_listen(struct top_model *m, struct top_sock *s, const struct record *r,
		      struct top_event *e)
{
	e->a = r->u.listen->backlog;
	s->options_known = true;
	if (r->error)
		return;
	m->listeners.stale = true;
	top_model__set_state(s, TCP_LISTEN, r->boot_ns);
	s->limit = r->u.listen->backlog;
	if (!s->listening_ns)
		s->listening_ns = r->boot_ns;
}

static void on_connect(struct top_model *m, struct top_sock *s, const struct record *r,
		       struct top_event *e)
{
	const struct ev_connect *c = r->u.connect;

	e->a = c->started_ns && r->boot_ns > c->started_ns ? r->boot_ns - c->started_ns : 0;
	e->b = c->abandoned;
	memcpy(e->addr, s->sock.raddr, ADDR_LEN);
	e->port = s->sock.rport;
	if (r->error || c->abandoned)
		return;
	s->established_ns = r->boot_ns;
	m->opened.total++;
}

static void on_accept(struct top_model *m, struct top_sock *s, const struct record *r,
		      struct top_event *e)
{
	const struct ev_accept *a = r->u.accept;
	uint32_t from;

	if (r->error)
		return;
	m->opened.total++;
	s->listener = a->listener;
	s->queued = false;
	if (a->established_ns) {
		s->established_ns = a->established_ns;
		s->first_ns = s->first_ns > a->established_ns ? a->established_ns : s->first_ns;
		s->queued_ns = r->boot_ns > a->established_ns ? r->boot_ns - a->established_ns : 0;
	}
	e->a = s->queued_ns;
	e->b = a->listener;
	from = a->listener ? top_table__find(&m->table, a->listener) : TABLE_NONE;
	if (from != TABLE_NONE)
		m->table.socks[from].accepted++;
}

static void on_peer(struct top_model *m, struct top_sock *s, const struct record *r,
		    struct top_event *e)
{
	(void)m;
	(void)s;
	memcpy(e->addr, r->u.peer->addr, ADDR_LEN);
	e->port = r->u.peer->port;
}

static void on_snapshot(struct top_model *m, struct top_sock *s, const struct record *r,
			struct top_event *e)
{
	(void)e;
	s->options_known = true;
	if (s->state != TCP_LISTEN)
		return;
	m->listeners.stale = true;
	s->limit = r->u.snapshot ? r->u.snapshot->backlog : 0;
}

static void on_close(struct top_model *m, struct top_sock *s, const struct record *r,
		     struct top_event *e)
{
	const struct life *l = r->u.life;

	m->listeners.stale |= s->state == TCP_LISTEN;
	m->ended.total += l->established_ns != 0;
	s->closed_ns = r->boot_ns;
	s->first_ns = l->first_ns;
	s->bound_ns = l->bound_ns;
	s->listening_ns = l->listening_ns;
	s->established_ns = l->established_ns;
	s->role = l->role;
	s->reason = l->reason;
	s->time_wait = l->time_wait;
	s->tx_rate = s->rx_rate = 0;
	s->queued = false;
	if (sink__has_counters(r)) {
		s->has_counters = true;
		s->tx_bytes = l->tx_bytes;
		s->rx_bytes = l->rx_bytes;
		s->retrans = l->retrans;
		s->srtt_us = l->srtt_us;
	}
	if (l->role == ROLE_LISTENER)
		s->accepted = l->accepted;
	e->a = l->tx_bytes;
	e->b = l->rx_bytes;
	e->state = l->reason;
	remember_closed(m, s);
}

static void (*const handlers[RECORD_TYPES])(struct top_model *m, struct top_sock *s,
					    const struct record *r, struct top_event *e) = {
	[RECORD_SNAPSHOT] = on_snapshot, [RECORD_BIND] = on_bind,     [RECORD_LISTEN] = on_listen,
	[RECORD_CONNECT] = on_connect,   [RECORD_ACCEPT] = on_accept, [RECORD_PEER] = on_peer,
	[RECORD_CLOSE] = on_close,
};

/* A full table lets closed sockets go first: they are there for the eye only. */
static uint32_t find_or_add(struct top_model *m, const struct record *r)
{
	uint32_t index = top_table__find(&m->table, r->sock->cookie);

	if (index != TABLE_NONE)
		return index;
	if (m->table.n >= m->config.max && m->n_closed)
		forget_closed(m);
	return top_model__add_sock(m, r->sock, r->boot_ns);
}

static void on_socket(struct top_model *m, const struct record *r)
{
	struct top_event e = {
		.boot_ns = r->boot_ns, .type = r->type, .family = r->sock->family, .error = r->error
	};
	uint32_t index = find_or_add(m, r);
	struct top_sock *s;

	if (index == TABLE_NONE)
		return;
	s = &m->table.socks[index];
	if (s->closed_ns)
		return; /* it was told to be missing after a loss, and now its records come */
	s->from_kernel = false;
	set_process(m, s, r);
	if (r->type != RECORD_CLOSE)
		top_model__set_state(s, r->sock->state, r->boot_ns);
	if (r->actor) {
		e.pid = r->actor->proc.tgid;
		memcpy(e.comm, r->actor->proc.comm, COMM_LEN);
	}
	if (r->error)
		s->error = r->error;
	handlers[r->type](m, s, r, &e);
	s->chosen |= pipeline__chosen(m->config.chosen, r);
	history__add(&m->history, &m->table.more[index].history, &e);
}

static void on_finding(struct top_model *m, const struct record *r)
{
	struct top_finding *f = malloc(sizeof(*f)), *before = NULL;
	uint32_t i, index;

	if (!f)
		return;
	atomic_init(&f->refs, 1);
	f->f = *r->u.finding;
	f->opened_ns = f->f.first_ns;
	for (i = m->n_findings; i > 0 && !before; i--)
		if (m->findings[i - 1]->f.key == f->f.key &&
		    m->findings[i - 1]->f.status != FINDING_CLOSED)
			before = m->findings[i - 1];
	f->seq = before ? before->seq : ++m->finding_seq;
	index = top_table__find(&m->table, f->f.sock.cookie);
	if (f->f.sock.cookie && index != TABLE_NONE)
		m->table.socks[index].finding = f->f.key;
	if (before) {
		m->findings[i] = f;
		top_finding__put(before);
		return;
	}
	if (m->n_findings == TOP_FINDINGS_MAX) {
		/* one that is over goes first */
		for (i = 0; i < m->n_findings - 1; i++)
			if (m->findings[i]->f.status == FINDING_CLOSED)
				break;
		i = m->findings[i]->f.status == FINDING_CLOSED ? i : 0;
		top_finding__put(m->findings[i]);
		m->n_findings--;
		for (; i < m->n_findings; i++)
			m->findings[i] = m->findings[i + 1];
	}
	m->findings[m->n_findings++] = f;
}

void top_model__record(struct top_model *m, const struct record *r)
{
	lock_for_record(m);
	if (r->type < RECORD_TYPES && handlers[r->type]) {
		on_socket(m, r);
		m->events.total += r->type != RECORD_SNAPSHOT;
	} else if (r->type == RECORD_FINDING) {
		on_finding(m, r);
	} else if (r->type == RECORD_PROCESS) {
		told__record(m->told, r);
	} else if (r->type == RECORD_LOST) {
		m->lost[r->u.lost->reason] += r->u.lost->count;
	} else if (r->type == RECORD_START) {
		m->started_ns = m->rated_ns = r->boot_ns;
		snprintf(m->host, sizeof(m->host), "%s", r->u.start->host);
	}
	pthread_mutex_unlock(&m->lock);
}

static void sink_top__write(struct sink *sink, const struct record *r, uint64_t seq)
{
	(void)seq;
	top_model__record(((struct sink_top *)sink)->model, r);
}

static void sink_top__free(struct sink *sink)
{
	free(sink);
}

struct sink *top_model__sink(struct top_model *m)
{
	struct sink_top *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sink = (struct sink){ .write = sink_top__write, .free = sink_top__free };
	s->model = m;
	return &s->sink;
}
