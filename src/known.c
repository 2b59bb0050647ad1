// SPDX-License-Identifier: GPL-2.0-or-later
/* known.c - small bounded memories of the detectors. */
#include "known.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

#define SECOND 1000000000ull

bool known__socket(struct detect *d, const struct ask_socket *q, struct known_socket *k)
{
	if (kernel__ask(detect__kernel(d), ASK_SOCKET, q, sizeof(*q), k, sizeof(*k)) == sizeof(*k))
		return true;
	memset(k, 0, sizeof(*k));
	return false;
}

struct holder known__holder(struct detect *d, const struct ev_sock *s, uint32_t uid,
			    const struct known_socket *k)
{
	struct holder h = { .sock = *s,
			    .proc = k->actor.proc,
			    .uid = k->uid_known ? k->actor.uid : uid,
			    .sock_uid = uid,
			    .uid_known = true,
			    .options_known = k->options_known,
			    .since_ns = k->since_ns };

	if (k->options_known)
		h.sock.options = k->sock.options;
	kernel__ask(detect__kernel(d), ASK_USER, &h.uid, sizeof(h.uid), h.user, sizeof(h.user) - 1);
	return h;
}

bool known__netns(struct detect *d, const struct netns_ref *net, uint16_t port,
		  struct netns_facts *facts)
{
	const struct ask_netns q = { .net = *net, .port = port };

	return kernel__ask(detect__kernel(d), ASK_NETNS, &q, sizeof(q), facts, sizeof(*facts)) ==
	       sizeof(*facts);
}

bool ask_budget__take(struct ask_budget *b, uint32_t cost, uint32_t limit, uint64_t now_ns)
{
	if (now_ns >= b->second_ns + SECOND) {
		b->second_ns = now_ns;
		b->spent = 0;
	}
	if (b->spent >= limit)
		return false;
	b->spent += cost;
	return true;
}

#define LOOKS_MAX 1024

uint64_t *looks__at(struct looks *l, const struct netns_ref *net)
{
	struct look *more;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->list[i].net.inode == net->inode && l->list[i].net.cookie == net->cookie)
			return &l->list[i].at_ns;
	if (l->n == LOOKS_MAX)
		l->n = 0;
	more = array__grown(l->list, l->n, &l->room, 4, sizeof(*more));
	if (!more)
		return NULL;
	l->list = more;
	l->list[l->n] = (struct look){ .net = *net };
	return &l->list[l->n++].at_ns;
}

void looks__free(struct looks *l)
{
	free(l->list);
	*l = (struct looks){ 0 };
}

bool members__add(struct members *m, uint64_t cookie, uint64_t key)
{
	struct member *more = NULL;

	if (m->n < MEMBERS_MAX)
		more = array__grown(m->list, m->n, &m->room, 16, sizeof(*more));
	if (!more)
		return false;
	m->list = more;
	m->list[m->n++] = (struct member){ .cookie = cookie, .key = key };
	return true;
}

uint64_t members__key(const struct members *m, uint64_t cookie)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->list[i].cookie == cookie)
			return m->list[i].key;
	return 0;
}

size_t members__leave(struct members *m, uint64_t cookie, uint64_t key)
{
	size_t i = 0, left = 0;

	while (i < m->n) {
		if (m->list[i].cookie == cookie && m->list[i].key == key) {
			m->list[i] = m->list[--m->n];
			continue;
		}
		left += m->list[i++].key == key;
	}
	return left;
}

void members__forget(struct members *m, uint64_t key)
{
	size_t i = 0;

	while (i < m->n) {
		if (m->list[i].key == key)
			m->list[i] = m->list[--m->n];
		else
			i++;
	}
}

void members__free(struct members *m)
{
	free(m->list);
	*m = (struct members){ 0 };
}
