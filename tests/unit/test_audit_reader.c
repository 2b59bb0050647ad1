/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_audit_reader.c - names of segments, the front of a line, and the lines of files, directories and gzip,
 * whole and damaged.
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
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>
#include "audit_reader.h"
#include "json.h"

/* --- names --- */

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum audit_name kind;
		uint64_t segment;
	} rows[] = {
		{ "socklife-000001.ndjson", AUDIT_PLAIN, 1 },
		{ "socklife-000010.ndjson.gz", AUDIT_GZIP, 10 },
		{ "socklife-1234567.ndjson", AUDIT_PLAIN, 1234567 },
		{ "socklife-000003.torn-1", AUDIT_TORN, 3 },
		{ "lock", AUDIT_PRIVATE, 0 },
		{ ".socklife-000003.ndjson.gz", AUDIT_PRIVATE, 0 },
		{ "socklife-000000.ndjson", AUDIT_OTHER, 0 },
		{ "socklife-00001.ndjson", AUDIT_OTHER, 0 },
		{ "socklife-0000001.ndjson", AUDIT_OTHER, 0 },
		{ "socklife-000001.ndjson.gz.gz", AUDIT_OTHER, 0 },
		{ "socklife-000001.ndjson~", AUDIT_OTHER, 0 },
		{ "socklife-000001.json", AUDIT_OTHER, 0 },
		{ "socklife-.ndjson", AUDIT_OTHER, 0 },
		{ "socklife-99999999999999999999.ndjson", AUDIT_OTHER, 0 },
		{ "socklife-000003.torn-", AUDIT_OTHER, 0 },
		{ "", AUDIT_OTHER, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t segment = 0;

		if (audit__name(rows[i].name, &segment) != rows[i].kind ||
		    segment != rows[i].segment)
			fail_msg("%s: segment %d", rows[i].name, (int)segment);
	}
}

/* --- the front of a line --- */

#define FRONT                                                                                      \
	"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":"                \
	"81,\"boot\":\"b-1\",\"host\":\"a\\\"b\",\"type\":\"lost\""
#define LINE FRONT ",\"reason\":\"x\\\\\",\"count\":12,\"to\":\"count\"}\n"

static void test_head(void **state)
{
	static const char line[] = LINE;
	struct audit_head h;
	const char *s;
	uint64_t n;
	size_t len;

	(void)state;
	assert_true(audit__head(line, strlen(line), &h));
	assert_true(h.seq == 7 && h.boot_ns == 81 && h.len == strlen(FRONT));
	assert_true(audit__is(&h, "lost") && !audit__is(&h, "los") && !audit__is(&h, "lost2"));
	assert_memory_equal(h.host, "a\\\"b", h.host_len);
	assert_int_equal(h.host_len, 4);
	assert_memory_equal(h.ts, "2026-11-22T23:48:24.123456789Z", AUDIT_TS);
	assert_true(audit__u64(line, strlen(line), "count", &n) && n == 12);
	assert_true(audit__string(line, strlen(line), "reason", &s, &len) && len == 3);
	assert_true(audit__string(line, strlen(line), "to", &s, &len) && len == 5);
	assert_false(audit__u64(line, strlen(line), "reason", &n));
	assert_false(audit__u64(line, strlen(line), "coun", &n));
	assert_false(audit__string(line, strlen(line), "lost", &s, &len));
	for (size_t cut = 0; cut <= strlen(FRONT); cut++)
		if (audit__head(line, cut, &h))
			fail_msg("cut after %zu", cut);
}

static void test_no_head(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"{}",
		"{\"v\":2,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,\"boot\":"
		"\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":07,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":0,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":-7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22 23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":\"81\","
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"}",
		"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\\",
		"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,"
		"\"boot\":\"b\",\"host\":\"a\",\"type\":\"lost\"x",
	};
	struct audit_head h;
	uint64_t version;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (audit__head(bad[i], strlen(bad[i]), &h))
			fail_msg("taken: %s", bad[i]);
	assert_true(audit__other_version(bad[3], strlen(bad[3]), &version) && version == 2);
	assert_false(audit__other_version(bad[4], strlen(bad[4]), &version));
	assert_false(audit__other_version("{\"v\":x", 6, &version));
}

/* --- files --- */

static char dir[32];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/socklife-unit-XXXXXX");
	return !mkdtemp(dir);
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): a test */
}

static char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned int next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void put_file(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

/* A gzip member of it, at most sizeof(out). */
static size_t pack(const void *data, size_t len, uint8_t *out, size_t size)
{
	z_stream z = { .next_in = (Bytef *)data,
		       .avail_in = (uInt)len,
		       .next_out = out,
		       .avail_out = (uInt)size };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* All that a reader gives, a line each: "NAME:LINE@OFFSET text", "!" a torn one, "?" a problem. */
static char *read_all(char **paths, size_t n)
{
	static struct buf all;
	struct audit_reader *r = audit_reader__new(paths, n);
	struct audit_problem problem;
	struct audit_line line;
	const char *expected = NULL;
	int ret;

	assert_non_null(r);
	all.len = 0;
	while ((ret = audit_reader__next(r, &line, &problem))) {
		const char *file = ret > 0 ? line.file : problem.file;

		if (ret > 0 && expected)
			assert_ptr_equal(line.data, expected);
		expected = ret > 0 && line.more ? line.data + line.len : NULL;
		file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
		buf__str(&all, file);
		buf__char(&all, ':');
		buf__u64(&all, ret > 0 ? line.line : problem.line);
		if (ret > 0) {
			buf__char(&all, '@');
			buf__u64(&all, line.offset);
			buf__char(&all, line.torn ? '!' : ' ');
			buf__put(&all, line.data, line.len < 20 ? line.len : 20);
			if (line.torn || line.len >= 20)
				buf__char(&all, '\n');
		} else {
			buf__str(&all, "?");
			buf__u64(&all, (uint64_t)-problem.error);
			buf__char(&all, '\n');
		}
	}
	buf__char(&all, '\0');
	audit_reader__free(r);
	return all.data;
}

static char *read_one(const char *name)
{
	char *paths[] = { path_of(name) };

	return read_all(paths, 1);
}

static void test_plain(void **state)
{
	(void)state;
	put_text("a", "one\ntwo\n\nfour\n");
	assert_string_equal(read_one("a"), "a:1@0 one\na:2@4 two\na:3@8 \na:4@9 four\n");
	put_text("a", "one\ntw");
	assert_string_equal(read_one("a"), "a:1@0 one\na:2@4!tw\n");
	put_text("a", "");
	assert_string_equal(read_one("a"), "");
	put_text("a", "x");
	assert_string_equal(read_one("a"), "a:1@0!x\n");
	put_file("a", "\0\xff\n\n", 4);
	assert_memory_equal(read_one("a"), "a:1@0 \0\xff\na:2@3 \n", 17);
	assert_string_equal(read_one("none"), "none:1?2\n");
}

static void test_directory(void **state)
{
	char *paths[] = { dir };
	struct audit_reader *r;
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "%s:1?%d\n", strrchr(dir, '/') + 1, ENOMSG);
	assert_string_equal(read_all(paths, 1), expected);
	put_text("socklife-000010.ndjson", "ten\n");
	put_text("socklife-000009.ndjson.gz", "nine, plain in spite of its name\n");
	put_text("socklife-1000000.ndjson", "a million\n");
	put_text("socklife-000009.torn-1", "never read");
	put_text("notes.txt", "foreign\n");
	put_text("lock", "");
	put_text(".hidden", "");
	mkfifo(path_of("socklife-000011.ndjson"), 0600);
	put_text("socklife-000010.ndjson.gz", "the same again\n");
	assert_string_equal(read_all(paths, 1),
			    "socklife-000009.ndjson.gz:1@0 nine, plain in spite\n"
			    "socklife-000010.ndjson:1@0 ten\n"
			    "socklife-000011.ndjson:1?22\n"
			    "socklife-1000000.ndjson:1@0 a million\n");
	r = audit_reader__new(paths, 1);
	assert_non_null(r);
	assert_int_equal(audit_reader__others(r), 2);
	assert_non_null(audit_reader__other(r, 1));
	assert_null(audit_reader__other(r, 2));
	audit_reader__free(r);
}

static void test_order_of_files(void **state)
{
	char *numbered[] = { path_of("socklife-1000000.ndjson"),
			     path_of("socklife-000002.ndjson") };
	char *mixed[] = { numbered[0], path_of("b"), numbered[1] };

	(void)state;
	put_text("socklife-1000000.ndjson", "a\n");
	put_text("socklife-000002.ndjson", "b\n");
	put_text("b", "c\n");
	assert_string_equal(read_all(numbered, 2), "socklife-000002.ndjson:1@0 b\n"
						   "socklife-1000000.ndjson:1@0 a\n");
	assert_string_equal(read_all(mixed, 3), "socklife-1000000.ndjson:1@0 a\nb:1@0 c\n"
						"socklife-000002.ndjson:1@0 b\n");
}

static void test_gzip(void **state)
{
	uint8_t out[4096];
	size_t one, two;

	(void)state;
	one = pack("one\ntw", 6, out, sizeof(out));
	two = pack("o\nthree\n", 8, out + one, sizeof(out) - one);
	put_file("a", out, one);
	assert_string_equal(read_one("a"), "a:1@0 one\na:2@4!tw\n");
	put_file("a", out, one + two);
	assert_string_equal(read_one("a"), "a:1@0 one\na:2@4 two\na:3@8 three\n");
	memcpy(out + one + two, "junk", 4); /* after the end */
	put_file("a", out, one + two + 4);
	assert_string_equal(read_one("a"), "a:1@0 one\na:2@4 two\na:3@8 three\na:4?74\n");
	for (size_t cut = 2; cut < one; cut++) {
		char *all;

		put_file("a", out, cut);
		all = read_one("a");
		if (!strstr(all, "?61\n"))
			fail_msg("cut after %zu: %s", cut, all);
	}
	for (size_t i = one - 8; i < one - 4; i++) { /* the checksum */
		out[i] ^= 1;
		put_file("a", out, one);
		assert_string_equal(read_one("a"), "a:1@0 one\na:2?74\n");
		out[i] ^= 1;
	}
	put_file("a", "\x1f\x8b\xff\xff\xff\xff\xff\xff", 8);
	assert_string_equal(read_one("a"), "a:1?74\n");
}

/* Lines across every boundary of the buffer, plain and packed: each as it was written. */
static void test_large(void **state)
{
	struct buf text = { 0 };
	uint8_t *out;
	size_t packed;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		buf__u64(&text, i);
		for (unsigned int n = 0; n < i % 2003; n++)
			buf__char(&text, (char)('a' + n % 26));
		buf__char(&text, '\n');
	}
	out = malloc(text.len + 1024);
	assert_non_null(out);
	packed = pack(text.data, text.len, out, text.len + 1024);
	put_file("plain", text.data, text.len);
	put_file("packed", out, packed);
	for (int i = 0; i < 2; i++) {
		char *paths[] = { path_of(i ? "packed" : "plain") };
		struct audit_reader *r = audit_reader__new(paths, 1);
		struct audit_problem problem;
		struct audit_line line;
		uint64_t lines = 0;
		size_t at = 0;
		int ret;

		assert_non_null(r);
		while ((ret = audit_reader__next(r, &line, &problem)) > 0) {
			assert_true(line.offset == at && line.line == ++lines);
			assert_memory_equal(line.data, text.data + at, line.len);
			at += line.len;
		}
		assert_true(!ret && at == text.len && lines == 3000);
		audit_reader__free(r);
	}
	free(out);
	buf__free(&text);
}

static void test_long_lines(void **state)
{
	struct buf text = { 0 };
	char *all;

	(void)state;
	buf__str(&text, "first\n");
	buf__pad(&text, AUDIT_LINE_MAX + 5); /* with its newline exactly the limit */
	buf__str(&text, "\nsecond\n");
	buf__pad(&text, text.len + AUDIT_LINE_MAX);
	buf__str(&text, "\nthird\n");
	buf__pad(&text, text.len + 3 * AUDIT_LINE_MAX);
	put_file("a", text.data, text.len);
	all = read_one("a");
	assert_string_equal(all, "a:1@0 first\na:2@6                     \na:3@16777222 second\n"
				 "a:4?27\na:5@33554446 third\na:6?27\n");
	buf__free(&text);
}

static void test_stdin(void **state)
{
	char *paths[] = { "-" };
	int kept = dup(STDIN_FILENO);

	(void)state;
	put_text("a", "one\n");
	assert_non_null(freopen(path_of("a"), "r", stdin));
	assert_string_equal(read_all(paths, 1), "-:1@0 one\n");
	dup2(kept, STDIN_FILENO);
	close(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_no_head),
		TEST(test_plain),
		TEST(test_directory),
		TEST(test_order_of_files),
		TEST(test_gzip),
		TEST(test_large),
		TEST(test_long_lines),
		TEST(test_stdin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
