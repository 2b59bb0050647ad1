// SPDX-License-Identifier: GPL-2.0-or-later
/* port_conflict: records and a stub kernel go in, findings come out, and nothing where none is due. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"

#define SECOND 1000000000ull
#define START  (1000 * SECOND)
#define PORT   80

/* What the detector said, and the kernel that it asks. */
struct bench {
	struct kernel kernel;
	struct wall wall;
	struct detect *d;
	struct holder holders[32];
	size_t n_holders, asked;
	ssize_t error; /* the kernel's, instead of an answer */
	struct ask_holders question;
	struct finding said[64];
	size_t n_said;
	size_t by_status[3];
};

static ssize_t stub_ask(void *arg, enum question q, const void *question, size_t len, void *answer,
			size_t max)
{
	struct bench *b = arg;
	size_t bytes = b->n_holders * sizeof(struct holder);

	if (q != ASK_HOLDERS)
		return -ENOENT;
	assert_int_equal(len, sizeof(b->question));
	assert_true(bytes <= max);
	memcpy(&b->question, question, len);
	b->asked++;
	if (b->error && !(b->error == -EBUSY && b->question.table_only))
		return b->error;
	memcpy(answer, b->holders, bytes);
	return bytes;
}

static void heard(void *arg, const struct finding *f)
{
	struct bench *b = arg;

	if (strcmp(f->id, "port_conflict") != 0)
		return;
	b->by_status[f->status]++;
	if (b->n_said < sizeof(b->said) / sizeof(b->said[0]))
		b->said[b->n_said++] = *f;
}

/* START is 2026-11-22 23:48:24 UTC */
static const struct wall utc = { .offset_ns = 1795391304 * (int64_t)SECOND - (int64_t)START };

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->kernel = (struct kernel){ .ask = stub_ask, .arg = b };
	b->wall = utc;
	b->d = detect__new(&b->kernel, &b->wall, heard, b);
	*state = b;
	return b->d ? 0 : -1;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	detect__free(b->d);
	free(b);
	return 0;
}

static struct ev_sock sock4(uint32_t addr, uint16_t port, uint8_t state)
{
	struct ev_sock s = { .family = AF_INET,
			     .proto = IPPROTO_TCP,
			     .state = state,
			     .lport = port,
			     .netns = 4026531833,
			     .netns_cookie = 1 };
	uint32_t net = htonl(addr);

	memset(s.laddr + 10, 0xff, 2);
	memset(s.raddr + 10, 0xff, 2);
	memcpy(s.laddr + 12, &net, sizeof(net));
	return s;
}

static struct holder *hold(struct bench *b, const char *comm, uint32_t pid, struct ev_sock s)
{
	struct holder *h = &b->holders[b->n_holders++];

	memset(h, 0, sizeof(*h));
	h->sock = s;
	h->sock.cookie = 100 + b->n_holders;
	h->proc.tgid = pid;
	h->proc.start_ns = pid;
	snprintf(h->proc.comm, sizeof(h->proc.comm), "%s", comm);
	h->uid_known = true;
	h->options_known = true;
	snprintf(h->user, sizeof(h->user), "root");
	return h;
}

static struct holder *nginx(struct bench *b)
{
	return hold(b, "nginx", 812, sock4(INADDR_ANY, PORT, TCP_LISTEN));
}

static void hold_time_wait(struct bench *b, size_t n)
{
	for (; n; n--) {
		struct holder *h = hold(b, "", 0, sock4(0x7f000001, PORT, TCP_TIME_WAIT));

		h->sock.cookie = 0;
		h->sock.rport = 40000 + n;
		h->options_known = false;
		h->uid_known = false;
	}
}

struct attempt {
	uint64_t at_ns;
	uint16_t port;
	const char *comm;
	uint32_t options;
	uint32_t uid;
	int error; /* 0: -EADDRINUSE */
};

static struct ev_actor actor_of(const struct attempt *a)
{
	struct ev_actor actor = { .proc = { .tgid = 9100, .start_ns = 9100 },
				  .tid = 9100,
				  .uid = a->uid,
				  .cgroup_id = 77 };

	snprintf(actor.proc.comm, sizeof(actor.proc.comm), "%s", a->comm ? a->comm : "python3");
	return actor;
}

static void try_bind(struct bench *b, struct attempt a)
{
	struct ev_bind bind = { .req_port = a.port, .req_known = 1 };
	struct ev_sock s = sock4(INADDR_ANY, 0, TCP_CLOSE);
	struct ev_actor actor = actor_of(&a);
	struct record r = { .type = RECORD_BIND,
			    .boot_ns = a.at_ns,
			    .sock = &s,
			    .actor = &actor,
			    .error = a.error ? a.error : -EADDRINUSE,
			    .u.bind = &bind };

	s.cookie = 55;
	s.options = a.options;
	memcpy(bind.req_addr, s.laddr, ADDR_LEN);
	detect__record(b->d, &r);
}

static void try_listen(struct bench *b, struct attempt a)
{
	struct ev_listen listen = { .backlog = 8 };
	struct ev_sock s = sock4(INADDR_ANY, a.port, TCP_CLOSE);
	struct ev_actor actor = actor_of(&a);
	struct record r = { .type = RECORD_LISTEN,
			    .boot_ns = a.at_ns,
			    .sock = &s,
			    .actor = &actor,
			    .error = -EADDRINUSE,
			    .u.listen = &listen };

	s.options = a.options;
	detect__record(b->d, &r);
}

static const struct attempt once = { .at_ns = START, .port = PORT };

static void names_the_holder(void **state)
{
	struct bench *b = *state;
	const struct finding *f = b->said;

	nginx(b)->since_ns = START - 192 * SECOND;
	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_string_equal(f->id, "port_conflict");
	assert_int_equal(f->severity, SEVERITY_ERROR);
	assert_int_equal(f->status, FINDING_OPEN);
	assert_string_equal(f->rule, "same-address");
	assert_string_equal(
		f->message,
		"0.0.0.0:80/tcp is held by nginx (pid 812, root), listening since 23:45:12");
	assert_string_equal(f->advice,
			    "stop nginx (kill 812), or give python3 another port than 80");
	assert_string_equal(f->call, "bind");
	assert_int_equal(f->error, -EADDRINUSE);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->n_holders, 1);
	assert_int_equal(f->holders_total, 1);
	assert_int_equal(f->actor.proc.tgid, 9100);
	assert_false(f->estimated);
	assert_int_equal(b->question.port, PORT);
	assert_int_equal(b->question.net.inode, 4026531833);
	assert_int_equal(b->question.net.tgid, 9100);
	assert_int_equal(b->question.except, 55);
	assert_int_equal(detect__counts(b->d)[0], 1);
}

static void since_is_the_wall_clock_of_here(void **state)
{
	struct bench *b = *state;

	b->wall.gmtoff_s = 5400; /* here it is 01:18:24 of the next day */
	nginx(b)->since_ns = START - 192 * SECOND;
	try_bind(b, once);
	assert_non_null(strstr(b->said[0].message, "listening since 01:15:12"));
	b->holders[0].since_ns = START - 900 * SECOND;
	b->wall.gmtoff_s = 0;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "caddy" });
	assert_non_null(strstr(b->said[1].message, "listening since 23:33:24"));
	b->wall.gmtoff_s = 900; /* the night between the two */
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "apache" });
	assert_non_null(strstr(b->said[2].message, "listening since 2026-11-22 23:48:24"));
	b->holders[0].sock.facts |= FACT_EXISTED;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "h2o" });
	assert_non_null(strstr(b->said[3].message, "since 2026-11-22 23:48:24 or before"));
	b->holders[0].since_ns = 0;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "lighttpd" });
	assert_null(strstr(b->said[4].message, " since "));
}

static void silent_where_it_is_not_its_matter(void **state)
{
	struct bench *b = *state;

	nginx(b);
	try_bind(b, (struct attempt){ .at_ns = START, .port = 0 });
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .error = -EACCES });
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .error = -EADDRNOTAVAIL });
	try_listen(b, (struct attempt){ .at_ns = START, .port = 0 });
	detect__tick(b->d, START + 100 * SECOND);
	detect__end(b->d, START + 101 * SECOND);
	assert_int_equal(b->n_said, 0);
	assert_int_equal(b->asked, 0);
	assert_int_equal(detect__counts(b->d)[0], 0);
}

static void leaves_out_who_does_not_conflict(void **state)
{
	struct bench *b = *state;

	hold(b, "client", 1, sock4(0x7f000001, PORT + 1, TCP_LISTEN));
	hold(b, "late", 2, sock4(INADDR_ANY, PORT, TCP_LISTEN))->sock.created_ns = START + 1;
	hold(b, "shares", 3, sock4(INADDR_ANY, PORT, TCP_CLOSE))->sock.options = OPT_REUSEADDR;
	nginx(b)->sock.options = OPT_REUSEADDR;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .options = OPT_REUSEADDR });
	assert_int_equal(b->said[0].holders_total, 1);
	assert_int_equal(b->said[0].holders[0].proc.tgid, 812);
	assert_string_equal(b->said[0].rule, "listening");
}

static void the_listener_comes_first(void **state)
{
	struct bench *b = *state;
	struct holder *h;
	uint32_t pid;

	for (pid = 1; pid <= 5; pid++) {
		h = hold(b, "worker", pid, sock4(0x7f000001, PORT, TCP_ESTABLISHED));
		h->sock.facts = FACT_PASSIVE;
		h->sock.rport = 50000 + pid;
	}
	nginx(b);
	try_bind(b, once);
	assert_int_equal(b->said[0].holders_total, 6);
	assert_int_equal(b->said[0].holders[0].proc.tgid, 812);
	assert_string_equal(b->said[0].rule, "same-address");
	assert_non_null(strstr(b->said[0].message,
			       "held by nginx (pid 812, root), listening; "
			       "worker (pid 1, root), connected to 0.0.0.0:50001;"));
	assert_non_null(strstr(b->said[0].message, " and 3 more"));
}

static void time_wait(void **state)
{
	struct bench *b = *state;

	hold_time_wait(b, 3);
	try_bind(b, once);
	assert_string_equal(b->said[0].rule, "time-wait");
	assert_string_equal(
		b->said[0].message,
		"127.0.0.1:80/tcp is held by 3 closed connections in TIME_WAIT for up to "
		"60 s; SO_REUSEADDR on both would let this bind pass");
	assert_non_null(strstr(b->said[0].advice, "SO_REUSEADDR"));
	assert_false(b->said[0].estimated);
	assert_int_equal(b->said[0].n_holders, 3);
}

/* Nobody tells the options of a TIME_WAIT socket: with SO_REUSEADDR here, it is the last to blame. */
static void time_wait_in_doubt(void **state)
{
	struct bench *b = *state;
	struct attempt a = { .at_ns = START, .port = PORT, .options = OPT_REUSEADDR };

	hold_time_wait(b, 1);
	try_bind(b, a);
	assert_string_equal(b->said[0].rule, "time-wait");
	assert_true(b->said[0].estimated);
	nginx(b);
	a.at_ns += 2 * SECOND;
	try_bind(b, a);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].holders_total, 1);
	assert_int_equal(b->said[1].holders[0].proc.tgid, 812);
	assert_false(b->said[1].estimated);
	assert_int_not_equal(b->said[0].key, b->said[1].key);
}

static void nobody_found(void **state)
{
	struct bench *b = *state;

	b->error = -EPERM;
	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_null(b->said[0].rule);
	assert_true(b->said[0].estimated);
	assert_int_equal(b->said[0].holders_total, 0);
	assert_string_equal(
		b->said[0].message,
		"0.0.0.0:80/tcp was refused to python3 (pid 9100) by bind(), but nothing "
		"holds it any more");
}

/* It has walked through its sockets for long enough: what the table knows has to do. */
static void a_busy_kernel_is_left_alone(void **state)
{
	struct bench *b = *state;

	nginx(b);
	b->error = -EBUSY;
	try_bind(b, once);
	assert_int_equal(b->n_said, 1);
	assert_int_equal(b->said[0].n_holders, 1);
	assert_true(b->said[0].estimated);
	assert_int_equal(b->asked, 2);
}

static void an_incomplete_answer_is_estimated(void **state)
{
	struct bench *b = *state;

	nginx(b)->estimated = true;
	try_bind(b, once);
	assert_string_equal(b->said[0].rule, "same-address");
	assert_true(b->said[0].estimated);
}

static void listen_fails(void **state)
{
	struct bench *b = *state;

	nginx(b)->sock.options = OPT_REUSEADDR;
	try_listen(b, (struct attempt){ .at_ns = START, .port = PORT, .options = OPT_REUSEADDR });
	assert_int_equal(b->n_said, 1);
	assert_string_equal(b->said[0].call, "listen");
	assert_string_equal(b->said[0].rule, "listening");
}

/* A restart loop is one finding: another pid, the same program. */
static void lives_and_closes(void **state)
{
	struct bench *b = *state;
	uint64_t t;

	nginx(b);
	for (t = 0; t <= 25; t++) {
		try_bind(b, (struct attempt){ .at_ns = START + t * SECOND, .port = PORT });
		detect__tick(b->d, START + t * SECOND + 1);
	}
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[1].status, FINDING_UPDATE);
	assert_int_equal(b->said[1].count, 11);
	assert_int_equal(b->said[2].count, 21);
	detect__tick(b->d, START + 30 * SECOND);
	assert_int_equal(b->n_said, 4);
	assert_int_equal(b->said[3].status, FINDING_UPDATE);
	assert_int_equal(b->said[3].count, 26);
	detect__tick(b->d, START + 84 * SECOND);
	assert_int_equal(b->n_said, 4);
	detect__tick(b->d, START + 85 * SECOND);
	assert_int_equal(b->n_said, 5);
	assert_int_equal(b->said[4].status, FINDING_CLOSED);
	assert_int_equal(b->said[4].count, 26);
	assert_int_equal(b->said[4].first_ns, START);
	assert_int_equal(b->said[4].last_ns, START + 25 * SECOND);
	for (t = 1; t < b->n_said; t++)
		assert_int_equal(b->said[t].key, b->said[0].key);
	assert_int_equal(detect__counts(b->d)[0], 1);
	detect__end(b->d, START + 86 * SECOND);
	assert_int_equal(b->n_said, 5);
}

static void asks_at_most_once_a_second(void **state)
{
	struct bench *b = *state;
	int i;

	nginx(b);
	for (i = 0; i < 1000; i++)
		try_bind(b, (struct attempt){ .at_ns = START + i * 1000000, .port = PORT });
	assert_int_equal(b->asked, 1);
	detect__end(b->d, START + 2 * SECOND);
	assert_int_equal(b->n_said, 2);
	assert_int_equal(b->said[1].status, FINDING_CLOSED);
	assert_int_equal(b->said[1].count, 1000);
}

static void another_subject_is_another_finding(void **state)
{
	struct bench *b = *state;

	nginx(b);
	try_bind(b, once);
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "caddy" });
	assert_int_equal(b->n_said, 2);
	assert_int_not_equal(b->said[0].key, b->said[1].key);
	b->holders[0].proc.tgid = 813;
	try_bind(b, (struct attempt){ .at_ns = START + 2 * SECOND, .port = PORT });
	assert_int_equal(b->n_said, 3);
	assert_int_equal(b->said[2].status, FINDING_OPEN);
	assert_int_not_equal(b->said[0].key, b->said[2].key);
}

/* The holder went between the call and the question: still the same story. */
static void gone_this_time(void **state)
{
	struct bench *b = *state;

	nginx(b);
	try_bind(b, once);
	b->n_holders = 0;
	try_bind(b, (struct attempt){ .at_ns = START + 2 * SECOND, .port = PORT });
	assert_int_equal(b->n_said, 1);
	detect__end(b->d, START + 3 * SECOND);
	assert_int_equal(b->said[1].count, 2);
	assert_int_equal(b->said[1].n_holders, 1);
}

static void memory_is_bounded(void **state)
{
	struct bench *b = *state;
	uint32_t port;

	for (port = 1; port <= 1500; port++)
		try_bind(b, (struct attempt){ .at_ns = START + port, .port = (uint16_t)port });
	assert_int_equal(b->by_status[FINDING_OPEN], 1500);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1500 - 1024);
	detect__end(b->d, START + SECOND);
	assert_int_equal(b->by_status[FINDING_CLOSED], 1500);
}

static void advice_by_rule(void **state)
{
	struct bench *b = *state;
	struct holder *h = nginx(b);

	h->sock.options = OPT_REUSEPORT;
	try_bind(b, once);
	assert_string_equal(b->said[0].rule, "reuseport-missing");
	assert_non_null(
		strstr(b->said[0].advice, "SO_REUSEPORT before bind() in python3 (pid 9100)"));
	try_bind(b, (struct attempt){ .at_ns = START,
				      .port = PORT,
				      .comm = "caddy",
				      .options = OPT_REUSEPORT,
				      .uid = 33 });
	assert_string_equal(b->said[1].rule, "reuseport-uid");
	assert_non_null(strstr(b->said[1].advice, "nginx has uid 0, caddy has uid 33"));
	h->sock = sock4(0x7f000001, PORT, TCP_ESTABLISHED);
	h->sock.facts = FACT_SYN_SENT;
	h->sock.rport = 443;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "apache" });
	assert_string_equal(b->said[2].rule, "client-port");
	assert_non_null(strstr(b->said[2].advice, "add 80 to the list in sysctl "
						  "net.ipv4.ip_local_reserved_ports"));
	memset(h->sock.laddr, 0, ADDR_LEN);
	h->sock.family = AF_INET6;
	h->sock.state = TCP_LISTEN;
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "lighttpd" });
	assert_string_equal(b->said[3].rule, "dual-stack");
	assert_non_null(strstr(b->said[3].advice, "IPV6_V6ONLY before bind() in nginx (pid 812)"));
	assert_non_null(strstr(b->said[3].message, "[::]:80/tcp is held by nginx"));
	/* a connection that no process holds: there is nobody to stop */
	h->proc = (struct ev_owner){ 0 };
	h->sock = sock4(0x7f000001, PORT, TCP_FIN_WAIT1);
	try_bind(b, (struct attempt){ .at_ns = START, .port = PORT, .comm = "squid" });
	assert_non_null(
		strstr(b->said[4].advice, "set SO_REUSEADDR before bind() in squid, or retry"));
	assert_null(strstr(b->said[4].advice, "pid 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_the_holder, setup, teardown),
		cmocka_unit_test_setup_teardown(since_is_the_wall_clock_of_here, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_where_it_is_not_its_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_out_who_does_not_conflict, setup, teardown),
		cmocka_unit_test_setup_teardown(the_listener_comes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(time_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(time_wait_in_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_busy_kernel_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(an_incomplete_answer_is_estimated, setup, teardown),
		cmocka_unit_test_setup_teardown(listen_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(lives_and_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_at_most_once_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(another_subject_is_another_finding, setup,
						teardown),
		cmocka_unit_test_setup_teardown(gone_this_time, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(advice_by_rule, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
