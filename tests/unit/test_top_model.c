// SPDX-License-Identifier: GPL-2.0-or-later
/* The model of `socklife top`: what records and walks make of it, its bounds, and its counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "top_bench.h"

#define ALL (TOP_TAKE_SOCKS | TOP_TAKE_LISTENERS)

static void test_a_life(void **state)
{
	const struct top_sock *s;

	(void)state;
	bench__listen(1, T0, 812, "nginx", 0, 80, 511);
	bench__accept(2, T0 + SECOND, 813, "nginx", 1, 80, ip(10, 0, 0, 9), 5000);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_int_equal(frame.open, 2);
	assert_int_equal(frame.states[TCP_LISTEN], 1);
	s = bench__sock(2);
	assert_int_equal(s->queued_ns, 30000);
	assert_int_equal(s->listener, 1);
	assert_int_equal(s->sock.owner.tgid, 813);
	s = bench__sock(1);
	assert_int_equal(s->connections, 1);
	assert_int_equal(s->accepted, 1);
	assert_int_equal(s->limit, 511);
	bench__end(2, T0 + 3 * SECOND, 813, "nginx", 80, ip(10, 0, 0, 9), 5000);
	bench__take(T0 + 3 * SECOND, ALL);
	assert_int_equal(frame.open, 1);
	s = bench__sock(2);
	assert_int_equal(s->closed_ns, T0 + 3 * SECOND);
	assert_int_equal(s->reason, REASON_LOCAL_CLOSE);
	assert_int_equal(s->tx_bytes, 78);
	assert_int_equal(bench__sock(1)->connections, 0);
	bench__take(T0 + 3 * SECOND + TOP_CLOSED_NS, ALL);
	assert_null(bench__sock(2));
	assert_non_null(bench__sock(1));
}

static void test_rates(void **state)
{
	uint64_t i;

	(void)state;
	bench__listen(1, T0, 812, "nginx", 0, 80, 511);
	bench__take(T0 + SECOND, ALL);
	for (i = 0; i < 100; i++)
		bench__accept(10 + i, T0 + SECOND + i, 813, "nginx", 1, 80, ip(10, 0, 0, 9),
			      5000 + i);
	for (i = 0; i < 50; i++)
		bench__end(10 + i, T0 + 2 * SECOND, 813, "nginx", 80, ip(10, 0, 0, 9), 5000 + i);
	bench__take(T0 + 3 * SECOND, ALL);
	assert_int_equal(frame.opened_rate, 50);
	assert_int_equal(frame.closed_rate, 25);
	assert_int_equal(frame.events_rate, 75);
	assert_int_equal(bench__sock(1)->accept_rate, 50);
	assert_int_equal(bench__sock(1)->connections, 50);
	/* of no shorter time than RATE_NS: those from before stay */
	bench__take(T0 + 3 * SECOND + 1000, ALL);
	assert_int_equal(frame.opened_rate, 50);
}

static void test_counters_of_walks(void **state)
{
	const struct top_sock *s;
	struct diag_sock d;

	(void)state;
	bench__connect(1, T0 + SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80, 0);
	d = bench__counted(1, TCP_ESTABLISHED, 1000, 10);
	bench__walk(T0 + 3 * SECOND, &d, 1, NULL);
	bench__take(T0 + 3 * SECOND, ALL);
	s = bench__sock(1);
	assert_int_equal(s->tx_rate, 500); /* since it was established */
	d.counters.rx_bytes = 4106;
	d.state = TCP_CLOSE_WAIT;
	bench__walk(T0 + 5 * SECOND, &d, 1, NULL);
	bench__take(T0 + 6 * SECOND, ALL);
	s = bench__sock(1);
	assert_int_equal(s->tx_rate, 0);
	assert_int_equal(s->rx_rate, 2048);
	assert_int_equal(s->state, TCP_CLOSE_WAIT);
	assert_int_equal(s->state_ns, T0 + 5 * SECOND);
	assert_int_equal(frame.states[TCP_CLOSE_WAIT], 1);
	assert_int_equal(frame.states[TCP_ESTABLISHED], 0);
	assert_int_equal(frame.walked_ns, T0 + 5 * SECOND);
}

/* Of a socket before the trace the bytes so far say nothing of now. */
static void test_no_rate_of_what_was_before(void **state)
{
	union event e = sample__event_of(EV_SNAPSHOT, 1, T0, 9001, "curl");
	struct diag_sock d = bench__counted(1, TCP_ESTABLISHED, 1 << 30, 0);

	(void)state;
	bench__send(&e);
	bench__walk(T0 + SECOND, &d, 1, NULL);
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(bench__sock(1)->tx_bytes, 1 << 30);
	assert_int_equal(bench__sock(1)->tx_rate, 0);
}

/* sock_diag lists subflows: they are one row, that of the MPTCP socket, with the counters of the first. */
static void test_mptcp(void **state)
{
	union event e = sample__event_of(EV_CONNECT, 1, T0 + SECOND, 9001, "curl");
	struct diag_sock d[3] = { bench__counted(2, TCP_CLOSE_WAIT, 1000, 10),
				  bench__counted(3, TCP_ESTABLISHED, 77, 77),
				  bench__counted(4, TCP_ESTABLISHED, 5, 5) };
	struct top_mptcp *list;
	size_t n, i;

	(void)state;
	bench__ends(&e, ip(10, 0, 0, 1), 5000, ip(10, 0, 0, 9), 80);
	e.base.sock.proto = PROTO_MPTCP;
	e.base.sock.inode = 4711;
	e.base.sock.state = TCP_ESTABLISHED;
	bench__send(&e);
	bench__connect(4, T0 + SECOND, 9001, "curl", 5001, ip(10, 0, 0, 9), 80, 0);
	for (i = 0; i < 2; i++) {
		memcpy(d[i].sock.laddr, e.base.sock.laddr, ADDR_LEN);
		d[i].sock.inode = 4711;
		d[i].sock.lport = i ? 5002 : 5000;
		d[i].sock.rport = 80;
	}
	n = top_model__mptcp(model, &list);
	assert_int_equal(n, 1);
	for (i = 0; i < 3; i++)
		top_model__join_mptcp(list, n, &d[i]);
	free(list);
	assert_int_equal(d[2].sock.cookie, 4);
	bench__walk(T0 + 3 * SECOND, d, 3, NULL);
	bench__walk(T0 + 4 * SECOND, d, 3, NULL);
	bench__take(T0 + 4 * SECOND, ALL);
	assert_int_equal(frame.n_socks, 2);
	assert_int_equal(bench__sock(1)->tx_bytes, 1000);
	assert_int_equal(bench__sock(1)->state,
			 TCP_ESTABLISHED); /* a subflow's is not the connection's */
}

/* A connection that accept() has not taken: no record tells of it. It is its listener's. */
static void test_queued(void **state)
{
	struct diag_sock d = bench__listed(5, TCP_ESTABLISHED);

	(void)state;
	bench__listen(1, T0, 812, "nginx", 0, 80, 511);
	d.sock.inode = 0;
	d.sock.lport = 80;
	bench__walk(T0 + SECOND, &d, 1, NULL);
	bench__take(T0 + SECOND, ALL);
	assert_null(bench__sock(5)); /* once: it could be one that has just been closed */
	bench__walk(T0 + 2 * SECOND, &d, 1, NULL);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_true(bench__sock(5)->queued);
	assert_int_equal(bench__sock(5)->sock.owner.tgid, 812);
	assert_int_equal(bench__sock(1)->connections, 1);
	assert_int_equal(frame.queued, 1);
	bench__accept(5, T0 + 3 * SECOND, 813, "nginx", 1, 80, ip(127, 0, 0, 1), 80);
	bench__take(T0 + 3 * SECOND, ALL);
	assert_false(bench__sock(5)->queued || bench__sock(5)->from_kernel);
	assert_int_equal(bench__sock(5)->sock.owner.tgid, 813);
	assert_int_equal(frame.queued, 0);
}

static void test_what_a_walk_alone_knows_goes_with_it(void **state)
{
	struct diag_sock d = bench__listed(5, TCP_FIN_WAIT1);

	(void)state;
	bench__walk(T0 + SECOND, &d, 1, NULL);
	bench__walk(T0 + 2 * SECOND, &d, 1, NULL);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_int_equal(frame.open, 1);
	bench__walk(T0 + 3 * SECOND, NULL, 0, NULL);
	bench__take(T0 + 3 * SECOND, ALL);
	assert_int_equal(frame.open, 0);
}

/* The walk takes time: what was closed meanwhile is not brought back. */
static void test_a_walk_does_not_bring_back(void **state)
{
	struct diag_sock d = bench__counted(1, TCP_ESTABLISHED, 1, 1);

	(void)state;
	bench__connect(1, T0 + SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80, 0);
	bench__end(1, T0 + 2 * SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80);
	bench__walk(T0 + 2 * SECOND, &d, 1, NULL);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_int_equal(frame.open, 0);
	assert_int_equal(bench__sock(1)->closed_ns, T0 + 2 * SECOND);
	assert_int_equal(bench__sock(1)->tx_bytes, 78);
}

static void test_drops_in_this_trace(void **state)
{
	struct diag_sock d = bench__listed(1, TCP_LISTEN);

	(void)state;
	bench__listen(1, T0, 812, "nginx", 0, 80, 511);
	d.rqueue = 512;
	d.wqueue = 511;
	d.drops = 40;
	bench__walk(T0 + SECOND, &d, 1, NULL);
	d.drops = 47;
	bench__walk(T0 + 2 * SECOND, &d, 1, NULL);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_int_equal(bench__sock(1)->drops, 47);
	assert_int_equal(bench__sock(1)->new_drops, 7);
	assert_int_equal(bench__sock(1)->queue, 512);
}

/* Counts stay right however many there are, and what is remembered of closed ones is bounded. */
static void test_bounds(void **state)
{
	uint64_t i, n = TOP_CLOSED_MAX + 1000;

	(void)state;
	for (i = 0; i < n + 10; i++)
		bench__connect(1 + i, T0 + SECOND, 9001, "wrk", 5000, ip(10, 0, 0, 9), 80, 0);
	for (i = 0; i < n; i++)
		bench__end(1 + i, T0 + SECOND, 9001, "wrk", 5000, ip(10, 0, 0, 9), 80);
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(frame.open, 10);
	assert_int_equal(frame.n_socks, TOP_CLOSED_MAX + 10);
	assert_int_equal(frame.lost[LOST_TABLE], 0);
	assert_int_equal(frame.opened_rate, n + 10);
	assert_int_equal(frame.closed_rate, n);
}

static void test_a_full_table_says_so(void **state)
{
	const struct top_model_config config = { .max = 10, .chosen = &no_choice };
	uint64_t i;

	bench__close(state);
	bench__open_with(&config);
	for (i = 0; i < 12; i++)
		bench__connect(1 + i, T0 + SECOND, 9001, "wrk", 5000, ip(10, 0, 0, 9), 80, 0);
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(frame.open, 10);
	assert_int_equal(frame.lost[LOST_TABLE], 2);
	/* a closed one makes room at once */
	bench__end(1, T0 + SECOND, 9001, "wrk", 5000, ip(10, 0, 0, 9), 80);
	bench__connect(100, T0 + SECOND, 9001, "wrk", 5000, ip(10, 0, 0, 9), 80, 0);
	bench__take(T0 + SECOND, ALL);
	assert_non_null(bench__sock(100));
	assert_int_equal(frame.lost[LOST_TABLE], 2);
}

/* --failed and the like choose sockets by their records; the pipeline is not filtered. */
static void test_chosen(void **state)
{
	const struct record_filter failed = { .failed = true };
	const struct top_model_config config = { .max = 100, .chosen = &failed };

	bench__close(state);
	bench__open_with(&config);
	bench__connect(1, T0 + SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80, 0);
	bench__connect(2, T0 + SECOND, 9001, "curl", 5001, ip(10, 0, 0, 9), 81, -ECONNREFUSED);
	bench__take(T0 + SECOND, ALL);
	assert_null(bench__sock(1));
	assert_int_equal(bench__sock(2)->error, -ECONNREFUSED);
	assert_int_equal(frame.open, 1);
}

static void test_with_filters_others_stay_out(void **state)
{
	const struct top_model_config config = { .max = 100,
						 .chosen = &no_choice,
						 .filtered = true };
	struct diag_sock d[2] = { bench__listed(5, TCP_ESTABLISHED),
				  bench__listed(6, TCP_ESTABLISHED) };

	bench__close(state);
	bench__open_with(&config);
	bench__listen(1, T0, 812, "nginx", 0, 80, 511);
	d[0].sock.inode = d[1].sock.inode = 0;
	d[0].sock.lport = 80;
	d[1].sock.lport = 81;
	bench__walk(T0 + SECOND, d, 2, NULL);
	bench__walk(T0 + 2 * SECOND, d, 2, NULL);
	bench__take(T0 + 2 * SECOND, ALL);
	assert_non_null(bench__sock(5));
	assert_null(bench__sock(6));
}

static void test_history(void **state)
{
	struct top_story *s = &frame.story;
	union event e;
	uint64_t i;

	(void)state;
	e = sample__told(9001, "curl", "/usr/bin/curl");
	bench__send(&e);
	for (i = 0; i < 200; i++)
		bench__connect(1, T0 + i * SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80,
			       -ECONNREFUSED);
	s->cookie = 1;
	top_model__tell_story(model, s);
	assert_true(s->found && s->has_process);
	assert_string_equal(s->process.exe, "/usr/bin/curl");
	assert_string_equal(s->process.parents, "init (1)");
	assert_int_equal(s->n, TOP_EVENTS_SOCK);
	assert_int_equal(s->left_out, 200 - TOP_EVENTS_SOCK);
	assert_int_equal(s->left_out_after, 16);
	assert_int_equal(s->events[15].boot_ns, T0 + 15 * SECOND);
	assert_int_equal(s->events[16].boot_ns, T0 + (200 - 48) * SECOND);
	assert_int_equal(s->events[63].boot_ns, T0 + 199 * SECOND);
	assert_int_equal(s->events[63].error, -ECONNREFUSED);
	s->cookie = 2;
	top_model__tell_story(model, s);
	assert_false(s->found);
	/* who looks at it when it goes keeps it */
	s->cookie = 1;
	top_model__tell_story(model, s);
	bench__end(1, T0 + 200 * SECOND, 9001, "curl", 5000, ip(10, 0, 0, 9), 80);
	bench__take(T0 + 300 * SECOND, ALL);
	assert_null(bench__sock(1));
	top_model__tell_story(model, s);
	assert_true(s->found);
}

static void tell(uint64_t key, enum finding_status status, uint64_t at_ns)
{
	struct finding f = { .id = "port_conflict",
			     .severity = SEVERITY_ERROR,
			     .status = status,
			     .key = key,
			     .first_ns = at_ns,
			     .last_ns = at_ns };
	const struct record r = {
		.type = RECORD_FINDING, .boot_ns = at_ns, .sock = &f.sock, .fd = -1, .u.finding = &f
	};

	top_model__record(model, &r);
}

static void test_findings(void **state)
{
	uint64_t i;

	(void)state;
	tell(1, FINDING_OPEN, T0);
	tell(2, FINDING_OPEN, T0 + 1);
	tell(1, FINDING_UPDATE, T0 + 2);
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(frame.n_findings, 2);
	assert_int_equal(frame.findings[0]->f.key, 2); /* an update does not make it newer */
	assert_int_equal(frame.findings[1]->f.last_ns, T0 + 2);
	assert_int_equal(frame.open_findings[SEVERITY_ERROR], 2);
	tell(1, FINDING_CLOSED, T0 + 3);
	tell(1, FINDING_OPEN, T0 + 4); /* the same again is another one */
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(frame.n_findings, 3);
	assert_int_equal(frame.open_findings[SEVERITY_ERROR], 2);
	for (i = 0; i < TOP_FINDINGS_MAX; i++)
		tell(100 + i, FINDING_OPEN, T0 + 5 + i);
	bench__take(T0 + SECOND, ALL);
	assert_int_equal(frame.n_findings, TOP_FINDINGS_MAX);
	for (i = 0; i < frame.n_findings; i++)
		assert_int_equal(frame.findings[i]->f.status, FINDING_OPEN);
}

static void test_loss(void **state)
{
	const struct lost lost = { .reason = LOST_RING, .count = 7 };

	(void)state;
	pipeline__lost(pipeline, &lost);
	pipeline__lost(pipeline, &lost);
	bench__take(T0 + SECOND, 0);
	assert_int_equal(frame.lost[LOST_RING], 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_life, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_rates, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_counters_of_walks, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_no_rate_of_what_was_before, bench__open,
						bench__close),
		cmocka_unit_test_setup_teardown(test_mptcp, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_queued, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_what_a_walk_alone_knows_goes_with_it,
						bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_a_walk_does_not_bring_back, bench__open,
						bench__close),
		cmocka_unit_test_setup_teardown(test_drops_in_this_trace, bench__open,
						bench__close),
		cmocka_unit_test_setup_teardown(test_bounds, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_a_full_table_says_so, bench__open,
						bench__close),
		cmocka_unit_test_setup_teardown(test_chosen, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_with_filters_others_stay_out, bench__open,
						bench__close),
		cmocka_unit_test_setup_teardown(test_history, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_findings, bench__open, bench__close),
		cmocka_unit_test_setup_teardown(test_loss, bench__open, bench__close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
