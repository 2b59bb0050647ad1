// SPDX-License-Identifier: GPL-2.0-or-later
/* accept_queue_full: queues and drops as the kernel has them at each look, and what is said of them. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "accept_queue_full");
}

static struct listener_queue *queue(struct bench *b, uint32_t length, uint32_t limit,
				    uint32_t drops)
{
	struct listener_queue *q = &b->queues[b->n_queues++];
	union event e = sample__event(EV_LISTEN, b->n_queues * 1000, T0);

	*q = (struct listener_queue){
		.sock = e.base.sock, .length = length, .limit = limit, .drops = drops
	};
	q->sock.lport = 8000 + b->n_queues;
	q->sock.rport = 0;
	q->sock.state = TCP_LISTEN;
	return q;
}

static void accepts(struct bench *b, uint64_t listener, uint64_t now_ns, uint64_t waited_ns)
{
	union event e = sample__event_of(EV_ACCEPT, 99, now_ns, 1, "server");
	struct record r = bench__record(RECORD_ACCEPT, &e);

	e.accept.listener = listener;
	e.accept.established_ns = now_ns - waited_ns;
	r.u.accept = &e.accept;
	detect__record(b->d, &r);
}

static void full_at_once(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	queue(b, 129, 128, 0);
	b->facts.somaxconn = 128;
	b->pid = 812;
	accepts(b, 1000, T0 - SECOND / 2, 3200 * 1000000ull);
	accepts(b, 1000, T0 - SECOND / 4, 100 * 1000000ull);
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_evidence(f, "length", 129);
	assert_evidence(f, "limit", 128);
	assert_evidence(f, "drops_new", 0);
	assert_evidence(f, "drops_total", 0);
	assert_evidence(f, "slowest_wait_ms", 3200);
	assert_evidence(f, "capped_by_somaxconn", 1);
	assert_int_equal(f->holders_total, 1);
	assert_int_equal(f->holders[0].proc.tgid, 812);
	assert_int_equal(f->holders[0].sock.cookie, 1000);
	assert_int_equal(f->actor.proc.tgid, 812);
	assert_string_equal(
		f->message,
		"the accept queue of 127.0.0.1:8001/tcp, server (pid 812), is full: 129 "
		"waiting, limit 128; the slowest accept() of the last 10 s came after 3200 ms");
	assert_non_null(strstr(f->advice, "cat /proc/812/stack"));
	assert_non_null(strstr(f->advice,
			       "raise the cap on its backlog: sysctl -w net.core.somaxconn=512 "
			       "(now 128); have it call listen() with a backlog of 512"));
}

static void at_its_limit_for_two_looks(void **state)
{
	struct bench *b = *state;
	struct listener_queue *q = queue(b, 1, 1, 0);

	bench__look(b, T0);
	q->length = 0;
	bench__look(b, T0 + SECOND);
	q->length = 1;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 0); /* one that waits for a moment, twice */
	bench__look(b, T0 + 3 * SECOND);
	assert_int_equal(b->n_said, 1);
	assert_null(evidence(b->said, "slowest_wait_ms"));
	assert_non_null(strstr(b->said[0].message, "no accept() seen in the last 10 s"));
	assert_evidence(b->said, "capped_by_somaxconn", 0);
}

static void backlog_of_zero(void **state)
{
	struct bench *b = *state;
	struct listener_queue *q = queue(b, 0, 0, 0);

	bench__look(b, T0);
	bench__look(b, T0 + SECOND);
	q->length = 1;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 0);
	bench__look(b, T0 + 3 * SECOND);
	assert_int_equal(b->n_said, 1);
}

static void only_new_drops_count(void **state)
{
	struct bench *b = *state;
	struct listener_queue *q = queue(b, 0, 128, 500);

	bench__look(b, T0);
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 0); /* from before */
	q->drops = 534;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 1);
	assert_evidence(b->said, "drops_new", 34);
	assert_evidence(b->said, "drops_total", 534);
	assert_non_null(
		strstr(b->said[0].message,
		       "was full: 0 waiting now, limit 128; 34 connection attempts dropped"));
	/* one that was not in the last answer had none */
	queue(b, 0, 64, 7);
	bench__look(b, T0 + 3 * SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 2);
	assert_evidence(&b->said[1], "drops_new", 7);
}

/* A reset that finds no connection is counted there too (sk_drops, but not ListenDrops). */
static void stray_resets_are_silent(void **state)
{
	struct bench *b = *state;
	struct listener_queue *q = queue(b, 0, 128, 5);

	bench__look(b, T0);
	b->stray = true;
	q->drops = 10;
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 0);
	b->stray = false;
	q->drops = 11;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 1);
	assert_evidence(b->said, "drops_new", 1);
}

static void drops_wrap(void **state)
{
	struct bench *b = *state;
	struct listener_queue *q = queue(b, 0, 128, UINT32_MAX - 1);

	bench__look(b, T0);
	q->drops = 3;
	bench__look(b, T0 + SECOND);
	assert_evidence(b->said, "drops_new", 5);
}

/* A listen() that was seen had no drops before it: those of its first second are news. */
static void a_new_listener(void **state)
{
	struct bench *b = *state;
	union event e = sample__event_of(EV_LISTEN, 1000, T0 - SECOND / 2, 812, "server");

	e.base.sock.facts = FACT_CREATED;
	bench__listens(b, &e, 16);
	queue(b, 16, 16, 9);
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_evidence(b->said, "drops_new", 9);
}

static void a_namespace_away_for_long_is_new(void **state)
{
	struct bench *b = *state;

	bench__look(b, T0);
	queue(b, 0, 128, 500);
	bench__look(b, T0 + 180 * SECOND);
	assert_int_equal(b->n_said, 0);
}

static void waits_are_forgotten(void **state)
{
	struct bench *b = *state;

	accepts(b, 1000, T0, 5 * SECOND);
	queue(b, 20, 10, 0);
	bench__look(b, T0 + 9 * SECOND);
	assert_evidence(b->said, "slowest_wait_ms", 5000);
	b->queues[0].sock.lport++; /* another finding */
	bench__look(b, T0 + 10 * SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 2);
	assert_null(evidence(&b->said[1], "slowest_wait_ms"));
}

static void life_of_a_finding(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	queue(b, 11, 10, 0);
	for (t = 0; t <= 12; t++)
		bench__look(b, T0 + t * SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_int_equal(b->said[1].count, 11);
	b->n_queues = 0;
	for (; t <= 21; t++)
		bench__look(b, T0 + t * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	bench__look(b, T0 + 22 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	assert_int_equal(b->said[b->n_said - 1].key, b->said[0].key);
	assert_int_equal(b->said[b->n_said - 1].count, 13);
}

static void over_with_its_listener(void **state)
{
	struct bench *b = *state;

	queue(b, 11, 10, 0);
	bench__look(b, T0);
	bench__closes(b, 1001, T0 + 1, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	bench__closes(b, 1000, T0 + 2, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

/* Workers of one address, each with its own queue: one finding. */
static void a_reuseport_group(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	for (i = 0; i < 20; i++)
		queue(b, 11, 10, i)->sock.lport = 80;
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->said[0].holders_total, 20);
	assert_int_equal(b->said[0].n_holders, HOLDERS_MAX);
	assert_evidence(b->said, "drops_total", 190);
}

static void filtered_out(void **state)
{
	const struct detect_config chosen = { .close_wait_ns = SECOND, .chosen = 1 };
	struct bench *b = *state;

	b->unknown = true;
	queue(b, 11, 10, 0)->uid = 33;
	bench__look(b, T0);
	assert_int_equal(b->n_said, 1);
	assert_non_null(strstr(b->said[0].message, "of an unknown process of uid 33"));
	assert_int_equal(b->said[0].holders[0].uid, 33);
	detect__configure(b->d, &chosen);
	b->queues[0].sock.lport = 9;
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
}

static void in_another_namespace(void **state)
{
	struct bench *b = *state;

	b->facts.foreign = 1;
	b->facts.somaxconn = 10;
	b->pid = 812;
	queue(b, 11, 10, 0);
	bench__look(b, T0);
	assert_non_null(
		strstr(b->said[0].advice, "nsenter -t 812 -n sysctl -w net.core.somaxconn=128"));
}

static void memory_is_bounded(void **state)
{
	struct bench *b = *state;
	uint64_t i;

	for (i = 1; i < 100000; i++)
		accepts(b, i, T0 + i, 1000);
	for (i = 0; i < 1024; i++)
		queue(b, 3, 2, 1);
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 1024);
	/* more listeners than are remembered: what is not is no news */
	b->n_queues = 0;
	queue(b, 0, 2, 77)->sock.cookie = 5;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->by_status[FINDING_OPEN], 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_at_once, setup, bench__free),
		cmocka_unit_test_setup_teardown(at_its_limit_for_two_looks, setup, bench__free),
		cmocka_unit_test_setup_teardown(backlog_of_zero, setup, bench__free),
		cmocka_unit_test_setup_teardown(only_new_drops_count, setup, bench__free),
		cmocka_unit_test_setup_teardown(stray_resets_are_silent, setup, bench__free),
		cmocka_unit_test_setup_teardown(drops_wrap, setup, bench__free),
		cmocka_unit_test_setup_teardown(a_new_listener, setup, bench__free),
		cmocka_unit_test_setup_teardown(a_namespace_away_for_long_is_new, setup,
						bench__free),
		cmocka_unit_test_setup_teardown(waits_are_forgotten, setup, bench__free),
		cmocka_unit_test_setup_teardown(life_of_a_finding, setup, bench__free),
		cmocka_unit_test_setup_teardown(over_with_its_listener, setup, bench__free),
		cmocka_unit_test_setup_teardown(a_reuseport_group, setup, bench__free),
		cmocka_unit_test_setup_teardown(filtered_out, setup, bench__free),
		cmocka_unit_test_setup_teardown(in_another_namespace, setup, bench__free),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
