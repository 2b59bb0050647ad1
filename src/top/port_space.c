// SPDX-License-Identifier: GPL-2.0-or-later
/* port_space.c - counts ports by what they are used for, and destinations by what they have left. */
#include "top/port_space.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull

static enum top_port_use use_of(const struct ports_sock *s)
{
	if (s->sock.proto == IPPROTO_UDP)
		return PORT_UDP;
	if (s->time_wait)
		return PORT_TIME_WAIT;
	if (s->sock.state == TCP_LISTEN)
		return PORT_LISTENS;
	return s->sock.state == TCP_CLOSE ? PORT_BOUND : PORT_CONNECTED;
}

static const struct top_pair *pair_before(const struct top_ports *before,
					  const struct netns_ref *ref, const struct ports_pair *p)
{
	size_t i, k;

	for (i = 0; before && i < before->n; i++) {
		const struct top_ports_netns *n = &before->list[i];

		for (k = 0; n->ref.inode == ref->inode && k < n->n_tightest; k++) {
			const struct ports_pair *old = &n->tightest[k].pair;

			if (old->rport == p->rport && !memcmp(old->raddr, p->raddr, ADDR_LEN) &&
			    !memcmp(old->laddr, p->laddr, ADDR_LEN))
				return &n->tightest[k];
		}
	}
	return NULL;
}

static void predict(struct top_pair *to, const struct top_ports_netns *n,
		    const struct top_ports *before, uint64_t now_ns)
{
	const struct top_pair *old = pair_before(before, &n->ref, &to->pair);
	uint64_t ns = before && now_ns > before->at_ns ? now_ns - before->at_ns : 0;
	uint32_t left = n->capacity > to->pair.used ? n->capacity - to->pair.used : 0;

	to->seconds_left = left ? UINT32_MAX : 0;
	if (!old || !ns)
		return;
	to->growth =
		((int64_t)to->pair.used - (int64_t)old->pair.used) * (int64_t)SECOND / (int64_t)ns;
	if (to->growth > 0)
		to->seconds_left = left / to->growth;
}

static void reduce(struct top_ports_netns *to, const struct ports *p, const struct ports_netns *n,
		   const struct top_ports *before, uint64_t now_ns)
{
	uint32_t i;
	size_t k;

	to->ref = n->ref;
	memcpy(to->name, n->name, sizeof(to->name));
	to->own = n->own;
	to->error = n->error;
	to->range_low = n->facts.range_low;
	to->range_high = n->facts.range_high;
	to->reserved = n->facts.reserved;
	to->capacity = n->capacity;
	to->tcp_used = n->tcp_used;
	to->udp_used = n->udp_used;
	to->tcp_kept = n->tcp_kept;
	to->sockets = n->sockets;
	for (i = n->first; i < n->first + n->sockets; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];
		uint8_t use = use_of(s), *have = &to->use[s->sock.lport];

		*have = use > *have ? use : *have;
		to->time_wait += s->time_wait;
	}
	for (i = 0; i < 65536; i++)
		to->ports[to->use[i]]++;
	for (k = 0; k < n->n_tightest; k++) {
		to->tightest[k].pair = n->tightest[k];
		predict(&to->tightest[k], to, before, now_ns);
	}
	to->n_tightest = n->n_tightest;
}

struct top_ports *top_ports__make(const struct ports *p, const struct top_ports *before,
				  uint64_t now_ns)
{
	struct top_ports *new = calloc(1, sizeof(*new));
	size_t i;

	if (!new)
		return NULL;
	atomic_init(&new->refs, 1);
	new->at_ns = now_ns;
	new->list = calloc(p->n_netns ? p->n_netns : 1, sizeof(*new->list));
	if (!new->list) {
		free(new);
		return NULL;
	}
	for (i = 0; i < p->n_netns; i++)
		if (p->netns[i].own || p->netns[i].sockets)
			reduce(&new->list[new->n++], p, &p->netns[i], before, now_ns);
	return new;
}

struct top_ports *top_ports__get(struct top_ports *p)
{
	if (p)
		atomic_fetch_add(&p->refs, 1);
	return p;
}

void top_ports__put(struct top_ports *p)
{
	if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	free(p->list);
	free(p);
}
