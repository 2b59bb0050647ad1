// SPDX-License-Identifier: GPL-2.0-or-later
/* privileged_port: a bind() refused below the namespace's limit, and no other refusal. */
#include "detect_bench.h"

struct attempt {
	uint64_t at_ns;
	uint16_t port;
	int error; /* 0: -EACCES */
	uint32_t uid;
	uint32_t netns; /* 0: NETNS */
	const char *comm;
	bool udp, unread;
};

static int setup(void **state)
{
	struct netns_facts facts = { .unprivileged_start = 1024, .range_low = 32768 };
	int err = bench__setup(state, "privileged_port");

	if (!err) {
		bench__answer(*state, ASK_NETNS, &facts, sizeof(facts));
		bench__answer(*state, ASK_USER, "www-data", 8);
	}
	return err;
}

static void limit(struct bench *b, uint32_t start)
{
	struct netns_facts facts = { .unprivileged_start = start, .range_low = 32768 };

	bench__answer(b, ASK_NETNS, &facts, sizeof(facts));
}

static void try_bind(struct bench *b, struct attempt a)
{
	union event e = sample__event_of(EV_BIND, 55, a.at_ns, 9100, a.comm ? a.comm : "python3");
	struct record r = { .type = RECORD_BIND,
			    .boot_ns = a.at_ns,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .error = a.error ? a.error : -EACCES,
			    .u.bind = &e.bind };

	e.base.sock.lport = 0;
	e.base.sock.rport = 0;
	e.base.sock.state = TCP_CLOSE;
	e.base.actor.uid = a.uid;
	e.base.actor.cgroup_id = 77;
	if (a.netns)
		e.base.sock.netns = a.netns;
	if (a.udp)
		e.base.sock.proto = IPPROTO_UDP;
	e.bind.req_known = !a.unread;
	e.bind.req_port = a.port;
	sample__ipv4(e.bind.req_addr, INADDR_ANY);
	detect__record(b->d, &r);
}

static const struct attempt once = { .at_ns = T0, .port = 81, .uid = 33 };

static void names_what_is_missing(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_string_equal(
		f->message,
		"python3 (pid 9100), uid 33 (www-data), may not bind port 81/tcp: ports "
		"below 1024 need CAP_NET_BIND_SERVICE");
	assert_non_null(strstr(f->advice, "AmbientCapabilities=CAP_NET_BIND_SERVICE"));
	assert_non_null(strstr(f->advice, "setcap cap_net_bind_service=+ep"));
	assert_non_null(strstr(f->advice, "sysctl -w net.ipv4.ip_unprivileged_port_start=81"));
	assert_non_null(strstr(f->advice, "a port from 1024 on"));
	assert_string_equal(f->call, "bind");
	assert_int_equal(f->error, -EACCES);
	assert_int_equal(f->sock.lport, 81);
	assert_number(f, "uid", 33);
	assert_number(f, "unprivileged_port_start", 1024);
	assert_text(f, "capability", "CAP_NET_BIND_SERVICE");
	assert_false(f->estimated);
	assert_int_equal(bench__opened(b), 1);
}

static void the_limit_is_the_namespaces(void **state)
{
	struct bench *b = *state;

	limit(b, 81);
	try_bind(b, once); /* at it: not what refused it */
	assert_int_equal(b->n_said, 0);
	limit(b, 4000);
	try_bind(b, (struct attempt){ .at_ns = T0 + 2 * SECOND, .port = 3999, .udp = true });
	assert_int_equal(b->n_said, 1);
	assert_number(&b->said[0], "unprivileged_port_start", 4000);
	assert_non_null(strstr(b->said[0].message, "port 3999/udp: ports below 4000"));
}

static void root_without_the_capability(void **state)
{
	struct bench *b = *state;

	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81 });
	assert_non_null(strstr(b->said[0].message, "this root process does not have"));
	assert_non_null(strstr(b->said[0].advice, "CapabilityBoundingSet="));
	assert_null(strstr(b->said[0].advice, "setcap"));
}

static void silent_where_it_is_not_its_matter(void **state)
{
	struct bench *b = *state;

	try_bind(b, (struct attempt){ .at_ns = T0, .port = 1024 });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 8080 });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 0 });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .error = -EPERM });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .error = -EADDRINUSE });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .unread = true });
	detect__tick(b->d, T0 + SECOND);
	detect__end(b->d, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 0);
}

static void a_namespace_that_cannot_be_asked(void **state)
{
	struct bench *b = *state;

	b->answers[ASK_NETNS].size = 0;
	b->answers[ASK_USER].size = 0;
	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_true(b->said[0].estimated);
	assert_number(&b->said[0], "unprivileged_port_start", 1024);
	assert_non_null(strstr(b->said[0].message, "uid 33, may not"));
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 1024 });
	assert_int_equal(b->n_said, 1);
}

static void lives_and_closes(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	for (t = 0; t <= 25; t++) {
		try_bind(b, (struct attempt){ .at_ns = T0 + t * SECOND, .port = 81, .uid = 33 });
		detect__tick(b->d, T0 + t * SECOND + 1);
	}
	assert_int_equal(b->n_said, 3); /* open, 10 s, 20 s */
	assert_int_equal(b->said[1].count, 11);
	assert_int_equal(b->said[2].count, 21);
	detect__tick(b->d, T0 + 84 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	detect__tick(b->d, T0 + 85 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	assert_int_equal(b->said[b->n_said - 1].count, 26);
	assert_int_equal(b->said[b->n_said - 1].last_ns, T0 + 25 * SECOND);
	assert_life(b);
	detect__end(b->d, T0 + 86 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

/* A loop of failures, found guilty or not, asks the kernel once a second at most. */
static void asks_little(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 1000; i++)
		try_bind(b, (struct attempt){ .at_ns = T0 + i * 100000, .port = 81 });
	for (i = 0; i < 1000; i++)
		try_bind(b, (struct attempt){ .at_ns = T0 + i * 100000, .port = 8080 });
	assert_int_equal(b->answers[ASK_NETNS].asked, 1);
	assert_int_equal(b->answers[ASK_USER].asked, 1);
	detect__end(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].count, 1000);
}

static void another_subject_is_another_finding(void **state)
{
	struct bench *b = *state;

	try_bind(b, once);
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 82, .uid = 33 });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .uid = 33, .comm = "nginx" });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .uid = 33, .udp = true });
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 81, .uid = 33, .netns = 5 });
	assert_int_equal(b->by_status[FINDING_OPEN], 5);
	try_bind(b, once);
	assert_int_equal(b->by_status[FINDING_OPEN], 5);
}

/* A command for another namespace than socklife's own enters it, where it is known which that is. */
static void the_command_enters_the_namespace(void **state)
{
	const struct netns_facts facts = { .unprivileged_start = 1024, .foreign = 1 };
	struct bench *b = *state;

	bench__answer(b, ASK_NETNS, &facts, sizeof(facts));
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .uid = 33 });
	assert_non_null(strstr(b->said[0].advice, "or nsenter -t 9100 -n sysctl -w "
						  "net.ipv4.ip_unprivileged_port_start=80; or"));
}

static void the_namespace_is_gone(void **state)
{
	struct bench *b = *state;

	b->answers[ASK_NETNS].size = 0;
	try_bind(b, (struct attempt){ .at_ns = T0, .port = 80, .uid = 33 });
	assert_non_null(strstr(b->said[0].advice, "or in its network namespace sysctl -w "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_command_enters_the_namespace, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(the_namespace_is_gone, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(names_what_is_missing, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_limit_is_the_namespaces, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(root_without_the_capability, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(silent_where_it_is_not_its_matter, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(a_namespace_that_cannot_be_asked, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(lives_and_closes, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(asks_little, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(another_subject_is_another_finding, setup,
						bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
