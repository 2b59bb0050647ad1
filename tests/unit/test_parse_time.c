/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_parse_time.c - moments as people write them, in a zone with changes of the clock.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "parse.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define S(n)          ((uint64_t)(n)*1000000000ull)
#define NOW           S(1777774320) /* 2026-05-03 04:12:00 in Berlin, +02:00 */
#define SENTINEL      0x5a5a5a5a5a5a5a5aull

/* With a rule of its own: no zone file is needed. */
static int in_berlin(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static void test_good(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "2026-05-03T03:12:00Z", S(1777777920) },
		{ "2026-05-03t03:12:00z", S(1777777920) },
		{ "2026-05-03T03:12:00.5Z", S(1777777920) + 500000000 },
		{ "2026-05-03T03:12:00.123456789+02:00", S(1777770720) + 123456789 },
		{ "2026-05-03 03:12:00-05:30", S(1777797720) },
		{ "2026-05-03 03:12", S(1777770720) },
		{ "2026-05-03T03:12", S(1777770720) },
		{ "2026-05-03", S(1777759200) },
		{ "2026-01-03 03:12", S(1767406320) },
		{ "03:12", S(1777770720) },
		{ "03:12:30", S(1777770750) },
		{ "23:59", S(1777845540) },
		{ "now", NOW },
		{ "today", S(1777759200) },
		{ "yesterday", S(1777672800) },
		{ "-2h", NOW - S(7200) },
		{ "-90s", NOW - S(90) },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29T00:00:00Z", S(1709164800) },
		/* 02:30 comes twice on this day, the first is in summer time */
		{ "2026-10-25 02:30", S(1792888200) },
		{ "2026-10-25 02:30+01:00", S(1792891800) },
		{ "2026-10-25 03:00", S(1792893600) },
		{ "2026-03-29 03:00", S(1774746000) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ns = SENTINEL;

		if (parse__time(rows[i].text, NOW, &ns) || ns != rows[i].ns)
			fail_msg("'%s' gave %llu", rows[i].text, (unsigned long long)ns);
	}
}

static void test_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"-",
		"-2",
		"-60000d",
		"2h",
		"3:12",
		"03:1",
		"24:00",
		"03:60",
		"03:12:60",
		"03:12 ",
		" 03:12",
		"03:12Z",
		"2026-5-3",
		"2026-02-29",
		"2026-13-01",
		"2026-04-31 00:00",
		"1969-12-31",
		"1970-01-01T00:00:00+01:00",
		"2201-01-01",
		"2026-05-03T",
		"2026-05-03T03",
		"2026-05-03  03:12",
		"2026-05-03T03:12:00.Z",
		"2026-05-03T03:12:00+2",
		"2026-05-03T03:12:00+02:00x",
		"2026-05-03T03:12:00+0200",
		"2026-05-0303:12",
		"tomorrow",
		"Yesterday",
		/* the clock went from 02:00 to 03:00 */
		"2026-03-29 02:30",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ns = SENTINEL;

		if (parse__time(rows[i], NOW, &ns) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
		assert_true(ns == SENTINEL);
	}
}

/* Days of 23 and 25 hours. */
static void test_days_around_changes(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(parse__time("yesterday", S(1774821600), &ns), 0); /* 2026-03-30 00:00 */
	assert_true(ns == S(1774738800));
	assert_int_equal(parse__time("yesterday", S(1792969200), &ns), 0); /* 2026-10-26 00:00 */
	assert_true(ns == S(1792879200));
	assert_int_equal(parse__time("02:30", S(1774746000), &ns), -EINVAL); /* 2026-03-29 03:00 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_days_around_changes),
	};

	return cmocka_run_group_tests(tests, in_berlin, NULL);
}
