// SPDX-License-Identifier: GPL-2.0-or-later
/* conntrack_full: a namespace's tracked connections against the limit, and who makes them. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "conntrack_full");
}

static void connects(struct bench *b, uint32_t pid, const char *comm, uint64_t now_ns, int error)
{
	union event e = sample__event_of(EV_CONNECT, 1, now_ns, pid, comm);
	struct record r = bench__record(RECORD_CONNECT, &e);

	e.connect.syn_sent = error != -EADDRNOTAVAIL;
	r.error = error;
	r.u.connect = &e.connect;
	detect__record(b->d, &r);
}

static void at_95_percent(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	connects(b, 812, "curl", T0 - SECOND, 0);
	connects(b, 812, "curl", T0 - SECOND, -ETIMEDOUT);
	connects(b, 812, "curl", T0 - SECOND, -EADDRNOTAVAIL); /* no packet, no entry */
	connects(b, 813, "wget", T0 - SECOND, 0);
	b->facts.conntrack = 949;
	bench__look(b, T0);
	assert_int_equal(b->n_said, 0);
	b->facts.conntrack = 950;
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_int_equal(f->count, 950);
	assert_evidence(f, "namespace", NETNS);
	assert_evidence(f, "limit", 1000);
	assert_evidence(f, "percent", 95);
	assert_evidence(f, "connections", 3);
	assert_int_equal(f->n_processes, 2);
	assert_string_equal(f->processes[0].proc.comm, "curl");
	assert_int_equal(f->processes[0].counts[0], 2);
	assert_non_null(strstr(f->message, "has 950 of nf_conntrack_max=1000 entries (95 %)"));
	assert_non_null(strstr(f->advice, "sysctl -w net.netfilter.nf_conntrack_max=2000 ("));
}

static void life_of_a_finding(void **state)
{
	struct bench *b = *state;

	b->facts.foreign = 1;
	b->facts.conntrack = 1000;
	bench__look(b, T0);
	bench__look(b, T0 + 10 * SECOND);
	assert_int_equal(b->by_status[FINDING_UPDATE], 1);
	assert_non_null(
		strstr(b->said[0].advice, "nf_conntrack_max=2000 in the host's own namespace"));
	assert_non_null(strstr(b->said[0].advice, "nsenter -t 50 -n conntrack -L"));
	b->facts.conntrack = 900;
	bench__look(b, T0 + 11 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	b->facts.conntrack = 899;
	bench__look(b, T0 + 12 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	assert_int_equal(b->said[2].key, b->said[0].key);
}

static void nothing_to_fill(void **state)
{
	struct bench *b = *state;

	b->facts.conntrack = 5000;
	b->facts.max_conntrack = 0; /* no limit */
	bench__look(b, T0);
	b->facts.max_conntrack = 1000;
	b->facts.has_conntrack = 0;
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_95_percent, setup, bench__free),
		cmocka_unit_test_setup_teardown(life_of_a_finding, setup, bench__free),
		cmocka_unit_test_setup_teardown(nothing_to_fill, setup, bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
