// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_walk.c - what a walk through the kernel's sockets adds to the model.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "ports.h"
#include "top/model_inside.h"

#define SECOND 1000000000ull

void top_model__walk_begin(struct top_model *m, uint64_t now_ns, bool whole)
{
	top_model__lock(m);
	m->walk++;
	m->walk_ns = now_ns;
	m->whole = whole;
	pthread_mutex_unlock(&m->lock);
}

uint64_t top_model__rate(uint64_t before, uint64_t now, uint64_t ns)
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
		s->tx_rate = top_model__rate(s->tx_bytes, c->tx_bytes, ns);
		s->rx_rate = top_model__rate(s->rx_bytes, c->rx_bytes, ns);
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

/* The first subflow of an MPTCP connection has its ends; the others tell nothing of it as a whole. */
static bool speaks_for(const struct diag_sock *d, const struct top_sock *s)
{
	return s->sock.proto != PROTO_MPTCP ||
	       (d->sock.lport == s->sock.lport && d->sock.rport == s->sock.rport &&
		!memcmp(d->sock.laddr, s->sock.laddr, ADDR_LEN));
}

static void merge(struct top_model *m, uint32_t index, const struct diag_sock *d)
{
	struct top_sock *s = &m->table.socks[index];
	struct table_more *more = &m->table.more[index];

	if (s->closed_ns || !speaks_for(d, s))
		return; /* closed since it was listed, or one subflow of several */
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
		top_model__set_state(s, d->state, m->walk_ns);
	}
	if (s->from_kernel && d->sock.rport) {
		s->sock.rport = d->sock.rport;
		memcpy(s->sock.raddr, d->sock.raddr, ADDR_LEN);
	}
	if (!(s->sock.facts & (FACT_SYN_SENT | FACT_CONNECTED | FACT_PASSIVE)))
		s->sock.facts |= d->sock.facts & (FACT_CONNECTED | FACT_PASSIVE);
	/* so long at least, where it was there before the trace */
	if (s->queued && m->walk_ns > s->first_ns)
		s->queued_ns = m->walk_ns - s->first_ns;
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

	top_model__lock(m);
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

static int by_inode(const void *a, const void *b)
{
	const struct top_mptcp *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

size_t top_model__mptcp(struct top_model *m, struct top_mptcp **list)
{
	size_t n = 0, room = 0;
	uint32_t i;

	*list = NULL;
	top_model__lock(m);
	for (i = 0; i < m->table.used; i++) {
		const struct top_sock *s = &m->table.socks[i];
		struct top_mptcp *more;

		if (i % TOP_PORTION == TOP_PORTION - 1)
			top_model__let_others(m);
		if (!s->sock.cookie || s->sock.proto != PROTO_MPTCP || !s->sock.inode ||
		    s->closed_ns)
			continue;
		more = array__grown(*list, n, &room, 64, sizeof(*more));
		if (!more)
			break;
		*list = more;
		more[n++] = (struct top_mptcp){ .inode = s->sock.inode, .cookie = s->sock.cookie };
	}
	pthread_mutex_unlock(&m->lock);
	if (n)
		qsort(*list, n, sizeof(**list), by_inode);
	return n;
}

void top_model__join_mptcp(const struct top_mptcp *list, size_t n, struct diag_sock *d)
{
	const struct top_mptcp key = { .inode = d->sock.inode }, *found;

	found = n && key.inode ? bsearch(&key, list, n, sizeof(key), by_inode) : NULL;
	if (!found)
		return;
	d->sock.cookie = found->cookie;
	d->sock.proto = PROTO_MPTCP;
}

/* A connection that no accept() has taken yet is its listener's. */
static bool take_listener(struct top_model *m, struct top_sock *s)
{
	const struct top_sock *l =
		listeners__of(&m->listeners, m->table.socks, m->table.used, &s->sock);

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
		    uint64_t since_ns)
{
	bool queued = d->sock.proto == IPPROTO_TCP && !d->sock.inode && !actor &&
		      (d->state == TCP_ESTABLISHED || d->state == TCP_CLOSE_WAIT);
	struct top_sock new = { .from_kernel = true,
				.queued = queued,
				.chosen = chooses_all(m->config.chosen) };
	uint32_t index;

	new.sock = d->sock;
	top_model__lock(m);
	if (actor) {
		new.sock.owner = actor->proc;
		new.uid = actor->uid;
		new.uid_known = true;
	}
	/* with filters: who does not match, and is nobody's whom they let in, is somebody else's */
	if ((queued && !take_listener(m, &new) && m->config.filtered) ||
	    top_table__find(&m->table, d->sock.cookie) != TABLE_NONE)
		goto out;
	index = top_model__add_sock(m, &d->sock, m->walk_ns);
	if (index == TABLE_NONE)
		goto out;
	new.first_ns = since_ns ? since_ns : m->walk_ns;
	new.established_ns = d->state == TCP_SYN_SENT ? 0 : since_ns;
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

	top_model__lock(m);
	m->walked_ns = m->whole ? now_ns : m->walked_ns;
	for (i = 0; m->whole && i < m->table.used; i++) {
		if (m->table.socks[i].sock.cookie && m->table.socks[i].from_kernel &&
		    m->table.more[i].walk != m->walk)
			top_model__remove_sock(m, i);
		if (i % TOP_PORTION == TOP_PORTION - 1)
			top_model__let_others(m);
	}
	pthread_mutex_unlock(&m->lock);
}

void top_model__tell_ports(struct top_model *m, struct ports *p)
{
	uint32_t i;

	top_model__lock(m);
	for (i = 0; i < m->table.used; i++) {
		const struct top_sock *s = &m->table.socks[i];
		struct ev_snapshot e = { .fd = -1 };

		if (i % TOP_PORTION == TOP_PORTION - 1) {
			top_model__let_others(m);
			s = &m->table.socks[i]; /* the table may have moved */
		}
		if (!s->sock.cookie || s->closed_ns || s->from_kernel)
			continue;
		e.base.sock = s->sock;
		e.base.actor.proc = s->sock.owner;
		e.base.sock.state = s->state;
		if (e.base.sock.facts & FACT_BOUND)
			e.base.sock.facts |= FACT_PORT_KEPT;
		ports__add_snapshot(p, &e);
	}
	pthread_mutex_unlock(&m->lock);
}

void top_model__set_ports(struct top_model *m, struct top_ports *p)
{
	struct top_ports *before;

	top_model__lock(m);
	before = m->ports;
	m->ports = p;
	pthread_mutex_unlock(&m->lock);
	top_ports__put(before);
}
