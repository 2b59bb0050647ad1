// SPDX-License-Identifier: GPL-2.0-or-later
/* conflict.c - the kernel's comparison of two sockets at bind() and listen(), one rule after the other. */
#include "conflict.h"
#include "addr.h"
#include "phrase.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Read beside net/ipv4/inet_connection_sock.c (inet_csk_get_port) and net/ipv4/udp.c
 * (udp_lib_get_port) of Linux 6.18; 6.1 decides the same. Left out: TCP_REPAIR's SK_FORCE_REUSE,
 * and a newcomer that is in a reuseport group before it binds (sk_reuseport_cb, by
 * SO_ATTACH_REUSEPORT_*): the kernel may refuse those what is allowed here.
 */

const char *const conflict_names[CONFLICT_RULES] = {
	[CONFLICT_SAME_ADDRESS] = "same-address",
	[CONFLICT_WILDCARD] = "wildcard",
	[CONFLICT_DUAL_STACK] = "dual-stack",
	[CONFLICT_LISTENING] = "listening",
	[CONFLICT_REUSEPORT_MISSING] = "reuseport-missing",
	[CONFLICT_REUSEPORT_UID] = "reuseport-uid",
	[CONFLICT_TIME_WAIT] = "time-wait",
	[CONFLICT_CLIENT_PORT] = "client-port",
};

/* include/net/ipv6.h: the IPv4 address of an IPv6 socket whose address has no IPv4 form */
#define LOOPBACK4_IPV6 0x7f000006

static bool addr__is_any6(const uint8_t *a)
{
	static const uint8_t any[ADDR_LEN];

	return !memcmp(a, any, ADDR_LEN);
}

/* sk_rcv_saddr in host order: __inet6_bind, tcp_v6_connect and tcp_v6_syn_recv_sock set it so. */
static uint32_t rcv_saddr(const struct ev_sock *s)
{
	uint32_t v4;

	if (!addr__is_mapped(s->laddr))
		return addr__is_any6(s->laddr) ? INADDR_ANY : LOOPBACK4_IPV6;
	memcpy(&v4, s->laddr + 12, sizeof(v4));
	return ntohl(v4);
}

/* ipv4_rcv_saddr_equal, both wildcards matching */
static bool ipv4_equal(const struct ev_sock *a, const struct ev_sock *b)
{
	uint32_t a4 = rcv_saddr(a), b4 = rcv_saddr(b);

	return !(b->options & OPT_V6ONLY) && (a4 == b4 || !a4 || !b4);
}

/*
 * inet_rcv_saddr_equal(sk, sk2, match_wildcard = true). The hash of addresses that a TCP bind() to a
 * specific address looks in (inet_bhash2_conflict, inet_bhash2_addr_any_conflict) is a shortcut to
 * the same answer.
 */
static bool addresses_overlap(const struct ev_sock *a, const struct ev_sock *b)
{
	bool a_any = addr__is_any6(a->laddr), b_any = addr__is_any6(b->laddr);
	bool a_mapped = addr__is_mapped(a->laddr), b_mapped = addr__is_mapped(b->laddr);

	if (a->family != AF_INET6)
		return ipv4_equal(a, b);
	/* ipv6_rcv_saddr_equal */
	if (a_mapped && b_mapped)
		return ipv4_equal(a, b);
	if (a_any && b_any)
		return true;
	if (b_any && !((b->options & OPT_V6ONLY) && a_mapped))
		return true;
	if (a_any && !((a->options & OPT_V6ONLY) && b_mapped))
		return true;
	return !memcmp(a->laddr, b->laddr, ADDR_LEN);
}

/* inet_bind_conflict and udp_lib_lport_inuse: sk_bound_dev_if of both, where both have one */
static bool devices_overlap(const struct ev_sock *a, const struct ev_sock *b)
{
	return !a->ifindex || !b->ifindex || a->ifindex == b->ifindex;
}

/*
 * inet_bind_conflict as inet_csk_get_port calls it for a given port (relax and reuseport_ok true);
 * listen() asks it again (inet_csk_listen_start), and then differs in nothing: what counts is
 * whether the *other* one listens. A TIME_WAIT mini-socket keeps tw_reuse and tw_reuseport.
 */
static bool tcp_refuses(const struct ev_sock *a, const struct ev_sock *b, bool same_uid)
{
	uint32_t both = a->options & b->options;

	if ((both & OPT_REUSEADDR) && b->state != TCP_LISTEN)
		return false;
	return !(both & OPT_REUSEPORT) || (b->state != TCP_TIME_WAIT && !same_uid);
}

/* udp_lib_lport_inuse (udp_lib_lport_inuse2 where many sockets share the slot) */
static bool udp_refuses(const struct ev_sock *a, const struct ev_sock *b, bool same_uid)
{
	uint32_t both = a->options & b->options;

	return !(both & OPT_REUSEADDR) && !((both & OPT_REUSEPORT) && same_uid);
}

bool conflict__is_client(const struct ev_sock *holder)
{
	const uint32_t made = FACT_SYN_SENT | FACT_CONNECTED | FACT_CONNECTING;

	/* A UDP server may connect() its bound socket; one that only connects has no FACT_BOUND. */
	if (holder->proto == IPPROTO_UDP)
		return holder->state == TCP_ESTABLISHED && holder->rport &&
		       !(holder->facts & FACT_BOUND);
	switch (holder->state) {
	case TCP_LISTEN:
	case TCP_CLOSE:
	case TCP_TIME_WAIT:
		return false;
	case TCP_SYN_SENT:
		return true;
	default:
		return (holder->facts & made) && !(holder->facts & FACT_PASSIVE);
	}
}

static enum conflict_rule address_rule(const struct ev_sock *a, const struct ev_sock *b)
{
	if (addr__is_mapped(a->laddr) != addr__is_mapped(b->laddr))
		return CONFLICT_DUAL_STACK;
	return memcmp(a->laddr, b->laddr, ADDR_LEN) ? CONFLICT_WILDCARD : CONFLICT_SAME_ADDRESS;
}

enum conflict_rule conflict__judge(const struct ev_sock *newcomer, uint32_t newcomer_uid,
				   const struct holder *h, bool at_listen)
{
	const struct ev_sock *s = &h->sock;
	uint32_t both = newcomer->options & s->options, either = newcomer->options | s->options;
	bool same_uid = h->uid_known && h->sock_uid == newcomer_uid;
	bool tcp = sock__is_tcp(newcomer);

	if (tcp != sock__is_tcp(s) || newcomer->lport != s->lport ||
	    (newcomer->cookie && newcomer->cookie == s->cookie) || !devices_overlap(newcomer, s) ||
	    !addresses_overlap(newcomer, s))
		return CONFLICT_NONE;
	if (!(tcp ? tcp_refuses : udp_refuses)(newcomer, s, same_uid))
		return CONFLICT_NONE;
	/* It is refused; the most telling reason of those that apply. */
	if (tcp && s->state == TCP_TIME_WAIT)
		return CONFLICT_TIME_WAIT;
	if (conflict__is_client(s))
		return CONFLICT_CLIENT_PORT;
	/* listen() comes after a bind() that passed, usually by SO_REUSEADDR: the listener ends it. */
	if (at_listen && (both & OPT_REUSEADDR) && s->state == TCP_LISTEN)
		return CONFLICT_LISTENING;
	if (both & OPT_REUSEPORT)
		return CONFLICT_REUSEPORT_UID;
	if (either & OPT_REUSEPORT)
		return CONFLICT_REUSEPORT_MISSING;
	if (tcp && (both & OPT_REUSEADDR))
		return CONFLICT_LISTENING;
	return address_rule(newcomer, s);
}

/* What a finding says of it. */

#define SECOND    1000000000ull
#define NAMED_MAX 3 /* processes named in the message */

static const char *proto__name(const struct ev_sock *s)
{
	return s->proto == IPPROTO_UDP ? "udp" : "tcp";
}

static bool holder__is_closed(const struct holder *h)
{
	return sock__is_tcp(&h->sock) && h->sock.state == TCP_TIME_WAIT;
}

static bool holder__listens(const struct holder *h)
{
	return sock__is_tcp(&h->sock) && h->sock.state == TCP_LISTEN;
}

static bool holder__same_process(const struct holder *a, const struct holder *b)
{
	return a->proc.tgid == b->proc.tgid && a->proc.start_ns == b->proc.start_ns;
}

/* What the holder does with the port, "listening since 23:48:24". */
static void text__doing(struct phrase *t, const struct holder *h, uint64_t now_ns,
			const struct wall *wall)
{
	const struct ev_sock *s = &h->sock;

	if (holder__listens(h)) {
		phrase__add(t, "listening");
	} else if (s->state == TCP_ESTABLISHED && s->rport) {
		phrase__add(t, "connected to ");
		phrase__address(t, s->raddr, s->rport);
	} else if (s->proto == IPPROTO_UDP || s->state == TCP_CLOSE) {
		phrase__add(t, "bound");
	} else {
		phrase__add(t, "in a connection with ");
		phrase__address(t, s->raddr, s->rport);
	}
	if (!h->since_ns || now_ns < h->since_ns)
		return;
	phrase__since(t, h->since_ns, now_ns, wall);
	if (s->facts & FACT_EXISTED) /* found then, and older */
		phrase__add(t, " or before");
}

static void text__process(struct phrase *t, const struct holder *h)
{
	phrase__add(t, "%.*s (pid %u", COMM_LEN, h->proc.comm, h->proc.tgid);
	if (h->uid_known && h->user[0])
		phrase__add(t, ", %s", h->user);
	else if (h->uid_known)
		phrase__add(t, ", uid %u", h->uid);
	phrase__add(t, ")");
}

/*
 * How a holder is counted: one that has a process, the first socket of that process; one that has
 * none, a closed connection or an orphan.
 */
struct counted {
	size_t processes, closed, orphans;
	const struct holder *named[NAMED_MAX];
	size_t n_named;
};

static int holder__rank(const struct holder *h)
{
	if (holder__listens(h))
		return 0;
	if (holder__is_closed(h))
		return 3;
	return h->proc.tgid ? 1 : 2;
}

int conflict__holder_order(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	int by_rank = holder__rank(x) - holder__rank(y);

	if (by_rank)
		return by_rank;
	if (x->sock.cookie != y->sock.cookie)
		return x->sock.cookie < y->sock.cookie ? -1 : 1;
	if (x->sock.rport != y->sock.rport)
		return x->sock.rport - y->sock.rport;
	return memcmp(x->sock.raddr, y->sock.raddr, ADDR_LEN);
}

bool conflict__process_seen(const struct holder *h, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (holder__same_process(&h[j], &h[i]))
			return true;
	return false;
}

static void counted__add(struct counted *t, const struct holder *h, size_t n)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < n; i++) {
		if (holder__is_closed(&h[i])) {
			t->closed++;
		} else if (!h[i].proc.tgid) {
			t->orphans++;
		} else if (!conflict__process_seen(h, i)) {
			t->processes++;
			if (t->n_named < NAMED_MAX)
				t->named[t->n_named++] = &h[i];
		}
	}
}

static void message__write(struct finding *f, const struct holder *h, size_t n, uint64_t now_ns,
			   const struct wall *wall)
{
	struct phrase t = { f->message, sizeof(f->message), 0 };
	const struct ev_sock *at = n ? &h[0].sock : &f->sock;
	const char *join = "";
	struct counted c;
	size_t i;

	f->message[0] = '\0';
	counted__add(&c, h, n);
	phrase__address(&t, at->laddr, at->lport);
	phrase__add(&t, "/%s ", proto__name(at));
	if (!n) {
		phrase__add(&t,
			    "was refused to %.*s (pid %u) by %s(), but nothing holds it any more",
			    COMM_LEN, f->actor.proc.comm, f->actor.proc.tgid, f->call);
		return;
	}
	phrase__add(&t, "is held by ");
	for (i = 0; i < c.n_named; i++, join = "; ") {
		phrase__add(&t, "%s", join);
		text__process(&t, c.named[i]);
		phrase__add(&t, ", ");
		text__doing(&t, c.named[i], now_ns, wall);
	}
	if (c.processes > c.n_named)
		phrase__add(&t, " and %zu more", c.processes - c.n_named);
	if (c.orphans) {
		phrase__add(&t, "%s%zu connection%s that no process holds", join, c.orphans,
			    phrase__plural(c.orphans));
		join = "; ";
	}
	if (c.closed && !c.processes && !c.orphans)
		phrase__add(
			&t,
			"%zu closed connection%s in TIME_WAIT for up to 60 s; %s would let this bind pass",
			c.closed, phrase__plural(c.closed), "SO_REUSEADDR on both");
	else if (c.closed)
		phrase__add(&t, "%s%zu closed connection%s in TIME_WAIT", join, c.closed,
			    phrase__plural(c.closed));
}

static void advice__stop_or_move(struct phrase *t, const struct finding *f, const struct holder *h)
{
	if (h->proc.tgid && h->proc.tgid == f->actor.proc.tgid)
		phrase__add(
			t,
			"%.*s holds the port itself by another socket: bind it once, or close that one first",
			COMM_LEN, h->proc.comm);
	else if (!h->proc.tgid && (f->sock.options & OPT_REUSEADDR))
		phrase__add(t, "retry when the connection has ended");
	else if (!h->proc.tgid)
		phrase__add(
			t,
			"set SO_REUSEADDR before bind() in %.*s, or retry when the connection has ended",
			COMM_LEN, f->actor.proc.comm);
	else if (!strncmp(h->proc.comm, f->actor.proc.comm, COMM_LEN))
		phrase__add(
			t,
			"another %.*s runs already: stop it (kill %u), or give this one another port than %u",
			COMM_LEN, h->proc.comm, h->proc.tgid, f->sock.lport);
	else
		phrase__add(t, "stop %.*s (kill %u), or give %.*s another port than %u", COMM_LEN,
			    h->proc.comm, h->proc.tgid, COMM_LEN, f->actor.proc.comm,
			    f->sock.lport);
}

static void advice__address(struct phrase *t, const struct finding *f, const struct holder *h)
{
	/* Connections of a server that went away, or of its other sockets: no listener in the way. */
	if (h->proc.tgid && sock__is_tcp(&h->sock) && !holder__listens(h) &&
	    h->sock.state != TCP_CLOSE && !(f->sock.options & OPT_REUSEADDR)) {
		phrase__add(
			t,
			"set SO_REUSEADDR before bind() in %.*s, as servers do, or end the connection of pid %u",
			COMM_LEN, f->actor.proc.comm, h->proc.tgid);
		return;
	}
	advice__stop_or_move(t, f, h);
}

static void advice__wildcard(struct phrase *t, const struct finding *f, const struct holder *h)
{
	advice__address(t, f, h);
	phrase__add(t, "; or bind both to specific, different addresses");
}

static void advice__dual_stack(struct phrase *t, const struct finding *f, const struct holder *h)
{
	bool holder_is_v6 = h->sock.family == AF_INET6;
	const struct ev_owner *v6 = holder_is_v6 ? &h->proc : &f->actor.proc;

	if (v6->tgid)
		phrase__add(
			t,
			"set IPV6_V6ONLY before bind() in %.*s (pid %u), so that its IPv6 socket leaves IPv4 alone; or ",
			COMM_LEN, v6->comm, v6->tgid);
	advice__stop_or_move(t, f, h);
}

static void advice__reuseport_missing(struct phrase *t, const struct finding *f,
				      const struct holder *h)
{
	bool holder_lacks = !(h->sock.options & OPT_REUSEPORT);
	const struct ev_owner *lacks = holder_lacks ? &h->proc : &f->actor.proc;

	if (lacks->tgid)
		phrase__add(
			t,
			"to share the port, set SO_REUSEPORT before bind() in %.*s (pid %u) too; else ",
			COMM_LEN, lacks->comm, lacks->tgid);
	advice__stop_or_move(t, f, h);
}

static void advice__reuseport_uid(struct phrase *t, const struct finding *f, const struct holder *h)
{
	if (!h->proc.tgid) {
		advice__stop_or_move(t, f, h);
		return;
	}
	phrase__add(
		t,
		"SO_REUSEPORT shares a port only between sockets of one user: %.*s has uid %u, %.*s has uid %u; run both as the same",
		COMM_LEN, h->proc.comm, h->sock_uid, COMM_LEN, f->actor.proc.comm, f->uid);
}

static void advice__time_wait(struct phrase *t, const struct finding *f, const struct holder *h)
{
	(void)h;
	if (f->sock.options & OPT_REUSEADDR)
		phrase__add(
			t,
			"%.*s has SO_REUSEADDR, the closed connections did not: set it before bind() or connect() in the program that made them, or retry in 60 s",
			COMM_LEN, f->actor.proc.comm);
	else
		phrase__add(
			t,
			"setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) before bind() in %.*s, or retry in 60 s",
			COMM_LEN, f->actor.proc.comm);
}

static void advice__client_port(struct phrase *t, const struct finding *f, const struct holder *h)
{
	phrase__add(
		t,
		"reserve the port for %.*s: add %u to the list in sysctl net.ipv4.ip_local_reserved_ports; it is free now when ",
		COMM_LEN, f->actor.proc.comm, f->sock.lport);
	if (h->proc.tgid)
		phrase__add(t, "%.*s (pid %u) closes its connection", COMM_LEN, h->proc.comm,
			    h->proc.tgid);
	else
		phrase__add(t, "that connection ends");
}

static void (*const advice_by_rule[CONFLICT_RULES])(struct phrase *, const struct finding *,
						    const struct holder *) = {
	[CONFLICT_SAME_ADDRESS] = advice__address,
	[CONFLICT_WILDCARD] = advice__wildcard,
	[CONFLICT_DUAL_STACK] = advice__dual_stack,
	[CONFLICT_LISTENING] = advice__stop_or_move,
	[CONFLICT_REUSEPORT_MISSING] = advice__reuseport_missing,
	[CONFLICT_REUSEPORT_UID] = advice__reuseport_uid,
	[CONFLICT_TIME_WAIT] = advice__time_wait,
	[CONFLICT_CLIENT_PORT] = advice__client_port,
};

static void advice__write(struct finding *f, enum conflict_rule rule, const struct holder *h)
{
	struct phrase t = { f->advice, sizeof(f->advice), 0 };

	f->advice[0] = '\0';
	if (rule)
		advice_by_rule[rule](&t, f, h);
	else
		phrase__add(
			&t,
			"try again; if it fails again, `ss -anp 'sport = :%u'` in its network namespace shows who has the port",
			f->sock.lport);
}

void conflict__tell(struct finding *f, enum conflict_rule rule, const struct holder *h, size_t n,
		    uint64_t now_ns, const struct wall *wall)
{
	message__write(f, h, n, now_ns, wall);
	advice__write(f, rule, h);
}
