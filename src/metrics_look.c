// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_look.c - walks the sockets of each namespace by sock_diag, and keeps the last answer. */
#include "metrics_look.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "json.h"
#include "kernel.h"
#include "netns.h"
#include "pair.h"
#include "sysctl.h"

#define SHARE              5  /* of the time one part in so many */
#define TCP_BOUND_INACTIVE 13 /* include/net/tcp_states.h, 6.8 */
#define FIXED              (1u << BPF_TCP_LISTEN | 1u << TCP_BOUND_INACTIVE)
#define NETNS_MAX          4096

struct metrics_look {
	const struct socket_filter *filter;
	struct looked looked;
	struct netns_ref places[NETNS_MAX];
	size_t n_places;
	struct look_listener listeners[LOOK_ALL_LISTENERS];
	size_t n_listeners;
	/* of one namespace: */
	uint32_t netns, low, high, capacity, kept_ports, tw_reuse;
	struct port_set reserved, kept, listening;
	struct look_destination *pairs; /* open addressing; `used` 0: free */
	size_t n_pairs;
};

struct metrics_look *metrics_look__new(const struct socket_filter *f)
{
	struct metrics_look *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->filter = f;
	l->pairs = calloc(LOOK_PAIRS, sizeof(*l->pairs));
	if (l->pairs)
		return l;
	free(l);
	return NULL;
}

void metrics_look__free(struct metrics_look *l)
{
	if (!l)
		return;
	free(l->pairs);
	free(l);
}

/* --- sockets of one namespace --- */

static void count_state(uint64_t counts[LOOK_STATES], const struct diag_sock *d)
{
	uint8_t state = d->state ? d->state : d->sock.state;

	if (state < LOOK_STATES)
		counts[state]++;
}

static bool same_address(const struct look_listener *a, const struct ev_sock *s)
{
	return a->sock.lport == s->lport && a->sock.netns == s->netns &&
	       !memcmp(a->sock.laddr, s->laddr, ADDR_LEN);
}

static void add_listener(struct metrics_look *l, const struct diag_sock *d)
{
	struct look_listener *to;
	size_t i;

	for (i = l->n_listeners; i-- > 0 && l->listeners[i].sock.netns == l->netns;) {
		to = &l->listeners[i];
		if (!same_address(to, &d->sock))
			continue;
		to->length += d->rqueue;
		to->limit += d->wqueue;
		return;
	}
	if (l->n_listeners == LOOK_ALL_LISTENERS) {
		l->looked.other_length += d->rqueue;
		l->looked.other_limit += d->wqueue;
		return;
	}
	to = &l->listeners[l->n_listeners++];
	*to = (struct look_listener){ .sock = d->sock, .length = d->rqueue, .limit = d->wqueue };
}

static bool counts(const struct metrics_look *l, uint16_t port)
{
	return port >= l->low && port <= l->high && !port_set__has(&l->reserved, port);
}

/* Listeners, and what is bound only: their ports are no connect()'s. */
static void found_fixed(void *arg, const struct diag_sock *d)
{
	struct metrics_look *l = arg;
	struct diag_sock here = *d;

	here.sock.netns = l->netns;
	count_state(l->looked.tcp, d);
	if (d->sock.state == BPF_TCP_LISTEN) {
		add_listener(l, &here);
		port_set__add(&l->listening, d->sock.lport);
	}
	if (counts(l, d->sock.lport))
		port_set__add(&l->kept, d->sock.lport);
}

/* NULL: there are too many. */
static struct look_destination *pair__find(struct metrics_look *l, const struct ev_sock *s)
{
	size_t at = pair__hash(s) & (LOOK_PAIRS - 1);
	struct look_destination *p;

	for (; l->pairs[at].used; at = (at + 1) & (LOOK_PAIRS - 1)) {
		p = &l->pairs[at];
		if (p->rport == s->rport && !memcmp(p->raddr, s->raddr, ADDR_LEN) &&
		    !memcmp(p->laddr, s->laddr, ADDR_LEN))
			return p;
	}
	if (l->n_pairs == LOOK_PAIRS / 4 * 3)
		return NULL;
	l->n_pairs++;
	p = &l->pairs[at];
	*p = (struct look_destination){ .netns = l->netns, .family = s->family, .rport = s->rport };
	memcpy(p->laddr, s->laddr, ADDR_LEN);
	memcpy(p->raddr, s->raddr, ADDR_LEN);
	return p;
}

/* One that has its port from connect(): a port that is listened on is a server's. */
static void found_connection(void *arg, const struct diag_sock *d)
{
	struct look_destination *pair;
	struct metrics_look *l = arg;

	count_state(l->looked.tcp, d);
	if (!d->sock.rport || !counts(l, d->sock.lport) ||
	    port_set__has(&l->listening, d->sock.lport) || port_set__has(&l->kept, d->sock.lport) ||
	    (d->time_wait && pair__reusable(l->tw_reuse, &d->sock, d->expires_ms)))
		return;
	pair = pair__find(l, &d->sock);
	if (pair)
		pair->used++;
}

static void found_datagram(void *arg, const struct diag_sock *d)
{
	struct metrics_look *l = arg;

	count_state(l->looked.udp, d);
}

static void read_settings(struct metrics_look *l)
{
	memset(&l->reserved, 0, sizeof(l->reserved));
	memset(&l->kept, 0, sizeof(l->kept));
	memset(&l->listening, 0, sizeof(l->listening));
	l->capacity = 0;
	if (sysctl__port_range(&l->low, &l->high) || l->high < l->low)
		l->low = 1, l->high = 0;
	else
		l->capacity = l->high - l->low + 1;
	sysctl__reserved_ports(&l->reserved);
	l->capacity -= port_set__count(&l->reserved, l->low, l->high);
	l->tw_reuse = sysctl__number("net/ipv4/tcp_tw_reuse", 0);
}

static int look_inside(void *arg)
{
	const struct diag_query fixed = { .proto = IPPROTO_TCP, .states = FIXED };
	const struct diag_query others = { .proto = IPPROTO_TCP,
					   .states = DIAG_ALL_STATES & ~FIXED };
	const struct diag_query datagrams = { .proto = IPPROTO_UDP, .states = UINT32_MAX };
	struct metrics_look *l = arg;
	int err;

	read_settings(l);
	err = diag__list(&fixed, found_fixed, l);
	l->kept_ports = port_set__count(&l->kept, l->low, l->high);
	if (!err && diag__has_tcp())
		err = diag__list(&others, found_connection, l);
	return err ? err : diag__list(&datagrams, found_datagram, l);
}

/* --- the tightest --- */

static void keep_destination(struct looked *to, const struct look_destination *d)
{
	size_t at = to->n_destinations;

	/* by the share of what they can use: namespaces have ranges of their own */
	while (at > 0 && (uint64_t)d->used * to->destinations[at - 1].capacity >
				 (uint64_t)to->destinations[at - 1].used * d->capacity)
		at--;
	if (at == LOOK_DESTINATIONS)
		return;
	if (to->n_destinations < LOOK_DESTINATIONS)
		to->n_destinations++;
	memmove(&to->destinations[at + 1], &to->destinations[at],
		(to->n_destinations - 1 - at) * sizeof(*d));
	to->destinations[at] = *d;
}

static void keep_destinations(struct metrics_look *l)
{
	size_t i;

	for (i = 0; i < LOOK_PAIRS && l->n_pairs; i++) {
		struct look_destination d = l->pairs[i];

		if (!d.used)
			continue;
		d.used += l->kept_ports;
		d.capacity = l->capacity;
		if ((uint64_t)d.used * 100 >= (uint64_t)d.capacity * LOOK_LEAST_PERCENT)
			keep_destination(&l->looked, &d);
	}
	if (l->n_pairs)
		memset(l->pairs, 0, LOOK_PAIRS * sizeof(*l->pairs));
	l->n_pairs = 0;
}

/* Those that have connections waiting, then by port: so the same ones are told of again and again. */
static int by_queue(const void *a, const void *b)
{
	const struct look_listener *x = a, *y = b;

	if (x->length != y->length)
		return x->length > y->length ? -1 : 1;
	if (x->sock.netns != y->sock.netns)
		return x->sock.netns < y->sock.netns ? -1 : 1;
	if (x->sock.lport != y->sock.lport)
		return x->sock.lport < y->sock.lport ? -1 : 1;
	return memcmp(x->sock.laddr, y->sock.laddr, ADDR_LEN);
}

static void keep_listeners(struct metrics_look *l)
{
	struct looked *to = &l->looked;
	size_t i;

	qsort(l->listeners, l->n_listeners, sizeof(l->listeners[0]), by_queue);
	to->n_listeners = l->n_listeners < LOOK_LISTENERS ? l->n_listeners : LOOK_LISTENERS;
	memcpy(to->listeners, l->listeners, to->n_listeners * sizeof(to->listeners[0]));
	for (i = to->n_listeners; i < l->n_listeners; i++) {
		to->other_length += l->listeners[i].length;
		to->other_limit += l->listeners[i].limit;
	}
}

/* --- all namespaces --- */

static bool is_wanted(const struct socket_filter *f, const struct netns_ref *ref)
{
	size_t i;

	for (i = 0; (f->on & FILTER_NETNS) && i < f->n_netns; i++)
		if (f->netns[i] == ref->inode)
			return true;
	return !(f->on & FILTER_NETNS);
}

static void found_place(void *arg, const struct netns_ref *ref, const char *name)
{
	struct metrics_look *l = arg;

	(void)name;
	if (l->n_places < NETNS_MAX && is_wanted(l->filter, ref))
		l->places[l->n_places++] = *ref;
}

static void look(struct metrics_look *l, uint64_t now_ns)
{
	size_t i;

	l->n_places = l->n_listeners = 0;
	memset(&l->looked, 0, sizeof(l->looked));
	netns__each(found_place, l);
	for (i = 0; i < l->n_places; i++) {
		l->netns = l->places[i].inode;
		/* one that has gone since, or may not be entered */
		if (netns__within(&l->places[i], look_inside, l))
			l->looked.failed++;
		keep_destinations(l);
	}
	keep_listeners(l);
	l->looked.at_ns = now_ns;
	l->looked.took_ns = host__now() - now_ns;
}

const struct looked *metrics_look__get(struct metrics_look *l, uint64_t now_ns)
{
	uint64_t wait_ns = l->looked.took_ns * SHARE;

	if (wait_ns < LOOK_INTERVAL_NS)
		wait_ns = LOOK_INTERVAL_NS;
	if (!l->looked.at_ns || now_ns >= l->looked.at_ns + wait_ns)
		look(l, now_ns);
	return &l->looked;
}
