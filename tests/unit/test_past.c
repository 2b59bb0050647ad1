// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_past.c - what was open at a moment of the past: idmap.c, past*.c on the records of logs that are written
 * here, segment by segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include "idmap.h"
#include "ports_past.h"

#define S      1000000000ull
#define T0     28800 /* seconds of a day */
#define DAY_NS (1795305600ull * S)
#define BOOT   (DAY_NS - 5000 * S)
#define TUPLE(l, r)                                                                                \
	"\"proto\":\"tcp\",\"family\":\"ipv4\",\"laddr\":\"10.0.0.1\",\"lport\":" #l               \
	",\"raddr\":\"10.0.0.2\",\"rport\":" #r ",\"netns\":7,\"netns_cookie\":\"70\""
#define LOCAL(proto, l)                                                                            \
	"\"proto\":\"" proto "\",\"family\":\"ipv4\",\"laddr\":\"0.0.0.0\",\"lport\":" #l          \
	",\"netns\":7,\"netns_cookie\":\"70\""
#define OWNER ",\"proc\":\"812.5.1\",\"pid\":812,\"comm\":\"nginx\",\"uid\":33"

/* --- a log --- */

static char dir[64], names[16][128];
static size_t n_names;
static FILE *file;
static uint64_t seq;
static const char *boot = "b0";

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/socklife-past-XXXXXX");
	assert_non_null(mkdtemp(dir));
	n_names = 0;
	seq = 0;
	boot = "b0";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (file)
		fclose(file);
	file = NULL;
	for (size_t i = 0; i < n_names; i++)
		unlink(names[i]);
	rmdir(dir);
	return 0;
}

/* `at`: seconds of the day. */
static const char *stamp(double at)
{
	static char text[4][32];
	static int which;
	unsigned int s = (unsigned int)at % 86400;
	unsigned int ms = (unsigned int)((at - (unsigned int)at) * 1000 + 0.5) % 1000;

	which = (which + 1) % 4;
	snprintf(text[which], sizeof(text[0]), "2026-11-22T%02u:%02u:%02u.%03u000000Z", s / 3600,
		 s / 60 % 60, s % 60, ms);
	return text[which];
}

static uint64_t ns_of(double at)
{
	const char *s = stamp(at);

	return report__time_ns(s, strlen(s));
}

/* `fields` begins with a comma, or is empty. */
static void put(const char *type, double at, const char *fields)
{
	fprintf(file,
		"{\"v\":1,\"seq\":%llu,\"ts\":\"%s\",\"boot_ns\":%llu,\"boot\":\"%s\",\"host\":\"h\","
		"\"type\":\"%s\"%s}\n",
		(unsigned long long)++seq, stamp(at), (unsigned long long)(ns_of(at) - BOOT), boot,
		type, fields);
}

static void segment(double at, const char *gap)
{
	char fields[256];

	if (file)
		fclose(file);
	snprintf(names[n_names], sizeof(names[0]), "%s/socklife-%06zu.ndjson", dir, n_names + 1);
	file = fopen(names[n_names++], "w");
	assert_non_null(file);
	snprintf(
		fields, sizeof(fields),
		",\"version\":\"0\",\"kernel\":\"6\",\"args\":[\"socklife\",\"record\"],\"segment\":%zu%s",
		n_names, gap);
	put("segment", at, fields);
}

static void close_at(double at, const char *sock, const char *tuple, const char *more)
{
	char fields[1024];

	snprintf(fields, sizeof(fields),
		 ",\"sock\":\"%s\",%s,\"state\":\"CLOSE\",\"reason\":\"closed\",\"ended\":\"%s\"%s",
		 sock, tuple, stamp(at), more);
	put("close", at, fields);
}

static struct socket_filter filter;
static struct past_read answer;
static struct ports *ports;

static void ask(double at)
{
	static char *logs[1];

	if (file)
		fclose(file);
	file = NULL;
	logs[0] = dir;
	filter = (struct socket_filter){ .tcp = true, .udp = true, .ipv4 = true, .ipv6 = true };
	answer = (struct past_read){
		.at_ns = ns_of(at), .filter = &filter, .logs = logs, .n_logs = 1
	};
	ports = ports_past__read(&answer, 0);
	assert_non_null(ports);
}

static void forget(void)
{
	ports__free(ports);
	past_read__free(&answer);
}

static const struct ports_sock *find(uint64_t cookie)
{
	for (size_t i = 0; i < ports->n_socks; i++)
		if (ports->socks[i].sock.cookie == cookie)
			return &ports->socks[i];
	return NULL;
}

static const char *holder(uint64_t cookie)
{
	const struct ports_sock *s = find(cookie);

	return s && s->uses != PORTS_NONE ?
		       ports->processes[ports->uses[s->uses].process].proc.comm :
		       "";
}

/* A server on port 80 with a client that has come and one that has gone, and what the log says of all. */
static void begin_log(void)
{
	segment(T0, "");
	put("start", T0, ",\"version\":\"0\",\"kernel\":\"6\",\"args\":[]");
	put("process", T0 + 1, OWNER ",\"user\":\"www-data\",\"cgroup\":\"/web.slice/nginx\"");
	put("bind", T0 + 1,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":80,\"options\":[\"reuseaddr\"],"
	    "\"settings\":{\"own\":true,\"range_low\":32768,\"range_high\":32867,"
	    "\"reserved\":2,\"reserved_ports\":\"80,32800-32801\",\"tw_reuse\":0,"
	    "\"max_time_wait\":9,\"unprivileged_start\":1024}");
	put("listen", T0 + 2,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER ",\"state\":\"LISTEN\",\"backlog\":5");
	put("accept", T0 + 3,
	    ",\"sock\":\"2\"," TUPLE(80, 1000) OWNER
	    ",\"fd\":9,\"state\":\"ESTABLISHED\",\"queue_us\":10");
	put("accept", T0 + 4,
	    ",\"sock\":\"3\"," TUPLE(80, 1001) OWNER
	    ",\"fd\":10,\"state\":\"ESTABLISHED\",\"queue_us\":10");
	put("connect", T0 + 4,
	    ",\"sock\":\"4\"," TUPLE(32768, 443) OWNER
	    ",\"state\":\"ESTABLISHED\",\"latency_us\":1,\"syn_sent\":true");
	put("bind", T0 + 4,
	    ",\"sock\":\"5\"," LOCAL("udp", 53) OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":53,\"options\":[]");
	close_at(T0 + 10, "3", TUPLE(80, 1001), ",\"role\":\"server\",\"time_wait\":true");
}

static void usual_log(void)
{
	begin_log();
	close_at(T0 + 90, "2", TUPLE(80, 1000), ",\"role\":\"server\"");
	put("stop", T0 + 100, "");
}

/* --- what was open --- */

static void test_usual(void **state)
{
	const struct ports_sock *s;

	(void)state;
	usual_log();
	ask(T0 + 30);
	assert_true(answer.covered);
	assert_int_equal(ports->n_socks, 5);
	s = find(1);
	assert_int_equal(s->role, PORTS_LISTENER);
	assert_int_equal(s->sock.options, OPT_REUSEADDR);
	assert_int_equal(s->connections, 1);
	assert_int_equal(s->time_waits, 1);
	assert_string_equal(holder(1), "nginx");
	assert_string_equal(ports->processes[0].user, "www-data");
	assert_string_equal(ports->processes[0].cgroup, "/web.slice/nginx");
	assert_false(s->in_diag);
	assert_int_equal(find(2)->role, PORTS_SERVER);
	assert_int_equal(ports->uses[find(2)->uses].fd, 9);
	s = find(3);
	assert_true(s->time_wait);
	assert_int_equal(s->expires_ms, 40000);
	assert_int_equal(s->uses, PORTS_NONE);
	assert_int_equal(find(4)->role, PORTS_CLIENT);
	assert_int_equal(find(5)->role, PORTS_DATAGRAM);
	forget();
}

static void test_budget(void **state)
{
	const struct ports_netns *n;

	(void)state;
	usual_log();
	ask(T0 + 30);
	assert_int_equal(ports->n_netns, 1);
	n = &ports->netns[0];
	assert_true(n->own);
	assert_int_equal(n->capacity, 98);
	assert_int_equal(n->tcp_used, 1);
	assert_int_equal(n->facts.time_wait, 1);
	assert_true(port_set__has(n->reserved, 32801));
	assert_false(port_set__has(n->reserved, 32802));
	assert_int_equal(n->n_tightest, 1);
	forget();
}

static void test_moments(void **state)
{
	static const struct {
		double at;
		size_t socks;
	} rows[] = {
		{ 0.5, 0 },  { 1, 1 },  { 3.5, 2 },  { 4, 5 },  { 10, 5 },
		{ 69.9, 5 }, { 70, 4 }, { 89.9, 4 }, { 90, 3 }, { 100, 3 },
	};

	(void)state;
	usual_log();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(T0 + rows[i].at);
		assert_true(answer.covered);
		assert_int_equal(ports->n_socks, rows[i].socks);
		forget();
	}
}

/* A later segment says all of what is open; TIME_WAIT comes from the one before it. */
static void test_segments(void **state)
{
	(void)state;
	begin_log();
	segment(T0 + 50, "");
	put("snapshot", T0 + 50,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER
	    ",\"state\":\"LISTEN\",\"options\":[\"reuseport\"]");
	put("peer", T0 + 200, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 55);
	assert_int_equal(find(1)->sock.options, OPT_REUSEPORT);
	assert_true(find(3)->time_wait);
	forget();
	ask(T0 + 111); /* more than a minute after it began: the first segment is not needed */
	assert_int_equal(ports->n_socks, 1);
	assert_true(answer.records == 3);
	forget();
}

/* Of twelve segments only those of the last minute are read. */
static void test_only_what_is_needed(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		segment(T0 + 100 * i, "");
		put("snapshot", T0 + 100 * i,
		    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER ",\"state\":\"LISTEN\"");
		for (int k = 0; k < 50; k++)
			put("peer", T0 + 100 * i + k, ",\"sock\":\"5\"," TUPLE(53, 9));
	}
	ask(T0 + 770);
	assert_true(answer.covered);
	assert_int_equal(ports->n_socks, 1);
	assert_true(answer.records < 3 * 52);
	forget();
	ask(T0 + 20);
	assert_true(answer.covered && answer.records < 2 * 52);
	forget();
}

static void test_reused_tuple(void **state)
{
	(void)state;
	begin_log();
	put("accept", T0 + 20,
	    ",\"sock\":\"6\"," TUPLE(80, 1001) OWNER
	    ",\"fd\":10,\"state\":\"ESTABLISHED\",\"queue_us\":10");
	put("peer", T0 + 40, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 30);
	assert_null(find(3));
	assert_int_equal(find(6)->state, TCP_ESTABLISHED);
	forget();
}

/* connect() that failed, bind() that failed, a port that only a bind() by number keeps. */
static void test_failed(void **state)
{
	(void)state;
	segment(T0, "");
	put("connect", T0 + 1,
	    ",\"sock\":\"1\"," TUPLE(40000, 443) OWNER
	    ",\"state\":\"CLOSE\",\"error\":\"ECONNREFUSED\"");
	put("bind", T0 + 1,
	    ",\"sock\":\"2\",\"proto\":\"tcp\",\"family\":\"ipv6\",\"netns\":7,\"netns_cookie\":\"70\"" OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":80,\"options\":[],\"error\":\"EADDRINUSE\"");
	put("bind", T0 + 1,
	    ",\"sock\":\"3\"," LOCAL("tcp", 70) OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":70,\"options\":[]");
	put("connect", T0 + 2,
	    ",\"sock\":\"3\"," TUPLE(70, 443) OWNER
	    ",\"state\":\"CLOSE\",\"error\":\"ECONNREFUSED\"");
	put("peer", T0 + 9, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 5);
	assert_int_equal(ports->n_socks, 1);
	assert_int_equal(find(3)->role, PORTS_IDLE);
	forget();
}

/* What comes after the moment, and says of it. */
static void test_later(void **state)
{
	char fields[512];

	(void)state;
	segment(T0, "");
	put("bind", T0 + 1,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":80,\"options\":[]");
	put("listen", T0 + 1,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER ",\"state\":\"LISTEN\",\"backlog\":5");
	put("accept", T0 + 2,
	    ",\"sock\":\"2\"," TUPLE(80, 1000) OWNER ",\"state\":\"ESTABLISHED\",\"queue_us\":1");
	put("accept", T0 + 11,
	    ",\"sock\":\"3\"," TUPLE(80, 1001) OWNER
	    ",\"state\":\"ESTABLISHED\",\"queue_us\":1500000");
	put("accept", T0 + 11,
	    ",\"sock\":\"4\"," TUPLE(80, 1002) OWNER
	    ",\"state\":\"ESTABLISHED\",\"queue_us\":500000");
	put("connect", T0 + 11,
	    ",\"sock\":\"5\"," TUPLE(40000, 443) OWNER
	    ",\"state\":\"ESTABLISHED\",\"latency_us\":2000000,\"syn_sent\":true");
	snprintf(fields, sizeof(fields),
		 ",\"role\":\"server\",\"released\":\"%s\",\"established\":\"%s\"", stamp(T0 + 9),
		 stamp(T0 + 2));
	close_at(T0 + 11.5, "2", TUPLE(80, 1000), fields);
	put("snapshot", T0 + 11.6,
	    ",\"sock\":\"7\"," LOCAL("tcp", 81) OWNER ",\"state\":\"LISTEN\"");
	ask(T0 + 10);
	assert_int_equal(ports->n_socks, 4);
	assert_string_equal(holder(2), "");
	assert_int_equal(find(3)->role, PORTS_SERVER);
	assert_string_equal(holder(3), "");
	assert_int_equal(find(5)->state, TCP_SYN_SENT);
	assert_string_equal(holder(5), "nginx");
	assert_int_equal(find(1)->connections, 2);
	forget();
}

/* A recorder that has just begun tells what was there before it. */
static void test_beginning(void **state)
{
	(void)state;
	segment(T0, "");
	put("snapshot", T0 + 0.2,
	    ",\"sock\":\"7\"," LOCAL("tcp", 81) OWNER ",\"state\":\"LISTEN\"");
	put("snapshot", T0 + 0.2, ",\"sock\":\"8\"," LOCAL("tcp", 82) OWNER ",\"state\":\"CLOSE\"");
	put("peer", T0 + 9, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 0.1);
	assert_int_equal(ports->n_socks, 2);
	assert_int_equal(find(8)->role, PORTS_IDLE);
	assert_true(answer.run_ns == ns_of(T0));
	forget();
}

/* --- what is not covered --- */

static void expect_gap(double at, const char *reason, double from, double to)
{
	ask(at);
	assert_false(answer.covered);
	assert_string_equal(answer.gap.reason, reason);
	assert_true(answer.gap.from_ns == (from ? ns_of(from) : 0));
	assert_true(answer.gap.to_ns == (to ? ns_of(to) : UINT64_MAX));
	assert_int_equal(ports->n_socks, 0);
	forget();
}

static void test_gaps(void **state)
{
	(void)state;
	usual_log();
	segment(T0 + 120, ",\"gap_s\":20.0");
	put("snapshot", T0 + 120,
	    ",\"sock\":\"1\"," LOCAL("tcp", 80) OWNER ",\"state\":\"LISTEN\"");
	put("seal", T0 + 130, "");
	put("seal", T0 + 190, ""); /* by the recorder after it, that found it dead */
	segment(T0 + 190, ",\"gap_s\":0.001");
	{
		char fields[200];

		snprintf(fields, sizeof(fields),
			 ",\"reason\":\"crash\",\"count\":0,\"from\":\"%s\",\"to\":\"%s\"",
			 stamp(T0 + 130), stamp(T0 + 190));
		put("lost", T0 + 190, fields);
	}
	put("seal", T0 + 300, "");
	expect_gap(T0 - 1, "before-log", 0, T0);
	expect_gap(T0 + 110, "stopped", T0 + 100, T0 + 120);
	expect_gap(T0 + 150, "no-stop", T0 + 130, T0 + 190);
	expect_gap(T0 + 301, "after-log", T0 + 300, 0);
	ask(T0 + 125);
	assert_true(answer.covered && answer.run_ns == ns_of(T0 + 120));
	assert_non_null(find(1));
	assert_null(find(5)); /* the recorder before knew it: nobody says that it is still there */
	forget();
	ask(T0 + 195);
	assert_true(answer.covered);
	assert_null(find(1));
	forget();
}

static void test_lost(void **state)
{
	char fields[200];

	(void)state;
	begin_log();
	snprintf(fields, sizeof(fields),
		 ",\"reason\":\"ring\",\"count\":5,\"from\":\"%s\",\"to\":\"%s\"", stamp(T0 + 20),
		 stamp(T0 + 21));
	put("lost", T0 + 21.5, fields);
	put("peer", T0 + 60, ",\"sock\":\"5\"," TUPLE(53, 9));
	expect_gap(T0 + 20.5, "lost", T0 + 20, T0 + 21);
	ask(T0 + 19);
	assert_true(answer.covered && !answer.lost);
	forget();
	ask(T0 + 30);
	assert_true(answer.covered && answer.lost == 5 && answer.lost_ns == ns_of(T0 + 21));
	forget();
}

/* Some are missing in the middle: what was open stays so, and it is told. */
static void test_missing(void **state)
{
	(void)state;
	segment(T0, "");
	put("bind", T0 + 1,
	    ",\"sock\":\"3\"," LOCAL("tcp", 70) OWNER
	    ",\"state\":\"CLOSE\",\"req_port\":70,\"options\":[]");
	seq += 3;
	put("peer", T0 + 9, ",\"sock\":\"5\"," TUPLE(53, 9));
	put("peer", T0 + 30, ",\"sock\":\"5\"," TUPLE(53, 9));
	expect_gap(T0 + 5, "missing", T0 + 1, T0 + 9);
	ask(T0 + 10);
	assert_true(answer.covered && answer.missing == 3);
	assert_non_null(find(3));
	forget();
}

static void test_reboot(void **state)
{
	(void)state;
	begin_log();
	boot = "b1";
	segment(T0 + 15, ",\"gap_s\":1.0");
	put("peer", T0 + 30, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 20);
	assert_int_equal(ports->n_socks, 0);
	forget();
}

static void test_filters_of_recorder(void **state)
{
	static const struct {
		const char *args;
		bool filtered;
	} rows[] = {
		{ "\"record\",\"--dir\",\"/x\",\"--rotate-size\",\"1M\"", false },
		{ "\"record\",\"--port\",\"80\"", true },
		{ "\"record\",\"--port=80\"", true },
		{ "\"record\",\"-P\",\"80\"", true },
		{ "\"record\",\"-4\"", true },
		{ "\"trace\",\"--json\",\"--no-snapshot\"", true },
		{ "\"trace\",\"--json\",\"--\",\"sh\"", true },
		{ "\"record\",7,null", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char fields[256];

		setup(state);
		segment(T0, "");
		snprintf(fields, sizeof(fields),
			 ",\"version\":\"0\",\"kernel\":\"6\",\"args\":[\"socklife\",%s]",
			 rows[i].args);
		put("start", T0, fields);
		put("peer", T0 + 9, ",\"sock\":\"5\"," TUPLE(53, 9));
		ask(T0 + 1);
		assert_true(answer.covered);
		assert_int_equal(answer.filtered, rows[i].filtered);
		forget();
		teardown(state);
	}
	setup(state);
}

/* Settings and fields that no recorder writes. */
static void test_hostile(void **state)
{
	static const char *const settings[] = {
		"{\"range_low\":60000,\"range_high\":100}",
		"{\"range_low\":1,\"range_high\":99999}",
		"{\"range_low\":100,\"range_high\":200,\"reserved\":102}",
		"{\"range_low\":100,\"range_high\":200,\"reserved\":99999999999}",
		"{\"range_low\":0,\"range_high\":0,\"reserved_ports\":\"7-99999999999999999999,x\"}",
		"{}",
	};
	static const char *const procs[] = {
		"", ".", "1.2", "1.2.3.4", "0.1.1", "-1.1.1", "1.1.x", "99999999999999999999.1.1"
	};

	(void)state;
	segment(T0, "");
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char fields[512];

		snprintf(
			fields, sizeof(fields),
			",\"sock\":\"%zu\",\"proto\":\"tcp\",\"family\":\"ipv6\",\"laddr\":\"::\",\"lport\":80,"
			"\"netns\":%zu,\"netns_cookie\":\"70\",\"state\":\"LISTEN\",\"options\":[7,null,\"zork\"],"
			"\"settings\":%s",
			i + 1, i + 1, settings[i]);
		put("snapshot", T0 + 1, fields);
	}
	for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++) {
		char fields[512];

		snprintf(
			fields, sizeof(fields),
			",\"sock\":\"%zu\",\"proto\":\"zork\",\"family\":\"zork\",\"laddr\":\"zork\",\"lport\":81,"
			"\"netns\":0,\"state\":\"zork\",\"proc\":\"%s\",\"fd\":18446744073709551615",
			i + 100, procs[i]);
		put("snapshot", T0 + 1, fields);
	}
	put("snapshot", T0 + 1, ",\"sock\":\"0\"," LOCAL("tcp", 80));
	put("peer", T0 + 9, ",\"sock\":\"5\"," TUPLE(53, 9));
	ask(T0 + 2);
	assert_true(answer.covered);
	assert_int_equal(ports->n_socks, 6 + 8);
	for (size_t i = 0; i < ports->n_netns; i++)
		assert_int_equal(ports->netns[i].capacity, 0);
	assert_int_equal(ports->n_processes, 0);
	forget();
}

/* A log whose one socket is of no namespace. */
static void test_no_namespace(void **state)
{
	(void)state;
	segment(T0, "");
	put("listen", T0 + 1,
	    ",\"sock\":\"1\",\"proto\":\"tcp\",\"family\":\"ipv4\",\"laddr\":\"0.0.0.0\",\"lport\":80" OWNER
	    ",\"state\":\"LISTEN\",\"backlog\":5");
	put("stop", T0 + 100, "");
	ask(T0 + 50);
	assert_true(answer.covered);
	assert_int_equal(ports->n_socks, 1);
	assert_int_equal(ports->n_netns, 1);
	assert_int_equal(ports->netns[0].sockets, 1);
	forget();
}

/* --- idmap --- */

struct element {
	uint64_t id, value;
};

static void test_idmap(void **state)
{
	struct element *e;
	struct idmap m;

	(void)state;
	assert_int_equal(idmap__init(&m, sizeof(*e), 5000), 0);
	assert_null(idmap__find(&m, 1));
	for (uint64_t i = 1; i <= 5000; i++) {
		e = idmap__put(&m, i * 1024);
		assert_true(e && !e->value && e->id == i * 1024);
		e->value = i;
	}
	assert_null(idmap__put(&m, 7));
	assert_true(((struct element *)idmap__put(&m, 1024))->value == 1);
	for (uint64_t i = 1; i <= 5000; i += 2)
		idmap__remove(&m, i * 1024);
	idmap__remove(&m, 7);
	assert_int_equal(m.n, 2500);
	for (uint64_t i = 1; i <= 5000; i++) {
		e = idmap__find(&m, i * 1024);
		assert_true(i % 2 ? !e : e && e->value == i);
	}
	idmap__clear(&m);
	assert_null(idmap__find(&m, 2048));
	assert_non_null(idmap__put(&m, 2048));
	idmap__free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_usual, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_what_is_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reused_tuple, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reboot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters_of_recorder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_namespace, setup, teardown),
		cmocka_unit_test(test_idmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
