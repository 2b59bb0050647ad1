// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics: counting, bounds, the text of both formats, health; the address of --metrics. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "detect.h"
#include "metrics.h"
#include "metrics_text.h"
#include "pipeline.h"
#include "sample.h"

static int setup(void **state)
{
	*state = metrics__new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	metrics__free(*state);
	return 0;
}

static const struct metrics_counts *counts_of(const struct metrics *m)
{
	static struct metrics_counts c;

	metrics__read(m, &c);
	return &c;
}

static struct ev_sock sock_of(uint64_t cookie, const char *comm)
{
	return sample__event_of(EV_CONNECT, cookie, T0, 9001, comm).base.sock;
}

/* --- records --- */

static void connect_after(struct metrics *m, uint64_t ns, int error)
{
	union event e = sample__event_of(EV_CONNECT, 1, T0 + ns, 9001, "curl");
	struct record r = { .type = RECORD_CONNECT,
			    .boot_ns = T0 + ns,
			    .sock = &e.base.sock,
			    .error = error,
			    .u.connect = &e.connect };

	e.connect.started_ns = T0;
	e.connect.error = error;
	metrics__record(m, &r);
}

static void test_histogram(void **state)
{
	const struct metrics_bucket *b = metrics__buckets(HISTOGRAM_CONNECT);
	const struct metrics_counts *c;
	size_t last;

	for (last = 0; b[last].ns != UINT64_MAX; last++)
		assert_true(last == 0 || b[last].ns > b[last - 1].ns);
	connect_after(*state, b[0].ns, 0);     /* its upper end belongs to it */
	connect_after(*state, b[0].ns + 1, 0); /* and no more */
	connect_after(*state, 3600 * SECOND, 0);
	connect_after(*state, 5, -ECONNREFUSED);
	c = counts_of(*state);
	assert_int_equal(c->histograms[HISTOGRAM_CONNECT].buckets[0], 1);
	assert_int_equal(c->histograms[HISTOGRAM_CONNECT].buckets[1], 1);
	assert_int_equal(c->histograms[HISTOGRAM_CONNECT].buckets[last], 1);
	assert_int_equal(c->histograms[HISTOGRAM_CONNECT].sum_ns, 2 * b[0].ns + 1 + 3600 * SECOND);
	assert_int_equal(c->events[RECORD_CONNECT], 4);
	assert_int_equal(c->failures[CALL_CONNECT][ECONNREFUSED], 1);
}

/* A clock that goes back, no start, UDP: counted, not timed. */
static void test_not_timed(void **state)
{
	union event e = sample__event_of(EV_CONNECT, 1, T0, 9001, "curl");
	struct record r = {
		.type = RECORD_CONNECT, .boot_ns = T0, .sock = &e.base.sock, .u.connect = &e.connect
	};
	const struct metrics_counts *c;

	metrics__record(*state, &r);
	e.connect.started_ns = T0 + 1;
	metrics__record(*state, &r);
	e.connect.started_ns = T0 - 1;
	e.base.sock.proto = IPPROTO_UDP;
	metrics__record(*state, &r);
	e.connect.abandoned = 1;
	metrics__record(*state, &r);
	c = counts_of(*state);
	assert_int_equal(c->histograms[HISTOGRAM_CONNECT].sum_ns, 0);
	assert_int_equal(c->events[RECORD_CONNECT], 4);
	assert_int_equal(c->abandoned, 1);
}

static void test_errnos(void **state)
{
	connect_after(*state, 1, -(METRICS_ERRNOS - 1));
	connect_after(*state, 1, -METRICS_ERRNOS);
	connect_after(*state, 1, INT32_MIN);
	assert_int_equal(counts_of(*state)->failures[CALL_CONNECT][METRICS_ERRNOS - 1], 1);
	assert_int_equal(counts_of(*state)->failures[CALL_CONNECT][0], 2);
}

static void test_close(void **state)
{
	union event e = sample__event_of(EV_CLOSE, 1, T0, 9001, "curl");
	struct life life = { .role = ROLE_SERVER,
			     .reason = REASON_REMOTE_RESET,
			     .established_ns = T0 - 2 * SECOND,
			     .ended_ns = T0,
			     .tx_bytes = 10,
			     .rx_bytes = 20,
			     .retrans = 3 };
	struct record r = {
		.type = RECORD_CLOSE, .boot_ns = T0, .sock = &e.base.sock, .u.life = &life
	};
	const struct metrics_counts *c;

	metrics__record(*state, &r);
	life.role = ROLE_LISTENER;
	metrics__record(*state, &r);
	e.base.sock.proto = IPPROTO_UDP;
	metrics__record(*state, &r);
	c = counts_of(*state);
	assert_int_equal(c->closes[REASON_REMOTE_RESET], 3);
	assert_int_equal(c->tx_bytes, 20);
	assert_int_equal(c->rx_bytes, 40);
	assert_int_equal(c->retrans, 6);
	assert_int_equal(c->histograms[HISTOGRAM_SERVER].sum_ns, 2 * SECOND);
	assert_int_equal(c->histograms[HISTOGRAM_CLIENT].sum_ns, 0);
}

static void test_findings_and_losses(void **state)
{
	struct lost lost = { .reason = LOST_RING, .count = 7 };
	struct finding f = { .id = detectors[1]->id, .status = FINDING_UPDATE };
	struct record found = { .type = RECORD_FINDING, .u.finding = &f };
	struct record told = { .type = RECORD_LOST, .u.lost = &lost };
	size_t n;

	for (n = 0; detectors[n]; n++)
		;
	assert_true(n <= METRICS_DETECTORS);
	metrics__record(*state, &found);
	f.id = "none of them";
	metrics__record(*state, &found);
	metrics__record(*state, &told);
	metrics__record(*state, &told);
	metrics__set_lost(*state, LOST_DISK, 5);
	assert_int_equal(counts_of(*state)->findings[1][FINDING_UPDATE], 1);
	assert_int_equal(counts_of(*state)->lost[LOST_RING], 14);
	assert_int_equal(counts_of(*state)->lost[LOST_DISK], 5);
}

/* --- open sockets --- */

static uint64_t open_of(const struct metrics *m, const char *comm)
{
	struct metrics_comm list[METRICS_COMMS];
	size_t n = metrics__comms(m, list), i;
	uint64_t found = 0;

	for (i = 0; i < n; i++) {
		if (strncmp(list[i].comm, comm, COMM_LEN) != 0)
			continue;
		assert_int_equal(found, 0); /* no name twice */
		found = list[i].open;
	}
	return found;
}

static void test_open(void **state)
{
	struct ev_sock a = sock_of(1, "nginx"), b = sock_of(2, "nginx");
	uint8_t note_a = metrics__note(*state, &a, 0, false);
	uint8_t note_b = metrics__note(*state, &b, 0, false);

	assert_int_equal(metrics__note(*state, &a, note_a, false), note_a);
	assert_int_equal(open_of(*state, "nginx"), 2);
	/* accepted by another process */
	memcpy(b.owner.comm, "worker", sizeof("worker"));
	note_b = metrics__note(*state, &b, note_b, false);
	assert_int_equal(open_of(*state, "nginx"), 1);
	assert_int_equal(open_of(*state, "worker"), 1);
	assert_int_equal(metrics__note(*state, &a, note_a, true), 0);
	metrics__note(*state, &b, note_b, true);
	assert_int_equal(open_of(*state, "nginx"), 0);
	assert_int_equal(counts_of(*state)->open, 0);
}

#define MANY (METRICS_COMMS + 10)

static void test_many_names(void **state)
{
	uint8_t notes[MANY];
	struct ev_sock s;
	char comm[COMM_LEN];
	uint8_t round, i; /* gcc sees that they fit */

	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++) {
			snprintf(comm, sizeof(comm), "p%hhu.%hhu", i, round);
			s = sock_of(i + 1, comm);
			notes[i] = metrics__note(*state, &s, 0, false);
		}
		assert_int_equal(counts_of(*state)->open_other, MANY - METRICS_COMMS);
		assert_int_equal(counts_of(*state)->open, MANY);
		snprintf(comm, sizeof(comm), "p%hhu.%hhu", (uint8_t)(METRICS_COMMS - 1), round);
		assert_int_equal(open_of(*state, comm), 1);
		for (i = 0; i < MANY; i++) {
			s = sock_of(i + 1, "");
			metrics__note(*state, &s, notes[i], true);
		}
		assert_int_equal(counts_of(*state)->open, 0);
		assert_int_equal(counts_of(*state)->open_other, 0);
	}
}

/* Against a plain count, names and sockets at random. */
static void test_random_names(void **state)
{
	enum { SOCKS = 600, NAMES = 200 };
	static int name_of[SOCKS];
	static uint8_t notes[SOCKS];
	uint64_t want[NAMES] = { 0 }, sum = 0, told = 0;
	struct metrics_comm list[METRICS_COMMS];
	unsigned int seed = 7;
	char comm[COMM_LEN];
	struct ev_sock s;
	size_t n, i;

	for (i = 0; i < 100000; i++) {
		int at = rand_r(&seed) % SOCKS, name = rand_r(&seed) % NAMES;
		bool gone = notes[at] && rand_r(&seed) % 2;

		snprintf(comm, sizeof(comm), "n%d", name);
		s = sock_of(at + 1, comm);
		if (notes[at])
			want[name_of[at]]--;
		if (!gone)
			want[name]++;
		name_of[at] = name;
		notes[at] = metrics__note(*state, &s, notes[at], gone);
	}
	for (i = 0; i < NAMES; i++)
		sum += want[i];
	n = metrics__comms(*state, list);
	for (i = 0; i < n; i++) {
		told += list[i].open;
		/* the others of a name can be in `other`: they came when there was no room */
		assert_true(list[i].open <= want[atoi(list[i].comm + 1)]);
	}
	assert_int_equal(told + counts_of(*state)->open_other, sum);
	assert_int_equal(counts_of(*state)->open, sum);
}

static void test_called_other(void **state)
{
	struct ev_sock s = sock_of(1, METRICS_OTHER);
	uint8_t note = metrics__note(*state, &s, 0, false);

	assert_int_equal(open_of(*state, METRICS_OTHER), 0);
	assert_int_equal(counts_of(*state)->open_other, 1);
	metrics__note(*state, &s, note, true);
	assert_int_equal(counts_of(*state)->open_other, 0);
}

static void test_listeners(void **state)
{
	struct ev_sock s = sock_of(77, "nginx");
	char comm[COMM_LEN];
	uint8_t note;

	note = metrics__note(*state, &s, 0, false);
	assert_false(metrics__listener(*state, 77, comm));
	s.state = TCP_LISTEN;
	note = metrics__note(*state, &s, note, false);
	assert_true(metrics__listener(*state, 77, comm));
	assert_string_equal(comm, "nginx");
	memcpy(s.owner.comm, "other", sizeof("other"));
	note = metrics__note(*state, &s, note, false);
	assert_true(metrics__listener(*state, 77, comm));
	assert_string_equal(comm, "other");
	/* shutdown() of a listener */
	s.state = TCP_CLOSE;
	note = metrics__note(*state, &s, note, false);
	assert_false(metrics__listener(*state, 77, comm));
	s.state = TCP_LISTEN;
	note = metrics__note(*state, &s, note, false);
	metrics__note(*state, &s, note, true);
	assert_false(metrics__listener(*state, 77, comm));
	assert_false(metrics__listener(*state, 0, comm));
}

/* More than are remembered: each that is known has its name, and all are forgotten again. */
static void test_many_listeners(void **state)
{
	enum { N = 3 * METRICS_LISTENERS };
	static uint8_t notes[N];
	struct ev_sock s = sock_of(1, "nginx");
	char comm[COMM_LEN];
	size_t known = 0, i;

	s.state = TCP_LISTEN;
	for (i = 0; i < N; i++) {
		s.cookie = i + 1;
		notes[i] = metrics__note(*state, &s, 0, false);
	}
	for (i = 0; i < N; i++)
		known += metrics__listener(*state, i + 1, comm);
	assert_true(known > METRICS_LISTENERS / 2 && known <= METRICS_LISTENERS);
	for (i = 0; i < N; i++) {
		s.cookie = i + 1;
		metrics__note(*state, &s, notes[i], true);
		assert_false(metrics__listener(*state, i + 1, comm));
	}
	assert_int_equal(counts_of(*state)->open, 0);
}

/* --- while somebody else reads --- */

static int stop;

static void *reader(void *arg)
{
	struct metrics_comm list[METRICS_COMMS];
	char comm[COMM_LEN];
	size_t n, i, wrong = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = metrics__comms(arg, list);
		for (i = 0; i < n; i++) /* one letter, sixteen times but for its end */
			wrong += strspn(list[i].comm, (char[]){ list[i].comm[0], 0 }) != 15;
		if (metrics__listener(arg, 1, comm))
			wrong += strspn(comm, (char[]){ comm[0], 0 }) != 15;
	}
	return (void *)wrong;
}

static void test_readers(void **state)
{
	struct ev_sock s = sock_of(1, "");
	pthread_t thread;
	void *wrong;
	int i, k;

	stop = 0;
	assert_int_equal(pthread_create(&thread, NULL, reader, *state), 0);
	for (i = 0; i < 200000; i++) {
		uint8_t notes[3];

		for (k = 0; k < 3; k++) {
			memset(s.owner.comm, 'a' + (i + k * 7) % 26, 15);
			s.state = k ? TCP_ESTABLISHED : TCP_LISTEN;
			s.cookie = k + 1;
			notes[k] = metrics__note(*state, &s, 0, false);
		}
		for (k = 0; k < 3; k++) {
			s.cookie = k + 1;
			metrics__note(*state, &s, notes[k], true);
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, &wrong);
	assert_null(wrong);
}

/* --- behind the pipeline: what is evicted, and what is missing, is no more open --- */

static ssize_t no_answer(void *arg, enum question q, const void *question, size_t len, void *answer,
			 size_t max)
{
	(void)arg, (void)q, (void)question, (void)len, (void)answer, (void)max;
	return -ENOENT;
}

static void write_nowhere(struct sink *s, const struct record *r, uint64_t seq)
{
	(void)s, (void)r, (void)seq;
}

static void free_nothing(struct sink *s)
{
	(void)s;
}

static void test_pipeline(void **state)
{
	static struct sink sink = { .write = write_nowhere, .free = free_nothing };
	const struct pipeline_watch watch = { .record = metrics__record,
					      .arg = *state,
					      .noter = { metrics__note, *state } };
	struct pipeline_config config = { .table_size = 10, .filter.events = 1u << RECORD_CLOSE };
	struct kernel kernel = { .ask = no_answer };
	struct pipeline *p = pipeline__new(&config, &kernel, NULL);
	union event e;
	uint64_t i;

	assert_non_null(p);
	assert_int_equal(pipeline__set_sink(p, &sink), 0);
	pipeline__watch(p, &watch);
	pipeline__start(p, T0);
	for (i = 1; i <= 25; i++) {
		e = sample__event_of(EV_CONNECT, i, T0 + i, 9001, "curl");
		pipeline__event(p, &e, e.head.size);
	}
	assert_int_equal(open_of(*state, "curl"), 10);
	/* chosen or not */
	assert_int_equal(counts_of(*state)->events[RECORD_CONNECT], 25);
	pipeline__missing(p, 25, T0 + 30);
	e = sample__event_of(EV_CLOSE, 24, T0 + 31, 9001, "curl");
	pipeline__event(p, &e, e.head.size);
	e = sample__event_of(EV_CLOSE, 3, T0 + 32, 9001, "curl"); /* evicted long ago */
	pipeline__event(p, &e, e.head.size);
	assert_int_equal(open_of(*state, "curl"), 8);
	assert_int_equal(counts_of(*state)->events[RECORD_CLOSE], 3);
	pipeline__free(p);
}

/* --- text --- */

static struct looked looked;
static char listeners[LOOK_LISTENERS][COMM_LEN];

static char *text_of(struct metrics *m, bool openmetrics)
{
	static struct metrics_values v;
	struct buf b = { 0 };

	v = (struct metrics_values){ .looked = &looked,
				     .listeners = listeners,
				     .own = { .version = "1\"2", .kernel = "6" },
				     .now_ns = T0 };
	metrics__read(m, &v.counts);
	v.n_comms = metrics__comms(m, v.comms);
	metrics_text__write(&b, &v, openmetrics);
	assert_false(b.failed);
	buf__char(&b, '\0');
	return b.data;
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at > text && at[-1] != '\n'))
		fail_msg("no line '%s' in\n%s", line, text);
}

static void test_formats(void **state)
{
	char *text;

	connect_after(*state, 1500000000, 0);
	text = text_of(*state, true);
	has(text, "# TYPE socklife_events counter\n");
	has(text, "socklife_events_total{type=\"connect\"} 1\n");
	has(text, "# TYPE socklife_build info\n");
	has(text, "socklife_build_info{version=\"1\\\"2\",kernel=\"6\"} 1\n");
	has(text, "# UNIT socklife_connect_latency_seconds seconds\n");
	has(text, "socklife_connect_latency_seconds_bucket{le=\"1.0\"} 0\n");
	has(text, "socklife_connect_latency_seconds_bucket{le=\"2.5\"} 1\n");
	has(text, "socklife_connect_latency_seconds_bucket{le=\"+Inf\"} 1\n");
	has(text, "socklife_connect_latency_seconds_sum 1.500000000\n");
	has(text, "socklife_connect_latency_seconds_count 1\n");
	has(text, "socklife_open_sockets{comm=\"other\"} 0\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	text = text_of(*state, false);
	has(text, "# TYPE socklife_events_total counter\n");
	has(text, "# TYPE socklife_build_info gauge\n");
	assert_null(strstr(text, "# UNIT"));
	assert_null(strstr(text, "# EOF"));
	free(text);
}

static void test_escaping(void **state)
{
	static const struct {
		const char *comm, *label;
	} rows[] = {
		{ "tmux: server", "tmux: server" },
		{ "a\"b", "a\\\"b" },
		{ "a\nb", "a\\\\x0ab" },
		{ "a\\nb", "a\\\\x5cnb" },
		{ "\xff\xc3", "\\\\xff\\\\xc3" },
		{ "\x1b[31m", "\\\\x1b[31m" },
		{ "\\x20", "\\\\x5cx20" },
		{ "gr\xc3\xb6\xc3\x9f"
		  "e",
		  "gr\xc3\xb6\xc3\x9f"
		  "e" },
		{ "", "" },
	};
	char line[128], *text;
	struct ev_sock s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = sock_of(i + 1, rows[i].comm);
		metrics__note(*state, &s, 0, false);
	}
	text = text_of(*state, true);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "socklife_open_sockets{comm=\"%s\"} 1\n",
			 rows[i].label);
		has(text, line);
	}
	free(text);
}

/* All that can be there at once: the text has a bound. */
static void test_bound(void **state)
{
	char *text, comm[COMM_LEN];
	struct ev_sock s;
	size_t i;

	for (i = 0; i < 2 * METRICS_COMMS; i++) {
		memset(comm, 0x80, sizeof(comm));
		snprintf(comm + 10, 6, "%zu", i);
		s = sock_of(i + 1, "");
		memcpy(s.owner.comm, comm, COMM_LEN);
		metrics__note(*state, &s, 0, false);
	}
	for (i = 1; i < 2 * METRICS_ERRNOS; i++)
		connect_after(*state, 1, -(int)i);
	memset(&looked, 0, sizeof(looked));
	looked.n_listeners = LOOK_LISTENERS;
	looked.n_destinations = LOOK_DESTINATIONS;
	looked.other_limit = 1;
	for (i = 0; i < LOOK_LISTENERS; i++) {
		looked.listeners[i].sock.family = AF_INET6;
		memset(looked.listeners[i].sock.laddr, 0xfd, ADDR_LEN);
		memset(listeners[i], 0xff, COMM_LEN);
	}
	text = text_of(*state, true);
	assert_true(strlen(text) < 100000);
	has(text, "socklife_accept_queue_limit{netns=\"other\",laddr=\"other\",lport=\"other\","
		  "comm=\"other\"} 1\n");
	free(text);
	memset(&looked, 0, sizeof(looked));
}

static void test_health(void **state)
{
	char text[128];

	metrics__beat(*state, T0);
	metrics__output(*state, 0, 0);
	assert_null(metrics_text__sick(counts_of(*state), T0 + METRICS_STALL_NS, text, 128));
	assert_string_equal(metrics_text__sick(counts_of(*state), T0 + 2 * METRICS_STALL_NS, text,
					       128),
			    "no events have been read for 20 s\n");
	metrics__output(*state, -ENOSPC, 0);
	assert_string_equal(metrics_text__sick(counts_of(*state), T0, text, 128),
			    "the output cannot be written: ENOSPC\n");
	metrics__output(*state, 0, T0 - METRICS_STALL_NS);
	assert_null(metrics_text__sick(counts_of(*state), T0, text, 128));
	metrics__output(*state, 0, T0 - METRICS_STALL_NS - SECOND);
	assert_string_equal(metrics_text__sick(counts_of(*state), T0, text, 128),
			    "the log's writer has been stuck for 11 s\n");
}

static void test_accept_header(void **state)
{
	(void)state;
	assert_true(metrics_text__is_openmetrics(NULL));
	assert_true(metrics_text__is_openmetrics("*/*"));
	assert_true(metrics_text__is_openmetrics(
		"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"));
	assert_false(metrics_text__is_openmetrics("text/plain;version=0.0.4;q=1,*/*;q=0.1"));
}

/* --- the option --- */

static bool takes(const char *value, struct metrics_address *at)
{
	static struct options o;
	const struct option_row *row = option_rows_metrics;

	memset(&o, 0, sizeof(o));
	if (row->parse(&o, row, value)) {
		assert_int_equal(o.metrics.family, 0);
		return false;
	}
	*at = o.metrics;
	return true;
}

static void test_address(void **state)
{
	static const char *const wrong[] = {
		"",
		"0",
		"65536",
		"-1",
		"x",
		":9",
		"::1:9",
		"[::1]9",
		"[::1:9",
		"::1]:9",
		"[]:9",
		"[",
		"]:9",
		"1.2.3.4:",
		"1.2.3:9",
		"[1.2.3.4]:9",
		"localhost:9",
		"9 ",
		"[::1]:",
		"1.2.3.4:0",
		"1.2.3.4.5:9",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:9",
	};
	struct metrics_address at;
	uint8_t addr[ADDR_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (takes(wrong[i], &at))
			fail_msg("'%s' was taken", wrong[i]);
	assert_true(takes("9477", &at));
	sample__ipv4(addr, INADDR_LOOPBACK);
	assert_memory_equal(at.addr, addr, ADDR_LEN);
	assert_int_equal(at.port, 9477);
	assert_int_equal(at.family, AF_INET);
	assert_true(takes("0.0.0.0:65535", &at));
	sample__ipv4(addr, INADDR_ANY);
	assert_memory_equal(at.addr, addr, ADDR_LEN);
	assert_int_equal(at.port, 65535);
	assert_true(takes("[::1]:1", &at));
	assert_memory_equal(at.addr, &in6addr_loopback, ADDR_LEN);
	assert_int_equal(at.family, AF_INET6);
	assert_string_equal(at.text, "[::1]:1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(histogram),
		TEST(not_timed),
		TEST(errnos),
		TEST(close),
		TEST(findings_and_losses),
		TEST(open),
		TEST(many_names),
		TEST(random_names),
		TEST(called_other),
		TEST(listeners),
		TEST(many_listeners),
		TEST(readers),
		TEST(pipeline),
		TEST(formats),
		TEST(escaping),
		TEST(bound),
		TEST(health),
		cmocka_unit_test(test_accept_header),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
