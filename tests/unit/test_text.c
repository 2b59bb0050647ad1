// SPDX-License-Identifier: GPL-2.0-or-later
/* The text sink, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "json.h"
#include "sink.h"

#define SEC 1000000000ull
#define T0  (1000 * SEC + 123456789) /* is 2026-11-22T23:48:24.123456789Z */

static struct wall wall;
static struct sink_config config;
static struct sink *sink;
static int fd;
static struct ev_owner curl, nginx;
static struct ev_actor actor;
static struct ev_sock sock;

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("text", 0);
	wall = (struct wall){ .offset_ns = (int64_t)(1795391304 * SEC - 1000 * SEC) };
	config = (struct sink_config){ .wall = &wall, .out = out__new(fd) };
	sink = sink_text__new(&config);
	return fd < 0 || !config.out || !sink;
}

static int teardown(void **state)
{
	(void)state;
	sink->free(sink);
	out__free(config.out);
	return close(fd);
}

static void again(void)
{
	sink->free(sink);
	sink = sink_text__new(&config);
	assert_non_null(sink);
}

/* What was written since the last time. */
static const char *output(void)
{
	static char got[65536];
	ssize_t n;

	assert_int_equal(out__flush(config.out), 0);
	n = pread(fd, got, sizeof(got) - 1, 0);
	assert_true(n >= 0);
	got[n] = '\0';
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return got;
}

static void want_output(const struct record *r, const char *want)
{
	sink->write(sink, r, 1);
	assert_string_equal(output(), want);
}

static void skip_header(void)
{
	struct record r = { .type = RECORD_START, .boot_ns = T0 };

	sink->write(sink, &r, 1);
	output();
}

static void set_addr(uint8_t a[16], const char *text)
{
	assert_int_equal(inet_pton(AF_INET6, text, a), 1);
}

static struct record base(enum record_type type)
{
	curl = (struct ev_owner){ .tgid = 9001, .comm = "curl" };
	nginx = (struct ev_owner){ .tgid = 812, .comm = "nginx" };
	actor = (struct ev_actor){ .proc = curl, .tid = 9001, .thread = "curl" };
	sock = (struct ev_sock){ .cookie = 0x15d2b,
				 .family = AF_INET,
				 .proto = IPPROTO_TCP,
				 .lport = 41234,
				 .rport = 80,
				 .state = TCP_ESTABLISHED,
				 .facts = FACT_ESTABLISHED };
	set_addr(sock.laddr, "::ffff:127.0.0.1");
	set_addr(sock.raddr, "::ffff:10.0.0.1");
	return (struct record){
		.type = type, .boot_ns = T0, .sock = &sock, .actor = &actor, .fd = -1
	};
}

#define HEADER                                                                                     \
	"TIME 2026-11-22 +00:00  EVENT    PROTO     PID COMM             LOCAL                 "   \
	"REMOTE                DETAIL\n"
#define AT     "23:48:24.123456         "
#define CLIENT "tcp      9001 curl             127.0.0.1:41234       10.0.0.1:80           "
#define ALONE  "tcp      9001 curl             127.0.0.1:41234       -                     "

static void test_header(void **state)
{
	struct record r = { .type = RECORD_START, .boot_ns = T0 };
	struct ev_listen e = { .backlog = 511 };

	(void)state;
	want_output(&r, HEADER);
	r = base(RECORD_LISTEN);
	r.u.listen = &e;
	want_output(&r, AT "listen   " ALONE "backlog 511\n");
	/* the next day, then another zone */
	r.boot_ns += 3600 * SEC;
	sink->write(sink, &r, 1);
	assert_memory_equal(output(), "TIME 2026-11-23 +00:00  EVENT ", 30);
	wall.gmtoff_s = -12600;
	sink->write(sink, &r, 1);
	assert_memory_equal(output(), "TIME 2026-11-22 -03:30  EVENT ", 30);
	wall.gmtoff_s = 20700;
	sink->write(sink, &r, 1);
	assert_non_null(strstr(output(), "TIME 2026-11-23 +05:45  EVENT"));
	want_output(&r, "06:33:24.123456         listen   " ALONE "backlog 511\n");
}

static void test_bind_listen(void **state)
{
	struct ev_bind e = { .req_port = 80, .req_known = 1 };
	struct ev_listen l = { .backlog = 1 };
	struct record r = base(RECORD_BIND);

	(void)state;
	skip_header();
	r.u.bind = &e;
	set_addr(e.req_addr, "::ffff:0.0.0.0");
	want_output(&r, AT "bind     " ALONE "-\n");
	sock.options = OPT_REUSEADDR | OPT_FREEBIND;
	sock.ifindex = 3;
	want_output(&r, AT "bind     " ALONE "reuseaddr freebind ifindex 3\n");
	sock.options = OPT_BIND_ADDRESS_NO_PORT;
	sock.ifindex = sock.lport = 0;
	want_output(
		&r, AT
		"bind     tcp      9001 curl             127.0.0.1:0           -                     "
		"bind_address_no_port no port yet\n");
	set_addr(sock.laddr, "::ffff:0.0.0.0");
	r.error = -EADDRINUSE;
	want_output(
		&r, AT
		"bind     tcp      9001 curl             0.0.0.0:80            -                     "
		"EADDRINUSE\n");
	e = (struct ev_bind){ .automatic = 1 };
	sock.proto = IPPROTO_UDP;
	r.error = -EAGAIN;
	want_output(
		&r, AT
		"bind     udp      9001 curl             -                     -                     "
		"auto EAGAIN\n");
	r.error = 0;
	sock.options = 0;
	sock.lport = 5353;
	want_output(
		&r, AT
		"bind     udp      9001 curl             0.0.0.0:5353          -                     auto\n");
	r = base(RECORD_LISTEN);
	r.u.listen = &l;
	r.error = -EADDRINUSE;
	want_output(&r, AT "listen   " ALONE "EADDRINUSE\n");
}

static void test_connect_accept(void **state)
{
	struct ev_connect e = { .started_ns = T0 - 62999 };
	struct ev_accept a = { .established_ns = T0 - 29000, .fd = 4 };
	struct record r = base(RECORD_CONNECT);

	(void)state;
	skip_header();
	r.u.connect = &e;
	want_output(&r, AT "connect  " CLIENT "62us\n");
	e.started_ns = T0 - 1299999;
	e.async = 1;
	want_output(&r, AT "connect  " CLIENT "1.2ms async\n");
	e.started_ns = T0 - 999999999;
	e.abandoned = 1;
	want_output(&r, AT "connect  " CLIENT "abandoned 999.9ms async\n");
	e = (struct ev_connect){ .started_ns = T0 - 127 * SEC - SEC / 2 };
	r.error = -ETIMEDOUT;
	want_output(&r, AT "connect  " CLIENT "ETIMEDOUT 127.5s\n");
	e.started_ns = 0;
	r.error = -ENETUNREACH;
	want_output(&r, AT "connect  " CLIENT "ENETUNREACH\n");
	r = base(RECORD_ACCEPT);
	r.u.accept = &a;
	want_output(&r, AT "accept   " CLIENT "queued 29us\n");
	a = (struct ev_accept){ .fd = -1 };
	want_output(&r, AT "accept   " CLIENT "-\n");
	sock.rport = 0;
	r.error = -EMFILE;
	want_output(&r, AT "accept   " ALONE "EMFILE\n");
}

static void test_peer_state(void **state)
{
	struct ev_peer peer = { .port = 53 };
	struct ev_state change = { .old_state = TCP_ESTABLISHED, .new_state = TCP_CLOSE_WAIT };
	struct record r = base(RECORD_PEER);

	(void)state;
	skip_header();
	r.u.peer = &peer;
	sock.proto = IPPROTO_UDP;
	sock.family = AF_INET6;
	set_addr(sock.laddr, "2001:db8:1:2:3:4:5:6");
	set_addr(peer.addr, "::1");
	want_output(&r, AT
		    "peer     udp      9001 curl             [2001:db8:1:2:3:4:5:6]:41234 [::1]:53"
		    "              -\n");
	r = base(RECORD_STATE);
	r.u.state = &change;
	r.actor = NULL;
	want_output(
		&r, AT
		"state    tcp         - -                127.0.0.1:41234       10.0.0.1:80           "
		"ESTABLISHED -> CLOSE_WAIT\n");
	r.owner = &nginx;
	want_output(
		&r, AT
		"state    tcp       812 nginx            127.0.0.1:41234       10.0.0.1:80           "
		"ESTABLISHED -> CLOSE_WAIT\n");
}

static void test_close(void **state)
{
	struct life l = { .role = ROLE_CLIENT,
			  .reason = REASON_LOCAL_CLOSE,
			  .first_ns = T0 - 1999999,
			  .ended_ns = T0,
			  .tx_bytes = 78,
			  .rx_bytes = 853,
			  .time_wait = true,
			  .closed_by_known = true };
	struct record r = base(RECORD_CLOSE);

	(void)state;
	skip_header();
	r.u.life = &l;
	want_output(&r, AT "close    " CLIENT "1.9ms tx 78 rx 853 local-close time-wait\n");
	/* another process than the owner was the last */
	l.unread_bytes = 5;
	l.unacked_bytes = 7;
	l.closed_by_exit = true;
	r.owner = &nginx;
	memcpy(actor.proc.comm, "a b", 4);
	want_output(
		&r, AT
		"close    tcp       812 nginx            127.0.0.1:41234       10.0.0.1:80           "
		"1.9ms tx 78 rx 853 local-close time-wait unacked 7 unread 5 exit by 9001 a\\x20b\n");
	l = (struct life){ .role = ROLE_LISTENER,
			   .reason = REASON_CLOSED,
			   .accepted = 3,
			   .first_ns = T0 - 990 * SEC,
			   .ended_ns = T0,
			   .closed_by_known = true,
			   .closed_by_kernel = true };
	r = base(RECORD_CLOSE);
	r.u.life = &l;
	sock.rport = 0;
	sock.facts = FACT_LISTENED;
	want_output(&r, AT "close    " ALONE "990.0s accepted 3 closed by kernel\n");
	l = (struct life){
		.role = ROLE_DATAGRAM, .reason = REASON_CLOSED, .first_ns = T0, .ended_ns = T0
	};
	sock.proto = IPPROTO_UDP;
	want_output(
		&r, AT
		"close    udp      9001 curl             127.0.0.1:41234       -                     "
		"0us closed\n");
}

static void test_snapshots(void **state)
{
	struct record s = base(RECORD_SNAPSHOT), stop = { .type = RECORD_STOP, .boot_ns = T0 };
	struct stop none = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 12; i++)
		want_output(&s, "");
	stop.u.stop = &none;
	want_output(&stop,
		    HEADER AT "snapshot -           - -                -                     "
			      "-                     12 sockets\n");
	want_output(&s, "");
	want_output(&stop, AT "snapshot -           - -                -                     "
			      "-                     1 socket\n");
	want_output(&stop, "");
}

static void test_verbose(void **state)
{
	struct ev_listen e = { .backlog = 1 };
	struct record r = base(RECORD_LISTEN), s = r;

	(void)state;
	config.verbose = true;
	again();
	r.u.listen = &e;
	s.type = RECORD_SNAPSHOT;
	sink->write(sink, &s, 1);
	want_output(&r,
		    "TIME 2026-11-22 +00:00  SOCK        EVENT    PROTO     PID COMM             "
		    "LOCAL                 REMOTE                DETAIL\n" AT
		    "-           snapshot -           - -                -                     "
		    "-                     1 socket\n" AT "sk:15d2b    listen   " ALONE
		    "backlog 1\n");
	sock.cookie = UINT64_MAX;
	want_output(&r, AT "sk:ffffffffffffffff listen   " ALONE "backlog 1\n");
}

static void test_finding(void **state)
{
	static struct finding f = { .id = "port_conflict",
				    .severity = SEVERITY_ERROR,
				    .count = 1,
				    .message =
					    "0.0.0.0:80/tcp is held by ng\x1b[2Jx\xff (pid 812).",
				    .advice = "Stop it.\n\xe2\x80\xaeX" };
	struct record r = { .type = RECORD_FINDING, .boot_ns = T0 };

	(void)state;
	skip_header();
	r.u.finding = &f;
	want_output(&r, "  ! port_conflict  0.0.0.0:80/tcp is held by ng\\x1b[2Jx\\xff (pid 812); "
			"Stop it.\\x0a\\xe2\\x80\\xaeX\n");
	f.status = FINDING_UPDATE;
	f.count = 9;
	want_output(
		&r,
		"  ! port_conflict  0.0.0.0:80/tcp is held by ng\\x1b[2Jx\\xff (pid 812) (9 times)\n");
	f.status = FINDING_CLOSED;
	want_output(
		&r,
		"  . port_conflict  0.0.0.0:80/tcp is held by ng\\x1b[2Jx\\xff (pid 812): over (9 times)\n");
}

static void test_lost(void **state)
{
	struct lost lost = { .reason = LOST_RING, .count = 12, .from_ns = T0 - SEC, .to_ns = T0 };
	struct stop stop = { .lost = { [LOST_RING] = 12, [LOST_PEERS] = 3 } };
	struct record r = { .type = RECORD_LOST, .boot_ns = T0 };
	int i;

	(void)state;
	skip_header();
	r.u.lost = &lost;
	want_output(
		&r,
		"  ! lost  12 events: the ring buffer was full (ring), 23:48:23.123456 to 23:48:24.123456\n");
	for (i = 0; i < LOST_REASONS; i++) {
		lost.reason = (enum lost_reason)i;
		sink->write(sink, &r, 1);
		assert_null(strstr(output(), "null"));
	}
	r.type = RECORD_STOP;
	r.u.stop = &stop;
	want_output(&r, "  ! lost  in all: ring 12, peers 3\n");
}

static void test_clock(void **state)
{
	struct record r = { .type = RECORD_CLOCK, .boot_ns = T0, .u.step_us = -3600 * 1000000ll };

	(void)state;
	skip_header();
	want_output(&r, "  ! clock  was set back by 3600.0s, to 23:48:24.123456\n");
	r.u.step_us = 2500;
	want_output(&r, "  ! clock  was set forward by 2.5ms, to 23:48:24.123456\n");
	wall.offset_ns -= (int64_t)(86400 * SEC); /* another day: the header again */
	r.u.step_us = -86400 * 1000000ll;
	sink->write(sink, &r, 1);
	assert_non_null(strstr(output(), "TIME 2026-11-21 +00:00"));
}

static void test_colors(void **state)
{
	struct ev_listen e = { .backlog = 1 };
	struct life l = { .role = ROLE_IDLE, .reason = REASON_UNUSED };
	static struct finding f = { .id = "port_shared",
				    .severity = SEVERITY_WARNING,
				    .message = "m" };
	struct record r = { .type = RECORD_START, .boot_ns = T0 };

	(void)state;
	config.color = true;
	again();
	want_output(&r, HEADER);
	r = base(RECORD_LISTEN);
	r.u.listen = &e;
	want_output(&r, AT "listen   " ALONE "backlog 1\n");
	r.error = -EADDRINUSE;
	want_output(&r, "\033[31m" AT "listen   " ALONE "EADDRINUSE\033[0m\n");
	r = base(RECORD_CLOSE);
	sock.facts = 0;
	r.u.life = &l;
	want_output(&r, "\033[2m" AT "close    " CLIENT "unused\033[0m\n");
	r = (struct record){ .type = RECORD_FINDING, .boot_ns = T0, .u.finding = &f };
	want_output(&r, "\033[1;33m  ! port_shared  m\033[0m\n");
}

static void test_narrow(void **state)
{
	struct ev_listen e = { .backlog = 1 };
	struct record r = base(RECORD_LISTEN);
	char line[512];

	(void)state;
	config.columns = 46;
	config.color = true;
	again();
	r.u.listen = &e;
	r.error = -EADDRINUSE;
	memcpy(actor.proc.comm, "\xc3\xa9\xc3\xa9\xc3\xa9", 7);
	sink->write(sink, &r, 1);
	/* exactly up to the pid */
	snprintf(line, sizeof(line), "%.46s\n\033[31m%slisten   tcp      9001\033[0m\n", HEADER,
		 AT);
	assert_string_equal(output(), line);
	config.columns = 48;
	again();
	sink->write(sink, &r, 1);
	snprintf(line, sizeof(line), "%.48s\n\033[31m%slisten   tcp      9001 \xc3\xa9\033[0m\n",
		 HEADER, AT);
	assert_string_equal(output(), line);
	/* wide enough: left to the terminal */
	config.columns = 100;
	config.color = false;
	again();
	r.error = 0;
	want_output(
		&r, HEADER AT
		"listen   tcp      9001 \xc3\xa9\xc3\xa9\xc3\xa9              127.0.0.1:41234       "
		"-                     backlog 1\n");
}

static void test_hostile_comm(void **state)
{
	struct ev_listen e = { .backlog = 1 };
	struct record r = base(RECORD_LISTEN);

	(void)state;
	skip_header();
	r.u.listen = &e;
	memcpy(actor.proc.comm, " a\\\x1b\n\xc2\x9b\xff\xe2\x80\xa8\xc3\xa9zyx", COMM_LEN);
	want_output(&r, AT "listen   tcp      9001 "
			   "\\x20a\\x5c\\x1b\\x0a\\xc2\\x9b\\xff\\xe2\\x80\\xa8\xc3\xa9zyx"
			   " 127.0.0.1:41234       -                     backlog 1\n");
	memset(actor.proc.comm, 0, COMM_LEN);
	want_output(
		&r, AT
		"listen   tcp      9001 -                127.0.0.1:41234       -                     "
		"backlog 1\n");
}

static size_t count_fields(const char *line)
{
	size_t n = 0;

	for (; *line; line++)
		n += *line != ' ' && *line != '\n' && (line[1] == ' ' || line[1] == '\n');
	return n;
}

/* Whatever a process is called: one line of as many columns, printable, valid UTF-8. */
static void test_any_comm(void **state)
{
	static const char alphabet[] =
		"a \"\\\n\x1b\x7f\x80\x9b\xa0\xbf\xc2\xc3\xe0\xe2\xed\xef\xf0\xf4\xff";
	struct ev_listen e = { .backlog = 1 };
	struct record r = base(RECORD_LISTEN);
	size_t i, len, n;
	const char *got;
	int round;

	(void)state;
	skip_header();
	r.u.listen = &e;
	srandom(7);
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < COMM_LEN; i++)
			actor.proc.comm[i] =
				(char)(round % 2 ? random() :
						   alphabet[(size_t)random() % sizeof(alphabet)]);
		sink->write(sink, &r, 1);
		got = output();
		n = strlen(got);
		for (i = 0; i < n; i += len) {
			len = utf8__len(got + i, n - i);
			assert_true(len > 0);
			assert_true((unsigned char)got[i] >= 0x20 || i == n - 1);
			assert_false(got[i] == 0x7f);
			assert_false(len == 2 && got[i] == '\xc2' &&
				     (unsigned char)got[i + 1] < 0xa0);
		}
		assert_int_equal(count_fields(got), 9);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),     TEST(test_bind_listen), TEST(test_connect_accept),
		TEST(test_peer_state), TEST(test_close),       TEST(test_snapshots),
		TEST(test_verbose),    TEST(test_finding),     TEST(test_lost),
		TEST(test_colors),     TEST(test_narrow),      TEST(test_hostile_comm),
		TEST(test_any_comm),   TEST(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
