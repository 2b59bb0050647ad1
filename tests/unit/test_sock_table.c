// SPDX-License-Identifier: GPL-2.0-or-later
/* sock_table: events are joined to lives; what is forgotten is counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "sock_table.h"

#define NGINX 812
#define CURL  9001

static struct record r;
static struct life life;

static int setup(void **state)
{
	*state = sock_table__new(1000);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	sock_table__free(*state);
	return 0;
}

/* The event must make a record. `e` is what the record points into. */
static void apply(struct sock_table *t, union event *e)
{
	memset(&r, 0xa5, sizeof(r));
	memset(&life, 0xa5, sizeof(life));
	assert_true(sock_table__apply(t, e, &r, &life));
	assert_int_equal(r.sock->cookie, e->base.sock.cookie);
}

static void apply_new(struct sock_table *t, enum ev_type type, uint64_t cookie, uint64_t at,
		      uint32_t pid)
{
	static union event e;

	e = sample__event_of(type, cookie, at, pid, pid == NGINX ? "nginx" : "curl");
	apply(t, &e);
}

/* nginx listens on port 80 as socket `cookie`. */
static void listener(struct sock_table *t, uint64_t cookie, uint32_t pid)
{
	union event e = sample__event_of(EV_LISTEN, cookie, T0, pid, "nginx");

	e.base.sock.lport = 80;
	e.base.sock.rport = 0;
	e.base.sock.state = TCP_LISTEN;
	e.base.sock.facts = FACT_LISTENED;
	e.base.actor.uid = 33;
	apply(t, &e);
}

/* --- joining --- */

static void life_of_a_listener(void **state)
{
	union event e = sample__event_of(EV_BIND, 5, T0, NGINX, "nginx");

	e.base.sock.created_ns = T0 - 5;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_BIND);
	assert_ptr_equal(r.u.bind, &e.bind);
	assert_int_equal(r.fd, -1);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.inferred, 0);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_null(r.owner);

	e = sample__event_of(EV_LISTEN, 5, T0 + 10, NGINX, "nginx");
	e.base.sock.created_ns = T0 - 5;
	e.base.sock.state = TCP_LISTEN;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_LISTEN);
	apply_new(*state, EV_LISTEN, 5, T0 + 20, NGINX); /* again, with another backlog */
	assert_int_equal(sock_table__count(*state), 1);

	e = sample__event_of(EV_CLOSE, 5, T0 + 30, NGINX, "nginx");
	e.base.sock.created_ns = T0 - 5;
	e.base.sock.rport = 0;
	e.base.sock.facts = FACT_CREATED | FACT_LISTENED | FACT_RELEASED;
	e.close.released_ns = T0 + 29;
	e.close.accepted = 3;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_CLOSE);
	assert_ptr_equal(r.u.life, &life);
	assert_int_equal(life.role, ROLE_LISTENER);
	assert_int_equal(life.reason, REASON_CLOSED);
	assert_int_equal(life.created_ns, T0 - 5);
	assert_int_equal(life.first_ns, T0 - 5);
	assert_int_equal(life.bound_ns, T0);
	assert_int_equal(life.listening_ns, T0 + 10);
	assert_int_equal(life.established_ns, 0);
	assert_int_equal(life.released_ns, T0 + 29);
	assert_int_equal(life.ended_ns, T0 + 30);
	assert_int_equal(life.accepted, 3);
	assert_true(life.closed_by_known);
	assert_false(life.closed_by_exit);
	assert_false(life.closed_by_kernel);
	assert_int_equal(sock_table__count(*state), 0);
	assert_int_equal(sock_table__evicted(*state), 0);
}

static void life_of_a_client(void **state)
{
	union event e = sample__event_of(EV_CONNECT, 6, T0, CURL, "curl");

	e.connect.started_ns = T0 - 62000;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_CONNECT);
	assert_int_equal(sock_table__since(*state, 6), T0);

	e = sample__event_of(EV_CLOSE, 6, T0 + SECOND, CURL, "curl");
	e.base.sock.facts = FACT_CREATED | FACT_SYN_SENT | FACT_CONNECTED | FACT_ESTABLISHED |
			    FACT_LOCAL_FIRST | FACT_RELEASED | FACT_TIME_WAIT | FACT_EXITING;
	e.close.established_ns = T0 - 10;
	e.close.tx_bytes = 78;
	e.close.rx_bytes = 853;
	e.close.unacked_bytes = 1;
	e.close.unread_bytes = 2;
	e.close.retrans = 3;
	e.close.srtt_us = 4;
	apply(*state, &e);
	assert_int_equal(life.role, ROLE_CLIENT);
	assert_int_equal(life.reason, REASON_LOCAL_CLOSE);
	assert_int_equal(life.established_ns, T0 - 10);
	assert_int_equal(life.tx_bytes, 78);
	assert_int_equal(life.rx_bytes, 853);
	assert_int_equal(life.unacked_bytes, 1);
	assert_int_equal(life.unread_bytes, 2);
	assert_int_equal(life.retrans, 3);
	assert_int_equal(life.srtt_us, 4);
	assert_true(life.time_wait);
	assert_true(life.closed_by_exit);
}

/* It lives since its handshake, not since its accept(). */
static void life_of_a_child(void **state)
{
	union event e = sample__event_of(EV_ACCEPT, 7, T0, NGINX, "nginx");

	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED | FACT_ACCEPTED;
	e.accept.listener = 5;
	e.accept.established_ns = T0 - 29000;
	e.accept.fd = 12;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_ACCEPT);
	assert_int_equal(r.fd, 12);
	assert_int_equal(sock_table__since(*state, 7), T0 - 29000);

	e = sample__event_of(EV_CLOSE, 7, T0 + 100, NGINX, "nginx");
	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED | FACT_ACCEPTED | FACT_REMOTE_FIRST;
	e.close.established_ns = T0 - 29000;
	apply(*state, &e);
	assert_int_equal(life.role, ROLE_SERVER);
	assert_int_equal(life.reason, REASON_REMOTE_CLOSE);
	assert_int_equal(life.created_ns, 0);
	assert_int_equal(life.first_ns, T0 - 29000);
	assert_int_equal(life.established_ns, T0 - 29000);
}

/* io_uring's is concluded at the release of what it gave: it is the listener's, and that one counts it. */
static void accept_that_was_not_seen(void **state)
{
	union event e;

	listener(*state, 5, NGINX);
	e = sample__event_of(EV_ACCEPT, 30, T0 + 50, CURL, "curl");
	e.base.sock.lport = 80;
	e.base.sock.state = 8;
	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED;
	e.base.sock.owner = (struct ev_owner){ 0 };
	e.accept.fd = -1;
	apply(*state, &e);
	assert_int_equal(r.u.accept->listener, 5);
	assert_int_equal(r.sock->state, 1);
	assert_int_equal(r.actor->proc.tgid, CURL);
	assert_int_equal(r.owner->tgid, NGINX);
	assert_int_equal(r.inferred,
			 INFERRED_OWNER | INFERRED_PROCESS | INFERRED_LISTENER | INFERRED_TIME);
	apply_new(*state, EV_CLOSE, 5, T0 + 100, NGINX);
	assert_int_equal(life.accepted, 1);

	/* of a listener that is not known */
	e.base.sock.cookie = 31;
	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED;
	e.base.sock.owner = (struct ev_owner){ 0 };
	e.accept.listener = 0;
	apply(*state, &e);
	assert_int_equal(r.u.accept->listener, 0);
	assert_null(r.owner);
	assert_int_equal(r.inferred, INFERRED_PROCESS | INFERRED_TIME);
}

static void failures_are_no_milestones(void **state)
{
	union event e = sample__event_of(EV_BIND, 8, T0, CURL, "curl");

	e.bind.error = -EADDRINUSE;
	apply(*state, &e);
	assert_int_equal(r.error, -EADDRINUSE);
	e = sample__event_of(EV_LISTEN, 8, T0 + 1, CURL, "curl");
	e.listen.error = -EADDRINUSE;
	apply(*state, &e);
	assert_int_equal(r.error, -EADDRINUSE);
	e = sample__event_of(EV_CONNECT, 8, T0 + 2, CURL, "curl");
	e.connect.error = -ECONNREFUSED;
	apply(*state, &e);
	assert_int_equal(r.error, -ECONNREFUSED);
	e = sample__event_of(EV_CONNECT, 8, T0 + 3, CURL, "curl");
	e.connect.abandoned = 1;
	apply(*state, &e);
	e = sample__event_of(EV_ACCEPT, 8, T0 + 4, CURL, "curl");
	e.accept.error = -EMFILE;
	e.accept.fd = -1;
	apply(*state, &e);
	assert_int_equal(r.error, -EMFILE);
	assert_int_equal(r.fd, -1);
	assert_int_equal(sock_table__since(*state, 8), T0); /* first seen */
	apply_new(*state, EV_CLOSE, 8, T0 + 5, CURL);
	assert_int_equal(life.bound_ns, 0);
	assert_int_equal(life.listening_ns, 0);
	assert_int_equal(life.established_ns, 0);
}

static void peers_and_states(void **state)
{
	union event e = sample__event_of(EV_PEER, 9, T0, CURL, "curl");

	apply(*state, &e);
	assert_int_equal(r.type, RECORD_PEER);
	assert_ptr_equal(r.u.peer, &e.peer);
	e = sample__event(EV_STATE, 9, T0 + 1);
	e.base.sock.owner = sample__process(CURL, "curl");
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_STATE);
	assert_null(r.actor); /* states change in any process's time */
	assert_null(r.owner);
	assert_int_equal(r.inferred, 0);
}

static void the_end_of_a_tree_is_no_record(void **state)
{
	union event e = sample__event(EV_TREE, 0, T0);

	assert_false(sock_table__apply(*state, &e, &r, &life));
	assert_int_equal(sock_table__count(*state), 0);
}

static void close_of_a_stranger(void **state)
{
	union event e = sample__event_of(EV_CLOSE, 10, T0, CURL, "curl");

	e.base.sock.created_ns = T0 - 7;
	apply(*state, &e);
	assert_int_equal(life.first_ns, T0 - 7);
	assert_int_equal(life.bound_ns, 0);
	assert_int_equal(sock_table__count(*state), 0);
	/* the cookie comes back: nothing of the former life is left */
	apply_new(*state, EV_BIND, 11, T0, CURL);
	apply_new(*state, EV_CLOSE, 11, T0 + 1, CURL);
	apply_new(*state, EV_CLOSE, 11, T0 + 2, CURL);
	assert_int_equal(life.bound_ns, 0);
	assert_int_equal(life.first_ns, T0 + 2);
}

static void options_stay_as_last_read(void **state)
{
	union event e = sample__event_of(EV_BIND, 12, T0, CURL, "curl");

	e.base.sock.options = OPT_REUSEADDR;
	apply(*state, &e);
	e = sample__event_of(EV_CONNECT, 12, T0 + 1, CURL, "curl");
	e.base.sock.options = OPT_FREEBIND; /* not read by this event */
	apply(*state, &e);
	assert_int_equal(r.sock->options, OPT_REUSEADDR);
	e = sample__event_of(EV_LISTEN, 12, T0 + 2, CURL, "curl");
	e.base.sock.options = OPT_REUSEPORT;
	apply(*state, &e);
	assert_int_equal(r.sock->options, OPT_REUSEPORT);
	apply_new(*state, EV_CLOSE, 12, T0 + 3, CURL);
	assert_int_equal(r.sock->options, OPT_REUSEPORT);
}

static void time_never_runs_back(void **state)
{
	union event e;

	apply_new(*state, EV_BIND, 13, T0 + 10, CURL);
	apply_new(*state, EV_BIND, 14, T0 + 1, CURL); /* another socket is another matter */
	assert_int_equal(r.boot_ns, T0 + 1);
	e = sample__event_of(EV_LISTEN, 13, T0 + 5, CURL, "curl");
	apply(*state, &e);
	assert_int_equal(r.boot_ns, T0 + 10);
	apply_new(*state, EV_CONNECT, 13, T0 + 11, CURL);
	assert_int_equal(r.boot_ns, T0 + 11);
	e = sample__event_of(EV_CLOSE, 13, T0 + 2, CURL, "curl");
	apply(*state, &e);
	assert_int_equal(r.boot_ns, T0 + 11);
	assert_int_equal(life.ended_ns, T0 + 11);
}

/* --- who --- */

static void owner_and_actor(void **state)
{
	union event e = sample__event_of(EV_BIND, 20, T0, NGINX, "nginx");

	e.base.actor = sample__actor(CURL, "helper"); /* it got the descriptor */
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, CURL);
	assert_int_equal(r.owner->tgid, NGINX);
	assert_string_equal(r.owner->comm, "nginx");
	assert_int_equal(r.inferred, 0);

	e = sample__event_of(EV_CLOSE, 20, T0 + 1, NGINX, "nginx");
	e.base.actor.proc.exec = 7; /* the same process after an exec */
	apply(*state, &e);
	assert_null(r.owner);

	e = sample__event_of(EV_CLOSE, 21, T0 + 1, NGINX, "nginx");
	e.base.actor.proc.start_ns++; /* the same number, another process */
	apply(*state, &e);
	assert_int_equal(r.owner->tgid, NGINX);
}

/* The kernel forgot, the table did not. */
static void the_owner_is_remembered(void **state)
{
	union event e;

	apply_new(*state, EV_BIND, 22, T0, NGINX);
	e = sample__event(EV_CLOSE, 22, T0 + 1);
	e.base.actor = sample__actor(CURL, "helper");
	apply(*state, &e);
	assert_int_equal(r.owner->tgid, NGINX);
	assert_int_equal(r.actor->proc.tgid, CURL);
}

static void nobody_acted(void **state)
{
	union event e = sample__event_of(EV_BIND, 23, T0, NGINX, "nginx");

	e.base.actor.uid = 33;
	e.base.actor.cgroup_id = 77;
	apply(*state, &e);
	e = sample__event(EV_CLOSE, 23, T0 + 1);
	e.base.sock.owner = sample__process(NGINX, "nginx");
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(r.actor->uid, 33);
	assert_int_equal(r.actor->cgroup_id, 77);
	assert_int_equal(r.inferred, INFERRED_PROCESS);
	assert_null(r.owner);
	assert_false(life.closed_by_known);

	/* of an owner that never acted itself, only the process is known */
	e = sample__event(EV_CONNECT, 24, T0);
	e.base.sock.owner = sample__process(NGINX, "nginx");
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(r.actor->tid, 0);
	assert_int_equal(r.inferred, INFERRED_PROCESS);

	/* and of no owner nothing */
	e = sample__event(EV_CONNECT, 25, T0);
	apply(*state, &e);
	assert_null(r.actor);
	assert_null(r.owner);
	assert_int_equal(r.inferred, 0);
}

static void closed_by_the_kernel(void **state)
{
	union event e;

	apply_new(*state, EV_CONNECT, 26, T0, CURL);
	e = sample__event(EV_CLOSE, 26, T0 + 1);
	e.base.actor = sample__actor(2, "kworker/0:1");
	e.base.sock.owner = sample__process(CURL, "curl");
	e.base.sock.facts = FACT_ESTABLISHED | FACT_RELEASED | FACT_KERNEL_CLOSED;
	apply(*state, &e);
	assert_true(life.closed_by_kernel);
	assert_int_equal(r.actor->proc.tgid, CURL);
	assert_null(r.owner);
	assert_false(r.inferred & INFERRED_PROCESS);
}

/* --- a child that nobody accepted --- */

static union event orphan(uint64_t cookie)
{
	union event e = sample__event(EV_CLOSE, cookie, T0 + 100);

	e.base.sock.lport = 80;
	e.base.sock.rport = 41234;
	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED;
	e.close.established_ns = T0 + 50;
	return e;
}

static void unaccepted_child(void **state)
{
	union event e;

	listener(*state, 5, NGINX);
	e = orphan(30);
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(r.actor->uid, 33);
	assert_int_equal(r.sock->owner.tgid, NGINX);
	assert_true(r.inferred & INFERRED_OWNER);
	assert_null(r.owner);
	assert_int_equal(life.role, ROLE_SERVER);
	assert_int_equal(life.first_ns, T0 + 50);
	assert_int_equal(sock_table__count(*state), 1);
	/* with SO_REUSEPORT several listeners, of one process */
	listener(*state, 6, NGINX);
	e = orphan(31);
	apply(*state, &e);
	assert_int_equal(r.sock->owner.tgid, NGINX);
	/* an accepted one has its own */
	e = orphan(32);
	e.base.sock.facts |= FACT_ACCEPTED;
	apply(*state, &e);
	assert_null(r.actor);
	assert_int_equal(r.inferred, 0);
	/* told by the kernel already */
	e = orphan(33);
	e.base.sock.owner = sample__process(NGINX, "nginx");
	e.base.sock.facts |= FACT_LISTENER_OWNER;
	apply(*state, &e);
	assert_true(r.inferred & INFERRED_OWNER);
}

static void unaccepted_child_of_nobody(void **state)
{
	union event e;

	listener(*state, 5, NGINX);
	e = orphan(30);
	e.base.sock.netns_cookie = 2;
	apply(*state, &e);
	assert_null(r.actor);
	e = orphan(31);
	e.base.sock.lport = 81;
	apply(*state, &e);
	assert_null(r.actor);
	/* two processes share the port: no guess */
	listener(*state, 6, NGINX + 1);
	e = orphan(32);
	apply(*state, &e);
	assert_null(r.actor);
	assert_int_equal(r.inferred, 0);
	/* one of them went, then the other */
	apply_new(*state, EV_CLOSE, 5, T0 + 200, NGINX);
	e = orphan(33);
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, NGINX + 1);
	apply_new(*state, EV_CLOSE, 6, T0 + 200, NGINX + 1);
	e = orphan(34);
	apply(*state, &e);
	assert_null(r.actor);
}

/* --- MPTCP --- */

static bool subflows(struct sock_table *t, uint64_t sock, uint64_t one, uint64_t two)
{
	union event e = sample__event(EV_SUBFLOWS, sock, T0 + 1);

	memset(e.subflows.cookies, 0, sizeof(e.subflows.cookies));
	e.subflows.cookies[0] = one;
	e.subflows.cookies[2] = two; /* one between them that has ended */
	return sock_table__apply(t, &e, &r, &life);
}

/* No record tells of a subflow; the close lists each once, also one that had ended before. */
static void subflows_of_a_client(void **state)
{
	union event e = sample__event_of(EV_CONNECT, 60, T0, CURL, "curl");
	uint64_t i;

	e.base.sock.proto = PROTO_MPTCP;
	apply(*state, &e);
	assert_false(subflows(*state, 60, 61, 0));
	assert_false(subflows(*state, 60, 61, 62));
	assert_false(subflows(*state, 60, 62, 63));
	e = sample__event(EV_CLOSE, 60, T0 + 2);
	e.base.sock.proto = PROTO_MPTCP;
	apply(*state, &e);
	assert_int_equal(life.n_subflows, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(life.subflows[i], 61 + i);
	/* of a socket that is not known: nothing is made of it */
	assert_false(subflows(*state, 60, 61, 0));
	assert_int_equal(sock_table__count(*state), 0);
}

/* The first so many are kept; the next socket in its place has none. */
static void many_subflows(void **state)
{
	uint64_t i;

	apply_new(*state, EV_CONNECT, 60, T0, CURL);
	for (i = 0; i < 100; i++)
		assert_false(subflows(*state, 60, 1000 + i, 0));
	assert_true(sock_table__missing(*state, 60, T0 + 3, &r, &life));
	assert_int_equal(life.n_subflows, 64);
	assert_int_equal(life.subflows[63], 1063);
	apply_new(*state, EV_CONNECT, 61, T0, CURL);
	assert_true(sock_table__missing(*state, 61, T0 + 3, &r, &life));
	assert_int_equal(life.n_subflows, 0);
}

/* One that nobody accepted has told of none: its id is its first subflow's. */
static void subflow_of_a_child(void **state)
{
	union event e = sample__event(EV_CLOSE, 70, T0);

	e.base.sock.proto = PROTO_MPTCP;
	e.base.sock.facts = FACT_PASSIVE | FACT_ESTABLISHED;
	apply(*state, &e);
	assert_int_equal(life.n_subflows, 1);
	assert_int_equal(life.subflows[0], 70);
	e.base.sock.proto = IPPROTO_TCP;
	apply(*state, &e);
	assert_int_equal(life.n_subflows, 0);
}

/* A subflow that listens is found by the inode that its MPTCP socket has too. */
static void mptcp_listener_by_inode(void **state)
{
	union event e = sample__event_of(EV_LISTEN, 80, T0, NGINX, "nginx");
	struct ask_socket q = { .cookie = 81, .inode = 4711 };
	struct known_socket known;

	e.base.sock.state = TCP_LISTEN;
	e.base.sock.inode = 4711;
	q.netns_cookie = e.base.sock.netns_cookie;
	apply(*state, &e);
	assert_false(sock_table__known(*state, &q, &known));
	e.base.sock.proto = PROTO_MPTCP;
	apply(*state, &e);
	assert_true(sock_table__known(*state, &q, &known));
	assert_int_equal(known.sock.cookie, 80);
	q.inode = 4712;
	assert_false(sock_table__known(*state, &q, &known));
	q.inode = 4711;
	q.netns_cookie++;
	assert_false(sock_table__known(*state, &q, &known));
}

/* --- sockets that were there before --- */

static void snapshot(void **state)
{
	union event e = sample__event_of(EV_SNAPSHOT, 40, T0, NGINX, "nginx");

	e.base.sock.options = OPT_REUSEADDR;
	apply(*state, &e);
	assert_int_equal(r.type, RECORD_SNAPSHOT);
	assert_int_equal(r.fd, 7);
	assert_true(r.sock->facts & FACT_EXISTED);
	assert_int_equal(r.sock->options, OPT_REUSEADDR);

	/* again, after a loss: no record, and nothing changes */
	e = sample__event_of(EV_SNAPSHOT, 40, T0 + 9, CURL, "curl");
	assert_false(sock_table__apply(*state, &e, &r, &life));
	assert_int_equal(sock_table__count(*state), 1);
	assert_int_equal(sock_table__since(*state, 40), T0);
	e = sample__event(EV_CLOSE, 40, T0 + 10);
	apply(*state, &e);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(life.created_ns, 0);
	assert_int_equal(life.first_ns, T0);
	assert_int_equal(r.sock->options, OPT_REUSEADDR);

	apply_new(*state, EV_BIND, 41, T0, CURL);
	e = sample__event_of(EV_SNAPSHOT, 41, T0 + 1, CURL, "curl");
	assert_false(sock_table__apply(*state, &e, &r, &life));
}

/* --- without a close --- */

static void missing(void **state)
{
	union event e = sample__event_of(EV_BIND, 50, T0, NGINX, "nginx");

	e.base.sock.created_ns = T0 - 5;
	apply(*state, &e);
	listener(*state, 50, NGINX);
	assert_true(sock_table__missing(*state, 50, T0 + SECOND, &r, &life));
	assert_int_equal(r.type, RECORD_CLOSE);
	assert_int_equal(r.boot_ns, T0 + SECOND);
	assert_int_equal(r.sock->cookie, 50);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_null(r.owner);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.fd, -1);
	assert_int_equal(r.inferred, INFERRED_ENDED);
	assert_ptr_equal(r.u.life, &life);
	assert_int_equal(life.reason, REASON_UNKNOWN);
	assert_int_equal(life.role, ROLE_LISTENER);
	assert_int_equal(life.bound_ns, T0);
	assert_int_equal(life.listening_ns, T0);
	assert_int_equal(life.ended_ns, T0 + SECOND);
	assert_false(life.closed_by_known);
	assert_int_equal(sock_table__count(*state), 0);
	assert_int_equal(sock_table__evicted(*state), 0);
	assert_false(sock_table__missing(*state, 50, T0 + SECOND, &r, &life));
	assert_false(sock_table__missing(*state, 51, T0 + SECOND, &r, &life));

	apply_new(*state, EV_BIND, 52, T0 + 10, CURL);
	assert_true(sock_table__missing(*state, 52, T0, &r, &life));
	assert_int_equal(r.boot_ns, T0 + 10);
	e = sample__event(EV_STATE, 53, T0);
	apply(*state, &e);
	assert_true(sock_table__missing(*state, 53, T0, &r, &life));
	assert_null(r.actor);
}

static void since(void **state)
{
	union event e = sample__event_of(EV_PEER, 60, T0 + 1, CURL, "curl");

	assert_int_equal(sock_table__since(*state, 60), 0);
	e.base.sock.created_ns = T0;
	apply(*state, &e);
	assert_int_equal(sock_table__since(*state, 60), T0);
	apply_new(*state, EV_BIND, 60, T0 + 2, CURL);
	assert_int_equal(sock_table__since(*state, 60), T0 + 2);
	apply_new(*state, EV_CONNECT, 60, T0 + 3, CURL);
	assert_int_equal(sock_table__since(*state, 60), T0 + 3);
	apply_new(*state, EV_LISTEN, 60, T0 + 4, CURL);
	assert_int_equal(sock_table__since(*state, 60), T0 + 4);
}

struct found {
	struct holder list[8];
	size_t n;
};

static void find(void *arg, const struct holder *h)
{
	struct found *f = arg;

	assert_true(f->n < 8);
	f->list[f->n++] = *h;
}

static void holders(void **state)
{
	struct ask_holders q = { .net.cookie = 1, .port = 80, .proto = IPPROTO_TCP, .except = 99 };
	struct found f = { .n = 0 };
	union event e;

	listener(*state, 70, NGINX);
	listener(*state, 99, CURL);                  /* the newcomer itself */
	apply_new(*state, EV_CONNECT, 71, T0, CURL); /* 80 is its remote port */
	e = sample__event(EV_CONNECT, 72, T0);
	e.base.sock.lport = 80;
	e.base.sock.owner = sample__process(CURL, "curl");
	e.base.actor = sample__actor(NGINX, "nginx");
	apply(*state, &e);
	e.base.sock.cookie = 73;
	e.base.sock.netns_cookie = 2;
	apply(*state, &e);
	e.base.sock.cookie = 74;
	e.base.sock.netns_cookie = 1;
	e.base.sock.proto = IPPROTO_UDP;
	apply(*state, &e);
	sock_table__holders(*state, &q, find, &f);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.list[0].sock.cookie, 70);
	assert_int_equal(f.list[0].sock.state, TCP_LISTEN);
	assert_int_equal(f.list[0].proc.tgid, NGINX);
	assert_true(f.list[0].uid_known);
	assert_int_equal(f.list[0].uid, 33);
	assert_int_equal(f.list[0].sock_uid, 33);
	assert_true(f.list[0].options_known);
	assert_string_equal(f.list[0].user, "");
	assert_int_equal(f.list[0].since_ns, 0);
	/* its owner has not acted: whose uid it is is not known, nor were its options ever read */
	assert_int_equal(f.list[1].sock.cookie, 72);
	assert_int_equal(f.list[1].proc.tgid, CURL);
	assert_false(f.list[1].uid_known);
	assert_false(f.list[1].options_known);
}

/* --- bounded --- */

struct order {
	uint64_t cookies[64];
	size_t n;
};

static void note(void *arg, uint64_t cookie)
{
	struct order *o = arg;

	assert_true(o->n < 64);
	o->cookies[o->n++] = cookie;
}

static void the_oldest_goes_first(void **state)
{
	struct sock_table *t = sock_table__new(3);
	struct order o = { .n = 0 };

	(void)state;
	assert_non_null(t);
	apply_new(t, EV_BIND, 1, T0, CURL);
	apply_new(t, EV_BIND, 2, T0, CURL);
	apply_new(t, EV_BIND, 3, T0, CURL);
	apply_new(t, EV_LISTEN, 1, T0 + 1, CURL); /* known already */
	assert_int_equal(sock_table__evicted(t), 0);
	apply_new(t, EV_BIND, 4, T0 + 2, CURL);
	assert_int_equal(sock_table__evicted(t), 1);
	assert_int_equal(sock_table__count(t), 3);
	assert_int_equal(sock_table__since(t, 1), 0);
	apply_new(t, EV_CLOSE, 3, T0 + 3, CURL);
	apply_new(t, EV_BIND, 5, T0 + 4, CURL); /* there is room */
	assert_int_equal(sock_table__evicted(t), 1);
	apply_new(t, EV_BIND, 6, T0 + 5, CURL);
	assert_int_equal(sock_table__evicted(t), 2);
	sock_table__each(t, note, &o);
	assert_int_equal(o.n, 3);
	assert_int_equal(o.cookies[0], 4);
	assert_int_equal(o.cookies[1], 5);
	assert_int_equal(o.cookies[2], 6);
	/* the close of one that was forgotten is told all the same */
	apply_new(t, EV_CLOSE, 4, T0 + 6, CURL);
	apply_new(t, EV_CLOSE, 1, T0 + 6, CURL);
	assert_int_equal(r.type, RECORD_CLOSE);
	assert_int_equal(sock_table__evicted(t), 2);
	assert_int_equal(sock_table__count(t), 2);
	sock_table__free(t);
}

static void an_evicted_listener_is_gone(void **state)
{
	struct sock_table *t = sock_table__new(2);
	union event e;

	(void)state;
	assert_non_null(t);
	listener(t, 1, NGINX);
	listener(t, 2, NGINX + 1);
	apply_new(t, EV_BIND, 3, T0, CURL); /* evicts 1 */
	e = orphan(2000);
	e.head.type = EV_STATE; /* evicts 2 */
	e.head.size = sizeof(e.state);
	apply(t, &e);
	e = orphan(2000);
	apply(t, &e);
	assert_null(r.actor);
	assert_int_equal(sock_table__evicted(t), 2);
	sock_table__free(t);
}

static void sizes_at_the_ends(void **state)
{
	struct sock_table *t = sock_table__new(0);

	(void)state;
	assert_non_null(t);
	apply_new(t, EV_BIND, 1, T0, CURL);
	apply_new(t, EV_BIND, 2, T0, CURL);
	assert_int_equal(sock_table__count(t), 1);
	sock_table__free(t);
	t = sock_table__new(SIZE_MAX);
	assert_non_null(t);
	sock_table__free(t);
	sock_table__free(NULL);
}

/* --- against a model: the cookies in the order of their coming --- */

#define MODEL_MAX 4096

struct model {
	uint64_t list[MODEL_MAX];
	size_t n, max;
	uint64_t evicted;
	size_t at; /* while comparing */
};

static void model__drop(struct model *m, size_t i)
{
	memmove(m->list + i, m->list + i + 1, (m->n - i - 1) * sizeof(m->list[0]));
	m->n--;
}

static size_t model__find(const struct model *m, uint64_t cookie)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->list[i] == cookie)
			return i;
	return m->n;
}

static void model__add(struct model *m, uint64_t cookie)
{
	if (m->n == m->max) {
		model__drop(m, 0);
		m->evicted++;
	}
	m->list[m->n++] = cookie;
}

static void model__compare(void *arg, uint64_t cookie)
{
	struct model *m = arg;

	assert_true(m->at < m->n);
	assert_int_equal(m->list[m->at++], cookie);
}

static void check_model(struct model *m, const struct sock_table *t)
{
	m->at = 0;
	sock_table__each(t, model__compare, m);
	assert_int_equal(m->at, m->n);
	assert_int_equal(sock_table__count(t), m->n);
	assert_int_equal(sock_table__evicted(t), m->evicted);
}

static void random_step(struct model *m, struct sock_table *t, uint64_t cookie, unsigned int dice)
{
	size_t at = model__find(m, cookie);
	bool known = at < m->n;

	assert_int_equal(sock_table__since(t, cookie) != 0, known);
	if (!known && dice % 16 == 0) {
		assert_false(sock_table__missing(t, cookie, T0, &r, &life));
	} else if (!known) {
		apply_new(t, dice % 2 ? EV_BIND : EV_SNAPSHOT, cookie, T0, 1 + dice % 3);
		model__add(m, cookie);
	} else if (dice % 4 == 0) {
		assert_true(sock_table__missing(t, cookie, T0, &r, &life));
		assert_int_equal(r.sock->cookie, cookie);
		model__drop(m, at);
	} else if (dice % 4 == 1) {
		apply_new(t, EV_CLOSE, cookie, T0, 1);
		model__drop(m, at);
	} else {
		listener(t, cookie, 1 + dice % 3);
	}
}

/* Cookies of `stride`: near ones, and far ones that fall on the same slots. */
static void run_model(size_t max, unsigned int space, uint64_t stride)
{
	static struct model m;
	struct sock_table *t = sock_table__new(max);
	unsigned int seed = 42;
	int i;

	assert_non_null(t);
	memset(&m, 0, sizeof(m));
	m.max = max;
	for (i = 0; i < 100000; i++) {
		random_step(&m, t, (1 + (unsigned int)rand_r(&seed) % space) * stride,
			    (unsigned int)rand_r(&seed));
		if (i % 1000 == 0)
			check_model(&m, t);
	}
	check_model(&m, t);
	while (m.n) { /* and empty again, from the middle */
		apply_new(t, EV_CLOSE, m.list[m.n / 2], T0, 1);
		model__drop(&m, m.n / 2);
	}
	check_model(&m, t);
	sock_table__free(t);
}

/* --- told again, at the beginning of a segment --- */

static struct retold retold;

/* The next one is this socket, 0: there is none. */
static void want_told(struct sock_table *t, uint64_t cookie)
{
	bool more = sock_table__tell_next(t, T0 + 5 * SECOND, &r, &retold);

	assert_int_equal(more, cookie != 0);
	if (!more)
		return;
	assert_int_equal(r.type, RECORD_SNAPSHOT);
	assert_int_equal(r.sock->cookie, cookie);
	assert_ptr_equal(r.retold, &retold);
	assert_int_equal(r.fd, -1);
}

static void told_again(void **state)
{
	struct sock_table *t = *state;
	union event e;

	want_told(t, 0);
	listener(t, 1, NGINX);
	e = sample__event_of(EV_ACCEPT, 2, T0 + SECOND, NGINX, "nginx");
	e.accept.established_ns = T0 + 7;
	apply(t, &e);
	apply_new(t, EV_CONNECT, 3, T0 + 9 * SECOND, CURL);
	want_told(t, 0); /* not before begin() */
	sock_table__tell_begin(t);
	apply_new(t, EV_BIND, 4, T0 + 9 * SECOND, CURL); /* new: its own record tells it */
	want_told(t, 1);
	assert_int_equal(r.boot_ns, T0 + 5 * SECOND);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(r.actor->uid, 33);
	assert_int_equal(retold.listening_ns, T0);
	assert_true(retold.options_known);
	assert_false(sock_table__tell_first(t, 1, T0, &r, &retold));
	assert_false(sock_table__tell_first(t, 4, T0, &r, &retold));
	assert_false(sock_table__tell_first(t, 77, T0, &r, &retold));
	/* its event comes before its turn */
	assert_true(sock_table__tell_first(t, 2, T0 + 6, &r, &retold));
	assert_int_equal(r.boot_ns, T0 + SECOND); /* its own last record's */
	assert_int_equal(retold.established_ns, T0 + 7);
	assert_false(retold.options_known);
	want_told(t, 3);
	assert_int_equal(r.boot_ns, T0 + 9 * SECOND);
	want_told(t, 0);
	sock_table__tell_begin(t);
	want_told(t, 1);
	apply_new(t, EV_CLOSE, 2, T0 + 10 * SECOND, NGINX);
	apply_new(t, EV_BIND, 5, T0 + 10 * SECOND, CURL); /* in the place of 2 */
	want_told(t, 3);
	want_told(t, 4);
	want_told(t, 0);
}

/* The acting process of a socket is its owner's, when it is told again. */
static void told_of_the_owner(void **state)
{
	union event e = sample__event_of(EV_BIND, 1, T0, CURL, "curl");

	e.base.sock.owner = sample__process(NGINX, "nginx");
	apply(*state, &e);
	sock_table__tell_begin(*state);
	want_told(*state, 1);
	assert_int_equal(r.actor->proc.tgid, NGINX);
	assert_int_equal(r.actor->tid, 0);
	assert_string_equal(r.actor->proc.comm, "nginx");
	e = sample__event(EV_BIND, 2, T0);
	apply(*state, &e);
	sock_table__tell_begin(*state);
	want_told(*state, 1);
	want_told(*state, 2);
	assert_null(r.actor);
}

/* Each exactly once, whatever comes and goes meanwhile. */
static void told_exactly_once(void **state)
{
	static unsigned char told[3000];
	struct sock_table *t = sock_table__new(5000);
	unsigned int seed = 3, k;
	uint64_t i, gone;

	(void)state;
	for (i = 1; i < 2000; i++)
		apply_new(t, EV_BIND, i, T0, CURL);
	for (k = 0; k < 3; k++) {
		memset(told, 0, sizeof(told));
		sock_table__tell_begin(t);
		while (sock_table__tell_next(t, T0, &r, &retold)) {
			assert_int_equal(told[r.sock->cookie]++, 0);
			gone = 1 + (unsigned int)rand_r(&seed) % 2999;
			if (sock_table__tell_first(t, gone, T0, &r, &retold))
				assert_int_equal(told[gone]++, 0);
			if (sock_table__missing(t, gone, T0, &r, &life))
				told[gone] = told[gone] == 1 ? 0 : 9;
			gone = 2000 + (unsigned int)rand_r(&seed) % 999;
			if (!sock_table__since(t, gone)) {
				apply_new(t, EV_BIND, gone, T0, CURL);
				told[gone] = 1;
			}
		}
		for (i = 1; i < 3000; i++)
			if (sock_table__since(t, i))
				assert_int_equal(told[i], 1);
	}
	sock_table__free(t);
}

static void model_with_room(void **state)
{
	(void)state;
	run_model(MODEL_MAX, 3000, 1);
}

static void model_that_is_full(void **state)
{
	(void)state;
	run_model(100, 400, 0x100000001ull);
}

static void model_that_collides(void **state)
{
	(void)state;
	run_model(MODEL_MAX, 2000, 1ull << 54); /* 1024 cookies, the slots of a few */
}

/* --- what is asked of one socket --- */

static void known_sockets(void **state)
{
	const struct ask_socket listening = { .cookie = 7, .netns_cookie = 1 };
	const struct ask_socket queued = { .cookie = 99, .netns_cookie = 1, .queued_on = 80 };
	const struct ask_socket elsewhere = { .cookie = 99, .netns_cookie = 2, .queued_on = 80 };
	const struct ask_socket other = { .cookie = 99, .netns_cookie = 1 };
	struct known_socket k = { 0 };

	listener(*state, 7, NGINX);
	assert_true(sock_table__known(*state, &listening, &k));
	assert_int_equal(k.sock.lport, 80);
	assert_int_equal(k.actor.proc.tgid, NGINX);
	assert_int_equal(k.actor.uid, 33);
	assert_true(k.uid_known && k.options_known);
	assert_int_equal(k.since_ns, T0);
	memset(&k, 0, sizeof(k));
	assert_false(sock_table__known(*state, &other, &k));
	assert_false(sock_table__known(*state, &elsewhere, &k));
	assert_int_equal(k.actor.proc.tgid, 0);
	assert_true(sock_table__known(*state, &queued, &k));
	assert_int_equal(k.actor.proc.tgid, NGINX);
	assert_int_equal(k.sock.cookie, 0);
	assert_int_equal(k.since_ns, 0);
	/* of which of two programs? */
	listener(*state, 8, CURL);
	assert_false(sock_table__known(*state, &queued, &k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(life_of_a_listener, setup, teardown),
		cmocka_unit_test_setup_teardown(life_of_a_client, setup, teardown),
		cmocka_unit_test_setup_teardown(life_of_a_child, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_are_no_milestones, setup, teardown),
		cmocka_unit_test_setup_teardown(peers_and_states, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_tree_is_no_record, setup, teardown),
		cmocka_unit_test_setup_teardown(close_of_a_stranger, setup, teardown),
		cmocka_unit_test_setup_teardown(options_stay_as_last_read, setup, teardown),
		cmocka_unit_test_setup_teardown(time_never_runs_back, setup, teardown),
		cmocka_unit_test_setup_teardown(owner_and_actor, setup, teardown),
		cmocka_unit_test_setup_teardown(the_owner_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_acted, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_by_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(accept_that_was_not_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(unaccepted_child, setup, teardown),
		cmocka_unit_test_setup_teardown(unaccepted_child_of_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(subflows_of_a_client, setup, teardown),
		cmocka_unit_test_setup_teardown(many_subflows, setup, teardown),
		cmocka_unit_test_setup_teardown(subflow_of_a_child, setup, teardown),
		cmocka_unit_test_setup_teardown(mptcp_listener_by_inode, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(missing, setup, teardown),
		cmocka_unit_test_setup_teardown(since, setup, teardown),
		cmocka_unit_test_setup_teardown(holders, setup, teardown),
		cmocka_unit_test_setup_teardown(told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(told_of_the_owner, setup, teardown),
		cmocka_unit_test(told_exactly_once),
		cmocka_unit_test(the_oldest_goes_first),
		cmocka_unit_test(an_evicted_listener_is_gone),
		cmocka_unit_test(sizes_at_the_ends),
		cmocka_unit_test(model_with_room),
		cmocka_unit_test(model_that_is_full),
		cmocka_unit_test(model_that_collides),
		cmocka_unit_test_setup_teardown(known_sockets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
