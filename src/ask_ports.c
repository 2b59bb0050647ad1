// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_ports.c - how many local ports are left from an address to a destination. connect() needs a port
 * whose 4-tuple is free and that no bind() holds (__inet_hash_connect); bind() to port 0 and UDP need one
 * that is free altogether.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ask_answers.h"
#include "diag.h"
#include "netns.h"
#include "sysctl.h"

#define TCP_BOUND_INACTIVE 13    /* include/net/tcp_states.h, 6.8 */
#define TIME_WAIT_MS       60000 /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define REUSE_MS           1000  /* tcp_tw_reuse takes them after a second (tcp_twsk_unique) */

static const uint8_t unspecified[ADDR_LEN], v4_unspecified[ADDR_LEN] = { [10] = 0xff, [11] = 0xff };

/* A socket that a process holds. */
struct held {
	uint64_t cookie;
	struct ev_owner proc;
	uint32_t uid;
	bool bound;
};

struct use {
	const struct ask_port_use *q;
	struct port_use *answer;
	struct port_set reserved, live, time_wait, reusable, kept;
	struct held *held;
	size_t n_held, room;
	bool failed;
};

static bool addr__any(const uint8_t *addr)
{
	return !memcmp(addr, unspecified, ADDR_LEN) || !memcmp(addr, v4_unspecified, ADDR_LEN);
}

static bool addr__loopback(const uint8_t *addr)
{
	static const uint8_t v6[ADDR_LEN] = { [15] = 1 };

	return (!memcmp(addr, v4_unspecified, 12) && addr[12] == 127) ||
	       !memcmp(addr, v6, ADDR_LEN);
}

static bool in_range(const struct use *u, uint16_t port)
{
	return port >= u->answer->low && port <= u->answer->high &&
	       !port_set__has(&u->reserved, port);
}

static bool to_destination(const struct ask_port_use *q, const struct ev_sock *s)
{
	if (q->exclusive)
		return true;
	if (s->rport != q->rport || memcmp(s->raddr, q->raddr, ADDR_LEN))
		return false;
	return addr__any(q->laddr) || !memcmp(s->laddr, q->laddr, ADDR_LEN);
}

static bool reusable(const struct use *u, const struct diag_sock *d)
{
	uint32_t mode = u->answer->tw_reuse;

	if (u->q->exclusive || d->expires_ms > TIME_WAIT_MS - REUSE_MS)
		return false;
	return mode == 1 ||
	       (mode == 2 && (addr__loopback(d->sock.raddr) || addr__loopback(d->sock.laddr)));
}

static void found_to_destination(void *arg, const struct diag_sock *d)
{
	struct use *u = arg;

	if (!in_range(u, d->sock.lport) || !to_destination(u->q, &d->sock))
		return;
	if (!d->time_wait) {
		port_set__add(&u->live, d->sock.lport);
		u->answer->live++;
	} else {
		port_set__add(reusable(u, d) ? &u->reusable : &u->time_wait, d->sock.lport);
	}
}

static void found_bound(void *arg, const struct diag_sock *d)
{
	struct use *u = arg;

	if (in_range(u, d->sock.lport))
		port_set__add(&u->kept, d->sock.lport);
}

/* The socket's own range counts as far as it lies in the namespace's (inet_sk_get_local_port_range). */
static void narrow_range(const struct ask_port_use *q, struct port_use *answer)
{
	uint32_t low = answer->low, high = answer->high;

	if (q->low >= low && q->low <= high)
		answer->low = q->low;
	if (q->high >= low && q->high <= high)
		answer->high = q->high;
}

static int read_inside(void *arg)
{
	struct use *u = arg;
	const struct ask_port_use *q = u->q;
	bool tcp = q->proto == IPPROTO_TCP;
	struct diag_query to = { .proto = q->proto, .states = tcp ? DIAG_ALL_STATES : UINT32_MAX };
	const struct diag_query bound = {
		.proto = q->proto, .states = 1u << BPF_TCP_LISTEN | 1u << TCP_BOUND_INACTIVE
	};
	int err;

	err = sysctl__port_range(&u->answer->low, &u->answer->high);
	if (err)
		return err;
	narrow_range(q, u->answer);
	sysctl__reserved_ports(&u->reserved);
	u->answer->tw_reuse = sysctl__number("net/ipv4/tcp_tw_reuse", 0);
	if (!q->exclusive) {
		to.rport = q->rport;
		to.raddr = q->raddr;
	}
	err = diag__list(&to, found_to_destination, u);
	if (!err && !q->exclusive)
		err = diag__list(&bound, found_bound, u);
	return err;
}

static void add_held(struct use *u, const struct ev_snapshot *snap)
{
	if (u->n_held == u->room) {
		size_t room = u->room ? u->room * 2 : 1024;
		struct held *more = reallocarray(u->held, room, sizeof(*more));

		u->failed |= !more;
		if (!more)
			return;
		u->held = more;
		u->room = room;
	}
	u->held[u->n_held++] = (struct held){ .cookie = snap->base.sock.cookie,
					      .proc = snap->base.actor.proc,
					      .uid = snap->base.actor.uid,
					      .bound = snap->base.sock.facts & FACT_PORT_KEPT };
}

static void found_held(void *arg, const struct ev_snapshot *snap)
{
	const struct ev_sock *s = &snap->base.sock;
	struct use *u = arg;

	if (s->netns != u->q->net.inode || s->proto != u->q->proto || !in_range(u, s->lport))
		return;
	if (u->q->net.cookie && s->netns_cookie != u->q->net.cookie)
		return;
	if ((s->facts & FACT_PORT_KEPT) && !u->q->exclusive)
		port_set__add(&u->kept, s->lport);
	if (to_destination(u->q, s))
		add_held(u, snap);
}

static int by_process(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->proc.tgid != y->proc.tgid)
		return x->proc.tgid < y->proc.tgid ? -1 : 1;
	if (x->proc.start_ns != y->proc.start_ns)
		return x->proc.start_ns < y->proc.start_ns ? -1 : 1;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

/* Keeps the PORT_USERS with the most sockets, in order. */
static void keep_user(struct port_use *answer, const struct port_user *user)
{
	struct port_user *list = answer->users;
	uint32_t at = answer->n_users;

	while (at > 0 && list[at - 1].live < user->live)
		at--;
	if (at == PORT_USERS)
		return;
	if (answer->n_users < PORT_USERS)
		answer->n_users++;
	memmove(&list[at + 1], &list[at], (answer->n_users - 1 - at) * sizeof(*list));
	list[at] = *user;
}

static void count_users(struct use *u)
{
	struct port_user user = { 0 };
	size_t i;

	if (u->n_held)
		qsort(u->held, u->n_held, sizeof(*u->held), by_process);
	for (i = 0; i < u->n_held; i++) {
		const struct held *h = &u->held[i], *before = i ? h - 1 : NULL;
		bool same = before && before->proc.tgid == h->proc.tgid &&
			    before->proc.start_ns == h->proc.start_ns;

		if (same && before->cookie == h->cookie)
			continue; /* another descriptor of the same socket */
		if (!same && user.live)
			keep_user(u->answer, &user);
		if (!same)
			user = (struct port_user){ .proc = h->proc, .uid = h->uid };
		user.live++;
		user.bound += h->bound;
	}
	if (user.live)
		keep_user(u->answer, &user);
}

static void count_ports(struct use *u)
{
	struct port_use *a = u->answer;
	uint32_t port;

	for (port = a->low; port <= a->high && port <= UINT16_MAX; port++) {
		bool live = port_set__has(&u->live, port), kept = port_set__has(&u->kept, port),
		     closed = port_set__has(&u->time_wait, port);

		a->reserved += port_set__has(&u->reserved, port);
		a->used += live || closed || kept;
		a->time_wait += closed && !live;
		a->reusable += port_set__has(&u->reusable, port) && !live && !closed;
		a->bound += kept;
	}
	a->capacity = a->high - a->low + 1 - a->reserved;
	if (u->q->exclusive)
		a->live = port_set__count(&u->live, a->low, a->high);
}

static ssize_t fill(struct ask *a, struct use *u)
{
	int err = netns__within(&u->q->net, read_inside, u);

	if (err)
		return err;
	if (u->q->users &&
	    (!a->config.each_socket ||
	     a->config.each_socket(a->config.arg, 0, u->q->net.inode, found_held, u)))
		u->failed = true;
	count_ports(u);
	count_users(u);
	u->answer->estimated = u->failed;
	return sizeof(*u->answer);
}

ssize_t answer__port_use(struct ask *a, const void *question, void *answer, size_t max)
{
	struct use *u = calloc(1, sizeof(*u));
	ssize_t n;

	if (!u || max < sizeof(*u->answer)) {
		free(u);
		return u ? -ENOSPC : -ENOMEM;
	}
	u->q = question;
	u->answer = answer;
	memset(answer, 0, sizeof(*u->answer));
	n = fill(a, u);
	free(u->held);
	free(u);
	return n;
}
