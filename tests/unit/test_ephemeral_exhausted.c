// SPDX-License-Identifier: GPL-2.0-or-later
/* ephemeral_exhausted: a call that finds no port is told with who has them and which cure fits. */
#include "detect_bench.h"

#define APP 812

static int setup(void **state)
{
	return bench__setup(state, "ephemeral_exhausted");
}

/* A range of 100 ports, all of them in TIME_WAIT; nobody has a socket. */
static struct port_use full(void)
{
	return (struct port_use){ .low = 40000,
				  .high = 40099,
				  .capacity = 100,
				  .used = 100,
				  .time_wait = 100,
				  .own_netns = 1 };
}

static void kernel_says(struct bench *b, const struct port_use *use)
{
	bench__answer(b, ASK_PORT_USE, use, sizeof(*use));
}

static void add_user(struct port_use *use, uint32_t pid, const char *comm, uint32_t live,
		     uint32_t bound)
{
	use->users[use->n_users++] = (struct port_user){
		.proc = sample__process(pid, comm), .uid = 33, .live = live, .bound = bound
	};
}

static const struct ask_port_use *asked(const struct bench *b)
{
	return (const void *)b->answers[ASK_PORT_USE].question;
}

static void record(struct bench *b, enum record_type type, const union event *e, int error)
{
	struct record r = { .type = type,
			    .boot_ns = e->head.boot_ns,
			    .sock = &e->base.sock,
			    .actor = &e->base.actor,
			    .error = error,
			    .fd = -1,
			    .u.connect = &e->connect };

	detect__record(b->d, &r);
}

/* 10.0.0.1 to 10.0.0.5:443 */
static union event connect_by(uint32_t pid, const char *comm, uint64_t now_ns)
{
	union event e = sample__event_of(EV_CONNECT, 55, now_ns, pid, comm);

	sample__ipv4(e.base.sock.laddr, 0x0a000001);
	sample__ipv4(e.base.sock.raddr, 0x0a000005);
	e.base.sock.rport = 443;
	e.base.sock.facts = FACT_SYN_SENT;
	return e;
}

static void opens(struct bench *b, uint32_t pid, const char *comm, unsigned int n)
{
	union event e = connect_by(pid, comm, T0 - SECOND);

	while (n--)
		record(b, RECORD_CONNECT, &e, 0);
}

/* As the kernel tells it: no local end is left. */
static union event failed_connect(uint64_t now_ns)
{
	union event e = connect_by(APP, "python3", now_ns);

	sample__ipv4(e.base.sock.laddr, INADDR_ANY);
	e.base.sock.lport = 0;
	e.base.sock.state = TCP_CLOSE;
	return e;
}

static void fails(struct bench *b, uint64_t now_ns)
{
	union event e = failed_connect(now_ns);

	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
}

static void pool(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;
	struct port_use use = full();

	kernel_says(b, &use);
	opens(b, APP, "python3", 100);
	fails(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_string_equal(f->call, "connect");
	assert_int_equal(f->error, -EADDRNOTAVAIL);
	assert_false(f->estimated);
	assert_text(f, "range", "40000-40099");
	assert_number(f, "capacity", 100);
	assert_number(f, "used", 100);
	assert_number(f, "percent", 100);
	assert_number(f, "time_wait", 100);
	assert_number(f, "live", 0);
	assert_number(f, "rport", 443);
	assert_text(f, "cure", "pool");
	assert_null(bench__evidence(f, "socket_range"));
	assert_int_equal(f->n_processes, 1);
	assert_int_equal(f->processes[0].proc.tgid, APP);
	assert_string_equal(f->count_keys[2], "opened");
	assert_int_equal(f->processes[0].counts[2], 100);
	assert_string_equal(
		f->message,
		"no free port for connect() to 10.0.0.5:443 from 10.0.0.1: all 100 ports of "
		"40000-40099 are in use: 100 in TIME_WAIT; python3 (pid 812) opened 100 in "
		"the last two minutes");
	assert_non_null(strstr(f->advice, "let python3 (pid 812) keep its connections open"));
	assert_non_null(strstr(f->advice, "; until then, sysctl -w net.ipv4.tcp_tw_reuse=1"));
}

/* The failed socket has no local address: those that got a port to the same destination tell it. */
static void asks_for_the_source(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	uint8_t from[ADDR_LEN];

	kernel_says(b, &use);
	sample__ipv4(from, INADDR_ANY);
	fails(b, T0);
	assert_memory_equal(asked(b)->laddr, from, ADDR_LEN);
	assert_null(bench__evidence(b->said, "laddr"));
	assert_int_equal(asked(b)->rport, 443);
	assert_int_equal(asked(b)->exclusive, 0);
	assert_int_equal(asked(b)->users, 1);
	assert_int_equal(asked(b)->net.tgid, APP);
	opens(b, APP, "python3", 1);
	fails(b, T0 + 11 * SECOND);
	sample__ipv4(from, 0x0a000001);
	assert_memory_equal(asked(b)->laddr, from, ADDR_LEN);
}

static void by_bind(struct bench *b, enum ev_type type, uint8_t proto, uint16_t port, int automatic,
		    int error)
{
	union event e = sample__event_of(type, 55, T0, APP, "python3");

	e.base.sock.proto = proto;
	e.base.sock.lport = 0;
	e.base.sock.rport = 0;
	e.base.sock.state = TCP_CLOSE;
	if (type == EV_LISTEN)
		sample__ipv4(e.base.sock.laddr, INADDR_ANY);
	if (type == EV_BIND) {
		e.bind.req_known = !automatic;
		e.bind.automatic = automatic;
		e.bind.req_port = port;
		memcpy(e.bind.req_addr, e.base.sock.laddr, automatic ? 0 : ADDR_LEN);
	}
	record(b, type == EV_BIND ? RECORD_BIND : RECORD_LISTEN, &e, error);
}

static void other_calls(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	union event udp = failed_connect(T0);
	uint8_t any[ADDR_LEN];

	kernel_says(b, &use);
	by_bind(b, EV_BIND, IPPROTO_TCP, 0, 0, -EADDRINUSE);
	assert_int_equal(b->n_said, 1);
	assert_string_equal(b->said[0].call, "bind");
	assert_text(&b->said[0], "cure", "bind_no_port");
	assert_non_null(strstr(b->said[0].message, "bind() to port 0 on 127.0.0.1/tcp: all 100"));
	assert_int_equal(asked(b)->exclusive, 1);
	by_bind(b, EV_BIND, IPPROTO_UDP, 0, 0, -EADDRINUSE);
	assert_int_equal(b->n_said, 2);
	assert_text(&b->said[1], "cure", "close");
	assert_null(bench__evidence(&b->said[1], "tw_reuse"));
	by_bind(b, EV_BIND, IPPROTO_UDP, 0, 1, -EAGAIN);
	assert_int_equal(b->n_said, 3);
	assert_string_equal(b->said[2].call, "send");
	sample__ipv4(any, INADDR_ANY);
	assert_memory_equal(asked(b)->laddr, any, ADDR_LEN);
	udp.base.sock.proto = IPPROTO_UDP;
	record(b, RECORD_CONNECT, &udp, -EAGAIN); /* the same ports are wanted: the same finding */
	assert_int_equal(b->n_said, 3);
	by_bind(b, EV_LISTEN, IPPROTO_TCP, 0, 0, -EADDRINUSE);
	assert_int_equal(b->n_said, 4);
	assert_string_equal(b->said[3].call, "listen");
}

static void silent_where_ports_are_not_the_matter(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	union event e = failed_connect(T0);

	kernel_says(b, &use);
	e.base.sock.facts = 0; /* no address to connect from: ::1 without IPv6 */
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	e = failed_connect(T0);
	e.base.sock.lport = 6000; /* its own port, and that connection is there already */
	e.base.sock.facts |= FACT_BOUND | FACT_PORT_FIXED;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	e = failed_connect(T0);
	record(b, RECORD_CONNECT, &e, -EADDRINUSE);
	record(b, RECORD_CONNECT, &e, -ECONNREFUSED);
	record(b, RECORD_CONNECT, &e, -EAGAIN);
	e.connect.abandoned = 1;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	e = failed_connect(T0);
	e.base.sock.proto = IPPROTO_UDP;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	by_bind(b, EV_BIND, IPPROTO_TCP, 0, 0, -EADDRNOTAVAIL);
	by_bind(b, EV_BIND, IPPROTO_TCP, 8080, 0, -EADDRINUSE);
	opens(b, APP, "python3", 3);
	detect__tick(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 0);
}

/* The kernel is asked some milliseconds later. */
static void estimated(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();

	fails(b, T0); /* no answer at all */
	assert_true(b->said[0].estimated);
	assert_null(bench__evidence(b->said, "used"));
	assert_string_equal(b->said[0].message, "no free port for connect() to 10.0.0.5:443");
	use.used = use.time_wait = 3;
	kernel_says(b, &use);
	fails(b, T0 + 20 * SECOND);
	assert_true(b->said[1].estimated);
	assert_non_null(strstr(b->said[1].message, "a moment later 3 of the 100 ports"));
	use = full();
	use.used = use.time_wait =
		99; /* of a range with an odd number of ports one is passed over */
	kernel_says(b, &use);
	fails(b, T0 + 40 * SECOND);
	assert_false(b->said[2].estimated);
}

static void life(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	uint64_t t;

	kernel_says(b, &use);
	for (t = 0; t < 25 * 1000; t += 5)
		fails(b, T0 + t * (SECOND / 1000));
	assert_int_equal(b->answers[ASK_PORT_USE].asked, 3);
	assert_int_equal(b->n_said, 3);
	detect__tick(b->d, T0 + 84 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	detect__tick(b->d, T0 + 85 * SECOND);
	assert_life(b);
	assert_int_equal(b->said[b->n_said - 1].count, 5000);
	assert_int_equal(bench__opened(b), 1);
}

static void another_destination(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	union event e = failed_connect(T0);

	kernel_says(b, &use);
	fails(b, T0);
	e.base.sock.rport = 444;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	e.base.sock.rport = 443;
	e.connect.range_low = 40000; /* its own range: other ports run out */
	e.connect.range_high = 40009;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	e.connect.range_low = e.connect.range_high = 0;
	e.base.sock.netns_cookie = 2;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	assert_int_equal(b->by_status[FINDING_OPEN], 4);
	fails(b, T0 + SECOND);
	assert_int_equal(b->n_said, 4);
}

static void cures(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	const struct finding *f;
	uint32_t pid;

	for (pid = 1000; pid < 1100; pid++)
		opens(b, pid, "curl", 1); /* each a process of its own: none can keep one open */
	kernel_says(b, &use);
	fails(b, T0);
	f = &b->said[0];
	assert_text(f, "cure", "tw_reuse");
	assert_non_null(strstr(f->message, "curl (93 processes, the last one pid 1099)"));
	assert_int_equal(f->n_processes, FINDING_PROCESSES);
	use.tw_reuse = 1;
	kernel_says(b, &use);
	fails(b, T0 + 11 * SECOND);
	assert_text(&b->said[1], "cure", "widen");
	use.tw_reuse = 2; /* loopback only, and this is none */
	kernel_says(b, &use);
	fails(b, T0 + 22 * SECOND);
	assert_text(&b->said[2], "cure", "tw_reuse");

	use = full();
	use.time_wait = 10;
	use.live = 90;
	use.own_netns = 0;
	add_user(&use, 77, "nginx", 90, 0);
	kernel_says(b, &use);
	fails(b, T0 + 33 * SECOND);
	f = &b->said[3];
	assert_text(f, "cure", "widen");
	assert_string_equal(
		f->advice,
		"nsenter -t 77 -n sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\" gives "
		"64512 ports instead of 100; or use more addresses: each pair of a local and a "
		"remote address has its own 100 ports");

	use.live = 0;
	use.bound = 90;
	kernel_says(b, &use);
	fails(b, T0 + 44 * SECOND);
	assert_text(&b->said[4], "cure", "close");
	use.bound_first = 90;
	use.users[0].bound = 90;
	kernel_says(b, &use);
	fails(b, T0 + 55 * SECOND);
	assert_text(&b->said[5], "cure", "bind_no_port");
	assert_non_null(strstr(b->said[5].advice,
			       "set IP_BIND_ADDRESS_NO_PORT before bind() in nginx (pid 77)"));
}

/* bind() before connect(), seen in the connections that are in TIME_WAIT by now. */
static void binds_before_it_connects(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	union event e = connect_by(APP, "python3", T0 - SECOND);
	int i;

	memcpy(e.base.sock.laddr, e.base.sock.raddr, ADDR_LEN);
	sample__ipv4(e.base.sock.laddr, INADDR_LOOPBACK);
	e.base.sock.facts |= FACT_BOUND;
	for (i = 0; i < 100; i++)
		record(b, RECORD_CONNECT, &e, 0);
	kernel_says(b, &use);
	by_bind(b, EV_BIND, IPPROTO_TCP, 0, 0, -EADDRINUSE);
	assert_text(b->said, "cure", "bind_no_port");
	assert_non_null(
		strstr(b->said[0].advice, "in python3 (pid 812), which binds before it connects"));
	assert_non_null(strstr(b->said[0].advice, "to 10.0.0.5:443, where nearly all of them go"));
	assert_int_equal(b->said[0].processes[0].counts[2], 100);
}

/* Hundreds of destinations at once: the kernel is asked for some, and asked again soon for the others. */
static void asks_within_bounds(void **state)
{
	struct bench *b = *state;
	struct port_use use = full();
	union event e;
	uint32_t i;

	kernel_says(b, &use);
	for (i = 0; i < 2000; i++) {
		e = failed_connect(T0 + i);
		e.base.sock.rport = 1000 + i;
		record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	}
	assert_int_equal(b->by_status[FINDING_OPEN], 2000);
	assert_in_range(b->answers[ASK_PORT_USE].asked, 1, 11);
	e.head.boot_ns = T0 + 2 * SECOND;
	record(b, RECORD_CONNECT, &e, -EADDRNOTAVAIL);
	assert_int_equal(b->answers[ASK_PORT_USE].asked, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pool, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(asks_for_the_source, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(other_calls, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(silent_where_ports_are_not_the_matter, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(estimated, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(life, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(another_destination, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(cures, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(binds_before_it_connects, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(asks_within_bounds, setup, bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
