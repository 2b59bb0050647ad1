// SPDX-License-Identifier: GPL-2.0-or-later
/* listeners.c - the index of listeners by namespace, port and address. */
#include "top/listeners.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "array.h"
#include "json.h"

static int by_port(const void *a, const void *b)
{
	const struct top_sock *x = a, *y = b;

	if (x->sock.lport != y->sock.lport)
		return x->sock.lport - y->sock.lport;
	return x->sock.cookie < y->sock.cookie ? -1 : x->sock.cookie > y->sock.cookie;
}

static void make(struct listeners *l, const struct top_sock *socks, size_t n)
{
	struct top_sock *list;
	size_t i;

	l->stale = false;
	l->n = 0;
	for (i = 0; i < n; i++) {
		const struct top_sock *s = &socks[i];

		if (!s->sock.cookie || s->state != TCP_LISTEN || s->closed_ns ||
		    !sock__is_tcp(&s->sock))
			continue;
		list = array__grown(l->list, l->n, &l->room, 64, sizeof(*list));
		if (!list)
			break;
		l->list = list;
		l->list[l->n++] = *s;
	}
	if (l->n)
		qsort(l->list, l->n, sizeof(*l->list), by_port);
}

/* 0: not this one; of a specific address better. */
static int fits(const struct ev_sock *l, const struct ev_sock *s)
{
	bool v4 = addr__is_ipv4(s->laddr, s->family);

	if (l->netns != s->netns)
		return 0;
	if (!memcmp(l->laddr, s->laddr, ADDR_LEN))
		return 2;
	if (!addr__is_wildcard(l->laddr))
		return 0;
	if (l->family == AF_INET)
		return v4;
	return !v4 || !(l->options & OPT_V6ONLY);
}

const struct top_sock *listeners__of(struct listeners *l, const struct top_sock *socks, size_t n,
				     const struct ev_sock *connection)
{
	const struct top_sock *best = NULL;
	size_t low = 0, high, middle;
	int how, fit = 0;

	if (l->stale)
		make(l, socks, n);
	for (high = l->n; low < high;) {
		middle = low + (high - low) / 2;
		if (l->list[middle].sock.lport < connection->lport)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < l->n && l->list[low].sock.lport == connection->lport; low++) {
		how = fits(&l->list[low].sock, connection);
		if (how > fit) {
			fit = how;
			best = &l->list[low];
		}
	}
	return best;
}

void listeners__free(struct listeners *l)
{
	free(l->list);
	*l = (struct listeners){ 0 };
}
