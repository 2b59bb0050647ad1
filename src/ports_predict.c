// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_predict.c - whether a bind() would succeed now, and who stands in the way: conflict.h asked for
 * every socket of the port, nothing tried.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "json.h"
#include "ports.h"

static void holder_of(struct holder *h, const struct ports_sock *s)
{
	memset(h, 0, sizeof(*h));
	h->sock = s->sock;
	h->sock_uid = h->uid = s->uid;
	h->uid_known = !s->time_wait; /* a mini-socket has none that counts */
	h->options_known = s->options_known;
}

/* All that conflict__judge() looks at: connections of one listener are alike. */
static bool is_alike(const struct ports_sock *a, const struct ports_sock *b)
{
	return a->sock.state == b->sock.state && a->sock.family == b->sock.family &&
	       a->sock.options == b->sock.options && a->sock.facts == b->sock.facts &&
	       a->sock.ifindex == b->sock.ifindex && a->uid == b->uid &&
	       a->options_known == b->options_known && !a->sock.rport == !b->sock.rport &&
	       !memcmp(a->sock.laddr, b->sock.laddr, ADDR_LEN);
}

/* What nobody can tell may change the answer: *doubt. Then the socket is taken to have no options. */
static enum conflict_rule judge(const struct ev_sock *newcomer, uint32_t uid,
				const struct ports_sock *s, bool *doubt)
{
	enum conflict_rule rule;
	struct holder h;

	*doubt = false;
	holder_of(&h, s);
	rule = conflict__judge(newcomer, uid, &h, false);
	if (s->options_known || !rule)
		return rule;
	h.sock.options |= OPT_REUSEADDR | OPT_REUSEPORT;
	if (h.sock.family == AF_INET6 && s->time_wait)
		h.sock.options |= OPT_V6ONLY;
	*doubt = !conflict__judge(newcomer, uid, &h, false);
	return rule;
}

/* A half-open connection is no socket yet: it is in no bucket of ports. */
static bool holds(const struct ports_sock *s)
{
	return s->sock.state != TCP_SYN_RECV || s->uses != PORTS_NONE;
}

static void add_holder(struct ports_answer *a, uint32_t sock)
{
	if (a->n_holders < PORTS_HOLDERS)
		a->holders[a->n_holders++] = sock;
	a->holders_total++;
}

void ports__predict(const struct ports *p, uint32_t netns, const struct ports_question *q,
		    struct ports_answer *a)
{
	struct ev_sock newcomer = { .family = q->family,
				    .proto = q->proto,
				    .lport = q->port,
				    .options = q->options,
				    .state = TCP_CLOSE };
	const struct ports_sock *last = NULL;
	enum conflict_rule rule = CONFLICT_NONE;
	bool doubt = false, certain = false;
	uint32_t i, to;

	memset(a, 0, sizeof(*a));
	memcpy(newcomer.laddr, q->laddr, ADDR_LEN);
	if (!q->privileged && q->port < p->netns[netns].facts.unprivileged_start) {
		a->error = -EACCES; /* __inet_bind() asks for this before it looks for the port */
		return;
	}
	ports__of_port(p, netns, q->port, &i, &to);
	for (; i < to; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (s->sock.proto != q->proto || !holds(s))
			continue;
		if (!last || !is_alike(last, s))
			rule = judge(&newcomer, q->uid, s, &doubt);
		last = s;
		if (!rule)
			continue;
		if (!a->holders_total)
			a->rule = rule;
		certain |= !doubt;
		add_holder(a, p->order[i]);
	}
	a->error = a->holders_total ? -EADDRINUSE : 0;
	a->estimated = a->holders_total && !certain;
}

/* --- which addresses --- */

struct addresses {
	struct ports_question list[PORTS_ADDRESSES];
	size_t n;
};

static void add_address(struct addresses *list, const struct ports_question *base, uint16_t family,
			const uint8_t *laddr, bool other)
{
	struct ports_question *new;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->list[i].family == family && !memcmp(list->list[i].laddr, laddr, ADDR_LEN))
			return;
	if (list->n == PORTS_ADDRESSES)
		return;
	new = &list->list[list->n++];
	*new = *base;
	new->family = family;
	new->other = other;
	memcpy(new->laddr, laddr, ADDR_LEN);
}

void ports__addresses(const struct ports *p, uint32_t netns, uint16_t port, uint8_t proto,
		      void (*ask)(void *arg, const struct ports_question *q), void *arg)
{
	/* for documentation (RFC 5737, RFC 3849): nobody has these */
	static const uint8_t v6_any[ADDR_LEN],
		v4_any[ADDR_LEN] = { [10] = 0xff, [11] = 0xff },
		v4_other[ADDR_LEN] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 254 },
		v6_other[ADDR_LEN] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0xfe };
	const struct ports_question base = { .proto = proto, .port = port };
	bool ipv6 = !p->netns[netns].no_ipv6;
	struct addresses list = { 0 };
	uint32_t i, to;

	add_address(&list, &base, AF_INET, v4_any, false);
	if (ipv6)
		add_address(&list, &base, AF_INET6, v6_any, false);
	add_address(&list, &base, AF_INET, v4_other, true);
	if (ipv6)
		add_address(&list, &base, AF_INET6, v6_other, true);
	ports__of_port(p, netns, port, &i, &to);
	for (; i < to; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (s->sock.proto != proto || !holds(s))
			continue;
		add_address(&list, &base, s->sock.family, s->sock.laddr, false);
		if (addr__is_ipv4(s->sock.laddr, s->sock.family))
			add_address(&list, &base, AF_INET, s->sock.laddr, false);
	}
	for (i = 0; i < list.n; i++)
		ask(arg, &list.list[i]);
}
