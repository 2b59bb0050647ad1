// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_ports.c - how many local ports are left from an address to a destination. connect() needs a port
 * whose 4-tuple is free and that no bind() keeps (__inet_hash_connect); bind() to port 0 and UDP need one
 * that nobody has on an address that overlaps (inet_csk_find_open_port, udp_lib_get_port).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "array.h"
#include "ask_answers.h"
#include "diag.h"
#include "netns.h"
#include "pair.h"
#include "sysctl.h"

#define TCP_BOUND_INACTIVE 13    /* include/net/tcp_states.h, 6.8 */
#define TIME_WAIT_MS       60000 /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define REUSE_DELAY_MS     1000  /* where there is no tcp_tw_reuse_delay (6.14) */
#define UNCONNECTED        (1u << BPF_TCP_LISTEN | 1u << TCP_BOUND_INACTIVE)

/* A socket that a process has. */
struct held {
	uint64_t cookie;
	struct ev_owner proc;
	uint32_t uid;
	bool bound_first;
};

struct use {
	const struct ask_port_use *q;
	struct port_use *answer;
	struct port_set reserved, live, time_wait, reusable, bound, bound_first;
	uint32_t reuse_delay_ms;
	bool no_timestamps;
	struct held *held;
	size_t n_held, room;
	bool failed;
};

/* A wildcard address has those of its own family, :: also those of IPv4 (inet_rcv_saddr_equal). */
static bool addr__covers(const uint8_t *any, bool v6only, const uint8_t *addr)
{
	bool v4 = addr__is_mapped(any);

	return addr__is_wildcard(any) &&
	       (v4 ? addr__is_mapped(addr) : !v6only || !addr__is_mapped(addr));
}

static bool overlaps(const struct ask_port_use *q, const struct ev_sock *s)
{
	bool v6only = s->options & OPT_V6ONLY;

	return !memcmp(q->laddr, s->laddr, ADDR_LEN) || addr__covers(s->laddr, v6only, q->laddr) ||
	       addr__covers(q->laddr, q->v6only, s->laddr);
}

static bool in_range(const struct use *u, uint16_t port)
{
	return port >= u->answer->low && port <= u->answer->high &&
	       !port_set__has(&u->reserved, port);
}

static bool in_the_way(const struct ask_port_use *q, const struct ev_sock *s)
{
	if (q->exclusive)
		return overlaps(q, s);
	return s->rport == q->rport && !memcmp(s->raddr, q->raddr, ADDR_LEN) &&
	       (addr__is_wildcard(q->laddr) || !memcmp(s->laddr, q->laddr, ADDR_LEN));
}

/* tcp_twsk_unique: only TIME_WAIT proper, and only for connect(). */
static bool reusable(const struct use *u, const struct diag_sock *d)
{
	/* without timestamps tw_ts_recent_stamp is 0: none is given (tcp_twsk_unique) */
	if (u->q->exclusive || u->no_timestamps || d->state == BPF_TCP_FIN_WAIT2 ||
	    d->expires_ms + u->reuse_delay_ms > TIME_WAIT_MS)
		return false;
	return pair__reuses(u->answer->tw_reuse, d->sock.laddr, d->sock.raddr);
}

static void found_user(void *arg, const struct diag_sock *d)
{
	struct use *u = arg;
	bool connected = d->sock.rport || d->sock.proto == IPPROTO_UDP;

	if (!in_range(u, d->sock.lport) || !in_the_way(u->q, &d->sock))
		return;
	if (d->time_wait)
		port_set__add(reusable(u, d) ? &u->reusable : &u->time_wait, d->sock.lport);
	else
		port_set__add(connected ? &u->live : &u->bound, d->sock.lport);
}

static void found_bound(void *arg, const struct diag_sock *d)
{
	struct use *u = arg;

	if (in_range(u, d->sock.lport))
		port_set__add(&u->bound, d->sock.lport);
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

static int read_settings(struct use *u)
{
	int err = sysctl__port_range(&u->answer->low, &u->answer->high);

	if (err)
		return err;
	narrow_range(u->q, u->answer);
	sysctl__reserved_ports(&u->reserved);
	u->answer->tw_reuse = sysctl__number("net/ipv4/tcp_tw_reuse", 0);
	u->no_timestamps = !sysctl__number("net/ipv4/tcp_timestamps", 1);
	u->reuse_delay_ms = sysctl__number("net/ipv4/tcp_tw_reuse_delay", REUSE_DELAY_MS);
	return 0;
}

static int read_inside(void *arg)
{
	struct use *u = arg;
	const struct ask_port_use *q = u->q;
	const struct diag_query bound = { .proto = q->proto, .states = UNCONNECTED };
	struct diag_query users = { .proto = q->proto, .states = UINT32_MAX };
	int err;

	if (q->proto == IPPROTO_TCP)
		users.states = q->exclusive ? DIAG_ALL_STATES : DIAG_ALL_STATES & ~UNCONNECTED;
	if (!q->exclusive) {
		users.rport = q->rport;
		users.raddr = q->raddr;
	}
	err = read_settings(u);
	if (!err)
		err = diag__list(&users, found_user, u);
	if (!err && !q->exclusive)
		err = diag__list(&bound, found_bound, u);
	return err;
}

static void add_held(struct use *u, const struct ev_snapshot *snap, bool bound_first)
{
	struct held *more = array__grown(u->held, u->n_held, &u->room, 1024, sizeof(*more));

	u->failed |= !more;
	if (!more)
		return;
	u->held = more;
	u->held[u->n_held++] = (struct held){ .cookie = snap->base.sock.cookie,
					      .proc = snap->base.actor.proc,
					      .uid = snap->base.actor.uid,
					      .bound_first = bound_first };
}

/* FACT_PORT_KEPT is the port's, not the socket's: bind() gave it to one of those that share it. */
static void found_held(void *arg, const struct ev_snapshot *snap)
{
	const struct ev_sock *s = &snap->base.sock;
	struct use *u = arg;
	bool kept, bound_first;

	if (s->netns != u->q->net.inode || sock__port_proto(s) != u->q->proto ||
	    !in_range(u, s->lport))
		return;
	if (u->q->net.cookie && s->netns_cookie != u->q->net.cookie)
		return;
	kept = s->facts & FACT_PORT_KEPT;
	if (sock__is_tcp(s) && s->state == BPF_TCP_CLOSE && !kept)
		return; /* its connection ended, and its port with it */
	bound_first = kept && s->rport && !(s->facts & (FACT_PORT_FIXED | FACT_PASSIVE));
	if (kept && !u->q->exclusive)
		port_set__add(&u->bound, s->lport);
	if (!in_the_way(u->q, s) && !(kept && !u->q->exclusive))
		return;
	if (bound_first)
		port_set__add(&u->bound_first, s->lport);
	add_held(u, snap, bound_first);
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
		user.bound += h->bound_first;
	}
	if (user.live)
		keep_user(u->answer, &user);
}

static void count_ports(struct use *u)
{
	struct port_use *a = u->answer;
	uint32_t port;

	for (port = a->low; port <= a->high && port <= UINT16_MAX; port++) {
		bool live = port_set__has(&u->live, port), bound = port_set__has(&u->bound, port),
		     closed = port_set__has(&u->time_wait, port);

		a->reserved += port_set__has(&u->reserved, port);
		a->live += live;
		a->time_wait += closed && !live;
		a->bound += bound && !live && !closed;
		a->bound_first += port_set__has(&u->bound_first, port);
		a->reusable += port_set__has(&u->reusable, port) && !live && !closed && !bound;
	}
	a->used = a->live + a->time_wait + a->bound;
	a->capacity = a->high - a->low + 1 - a->reserved;
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
	u->answer->own_netns = u->q->net.inode == netns__own();
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
