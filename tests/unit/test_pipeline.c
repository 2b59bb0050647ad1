// SPDX-License-Identifier: GPL-2.0-or-later
/* pipeline: which records come out, in what numbering, and that a capture brings the same bytes again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "pipeline.h"
#include "sample.h"
#include "sock_table.h"

#define SEEN_MAX 64

/* A sink that remembers, and a kernel that answers. */
struct bench {
	struct sink sink; /* first: write() gets it */
	struct {
		enum record_type type;
		uint64_t seq, boot_ns, cookie;
		struct lost lost;
		struct stop stop;
		int64_t step_us;
		uint64_t gap_ms;
		uint32_t inferred;
		char cgroup[32];
	} seen[SEEN_MAX];
	size_t n;
	struct {
		struct ev_owner proc;
		uint64_t seq, boot_ns;
		char exe[64];
		bool args;
	} told[SEEN_MAX]; /* process records: apart, so that the others can be counted */
	size_t n_told;
	uint64_t last_seq;
	struct pipeline *p;
	unsigned int asked[QUESTIONS];
};

static void stub_write(struct sink *s, const struct record *r, uint64_t seq)
{
	struct bench *b = (struct bench *)s;

	assert_int_equal(seq, ++b->last_seq);
	if (r->type == RECORD_PROCESS) {
		assert_true(b->n_told < SEEN_MAX);
		b->told[b->n_told].proc = r->u.process->proc;
		b->told[b->n_told].seq = seq;
		b->told[b->n_told].boot_ns = r->boot_ns;
		b->told[b->n_told].args = r->u.process->args;
		snprintf(b->told[b->n_told].exe, sizeof(b->told[0].exe), "%s",
			 r->u.process->exe ? r->u.process->exe : "");
		b->n_told++;
		return;
	}
	assert_true(b->n < SEEN_MAX);
	b->seen[b->n].type = r->type;
	b->seen[b->n].seq = seq;
	b->seen[b->n].boot_ns = r->boot_ns;
	b->seen[b->n].inferred = r->inferred;
	if (r->type >= RECORD_SNAPSHOT && r->type <= RECORD_CLOSE)
		b->seen[b->n].cookie = r->sock->cookie;
	if (r->type == RECORD_LOST)
		b->seen[b->n].lost = *r->u.lost;
	if (r->type == RECORD_STOP)
		b->seen[b->n].stop = *r->u.stop;
	if (r->segment)
		b->seen[b->n].gap_ms = r->segment->gap_ms;
	if (r->type == RECORD_CLOCK)
		b->seen[b->n].step_us = r->u.step_us;
	if (r->cgroup)
		snprintf(b->seen[b->n].cgroup, sizeof(b->seen[b->n].cgroup), "%s", r->cgroup);
	b->n++;
}

static void stub_free(struct sink *s)
{
	(void)s;
}

/* What holds port 80: nginx, found by the kernel. */
static struct holder nginx(void)
{
	struct holder h = { .proc = sample__process(812, "nginx"),
			    .uid_known = true,
			    .options_known = true,
			    .user = "root" };

	h.sock = sample__event(EV_LISTEN, 500, 0).base.sock;
	h.sock.lport = 80;
	h.sock.rport = 0;
	h.sock.state = TCP_LISTEN;
	return h;
}

static ssize_t stub_ask(void *arg, enum question q, const void *question, size_t len, void *answer,
			size_t max)
{
	struct holder h = nginx();
	unsigned int *asked = arg;

	(void)question;
	(void)len;
	asked[q]++;
	if (q == ASK_HOLDERS && max >= sizeof(h)) {
		memcpy(answer, &h, sizeof(h));
		return sizeof(h);
	}
	if (q == ASK_CGROUP && max >= 12) {
		memcpy(answer, "/nginx.slice", 12);
		return 12;
	}
	return -ENOENT;
}

static struct bench *begin(struct bench *b, struct pipeline_config c)
{
	struct kernel kernel = { .ask = stub_ask, .arg = b->asked };

	memset(b, 0, sizeof(*b));
	b->sink.write = stub_write;
	b->sink.free = stub_free;
	if (!c.table_size)
		c.table_size = 100;
	b->p = pipeline__new(&c, &kernel, NULL);
	assert_non_null(b->p);
	pipeline__set_sink(b->p, &b->sink);
	pipeline__start(b->p, T0);
	return b;
}

static void say(struct bench *b, const union event *e)
{
	pipeline__event(b->p, e, e->head.size);
}

static void say_new(struct bench *b, enum ev_type type, uint64_t cookie, uint64_t at)
{
	union event e = sample__event_of(type, cookie, at, 9001, "curl");

	say(b, &e);
}

/* Ends it. What was seen are exactly these types, up to RECORD_TYPES, numbered from 1. */
static void want(struct bench *b, const enum record_type *types)
{
	struct ending ending = { .now_ns = T0 + 100 * SECOND };
	size_t i;

	pipeline__end(b->p, &ending);
	for (i = 0; types[i] != RECORD_TYPES; i++) {
		if (i >= b->n)
			fail_msg("record %zu is missing: %s", i + 1, record_names[types[i]]);
		if (b->seen[i].type != types[i])
			fail_msg("record %zu is %s, not %s", i + 1, record_names[b->seen[i].type],
				 record_names[types[i]]);
	}
	assert_int_equal(b->n, i);
	pipeline__free(b->p);
}

#define WANT(b, ...) want(b, (const enum record_type[]){ __VA_ARGS__, RECORD_TYPES })

static const struct pipeline_config plain = { .table_size = 100 };
static struct bench bench;

/* --- the stream --- */

static void numbered_without_gaps(void **state)
{
	struct bench *b = begin(&bench, plain);

	(void)state;
	say_new(b, EV_SNAPSHOT, 1, T0 + 1);
	say_new(b, EV_SNAPSHOT, 1, T0 + 2); /* known */
	say_new(b, EV_BIND, 2, T0 + 3);
	pipeline__event(b->p, "rubbish", 7);
	pipeline__tick(b->p, T0 + SECOND, 0);
	pipeline__tick(b->p, T0 + 2 * SECOND, 0);
	say_new(b, EV_CLOSE, 2, T0 + 3 * SECOND);
	pipeline__missing(b->p, 1, T0 + 4 * SECOND);
	pipeline__missing(b->p, 77, T0 + 4 * SECOND);
	assert_int_equal(b->seen[1].boot_ns, T0 + 1);
	WANT(b, RECORD_START, RECORD_SNAPSHOT, RECORD_BIND, RECORD_LOST, RECORD_CLOSE, RECORD_CLOSE,
	     RECORD_STOP);
	assert_int_equal(b->seen[5].cookie, 1);
	assert_true(b->seen[5].inferred & INFERRED_ENDED);
	assert_int_equal(b->seen[6].boot_ns, T0 + 100 * SECOND);
}

static void bad_records_are_told_at_the_tick(void **state)
{
	union event e = sample__event(EV_BIND, 1, T0);
	struct bench *b = begin(&bench, plain);

	(void)state;
	say_new(b, EV_PEER, 9, T0 + 5);
	pipeline__event(b->p, "", 0);
	say_new(b, EV_PEER, 9, T0 + 7);
	e.base.sock.family = 0;
	say(b, &e);
	assert_int_equal(b->n, 3); /* start and two peers */
	assert_int_equal(pipeline__losses(b->p)[LOST_RECORD], 0);
	pipeline__tick(b->p, T0 + SECOND, 0);
	assert_int_equal(b->n, 4);
	assert_int_equal(b->seen[3].lost.reason, LOST_RECORD);
	assert_int_equal(b->seen[3].lost.count, 2);
	assert_int_equal(b->seen[3].lost.from_ns, T0 + 5);
	assert_int_equal(b->seen[3].lost.to_ns, T0 + 7);
	assert_int_equal(b->seen[3].boot_ns, T0 + 7);
	assert_int_equal(pipeline__losses(b->p)[LOST_RECORD], 2);
	pipeline__tick(b->p, T0 + 2 * SECOND, 0);
	assert_int_equal(b->n, 4);    /* once */
	pipeline__event(b->p, "", 0); /* and at the end without a tick */
	WANT(b, RECORD_START, RECORD_PEER, RECORD_PEER, RECORD_LOST, RECORD_LOST, RECORD_STOP);
	assert_int_equal(b->seen[4].lost.count, 1);
	assert_int_equal(b->seen[5].stop.lost[LOST_RECORD], 3);
}

static void evictions_are_told_at_the_tick(void **state)
{
	struct bench *b = begin(&bench, (struct pipeline_config){ .table_size = 2 });

	(void)state;
	say_new(b, EV_BIND, 1, T0 + 1);
	say_new(b, EV_BIND, 2, T0 + 2);
	say_new(b, EV_BIND, 3, T0 + 3);
	say_new(b, EV_BIND, 4, T0 + 4);
	assert_int_equal(sock_table__count(pipeline__table(b->p)), 2);
	pipeline__tick(b->p, T0 + SECOND, 0);
	assert_int_equal(b->seen[5].lost.reason, LOST_TABLE);
	assert_int_equal(b->seen[5].lost.count, 2);
	assert_int_equal(b->seen[5].lost.from_ns, T0 + 3);
	assert_int_equal(b->seen[5].lost.to_ns, T0 + 4);
	WANT(b, RECORD_START, RECORD_BIND, RECORD_BIND, RECORD_BIND, RECORD_BIND, RECORD_LOST,
	     RECORD_STOP);
	assert_int_equal(b->seen[6].stop.lost[LOST_TABLE], 2);
}

static void losses_of_the_kernel(void **state)
{
	struct lost lost = { .reason = LOST_RING, .count = 41, .from_ns = T0 + 1, .to_ns = T0 + 2 };
	struct bench *b = begin(&bench, plain);

	(void)state;
	pipeline__lost(b->p, &lost);
	lost.count = 1;
	pipeline__lost(b->p, &lost);
	assert_int_equal(pipeline__losses(b->p)[LOST_RING], 42);
	WANT(b, RECORD_START, RECORD_LOST, RECORD_LOST, RECORD_STOP);
	assert_int_equal(b->seen[1].boot_ns, T0 + 2);
	assert_int_equal(b->seen[3].stop.lost[LOST_RING], 42);
	assert_int_equal(b->seen[3].stop.lost[LOST_TABLE], 0);
}

/* Set back an hour: told once, after it all times are by the new clock. */
static void the_clock_is_set(void **state)
{
	struct pipeline_config c = plain;
	struct bench *b;

	(void)state;
	c.wall.offset_ns = 5 * SECOND;
	b = begin(&bench, c);
	pipeline__tick(b->p, T0 + SECOND, 0);
	pipeline__clock(b->p, T0 + 2 * SECOND, -3595 * (int64_t)SECOND);
	assert_int_equal(pipeline__wall(b->p)->offset_ns, -3595 * (int64_t)SECOND);
	pipeline__clock(b->p, T0 + SECOND, -3594 * (int64_t)SECOND);
	assert_int_equal(b->seen[1].step_us, -3600000000);
	assert_int_equal(b->seen[1].boot_ns, T0 + 2 * SECOND);
	assert_int_equal(b->seen[2].step_us, 1000000);
	assert_int_equal(b->seen[2].boot_ns, T0 + 2 * SECOND); /* not before the one before */
	pipeline__clock(b->p, T0 + 3 * SECOND, INT64_MIN);     /* of a capture that was changed */
	WANT(b, RECORD_START, RECORD_CLOCK, RECORD_CLOCK, RECORD_CLOCK, RECORD_STOP);
}

/* A new segment of the audit log: its line, then every open socket, before its next record at the latest. */
static void segments(void **state)
{
	struct segment first = { .has_gap = true, .gap_ms = 5 }, next = { 0 };
	struct bench *b = &bench;
	struct kernel kernel = { .ask = stub_ask, .arg = b->asked };

	(void)state;
	memset(b, 0, sizeof(*b));
	b->sink.write = stub_write;
	b->sink.free = stub_free;
	b->p = pipeline__new(&plain, &kernel, NULL);
	pipeline__set_sink(b->p, &b->sink);
	pipeline__segment(b->p, &first, T0);
	pipeline__start(b->p, T0);
	assert_false(pipeline__tell_open(b->p, 10));
	say_new(b, EV_BIND, 1, T0 + 1);
	say_new(b, EV_BIND, 2, T0 + 2);
	say_new(b, EV_BIND, 3, T0 + 3);
	say_new(b, EV_BIND, 4, T0 + 4);
	say_new(b, EV_CLOSE, 4, T0 + 5);
	pipeline__segment(b->p, &next, T0 + SECOND);
	assert_true(pipeline__tell_open(b->p, 1));
	say_new(b, EV_CLOSE, 3, T0 + SECOND - 7); /* it was in the ring */
	say_new(b, EV_BIND, 5, T0 + 2 * SECOND);
	pipeline__missing(b->p, 1, T0 + 3 * SECOND);
	assert_false(pipeline__tell_open(b->p, 10));
	say_new(b, EV_CLOSE, 2, T0 + 4 * SECOND);
	assert_int_equal(b->seen[0].gap_ms, 5);
	assert_int_equal(b->seen[1].gap_ms, 5);
	assert_int_equal(b->seen[7].gap_ms, 0);
	assert_int_equal(b->seen[8].cookie, 1);
	assert_int_equal(b->seen[9].cookie, 3);
	assert_int_equal(b->seen[9].boot_ns, T0 + SECOND - 7);
	assert_int_equal(b->seen[10].cookie, 3);
	assert_int_equal(b->seen[13].cookie, 2);
	assert_int_equal(b->seen[13].boot_ns, T0 + SECOND);
	pipeline__count_lost(b->p, LOST_DISK, 12);
	WANT(b, RECORD_SEGMENT, RECORD_START, RECORD_BIND, RECORD_BIND, RECORD_BIND, RECORD_BIND,
	     RECORD_CLOSE, RECORD_SEGMENT, RECORD_SNAPSHOT, RECORD_SNAPSHOT, RECORD_CLOSE,
	     RECORD_BIND, RECORD_CLOSE, RECORD_SNAPSHOT, RECORD_CLOSE, RECORD_STOP);
	/* what is told again does not count again */
	assert_int_equal(b->seen[15].stop.events[RECORD_SNAPSHOT], 0);
	assert_int_equal(b->seen[15].stop.events[RECORD_CLOSE], 4);
	assert_int_equal(b->seen[15].stop.lost[LOST_DISK], 12);
}

static void totals(void **state)
{
	/* what is chosen does not change what is counted */
	struct bench *b = begin(&bench, (struct pipeline_config){ .filter.failed = true });
	struct ending ending = { .now_ns = T0 + SECOND,
				 .signal = 15,
				 .by_pid = 1,
				 .by_uid = 2,
				 .by_comm = { 's', 'y', 's' } };
	const struct stop *stop = &b->seen[1].stop;

	(void)state;
	say_new(b, EV_BIND, 1, T0);
	say_new(b, EV_LISTEN, 1, T0);
	say_new(b, EV_LISTEN, 1, T0);
	say_new(b, EV_CLOSE, 1, T0);
	pipeline__end(b->p, &ending);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->seen[1].seq, 2);
	assert_int_equal(stop->events[RECORD_BIND], 1);
	assert_int_equal(stop->events[RECORD_LISTEN], 2);
	assert_int_equal(stop->events[RECORD_CLOSE], 1);
	assert_int_equal(stop->events[RECORD_ACCEPT], 0);
	assert_int_equal(stop->signal, 15);
	assert_int_equal(stop->by_pid, 1);
	assert_int_equal(stop->by_uid, 2);
	assert_string_equal(stop->by_comm, "sys");
	pipeline__free(b->p);
}

/* A name without an end comes from a damaged capture. */
static void the_killer_has_a_long_name(void **state)
{
	struct bench *b = begin(&bench, plain);
	struct ending ending = { .now_ns = 0 }; /* before all that was seen */

	(void)state;
	memset(ending.by_comm, 'k', COMM_LEN);
	pipeline__end(b->p, &ending);
	assert_string_equal(b->seen[1].stop.by_comm, "kkkkkkkkkkkkkkk");
	assert_int_equal(b->seen[1].boot_ns, T0);
	pipeline__free(b->p);
}

/* When the tree of a command has ended, what its sockets still are is told as inferred. */
static void finishing_what_is_open(void **state)
{
	struct bench *b = begin(&bench, plain);
	struct ending ending = { .now_ns = T0 + SECOND, .finish_open = 1 };

	(void)state;
	say_new(b, EV_BIND, 1, T0 + 1);
	say_new(b, EV_BIND, 2, T0 + 2);
	pipeline__end(b->p, &ending);
	assert_int_equal(b->n, 6);
	assert_int_equal(b->seen[3].type, RECORD_CLOSE);
	assert_int_equal(b->seen[3].cookie, 1);
	assert_int_equal(b->seen[3].boot_ns, T0 + SECOND);
	assert_true(b->seen[3].inferred & INFERRED_ENDED);
	assert_int_equal(b->seen[4].cookie, 2);
	assert_int_equal(b->seen[5].type, RECORD_STOP);
	assert_int_equal(b->seen[5].stop.events[RECORD_CLOSE], 2);
	pipeline__free(b->p);
}

static void cgroups_are_looked_up(void **state)
{
	union event e = sample__event_of(EV_BIND, 1, T0, 812, "nginx");
	struct bench *b = begin(&bench, plain);

	(void)state;
	e.base.actor.cgroup_id = 4711;
	say(b, &e);
	say(b, &e);
	say_new(b, EV_BIND, 2, T0); /* no cgroup */
	assert_string_equal(b->seen[1].cgroup, "/nginx.slice");
	assert_string_equal(b->seen[2].cgroup, "/nginx.slice");
	assert_string_equal(b->seen[3].cgroup, "");
	assert_int_equal(b->asked[ASK_CGROUP], 1);
	WANT(b, RECORD_START, RECORD_BIND, RECORD_BIND, RECORD_BIND, RECORD_STOP);
}

static void latency_that_is_not_known(void **state)
{
	union event e = sample__event_of(EV_CONNECT, 1, T0 + 9, 9001, "curl");
	struct bench *b = begin(&bench, plain);

	(void)state;
	say(b, &e);
	e.connect.started_ns = T0;
	say(b, &e);
	assert_true(b->seen[1].inferred & INFERRED_LATENCY);
	assert_false(b->seen[2].inferred & INFERRED_LATENCY);
	WANT(b, RECORD_START, RECORD_CONNECT, RECORD_CONNECT, RECORD_STOP);
}

/* --- --count --- */

static void count(void **state)
{
	struct bench *b = begin(&bench, (struct pipeline_config){ .count = 2 });

	(void)state;
	say_new(b, EV_SNAPSHOT, 1, T0); /* no event */
	say_new(b, EV_BIND, 2, T0);
	assert_false(pipeline__full(b->p));
	say_new(b, EV_LISTEN, 2, T0);
	assert_true(pipeline__full(b->p));
	say_new(b, EV_CLOSE, 2, T0);
	WANT(b, RECORD_START, RECORD_SNAPSHOT, RECORD_BIND, RECORD_LISTEN, RECORD_STOP);
	b = begin(&bench, plain);
	say_new(b, EV_BIND, 2, T0);
	assert_false(pipeline__full(b->p)); /* 0: never */
	WANT(b, RECORD_START, RECORD_BIND, RECORD_STOP);
}

static void count_goes_by_what_is_shown(void **state)
{
	struct bench *b = begin(&bench, (struct pipeline_config){
						.count = 1, .filter.events = 1u << RECORD_CLOSE });

	(void)state;
	say_new(b, EV_BIND, 2, T0);
	say_new(b, EV_LISTEN, 2, T0);
	assert_false(pipeline__full(b->p));
	say_new(b, EV_CLOSE, 2, T0);
	assert_true(pipeline__full(b->p));
	WANT(b, RECORD_START, RECORD_CLOSE, RECORD_STOP);
}

/* --- choosing --- */

/* One of everything: of socket 1, and a bind() that meets nginx. */
static void everything(struct bench *b)
{
	struct lost lost = { .reason = LOST_RING, .count = 1, .from_ns = T0, .to_ns = T0 };
	union event e;

	say_new(b, EV_SNAPSHOT, 1, T0);
	say_new(b, EV_BIND, 2, T0);
	e = sample__event_of(EV_LISTEN, 2, T0, 9001, "curl");
	e.listen.error = -EACCES;
	say(b, &e);
	e = sample__event_of(EV_CONNECT, 2, T0 + 5, 9001, "curl");
	e.connect.started_ns = T0;
	say(b, &e);
	e.connect.error = -ECONNREFUSED;
	e.connect.started_ns = T0 - 100;
	say(b, &e);
	e.connect.error = 0;
	e.connect.abandoned = 1;
	e.connect.started_ns = 0;
	say(b, &e);
	e = sample__event_of(EV_ACCEPT, 3, T0 + 9, 9001, "curl");
	e.accept.established_ns = T0 - 100;
	say(b, &e);
	say_new(b, EV_PEER, 4, T0);
	say_new(b, EV_STATE, 2, T0);
	say_new(b, EV_CLOSE, 2, T0);
	e = sample__event_of(EV_BIND, 5, T0, 9001, "curl");
	e.bind.req_known = 1;
	e.bind.req_port = 80;
	e.bind.error = -EADDRINUSE;
	e.base.sock.lport = e.base.sock.rport = 0;
	sample__ipv4(e.base.sock.raddr, 0);
	sample__ipv4(e.bind.req_addr, INADDR_LOOPBACK);
	say(b, &e);
	pipeline__lost(b->p, &lost);
}

#define ALWAYS RECORD_LOST /* with start before, and stop after */

static void choosing_nothing_is_all(void **state)
{
	struct bench *b = begin(&bench, plain);

	(void)state;
	everything(b);
	assert_int_equal(b->asked[ASK_HOLDERS], 1);
	WANT(b, RECORD_START, RECORD_SNAPSHOT, RECORD_BIND, RECORD_LISTEN, RECORD_CONNECT,
	     RECORD_CONNECT, RECORD_CONNECT, RECORD_ACCEPT, RECORD_PEER, RECORD_STATE, RECORD_CLOSE,
	     RECORD_BIND, RECORD_FINDING, ALWAYS, RECORD_FINDING, RECORD_STOP);
	assert_int_equal(b->seen[15].stop.finding_counts ? 1 : 0, 1);
}

static void choosing_by_event(void **state)
{
	struct bench *b;

	(void)state;
	b = begin(&bench, (struct pipeline_config){ .filter.events = 1u << RECORD_ACCEPT |
								     1u << RECORD_CLOSE });
	everything(b);
	WANT(b, RECORD_START, RECORD_ACCEPT, RECORD_CLOSE, ALWAYS, RECORD_STOP);
	b = begin(&bench, (struct pipeline_config){ .filter.events = 1u << RECORD_FINDING });
	everything(b);
	WANT(b, RECORD_START, RECORD_FINDING, ALWAYS, RECORD_FINDING, RECORD_STOP);
}

static void choosing_failures(void **state)
{
	struct bench *b = begin(&bench, (struct pipeline_config){ .filter.failed = true });

	(void)state;
	everything(b);
	WANT(b, RECORD_START, RECORD_LISTEN, RECORD_CONNECT, RECORD_CONNECT, RECORD_BIND,
	     RECORD_FINDING, ALWAYS, RECORD_FINDING, RECORD_STOP);
}

static void choosing_by_errno(void **state)
{
	struct bench *b = begin(
		&bench, (struct pipeline_config){
				.filter = { .n_errnos = 2, .errnos = { ECONNREFUSED, EACCES } } });

	(void)state;
	everything(b);
	WANT(b, RECORD_START, RECORD_LISTEN, RECORD_CONNECT, RECORD_FINDING, ALWAYS, RECORD_FINDING,
	     RECORD_STOP);
}

static void choosing_the_slow(void **state)
{
	struct bench *b = begin(&bench, (struct pipeline_config){ .filter.slower_ns = 105 });

	(void)state;
	everything(b);
	WANT(b, RECORD_START, RECORD_CONNECT, RECORD_ACCEPT, RECORD_FINDING, ALWAYS, RECORD_FINDING,
	     RECORD_STOP);
	b = begin(&bench, (struct pipeline_config){ .filter.slower_ns = 106 });
	everything(b);
	WANT(b, RECORD_START, RECORD_ACCEPT, RECORD_FINDING, ALWAYS, RECORD_FINDING, RECORD_STOP);
}

static void choosing_by_all_at_once(void **state)
{
	struct bench *b =
		begin(&bench, (struct pipeline_config){ .filter = { .events = 1u << RECORD_CONNECT,
								    .failed = true,
								    .slower_ns = 1 } });

	(void)state;
	everything(b);
	WANT(b, RECORD_START, RECORD_CONNECT, ALWAYS, RECORD_STOP);
}

/* --- replay --- */

struct files {
	char dir[40];
	char capture[64], live[64], replayed[64];
};

static int setup_files(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/socklife-test-XXXXXX");
	if (!mkdtemp(f->dir)) {
		free(f);
		return -1;
	}
	snprintf(f->capture, sizeof(f->capture), "%s/cap", f->dir);
	snprintf(f->live, sizeof(f->live), "%s/live", f->dir);
	snprintf(f->replayed, sizeof(f->replayed), "%s/replayed", f->dir);
	*state = f;
	return 0;
}

static int teardown_files(void **state)
{
	struct files *f = *state;

	unlink(f->capture);
	unlink(f->live);
	unlink(f->replayed);
	rmdir(f->dir);
	free(f);
	return 0;
}

static const struct pipeline_config recorded = {
	.start = { .version = "0.1.0",
		   .kernel = "6.1.0",
		   .machine_id = "0",
		   .boot_id = "b-1",
		   .host = "h\x1b[31m\"",
		   .args = { "socklife", "trace", "--", "\xff\n" },
		   .hooks = { "cgroup/bind4" },
		   .blind = { "raw" } },
	.wall = { .offset_ns = 1795391304 * (int64_t)SECOND - (int64_t)T0, .gmtoff_s = 3600 },
	.table_size = 3,
};

/* All that a pipeline can be told. */
static void tell_all(struct bench *b)
{
	struct ending ending = { .now_ns = T0 + 90 * SECOND,
				 .signal = 2,
				 .by_pid = 7,
				 .finish_open = 1,
				 .by_comm = "\x1b]0;x" };
	union event e;
	uint64_t i;

	everything(b);
	for (i = 0; i < 5; i++) { /* more than the table holds */
		e = sample__event_of(EV_BIND, 100 + i, T0 + SECOND + i, 812, "\xff\"\n");
		e.base.actor.cgroup_id = 9 + i;
		say(b, &e);
	}
	pipeline__event(b->p, "rubbish", 7);
	pipeline__event(b->p, "", 0);
	pipeline__tick(b->p, T0 + 2 * SECOND, 3600);
	e = sample__event_of(EV_CLOSE, 104, T0 + 3 * SECOND, 812, "x");
	e.base.sock.facts = FACT_ESTABLISHED | FACT_RELEASED | FACT_TIME_WAIT | FACT_LOCAL_FIRST;
	say(b, &e);
	pipeline__missing(b->p, 103, T0 + 4 * SECOND);
	pipeline__missing(b->p, 999, T0 + 4 * SECOND);
	pipeline__tick(b->p, T0 + 80 * SECOND, 7200); /* summer time begins */
	pipeline__clock(b->p, T0 + 80 * SECOND + 5,
			recorded.wall.offset_ns - 3600 * (int64_t)SECOND);
	say_new(b, EV_BIND, 200, T0 + 81 * SECOND);
	pipeline__end(b->p, &ending);
}

/* Writes f->live and f->capture. */
static void run_live(const struct files *f, bool json, const struct pipeline_config *c)
{
	int fd = open(f->live, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct kernel kernel = { .ask = stub_ask, .arg = bench.asked };
	struct capture_writer *w = capture__create(f->capture);
	struct sink_config sink = { .out = out__new(fd), .verbose = c->verbose };

	assert_non_null(w);
	assert_non_null(sink.out);
	memset(&bench, 0, sizeof(bench));
	bench.p = pipeline__new(c, &kernel, w);
	assert_non_null(bench.p);
	sink.wall = pipeline__wall(bench.p);
	pipeline__set_sink(bench.p, json ? sink_json__new(&sink, c->start.boot_id, c->start.host) :
					   sink_text__new(&sink));
	pipeline__start(bench.p, T0);
	tell_all(&bench);
	pipeline__free(bench.p);
	assert_int_equal(capture__flush(w), 0);
	capture__close(w);
	assert_int_equal(out__flush(sink.out), 0);
	out__free(sink.out);
	close(fd);
}

static size_t read_file(const char *path, char *buf, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, max - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	close(fd);
	return (size_t)n;
}

/* In a process of its own, as always: the exit code, which must not be a signal. */
static int replay(struct files *f, bool json, bool quiet)
{
	char *operands[] = { f->capture, NULL };
	struct options o = {
		.json = json, .output = f->replayed, .operands = operands, .n_operands = 1
	};
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (quiet)
			dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		_exit(cmd_replay(&o));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("replay died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void want_the_same_again(struct files *f, bool json, const struct pipeline_config *c)
{
	static char live[65536], again[65536];
	size_t n;

	run_live(f, json, c);
	assert_int_equal(replay(f, json, false), EXIT_FINE);
	n = read_file(f->live, live, sizeof(live));
	assert_true(n > 500 && n < sizeof(live) - 1);
	assert_int_equal(read_file(f->replayed, again, sizeof(again)), n);
	assert_string_equal(again, live);
	assert_non_null(strstr(live, "nginx"));
	assert_null(strchr(live, '\x1b'));
}

static void replay_is_the_same_json(void **state)
{
	want_the_same_again(*state, true, &recorded);
}

static void replay_is_the_same_text(void **state)
{
	want_the_same_again(*state, false, &recorded);
}

static void replay_is_the_same_with_choices(void **state)
{
	struct pipeline_config c = recorded;

	c.verbose = 1;
	c.filter.failed = true;
	c.filter.errnos[c.filter.n_errnos++] = EADDRINUSE;
	want_the_same_again(*state, false, &c);
	c = recorded;
	c.count = 12;
	want_the_same_again(*state, true, &c);
}

/* Without its last `lines` lines. */
static size_t shortened(const char *text, size_t len, int lines)
{
	for (lines++; len && lines; lines -= text[len] == '\n')
		len--;
	return len;
}

/*
 * Cut off anywhere, as by a full disk: so is the output, and nothing worse. The last event that is whole may
 * lack the kernel's answer: its record and finding differ.
 */
static void replay_of_a_part(void **state)
{
	static char whole[65536], part[65536];
	struct files *f = *state;
	struct stat st;
	size_t len, cut;

	run_live(f, true, &recorded);
	assert_int_equal(stat(f->capture, &st), 0);
	read_file(f->live, whole, sizeof(whole));
	for (cut = (size_t)st.st_size; cut >= 53; cut -= 53) {
		assert_int_equal(truncate(f->capture, (off_t)cut), 0);
		assert_in_range(replay(f, true, true), EXIT_FINE, EXIT_FAILED);
		len = read_file(f->replayed, part, sizeof(part));
		len = shortened(part, len, 2);
		if (len)
			assert_memory_equal(part, whole, len);
	}
}

/* Bytes changed anywhere, as by somebody who sends a capture: whatever it prints, it ends. */
static void replay_of_noise(void **state)
{
	static char cap[65536], bad[65536];
	struct files *f = *state;
	unsigned int seed = 5;
	size_t n;
	int fd, i, k;

	run_live(f, true, &recorded);
	n = read_file(f->capture, cap, sizeof(cap));
	for (i = 0; i < 500; i++) {
		memcpy(bad, cap, n);
		for (k = rand_r(&seed) % 8; k >= 0; k--)
			bad[12 + (unsigned int)rand_r(&seed) % (n - 12)] = (char)rand_r(&seed);
		fd = open(f->capture, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, bad, n), n);
		close(fd);
		assert_in_range(replay(f, i & 1, true), EXIT_FINE, EXIT_FAILED);
	}
}

/* What a capture gives as the kernel's answer: names without end, bools that are none, half a holder. */
static ssize_t hostile_ask(void *arg, enum question q, const void *question, size_t len,
			   void *answer, size_t max)
{
	struct holder h = nginx();

	(void)arg;
	(void)question;
	(void)len;
	memset(&h.proc, 0x55, sizeof(h) - offsetof(struct holder, proc));
	if (q != ASK_HOLDERS || max < 2 * sizeof(h))
		return -ENOENT;
	memcpy(answer, &h, sizeof(h));
	memcpy((char *)answer + sizeof(h), &h, sizeof(h) / 2);
	return sizeof(h) + sizeof(h) / 2;
}

static void answers_that_are_hostile(void **state)
{
	struct bench *b = begin(&bench, plain);
	size_t i, findings = 0;

	(void)state;
	pipeline__free(b->p);
	memset(b->seen, 0, sizeof(b->seen));
	b->n = b->n_told = b->last_seq = 0;
	b->p = pipeline__new(&plain, &(struct kernel){ .ask = hostile_ask }, NULL);
	assert_non_null(b->p);
	pipeline__set_sink(b->p, &b->sink);
	pipeline__start(b->p, T0);
	everything(b);
	for (i = 0; i < b->n; i++)
		findings += b->seen[i].type == RECORD_FINDING;
	assert_int_equal(findings, 1);
	pipeline__free(b->p);
}

static void tell(struct bench *b, uint32_t pid, const char *comm, const char *path)
{
	union event e = sample__told(pid, comm, path);

	say(b, &e);
}

/* Before the first record of a process, and once; nothing of one that does nothing. */
static void processes_come_before_their_records(void **state)
{
	union event e = sample__event_of(EV_BIND, 1, T0 + 5, 9001, "curl");
	struct bench *b = begin(&bench, plain);

	(void)state;
	tell(b, 9001, "curl", "/usr/bin/curl");
	tell(b, 9002, "idle", "/usr/bin/idle");
	assert_int_equal(b->n_told, 0);
	say(b, &e);
	say(b, &e);
	assert_int_equal(b->n_told, 1);
	assert_int_equal(b->told[0].proc.tgid, 9001);
	assert_int_equal(b->told[0].seq, 2);
	assert_int_equal(b->told[0].boot_ns, T0 + 5);
	assert_string_equal(b->told[0].exe, "/usr/bin/curl");
	assert_true(b->told[0].args);
	assert_int_equal(b->seen[1].seq, 3);
	assert_int_equal(b->asked[ASK_PROCESS], 1); /* for its parent */
	/* a new segment of the log; another program in the same process */
	pipeline__segment(b->p, &(struct segment){ 0 }, T0 + 6);
	say(b, &e);
	assert_int_equal(b->n_told, 2);
	e.base.actor.proc.exec++;
	say(b, &e);
	assert_int_equal(b->n_told, 3);
	assert_string_equal(b->told[2].exe, "");
	WANT(b, RECORD_START, RECORD_BIND, RECORD_BIND, RECORD_SEGMENT, RECORD_SNAPSHOT,
	     RECORD_BIND, RECORD_BIND, RECORD_STOP);
	assert_int_equal(b->seen[7].stop.events[RECORD_PROCESS], 3);
}

/* An owner that does not act itself is a process of the output too. */
static void owners_are_told(void **state)
{
	union event e = sample__event_of(EV_LISTEN, 1, T0, 9001, "worker");
	struct bench *b = begin(&bench, plain);

	(void)state;
	tell(b, 812, "master", "/usr/sbin/server");
	tell(b, 9001, "worker", "/usr/sbin/server");
	e.base.sock.owner = sample__process(812, "master");
	say(b, &e);
	assert_int_equal(b->n_told, 2);
	assert_int_equal(b->told[0].proc.tgid, 9001);
	assert_int_equal(b->told[1].proc.tgid, 812);
	WANT(b, RECORD_START, RECORD_LISTEN, RECORD_STOP);
}

/* They accompany what is chosen; chosen themselves, they come without it. */
static void choosing_processes(void **state)
{
	struct pipeline_config c = plain;
	struct bench *b;

	(void)state;
	c.filter.events = 1u << RECORD_LISTEN;
	b = begin(&bench, c);
	say_new(b, EV_BIND, 1, T0);
	assert_int_equal(b->n_told, 0);
	say_new(b, EV_LISTEN, 1, T0);
	assert_int_equal(b->n_told, 1);
	WANT(b, RECORD_START, RECORD_LISTEN, RECORD_STOP);
	c.filter.events = 1u << RECORD_PROCESS;
	c.no_args = 1;
	b = begin(&bench, c);
	tell(b, 9001, "curl", "/usr/bin/curl");
	say_new(b, EV_BIND, 1, T0);
	say_new(b, EV_BIND, 2, T0);
	assert_int_equal(b->n_told, 1);
	assert_false(b->told[0].args);
	WANT(b, RECORD_START, RECORD_STOP);
}

static void freeing_nothing(void **state)
{
	(void)state;
	pipeline__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbered_without_gaps),
		cmocka_unit_test(bad_records_are_told_at_the_tick),
		cmocka_unit_test(evictions_are_told_at_the_tick),
		cmocka_unit_test(losses_of_the_kernel),
		cmocka_unit_test(the_clock_is_set),
		cmocka_unit_test(segments),
		cmocka_unit_test(totals),
		cmocka_unit_test(the_killer_has_a_long_name),
		cmocka_unit_test(finishing_what_is_open),
		cmocka_unit_test(cgroups_are_looked_up),
		cmocka_unit_test(latency_that_is_not_known),
		cmocka_unit_test(count),
		cmocka_unit_test(count_goes_by_what_is_shown),
		cmocka_unit_test(processes_come_before_their_records),
		cmocka_unit_test(owners_are_told),
		cmocka_unit_test(choosing_processes),
		cmocka_unit_test(choosing_nothing_is_all),
		cmocka_unit_test(choosing_by_event),
		cmocka_unit_test(choosing_failures),
		cmocka_unit_test(choosing_by_errno),
		cmocka_unit_test(choosing_the_slow),
		cmocka_unit_test(choosing_by_all_at_once),
		cmocka_unit_test_setup_teardown(replay_is_the_same_json, setup_files,
						teardown_files),
		cmocka_unit_test_setup_teardown(replay_is_the_same_text, setup_files,
						teardown_files),
		cmocka_unit_test_setup_teardown(replay_is_the_same_with_choices, setup_files,
						teardown_files),
		cmocka_unit_test_setup_teardown(replay_of_a_part, setup_files, teardown_files),
		cmocka_unit_test_setup_teardown(replay_of_noise, setup_files, teardown_files),
		cmocka_unit_test(freeing_nothing),
		cmocka_unit_test(answers_that_are_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
