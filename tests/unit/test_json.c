// SPDX-License-Identifier: GPL-2.0-or-later
/* The text buffer, the JSON writer and the output buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "json.h"
#include "sink.h"

#define SEC 1000000000ull

/* --- the writer --- */

static void want_buf(struct buf *b, const char *want)
{
	buf__char(b, '\0');
	assert_false(b->failed);
	assert_string_equal(b->data, want);
	b->len = 0;
}

static void test_writer(void **state)
{
	struct buf b = { 0 };

	(void)state;
	json__open(&b, '{');
	json__put_u64(&b, "a", UINT64_MAX);
	json__key(&b, "b");
	json__open(&b, '[');
	json__close(&b, ']');
	json__key(&b, "c");
	json__open(&b, '[');
	json__i64(&b, INT64_MIN);
	json__i64(&b, 0);
	json__open(&b, '{');
	json__put_bool(&b, "t", true);
	json__put_bool(&b, "f", false);
	json__close(&b, '}');
	json__string(&b, "[");
	json__string(&b, "{:");
	json__string(&b, "");
	json__close(&b, ']');
	json__put_id(&b, "d", 1234567890123456789ull);
	json__put_string(&b, "e", "x");
	json__close(&b, '}');
	want_buf(
		&b,
		"{\"a\":18446744073709551615,\"b\":[],\"c\":[-9223372036854775808,0,"
		"{\"t\":true,\"f\":false},\"[\",\"{:\",\"\"],\"d\":\"1234567890123456789\",\"e\":\"x\"}");
	buf__free(&b);
}

static void test_numbers(void **state)
{
	uint64_t v = 1;
	struct buf b = { 0 };
	char want[24];
	int i;

	(void)state;
	for (i = 0; i < 64; i++, v = v * 3 + (uint64_t)i % 2) {
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		buf__u64(&b, v);
		want_buf(&b, want);
	}
	buf__u64(&b, 0);
	want_buf(&b, "0");
	buf__free(&b);
}

static void want_bytes(const char *s, size_t n, const char *want)
{
	struct buf b = { 0 };

	json__bytes(&b, s, n);
	want_buf(&b, want);
	buf__free(&b);
}

static void test_escapes(void **state)
{
	(void)state;
	want_bytes("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
	want_bytes("\0\n\t\x1f\x20\x7f", 6, "\"\\u0000\\u000a\\u0009\\u001f \\u007f\"");
	want_bytes("\xc2\x80\xc2\x9b\xc2\xa0", 6, "\"\\u0080\\u009b\xc2\xa0\"");
	want_bytes("\xe2\x82\xac\xf0\x9f\x98\x80", 7, "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* cut, alone, overlong, surrogate, above U+10FFFF: each byte by itself */
	want_bytes("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	want_bytes("\x80x", 2, "\"\xef\xbf\xbdx\"");
	want_bytes("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	want_bytes("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	want_bytes("\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	want_bytes("a\xc3", 2, "\"a\xef\xbf\xbd\"");
}

/* An own decoder, as simple as can be: the code point at s, or -1; *n its bytes. */
static long code_point(const unsigned char *s, size_t left, size_t *n)
{
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	long c = s[0];
	size_t i, len = c < 0x80       ? 1 :
			(c >> 5) == 6  ? 2 :
			(c >> 4) == 14 ? 3 :
			(c >> 3) == 30 ? 4 :
					 0;

	*n = 1;
	if (!len || len > left)
		return -1;
	if (len > 1)
		c &= 0xff >> (len + 1);
	for (i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return -1;
		c = c << 6 | (s[i] & 63);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	*n = len;
	return c;
}

/* Reads a JSON string back to code points; fails where it is not one, printable, on one line. */
static size_t read_back(const unsigned char *s, size_t n, long *points)
{
	size_t i, len, count = 0;

	assert_true(n >= 2 && s[0] == '"' && s[n - 1] == '"');
	for (i = 1; i < n - 1; i += len) {
		long c = code_point(s + i, n - 1 - i, &len);

		assert_true(c >= 0x20 && c != 0x7f && c != '"' && !(c >= 0x80 && c < 0xa0));
		if (c == '\\') {
			unsigned int v;

			c = s[i + 1];
			len = 2;
			if (c == 'u') {
				assert_true(i + 6 <= n - 1);
				assert_int_equal(sscanf((const char *)s + i + 2, "%4x", &v), 1);
				c = (long)v;
				len = 6;
			} else {
				assert_true(c == '"' || c == '\\');
			}
		}
		points[count++] = c;
	}
	return count;
}

static void test_any_bytes(void **state)
{
	static const char alphabet[] =
		"a\"\\\n\x1b\x7f\x80\x9b\xa0\xbf\xc2\xc3\xe0\xe2\xed\xef\xf0\xf4\xff";
	unsigned char in[24];
	struct buf b = { 0 };
	long points[32];
	size_t i, k, n, len, count;
	int round;

	(void)state;
	srandom(7);
	for (round = 0; round < 200000; round++) {
		n = (size_t)random() % sizeof(in);
		for (i = 0; i < n; i++)
			in[i] = (unsigned char)(round % 2 ? random() :
							    alphabet[(size_t)random() %
								     sizeof(alphabet)]);
		b.len = 0;
		json__bytes(&b, (const char *)in, n);
		assert_true(b.len <= 6 * n + 2);
		count = read_back((const unsigned char *)b.data, b.len, points);
		for (i = 0, k = 0; i < n; i += len, k++) {
			long c = code_point(in + i, n - i, &len);

			assert_true(k < count);
			assert_int_equal(points[k], c < 0 ? 0xfffd : c);
		}
		assert_int_equal(k, count);
	}
	buf__free(&b);
}

static void want_addr(const char *text, const char *want)
{
	uint8_t a[16];
	char got[ADDR_TEXT + 1];

	assert_int_equal(inet_pton(AF_INET6, text, a), 1);
	got[addr__text(got, a, AF_INET6)] = '\0';
	assert_string_equal(got, want);
}

static void test_addresses(void **state)
{
	uint8_t a[16] = { [10] = 0xff, [11] = 0xff };
	char got[ADDR_TEXT + 1], want[INET6_ADDRSTRLEN];
	int i, k;

	(void)state;
	want_addr("::", "::");
	want_addr("::1", "::1");
	want_addr("1::", "1::");
	want_addr("::ffff:127.0.0.1", "127.0.0.1");
	want_addr("::ffff:0.0.0.0", "0.0.0.0");
	want_addr("::1.2.3.4", "::102:304");
	want_addr("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	want_addr("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	want_addr("FE80::ABCD:0:0:0", "fe80::abcd:0:0:0");
	want_addr("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
	want_addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	srandom(7);
	for (i = 0; i < 100000; i++) {
		for (k = 12; k < 16; k++)
			a[k] = (uint8_t)(random() >> 4);
		got[addr__text(got, a, AF_INET)] = '\0';
		assert_string_equal(got, inet_ntop(AF_INET, a + 12, want, sizeof(want)));
	}
	for (i = 0; i < 100000; i++) {
		for (k = 0; k < 16; k++)
			a[k] = random() % 3 ? 0 : (uint8_t)(random() >> 4);
		a[0] |= 1; /* not ::1.2.3.4, which inet_ntop() prints the old way */
		got[addr__text(got, a, AF_INET6)] = '\0';
		assert_string_equal(got, inet_ntop(AF_INET6, a, want, sizeof(want)));
	}
}

static void test_times(void **state)
{
	struct stamp stamp = { 0 };
	struct buf b = { 0 };
	char want[32];
	int i;

	(void)state;
	srandom(7);
	for (i = 0; i < 100000; i++) {
		time_t t = i < 100 ? i * 43200 :
				     (time_t)(random() % 92233720) * 100 + random() % 100;
		struct tm tm;

		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
		assert_string_equal(stamp__seconds(&stamp, (uint64_t)t), want);
	}
	json__time(&b, &stamp, 0);
	want_buf(&b, "\"1970-01-01T00:00:00.000000000Z\"");
	json__time(&b, &stamp, INT64_MAX);
	want_buf(&b, "\"2262-04-11T23:47:16.854775807Z\"");
	json__time(&b, &stamp, 1709251199 * SEC + 5);
	want_buf(&b, "\"2024-02-29T23:59:59.000000005Z\"");
	buf__free(&b);
}

/* --- the output buffer --- */

static void test_out(void **state)
{
	int fd = memfd_create("out", 0), full = open("/dev/full", O_WRONLY);
	struct out *o = out__new(fd), *bad = out__new(full);
	static char big[200000];
	int i;

	(void)state;
	assert_true(fd >= 0 && full >= 0 && o && bad);
	memset(big, 'x', sizeof(big));
	for (i = 0; i < 1000; i++)
		out__put(o, big, 1000);
	out__put(o, big, sizeof(big));
	out__put(o, "end", 3);
	assert_int_equal(out__flush(o), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 1000 * 1000 + sizeof(big) + 3);
	out__put(o, "whole\n", 6);
	out__fail(o, -ENOMEM);
	out__put(o, "dropped\n", 8);
	assert_int_equal(out__flush(o), -ENOMEM);
	assert_int_equal(lseek(fd, 0, SEEK_END), 1000 * 1000 + sizeof(big) + 9);
	out__put(bad, "x", 1);
	assert_int_equal(out__flush(bad), -ENOSPC);
	out__put(bad, big, sizeof(big));
	out__fail(bad, -ENOMEM);
	assert_int_equal(out__flush(bad), -ENOSPC);
	out__free(o);
	out__free(bad);
	out__free(NULL);
	close(fd);
	close(full);
}

static void test_out_pipe(void **state)
{
	struct out *o;
	char chunk[1000];
	size_t total = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	memset(chunk, 'x', sizeof(chunk));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		o = out__new(fds[1]);
		for (n = 0; o && n < 500; n++) /* more than a pipe holds: EAGAIN */
			out__put(o, chunk, sizeof(chunk));
		_exit(!o || out__flush(o));
	}
	while (total < 400000 && (n = read(fds[0], chunk, sizeof(chunk))) > 0)
		total += (size_t)n;
	close(fds[1]);
	while ((n = read(fds[0], chunk, sizeof(chunk))) > 0)
		total += (size_t)n;
	assert_int_equal(total, 500000);
	close(fds[0]);
	/* the reader has left */
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	o = out__new(fds[1]);
	assert_non_null(o);
	out__put(o, "x", 1);
	assert_int_equal(out__flush(o), -EPIPE);
	out__free(o);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer),    cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_escapes),   cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_times),
		cmocka_unit_test(test_out),       cmocka_unit_test(test_out_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
