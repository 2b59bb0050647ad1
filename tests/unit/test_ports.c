// SPDX-License-Identifier: GPL-2.0-or-later
/* ports.c, ports_budget.c, ports_predict.c: the sources joined, roles, filters, what is left, what a bind() would do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>

#include "parse.h"
#include "ports.h"
#include "sample.h"

#define OWN   100u /* inode numbers of namespaces */
#define OTHER 200u

static struct ports *ports;
static uint32_t own, other;

static int setup(void **state)
{
	const struct netns_ref first = { .inode = OTHER, .cookie = 2 },
			       second = { .inode = OWN, .cookie = 1 };

	(void)state;
	ports = ports__new();
	other = ports__add_netns(ports, &first, "blue");
	own = ports__add_netns(ports, &second, NULL);
	ports->netns[own].own = true;
	for (int i = 0; i < 2; i++) {
		ports->netns[i].facts.range_low = 32768;
		ports->netns[i].facts.range_high = 32867;
		ports->netns[i].facts.unprivileged_start = 1024;
		ports->netns[i].facts.tw_reuse = 2;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ports__free(ports);
	return 0;
}

static void set_addr(uint8_t *addr, const char *text)
{
	if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
		return;
	}
	memset(addr, 0, ADDR_LEN);
	memset(addr + 10, 0xff, 2);
	assert_int_equal(inet_pton(AF_INET, text, addr + 12), 1);
}

static struct ev_sock sock(uint64_t cookie, const char *laddr, uint16_t lport, uint8_t state)
{
	struct ev_sock s = { .cookie = cookie,
			     .inode = cookie + 1000,
			     .netns = OWN,
			     .netns_cookie = 1,
			     .family = strchr(laddr, ':') ? AF_INET6 : AF_INET,
			     .proto = IPPROTO_TCP,
			     .state = state,
			     .lport = lport };

	set_addr(s.laddr, laddr);
	set_addr(s.raddr, s.family == AF_INET ? "0.0.0.0" : "::");
	return s;
}

static struct ev_sock connection(uint64_t cookie, uint16_t lport, const char *raddr, uint16_t rport)
{
	struct ev_sock s = sock(cookie, "127.0.0.1", lport, TCP_ESTABLISHED);

	s.rport = rport;
	set_addr(s.raddr, raddr);
	return s;
}

/* As the iterator finds it in a process. */
static void held(struct ev_sock s, uint32_t pid, int fd)
{
	struct ev_snapshot e = { .base = { .sock = s, .actor = sample__actor(pid, "nginx") },
				 .fd = fd };

	e.base.actor.uid = pid == 900 ? 33 : 0;
	ports__add_snapshot(ports, &e);
}

/* As sock_diag lists it; it tells no options. */
static void listed(uint32_t netns, struct ev_sock s, uint32_t queue, uint32_t limit)
{
	struct diag_sock d = { .sock = s, .state = s.state, .rqueue = queue, .wqueue = limit };

	d.sock.options &= OPT_V6ONLY;
	d.sock.facts = 0;
	d.sock.netns = 0;
	d.sock.netns_cookie = 0;
	d.time_wait = s.state == TCP_TIME_WAIT;
	d.expires_ms = d.time_wait ? 59500 : 0;
	ports__add_diag(ports, netns, &d);
}

static const struct ports_sock *find(uint64_t cookie)
{
	for (size_t i = 0; i < ports->n_socks; i++)
		if (ports->socks[i].sock.cookie == cookie)
			return &ports->socks[i];
	return NULL;
}

static int users(const struct ports_sock *s)
{
	int n = 0;

	for (uint32_t use = s->uses; use != PORTS_NONE; use = ports->uses[use].next)
		n++;
	return n;
}

/* --- joining --- */

static void test_one_socket_of_both_sources(void **state)
{
	struct ev_sock s = sock(1, "0.0.0.0", 80, TCP_LISTEN);
	const struct ports_sock *found;

	(void)state;
	s.options = OPT_REUSEADDR;
	held(s, 812, 6);
	held(s, 812, 9); /* dup() */
	held(s, 813, 6); /* fork() */
	listed(own, s, 3, 511);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->n_socks, 1);
	found = find(1);
	assert_int_equal(users(found), 2);
	assert_int_equal(ports->uses[found->uses].fd, 6);
	assert_int_equal(found->queue, 3);
	assert_int_equal(found->limit, 511);
	assert_int_equal(found->sock.options, OPT_REUSEADDR);
	assert_true(found->in_diag && found->options_known);
	assert_int_equal(found->role, PORTS_LISTENER);
}

static void test_what_holds_no_port(void **state)
{
	struct ev_sock bound = sock(2, "127.0.0.1", 81, TCP_CLOSE);

	(void)state;
	bound.facts = FACT_PORT_KEPT;
	held(sock(1, "127.0.0.1", 80, TCP_CLOSE), 812, 3); /* its connection is over */
	held(bound, 812, 4);
	held(sock(3, "0.0.0.0", 0, TCP_CLOSE), 812, 5);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->n_socks, 1);
	assert_int_equal(find(2)->role, PORTS_IDLE);
	assert_false(find(2)->in_diag);
}

/* shutdown() on both ends, the descriptor open: the mini-socket has the socket's cookie, but no process. */
static void test_time_wait_is_nobodys(void **state)
{
	struct ev_sock s = connection(1, 40000, "10.0.0.1", 443);

	(void)state;
	s.state = TCP_CLOSE;
	held(s, 812, 3);
	s.state = TCP_TIME_WAIT;
	listed(own, s, 0, 0);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->n_socks, 1);
	assert_int_equal(find(1)->uses, PORTS_NONE);
	assert_true(find(1)->time_wait);
	assert_false(find(1)->options_known);
}

static void test_mptcp_gives_its_process(void **state)
{
	struct ev_sock subflow = sock(7, "0.0.0.0", 443, TCP_LISTEN), mptcp = subflow;

	(void)state;
	mptcp.cookie = 8;
	mptcp.proto = PROTO_MPTCP;
	mptcp.options = OPT_REUSEADDR;
	held(mptcp, 812, 3);
	listed(own, subflow, 0, 128);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->n_socks, 1);
	assert_int_equal(users(find(7)), 1);
	assert_true(find(7)->mptcp && find(7)->options_known);
	assert_int_equal(find(7)->sock.proto, IPPROTO_TCP);
	assert_int_equal(find(7)->sock.options, OPT_REUSEADDR);
}

static void test_namespaces(void **state)
{
	struct ev_sock hidden = sock(3, "0.0.0.0", 80, TCP_LISTEN),
		       blue = sock(2, "0.0.0.0", 80, TCP_LISTEN);
	uint32_t from, to;

	(void)state;
	hidden.netns = 300; /* no process is in it, but one has a socket of it */
	blue.netns = OTHER;
	held(hidden, 812, 5);
	held(blue, 812, 4);
	listed(other, blue, 0, 5);
	held(sock(1, "0.0.0.0", 80, TCP_LISTEN), 812, 3);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->n_netns, 3);
	assert_true(ports->netns[0].own);
	assert_int_equal(ports->netns[1].ref.inode, OTHER);
	assert_string_equal(ports->netns[1].name, "blue");
	assert_int_equal(ports->netns[2].error, -ENOENT);
	for (uint32_t i = 0; i < 3; i++) {
		ports__of_port(ports, i, 80, &from, &to);
		assert_int_equal(to - from, 1);
		assert_int_equal(ports->socks[ports->order[from]].sock.cookie, i + 1);
		ports__of_port(ports, i, 81, &from, &to);
		assert_int_equal(to - from, 0);
	}
	assert_int_equal(find(2)->sock.netns_cookie, 2);
}

/* --- roles --- */

static void test_listeners_and_their_connections(void **state)
{
	struct ev_sock any = sock(1, "::", 80, TCP_LISTEN),
		       exact = sock(2, "127.0.0.1", 80, TCP_LISTEN),
		       child = connection(3, 80, "10.0.0.1", 50000), waiting = child,
		       v6 = sock(5, "2001:db8::1", 80, TCP_ESTABLISHED), closed = child,
		       half = child;

	(void)state;
	exact.options = OPT_REUSEADDR | OPT_REUSEPORT;
	child.facts = FACT_PASSIVE;
	waiting.cookie = 4;
	waiting.inode = 0;
	waiting.rport = 50001;
	v6.rport = 50002;
	v6.facts = FACT_PASSIVE;
	closed.cookie = 6;
	closed.rport = 50003;
	closed.state = TCP_TIME_WAIT;
	half.cookie = 0;
	half.rport = 50004;
	half.state = TCP_SYN_RECV;
	held(any, 812, 3);
	held(exact, 812, 4);
	held(child, 812, 5);
	held(v6, 812, 6);
	listed(own, waiting, 0, 0);
	listed(own, closed, 0, 0);
	listed(own, half, 0, 0);
	assert_int_equal(ports__finish(ports), 0);
	assert_ptr_equal(&ports->socks[find(3)->listener], find(2)); /* the more specific one */
	assert_ptr_equal(&ports->socks[find(4)->listener], find(2));
	assert_ptr_equal(&ports->socks[find(5)->listener], find(1));
	assert_int_equal(find(2)->connections, 2);
	assert_int_equal(find(2)->time_waits, 1);
	assert_int_equal(find(2)->half_open, 1);
	assert_int_equal(find(1)->connections, 1);
	assert_int_equal(find(4)->role, PORTS_SERVER);
	/* a child that nobody accepted is a copy of its listener; what closed may be of an earlier one */
	assert_true(find(4)->options_known);
	assert_int_equal(find(4)->sock.options, exact.options);
	assert_false(find(6)->options_known);
}

static void test_clients(void **state)
{
	struct ev_sock s = connection(1, 40000, "10.0.0.1", 443),
		       udp = sock(4, "0.0.0.0", 53, TCP_CLOSE);

	(void)state;
	s.facts = FACT_SYN_SENT | FACT_CONNECTED;
	held(s, 812, 3);
	listed(own, connection(2, 32768, "10.0.0.1", 443), 0,
	       0); /* an orphan on an ephemeral port */
	listed(own, connection(3, 8080, "10.0.0.1", 50000), 0, 0); /* on a server's */
	udp.proto = IPPROTO_UDP;
	held(udp, 812, 4);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(find(1)->role, PORTS_CLIENT);
	assert_int_equal(find(2)->role, PORTS_CLIENT);
	assert_int_equal(find(3)->role, PORTS_SERVER);
	assert_int_equal(find(4)->role, PORTS_DATAGRAM);
}

static void test_classes(void **state)
{
	(void)state;
	assert_string_equal(ports__class(&ports->netns[0], 1023), "well-known");
	assert_string_equal(ports__class(&ports->netns[0], 1024), "registered");
	assert_string_equal(ports__class(&ports->netns[0], 32767), "registered");
	assert_string_equal(ports__class(&ports->netns[0], 32768), "ephemeral");
	assert_string_equal(ports__class(&ports->netns[0], 32867), "ephemeral");
	assert_string_equal(ports__class(&ports->netns[0], 32868), "registered");
	ports->netns[0].facts.range_high = 0; /* not read */
	assert_string_equal(ports__class(&ports->netns[0], 32768), "registered");
}

/* --- filters --- */

static size_t shown(uint16_t port, const struct socket_filter *f)
{
	size_t n = 0;

	ports__select(ports, port, f, (const uint64_t[]){ 77 }, 1);
	for (size_t i = 0; i < ports->n_socks; i++)
		n += ports->socks[i].shown;
	return n;
}

static void test_filters(void **state)
{
	static struct socket_filter all = { .tcp = true, .udp = true, .ipv4 = true, .ipv6 = true };
	struct ev_sock v6 = sock(3, "::1", 8080, TCP_LISTEN),
		       mapped = sock(4, "::ffff:10.0.0.9", 81, TCP_LISTEN),
		       udp = sock(5, "10.0.0.9", 53, TCP_CLOSE),
		       blue = sock(6, "0.0.0.0", 90, TCP_LISTEN);
	struct socket_filter f;

	(void)state;
	udp.proto = IPPROTO_UDP;
	blue.netns = OTHER;
	held(sock(1, "0.0.0.0", 80, TCP_LISTEN), 812, 3);
	held(sock(1, "0.0.0.0", 80, TCP_LISTEN), 900, 3); /* uid 33 */
	held(connection(2, 40000, "192.0.2.1", 443), 812, 4);
	held(v6, 812, 5);
	held(mapped, 812, 6);
	held(udp, 812, 7);
	held(blue, 812, 8);
	listed(own, connection(7, 40001, "192.0.2.1", 443), 0, 0);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(shown(0, &all), 7);
	assert_int_equal(shown(80, &all), 1);
	assert_int_equal(ports->netns[0].shown, 1);
	assert_int_equal(shown(443, &all), 0); /* PORT is a local one */
#define WITH(bit, ...) (f = all, f.on = (bit), __VA_ARGS__, shown(0, &f))
	assert_int_equal(WITH(FILTER_PID, f.pids[0] = 900, f.n_pids = 1), 1);
	assert_int_equal(WITH(FILTER_UID, f.uids[0] = 33, f.n_uids = 1), 1);
	/* one process must match all that is asked of processes */
	assert_int_equal(WITH(FILTER_PID | FILTER_UID, f.pids[0] = 812, f.n_pids = 1,
			      f.uids[0] = 33, f.n_uids = 1),
			 0);
	assert_int_equal(WITH(FILTER_COMM, strcpy(f.comms[0], "nginx"), f.n_comms = 1), 6);
	assert_int_equal(WITH(FILTER_COMM, strcpy(f.comms[0], "ngin"), f.n_comms = 1), 0);
	assert_int_equal(WITH(FILTER_PORT, parse__ports("443", f.ports[SIDE_EITHER])), 2);
	assert_int_equal(WITH(FILTER_LPORT, parse__ports("443", f.ports[SIDE_LOCAL])), 0);
	assert_int_equal(WITH(FILTER_RPORT, parse__ports("443", f.ports[SIDE_REMOTE])), 2);
	assert_int_equal(WITH(FILTER_LADDR, parse__cidr("10.0.0.0/8", &f.cidrs[SIDE_LOCAL][0]),
			      f.n_cidrs[SIDE_LOCAL] = 1),
			 2); /* the mapped one too */
	assert_int_equal(WITH(FILTER_LADDR, parse__cidr("::/0", &f.cidrs[SIDE_LOCAL][0]),
			      f.n_cidrs[SIDE_LOCAL] = 1),
			 1);
	assert_int_equal(WITH(FILTER_RADDR, parse__cidr("192.0.2.1", &f.cidrs[SIDE_REMOTE][0]),
			      f.n_cidrs[SIDE_REMOTE] = 1),
			 2);
	/* a listener is connected to nothing: its zero remote end matches no filter */
	assert_int_equal(WITH(FILTER_RADDR, parse__cidr("0.0.0.0/0", &f.cidrs[SIDE_REMOTE][0]),
			      f.n_cidrs[SIDE_REMOTE] = 1),
			 2);
	assert_int_equal(WITH(FILTER_NETNS, f.netns[0] = OTHER, f.n_netns = 1), 1);
	assert_int_equal(WITH(0, f.udp = false), 6);
	assert_int_equal(WITH(0, f.ipv4 = false), 2); /* the mapped one is an IPv6 socket */
	assert_int_equal(WITH(FILTER_CGROUP, f.n_cgroups = 1), 0);
	for (size_t i = 0; i < ports->n_processes; i++)
		ports->processes[i].cgroup_id = ports->processes[i].proc.tgid == 900 ? 77 : 1;
	assert_int_equal(WITH(FILTER_CGROUP, f.n_cgroups = 1), 1);
#undef WITH
}

/* --- what is left --- */

static struct ev_sock client(uint64_t cookie, uint16_t lport, const char *raddr, uint8_t state)
{
	struct ev_sock s = connection(cookie, lport, raddr, 443);

	s.state = state;
	s.facts = state == TCP_TIME_WAIT ? 0 : FACT_CONNECTED;
	return s;
}

static void test_budget(void **state)
{
	struct ev_sock bound = sock(50, "127.0.0.1", 32800, TCP_CLOSE),
		       udp = sock(51, "0.0.0.0", 32801, TCP_CLOSE),
		       client_bound = client(52, 32802, "10.0.0.1", TCP_ESTABLISHED);
	const struct ports_netns *n;

	(void)state;
	ports->netns[own].reserved = calloc(1, sizeof(struct port_set));
	port_set__add(ports->netns[own].reserved, 32850);
	ports->netns[own].facts.reserved = 1;
	bound.facts = FACT_PORT_KEPT;
	udp.proto = IPPROTO_UDP;
	client_bound.facts |= FACT_PORT_KEPT; /* bind() to port 0, then connect() */
	held(bound, 812, 3);
	held(udp, 812, 4);
	held(client_bound, 812, 5);
	held(sock(53, "0.0.0.0", 80, TCP_LISTEN), 812, 6); /* not of the range */
	for (uint16_t i = 0; i < 10; i++)
		held(client(i + 1, 32768 + i, "10.0.0.1", TCP_ESTABLISHED), 812, 10 + i);
	for (uint16_t i = 0; i < 5; i++)
		listed(own, client(i + 20, 32778 + i, "10.0.0.1", TCP_TIME_WAIT), 0, 0);
	held(client(40, 32768, "10.0.0.2", TCP_ESTABLISHED), 812,
	     40); /* the same port, another destination */
	held(client(41, 32850, "10.0.0.2", TCP_ESTABLISHED), 812,
	     41); /* reserved: bind() gave it */
	assert_int_equal(ports__finish(ports), 0);
	n = &ports->netns[0];
	assert_int_equal(n->capacity, 99);
	assert_int_equal(n->tcp_used, 17);
	assert_int_equal(n->tcp_kept, 2);
	assert_int_equal(n->udp_used, 1);
	assert_int_equal(n->n_tightest, 2);
	assert_int_equal(n->tightest[0].live, 11);
	assert_int_equal(n->tightest[0].time_wait, 5);
	assert_int_equal(n->tightest[0].used, 17); /* 10 + 5, and the two that bind() keeps */
	assert_int_equal(n->tightest[1].live, 1);
	assert_int_equal(n->tightest[1].used, 3);
}

static void test_reusable(void **state)
{
	struct diag_sock d = { .sock = client(1, 32768, "127.0.0.1", TCP_TIME_WAIT),
			       .time_wait = true,
			       .state = TCP_TIME_WAIT };

	(void)state;
	d.expires_ms = 58000; /* on loopback, where tcp_tw_reuse 2 gives it back after a second */
	ports__add_diag(ports, own, &d);
	d.sock.lport++;
	d.sock.cookie++;
	d.expires_ms = 59500;
	ports__add_diag(ports, own, &d);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->netns[0].n_tightest, 1);
	assert_int_equal(ports->netns[0].tightest[0].reusable, 1);
	assert_int_equal(ports->netns[0].tightest[0].time_wait, 1);
	assert_int_equal(ports->netns[0].tightest[0].used, 1);
}

static void test_five_tightest(void **state)
{
	uint64_t cookie = 1;

	(void)state;
	for (int destination = 1; destination <= 9; destination++) {
		char addr[24];

		snprintf(addr, sizeof(addr), "10.0.0.%d", destination);
		for (int i = 0; i < destination; i++, cookie++)
			held(client(cookie, 32768 + i, addr, TCP_ESTABLISHED), 812, cookie);
	}
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(ports->netns[0].n_tightest, PORTS_TIGHTEST);
	for (size_t i = 0; i < PORTS_TIGHTEST; i++)
		assert_int_equal(ports->netns[0].tightest[i].used, 9 - i);
}

/* --- predictions --- */

static struct ports_answer predict(const char *addr, uint32_t options, uint32_t uid)
{
	struct ports_question q = { .proto = IPPROTO_TCP,
				    .family = strchr(addr, ':') ? AF_INET6 : AF_INET,
				    .port = 8080,
				    .options = options,
				    .uid = uid };
	struct ports_answer a;

	set_addr(q.laddr, addr);
	ports__predict(ports, 0, &q, &a);
	return a;
}

static void test_predict(void **state)
{
	struct ev_sock s = sock(1, "127.0.0.1", 8080, TCP_LISTEN);
	struct ports_answer a;

	(void)state;
	s.options = OPT_REUSEPORT;
	held(s, 812, 3);
	assert_int_equal(ports__finish(ports), 0);
	a = predict("0.0.0.0", 0, 0);
	assert_int_equal(a.error, -EADDRINUSE);
	assert_int_equal(a.rule, CONFLICT_REUSEPORT_MISSING);
	assert_int_equal(a.holders_total, 1);
	assert_int_equal(ports->socks[a.holders[0]].sock.cookie, 1);
	assert_false(a.estimated);
	assert_int_equal(predict("127.0.0.2", 0, 0).error, 0);
	assert_int_equal(predict("::1", 0, 0).error, 0);
	assert_int_equal(predict("127.0.0.1", OPT_REUSEPORT, 0).error, 0);
	assert_int_equal(predict("127.0.0.1", OPT_REUSEPORT, 33).rule, CONFLICT_REUSEPORT_UID);
}

static void test_predict_privileged(void **state)
{
	struct ports_question q = { .proto = IPPROTO_TCP, .family = AF_INET, .port = 80 };
	struct ports_answer a;

	(void)state;
	assert_int_equal(ports__finish(ports), 0);
	ports__predict(ports, 0, &q, &a);
	assert_int_equal(a.error, -EACCES);
	q.privileged = true;
	ports__predict(ports, 0, &q, &a);
	assert_int_equal(a.error, 0);
}

/* The options of a closed connection: unknown, then told. */
static void test_predict_time_wait(void **state)
{
	struct ev_sock s = connection(1, 8080, "10.0.0.1", 50000);
	struct ports_answer a;

	(void)state;
	s.state = TCP_TIME_WAIT;
	listed(own, s, 0, 0);
	assert_int_equal(ports__finish(ports), 0);
	a = predict("0.0.0.0", 0, 0);
	assert_int_equal(a.rule, CONFLICT_TIME_WAIT);
	assert_false(a.estimated); /* whatever its options are */
	a = predict("0.0.0.0", OPT_REUSEADDR, 0);
	assert_int_equal(a.error, -EADDRINUSE);
	assert_true(a.estimated);
	ports->socks[0].options_known = true;
	assert_false(predict("0.0.0.0", OPT_REUSEADDR, 0).estimated);
	ports->socks[0].sock.options = OPT_REUSEADDR;
	assert_int_equal(predict("0.0.0.0", OPT_REUSEADDR, 0).error, 0);
	assert_int_equal(predict("0.0.0.0", 0, 0).error, -EADDRINUSE);
}

static void test_half_open_holds_nothing(void **state)
{
	struct ev_sock s = connection(0, 8080, "10.0.0.1", 50000);

	(void)state;
	s.state = TCP_SYN_RECV;
	listed(own, s, 0, 0);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(predict("0.0.0.0", 0, 0).error, 0);
}

static void test_many_connections_are_all_counted(void **state)
{
	(void)state;
	held(sock(1, "127.0.0.1", 8080, TCP_LISTEN), 812, 3);
	for (uint16_t i = 0; i < 1000; i++)
		held(connection(i + 2, 8080, "10.0.0.1", 2000 + i), 812, 4 + i);
	assert_int_equal(ports__finish(ports), 0);
	assert_int_equal(predict("127.0.0.1", 0, 0).holders_total, 1001);
	assert_int_equal(predict("127.0.0.1", 0, 0).n_holders, PORTS_HOLDERS);
	assert_int_equal(predict("127.0.0.1", 0, 0).rule, CONFLICT_SAME_ADDRESS);
}

/* --- which addresses are asked for --- */

struct asked {
	struct ports_question list[PORTS_ADDRESSES];
	size_t n;
};

static void ask(void *arg, const struct ports_question *q)
{
	struct asked *asked = arg;

	assert_true(asked->n < PORTS_ADDRESSES);
	asked->list[asked->n++] = *q;
}

static bool has(const struct asked *asked, uint16_t family, const char *addr)
{
	uint8_t want[ADDR_LEN];

	set_addr(want, addr);
	for (size_t i = 0; i < asked->n; i++)
		if (!asked->list[i].other && asked->list[i].family == family &&
		    !memcmp(asked->list[i].laddr, want, ADDR_LEN))
			return true;
	return false;
}

static void test_addresses(void **state)
{
	struct asked asked = { 0 };

	(void)state;
	held(sock(1, "127.0.0.1", 8080, TCP_LISTEN), 812, 3);
	held(sock(2, "::ffff:127.0.0.2", 8080, TCP_LISTEN), 812, 4);
	for (int i = 0; i < 100; i++) {
		char addr[24];

		snprintf(addr, sizeof(addr), "10.0.0.%d", i);
		held(sock(10 + i, addr, 8081, TCP_LISTEN), 812, 10 + i);
	}
	assert_int_equal(ports__finish(ports), 0);
	ports__addresses(ports, 0, 8080, IPPROTO_TCP, ask, &asked);
	assert_int_equal(asked.n, 7);
	assert_true(has(&asked, AF_INET, "0.0.0.0") && has(&asked, AF_INET6, "::"));
	assert_true(has(&asked, AF_INET, "127.0.0.1") && !has(&asked, AF_INET6, "::1"));
	/* who has it mapped stands in the way of IPv4 */
	assert_true(has(&asked, AF_INET6, "::ffff:127.0.0.2") && has(&asked, AF_INET, "127.0.0.2"));
	asked.n = 0;
	ports__addresses(ports, 0, 8080, IPPROTO_UDP, ask, &asked);
	assert_int_equal(asked.n, 4);
	asked.n = 0;
	ports__addresses(ports, 0, 8081, IPPROTO_TCP, ask,
			 &asked); /* not more than there is room for */
	assert_int_equal(asked.n, PORTS_ADDRESSES);
	asked.n = 0;
	ports->netns[0].no_ipv6 = true;
	ports__addresses(ports, 0, 9, IPPROTO_TCP, ask, &asked);
	assert_int_equal(asked.n, 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_socket_of_both_sources),
		TEST(test_what_holds_no_port),
		TEST(test_time_wait_is_nobodys),
		TEST(test_mptcp_gives_its_process),
		TEST(test_namespaces),
		TEST(test_listeners_and_their_connections),
		TEST(test_clients),
		TEST(test_classes),
		TEST(test_filters),
		TEST(test_budget),
		TEST(test_reusable),
		TEST(test_five_tightest),
		TEST(test_predict),
		TEST(test_predict_privileged),
		TEST(test_predict_time_wait),
		TEST(test_half_open_holds_nothing),
		TEST(test_many_connections_are_all_counted),
		TEST(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
