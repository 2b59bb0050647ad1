// SPDX-License-Identifier: GPL-2.0-or-later
/* port_in_ephemeral_range: listeners come and go, and the settings of the namespace change. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "port_in_ephemeral_range");
}

struct listener {
	uint64_t cookie;
	uint16_t port;
	bool not_fixed;
};

static void listens(struct bench *b, struct listener l, uint64_t now_ns)
{
	union event e = sample__event_of(EV_LISTEN, l.cookie, now_ns, 812, "server");

	e.base.sock.lport = l.port;
	e.base.sock.facts = l.not_fixed ? 0 : FACT_PORT_FIXED;
	bench__listens(b, &e, 16);
}

static void snapshot(struct bench *b, uint64_t cookie, uint16_t port, uint8_t state)
{
	union event e = sample__event_of(EV_SNAPSHOT, cookie, T0, 812, "server");
	struct record r = bench__record(RECORD_SNAPSHOT, &e);

	e.base.sock.lport = port;
	e.base.sock.rport = 0;
	e.base.sock.state = state;
	e.base.sock.facts = FACT_PORT_FIXED | FACT_EXISTED;
	r.u.snapshot = &e.snapshot;
	detect__record(b->d, &r);
}

static void in_the_range(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	snprintf(b->reserved, sizeof(b->reserved), "33000,35000-35010");
	listens(b, (struct listener){ .cookie = 1, .port = 40000 }, T0);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_evidence(f, "port", 40000);
	assert_evidence(f, "range_low", 32768);
	assert_evidence(f, "range_high", 60999);
	assert_string_equal(evidence(f, "sysctl")->text, "net.ipv4.ip_local_reserved_ports");
	assert_string_equal(evidence(f, "reserved")->text, "33000,35000-35010");
	assert_int_equal(f->sock.cookie, 1);
	assert_int_equal(f->actor.proc.tgid, 812);
	assert_string_equal(
		f->message,
		"server (pid 812) listens on 127.0.0.1:40000/tcp, inside the ephemeral range "
		"32768-60999: an outgoing connection can take the port while it is down, and it "
		"cannot start again then");
	assert_non_null(strstr(f->advice,
			       "reserve it: sysctl -w net.ipv4.ip_local_reserved_ports=40000,"
			       "$(sysctl -n net.ipv4.ip_local_reserved_ports) ("));
	bench__closes(b, 1, T0 + 1, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

static void the_command_keeps_the_list(void **state)
{
	struct bench *b = *state;

	b->reserved_error = -ENOSPC;
	listens(b, (struct listener){ .cookie = 2, .port = 40001 }, T0 + 1);
	assert_null(evidence(&b->said[0], "reserved"));
	assert_non_null(strstr(b->said[0].advice,
			       "reserve it: sysctl -w net.ipv4.ip_local_reserved_ports=40001,"
			       "$(sysctl -n net.ipv4.ip_local_reserved_ports) ("));
	b->facts.foreign = 1;
	listens(b, (struct listener){ .cookie = 3, .port = 40002 }, T0 + 2);
	assert_non_null(
		strstr(b->said[1].advice, "reserve it: nsenter -t 812 -n sh -c 'sysctl -w "));
}

static void near_misses(void **state)
{
	struct bench *b = *state;

	b->reserved_port = 40000;
	listens(b, (struct listener){ .cookie = 1, .port = 40000 }, T0);
	listens(b, (struct listener){ .cookie = 2, .port = 32767 }, T0);
	listens(b, (struct listener){ .cookie = 3, .port = 61000 }, T0);
	listens(b, (struct listener){ .cookie = 4, .port = 40001, .not_fixed = true },
		T0); /* bind(0), or none */
	snapshot(b, 5, 40001, TCP_ESTABLISHED);
	assert_int_equal(b->n_said, 0);
	listens(b, (struct listener){ .cookie = 6, .port = 32768 }, T0);
	listens(b, (struct listener){ .cookie = 7, .port = 60999 }, T0);
	assert_int_equal(b->n_said, 2);
}

static void from_before_the_start(void **state)
{
	struct bench *b = *state;

	snapshot(b, 1, 40000, TCP_LISTEN);
	assert_int_equal(b->n_said, 1);
}

/* A snapshot of thousands asks for the range once. */
static void asks_seldom(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 1; i <= 1000; i++)
		snapshot(b, i, i, TCP_LISTEN);
	assert_int_equal(b->asked[ASK_NETNS], 1);
	snapshot(b, 2000, 40000, TCP_LISTEN);
	assert_int_equal(b->n_said, 1);
}

static void a_reuseport_group(void **state)
{
	struct bench *b = *state;

	listens(b, (struct listener){ .cookie = 1, .port = 40000 }, T0);
	listens(b, (struct listener){ .cookie = 2, .port = 40000 }, T0 + 1);
	listens(b, (struct listener){ .cookie = 2, .port = 40000 }, T0 + 2); /* again */
	listens(b, (struct listener){ .cookie = 3, .port = 40000 }, T0 + 3);
	assert_int_equal(b->n_said, 1);
	bench__closes(b, 1, T0 + SECOND, ROLE_LISTENER);
	bench__closes(b, 1, T0 + SECOND, ROLE_LISTENER);
	bench__closes(b, 2, T0 + SECOND, ROLE_LISTENER);
	assert_int_equal(b->n_said, 1);
	bench__closes(b, 3, T0 + SECOND, ROLE_LISTENER);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_CLOSED);
	assert_int_equal(b->said[1].count, 1);
	listens(b, (struct listener){ .cookie = 4, .port = 40000 }, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].key, b->said[0].key);
}

static void put_right(void **state)
{
	struct bench *b = *state;

	listens(b, (struct listener){ .cookie = 1, .port = 40000 }, T0);
	listens(b, (struct listener){ .cookie = 2, .port = 40001 }, T0);
	bench__look(b, T0 + SECOND);
	assert_int_equal(b->n_said, 2);
	b->reserved_port = 40000;
	b->facts.reserved = 1;
	bench__look(b, T0 + 2 * SECOND);
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_CLOSED);
	assert_int_equal(b->said[2].sock.lport, 40000);
	bench__closes(b, 1, T0 + 3 * SECOND, ROLE_LISTENER);
	b->facts.range_low = 50000;
	bench__look(b, T0 + 4 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 2);
}

static void memory_is_bounded(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 1; i <= 3000; i++)
		listens(b, (struct listener){ .cookie = i, .port = 40000 + i }, T0);
	assert_in_range(b->by_status[FINDING_OPEN], 1000, 1024);
	detect__end(b->d, T0 + 1);
	assert_int_equal(b->by_status[FINDING_CLOSED], b->by_status[FINDING_OPEN]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_the_range, setup, bench__free),
		cmocka_unit_test_setup_teardown(the_command_keeps_the_list, setup, bench__free),
		cmocka_unit_test_setup_teardown(near_misses, setup, bench__free),
		cmocka_unit_test_setup_teardown(from_before_the_start, setup, bench__free),
		cmocka_unit_test_setup_teardown(asks_seldom, setup, bench__free),
		cmocka_unit_test_setup_teardown(a_reuseport_group, setup, bench__free),
		cmocka_unit_test_setup_teardown(put_right, setup, bench__free),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
