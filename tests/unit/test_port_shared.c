// SPDX-License-Identifier: GPL-2.0-or-later
/* port_shared: who binds a port that others have, and who those are. */
#include "listen_bench.h"

static int setup(void **state)
{
	return bench__new(state, "port_shared");
}

struct newcomer {
	uint64_t cookie, at_ns;
	const char *comm;
	uint32_t options, uid, addr;
	uint16_t port;
	uint8_t proto;
	bool listen, not_fixed;
};

static struct holder *hold(struct bench *b, const char *comm, uint32_t pid, uint8_t proto,
			   uint8_t state, uint32_t addr)
{
	struct holder *h = &b->holders[b->n_holders++];

	memset(h, 0, sizeof(*h));
	h->sock = (struct ev_sock){ .cookie = 100 + b->n_holders,
				    .family = AF_INET,
				    .proto = proto,
				    .state = state,
				    .lport = 8080,
				    .options = OPT_REUSEPORT | OPT_REUSEADDR };
	sample__ipv4(h->sock.laddr, addr);
	h->proc = sample__process(pid, comm);
	h->uid_known = h->options_known = true;
	snprintf(h->user, sizeof(h->user), "root");
	return h;
}

static void comes(struct bench *b, struct newcomer n)
{
	union event e =
		sample__event_of(n.listen ? EV_LISTEN : EV_BIND, n.cookie, n.at_ns, 900, n.comm);
	struct record r = bench__record(RECORD_BIND, &e);
	struct ev_sock *s = &e.base.sock;

	s->proto = n.proto ? n.proto : IPPROTO_TCP;
	s->lport = n.port ? n.port : 8080;
	s->rport = 0;
	s->state = TCP_CLOSE;
	s->options = n.options;
	s->facts = n.not_fixed ? 0 : FACT_PORT_FIXED;
	sample__ipv4(s->laddr, n.addr);
	e.base.actor.uid = n.uid;
	if (n.listen) {
		bench__listens(b, &e, 8);
		return;
	}
	r.u.bind = &e.bind;
	detect__record(b->d, &r);
}

static const struct newcomer nc = { .cookie = 1,
				    .at_ns = T0,
				    .comm = "nc",
				    .options = OPT_REUSEPORT };

static struct newcomer nc_with(uint64_t cookie, uint32_t options, uint8_t proto, uint32_t addr)
{
	struct newcomer n = nc;

	n.cookie = cookie;
	n.options = options;
	n.proto = proto;
	n.addr = addr;
	return n;
}

static void another_program(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	comes(b, nc);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->holders_question.port, 8080);
	assert_int_equal(b->holders_question.except, 1);
	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_int_equal(f->actor.proc.tgid, 900);
	assert_int_equal(f->holders_total, 1);
	assert_int_equal(f->holders[0].proc.tgid, 812);
	assert_string_equal(evidence(f, "by")->text, "reuseport");
	assert_string_equal(evidence(f, "relation")->text, "same-address");
	assert_string_equal(f->message,
			    "nc (pid 900, root) shares 0.0.0.0:8080/tcp with nginx (pid 812, "
			    "root) by SO_REUSEPORT: the kernel spreads connections over both");
	assert_non_null(
		strstr(f->advice, "(kill 900 or kill 812), give nc another port than 8080"));
	comes(b, (struct newcomer){ .cookie = 1,
				    .at_ns = T0 + 1,
				    .comm = "nc",
				    .options = OPT_REUSEPORT,
				    .listen = true });
	assert_int_equal(b->n_said, 1);
	bench__closes(b, 1, T0 + 2, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

static void another_user(void **state)
{
	struct bench *b = *state;

	hold(b, "nc", 812, IPPROTO_UDP, TCP_CLOSE, INADDR_ANY)->uid = 33;
	b->holders[0].sock_uid = 33;
	comes(b, nc_with(1, OPT_REUSEADDR, IPPROTO_UDP, INADDR_ANY));
	assert_int_equal(b->n_said, 1);
	assert_string_equal(evidence(b->said, "by")->text, "reuseaddr");
	assert_non_null(strstr(b->said[0].message, "only one of the two gets each datagram"));
}

static void more_and_less_specific(void **state)
{
	struct bench *b = *state;

	hold(b, "named", 812, IPPROTO_UDP, TCP_CLOSE, INADDR_ANY);
	comes(b, nc_with(1, OPT_REUSEADDR, IPPROTO_UDP, INADDR_LOOPBACK));
	assert_string_equal(evidence(b->said, "relation")->text, "more-specific");
	assert_string_equal(
		b->said[0].message,
		"nc (pid 900, root) takes 127.0.0.1:8080/udp beside named (pid 812, root) on "
		"0.0.0.0:8080 by SO_REUSEADDR: what is sent to this address goes to nc only");
	b->n_holders = 0;
	hold(b, "named", 812, IPPROTO_UDP, TCP_CLOSE, INADDR_LOOPBACK);
	comes(b, nc_with(2, OPT_REUSEADDR, IPPROTO_UDP, INADDR_ANY));
	assert_string_equal(evidence(&b->said[1], "relation")->text, "less-specific");
	assert_non_null(strstr(b->said[1].message,
			       "what is sent to that address still goes to named only"));
}

/* Over TCP only a more specific address, beside one that does not listen; the table is asked first. */
static void more_specific_over_tcp(void **state)
{
	struct bench *b = *state;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_CLOSE, INADDR_LOOPBACK);
	comes(b, nc_with(1, OPT_REUSEADDR, IPPROTO_TCP, INADDR_LOOPBACK));
	assert_int_equal(b->asked[ASK_HOLDERS], 1);
	assert_int_equal(b->n_said, 0);
	b->n_holders = 0;
	hold(b, "named", 813, IPPROTO_TCP, TCP_CLOSE, INADDR_ANY);
	comes(b, (struct newcomer){ .cookie = 2,
				    .at_ns = T0 + 20 * SECOND,
				    .comm = "nc",
				    .options = OPT_REUSEADDR,
				    .addr = INADDR_LOOPBACK });
	assert_int_equal(b->asked[ASK_HOLDERS], 3);
	assert_int_equal(b->n_said, 1);
	assert_string_equal(evidence(b->said, "relation")->text, "more-specific");
	assert_string_equal(evidence(b->said, "by")->text, "reuseaddr");
}

static void dual_stack(void **state)
{
	struct bench *b = *state;
	struct holder *h = hold(b, "named", 812, IPPROTO_UDP, TCP_CLOSE, 0);

	h->sock.family = AF_INET6;
	memset(h->sock.laddr, 0, sizeof(h->sock.laddr));
	h->sock.options |= OPT_V6ONLY;
	comes(b, nc_with(1, OPT_REUSEADDR, IPPROTO_UDP, INADDR_ANY));
	assert_int_equal(b->n_said, 0);
	h->sock.options &= ~OPT_V6ONLY;
	comes(b, nc_with(2, OPT_REUSEADDR, IPPROTO_UDP, INADDR_LOOPBACK));
	assert_int_equal(b->n_said, 1);
}

static void near_misses(void **state)
{
	struct bench *b = *state;
	struct newcomer n = nc;

	hold(b, "nc", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);    /* a worker, or a restart */
	hold(b, "other", 900, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY); /* itself, renamed since */
	hold(b, "nginx", 813, IPPROTO_TCP, TCP_ESTABLISHED, INADDR_ANY)->sock.rport = 50000;
	hold(b, "nginx", 814, IPPROTO_TCP, TCP_LISTEN, 0x0a000001)->sock.created_ns = T0 + 1;
	hold(b, "", 0, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	hold(b, "nginx", 815, IPPROTO_TCP, TCP_TIME_WAIT, INADDR_ANY)->sock.cookie = 0;
	comes(b, n);
	assert_int_equal(b->asked[ASK_HOLDERS], 1);
	n.at_ns += 20 * SECOND;
	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, 0x0a000001);
	n.addr = INADDR_LOOPBACK;
	comes(b, n);
	assert_int_equal(b->asked[ASK_HOLDERS], 2);
	assert_int_equal(b->n_said, 0);
}

/* The kernel let it pass alone: nobody is asked. */
static void not_asked(void **state)
{
	struct bench *b = *state;
	struct newcomer n = nc;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	n.options = OPT_REUSEADDR; /* TCP: refused where another listens */
	comes(b, n);
	n.options = OPT_REUSEPORT;
	n.not_fixed = true;
	comes(b, n);
	comes(b, nc_with(3, OPT_REUSEADDR | OPT_REUSEPORT, IPPROTO_UDP, 0xe00000fb)); /* mDNS */
	assert_int_equal(b->asked[ASK_HOLDERS], 0);
	assert_int_equal(b->n_said, 0);
}

static void more_of_the_same(void **state)
{
	struct bench *b = *state;
	uint64_t i;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	for (i = 1; i <= 4; i++)
		comes(b, nc_with(i, OPT_REUSEPORT, IPPROTO_TCP, INADDR_ANY));
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->asked[ASK_HOLDERS], 1);
	for (i = 1; i <= 3; i++)
		bench__closes(b, i, T0 + i, ROLE_LISTENER);
	assert_int_equal(b->n_said, 1);
	bench__closes(b, 4, T0 + 5, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

/* The old one goes: the newcomer has the port alone. */
static void the_others_leave(void **state)
{
	struct bench *b = *state;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	hold(b, "nginx", 813, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	comes(b, nc);
	assert_int_equal(b->said[0].holders_total, 2);
	assert_non_null(strstr(b->said[0].message, "and 1 more socket by"));
	bench__closes(b, 101, T0 + 1, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 0);
	bench__closes(b, 102, T0 + 2, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
	bench__closes(b, 1, T0 + 3, ROLE_LISTENER);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1);
}

static void asks_seldom(void **state)
{
	struct bench *b = *state;
	struct newcomer n = nc;
	uint64_t i;

	for (i = 0; i < 100; i++) {
		n.cookie = i + 1;
		n.at_ns = T0 + i * SECOND / 20; /* 5 s */
		comes(b, n);
	}
	assert_int_equal(b->asked[ASK_HOLDERS], 1);
	n.at_ns = T0 + 10 * SECOND;
	comes(b, n);
	assert_int_equal(b->asked[ASK_HOLDERS], 2);
	detect__tick(b->d, T0 + 11 * SECOND);
	b->asked[ASK_HOLDERS] = 0;
	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY);
	for (i = 0; i < 200; i++) {
		n.cookie = 1000 + i;
		n.port = 1000 + i;
		n.at_ns = T0 + 12 * SECOND;
		comes(b, n);
	}
	assert_int_equal(b->asked[ASK_HOLDERS], 4);
	bench__closes(b, 1004, T0 + 13 * SECOND, ROLE_LISTENER); /* it waited */
	detect__tick(b->d, T0 + 13 * SECOND);
	assert_int_equal(b->asked[ASK_HOLDERS], 8);
	for (i = 14; i < 200; i++)
		detect__tick(b->d, T0 + i * SECOND);
	assert_int_equal(b->asked[ASK_HOLDERS], 4 + 63);
	assert_int_equal(b->by_status[FINDING_OPEN], 4 + 63);
}

static void an_incomplete_answer_is_estimated(void **state)
{
	struct bench *b = *state;

	hold(b, "nginx", 812, IPPROTO_TCP, TCP_LISTEN, INADDR_ANY)->estimated = true;
	comes(b, nc);
	assert_true(b->said[0].estimated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_program, setup, bench__free),
		cmocka_unit_test_setup_teardown(another_user, setup, bench__free),
		cmocka_unit_test_setup_teardown(more_and_less_specific, setup, bench__free),
		cmocka_unit_test_setup_teardown(more_specific_over_tcp, setup, bench__free),
		cmocka_unit_test_setup_teardown(dual_stack, setup, bench__free),
		cmocka_unit_test_setup_teardown(near_misses, setup, bench__free),
		cmocka_unit_test_setup_teardown(not_asked, setup, bench__free),
		cmocka_unit_test_setup_teardown(more_of_the_same, setup, bench__free),
		cmocka_unit_test_setup_teardown(the_others_leave, setup, bench__free),
		cmocka_unit_test_setup_teardown(asks_seldom, setup, bench__free),
		cmocka_unit_test_setup_teardown(an_incomplete_answer_is_estimated, setup,
						bench__free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
