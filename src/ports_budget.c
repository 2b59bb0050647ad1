// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_budget.c - what is left of the ephemeral ports of each namespace. connect() needs a port whose
 * 4-tuple is free and that no bind() holds (__inet_hash_connect), so what counts is each (local address,
 * destination); UDP and bind() to port 0 need one that is free altogether. Counted as ask_ports.c does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pair.h"
#include "ports.h"

struct pairs {
	struct ports_pair *list;
	uint32_t *slots; /* indexes of list; open addressing */
	size_t n, mask;
};

/* Ports of one namespace, by what stands in the way there. */
struct use {
	struct port_set tcp, udp, kept;
};

static bool counts(const struct ports_netns *n, uint16_t port)
{
	return ports__in_range(n, port) && !(n->reserved && port_set__has(n->reserved, port));
}

static bool is_kept(const struct ports_sock *s)
{
	return s->sock.state == TCP_LISTEN || (s->sock.state == TCP_CLOSE && !s->time_wait) ||
	       (s->sock.facts & FACT_PORT_KEPT);
}

static struct ports_pair *pairs__find(struct pairs *pairs, const struct ev_sock *s)
{
	size_t at = pair__hash(s) & pairs->mask;
	struct ports_pair *new;

	for (; pairs->slots[at] != PORTS_NONE; at = (at + 1) & pairs->mask) {
		struct ports_pair *pair = &pairs->list[pairs->slots[at]];

		if (pair->rport == s->rport && !memcmp(pair->raddr, s->raddr, ADDR_LEN) &&
		    !memcmp(pair->laddr, s->laddr, ADDR_LEN))
			return pair;
	}
	pairs->slots[at] = pairs->n;
	new = &pairs->list[pairs->n++];
	*new = (struct ports_pair){ .family = s->family, .rport = s->rport };
	memcpy(new->laddr, s->laddr, ADDR_LEN);
	memcpy(new->raddr, s->raddr, ADDR_LEN);
	return new;
}

/* For at most n pairs. */
static int pairs__make(struct pairs *pairs, size_t n)
{
	size_t size = 64;

	while (size < n * 2)
		size *= 2;
	pairs->list = malloc((n + 1) * sizeof(*pairs->list));
	pairs->slots = malloc(size * sizeof(*pairs->slots));
	if (!pairs->list || !pairs->slots)
		return -ENOMEM;
	memset(pairs->slots, 0xff, size * sizeof(*pairs->slots));
	pairs->mask = size - 1;
	return 0;
}

static void pairs__free(struct pairs *pairs)
{
	free(pairs->list);
	free(pairs->slots);
}

/* `used` of a pair: its own ports that no bind() keeps; those that one keeps come to it at the end. */
static void count_connection(const struct ports_netns *n, const struct ports_sock *s,
			     const struct use *use, struct pairs *pairs)
{
	struct ports_pair *pair;

	if (!s->sock.rport || s->role != PORTS_CLIENT || !counts(n, s->sock.lport))
		return;
	pair = pairs__find(pairs, &s->sock);
	if (s->time_wait && pair__reusable(n->facts.tw_reuse, &s->sock, s->expires_ms)) {
		pair->reusable++;
		return;
	}
	if (s->time_wait)
		pair->time_wait++;
	else
		pair->live++;
	pair->used += !port_set__has(&use->kept, s->sock.lport);
}

/* The tightest first; of equal ones those with more connections. */
static bool is_tighter(const struct ports_pair *a, const struct ports_pair *b)
{
	if (a->used != b->used)
		return a->used > b->used;
	return a->live + a->time_wait > b->live + b->time_wait;
}

static void keep_tightest(struct ports_netns *n, const struct ports_pair *pair)
{
	size_t at = n->n_tightest;

	while (at > 0 && is_tighter(pair, &n->tightest[at - 1]))
		at--;
	if (at == PORTS_TIGHTEST)
		return;
	if (n->n_tightest < PORTS_TIGHTEST)
		n->n_tightest++;
	memmove(&n->tightest[at + 1], &n->tightest[at],
		(n->n_tightest - 1 - at) * sizeof(n->tightest[0]));
	n->tightest[at] = *pair;
}

static void count_ports(const struct ports *p, struct ports_netns *n, struct use *use)
{
	uint32_t low = n->facts.range_low, high = n->facts.range_high, i;

	memset(use, 0, sizeof(*use));
	for (i = n->first; i < n->first + n->sockets; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (!counts(n, s->sock.lport))
			continue;
		if (s->sock.proto == IPPROTO_UDP) {
			port_set__add(&use->udp, s->sock.lport);
			continue;
		}
		port_set__add(&use->tcp, s->sock.lport);
		if (is_kept(s))
			port_set__add(&use->kept, s->sock.lport);
	}
	n->tcp_used = port_set__count(&use->tcp, low, high);
	n->udp_used = port_set__count(&use->udp, low, high);
	n->tcp_kept = port_set__count(&use->kept, low, high);
	if (high >= low)
		n->capacity = high - low + 1 - n->facts.reserved;
}

static int count_netns(const struct ports *p, struct ports_netns *n, struct use *use)
{
	struct pairs pairs = { 0 };
	uint32_t i;
	size_t k;

	count_ports(p, n, use);
	if (pairs__make(&pairs, n->sockets)) {
		pairs__free(&pairs);
		return -ENOMEM;
	}
	for (i = n->first; i < n->first + n->sockets; i++)
		if (p->socks[p->order[i]].sock.proto == IPPROTO_TCP)
			count_connection(n, &p->socks[p->order[i]], use, &pairs);
	for (k = 0; k < pairs.n; k++)
		if (pairs.list[k].live || pairs.list[k].time_wait)
			keep_tightest(n, &pairs.list[k]);
	for (k = 0; k < n->n_tightest; k++)
		n->tightest[k].used += n->tcp_kept;
	pairs__free(&pairs);
	return 0;
}

int ports__count_budget(struct ports *p)
{
	struct use *use = malloc(sizeof(*use));
	int err = use ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < p->n_netns && !err; i++)
		if (p->netns[i].facts.range_high)
			err = count_netns(p, &p->netns[i], use);
	free(use);
	return err;
}
