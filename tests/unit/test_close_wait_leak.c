// SPDX-License-Identifier: GPL-2.0-or-later
/* close_wait_leak: what waits in CLOSE_WAIT at each look, by program, and when it is looked. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "close_wait_leak");
}

/* Owned by the process of the cookie's thousands. */
static struct close_waiter *wait_for(struct bench *b, uint64_t cookie, uint32_t peer,
				     uint32_t age_s)
{
	struct close_waiter *w = &b->waiters[b->n_waiters++];

	*w = (struct close_waiter){ .cookie = cookie,
				    .lport = 8080,
				    .rport = 50000 + cookie % 1000,
				    .family = AF_INET,
				    .age_ms = age_s * 1000,
				    .uid = 33 };
	sample__ipv4(w->laddr, INADDR_LOOPBACK);
	sample__ipv4(w->raddr, peer);
	return w;
}

static void a_leak(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	wait_for(b, 812003, 0x0a000001, 200);
	wait_for(b, 812001, 0x0a000002, 90);
	wait_for(b, 812002, 0x0a000001, 61)->queued = 1;
	bench__look(b, T0);
	assert_int_equal(b->close_wait_question.over_ms, 60000);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->count, 3);
	assert_true(f->gauge);
	assert_int_equal(f->actor.proc.tgid, 812);
	assert_evidence(f, "oldest_s", 200);
	assert_evidence(f, "not_accepted", 1);
	assert_evidence(f, "peers_total", 2);
	assert_string_equal(evidence(f, "peers")->text, "10.0.0.1 (2), 10.0.0.2 (1)");
	assert_int_equal(f->n_processes, 1);
	assert_int_equal(f->processes[0].counts[0], 3);
	assert_int_equal(f->holders_total, 3);
	assert_int_equal(f->holders[0].sock.cookie, 812003);
	assert_int_equal(f->holders[0].sock.state, TCP_CLOSE_WAIT);
	assert_int_equal(f->holders[0].proc.tgid, 812);
	assert_string_equal(f->message,
			    "server (pid 812) leaves 3 connections of local port 8080 in "
			    "CLOSE_WAIT, the oldest for 200 s or more: 10.0.0.1 (2), 10.0.0.2 (1) "
			    "closed, it did not; accept() never took 1 of them");
	assert_string_equal(evidence(f, "lports")->text, "8080 (3)");
	assert_evidence(f, "lports_total", 1);
	assert_false(f->estimated);
}

static void on_several_ports(void **state)
{
	struct bench *b = *state;
	uint16_t i;

	for (i = 0; i < 6; i++)
		wait_for(b, 812001 + i, 0x0a000001, 90)->lport = 8080 + (i + 1) / 2 * 10;
	bench__look(b, T0);
	assert_string_equal(evidence(b->said, "lports")->text,
			    "8090 (2), 8100 (2), 8080 (1), 8110 (1)");
	assert_evidence(b->said, "lports_total", 4);
	assert_non_null(strstr(b->said[0].message,
			       "leaves 6 connections of local ports 8090 (2), 8100 (2), 8080 (1), "
			       "8110 (1) in CLOSE_WAIT"));
}

static void none(void **state)
{
	struct bench *b = *state;

	bench__look(b, T0);
	detect__end(b->d, T0 + 1);
	assert_int_equal(b->asked[ASK_CLOSE_WAIT], 1);
	assert_int_equal(b->n_said, 0);
}

/* A program is its name and cgroup: two processes of it are one finding. */
static void by_program(void **state)
{
	struct bench *b = *state;

	wait_for(b, 812001, 0x0a000001, 70);
	wait_for(b, 813001, 0x0a000001, 69);
	wait_for(b, 813002, 0x0a000001, 68);
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->said[0].n_processes, 2);
	assert_int_equal(b->said[0].processes[0].proc.tgid, 813);
	assert_int_equal(b->said[0].processes[0].counts[0], 2);
	assert_int_equal(b->said[0].actor.proc.tgid, 812);
}

static void unknown_processes(void **state)
{
	const struct detect_config chosen = { .close_wait_ns = 60 * SECOND, .chosen = 1 };
	struct bench *b = *state;

	b->unknown = true;
	wait_for(b, 1, 0x0a000001, 70);
	wait_for(b, 2, 0x0a000001, 70)->uid = 34;
	bench__look(b, T0);
	assert_int_equal(b->n_said, 2);
	assert_non_null(strstr(b->said[0].message,
			       "a process of uid 33 leaves 1 connection of local port 8080 in"));
	assert_int_equal(b->said[1].holders[0].uid, 34);
	detect__configure(b->d, &chosen);
	bench__look(b, T0 + 10 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 2);
	assert_int_equal(b->by_status[FINDING_OPEN], 2);
}

static void life_of_a_finding(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	wait_for(b, 812001, 0x0a000001, 70);
	for (t = 0; t < 10; t++)
		bench__look(b, T0 + t * SECOND);
	assert_int_equal(b->asked[ASK_CLOSE_WAIT], 1);
	wait_for(b, 812002, 0x0a000001, 61);
	bench__look(b, T0 + 10 * SECOND);
	assert_int_equal(b->asked[ASK_CLOSE_WAIT], 2);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_int_equal(b->said[1].count, 2);
	b->n_waiters = 0;
	bench__look(b, T0 + 20 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_CLOSED);
	assert_int_equal(b->said[2].key, b->said[0].key);
	assert_int_equal(b->said[2].first_ns, T0);
}

/* The walk is dear: seldom where nothing happens, more often while a finding is open. */
static void looks_are_rare(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	bench__look(b, T0);
	for (t = 5; t <= 600; t += 5)
		detect__tick(b->d, T0 + t * SECOND);
	/* 60 + 20 s after the last record each ten seconds, then each minute */
	assert_in_range(b->asked[ASK_CLOSE_WAIT], 15, 19);
	wait_for(b, 812001, 0x0a000001, 70);
	for (; !b->n_said; t += 5)
		detect__tick(b->d, T0 + t * SECOND);
	b->asked[ASK_CLOSE_WAIT] = 0;
	for (; b->asked[ASK_CLOSE_WAIT] < 3; t += 5)
		detect__tick(b->d, T0 + t * SECOND);
	assert_int_equal(b->n_said, 4); /* open, and an update at each */
}

/* Each namespace has its turn, two a second. */
static void many_namespaces(void **state)
{
	struct bench *b = *state;
	uint64_t t;
	uint32_t i;

	for (t = 0; t < 100; t++) {
		for (i = 1; i <= 12; i++)
			bench__activity_in(b, i, T0 + t * SECOND - 1);
		detect__tick(b->d, T0 + t * SECOND);
		assert_in_range(b->asked[ASK_CLOSE_WAIT], 0, 2 * (t + 1));
	}
	for (i = 1; i <= 12; i++)
		assert_in_range(b->close_waits_of[i], 9, 11);
	memset(b->close_waits_of, 0, sizeof(b->close_waits_of));
	for (; t < 300; t++) {
		for (i = 1; i <= 50; i++)
			bench__activity_in(b, i, T0 + t * SECOND - 1);
		detect__tick(b->d, T0 + t * SECOND);
	}
	for (i = 1; i <= 50; i++)
		assert_in_range(b->close_waits_of[i], 5, 9);
}

static void as_the_option_says(void **state)
{
	const struct detect_config soon = { .close_wait_ns = 2 * SECOND };
	struct bench *b = *state;
	uint64_t t;

	detect__configure(b->d, &soon);
	for (t = 0; t <= 4; t++)
		bench__look(b, T0 + t * SECOND);
	assert_int_equal(b->close_wait_question.over_ms, 2000);
	assert_int_equal(b->asked[ASK_CLOSE_WAIT], 3);
}

static void namespace_gone(void **state)
{
	struct bench *b = *state;

	wait_for(b, 812001, 0x0a000001, 70);
	bench__look(b, T0);
	b->netns_gone = true;
	detect__tick(b->d, T0 + 59 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	detect__tick(b->d, T0 + 60 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

static void more_than_an_answer_holds(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	for (i = 0; i < 16384; i++)
		wait_for(b, 812000, 0x0a000000 + i, 70);
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_true(b->said[0].estimated);
	assert_int_equal(b->said[0].count, 16384);
	assert_int_equal(b->said[0].n_holders, HOLDERS_MAX);
	assert_evidence(b->said, "peers_total", 16384);
	assert_non_null(strstr(b->said[0].message, "leaves at least 16384 connections"));
	assert_non_null(strstr(b->said[0].message, " and 16380 more closed"));
}

static void programs_are_bounded(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	b->unknown = true;
	for (i = 0; i < 200; i++)
		wait_for(b, 1, 0x0a000001, 70)->uid = i;
	bench__look(b, T0);
	assert_int_equal(b->by_status[FINDING_OPEN], 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_leak, setup, bench__free),
		cmocka_unit_test_setup_teardown(on_several_ports, setup, bench__free),
		cmocka_unit_test_setup_teardown(none, setup, bench__free),
		cmocka_unit_test_setup_teardown(by_program, setup, bench__free),
		cmocka_unit_test_setup_teardown(unknown_processes, setup, bench__free),
		cmocka_unit_test_setup_teardown(life_of_a_finding, setup, bench__free),
		cmocka_unit_test_setup_teardown(looks_are_rare, setup, bench__free),
		cmocka_unit_test_setup_teardown(many_namespaces, setup, bench__free),
		cmocka_unit_test_setup_teardown(as_the_option_says, setup, bench__free),
		cmocka_unit_test_setup_teardown(namespace_gone, setup, bench__free),
		cmocka_unit_test_setup_teardown(more_than_an_answer_holds, setup, bench__free),
		cmocka_unit_test_setup_teardown(programs_are_bounded, setup, bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
