// SPDX-License-Identifier: GPL-2.0-or-later
/* connect_failing: five failures in ten seconds, one program, one destination, nothing in between. */
#include "detect_bench.h"

#define REMOTE 0xc6120002 /* 198.18.0.2 */
#define LOCAL  0xc6120001

#define ABANDONED 9999

struct attempt {
	uint64_t at_ns;
	int error; /* 0: success */
	const char *comm;
	uint32_t raddr; /* 0: REMOTE */
	uint16_t rport; /* 0: 443 */
	uint32_t netns;
	uint32_t pid;
	bool udp;
};

static int setup(void **state)
{
	return bench__setup(state, "connect_failing");
}

static void try_connect(struct bench *b, struct attempt a)
{
	union event e = sample__event_of(EV_CONNECT, 55, a.at_ns, a.pid ? a.pid : 9100,
					 a.comm ? a.comm : "curl");
	struct record r = { .type = RECORD_CONNECT,
			    .boot_ns = a.at_ns,
			    .sock = &e.base.sock,
			    .actor = &e.base.actor,
			    .error = a.error == ABANDONED ? 0 : -a.error,
			    .fd = -1,
			    .u.connect = &e.connect };

	sample__ipv4(e.base.sock.laddr, LOCAL);
	sample__ipv4(e.base.sock.raddr, a.raddr ? a.raddr : REMOTE);
	e.base.sock.rport = a.rport ? a.rport : 443;
	e.base.actor.cgroup_id = 77;
	if (a.netns)
		e.base.sock.netns = a.netns;
	if (a.udp)
		e.base.sock.proto = IPPROTO_UDP;
	e.connect.started_ns = a.at_ns - SECOND / 4;
	e.connect.abandoned = a.error == ABANDONED;
	e.connect.error = r.error;
	detect__record(b->d, &r);
}

/* n failures, `every` ns apart; returns the time after the last. */
static uint64_t fail_n(struct bench *b, struct attempt a, int n, uint64_t every)
{
	for (; n; n--, a.at_ns += every)
		try_connect(b, a);
	return a.at_ns;
}

static struct attempt refused(uint64_t at_ns)
{
	return (struct attempt){ .at_ns = at_ns, .error = ECONNREFUSED };
}

static void five_refusals(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	fail_n(b, refused(T0), 4, SECOND);
	assert_int_equal(b->n_said, 0);
	try_connect(b, refused(T0 + 4 * SECOND));
	assert_int_equal(b->n_said, 1);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_string_equal(f->message, "curl (pid 9100) cannot connect to 198.18.0.2:443/tcp: 5 "
					"failures in 4 s and no success (5 refused)");
	assert_non_null(strstr(f->advice, "ss -ltn 'sport = :443'"));
	assert_string_equal(f->call, "connect");
	assert_int_equal(f->error, -ECONNREFUSED);
	assert_int_equal(f->count, 5);
	assert_int_equal(f->first_ns, T0);
	assert_int_equal(f->last_ns, T0 + 4 * SECOND);
	assert_int_equal(f->sock.rport, 443);
	assert_number(f, "rport", 443);
	assert_memory_equal(bench__evidence(f, "raddr")->addr, f->sock.raddr, ADDR_LEN);
	assert_number(f, "refused", 5);
	assert_number(f, "unanswered", 0);
	assert_number(f, "unreachable", 0);
	assert_number(f, "abandoned", 0);
	assert_number(f, "local", 0);
	assert_text(f, "errors", "ECONNREFUSED 5");
	assert_null(bench__evidence(f, "abandoned_after_ms"));
	assert_null(bench__evidence(f, "listening"));
	assert_int_equal(b->answers[ASK_HOLDERS].asked, 0); /* the destination is elsewhere */
	assert_int_equal(bench__opened(b), 1);
}

static void kinds_are_told_apart(void **state)
{
	static const int errors[] = { ECONNREFUSED, ETIMEDOUT,   ETIMEDOUT,     EHOSTUNREACH,
				      ENETUNREACH,  ENETUNREACH, EADDRNOTAVAIL, EPERM,
				      ABANDONED,    ECONNRESET };
	struct bench *b = *state;
	const struct finding *f = b->said;
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		try_connect(b, (struct attempt){ .at_ns = T0 + i, .error = errors[i] });
	detect__end(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 2);
	f = &b->said[1];
	assert_number(f, "refused", 2);
	assert_number(f, "unanswered", 2);
	assert_number(f, "unreachable", 3);
	assert_number(f, "local", 2);
	assert_number(f, "abandoned", 1);
	assert_number(f, "abandoned_after_ms", 250);
	assert_text(f, "errors",
		    "ECONNREFUSED 1, ETIMEDOUT 2, EHOSTUNREACH 1, ENETUNREACH 2, EADDRNOTAVAIL 1, "
		    "others 2");
	assert_non_null(strstr(f->message,
			       "10 failures in less than 1 s and no success (2 refused, 2 "
			       "unanswered, 3 unreachable, 1 abandoned, 2 local)"));
	assert_non_null(strstr(f->advice, "ip route get 198.18.0.2"));
}

static void advice_by_what_dominates(void **state)
{
	static const struct {
		int error;
		const char *advice;
	} rows[] = {
		{ ETIMEDOUT, "tcpdump -ni any 'host 198.18.0.2 and tcp port 1'" },
		{ EHOSTUNREACH, "ip route get 198.18.0.2" },
		{ ABANDONED, "it gives up after 250 ms" },
		{ EADDRNOTAVAIL, "ephemeral_exhausted" },
		{ EPERM, "nft list ruleset" },
		{ EADDRINUSE, "has this connection already" },
		{ EINVAL, "EINVAL" },
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fail_n(b,
		       (struct attempt){ .at_ns = T0 + i, .error = rows[i].error, .rport = 1 + i },
		       5, 1000);
		assert_int_equal(b->n_said, i + 1);
		assert_non_null(strstr(b->said[i].advice, rows[i].advice));
	}
}

static void too_few_or_too_slow(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	t = fail_n(b, refused(T0), 4, 3 * SECOND);             /* four in ten seconds */
	t = fail_n(b, refused(t + 2 * SECOND), 5, 4 * SECOND); /* five in more than ten */
	fail_n(b, refused(t + 60 * SECOND), 4, SECOND);
	detect__tick(b->d, t + 70 * SECOND);
	detect__end(b->d, t + 71 * SECOND);
	assert_int_equal(b->n_said, 0);
}

static void ten_seconds_are_enough(void **state)
{
	struct bench *b = *state;

	fail_n(b, refused(T0), 5, 10 * SECOND / 4);
	assert_int_equal(b->n_said, 1);
}

static void a_success_starts_anew(void **state)
{
	struct bench *b = *state;
	uint64_t t = T0;
	int i;

	for (i = 0; i < 5; i++) {
		t = fail_n(b, refused(t), 4, 1000);
		try_connect(b, (struct attempt){ .at_ns = t++ });
	}
	detect__end(b->d, t);
	assert_int_equal(b->n_said, 0);
}

static void shared_failures_are_nobodys(void **state)
{
	struct bench *b = *state;
	struct attempt other = refused(T0);

	fail_n(b, refused(T0), 4, 1000);
	other.comm = "wget";
	fail_n(b, other, 4, 1000);
	other = refused(T0);
	other.rport = 80;
	fail_n(b, other, 4, 1000);
	other = refused(T0);
	other.raddr = REMOTE + 1;
	fail_n(b, other, 4, 1000);
	other = refused(T0);
	other.netns = 5;
	fail_n(b, other, 4, 1000);
	/* somebody else's success changes nothing for curl */
	try_connect(b, (struct attempt){ .at_ns = T0 + SECOND, .comm = "wget" });
	assert_int_equal(b->n_said, 0);
	try_connect(b, refused(T0 + SECOND));
	assert_int_equal(b->n_said, 1);
}

/* Each curl of a loop is another process of one program. */
static void a_loop_is_one_program(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	for (i = 0; i < 5; i++)
		try_connect(b, (struct attempt){
				       .at_ns = T0 + i, .error = ECONNREFUSED, .pid = 9000 + i });
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->said[0].actor.proc.tgid, 9004);
}

static void udp_is_left_out(void **state)
{
	struct bench *b = *state;

	fail_n(b, (struct attempt){ .at_ns = T0, .error = ENETUNREACH, .udp = true }, 50, 1000);
	detect__end(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 0);
}

static void a_success_closes_it(void **state)
{
	struct bench *b = *state;
	uint64_t t = fail_n(b, refused(T0), 7, SECOND);

	try_connect(b, (struct attempt){ .at_ns = t });
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_CLOSED);
	assert_int_equal(b->said[1].count, 7);
	assert_int_equal(b->said[1].last_ns, T0 + 6 * SECOND);
	assert_number(&b->said[1], "recovered", 1);
	assert_string_equal(b->said[1].message,
			    "curl (pid 9100) reaches 198.18.0.2:443/tcp again, after 7 "
			    "failures (7 refused)");
	assert_life(b);
	fail_n(b, refused(t + SECOND), 4, 1000);
	assert_int_equal(b->n_said, 2);
	try_connect(b, refused(t + 2 * SECOND));
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_OPEN);
	assert_int_equal(b->said[2].key, b->said[0].key);
	assert_int_equal(b->said[2].count, 5);
}

static void lives_and_closes(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	for (t = 0; t <= 25; t++) {
		try_connect(b, refused(T0 + t * SECOND));
		detect__tick(b->d, T0 + t * SECOND + 1);
	}
	assert_int_equal(b->n_said, 3); /* open at 4 s, 14 s, 24 s */
	assert_int_equal(b->said[0].count, 5);
	assert_int_equal(b->said[1].count, 15);
	assert_number(&b->said[1], "refused", 15);
	assert_int_equal(b->said[2].count, 25);
	detect__tick(b->d, T0 + 84 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	detect__tick(b->d, T0 + 85 * SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	assert_int_equal(b->said[b->n_said - 1].count, 26);
	assert_number(&b->said[b->n_said - 1], "refused", 26);
	assert_null(bench__evidence(&b->said[b->n_said - 1], "recovered"));
	assert_life(b);
}

static void the_end_closes_it(void **state)
{
	struct bench *b = *state;

	fail_n(b, refused(T0), 1000, 1000);
	detect__end(b->d, T0 + SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].count, 1000);
	assert_number(&b->said[1], "refused", 1000);
	assert_life(b);
}

static struct holder listener_at(uint32_t addr, const char *comm)
{
	struct holder h = { .proc = sample__process(812, comm) };

	h.sock.family = AF_INET;
	h.sock.proto = IPPROTO_TCP;
	h.sock.state = TCP_LISTEN;
	h.sock.lport = 443;
	sample__ipv4(h.sock.laddr, addr);
	return h;
}

static void who_listens_here(void **state)
{
	struct bench *b = *state;
	struct holder there = listener_at(INADDR_ANY, "nginx"),
		      other = listener_at(REMOTE, "nginx");
	struct attempt a = refused(T0);
	struct ask_holders q;

	a.raddr = INADDR_LOOPBACK;
	bench__answer(b, ASK_HOLDERS, &other, sizeof(other));
	fail_n(b, a, 20, 1000);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->answers[ASK_HOLDERS].asked, 1);
	memcpy(&q, b->answers[ASK_HOLDERS].question, sizeof(q));
	assert_int_equal(q.port, 443);
	assert_int_equal(q.proto, IPPROTO_TCP);
	assert_number(&b->said[0], "listening", 0);
	assert_non_null(strstr(b->said[0].message,
			       "; on that port only nginx (pid 812) listens, at "
			       "198.18.0.2:443"));
	assert_non_null(strstr(b->said[0].advice, "let nginx listen on 127.0.0.1 too"));

	a.comm = "wget";
	bench__answer(b, ASK_HOLDERS, &there, sizeof(there));
	fail_n(b, a, 5, 1000);
	assert_number(&b->said[1], "listening", 1);
	assert_non_null(strstr(b->said[1].advice, "nginx (pid 812) listens there by now"));

	a.comm = "own"; /* the address of one of its own interfaces */
	a.raddr = LOCAL;
	bench__answer(b, ASK_HOLDERS, &other, sizeof(other));
	fail_n(b, a, 5, 1000);
	assert_number(&b->said[2], "listening", 0);
}

static void nobody_listens_here(void **state)
{
	struct bench *b = *state;
	struct holder bound = listener_at(INADDR_LOOPBACK, "nginx");
	struct attempt a = refused(T0);

	a.raddr = INADDR_LOOPBACK;
	bound.sock.state = TCP_CLOSE; /* bound, and not listening */
	bench__answer(b, ASK_HOLDERS, &bound, sizeof(bound));
	fail_n(b, a, 5, 1000);
	assert_number(&b->said[0], "listening", 0);
	assert_non_null(strstr(b->said[0].message, "nothing listens on port 443"));
	assert_non_null(strstr(b->said[0].advice, "start the service"));
}

static void a_kernel_that_does_not_answer(void **state)
{
	struct bench *b = *state;
	struct attempt a = refused(T0);

	a.raddr = INADDR_LOOPBACK;
	fail_n(b, a, 5, 1000);
	assert_null(bench__evidence(&b->said[0], "listening"));
	assert_null(strstr(b->said[0].message, "listens"));
}

/* The destination that failed longest ago makes room; what is told of it is over then. */
static void memory_is_bounded(void **state)
{
	struct bench *b = *state;
	uint16_t port;

	fail_n(b, refused(T0), 6, 1000);
	for (port = 1000; port < 9000; port++)
		try_connect(b, (struct attempt){ .at_ns = T0 + port * 1000,
						 .error = ECONNREFUSED,
						 .rport = port });
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_CLOSED);
	assert_int_equal(b->said[1].count, 6);
	for (port = 1000; port < 9000; port++) /* each was dropped before its next failure */
		fail_n(b,
		       (struct attempt){
			       .at_ns = T0 + SECOND, .error = ECONNREFUSED, .rport = port },
		       4, 1);
	assert_int_equal(b->n_said, 2);
	detect__tick(b->d, T0 + 62 * SECOND); /* all of it is forgotten */
	fail_n(b, refused(T0 + 63 * SECOND), 4, 1);
	assert_int_equal(b->n_said, 2);
	detect__end(b->d, T0 + 64 * SECOND);
	assert_int_equal(b->n_said, 2);
}

static void many_findings(void **state)
{
	struct bench *b = *state;
	uint16_t port;

	for (port = 1; port <= 1500; port++)
		fail_n(b, (struct attempt){ .at_ns = T0, .error = ECONNREFUSED, .rport = port }, 5,
		       1);
	assert_int_equal(b->by_status[FINDING_OPEN], 1500);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1500 - 1024);
	detect__end(b->d, T0 + SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(five_refusals, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(kinds_are_told_apart, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(advice_by_what_dominates, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(too_few_or_too_slow, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(ten_seconds_are_enough, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(a_success_starts_anew, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(shared_failures_are_nobodys, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(a_loop_is_one_program, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(udp_is_left_out, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(a_success_closes_it, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(lives_and_closes, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(the_end_closes_it, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(who_listens_here, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(nobody_listens_here, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(a_kernel_that_does_not_answer, setup,
						bench__teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, bench__teardown),
		cmocka_unit_test_setup_teardown(many_findings, setup, bench__teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
