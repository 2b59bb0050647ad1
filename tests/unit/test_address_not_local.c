// SPDX-License-Identifier: GPL-2.0-or-later
/* address_not_local: a bind() to an address that the namespace has not, and why. */
#include "detect_bench.h"

#include <arpa/inet.h>

struct attempt {
	uint64_t at_ns;
	const char *addr; /* NULL: 192.0.2.77 */
	uint16_t port;
	int error; /* 0: -EADDRNOTAVAIL */
	uint32_t ifindex;
	const char *comm;
	bool unread;
};

static int setup(void **state)
{
	struct address_facts facts = { .loopback_up = 1 };
	int err = bench__setup(state, "address_not_local");

	if (!err)
		bench__answer(*state, ASK_ADDRESS, &facts, sizeof(facts));
	return err;
}

static void parse(const char *text, uint8_t addr[ADDR_LEN], uint16_t *family)
{
	struct in_addr v4;

	*family = AF_INET;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		sample__ipv4(addr, ntohl(v4.s_addr));
		return;
	}
	*family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
}

static void try_bind(struct bench *b, struct attempt a)
{
	union event e = sample__event_of(EV_BIND, 55, a.at_ns, 9100, a.comm ? a.comm : "python3");
	struct record r = { .type = RECORD_BIND,
			    .boot_ns = a.at_ns,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .error = a.error ? a.error : -EADDRNOTAVAIL,
			    .u.bind = &e.bind };

	e.base.sock.lport = 0;
	e.base.sock.rport = 0;
	e.base.sock.state = TCP_CLOSE;
	e.base.sock.ifindex = a.ifindex;
	e.bind.req_known = !a.unread;
	e.bind.req_port = a.port;
	parse(a.addr ? a.addr : "192.0.2.77", e.bind.req_addr, &e.base.sock.family);
	detect__record(b->d, &r);
}

static const struct attempt once = { .at_ns = T0, .port = 8099 };

static void names_the_address(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;
	struct ask_address q;

	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_string_equal(
		f->message,
		"python3 (pid 9100) cannot bind 192.0.2.77:8099/tcp: no interface of its network namespace "
		"has that address; this is no exhaustion of ports");
	assert_non_null(strstr(f->advice, "(`in its network namespace ip addr` lists"));
	assert_non_null(strstr(f->advice, "IP_FREEBIND"));
	assert_non_null(strstr(f->advice, "net.ipv4.ip_nonlocal_bind=1"));
	assert_text(f, "cause", "absent");
	assert_number(f, "ip_nonlocal_bind", 0);
	assert_null(bench__evidence(f, "device"));
	assert_string_equal(f->call, "bind");
	assert_int_equal(f->sock.lport, 8099);
	assert_false(f->estimated);
	memcpy(&q, b->answers[ASK_ADDRESS].question, sizeof(q));
	assert_memory_equal(q.addr, f->sock.laddr, ADDR_LEN);
	assert_int_equal(q.net.inode, NETNS);
	assert_int_equal(q.net.tgid, 9100);
}

static void each_cause(void **state)
{
	static const struct {
		const char *addr, *cause;
		struct address_facts facts;
		uint32_t ifindex;
	} rows[] = {
		{ "127.0.0.1", "loopback-down", { .loopback_up = 0 }, 0 },
		{ "::1", "loopback-down", { .ifindex = 1 }, 0 },
		{ "::1", "ipv6-disabled", { .loopback_up = 1, .ipv6_disabled = 1 }, 0 },
		{ "2001:db8::1", "ipv6-disabled", { .loopback_up = 1, .ipv6_disabled = 1 }, 0 },
		{ "192.0.2.1", "absent", { .loopback_up = 1, .ipv6_disabled = 1 }, 0 },
		{ "2001:db8::2", "dad-failed", { 2, 1, 1, 1, 0, 0, "eth0" }, 0 },
		{ "2001:db8::3", "tentative", { 2, 1, 0, 1, 0, 0, "eth0" }, 0 },
		{ "fe80::1", "other-device", { 2, 0, 0, 1, 0, 0, "eth0" }, 3 },
		{ "2001:db8::4", "came-late", { 2, 0, 0, 1, 0, 0, "eth0" }, 0 },
		{ "192.0.2.2", "came-late", { 2, 0, 0, 1, 0, 0, "eth0" }, 2 },
		{ "2001:db8::5", "absent", { .loopback_up = 1 }, 0 },
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct finding *f = &b->said[i];

		bench__answer(b, ASK_ADDRESS, &rows[i].facts, sizeof(rows[i].facts));
		try_bind(b, (struct attempt){ .at_ns = T0 + i,
					      .addr = rows[i].addr,
					      .port = 80 + i,
					      .comm = i == 2 ? "nginx" : NULL,
					      .ifindex = rows[i].ifindex });
		assert_int_equal(b->n_said, i + 1);
		assert_text(f, "cause", rows[i].cause);
		assert_int_equal(f->advice[0] != '\0', 1);
		if (rows[i].facts.device[0])
			assert_non_null(strstr(f->message, "(eth0)"));
	}
}

static void ipv6_has_its_own_words(void **state)
{
	struct bench *b = *state;

	try_bind(b, (struct attempt){ .at_ns = T0, .addr = "2001:db8::1", .port = 80 });
	assert_non_null(strstr(b->said[0].message, "[2001:db8::1]:80/tcp"));
	assert_non_null(strstr(b->said[0].advice, "IPV6_FREEBIND"));
	assert_non_null(strstr(b->said[0].advice, "net.ipv6.ip_nonlocal_bind=1"));
}

static void silent_where_it_is_not_its_matter(void **state)
{
	struct bench *b = *state;
	union event e = sample__event_of(EV_CONNECT, 56, T0, 9100, "python3");
	struct record r = { .type = RECORD_CONNECT,
			    .boot_ns = T0,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .error = -EADDRNOTAVAIL,
			    .u.connect = &e.connect };

	detect__record(b->d, &r);
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .error = -EADDRINUSE });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .error = -EINVAL });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .unread = true });
	detect__tick(b->d, T0 + SECOND);
	detect__end(b->d, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 0);
	assert_int_equal(b->answers[ASK_ADDRESS].asked, 0);
}

static void a_namespace_that_cannot_be_asked(void **state)
{
	struct bench *b = *state;

	b->answers[ASK_ADDRESS].size = 0;
	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_true(b->said[0].estimated);
	assert_text(&b->said[0], "cause", "unknown");
	assert_null(bench__evidence(&b->said[0], "ip_nonlocal_bind"));
}

/* Whatever port it asks for there: one finding, and the address is looked for once in ten seconds. */
static void lives_and_closes(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	for (t = 0; t <= 250; t++) {
		try_bind(b, (struct attempt){ .at_ns = T0 + t * SECOND / 10, .port = 80 + t });
		detect__tick(b->d, T0 + t * SECOND / 10 + 1);
	}
	assert_int_equal(b->n_said, 3); /* open, 10 s, 20 s */
	assert_int_equal(b->answers[ASK_ADDRESS].asked, 3);
	assert_int_equal(b->said[1].count, 101);
	detect__tick(b->d, T0 + 85 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	assert_int_equal(b->said[b->n_said - 1].count, 251);
	assert_life(b);
}

static void another_subject_is_another_finding(void **state)
{
	struct bench *b = *state;

	try_bind(b, once);
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .addr = "192.0.2.78" });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .comm = "nginx" });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .ifindex = 3 });
	assert_int_equal(b->by_status[FINDING_OPEN], 4);
	assert_int_equal(bench__opened(b), 4);
}

/* A command for another namespace than socklife's own enters it. */
static void the_command_enters_the_namespace(void **state)
{
	static const struct {
		const char *addr, *advice;
		struct address_facts facts;
	} rows[] = {
		{ "127.0.0.1", "nsenter -t 9100 -n ip link set lo up", { .loopback_up = 0 } },
		{ "2001:db8::1",
		  "bind an IPv4 address, or nsenter -t 9100 -n sysctl -w net.ipv6.conf.all.disable_ipv6=0 "
		  "net.ipv6.conf.lo.disable_ipv6=0",
		  { .loopback_up = 1, .ipv6_disabled = 1 } },
		{ "192.0.2.1",
		  "correct the address in python3 (`nsenter -t 9100 -n ip addr` lists those there are), "
		  "or bind 0.0.0.0; where it comes later (keepalived, DHCP), IP_FREEBIND before bind(), "
		  "or nsenter -t 9100 -n sysctl -w net.ipv4.ip_nonlocal_bind=1",
		  { .loopback_up = 1 } },
	};
	struct netns_facts in = { .foreign = 1 };
	struct bench *b = *state;
	size_t i;

	bench__answer(b, ASK_NETNS, &in, sizeof(in));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench__answer(b, ASK_ADDRESS, &rows[i].facts, sizeof(rows[i].facts));
		try_bind(b, (struct attempt){ .at_ns = T0 + i, .addr = rows[i].addr, .port = 80 });
		assert_string_equal(b->said[i].advice, rows[i].advice);
	}
	in.foreign = 0;
	bench__answer(b, ASK_NETNS, &in, sizeof(in));
	bench__answer(b, ASK_ADDRESS, &rows[0].facts, sizeof(rows[0].facts));
	try_bind(b, (struct attempt){ .at_ns = T0 + i, .addr = "127.0.0.2", .port = 80 });
	assert_string_equal(b->said[i].advice, "ip link set lo up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_command_enters_the_namespace, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(names_the_address, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(each_cause, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(ipv6_has_its_own_words, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(silent_where_it_is_not_its_matter, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(a_namespace_that_cannot_be_asked, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(lives_and_closes, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(another_subject_is_another_finding, setup,
						bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
