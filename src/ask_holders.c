// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_holders.c - who has a port: the socket iterator knows processes and options, sock_diag inside the
 * namespace knows the rest.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ask_answers.h"
#include "conflict.h"
#include "diag.h"
#include "netns.h"

#define FOUND_MAX 65536 /* sockets looked at for one answer */

struct sighting {
	struct holder h; /* first: conflict__holder_order() sorts by it */
	uint64_t cookie; /* that of a TIME_WAIT socket too, where h has 0 */
	size_t order;
	bool diag;
};

struct search {
	const struct ask_holders *q;
	struct sighting *seen;
	size_t n, room;
	bool incomplete;
};

static struct sighting *search__add(struct search *s, uint64_t cookie, bool diag)
{
	struct sighting *new;

	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;

		new = s->n < FOUND_MAX ? reallocarray(s->seen, room, sizeof(*new)) : NULL;
		s->incomplete |= !new;
		if (!new)
			return NULL;
		s->seen = new;
		s->room = room;
	}
	new = &s->seen[s->n];
	memset(new, 0, sizeof(*new)); /* the answer goes into captures: no stray bytes */
	new->cookie = cookie;
	new->order = s->n++;
	new->diag = diag;
	return new;
}

static void diag__found(void *arg, const struct diag_sock *d)
{
	struct search *search = arg;
	struct sighting *new;

	if (d->sock.lport != search->q->port)
		return;
	new = search__add(search, d->sock.cookie, true);
	if (!new)
		return;
	new->h.sock = d->sock;
	new->h.sock.netns_cookie = search->q->net.cookie;
	new->h.sock.netns = search->q->net.inode;
	if (d->time_wait) {
		new->h.sock.cookie = 0;
		return;
	}
	new->h.uid = d->uid;
	new->h.sock_uid = d->uid;
	new->h.uid_known = true;
}

static int diag__search(void *arg)
{
	struct search *search = arg;
	struct diag_query q = { .proto = search->q->proto,
				.states = search->q->proto == IPPROTO_TCP ? DIAG_ALL_STATES :
									    UINT32_MAX,
				.lport = search->q->port,
				.info = true };

	return diag__list(&q, diag__found, search);
}

static void snapshot__found(void *ctx, const struct ev_snapshot *snap)
{
	const struct ev_sock *s = &snap->base.sock;
	struct search *search = ctx;
	struct sighting *new;

	if (s->lport != search->q->port || sock__port_proto(s) != search->q->proto ||
	    s->netns != search->q->net.inode || s->netns_cookie != search->q->net.cookie)
		return;
	new = search__add(search, s->cookie, false);
	if (!new)
		return;
	new->h.sock = *s;
	new->h.proc = snap->base.actor.proc;
	new->h.uid = snap->base.actor.uid;
	new->h.sock_uid = snap->base.actor.uid;
	new->h.uid_known = true;
	new->h.options_known = true;
}

static int sighting__compare(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;

	if (x->cookie != y->cookie)
		return x->cookie < y->cookie ? -1 : 1;
	if (x->diag != y->diag)
		return x->diag - y->diag;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int sighting__by_inode(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;

	if (x->h.sock.inode != y->h.sock.inode)
		return x->h.sock.inode < y->h.sock.inode ? -1 : 1;
	return x->diag - y->diag;
}

/*
 * The kernel's subflows have the port and the inode of the MPTCP socket that a process has: each becomes another
 * sighting of that one.
 */
static void search__join_mptcp(struct search *s)
{
	const struct sighting *mptcp = NULL;
	size_t i;

	if (s->n)
		qsort(s->seen, s->n, sizeof(*s->seen), sighting__by_inode);
	for (i = 0; i < s->n; i++) {
		struct sighting *one = &s->seen[i];

		if (one->h.sock.proto == PROTO_MPTCP) {
			mptcp = one;
		} else if (one->diag && mptcp && one->h.sock.inode &&
			   one->h.sock.inode == mptcp->h.sock.inode && one->h.sock.cookie) {
			one->cookie = one->h.sock.cookie = mptcp->cookie;
		}
	}
}

/*
 * A TCP connection that ended but was not closed yet still shows its port, and holds it no more
 * (tcp_set_state calls inet_put_port), unless a bind() gave it. Where sock_diag lists what only
 * bound, it decides; else a connection's remains are told by the remote port that stays.
 */
static bool sighting__holds(const struct ask *a, const struct sighting *s, bool in_diag, bool asked)
{
	if (!sock__is_tcp(&s->h.sock) || s->h.sock.state != BPF_TCP_CLOSE || in_diag)
		return true;
	if (asked && a->diag_has_bound)
		return false;
	return !s->h.sock.rport || (s->h.sock.facts & FACT_BOUND);
}

/* One sighting a socket: the first process that has it, with what only sock_diag tells. */
static void search__merge(const struct ask *a, struct search *s, bool asked)
{
	const uint32_t began = FACT_SYN_SENT | FACT_CONNECTED | FACT_PASSIVE;
	size_t from, to, kept = 0;

	if (s->n)
		qsort(s->seen, s->n, sizeof(*s->seen), sighting__compare);
	for (from = 0; from < s->n; from = to) {
		const struct sighting *last;
		struct sighting one = s->seen[from];

		for (to = from + 1; to < s->n && s->seen[to].cookie == one.cookie; to++)
			;
		last = &s->seen[to - 1];
		if (one.cookie == s->q->except || !sighting__holds(a, &one, last->diag, asked))
			continue;
		if (last->diag && !one.diag) {
			one.h.sock_uid = last->h.uid_known ? last->h.sock_uid : one.h.sock_uid;
			if (!(one.h.sock.facts & began))
				one.h.sock.facts |= last->h.sock.facts;
		}
		s->seen[kept++] = one;
	}
	s->n = kept;
}

ssize_t answer__holders(struct ask *a, const void *question, void *answer, size_t max)
{
	struct search search = { .q = question };
	struct holder *out = answer;
	bool asked, estimated;
	size_t i, n;

	estimated = !a->config.each_socket ||
		    a->config.each_socket(a->config.arg, search.q->port, search.q->net.inode,
					  snapshot__found, &search);
	asked = !netns__within(&search.q->net, diag__search, &search);
	estimated |= !asked || search.incomplete;
	search__join_mptcp(&search);
	search__merge(a, &search, asked);
	if (search.n)
		qsort(search.seen, search.n, sizeof(*search.seen), conflict__holder_order);
	n = search.n < max / sizeof(*out) ? search.n : max / sizeof(*out);
	for (i = 0; i < n; i++) {
		out[i] = search.seen[i].h;
		out[i].estimated = estimated;
		if (i && out[i - 1].user[0] && out[i].uid_known && out[i].uid == out[i - 1].uid)
			memcpy(out[i].user, out[i - 1].user, sizeof(out[i].user));
		else if (out[i].uid_known)
			ask__user_name(out[i].uid, out[i].user, sizeof(out[i].user) - 1);
	}
	free(search.seen);
	return n * sizeof(*out);
}
