// SPDX-License-Identifier: GPL-2.0-or-later
#include "top/model.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pipeline.h"
#include "top/frame.h"
#include "top/listeners.h"
#include "top/table.h"
#include "top/told.h"

#define SECOND  1000000000ull
#define RATE_NS (SECOND * 9 / 10) /* rates are of no shorter time */

struct closed {
	uint64_t cookie, closed_ns;
};

/* A count, and how fast it grew when that was looked at last. */
struct rate {
	uint64_t total, before, per_second;
};

struct top_model {
	pthread_mutex_t lock;
	struct top_model_config config;
	struct top_table table;
	struct history history;
	struct told *told;
	struct listeners listeners;
	struct closed closed[TOP_CLOSED_MAX]; /* a ring, the oldest first */
	uint32_t first_closed, n_closed;
	char *containers[TOP_CONTAINERS];
	uint32_t n_containers;
	uint64_t started_ns, rated_ns, walked_ns;
	struct rate events, opened, ended;
	uint64_t lost[LOST_REASONS];
	struct top_finding *findings[TOP_FINDINGS_MAX]; /* the oldest first */
	uint32_t n_findings;
	uint64_t finding_seq;
	struct top_ports *ports;
	uint64_t frames;
	uint64_t walk_ns; /* when the walk that is on began */
	uint32_t walk;    /* its number */
	bool whole;
	char host[65];
};

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

/* --- sockets --- */

bool top_sock__is_listener(const struct top_sock *s)
{
	if (s->sock.proto != IPPROTO_UDP)
		return s->state == TCP_LISTEN;
	return !s->sock.rport && !s->auto_bound && s->sock.lport;
}

static void remove_sock(struct top_model *m, uint32_t index)
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
		remove_sock(m, index);
}

static void forget_old(struct top_model *m, uint64_t now_ns)
{
	while (m->n_closed && m->closed[m->first_closed].closed_ns + TOP_CLOSED_NS <= now_ns)
		forget_closed(m);
}

static void remember_closed(struct top_model *m, const struct top_sock *s)
{
	if (m->n_closed == TOP_CLOSED_MAX)
		forget_closed(m);
	m->closed[(m->first_closed + m->n_closed++) % TOP_CLOSED_MAX] =
		(struct closed){ .cookie = s->sock.cookie, .closed_ns = s->closed_ns };
}

static uint32_t add_sock(struct top_model *m, const struct ev_sock *sock, uint64_t now_ns)
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

static void set_state(struct top_sock *s, uint8_t state, uint64_t now_ns)
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
	set_state(s, TCP_LISTEN, r->boot_ns);
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
	return add_sock(m, r->sock, r->boot_ns);
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
		set_state(s, r->sock->state, r->boot_ns);
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
		memmove(&m->findings[i], &m->findings[i + 1],
			(m->n_findings - i) * sizeof(m->findings[0]));
	}
	m->findings[m->n_findings++] = f;
}

void top_model__record(struct top_model *m, const struct record *r)
{
	pthread_mutex_lock(&m->lock);
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

/* --- what a walk found --- */

void top_model__walk_begin(struct top_model *m, uint64_t now_ns, bool whole)
{
	pthread_mutex_lock(&m->lock);
	m->walk++;
	m->walk_ns = now_ns;
	m->whole = whole;
	pthread_mutex_unlock(&m->lock);
}

static uint64_t rate_of(uint64_t before, uint64_t now, uint64_t ns)
{
	return now > before && ns ? (uint64_t)((double)(now - before) * SECOND / ns) : 0;
}

/* Of a connection that began in the trace, its first bytes count too. */
static void take_counters(struct top_sock *s, const struct diag_counters *c, uint64_t now_ns)
{
	uint64_t since = s->walked_ns ? s->walked_ns : s->established_ns;

	if (!c->known)
		return;
	if (since && now_ns > since) {
		uint64_t ns = now_ns - since;

		ns = s->walked_ns || ns > SECOND ? ns : SECOND;
		s->tx_rate = rate_of(s->tx_bytes, c->tx_bytes, ns);
		s->rx_rate = rate_of(s->rx_bytes, c->rx_bytes, ns);
	}
	s->has_counters = true;
	s->tx_bytes = c->tx_bytes;
	s->rx_bytes = c->rx_bytes;
	s->retrans = c->retrans;
	s->srtt_us = c->srtt_us;
	s->rttvar_us = c->rttvar_us;
	s->cwnd = c->cwnd;
	s->mss = c->mss;
	s->unacked = c->unacked;
	s->notsent_bytes = c->notsent_bytes;
}

static void take_queue(struct top_sock *s, const struct diag_sock *d)
{
	s->queue = d->rqueue;
	s->limit = d->state == TCP_LISTEN ? d->wqueue : 0;
	if (s->drops_known && d->drops > s->drops)
		s->new_drops += d->drops - s->drops;
	s->drops = d->drops;
	s->drops_known = true;
}

static void merge(struct top_model *m, uint32_t index, const struct diag_sock *d)
{
	struct top_sock *s = &m->table.socks[index];
	struct table_more *more = &m->table.more[index];

	if (s->closed_ns)
		return; /* closed since it was listed */
	if (s->from_kernel && more->walk != m->walk && more->sightings < 2)
		more->sightings++;
	more->walk = m->walk;
	if (s->state != d->state && s->sock.proto == IPPROTO_TCP) {
		const struct top_event e = { .boot_ns = m->walk_ns,
					     .type = RECORD_STATE,
					     .a = s->state,
					     .state = d->state };

		m->listeners.stale |= s->state == TCP_LISTEN || d->state == TCP_LISTEN;
		history__add(&m->history, &more->history, &e);
		set_state(s, d->state, m->walk_ns);
	}
	if (s->from_kernel && d->sock.rport) {
		s->sock.rport = d->sock.rport;
		memcpy(s->sock.raddr, d->sock.raddr, ADDR_LEN);
	}
	if (s->queued && s->established_ns && m->walk_ns > s->established_ns)
		s->queued_ns = m->walk_ns - s->established_ns;
	if (top_sock__is_listener(s))
		take_queue(s, d);
	else
		take_counters(s, &d->counters, m->walk_ns);
	s->walked_ns = m->walk_ns;
}

size_t top_model__walked(struct top_model *m, const struct diag_sock *list, size_t n,
			 uint32_t *unknown)
{
	size_t i, others = 0;
	uint32_t index;

	pthread_mutex_lock(&m->lock);
	for (i = 0; i < n; i++) {
		index = top_table__find(&m->table, list[i].sock.cookie);
		if (index == TABLE_NONE)
			unknown[others++] = i;
		else
			merge(m, index, &list[i]);
	}
	pthread_mutex_unlock(&m->lock);
	return others;
}

/* A connection that no accept() has taken yet is its listener's. */
static bool take_listener(struct top_model *m, struct top_sock *s)
{
	const struct top_sock *l =
		listeners__of(&m->listeners, m->table.socks, m->table.n, &s->sock);

	if (!l)
		return false;
	s->listener = l->sock.cookie;
	s->sock.owner = l->sock.owner;
	s->container = l->container;
	s->uid = l->uid;
	s->uid_known = l->uid_known;
	s->chosen = l->chosen;
	return true;
}

static bool chooses_all(const struct record_filter *f)
{
	return !f->events && !f->failed && !f->n_errnos && !f->slower_ns;
}

void top_model__add(struct top_model *m, const struct diag_sock *d, const struct ev_actor *actor,
		    uint64_t established_ns)
{
	bool queued = d->sock.proto == IPPROTO_TCP && !d->sock.inode && !actor &&
		      (d->state == TCP_ESTABLISHED || d->state == TCP_CLOSE_WAIT);
	struct top_sock new = { .from_kernel = true,
				.queued = queued,
				.chosen = chooses_all(m->config.chosen) };
	uint32_t index;

	new.sock = d->sock;
	pthread_mutex_lock(&m->lock);
	if (actor) {
		new.sock.owner = actor->proc;
		new.uid = actor->uid;
		new.uid_known = true;
	}
	/* with filters: who does not match, and is nobody's whom they let in, is somebody else's */
	if ((queued && !take_listener(m, &new) && m->config.filtered) ||
	    top_table__find(&m->table, d->sock.cookie) != TABLE_NONE)
		goto out;
	index = add_sock(m, &d->sock, m->walk_ns);
	if (index == TABLE_NONE)
		goto out;
	new.first_ns = established_ns ? established_ns : m->walk_ns;
	new.established_ns = established_ns;
	new.state_ns = new.first_ns;
	new.state = d->state;
	m->table.socks[index] = new;
	m->listeners.stale |= d->state == TCP_LISTEN;
	merge(m, index, d);
out:
	pthread_mutex_unlock(&m->lock);
}

void top_model__walk_end(struct top_model *m, uint64_t now_ns)
{
	uint32_t i;

	pthread_mutex_lock(&m->lock);
	m->walked_ns = m->whole ? now_ns : m->walked_ns;
	for (i = 0; m->whole && i < m->table.n;)
		if (m->table.socks[i].from_kernel && m->table.more[i].walk != m->walk)
			remove_sock(m, i);
		else
			i++;
	pthread_mutex_unlock(&m->lock);
}

void top_model__set_ports(struct top_model *m, struct top_ports *p)
{
	struct top_ports *before;

	pthread_mutex_lock(&m->lock);
	before = m->ports;
	m->ports = p;
	pthread_mutex_unlock(&m->lock);
	top_ports__put(before);
}

/* --- frames --- */

static void take_rates(struct top_model *m, uint64_t now_ns)
{
	struct rate *const rates[] = { &m->events, &m->opened, &m->ended };
	uint64_t ns = now_ns > m->rated_ns ? now_ns - m->rated_ns : 0;
	uint32_t i;

	if (ns < RATE_NS)
		return;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		rates[i]->per_second = rate_of(rates[i]->before, rates[i]->total, ns);
		rates[i]->before = rates[i]->total;
	}
	for (i = 0; i < m->table.n; i++) {
		struct top_sock *s = &m->table.socks[i];

		if (s->state != TCP_LISTEN || s->sock.proto != IPPROTO_TCP)
			continue;
		s->accept_rate = rate_of(m->table.more[i].accepted, s->accepted, ns);
		m->table.more[i].accepted = s->accepted;
	}
	m->rated_ns = now_ns;
}

static void count_connections(struct top_model *m)
{
	uint32_t i, from;

	for (i = 0; i < m->table.n; i++)
		m->table.socks[i].connections = 0;
	for (i = 0; i < m->table.n; i++) {
		struct top_sock *s = &m->table.socks[i];
		const struct top_sock *l;

		if (s->closed_ns || s->sock.proto != IPPROTO_TCP || !s->sock.rport ||
		    (s->sock.facts & (FACT_SYN_SENT | FACT_CONNECTED)))
			continue;
		if (!s->listener && !m->table.more[i].sought) {
			l = listeners__of(&m->listeners, m->table.socks, m->table.n, &s->sock);
			s->listener = l ? l->sock.cookie : 0;
			m->table.more[i].sought = true;
		}
		from = s->listener ? top_table__find(&m->table, s->listener) : TABLE_NONE;
		if (from != TABLE_NONE)
			m->table.socks[from].connections++;
	}
}

static bool is_shown(const struct top_model *m, uint32_t i)
{
	const struct top_sock *s = &m->table.socks[i];

	/* once could be one that was just closed: its last record came while the walk was on its way */
	return (!s->from_kernel || m->table.more[i].sightings >= 2) && s->chosen;
}

static void count_sock(struct top_frame *f, const struct top_sock *s)
{
	if (s->closed_ns)
		return;
	f->open++;
	f->queued += s->queued;
	if (s->sock.proto == IPPROTO_UDP)
		f->udp++;
	else if (s->state < TOP_STATES)
		f->states[s->state]++;
}

static bool make_room(struct top_frame *f, uint32_t n)
{
	struct top_sock *more;

	if (n <= f->room_socks)
		return true;
	more = reallocarray(f->socks, n + n / 4, sizeof(*more));
	if (!more)
		return false;
	f->socks = more;
	f->room_socks = n + n / 4;
	return true;
}

static void take_socks(struct top_model *m, struct top_frame *f, uint32_t what)
{
	bool all = what & TOP_TAKE_SOCKS, listeners = what & TOP_TAKE_LISTENERS;
	uint32_t i;

	f->open = f->udp = f->queued = 0;
	memset(f->states, 0, sizeof(f->states));
	f->n_socks = 0;
	if (listeners)
		count_connections(m);
	if ((all || listeners) && !make_room(f, m->table.n)) {
		f->incomplete = true;
		all = listeners = false;
	}
	for (i = 0; i < m->table.n; i++) {
		const struct top_sock *s = &m->table.socks[i];

		if (!is_shown(m, i))
			continue;
		count_sock(f, s);
		if (top_sock__is_listener(s) ? listeners : all)
			f->socks[f->n_socks++] = *s;
	}
}

static void drop_findings(struct top_frame *f)
{
	size_t i;

	for (i = 0; i < f->n_findings; i++)
		top_finding__put(f->findings[i]);
	f->n_findings = 0;
}

static int newer_first(const void *a, const void *b)
{
	const struct top_finding *x = *(const struct top_finding *const *)a,
				 *y = *(const struct top_finding *const *)b;

	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

static void take_findings(struct top_model *m, struct top_frame *f)
{
	uint32_t i;

	drop_findings(f);
	memset(f->open_findings, 0, sizeof(f->open_findings));
	if (!f->findings)
		f->findings = calloc(TOP_FINDINGS_MAX, sizeof(*f->findings));
	f->incomplete |= !f->findings;
	for (i = 0; i < m->n_findings; i++) {
		struct top_finding *one = m->findings[i];

		f->open_findings[one->f.severity] += one->f.status != FINDING_CLOSED;
		if (!f->findings)
			continue;
		atomic_fetch_add(&one->refs, 1);
		f->findings[f->n_findings++] = one;
	}
	if (f->n_findings)
		qsort(f->findings, f->n_findings, sizeof(*f->findings), newer_first);
}

void top_model__take(struct top_model *m, struct top_frame *f, uint64_t now_ns, uint32_t what)
{
	pthread_mutex_lock(&m->lock);
	f->incomplete = false;
	forget_old(m, now_ns);
	take_rates(m, now_ns);
	take_socks(m, f, what);
	take_findings(m, f);
	f->seq = ++m->frames;
	f->now_ns = now_ns;
	f->started_ns = m->started_ns;
	f->walked_ns = m->walked_ns;
	f->events_rate = m->events.per_second;
	f->opened_rate = m->opened.per_second;
	f->closed_rate = m->ended.per_second;
	memcpy(f->lost, m->lost, sizeof(f->lost));
	memcpy(f->host, m->host, sizeof(f->host));
	top_ports__put(f->ports);
	f->ports = top_ports__get(m->ports);
	pthread_mutex_unlock(&m->lock);
}

void top_model__tell_story(struct top_model *m, struct top_story *s)
{
	uint32_t index;

	pthread_mutex_lock(&m->lock);
	index = s->cookie ? top_table__find(&m->table, s->cookie) : TABLE_NONE;
	s->found = index != TABLE_NONE;
	if (s->found) {
		const struct history_list *l = &m->table.more[index].history;

		s->sock = m->table.socks[index];
		s->n = history__read(&m->history, l, s->events, TOP_EVENTS_SOCK);
		s->left_out = l->left_out;
		s->left_out_after = s->n < HISTORY_FIRST ? s->n : HISTORY_FIRST;
		s->has_process = s->sock.sock.owner.tgid &&
				 told__find(m->told, &s->sock.sock.owner, &s->process);
	}
	pthread_mutex_unlock(&m->lock);
}

void top_frame__free(struct top_frame *f)
{
	drop_findings(f);
	free(f->findings);
	free(f->socks);
	top_ports__put(f->ports);
	memset(f, 0, sizeof(*f));
}
