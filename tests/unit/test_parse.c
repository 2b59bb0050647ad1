/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_parse.c - the parsers of values: what they take, what they refuse, and that a refusal leaves
 * the result alone. With the escapes of log.c and the names of record.c, which have no state either.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "log.h"
#include "parse.h"
#include "record.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SENTINEL      0x5a5a5a5a5a5a5a5aull

struct number {
	const char *text;
	uint64_t value;
};

typedef int number_fn(const char *s, uint64_t *value);

static void accepts(number_fn *parse, const struct number *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = SENTINEL;

		if (parse(rows[i].text, &v) || v != rows[i].value)
			fail_msg("'%s' gave %llu", rows[i].text, (unsigned long long)v);
	}
}

static void refuses(number_fn *parse, const char *const *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = SENTINEL;

		if (parse(rows[i], &v) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
		assert_true(v == SENTINEL);
	}
}

static int any_number(const char *s, uint64_t *value)
{
	return parse__unsigned(s, 0, UINT64_MAX, value);
}

static void test_unsigned(void **state)
{
	static const struct number good[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "007", 7 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "",
					   " 1",
					   "1 ",
					   "+1",
					   "-1",
					   "0x10",
					   "1e3",
					   "1.0",
					   "one",
					   "18446744073709551616",
					   "99999999999999999999999" };
	uint64_t v = SENTINEL;

	(void)state;
	accepts(any_number, good, ARRAY_SIZE(good));
	refuses(any_number, bad, ARRAY_SIZE(bad));
	assert_int_equal(parse__unsigned("1", 2, 9, &v), -EINVAL);
	assert_int_equal(parse__unsigned("10", 2, 9, &v), -EINVAL);
	assert_true(v == SENTINEL);
	assert_int_equal(parse__unsigned("2", 2, 9, &v), 0);
	assert_int_equal(parse__unsigned("9", 2, 9, &v), 0);
}

static void test_duration(void **state)
{
	static const struct number good[] = {
		{ "0s", 0 },
		{ "250us", 250000 },
		{ "500ms", 500000000 },
		{ "10s", 10000000000 },
		{ "5m", 300000000000 },
		{ "2h", 7200000000000 },
		{ "30d", 2592000000000000 },
		{ "106751d", 9223286400000000000 },
	};
	static const char *const bad[] = { "",      "5",    "s",       "5 s",
					   "5S",    "-5s",  "1.5s",    "5sm",
					   "1h30m", "5sec", "106752d", "18446744073709551615d" };

	(void)state;
	accepts(parse__duration, good, ARRAY_SIZE(good));
	refuses(parse__duration, bad, ARRAY_SIZE(bad));
}

static void test_size(void **state)
{
	static const struct number good[] = {
		{ "0", 0 },          { "4096", 4096 },     { "64K", 65536 },
		{ "16M", 16777216 }, { "1G", 1073741824 }, { "8589934591G", 9223372035781033984 },
	};
	static const char *const bad[] = {
		"", "K", "64k", "64KB", "64 K", "-1", "1T", "8589934592G"
	};

	(void)state;
	accepts(parse__size, good, ARRAY_SIZE(good));
	refuses(parse__size, bad, ARRAY_SIZE(bad));
}

static bool has_port(const uint64_t *ports, unsigned int port)
{
	return ports[port / 64] >> (port % 64) & 1;
}

static void test_ports(void **state)
{
	static const char *const bad[] = { "",    "0", "65536", "1-65536", "0-5", "9-8",   "80-",
					   "-80", "a", "80,81", "80 ",     " 80", "1-2-3", "http" };
	uint64_t ports[PORT_WORDS] = { 0 };
	unsigned int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse__ports(bad[i], ports) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	for (size_t i = 0; i < PORT_WORDS; i++)
		assert_true(ports[i] == 0);
	assert_int_equal(parse__ports("80", ports), 0);
	assert_int_equal(parse__ports("60-70", ports), 0);
	assert_int_equal(parse__ports("65535", ports), 0);
	assert_int_equal(parse__ports("1-1", ports), 0);
	for (unsigned int port = 0; port < 65536; port++)
		n += has_port(ports, port);
	assert_int_equal(n, 14);
	assert_true(has_port(ports, 1) && has_port(ports, 60) && has_port(ports, 70));
	assert_true(has_port(ports, 80) && has_port(ports, 65535));
	assert_int_equal(parse__ports("1-65535", ports), 0);
	assert_false(has_port(ports, 0));
	assert_true(ports[0] == ~1ull && ports[PORT_WORDS - 1] == ~0ull);
}

static bool matches(const char *cidr, const char *address)
{
	struct filter_cidr c, a;

	assert_int_equal(parse__cidr(cidr, &c), 0);
	assert_int_equal(parse__cidr(address, &a), 0);
	return cidr__has(&c, a.addr);
}

static void test_cidr(void **state)
{
	static const char *const bad[] = {
		"",           "/",           "/8",
		"10.0.0.0/",  "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0/8",   "10.0.0.256",  "10.0.0.0/8/8",
		"10.0.0.0 ",  "::/129",      "::1/",
		"fe80::1%lo", "[::1]",       "localhost",
		"0x7f.1",     "1.2.3.4/08x",
	};
	static const uint8_t net10[ADDR_LEN] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	struct filter_cidr c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&c, 0x5a, sizeof(c));
		if (parse__cidr(bad[i], &c) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(c.addr[0], 0x5a);
	}
	assert_int_equal(parse__cidr("10.1.2.3/8", &c), 0); /* host bits go */
	assert_memory_equal(c.addr, net10, ADDR_LEN);
	assert_int_equal(c.mask[12], 0xff);
	assert_int_equal(c.mask[13], 0);
	assert_int_equal(parse__cidr("2001:db8::1/33", &c), 0);
	assert_int_equal(c.mask[3], 0xff);
	assert_int_equal(c.mask[4], 0x80);
	assert_int_equal(c.mask[5], 0);
	assert_int_equal(c.addr[15], 0);
}

static void test_cidr_matching(void **state)
{
	(void)state;
	assert_true(matches("10.0.0.0/8", "10.255.0.1"));
	assert_true(matches("10.0.0.0/8", "::ffff:10.255.0.1")); /* v4-mapped IPv6 */
	assert_false(matches("10.0.0.0/8", "11.0.0.1"));
	assert_true(matches("127.0.0.1", "127.0.0.1"));
	assert_false(matches("127.0.0.1", "127.0.0.2"));
	assert_true(matches("0.0.0.0/0", "8.8.8.8"));
	assert_false(matches("0.0.0.0/0", "2001:db8::1"));
	assert_false(matches("0.0.0.0/0", "::1"));
	assert_true(matches("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(matches("2001:db8::/32", "2001:db9::1"));
	assert_true(matches("192.168.0.128/25", "192.168.0.255"));
	assert_false(matches("192.168.0.128/25", "192.168.0.127"));
	assert_true(matches("::/0", "2001:db8::1"));
	assert_false(matches("::/0", "10.0.0.1"));
}

static void test_uid(void **state)
{
	static const char *const bad[] = { "",           " 0",         "-1",           "0x0",
					   "4294967295", "4294967296", "no such user", "1root" };
	uint32_t uid = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse__uid(bad[i], &uid) != -EINVAL || uid != 77)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(parse__uid("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(parse__uid("4294967294", &uid), 0);
	assert_int_equal(uid, 4294967294u);
}

static void test_errno(void **state)
{
	static const char *const bad[] = {
		"", "E", "98", "EADDRINUSE ", "ENOSUCHERROR", "ADDRINUSE"
	};
	int error = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse__errno(bad[i], &error) != -EINVAL || error != 77)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(parse__errno("EADDRINUSE", &error), 0);
	assert_int_equal(error, EADDRINUSE);
	assert_int_equal(parse__errno("econnRefused", &error), 0);
	assert_int_equal(error, ECONNREFUSED);
	assert_int_equal(parse__errno("EWOULDBLOCK", &error), 0);
	assert_int_equal(error, EAGAIN);
	for (int i = 1; i <= EHWPOISON; i++) { /* what is printed can be typed */
		if (!strncmp(log__errno(i), "errno ", 6))
			continue;
		assert_int_equal(parse__errno(log__errno(i), &error), 0);
		assert_int_equal(error, i);
	}
}

static void test_netns(void **state)
{
	static const char *const bad[] = { "",
					   "0",
					   "4294967296",
					   "-1",
					   "no-such-netns",
					   "/proc/self/ns/mnt",
					   "/dev/null",
					   "/proc/self/status",
					   "/no/such/path",
					   "../..",
					   "/" };
	struct stat st;
	uint32_t inode = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse__netns(bad[i], &inode) != -EINVAL || inode != 77)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(parse__netns("4026531840", &inode), 0);
	assert_int_equal(inode, 4026531840u);
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(parse__netns("/proc/self/ns/net", &inode), 0);
	assert_int_equal(inode, st.st_ino);
}

static void test_next(void **state)
{
	static const char *const items[] = { "80", "", "443-444", "" };
	const char *list = "80,,443-444,";
	char item[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		assert_int_equal(parse__next(&list, item, sizeof(item)), 1);
		assert_string_equal(item, items[i]);
	}
	assert_int_equal(parse__next(&list, item, sizeof(item)), 0);
	list = "1234567,12345678";
	assert_int_equal(parse__next(&list, item, sizeof(item)), 1);
	assert_int_equal(parse__next(&list, item, sizeof(item)), -EINVAL);
	list = "";
	assert_int_equal(parse__next(&list, item, sizeof(item)), 1);
	assert_string_equal(item, "");
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(parse__distance("trace", "trace"), 0);
	assert_int_equal(parse__distance("trce", "trace"), 1);
	assert_int_equal(parse__distance("traec", "trace"), 2);
	assert_int_equal(parse__distance("", "port"), 4);
	assert_int_equal(parse__distance("port", ""), 4);
	assert_true(parse__distance("an-option-that-is-longer-than-any-real-one", "port") > 100);
}

static void test_log_errno(void **state)
{
	(void)state;
	assert_string_equal(log__errno(ECONNREFUSED), "ECONNREFUSED");
	assert_string_equal(log__errno(-ECONNREFUSED), "ECONNREFUSED");
	assert_string_equal(log__errno(EOPNOTSUPP), "EOPNOTSUPP");
	assert_string_equal(log__errno(4711), "errno 4711");
	assert_string_equal(log__errno(-524), "errno 524");
	assert_string_equal(log__errno(0), "errno 0");
	assert_string_equal(log__errno(INT32_MIN), "errno 2147483648");
}

/* What log__error() writes for one name. */
static void logged(const char *name, char *line, size_t size)
{
	int pipe_fds[2], kept = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(kept >= 0);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
	log__error("name '%s'", name);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	n = read(pipe_fds[0], line, size - 1);
	close(kept);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_true(n >= 0);
	line[n] = '\0';
}

static void test_log_escapes(void **state)
{
	static const struct {
		const char *name, *line;
	} rows[] = {
		{ "nginx", "nginx" },
		{ "a\nb\tc\x1b[1m\x7f", "a\\x0ab\\x09c\\x1b[1m\\x7f" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "2J",
		  "\\xc2\\x9b2J" },                             /* a C1 control */
		{ "\xff\xc3", "\\xff\\xc3" },                   /* never valid; cut short */
		{ "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
		{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
	};
	char line[256], expected[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		logged(rows[i].name, line, sizeof(line));
		snprintf(expected, sizeof(expected), "socklife: name '%s'\n", rows[i].line);
		assert_string_equal(line, expected);
	}
}

static void all_named(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_non_null(names[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
}

static void test_record_names(void **state)
{
	(void)state;
	all_named(record_names, RECORD_TYPES);
	all_named(reason_names, REASONS);
	all_named(role_names, ROLES);
	all_named(lost_names, LOST_REASONS);
	all_named(severity_names, SEVERITY_ERROR + 1);
	all_named(finding_status_names, FINDING_CLOSED + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsigned),    cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),        cmocka_unit_test(test_ports),
		cmocka_unit_test(test_cidr),        cmocka_unit_test(test_cidr_matching),
		cmocka_unit_test(test_uid),         cmocka_unit_test(test_errno),
		cmocka_unit_test(test_netns),       cmocka_unit_test(test_next),
		cmocka_unit_test(test_distance),    cmocka_unit_test(test_log_errno),
		cmocka_unit_test(test_log_escapes), cmocka_unit_test(test_record_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
