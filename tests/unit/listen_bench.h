/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listen_bench.h - for the tests of the detectors that look at namespaces and listeners: a kernel that
 * answers what the test has set, records from sample.h's events, and what one detector said.
 */
#ifndef LISTEN_BENCH_H
#define LISTEN_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "detect.h"
#include "sample.h"

#define NETNS  4026531833u
#define COOKIE 7 /* of the socket that a test is about, plus its number */

struct bench {
	struct kernel kernel;
	struct wall wall;
	struct detect *d;
	const char *id; /* whose findings are kept */
	struct finding said[128];
	size_t n_said, by_status[3];
	size_t asked[QUESTIONS];
	/* the answers */
	struct netns_facts facts;
	bool stray;             /* drops that no listener's queue is to blame for */
	uint32_t reserved_port; /* that ASK_NETNS finds reserved */
	char reserved[4096];
	ssize_t reserved_error;
	struct listener_queue queues[1024];
	size_t n_queues;
	struct close_waiter waiters[16384];
	size_t n_waiters;
	struct ask_close_wait close_wait_question;
	size_t close_waits_of[64]; /* by inode number, from 1 */
	struct holder holders[64];
	size_t n_holders;
	struct ask_holders holders_question;
	bool unknown; /* the table knows no socket */
	uint32_t pid; /* of the owner of all, 0: that of the cookie's thousands */
	bool netns_gone;
};

static inline ssize_t bench__give(void *to, size_t max, const void *from, size_t n, size_t size)
{
	n = n * size <= max ? n : max / size;
	memcpy(to, from, n * size);
	return n * size;
}

static inline ssize_t bench__socket(struct bench *b, const struct ask_socket *q, void *answer)
{
	struct known_socket k = { .uid_known = 1, .options_known = 1, .since_ns = T0 / 2 };

	if (b->unknown)
		return -ENOENT;
	k.actor = sample__actor(b->pid ? b->pid : (uint32_t)(q->cookie / 1000), "server");
	k.sock.cookie = q->cookie;
	memcpy(answer, &k, sizeof(k));
	return sizeof(k);
}

static inline ssize_t bench__ask(void *arg, enum question q, const void *question, size_t len,
				 void *answer, size_t max)
{
	struct bench *b = arg;

	(void)len;
	b->asked[q]++;
	switch ((int)q) {
	case ASK_NETNS:
		b->facts.listen_drops += !b->stray;
		b->facts.port_reserved = b->reserved_port &&
					 ((const struct ask_netns *)question)->port ==
						 b->reserved_port;
		return b->netns_gone ? -ENOENT :
				       bench__give(answer, max, &b->facts, 1, sizeof(b->facts));
	case ASK_RESERVED:
		return b->reserved_error ?
			       b->reserved_error :
			       bench__give(answer, max, b->reserved, strlen(b->reserved), 1);
	case ASK_LISTENERS:
		return bench__give(answer, max, b->queues, b->n_queues, sizeof(b->queues[0]));
	case ASK_CLOSE_WAIT:
		memcpy(&b->close_wait_question, question, sizeof(b->close_wait_question));
		b->close_waits_of[b->close_wait_question.net.inode % 64]++;
		return bench__give(answer, max, b->waiters, b->n_waiters, sizeof(b->waiters[0]));
	case ASK_HOLDERS:
		memcpy(&b->holders_question, question, sizeof(b->holders_question));
		return bench__give(answer, max, b->holders, b->n_holders, sizeof(b->holders[0]));
	case ASK_SOCKET:
		return bench__socket(b, question, answer);
	case ASK_USER:
		return bench__give(answer, max, "root", 4, 1);
	}
	return -ENOENT;
}

static inline void bench__heard(void *arg, const struct finding *f)
{
	struct bench *b = arg;

	if (strcmp(f->id, b->id))
		return;
	b->by_status[f->status]++;
	if (b->n_said < sizeof(b->said) / sizeof(b->said[0]))
		b->said[b->n_said++] = *f;
}

static inline int bench__new(void **state, const char *id)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->id = id;
	b->kernel = (struct kernel){ .ask = bench__ask, .arg = b };
	b->facts = (struct netns_facts){ .range_low = 32768,
					 .range_high = 60999,
					 .somaxconn = 4096,
					 .max_time_wait = 1000,
					 .has_conntrack = 1,
					 .max_conntrack = 1000 };
	b->d = detect__new(&b->kernel, &b->wall, bench__heard, b);
	*state = b;
	return b->d ? 0 : -1;
}

static inline int bench__free(void **state)
{
	struct bench *b = *state;

	detect__free(b->d);
	free(b);
	return 0;
}

/* The evidence of this key; fails where there is none. */
static inline const struct evidence *evidence(const struct finding *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->n_evidence; i++)
		if (!strcmp(f->evidence[i].key, key))
			return &f->evidence[i];
	return NULL;
}

#define assert_evidence(f, key, value)                                                             \
	do {                                                                                       \
		const struct evidence *e_ = evidence(f, key);                                      \
		assert_non_null(e_);                                                               \
		assert_int_equal(e_->number, value);                                               \
	} while (0)

/* A record as the pipeline makes it of an event; the event has to stay. */
static inline struct record bench__record(enum record_type type, union event *e)
{
	struct record r = { .type = type,
			    .boot_ns = e->head.boot_ns,
			    .sock = &e->base.sock,
			    .actor = e->base.actor.proc.tgid ? &e->base.actor : NULL,
			    .fd = -1 };

	return r;
}

/* Something happens in the namespace, so that the next tick polls it. */
static inline void bench__activity_in(struct bench *b, uint32_t netns, uint64_t now_ns)
{
	union event e = sample__event_of(EV_STATE, 1, now_ns, 50, "other");
	struct record r = bench__record(RECORD_STATE, &e);

	e.base.sock.netns = netns;
	r.u.state = &e.state;
	detect__record(b->d, &r);
}

static inline void bench__activity(struct bench *b, uint64_t now_ns)
{
	bench__activity_in(b, NETNS, now_ns);
}

static inline void bench__look(struct bench *b, uint64_t now_ns)
{
	bench__activity(b, now_ns - 1);
	detect__tick(b->d, now_ns);
}

static inline void bench__listens(struct bench *b, union event *e, uint32_t backlog)
{
	struct record r = bench__record(RECORD_LISTEN, e);

	e->listen.backlog = backlog;
	e->base.sock.state = TCP_LISTEN;
	e->base.sock.rport = 0;
	r.u.listen = &e->listen;
	detect__record(b->d, &r);
}

static inline void bench__closes(struct bench *b, uint64_t cookie, uint64_t now_ns, enum role role)
{
	union event e = sample__event_of(EV_CLOSE, cookie, now_ns, 50, "other");
	struct record r = bench__record(RECORD_CLOSE, &e);
	struct life life = { .role = role };

	r.u.life = &life;
	detect__record(b->d, &r);
}

#endif
