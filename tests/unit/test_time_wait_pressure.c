// SPDX-License-Identifier: GPL-2.0-or-later
/* time_wait_pressure: a namespace's TIME_WAIT against its limit, and who closed first. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "time_wait_pressure");
}

static void closes_first(struct bench *b, uint32_t pid, const char *comm, uint64_t now_ns,
			 bool waits)
{
	union event e = sample__event_of(EV_CLOSE, 1, now_ns, pid, comm);
	struct record r = bench__record(RECORD_CLOSE, &e);
	struct life life = { .role = ROLE_CLIENT, .time_wait = waits };

	r.u.life = &life;
	detect__record(b->d, &r);
}

static void at_80_percent(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;
	int i;

	for (i = 0; i < 700; i++)
		closes_first(b, 100 + i, "curl", T0 - SECOND, true); /* each a process of its own */
	for (i = 0; i < 100; i++)
		closes_first(b, 50, "wget", T0 - SECOND, true);
	closes_first(b, 60, "server", T0 - SECOND, false);
	b->facts.time_wait = 799;
	bench__look(b, T0);
	assert_int_equal(b->n_said, 0);
	b->facts.time_wait = 800;
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->count, 800);
	assert_int_equal(f->sock.netns, NETNS);
	assert_evidence(f, "limit", 1000);
	assert_evidence(f, "percent", 80);
	assert_evidence(f, "closed_first", 800);
	assert_int_equal(f->n_processes, 2);
	assert_string_equal(f->processes[0].proc.comm, "curl");
	assert_int_equal(f->processes[0].proc.tgid, 799); /* the last of them */
	assert_int_equal(f->processes[0].counts[0], 700);
	assert_int_equal(f->processes[1].counts[0], 100);
	assert_non_null(strstr(f->message, "800 connections are in TIME_WAIT, 80 % of the 1000"));
	assert_non_null(strstr(f->message, "curl (pid 799) closed 700 of them first"));
	assert_non_null(strstr(f->advice, "sysctl -w net.ipv4.tcp_max_tw_buckets=2000"));
}

static void life_of_a_finding(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	b->facts.time_wait = 900;
	for (t = 0; t <= 10; t++)
		bench__look(b, T0 + t * SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_int_equal(b->said[1].count, 900);
	b->facts.time_wait = 700;
	bench__look(b, T0 + 11 * SECOND);
	assert_int_equal(b->n_said, 2); /* between the two limits it goes on */
	b->facts.time_wait = 699;
	bench__look(b, T0 + 12 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_CLOSED);
	assert_int_equal(b->said[2].key, b->said[0].key);
	b->facts.time_wait = 799;
	bench__look(b, T0 + 13 * SECOND);
	assert_int_equal(b->n_said, 3);
	b->facts.max_time_wait = 0; /* there is no TIME_WAIT then */
	bench__look(b, T0 + 14 * SECOND);
	assert_int_equal(b->n_said, 3);
}

static void the_last_minute_only(void **state)
{
	struct bench *b = *state;

	closes_first(b, 50, "wget", T0 - 61 * SECOND, true);
	closes_first(b, 50, "wget", T0 - 49 * SECOND, true);
	closes_first(b, 51, "curl", T0 - 70 * SECOND, true);
	b->facts.time_wait = 1000;
	bench__look(b, T0);
	assert_evidence(b->said, "closed_first", 1);
	assert_int_equal(b->said[0].n_processes, 1);
}

static void nobody_known(void **state)
{
	struct bench *b = *state;

	b->facts.foreign = 1;
	b->facts.time_wait = 1000;
	bench__look(b, T0);
	assert_int_equal(b->said[0].n_processes, 0);
	assert_non_null(strstr(b->said[0].advice, "nsenter -t 50 -n sysctl -w"));
}

static void many_programs(void **state)
{
	struct bench *b = *state;
	uint32_t i;
	char comm[16];

	for (i = 0; i < 5000; i++) {
		snprintf(comm, sizeof(comm), "p%u", i);
		closes_first(b, i + 1, comm, T0 - 2 * SECOND, true);
	}
	for (i = 0; i < 50; i++)
		closes_first(b, 9000, "busy", T0 - SECOND, true);
	b->facts.time_wait = 1000;
	bench__look(b, T0);
	assert_int_equal(b->said[0].n_processes, FINDING_PROCESSES);
	assert_string_equal(b->said[0].processes[0].proc.comm, "busy");
	assert_int_equal(b->said[0].processes[0].counts[0], 50);
}

static void namespace_gone(void **state)
{
	struct bench *b = *state;

	b->facts.time_wait = 1000;
	bench__look(b, T0);
	b->netns_gone = true;
	detect__tick(b->d, T0 + 60 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_80_percent, setup, bench__free),
		cmocka_unit_test_setup_teardown(life_of_a_finding, setup, bench__free),
		cmocka_unit_test_setup_teardown(the_last_minute_only, setup, bench__free),
		cmocka_unit_test_setup_teardown(nobody_known, setup, bench__free),
		cmocka_unit_test_setup_teardown(many_programs, setup, bench__free),
		cmocka_unit_test_setup_teardown(namespace_gone, setup, bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
