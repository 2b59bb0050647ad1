// SPDX-License-Identifier: GPL-2.0-or-later
/* ephemeral_pressure: told at 80 and 95 % of what a destination can have, and the kernel asked seldom. */
#include "detect_bench.h"

#define MS (SECOND / 1000)

static int setup(void **state)
{
	return bench__setup(state, "ephemeral_pressure");
}

static void range_is(struct bench *b, uint32_t low, uint32_t high, uint32_t reserved)
{
	struct netns_facts facts = { .range_low = low, .range_high = high, .reserved = reserved };

	bench__answer(b, ASK_NETNS, &facts, sizeof(facts));
}

/* 100 ports. */
static void used_is(struct bench *b, uint32_t used)
{
	struct port_use use = { .low = 40000,
				.high = 40099,
				.capacity = 100,
				.used = used,
				.time_wait = used,
				.own_netns = 1 };

	range_is(b, 40000, 40099, 0);
	bench__answer(b, ASK_PORT_USE, &use, sizeof(use));
}

static size_t asked(const struct bench *b)
{
	return b->answers[ASK_PORT_USE].asked;
}

static void record(struct bench *b, enum record_type type, const union event *e)
{
	struct record r = { .type = type,
			    .boot_ns = e->head.boot_ns,
			    .sock = &e->base.sock,
			    .actor = &e->base.actor,
			    .fd = -1,
			    .u.connect = &e->connect };

	detect__record(b->d, &r);
}

static void open_to(struct bench *b, uint16_t rport, unsigned int n, uint64_t now_ns)
{
	union event e = sample__event_of(EV_CONNECT, 55, now_ns, 812, "python3");

	e.base.sock.rport = rport;
	e.base.sock.facts = FACT_SYN_SENT | FACT_CONNECTED;
	while (n--)
		record(b, RECORD_CONNECT, &e);
}

static void opened(struct bench *b, unsigned int n, uint64_t now_ns)
{
	open_to(b, 80, n, now_ns);
}

/* Asked of at 60 %, then at 85 %. */
static void passes_80_percent(struct bench *b)
{
	used_is(b, 60);
	opened(b, 5, T0);
	used_is(b, 85);
	opened(b, 80, T0);
}

/* 5 % without a question, then one; the next when 80 % could have been reached. */
static void asks_when_it_could_be_due(void **state)
{
	struct bench *b = *state;

	used_is(b, 30); /* others were in TIME_WAIT before the start */
	opened(b, 4, T0);
	assert_int_equal(asked(b), 0);
	opened(b, 1, T0);
	assert_int_equal(asked(b), 1);
	opened(b, 49, T0 + SECOND);
	assert_int_equal(asked(b), 1);
	used_is(b, 79);
	opened(b, 1, T0 + SECOND);
	assert_int_equal(asked(b), 2);
	assert_int_equal(b->n_said, 0);
	used_is(b, 80);
	opened(b, 1, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(asked(b), 4); /* once more, for who has them */
	assert_int_equal(b->answers[ASK_NETNS].asked, 1);
}

static void says_what_is_up(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	used_is(b, 20);
	opened(b, 20, T0);
	used_is(b, 80);
	opened(b, 60, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_null(f->call);
	assert_false(f->estimated);
	assert_number(f, "level", 80);
	assert_number(f, "percent", 80);
	assert_number(f, "seconds_left", 0); /* 60 in two seconds: 20 last 0.7 s */
	assert_text(f, "cure", "pool");
	assert_int_equal(f->sock.cookie, 0);
	assert_int_equal(f->processes[0].counts[2], 65); /* the kernel is ahead */
	assert_non_null(strstr(f->message,
			       "connections to 127.0.0.1:80 from 127.0.0.1 use 80 % of the "
			       "100 ports of 40000-40099: 80 in TIME_WAIT; at "));
	assert_non_null(strstr(f->message, " new ones a second the other 20 last less than 1 s"));
}

static void told_again_at_95(void **state)
{
	struct bench *b = *state;

	used_is(b, 94);
	opened(b, 94, T0);
	assert_int_equal(b->n_said, 1);
	assert_number(&b->said[0], "level", 80);
	used_is(b, 95);
	opened(b, 1, T0 + SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_number(&b->said[1], "level", 95);
	assert_int_equal(b->said[1].key, b->said[0].key);
	used_is(b, 91); /* goes up and down around 95 % */
	detect__tick(b->d, T0 + 12 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_number(&b->said[2], "level", 95);
	assert_null(bench__evidence(&b->said[2], "seconds_left"));
	used_is(b, 89);
	detect__tick(b->d, T0 + 23 * SECOND);
	assert_number(&b->said[3], "level", 80);
	used_is(b, 75);
	detect__tick(b->d, T0 + 34 * SECOND);
	assert_number(&b->said[4], "level", 80);
	used_is(b, 74);
	detect__tick(b->d, T0 + 45 * SECOND);
	assert_int_equal(b->n_said, 6);
	assert_life(b);
	used_is(b, 79); /* and it begins anew */
	opened(b, 10, T0 + 60 * SECOND);
	assert_int_equal(b->n_said, 6);
	used_is(b, 80);
	opened(b, 1, T0 + 70 * SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 2);
}

/* A burst that ends within the pause between two questions. */
static void the_clock_asks_too(void **state)
{
	struct bench *b = *state;

	passes_80_percent(b);
	assert_int_equal(b->n_said, 0);
	detect__tick(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
}

static void and_the_end(void **state)
{
	struct bench *b = *state;

	passes_80_percent(b);
	detect__end(b->d, T0 + MS);
	assert_int_equal(b->by_status[FINDING_OPEN], 1);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

/* A kernel that was asked too much says nothing of the end. */
static void goes_on_without_an_answer(void **state)
{
	struct bench *b = *state;

	passes_80_percent(b);
	detect__tick(b->d, T0 + SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 1);
	b->answers[ASK_PORT_USE].busy = true;
	detect__tick(b->d, T0 + 60 * SECOND);
	detect__tick(b->d, T0 + 120 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	b->answers[ASK_PORT_USE].busy = false;
	used_is(b, 20);
	detect__tick(b->d, T0 + 180 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

static void each_destination_has_its_own(void **state)
{
	struct bench *b = *state;

	used_is(b, 50);
	open_to(b, 80, 50, T0);
	open_to(b, 81, 50, T0);
	assert_int_equal(b->n_said, 0);
	used_is(b, 80);
	open_to(b, 80, 30, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
	assert_number(b->said, "rport", 80);
	used_is(b, 79);
	open_to(b, 81, 29, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
	used_is(b, 80);
	open_to(b, 81, 1, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 2);
	assert_number(&b->said[1], "rport", 81);
	assert_int_not_equal(b->said[0].key, b->said[1].key);
}

/* What uses no port of the range to a destination: failures, accepted connections, fixed ports, UDP. */
static void counts_only_what_uses_a_port(void **state)
{
	struct bench *b = *state;
	union event e = sample__event_of(EV_CONNECT, 55, T0, 812, "python3");
	struct record r = { .type = RECORD_CONNECT,
			    .boot_ns = T0,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .u.connect = &e.connect };
	int i;

	used_is(b, 100);
	for (i = 0; i < 100; i++) {
		r.error = -ECONNREFUSED;
		detect__record(b->d, &r);
		r.error = 0;
		e.connect.abandoned = 1;
		detect__record(b->d, &r);
		e.connect.abandoned = 0;
		e.base.sock.facts = FACT_BOUND | FACT_PORT_FIXED;
		detect__record(b->d, &r);
		e.base.sock.facts = FACT_CONNECTED;
		e.base.sock.proto = IPPROTO_UDP;
		detect__record(b->d, &r);
		e.base.sock.proto = IPPROTO_TCP;
		e.base.sock.facts = 0;
	}
	e = sample__event_of(EV_SNAPSHOT, 55, T0, 812, "python3");
	e.base.sock.facts = FACT_PASSIVE;
	for (i = 0; i < 100; i++)
		record(b, RECORD_SNAPSHOT, &e);
	assert_int_equal(asked(b), 0);
	e.base.sock.facts = FACT_CONNECTED | FACT_EXISTED;
	for (i = 0; i < 100; i++)
		record(b, RECORD_SNAPSHOT, &e);
	assert_int_equal(b->n_said, 1);
}

/* 20 000 connections a second to one destination that stays at 79 %. */
static void asks_seldom_where_it_stays_below(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	used_is(b, 79);
	for (t = 0; t < 10 * 20000; t++) {
		opened(b, 1, T0 + t * (SECOND / 20000));
		if (t % 20000 == 0)
			detect__tick(b->d, T0 + t * (SECOND / 20000));
	}
	assert_int_equal(b->n_said, 0);
	assert_in_range(asked(b), 10, 20);
}

/* A thousand destinations with the default range: some four questions a second in all. */
static void asks_seldom_in_all(void **state)
{
	struct bench *b = *state;
	struct port_use use = { .low = 32768, .high = 60999, .capacity = 28232, .used = 2000 };
	uint16_t port;
	int s;

	range_is(b, 32768, 60999, 0);
	bench__answer(b, ASK_PORT_USE, &use, sizeof(use));
	for (s = 0; s < 3; s++)
		for (port = 1; port <= 1000; port++)
			open_to(b, port, 1500, T0 + s * SECOND + port * MS);
	assert_in_range(asked(b), 9, 15);
}

static void a_range_of_its_own(void **state)
{
	struct bench *b = *state;
	union event e = sample__event_of(EV_CONNECT, 55, T0, 812, "python3");

	used_is(b, 10);
	e.base.sock.facts = FACT_CONNECTED;
	e.connect.range_low = 40000;
	e.connect.range_high = 40009;
	record(b, RECORD_CONNECT, &e);
	assert_int_equal(asked(b), 1); /* 5 % of 10 */
}

static void the_range_changes(void **state)
{
	struct bench *b = *state;
	size_t i;

	used_is(b, 90);
	range_is(b, 32768, 60999, 0);
	opened(b, 100, T0);
	assert_int_equal(asked(b), 0);
	range_is(b, 40000, 40099, 0);
	for (i = 0; i < 3; i++) /* told by a poll, asked at the next connection */
		detect__tick(b->d, T0 + (6 + i) * SECOND);
	opened(b, 1, T0 + 10 * SECOND);
	assert_int_equal(b->n_said, 1);
}

static void no_answers(void **state)
{
	struct bench *b = *state;
	int i;

	opened(b, 100, T0); /* nothing is known of the namespace */
	assert_int_equal(asked(b), 0);
	range_is(b, 40000, 40099, 0);
	for (i = 0; i < 100; i++)
		open_to(b, 81, 1, T0 + i * 10 * MS);
	assert_int_equal(b->n_said, 0);
	range_is(b, 0, 0, 0);
	b->answers[ASK_NETNS].size = 0;
	detect__tick(b->d, T0 + 20 * SECOND);
	assert_int_equal(b->n_said, 0);
}

/* More destinations than are remembered. */
static void many_destinations(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	used_is(b, 80);
	opened(b, 4, T0);
	for (i = 0; i < 20000; i++) {
		open_to(b, 1000 + i % 60000, 1, T0 + i);
	}
	opened(b, 4, T0 + SECOND); /* forgotten: it begins anew */
	assert_int_equal(b->n_said, 0);
	opened(b, 1, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
	for (i = 0; i < 5000; i++)
		open_to(b, 1000 + i, 1, T0 + 2 * SECOND + i);
	detect__tick(b->d, T0 + 12 * SECOND); /* nobody can tell of it any more */
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asks_when_it_could_be_due, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(says_what_is_up, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(told_again_at_95, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_clock_asks_too, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(and_the_end, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(goes_on_without_an_answer, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(each_destination_has_its_own, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(counts_only_what_uses_a_port, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(asks_seldom_where_it_stays_below, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(asks_seldom_in_all, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(a_range_of_its_own, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_range_changes, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(no_answers, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(many_destinations, setup, bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
