// SPDX-License-Identifier: GPL-2.0-or-later
/* audit_sample.c - logs for the unit tests of what reads them. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "audit_sample.h"

void audit_sample__begin(struct audit_sample *s, const struct seal_key *key)
{
	static const uint8_t zeros[SEAL_HASH];

	*s = (struct audit_sample){ 0 };
	s->chain = seal_chain__new(zeros, key);
	assert_non_null(s->chain);
	assert_int_equal(seal_chain__next_index(s->chain, 0), 0);
}

static void front(struct audit_sample *s, struct buf *b, const char *type)
{
	char text[256];

	s->seq++;
	snprintf(
		text, sizeof(text),
		"{\"v\":1,\"seq\":%" PRIu64 ",\"ts\":\"2026-11-22T23:48:%02" PRIu64 ".%09" PRIu64
		"Z\",\"boot_ns\":%" PRIu64 ","
		"\"boot\":\"0b6f3ba0-3a8a-4f0b-9d3c-5d3c6a9f1c11\",\"host\":\"web1\",\"type\":\"%s\"",
		s->seq, s->seq / 1000 % 60, s->seq, 81234567890 + s->seq, type);
	buf__str(b, text);
}

static struct buf *current(struct audit_sample *s)
{
	assert_true(s->n > 0);
	return &s->segment[s->n - 1];
}

void audit_sample__record(struct audit_sample *s, const char *type, const char *own)
{
	struct buf *b = current(s);
	size_t from = b->len;

	front(s, b, type);
	buf__str(b, own);
	buf__str(b, "}\n");
	seal_chain__add(s->chain, b->data + from, b->len - from, 1);
}

void audit_sample__segment(struct audit_sample *s)
{
	char own[512], hex[SEAL_HEX + 1] = "";

	assert_true(s->n < SAMPLE_SEGMENTS);
	s->n++;
	seal__hex(hex, seal_chain__head(s->chain));
	snprintf(own, sizeof(own),
		 ",\"version\":\"0.1.0\",\"args\":[\"record\",\"segment\"],\"segment\":%zu,"
		 "\"prev\":\"%s\"",
		 s->n, hex);
	audit_sample__record(s, "segment", own);
}

void audit_sample__binds(struct audit_sample *s, unsigned int n)
{
	while (n--)
		audit_sample__record(s, "bind",
				     ",\"sock\":\"4711\",\"proto\":\"tcp\",\"laddr\":\"127.0.0.1\","
				     "\"comm\":\"a \\\" \\\\ b\",\"lport\":80");
}

void audit_sample__seal(struct audit_sample *s, bool end)
{
	struct buf line = { 0 };

	front(s, &line, "seal");
	assert_int_equal(seal_chain__make(s->chain, &line, end), 0);
	buf__put(current(s), line.data, line.len);
	assert_int_equal(seal_chain__done(s->chain, -1), 0);
	s->seals++;
	buf__free(&line);
}

void audit_sample__stop(struct audit_sample *s)
{
	audit_sample__record(s, "stop", ",\"events\":{},\"lost\":{},\"findings\":{}");
	audit_sample__seal(s, true);
}

void audit_sample__whole(struct audit_sample *s, const struct seal_key *key)
{
	audit_sample__begin(s, key);
	for (int i = 0; i < 3; i++) {
		audit_sample__segment(s);
		audit_sample__binds(s, 5);
		audit_sample__seal(s, false);
		audit_sample__seal(s, false); /* proves life */
		audit_sample__binds(s, 4);
		audit_sample__seal(s, false);
		audit_sample__binds(s, 3);
		if (i < 2)
			audit_sample__seal(s, true);
	}
	audit_sample__stop(s);
}

void audit_sample__free(struct audit_sample *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf__free(&s->segment[i]);
	seal_chain__free(s->chain);
	*s = (struct audit_sample){ 0 };
}
