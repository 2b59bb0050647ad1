/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_verify.c - whole logs are whole, and every kind of wrong is found at the right line: records changed,
 * removed, inserted, moved, and every byte changed in turn.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "audit_sample.h"
#include "verify.h"

#define ROUNDS 10000

static struct seal_key sample_key(uint8_t first)
{
	struct seal_key k = { .index = 1, .bytes = { first } };

	return k;
}

/* --- feeding --- */

static const char *const names[SAMPLE_SEGMENTS] = { "1", "2", "3", "4", "5", "6", "7", "8" };

/* The lines of one segment, as the reader gives them from one buffer. */
static void feed(struct verify *v, const struct buf *b, size_t i, uint64_t number)
{
	struct audit_line line = { .file = names[i], .segment = number, .data = b->data };
	const char *end = b->data + b->len;

	for (; line.data < end; line.data += line.len) {
		const char *newline = memchr(line.data, '\n', (size_t)(end - line.data));

		line.len = (size_t)((newline ? newline + 1 : end) - line.data);
		line.torn = !newline;
		line.line++;
		line.more = newline && memchr(newline + 1, '\n', (size_t)(end - newline - 1));
		verify__line(v, &line);
	}
}

static struct verify_result run(const struct audit_sample *s, const struct verify_config *c,
				bool running)
{
	struct verify *v = verify__new(c);
	struct verify_result r;

	assert_non_null(v);
	for (size_t i = 0; i < s->n; i++)
		feed(v, &s->segment[i], i, i + 1);
	verify__end(v, running, &r);
	verify__free(v);
	return r;
}

static struct verify_result run_dir(const struct audit_sample *s)
{
	struct verify_config c = { .directory = true };

	return run(s, &c, false);
}

static void assert_wrong(const struct verify_result *r, enum verify_kind kind, const char *file,
			 uint64_t line, uint64_t seq)
{
	if (r->kind != kind || !r->file || strcmp(r->file, file) != 0 || r->line != line ||
	    r->seq != seq)
		fail_msg("expected %s %s:%d seq %d, got %s %s:%d seq %d: %s",
			 verify_kind_names[kind], file, (int)line, (int)seq,
			 verify_kind_names[r->kind], r->file ? r->file : "-", (int)r->line,
			 (int)r->seq, r->text);
}

/* --- editing a segment by lines, from 1 --- */

static char *line_at(struct buf *b, unsigned int n)
{
	char *at = b->data;

	while (--n) {
		at = memchr(at, '\n', (size_t)(b->data + b->len - at));
		assert_non_null(at);
		at++;
	}
	return at;
}

static size_t length_of(const struct buf *b, const char *line)
{
	const char *newline = memchr(line, '\n', (size_t)(b->data + b->len - line));

	assert_non_null(newline);
	return (size_t)(newline + 1 - line);
}

static void cut_out(struct buf *b, unsigned int first, unsigned int n)
{
	while (n--) {
		char *at = line_at(b, first);
		size_t len = length_of(b, at);

		memmove(at, at + len, b->len - (size_t)(at - b->data) - len);
		b->len -= len;
	}
}

static void insert(struct buf *b, unsigned int before, const char *text, size_t len)
{
	size_t at = (size_t)(line_at(b, before) - b->data);
	struct buf rest = { 0 };

	buf__put(&rest, b->data + at, b->len - at);
	b->len = at;
	buf__put(b, text, len);
	buf__put(b, rest.data, rest.len);
	buf__free(&rest);
}

/* A copy of one line, as text that lives on its own. */
static char *copy_line(struct buf *b, unsigned int n, size_t *len)
{
	char *at = line_at(b, n), *copy;

	*len = length_of(b, at);
	copy = malloc(*len);
	assert_non_null(copy);
	memcpy(copy, at, *len);
	return copy;
}

/* --- whole --- */

/* audit_sample__whole(): a segment's lines are segment, 5, seal, seal, 4, seal, 3, seal: 17. */
#define LINES 17

static void test_whole(void **state)
{
	struct seal_key k = sample_key(1);
	struct verify_config with = { .key = &k, .directory = true };
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	r = run_dir(&s);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_true(r.records == s.seq && r.segments == 3 && r.seals == s.seals && !r.unsealed);
	assert_true(r.first_segment == 1 && r.stopped && !r.keyed);
	assert_string_equal(r.from, "2026-11-22T23:48:00.000000001Z");
	assert_string_equal(r.to, "2026-11-22T23:48:00.000000052Z");
	assert_memory_equal(r.head, seal_chain__head(s.chain), SEAL_HASH);
	audit_sample__free(&s);
	audit_sample__whole(&s, &k);
	r = run(&s, &with, false);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_true(r.keyed);
	assert_int_equal(run_dir(&s).kind, VERIFY_WHOLE);
	audit_sample__free(&s);
}

/* Each segment by itself: a file that was rotated is whole without a stop. */
static void test_single_files(void **state)
{
	struct seal_key k = sample_key(1);
	struct verify_config with = { .key = &k };
	struct audit_sample s, one;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, &k);
	for (size_t i = 0; i < s.n; i++) {
		struct verify *v = verify__new(&with);

		feed(v, &s.segment[i], i, i + 1);
		verify__end(v, false, &r);
		verify__free(v);
		assert_int_equal(r.kind, VERIFY_WHOLE);
		assert_true(r.first_segment == i + 1 && r.segments == 1);
	}
	/* cut at a seal that is not the last: told */
	one = s;
	one.n = 1;
	cut_out(&one.segment[0], 14, 4);
	r = run(&one, &with, false);
	assert_wrong(&r, VERIFY_CUT, "1", 13, 13);
	assert_int_equal(run(&one, &with, true).kind, VERIFY_WHOLE);
	audit_sample__free(&s);
}

static void test_running(void **state)
{
	struct verify_config c = { .directory = true };
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__begin(&s, NULL);
	r = run(&s, &c, true);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	r = run(&s, &c, false);
	assert_int_equal(r.kind, VERIFY_CUT);
	assert_null(r.file);
	audit_sample__segment(&s);
	audit_sample__binds(&s, 2);
	audit_sample__seal(&s, false);
	audit_sample__binds(&s, 3);
	r = run(&s, &c, true);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_true(r.records == 4 && r.unsealed == 3 && !r.torn);
	buf__str(&s.segment[0], "{\"v\":1,\"se");
	r = run(&s, &c, true);
	assert_true(r.kind == VERIFY_WHOLE && r.unsealed == 3 && r.torn);
	r = run(&s, &c, false);
	assert_wrong(&r, VERIFY_CUT, "1", 8, 0);
	assert_true(r.records == 4 && r.unsealed == 3);
	audit_sample__free(&s);
}

/* Killed, the rest sealed by the next recorder, which goes on in a segment of its own. */
static void test_crash(void **state)
{
	struct seal_key k = sample_key(1);
	struct verify_config with = { .key = &k, .directory = true };
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__begin(&s, &k);
	audit_sample__segment(&s);
	audit_sample__binds(&s, 2);
	audit_sample__seal(&s, false);
	audit_sample__binds(&s, 3);
	r = run(&s, &with, false);
	assert_wrong(&r, VERIFY_CUT, "1", 7, 7);
	audit_sample__seal(&s, true);
	audit_sample__segment(&s);
	audit_sample__record(&s, "lost", ",\"reason\":\"crash\",\"count\":0");
	audit_sample__stop(&s);
	assert_int_equal(run(&s, &with, false).kind, VERIFY_WHOLE);
	audit_sample__free(&s);
}

/* A block over two files is not what the recorder writes, but nothing is wrong with its bytes. */
static void test_block_over_two_files(void **state)
{
	struct audit_sample s;

	(void)state;
	audit_sample__begin(&s, NULL);
	audit_sample__segment(&s);
	audit_sample__binds(&s, 3);
	audit_sample__segment(&s);
	audit_sample__stop(&s);
	assert_int_equal(run_dir(&s).kind, VERIFY_WHOLE);
	cut_out(&s.segment[0], 4, 1);
	{
		struct verify_result r = run_dir(&s);

		assert_wrong(&r, VERIFY_REMOVED, "2", 1, 4);
	}
	audit_sample__free(&s);
}

/* --- changed --- */

static void test_changed(void **state)
{
	struct audit_sample s;
	struct verify_result r;
	char *at;

	(void)state;
	audit_sample__whole(&s, NULL);
	at = strstr(line_at(&s.segment[1], 10), "127.0.0.1");
	at[8] = '2';
	r = run_dir(&s); /* one of the block's, which begins at line 9 */
	assert_wrong(&r, VERIFY_CHANGED, "2", 9, LINES + 9);
	assert_true(r.records == LINES + 8 && r.segments == 2);
	assert_non_null(strstr(r.text, "line 13"));
	at[8] = '1';
	assert_int_equal(run_dir(&s).kind, VERIFY_WHOLE);
	line_at(&s.segment[1], 10)[0] = 'x'; /* this line itself shows it */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "2", 10, LINES + 10);
	audit_sample__free(&s);
}

/* A newline that is none any more makes one line of two; one that came makes two of one. */
static void test_newlines(void **state)
{
	struct audit_sample s;
	struct verify_result r;
	char *at;

	(void)state;
	audit_sample__whole(&s, NULL);
	at = line_at(&s.segment[1], 11) - 1;
	*at = ' ';
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "2", 10, LINES + 10);
	*at = '\n';
	at[40] = '\n';
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "2", 11, LINES + 11);
	audit_sample__free(&s);
}

static void test_seal_changed(void **state)
{
	struct audit_sample s;
	struct verify_result r;
	char *at;

	(void)state;
	audit_sample__whole(&s, NULL);
	at = strstr(line_at(&s.segment[0], 7), "\"sha256\":\"") + 10;
	*at = *at == '0' ? '1' : '0';
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "1", 1, 1);
	audit_sample__free(&s);
}

static void test_numbers_changed(void **state)
{
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	memcpy(line_at(&s.segment[1], 3) + 13, "30", 2); /* 20 */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "2", 3, 30);
	memcpy(line_at(&s.segment[1], 3) + 13, "11", 2);
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "2", 3, 11);
	audit_sample__free(&s);
}

/* --- removed, inserted, reordered --- */

static void test_removed(void **state)
{
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	cut_out(&s.segment[1], 3, 1);
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "2", 3, LINES + 3);
	cut_out(&s.segment[1], 3, 2);
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "2", 3, LINES + 3);
	assert_non_null(strstr(r.text, "3 records"));
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	cut_out(&s.segment[1], 8, 5); /* a whole block with its seal */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "2", 8, LINES + 8);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	cut_out(&s.segment[0], 1, 3); /* the head of the log */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "1", 1, 4);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	cut_out(&s.segment[0], LINES, 1); /* the end of a segment, another follows */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "2", 1, LINES);
	s.segment[0].len -= 20; /* inside a line */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REMOVED, "1", LINES - 1, LINES - 1);
	audit_sample__free(&s);
}

static void test_inserted(void **state)
{
	static const char *const foreign[] = { "\n", "hello\n", "{}\n", "{\"v\":1,\"seq\":0}\n" };
	struct audit_sample s;
	struct verify_result r;
	char *copy;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		audit_sample__whole(&s, NULL);
		insert(&s.segment[1], 5, foreign[i], strlen(foreign[i]));
		r = run_dir(&s);
		assert_wrong(&r, VERIFY_INSERTED, "2", 5, 0);
		audit_sample__free(&s);
	}
	audit_sample__whole(&s, NULL);
	copy = copy_line(&s.segment[1], 3, &len);
	insert(&s.segment[1], 6, copy, len); /* a copy of an earlier one */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_INSERTED, "2", 6, LINES + 3);
	cut_out(&s.segment[1], 6, 1);
	free(copy);
	copy = copy_line(&s.segment[1], 12, &len);
	insert(&s.segment[1], 3, copy, len); /* of a later one */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_INSERTED, "2", 3, LINES + 12);
	memcpy(copy + 13, "99", 2); /* of none */
	cut_out(&s.segment[1], 3, 1);
	insert(&s.segment[1], 3, copy, len);
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_INSERTED, "2", 3, 99);
	cut_out(&s.segment[1], 3, 1);
	assert_int_equal(run_dir(&s).kind, VERIFY_WHOLE);
	memcpy(copy + 13, "53", 2); /* after the end: the number would fit */
	buf__put(&s.segment[2], copy, len);
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_INSERTED, "3", LINES + 2, 53);
	free(copy);
	audit_sample__free(&s);
}

static void test_reordered(void **state)
{
	struct audit_sample s;
	struct verify_result r;
	struct buf swap;
	char *copy;
	size_t len;

	(void)state;
	audit_sample__whole(&s, NULL);
	copy = copy_line(&s.segment[1], 3, &len);
	cut_out(&s.segment[1], 3, 1);
	insert(&s.segment[1], 6, copy, len); /* down, within its block */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REORDERED, "2", 3, LINES + 4);
	assert_non_null(strstr(r.text, "line 6"));
	cut_out(&s.segment[1], 6, 1);
	insert(&s.segment[2], 2, copy, len); /* into the next segment */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REORDERED, "2", 3, LINES + 4);
	assert_non_null(strstr(r.text, "stands in 3, line 2"));
	free(copy);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	copy = copy_line(&s.segment[1], 6, &len);
	cut_out(&s.segment[1], 6, 1);
	insert(&s.segment[1], 3, copy, len); /* up */
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_REORDERED, "2", 3, LINES + 6);
	free(copy);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	swap = s.segment[0]; /* two files change names */
	s.segment[0] = s.segment[1];
	s.segment[1] = swap;
	r = run_dir(&s);
	assert_true(r.kind == VERIFY_REORDERED || r.kind == VERIFY_SEGMENT_MISSING);
	assert_string_equal(r.file, "1");
	audit_sample__free(&s);
}

/* --- segments --- */

static struct verify_result without(struct audit_sample *s, size_t missing, bool running)
{
	struct verify_config c = { .directory = true };
	struct verify *v = verify__new(&c);
	struct verify_result r;

	for (size_t i = 0; i < s->n; i++)
		if (i != missing)
			feed(v, &s->segment[i], i, i + 1);
	verify__end(v, running, &r);
	verify__free(v);
	return r;
}

static void test_segment_missing(void **state)
{
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	r = without(&s, 1, false);
	assert_wrong(&r, VERIFY_SEGMENT_MISSING, "3", 1, LINES + 1);
	assert_non_null(strstr(r.text, "segment 000002"));
	r = without(&s, 0, false);
	assert_wrong(&r, VERIFY_SEGMENT_MISSING, "2", 1, LINES + 1);
	r = without(&s, 2, false); /* the last: no stop */
	assert_wrong(&r, VERIFY_CUT, "2", LINES, 2 * LINES);
	assert_int_equal(without(&s, 2, true).kind, VERIFY_WHOLE);
	audit_sample__free(&s);
}

static void retention(struct audit_sample *s, bool sealed)
{
	audit_sample__begin(s, NULL);
	audit_sample__segment(s);
	audit_sample__seal(s, true);
	audit_sample__segment(s);
	audit_sample__record(s, "lost",
			     ",\"reason\":\"retention\",\"count\":2,\"from\":\"x\","
			     "\"to\":\"y\",\"last_segment\":1");
	if (sealed)
		audit_sample__stop(s);
}

static void test_retention(void **state)
{
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	retention(&s, true);
	assert_int_equal(without(&s, 99, false).kind, VERIFY_WHOLE); /* not removed yet */
	r = without(&s, 0, false);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_true(r.first_segment == 2 && r.retention == 1);
	audit_sample__free(&s);
	retention(&s, false); /* said, but not sealed */
	r = without(&s, 0, true);
	assert_int_equal(r.kind, VERIFY_SEGMENT_MISSING);
	audit_sample__free(&s);
}

/* --- forged with all hashes right --- */

static void test_sealed_anew(void **state)
{
	struct seal_key k = sample_key(1), other = sample_key(2);
	struct verify_config with = { .key = &k, .directory = true };
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, &other);
	assert_int_equal(run_dir(&s).kind, VERIFY_WHOLE);
	r = run(&s, &with, false);
	assert_wrong(&r, VERIFY_WRONG_KEY, "1", 7, 7);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	r = run(&s, &with, false);
	assert_wrong(&r, VERIFY_WRONG_KEY, "1", 7, 7);
	audit_sample__free(&s);
}

static void test_head(void **state)
{
	struct verify_config c = { .directory = true };
	uint8_t head[SEAL_HASH];
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	memcpy(head, seal_chain__head(s.chain), SEAL_HASH);
	c.head = head;
	r = run(&s, &c, false);
	assert_true(r.kind == VERIFY_WHOLE && r.head_seen && !r.after_head);
	cut_out(&s.segment[2], 14, 5);
	r = run(&s, &c, false); /* cut, too: but this says more */
	assert_wrong(&r, VERIFY_ROLLED_BACK, "3", 13, 2 * LINES + 13);
	memcpy(head, r.head, SEAL_HASH);
	audit_sample__free(&s);
	audit_sample__whole(&s, NULL);
	r = run(&s, &c, false);
	assert_true(r.kind == VERIFY_WHOLE && r.head_seen && r.after_head == 1);
	audit_sample__free(&s);
}

static void test_other_version(void **state)
{
	struct audit_sample s = { .n = 1 };
	struct verify_result r;

	(void)state;
	buf__str(&s.segment[0], "{\"v\":2,\"seq\":1,\"kind\":\"whatever\"}\n{\"v\":2}\n");
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_VERSION, "1", 1, 0);
	s.segment[0].len = 0;
	buf__str(&s.segment[0], "\x7f"
				"ELF\n\n");
	r = run_dir(&s);
	assert_wrong(&r, VERIFY_CHANGED, "1", 1, 0);
	audit_sample__free(&s);
}

static void test_problems(void **state)
{
	static const struct {
		int error;
		enum verify_kind kind;
	} rows[] = { { -EFBIG, VERIFY_CHANGED },
		     { -EBADMSG, VERIFY_CHANGED },
		     { -ENODATA, VERIFY_CUT },
		     { -EACCES, VERIFY_UNREADABLE } };
	struct verify_config c = { .directory = true };
	struct audit_sample s;
	struct verify_result r;

	(void)state;
	audit_sample__whole(&s, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct audit_problem p = { "2", 1, rows[i].error };
		struct verify *v = verify__new(&c);

		feed(v, &s.segment[0], 0, 1);
		verify__problem(v, &p);
		verify__end(v, true, &r);
		verify__free(v);
		assert_int_equal(r.kind, rows[i].kind);
		assert_string_equal(r.file, "2");
		assert_true(r.records == LINES);
	}
	audit_sample__free(&s);
}

/* --- bytes --- */

static struct verify_result run_changed(struct audit_sample *s, const struct verify_config *c,
					size_t segment, size_t byte, char value)
{
	char *at = s->segment[segment].data + byte, kept = *at;
	struct verify_result r;

	*at = value;
	r = run(s, c, false);
	*at = kept;
	return r;
}

static void change_bytes(const struct seal_key *key, const struct verify_config *c)
{
	struct audit_sample s;

	audit_sample__whole(&s, key);
	for (int i = 0; i < ROUNDS; i++) {
		size_t segment = (size_t)random() % s.n;
		size_t byte = (size_t)random() % s.segment[segment].len;
		char value = (char)(s.segment[segment].data[byte] ^ (1 + random() % 255));
		struct verify_result r = run_changed(&s, c, segment, byte, value);

		if (r.kind == VERIFY_WHOLE || r.kind == VERIFY_UNREADABLE)
			fail_msg("segment %zu byte %zu as %#x: %s", segment, byte, value & 0xff,
				 verify_kind_names[r.kind]);
	}
	assert_int_equal(run(&s, c, false).kind, VERIFY_WHOLE);
	audit_sample__free(&s);
}

static void test_bytes_changed(void **state)
{
	struct seal_key k = sample_key(1);
	struct verify_config with = { .key = &k, .directory = true };
	struct verify_config none = { .directory = true };

	(void)state;
	srandom(1);
	change_bytes(&k, &with);
	change_bytes(&k, &none); /* the mac's bytes too */
	change_bytes(NULL, &none);
}

/* Every single byte, to a few values that might pass. Single files as well. */
static void test_every_byte(void **state)
{
	static const char values[] = { '\n', '"', '0', '9', 'a', 'A', ' ', '\0', '}', ',' };
	struct verify_config files = { .directory = false };
	struct audit_sample s;

	(void)state;
	audit_sample__whole(&s, NULL);
	s.n = 1;
	for (size_t byte = 0; byte < s.segment[0].len; byte++)
		for (size_t i = 0; i < sizeof(values); i++)
			if (s.segment[0].data[byte] != values[i] &&
			    run_changed(&s, &files, 0, byte, values[i]).kind == VERIFY_WHOLE)
				fail_msg("byte %zu as %#x", byte, values[i]);
	s.n = 3;
	audit_sample__free(&s);
}

/* Any cut of a single file but the one at its end. */
static void test_every_cut(void **state)
{
	struct verify_config files = { .directory = false };
	struct audit_sample s;
	size_t len;

	(void)state;
	audit_sample__whole(&s, NULL);
	s.n = 1;
	len = s.segment[0].len;
	for (s.segment[0].len = 0; s.segment[0].len < len; s.segment[0].len++)
		assert_int_equal(run(&s, &files, false).kind, VERIFY_CUT);
	s.n = 3;
	audit_sample__free(&s);
}

/* Noise: no crash, no verdict but a wrong one. For the sanitizers. */
static void test_noise(void **state)
{
	struct verify_config c = { .directory = true };
	struct audit_sample s;

	(void)state;
	srandom(2);
	for (int i = 0; i < 2000; i++) {
		audit_sample__whole(&s, NULL);
		for (int n = 1 + (int)(random() % 20); n; n--) {
			struct buf *b = &s.segment[(size_t)random() % s.n];
			unsigned int line = 1 + (unsigned int)random() % (LINES - 4);
			size_t len;
			char *copy = copy_line(b, line, &len);

			copy[(size_t)random() % len] = (char)random();
			if (random() % 2)
				insert(b, line, copy, len);
			else
				memcpy(line_at(b, line), copy, len);
			free(copy);
		}
		assert_int_not_equal(run(&s, &c, false).kind, VERIFY_WHOLE);
		audit_sample__free(&s);
	}
}

/* --- the verifier that docs/audit-log.md prints --- */

#define DOCUMENT "docs/audit-log.md"

static void write_file(const char *path, const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Runs the first python block of the document with the files there; its exit status. */
static int run_document(const char *dir, const char *options)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sed -n '/^```python/,/^```$/{/^```/!p}' " DOCUMENT " > %s/doc.py && "
		 "python3 %s/doc.py %s %s/*.ndjson > %s/out 2>&1",
		 dir, dir, options, dir, dir);
	return system(command); /* NOLINT(cert-env33-c): a test */
}

static void document_checks(const char *dir, const struct seal_key *key)
{
	char path[256], options[300] = "", text[SEAL_KEY_TEXT];
	struct audit_sample s;

	audit_sample__whole(&s, key);
	if (key) {
		snprintf(path, sizeof(path), "%s/key", dir);
		write_file(path, text, seal_key__text(key, text));
		snprintf(options, sizeof(options), "--key %s", path);
	}
	for (size_t i = 0; i < s.n; i++) {
		snprintf(path, sizeof(path), "%s/socklife-%06zu.ndjson", dir, i + 1);
		write_file(path, s.segment[i].data, s.segment[i].len);
	}
	assert_int_equal(run_document(dir, options), 0);
	s.segment[2].data[400] ^= 1;
	write_file(path, s.segment[2].data, s.segment[2].len);
	assert_int_not_equal(run_document(dir, options), 0);
	audit_sample__free(&s);
}

static void test_independent_verifier(void **state)
{
	struct seal_key k = sample_key(1);
	char dir[] = "/tmp/socklife-unit-XXXXXX", command[64];

	(void)state;
	if (access(DOCUMENT, R_OK) || system("command -v python3 >/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	document_checks(dir, NULL);
	document_checks(dir, &k);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_single_files),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_block_over_two_files),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_newlines),
		cmocka_unit_test(test_seal_changed),
		cmocka_unit_test(test_numbers_changed),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_inserted),
		cmocka_unit_test(test_reordered),
		cmocka_unit_test(test_segment_missing),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_sealed_anew),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_bytes_changed),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_independent_verifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
