/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detect_bench.h - a bench for one detector: records go in, questions are answered from a table, and
 * what it says is kept. All detectors run; only the findings with the bench's id are heard.
 */
#ifndef DETECT_BENCH_H
#define DETECT_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "detect.h"
#include "sample.h"

#define NETNS 4026531833u

struct bench {
	const char *id;
	struct kernel kernel;
	struct wall wall;
	struct detect *d;
	/* What the kernel says to each question; size 0: -ESRCH, or -EBUSY where `busy`. */
	struct {
		unsigned char bytes[32768];
		size_t size, asked;
		_Alignas(8) unsigned char question[64];
		bool busy;
	} answers[QUESTIONS];
	struct finding said[64];
	size_t n_said;
	size_t by_status[3];
};

static inline ssize_t bench__ask(void *arg, enum question q, const void *question, size_t len,
				 void *answer, size_t max)
{
	struct bench *b = arg;

	assert_true(q < QUESTIONS);
	assert_true(len <= sizeof(b->answers[q].question));
	memcpy(b->answers[q].question, question, len);
	b->answers[q].asked++;
	if (b->answers[q].busy)
		return -EBUSY;
	if (!b->answers[q].size)
		return -ESRCH;
	assert_true(b->answers[q].size <= max);
	memcpy(answer, b->answers[q].bytes, b->answers[q].size);
	return b->answers[q].size;
}

static inline void bench__answer(struct bench *b, enum question q, const void *answer, size_t size)
{
	assert_true(size <= sizeof(b->answers[q].bytes));
	memcpy(b->answers[q].bytes, answer, size);
	b->answers[q].size = size;
}

static inline void bench__hear(void *arg, const struct finding *f)
{
	struct bench *b = arg;

	if (strcmp(f->id, b->id) != 0)
		return;
	b->by_status[f->status]++;
	if (b->n_said < sizeof(b->said) / sizeof(b->said[0]))
		b->said[b->n_said++] = *f;
}

static inline int bench__setup(void **state, const char *id)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->id = id;
	b->kernel = (struct kernel){ .ask = bench__ask, .arg = b };
	b->d = detect__new(&b->kernel, &b->wall, bench__hear, b);
	*state = b;
	return b->d ? 0 : -1;
}

static inline int bench__teardown(void **state)
{
	struct bench *b = *state;

	detect__free(b->d);
	free(b);
	return 0;
}

/* How many of its findings were opened, as the stop record counts them. */
static inline uint64_t bench__opened(const struct bench *b)
{
	size_t i = 0;

	while (strcmp(detectors[i]->id, b->id) != 0)
		i++;
	return detect__counts(b->d)[i];
}

static inline const struct evidence *bench__evidence(const struct finding *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->n_evidence; i++)
		if (!strcmp(f->evidence[i].key, key))
			return &f->evidence[i];
	return NULL;
}

static inline void assert_number(const struct finding *f, const char *key, uint64_t want)
{
	const struct evidence *e = bench__evidence(f, key);

	if (!e)
		fail_msg("the evidence has no %s", key);
	assert_int_equal(e->number, want);
}

static inline void assert_text(const struct finding *f, const char *key, const char *want)
{
	const struct evidence *e = bench__evidence(f, key);

	if (!e)
		fail_msg("the evidence has no %s", key);
	assert_string_equal(e->text, want);
}

/* One open, updates ten seconds apart at the least, one closed, all with one key and a count that grows. */
static inline void assert_life(const struct bench *b)
{
	size_t i;

	assert_int_equal(b->said[0].status, FINDING_OPEN);
	assert_int_equal(b->said[b->n_said - 1].status, FINDING_CLOSED);
	for (i = 1; i < b->n_said; i++) {
		assert_int_equal(b->said[i].key, b->said[0].key);
		assert_int_equal(b->said[i].first_ns, b->said[0].first_ns);
		assert_true(b->said[i].count >= b->said[i - 1].count);
		if (i + 1 < b->n_said)
			assert_int_equal(b->said[i].status, FINDING_UPDATE);
	}
}

#endif
