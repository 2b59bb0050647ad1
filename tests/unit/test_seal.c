/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_seal.c - keys and the chain of seals: the formulas against values computed elsewhere, what the
 * writer makes the checker takes, and every way of not taking it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "seal.h"

#define FRONT "{\"v\":1,\"seq\":3,\"type\":\"seal\""

static const uint8_t zeros[SEAL_HASH];

static struct seal_key sample_key(void)
{
	struct seal_key k = { .index = 1 };

	for (int i = 0; i < SEAL_HASH; i++)
		k.bytes[i] = (uint8_t)i;
	return k;
}

static void assert_hex(const uint8_t bytes[SEAL_HASH], const char *expected)
{
	char hex[SEAL_HEX + 1] = "";

	seal__hex(hex, bytes);
	assert_string_equal(hex, expected);
}

static void test_hex(void **state)
{
	char hex[SEAL_HEX + 1] = "";
	uint8_t back[SEAL_HASH];
	struct seal_key k = sample_key();

	(void)state;
	seal__hex(hex, k.bytes);
	assert_string_equal(hex, "000102030405060708090a0b0c0d0e0f"
				 "101112131415161718191a1b1c1d1e1f");
	assert_true(seal__unhex(back, hex));
	assert_memory_equal(back, k.bytes, SEAL_HASH);
	memset(back, 7, sizeof(back));
	hex[20] = 'A'; /* one way only to write it */
	assert_false(seal__unhex(back, hex));
	hex[20] = 'g';
	assert_false(seal__unhex(back, hex));
	assert_int_equal(back[0], 7);
}

static void test_key_text(void **state)
{
	static const char hex[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	static const char *const bad[] = {
		"",
		"socklife-key 1 1 %s",     /* no newline */
		"socklife-key 1 1 %s\n\n", /* too much */
		"socklife-key 1 0 %s\n",   /* no such index */
		"socklife-key 1 01 %s\n",  /* not as we write it */
		"socklife-key 2 1 %s\n",   /* another version */
		"socklife-key 1 -1 %s\n",
		"socklife-key 1 99999999999999999999 %s\n",
		" socklife-key 1 1 %s\n",
		"socklife-key 1 1 %s0\n",
	};
	struct seal_key k = sample_key(), back = { 0 };
	char text[SEAL_KEY_TEXT];
	size_t len;

	(void)state;
	k.index = UINT64_MAX;
	len = seal_key__text(&k, text);
	assert_int_equal(seal_key__parse(&back, text, len), 0);
	assert_true(back.index == UINT64_MAX);
	assert_memory_equal(back.bytes, k.bytes, SEAL_HASH);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = snprintf(text, sizeof(text), bad[i], hex);

		if (seal_key__parse(&back, text, (size_t)n) != -EBADMSG)
			fail_msg("taken: %s", text);
	}
	assert_true(back.index == UINT64_MAX);
	seal_key__wipe(&k);
	assert_true(k.index == 0 && k.bytes[31] == 0);
}

/* python3: hmac.new(bytes(range(32)), b"socklife seal key", "sha256").hexdigest() */
static void test_key_moves_forward(void **state)
{
	struct seal_key k = sample_key(), other;

	(void)state;
	assert_int_equal(seal_key__next(&k), 0);
	assert_true(k.index == 2);
	assert_hex(k.bytes, "130c273f375f617f39033e6aa9655ae116c0821b22d41a41ab6161e66fbb3291");
	assert_int_equal(seal_key__make(&k), 0);
	assert_int_equal(seal_key__make(&other), 0);
	assert_true(k.index == 1 && other.index == 1);
	assert_memory_not_equal(k.bytes, other.bytes, SEAL_HASH);
}

/* One record, one seal; the numbers are Python's hashlib and hmac of docs/audit-log.md. */
static void one_seal(const struct seal_key *key, struct buf *line)
{
	struct seal_chain *c = seal_chain__new(zeros, key);

	assert_non_null(c);
	assert_int_equal(seal_chain__next_index(c, 0), 0);
	seal_chain__add(c, "one\n", 4, 1);
	seal_chain__add(c, "two\n", 4, 1);
	buf__str(line, FRONT);
	assert_int_equal(seal_chain__make(c, line, key), 0);
	assert_int_equal(seal_chain__done(c, -1), 0);
	buf__char(line, '\0');
	seal_chain__free(c);
}

static void test_known_answers(void **state)
{
	struct seal_key k = sample_key();
	struct buf line = { 0 };

	(void)state;
	one_seal(NULL, &line);
	assert_string_equal(
		line.data,
		"{\"v\":1,\"seq\":3,\"type\":\"seal\",\"records\":2,\"index\":1,"
		"\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		"\"sha256\":\"f23e23e8900389d57d51bf0aa352245338270e04464edaa45ef5979b19352646\"}\n");
	line.len = 0;
	one_seal(&k, &line);
	assert_string_equal(
		line.data,
		"{\"v\":1,\"seq\":3,\"type\":\"seal\",\"records\":2,\"index\":1,"
		"\"end\":true,"
		"\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		"\"mac\":\"092e172d35b77a86fc7d382ac1892f95e0cf320da9c033c0c29bb0e7be4db651\","
		"\"sha256\":\"ae75962889b02010b4a37a3d2b006c30c061f18433c46dd6b8d38e9c487d9d34\"}\n");
	buf__free(&line);
}

/* --- a writer and a checker side by side --- */

struct pair {
	struct seal_chain *writer, *checker;
	struct buf line;
	struct seal seal;
};

static void begin(struct pair *p, const struct seal_key *writer, const struct seal_key *checker)
{
	*p = (struct pair){ 0 };
	p->writer = seal_chain__new(zeros, writer);
	p->checker = seal_chain__new(zeros, checker);
	assert_non_null(p->writer);
	assert_non_null(p->checker);
	assert_int_equal(seal_chain__next_index(p->writer, 0), 0);
}

static void end(struct pair *p)
{
	seal_chain__free(p->writer);
	seal_chain__free(p->checker);
	buf__free(&p->line);
}

static void make(struct pair *p, const char *record)
{
	seal_chain__add(p->writer, record, strlen(record), 1);
	seal_chain__add(p->checker, record, strlen(record), 1);
	p->line.len = 0;
	buf__str(&p->line, FRONT);
	assert_int_equal(seal_chain__make(p->writer, &p->line, false), 0);
}

static enum seal_verdict check(struct pair *p)
{
	return seal_chain__check(p->checker, p->line.data, p->line.len, strlen(FRONT), &p->seal);
}

static void seal_many(struct pair *p, int n)
{
	for (int i = 0; i < n; i++) {
		make(p, "a record\n");
		assert_int_equal(seal_chain__done(p->writer, -1), 0);
		assert_int_equal(check(p), SEAL_RIGHT);
		assert_true(p->seal.index == (uint64_t)i + 1 && p->seal.records == 1);
		assert_memory_equal(seal_chain__head(p->writer), seal_chain__head(p->checker),
				    SEAL_HASH);
	}
}

static void test_chain(void **state)
{
	struct seal_key k = sample_key();
	struct pair p;

	(void)state;
	begin(&p, NULL, NULL);
	seal_many(&p, 20);
	end(&p);
	begin(&p, &k, &k);
	seal_many(&p, 20);
	end(&p);
	begin(&p, &k, NULL); /* sealed with a key, checked without */
	seal_many(&p, 20);
	assert_true(p.seal.has_mac);
	end(&p);
}

static void test_make_again(void **state)
{
	struct seal_key k = sample_key();
	struct pair p;

	(void)state;
	begin(&p, &k, &k);
	seal_many(&p, 1);
	make(&p, "the disk was full at this seal\n");
	make(&p, "and the next one takes its place\n");
	assert_int_equal(seal_chain__done(p.writer, -1), 0);
	assert_int_equal(check(&p), SEAL_RIGHT);
	assert_true(p.seal.records == 2 && p.seal.index == 2);
	end(&p);
}

/* Every byte of a seal line but its common fields' meaning is checked: any other byte there is told. */
static void test_every_byte(void **state)
{
	struct seal_key k = sample_key();
	struct pair p;

	(void)state;
	begin(&p, &k, &k);
	make(&p, "a record\n");
	for (size_t i = 0; i < p.line.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			p.line.data[i] ^= (char)(1 << bit);
			if (check(&p) == SEAL_RIGHT)
				fail_msg("bit %d of byte %zu", bit, i);
			p.line.data[i] ^= (char)(1 << bit);
		}
	for (size_t cut = 0; cut < p.line.len; cut++)
		if (seal_chain__check(p.checker, p.line.data, cut, strlen(FRONT), &p.seal) !=
		    SEAL_FORM)
			fail_msg("cut after byte %zu", cut);
	assert_int_equal(check(&p), SEAL_RIGHT);
	end(&p);
}

static void test_wrong_keys(void **state)
{
	struct seal_key k = sample_key(), other = sample_key(), later = sample_key();
	struct pair p;

	(void)state;
	other.bytes[0] ^= 1;
	assert_int_equal(seal_key__next(&later), 0);
	begin(&p, &other, &k);
	make(&p, "a record\n");
	assert_int_equal(check(&p), SEAL_MAC);
	end(&p);
	begin(&p, NULL, &k);
	make(&p, "a record\n");
	assert_int_equal(check(&p), SEAL_NO_MAC);
	end(&p);
	begin(&p, &k, &later);
	make(&p, "a record\n");
	assert_int_equal(check(&p), SEAL_OLD_KEY);
	end(&p);
}

/* Whoever has key 5 drops seals 3 and 4 and goes on from seal 2. */
static void test_dropped_seals(void **state)
{
	struct seal_key k = sample_key(), stolen = sample_key();
	struct pair p;
	struct seal_chain *forger;

	(void)state;
	begin(&p, &k, &k);
	seal_many(&p, 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seal_key__next(&stolen), 0);
	forger = seal_chain__new(seal_chain__head(p.checker), &stolen);
	assert_non_null(forger);
	assert_int_equal(seal_chain__next_index(forger, 2), 1); /* the recorder would be warned */
	p.line.len = 0;
	buf__str(&p.line, FRONT);
	assert_int_equal(seal_chain__make(forger, &p.line, false), 0);
	assert_int_equal(check(&p), SEAL_INDEX);
	assert_true(p.seal.index == 5);
	seal_chain__free(forger);
	end(&p);
}

static void test_records_and_prev(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, NULL, NULL);
	make(&p, "a record\n");
	seal_chain__add(p.checker, "", 0, 1);
	assert_int_equal(check(&p), SEAL_RECORDS);
	end(&p);
	begin(&p, NULL, NULL);
	seal_many(&p, 1);
	seal_chain__free(p.checker);
	p.checker = seal_chain__new(zeros, NULL);
	make(&p, "a record\n");
	assert_int_equal(check(&p), SEAL_SHA256); /* prev is hashed first */
	end(&p);
}

/* --- the key file --- */

static int key_file(char *path, const struct seal_key *k)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(seal_key__write(k, fd), 0);
	return fd;
}

static void test_key_file(void **state)
{
	char path[] = "/tmp/socklife-unit-XXXXXX";
	struct seal_key k = sample_key(), back;
	struct pair p;
	int fd = key_file(path, &k);

	(void)state;
	begin(&p, &k, &k);
	for (int i = 1; i <= 12; i++) { /* the index gets a second digit */
		assert_int_equal(seal_key__read(&back, fd), 0);
		assert_true(back.index == (uint64_t)i);
		make(&p, "a record\n");
		assert_int_equal(seal_key__read(&back, fd), 0);
		assert_true(back.index == (uint64_t)i); /* not before the seal is in the log */
		assert_int_equal(seal_chain__done(p.writer, fd), 0);
		assert_int_equal(check(&p), SEAL_RIGHT);
	}
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(seal_key__read(&back, fd), -EBADMSG);
	end(&p);
	close(fd);
	unlink(path);
}

/* Killed between the seal and the key file: the file is one behind, the log goes on. */
static void test_key_one_behind(void **state)
{
	struct seal_key k = sample_key(), on_disk = sample_key();
	struct seal_chain *again;
	struct pair p;

	(void)state;
	begin(&p, &k, &k);
	seal_many(&p, 3);
	assert_int_equal(seal_key__next(&on_disk), 0);
	assert_int_equal(seal_key__next(&on_disk), 0); /* 3: seal 3 was made, and then the end */
	again = seal_chain__new(seal_chain__head(p.checker), &on_disk);
	assert_non_null(again);
	assert_int_equal(seal_chain__next_index(again, 3), 0);
	p.line.len = 0;
	buf__str(&p.line, FRONT);
	assert_int_equal(seal_chain__make(again, &p.line, true), 0);
	assert_int_equal(check(&p), SEAL_RIGHT);
	assert_true(p.seal.index == 4 && p.seal.end);
	seal_chain__free(again);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_key_moves_forward),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_make_again),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_dropped_seals),
		cmocka_unit_test(test_records_and_prev),
		cmocka_unit_test(test_key_file),
		cmocka_unit_test(test_key_one_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
