/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_report.c - the parts of report: lines as records, tables and percentiles in bounded memory, coverage,
 * intervals, sockets that are open.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "report.h"
#include "report_open.h"

#define S 1000000000ull

/* --- lines --- */

#define FRONT                                                                                         \
	"{\"v\":1,\"seq\":7,\"ts\":\"2026-11-22T23:48:24.123456789Z\",\"boot_ns\":81,\"boot\":\"b\"," \
	"\"host\":\"h\",\"type\":"
#define SOCK "\"sock\":\"18446744073709551615\",\"proto\":\"tcp\",\"family\":\"ipv4\""

static char why[160];

static int parse(struct report_reader *p, const char *line, struct report_record *r)
{
	return report_reader__parse(p, line, strlen(line), r, why, sizeof(why));
}

static void test_record(void **state)
{
	struct report_reader *p = report_reader__new();
	struct report_record r;

	(void)state;
	assert_int_equal(parse(p,
			       FRONT "\"connect\"," SOCK ",\"lport\":65535,\"latency_us\":0,"
				     "\"owner\":{\"comm\":\"a\\\"b\",\"pid\":9},\"new\":1.5}\n",
			       &r),
			 -EINVAL);
	assert_non_null(strstr(why, "new is not a string"));
	assert_int_equal(parse(p,
			       FRONT "\"connect\"," SOCK ",\"lport\":65535,\"latency_us\":0,"
				     "\"owner\":{\"comm\":\"a\\\"b\",\"pid\":9},\"unknown\":[1]}\n",
			       &r),
			 0);
	assert_int_equal(r.type, LOG_CONNECT);
	assert_true(r.sock == UINT64_MAX && r.lport == 65535 && r.has_latency && !r.has_queue);
	assert_true(r.ts_ns == 1795391304123456789ull);
	assert_string_equal(report__member_string(r.owner, "comm"), "a\"b");
	assert_true(report__member_u64(r.owner, "pid") == 9);
	assert_null(report__member_string(r.owner, "pid"));
	report_reader__free(p);
}

static void test_wrong_records(void **state)
{
	static const struct {
		const char *line;
		int err;
		const char *words;
	} rows[] = {
		{ "", -EBADMSG, "not a JSON object" },
		{ "\n", -EBADMSG, "not a JSON object" },
		{ "[]", -EBADMSG, "not a JSON object" },
		{ "7", -EBADMSG, "not a JSON object" },
		{ "{", -EBADMSG, "not a JSON object" },
		{ "{}", -EBADMSG, "not a record" },
		{ "{'v':1,'type':'stop'}", -EBADMSG, "not a JSON object" },
		{ "{\"v\":1,\"type\":7}", -EBADMSG, "not a record" },
		{ "{\"v\":-1,\"type\":\"stop\"}", -EBADMSG, "not a record" },
		{ "{\"v\":2,\"type\":\"stop\"}", -EPROTO, "version 2" },
		{ "{\"v\":1,\"type\":\"zork\"}", -ENOMSG, "'zork'" },
		{ "{\"v\":1,\"type\":\"stop\"}", -EINVAL, "seq is missing" },
		{ FRONT "\"stop\"} x", -EBADMSG, "not a JSON object" },
		{ FRONT "\"stop\",\"host\":\"\xff\"}", -EBADMSG, "not a JSON object" },
		{ FRONT "\"stop\",\"host\":\"\xed\xa0\x80\"}", -EBADMSG, "not a JSON object" },
		{ FRONT "\"stop\",\"host\":\"\x1b[2J\"}", -EBADMSG, "not a JSON object" },
		{ FRONT "\"stop\"}{}", -EBADMSG, "not a JSON object" },
		{ FRONT "\"close\"," SOCK ",\"role\":\"client\",\"reason\":\"x\"}", -EINVAL,
		  "ended is missing" },
		{ FRONT "\"bind\"," SOCK ",\"lport\":65536}", -EINVAL, "lport is not a port" },
		{ FRONT "\"bind\"," SOCK ",\"lport\":-1}", -EINVAL, "lport is not a port" },
		{ FRONT "\"bind\"," SOCK ",\"comm\":null}", -EINVAL, "comm is not a string" },
		{ FRONT "\"bind\",\"sock\":\"x1\"}", -EINVAL, "sock is not a string of digits" },
		{ FRONT "\"bind\",\"sock\":7}", -EINVAL, "sock is not a string of digits" },
		{ FRONT "\"bind\",\"sock\":\"18446744073709551616\"}", -EINVAL, "sock is not" },
		{ FRONT "\"lost\",\"reason\":\"ring\",\"count\":1.5}", -EINVAL, "count is not" },
	};
	struct report_reader *p = report_reader__new();
	struct report_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parse(p, rows[i].line, &r) != rows[i].err || !strstr(why, rows[i].words))
			fail_msg("%s: %s", rows[i].line, why);
	/* the next one is read all the same; stop's own "findings" and "lost" are not looked at */
	assert_int_equal(
		parse(p, FRONT "\"stop\",\"lost\":{},\"findings\":{},\"count\":\"x\"}", &r), 0);
	report_reader__free(p);
}

/* Each byte of a record changed, each length: never a crash, and never a NUL or a wrong port taken. */
static void test_mutations(void **state)
{
	static const char line[] = FRONT "\"close\"," SOCK
					 ",\"lport\":80,\"role\":\"client\",\"reason\":\"closed\","
					 "\"ended\":\"2026-11-22T23:48:24.1Z\",\"time_wait\":true}";
	struct report_reader *p = report_reader__new();
	struct report_record r;
	char copy[sizeof(line)];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(line); i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(copy, line, sizeof(line));
			copy[i] = (char)c;
			if (!report_reader__parse(p, copy, sizeof(line) - 1, &r, why, sizeof(why)))
				assert_true(r.lport <= 65535 && r.ts_ns && c);
		}
		assert_int_not_equal(report_reader__parse(p, line, i, &r, why, sizeof(why)), 0);
	}
	report_reader__free(p);
}

static void test_times(void **state)
{
	(void)state;
	assert_true(report__time_ns("1970-01-01T00:00:01Z", 20) == S);
	assert_true(report__time_ns("2024-02-29T00:00:00.5Z", 22) == 1709164800 * S + S / 2);
	assert_true(report__time_ns("2554-01-01T00:00:00Z", 20) > 0);
	assert_true(!report__time_ns("9999-12-31T23:59:59Z", 20));
	assert_true(!report__time_ns("1969-12-31T23:59:59Z", 20));
	assert_true(!report__time_ns("2026-13-01T00:00:00Z", 20));
	assert_true(!report__time_ns("2026-11-22T23:48:24.Z", 21));
	assert_true(!report__time_ns("2026-11-22T23:48:24", 19));
	assert_true(!report__time_ns("2026-11-22T23:48:24.12345678x9Z", 31));
}

/* --- tables --- */

static void test_table_is_bounded(void **state)
{
	const struct report_entry *top[3];
	struct report_table t;
	char name[16];
	size_t total;

	(void)state;
	assert_int_equal(report_table__init(&t, 100), 0);
	for (unsigned int i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		for (unsigned int k = 0; k <= i % 100; k++)
			report_table__get(&t, name)->counts[0]++;
	}
	assert_int_equal(t.n, 100);
	assert_int_equal(t.other.counts[0], 50 * 51 / 2);
	assert_int_equal(report_table__top(&t, 0, top, 3, &total), 3);
	assert_int_equal(total, 100);
	assert_string_equal(top[0]->name, "n99");
	assert_string_equal(top[2]->name, "n97");
	assert_int_equal(report_table__top(&t, 1, top, 3, &total), 0);
	report_table__free(&t);
}

static void test_notes(void **state)
{
	struct report_table t;
	struct report_entry *e;

	(void)state;
	assert_int_equal(report_table__init(&t, 2), 0);
	e = report_table__get(&t, "a");
	report_table__note(&t, e, NULL);
	report_table__note(&t, e, "x");
	report_table__note(&t, e, "x");
	assert_string_equal(e->note, "x");
	report_table__note(&t, e, "y");
	report_table__note(&t, e, "z");
	assert_string_equal(e->note, "x, ...");
	report_table__free(&t);
}

static uint64_t kept(uint64_t v)
{
	unsigned int shift = 0;

	while (v >> shift >= 128)
		shift++;
	return v >> shift << shift;
}

static void test_hist(void **state)
{
	static struct report_hist h;

	(void)state;
	assert_true(!report_hist__at(&h, 500));
	for (uint64_t v = 1; v <= 100000; v++)
		report_hist__add(&h, v);
	assert_true(report_hist__at(&h, 500) == kept(50000));
	assert_true(report_hist__at(&h, 999) == kept(99900));
	assert_true(report_hist__at(&h, 1000) == kept(100000));
	assert_true(h.least == 1 && h.most == 100000 && h.sum == 5000050000ull);
	report_hist__add(&h, UINT64_MAX);
	assert_true(report_hist__at(&h, 1000) == kept(UINT64_MAX));
}

/* --- coverage --- */

static void record(struct report_span *s, enum log_type type, uint64_t seq, uint64_t at)
{
	report_span__record(s, type, seq, at * S, "b", 1, false);
}

static void test_coverage(void **state)
{
	struct report_span s;
	struct gap g;

	(void)state;
	assert_int_equal(report_span__init(&s), 0);
	record(&s, LOG_SEGMENT, 1, 100);
	record(&s, LOG_START, 2, 100);
	record(&s, LOG_BIND, 3, 150);
	record(&s, LOG_STOP, 4, 160);
	record(&s, LOG_SEAL, 5, 161);
	report_span__record(&s, LOG_SEGMENT, 6, 180 * S, "b", 1, true);
	record(&s, LOG_START, 7, 180);
	record(&s, LOG_BIND, 8, 190);
	record(&s, LOG_BIND, 18, 195); /* 9 are missing */
	record(&s, LOG_BIND, 19, 200);
	report_span__end(&s);
	assert_true(report_span__first(&s) == 100 * S && report_span__last(&s) == 200 * S);
	assert_true(report_span__watched(&s, 100 * S, 200 * S) == (61 + 10 + 5) * S);
	assert_true(report_span__watched(&s, 150 * S, 185 * S) == (11 + 5) * S);
	assert_true(report_span__gap(&s, 0, 50 * S, 300 * S, &g));
	assert_true(g.from_ns == 50 * S && g.to_ns == 100 * S && !strcmp(g.reason, "before-log"));
	assert_true(report_span__gap(&s, 1, 50 * S, 300 * S, &g));
	assert_true(g.from_ns == 161 * S && g.to_ns == 180 * S && !strcmp(g.reason, "stopped"));
	assert_true(report_span__gap(&s, 2, 50 * S, 300 * S, &g));
	assert_true(g.from_ns == 190 * S && g.missing == 9 && !strcmp(g.reason, "missing"));
	assert_true(report_span__gap(&s, 3, 50 * S, 300 * S, &g));
	assert_string_equal(g.reason, "after-log");
	assert_false(report_span__gap(&s, 4, 50 * S, 300 * S, &g));
	report_span__free(&s);
}

/* The recorder that comes after a crash seals what was left: not a sign of life. Files that overlap are one time. */
static void test_crash_and_overlap(void **state)
{
	struct report_span s;
	struct gap g;

	(void)state;
	assert_int_equal(report_span__init(&s), 0);
	record(&s, LOG_START, 1, 100);
	record(&s, LOG_BIND, 2, 110);
	record(&s, LOG_SEAL, 3, 140);
	report_span__record(&s, LOG_SEGMENT, 4, 140 * S, "b", 1, true);
	report_span__crash(&s, 110 * S);
	record(&s, LOG_START, 5, 141);
	record(&s, LOG_STOP, 6, 150);
	report_span__file(&s);
	record(&s, LOG_START, 1, 105);
	record(&s, LOG_STOP, 2, 120);
	report_span__end(&s);
	assert_true(report_span__watched(&s, 100 * S, 150 * S) == 30 * S);
	assert_true(report_span__gap(&s, 0, 100 * S, 150 * S, &g));
	assert_true(g.from_ns == 120 * S && g.to_ns == 140 * S);
	assert_false(report_span__gap(&s, 1, 100 * S, 150 * S, &g));
	report_span__free(&s);
}

/* --- intervals --- */

static int64_t total_of(const struct report_timeline *t, unsigned int what)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < t->n; i++)
		sum += t->rows[i][what];
	return sum;
}

static void test_timeline(void **state)
{
	static const uint64_t at[] = { 1000 * S, 1000 * S + 1, 1003 * S, 999 * S,
				       5000 * S, 4 * S,        90000 * S };
	static struct report_timeline t;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		report_timeline__add(&t, at[i], AT_CONNECTS, 1);
		report_timeline__add(&t, at[i], AT_CLIENTS, i % 2 ? -1 : 1);
		assert_int_equal(total_of(&t, AT_CONNECTS), i + 1);
		assert_in_range(t.n, 1, TIMELINE_MAX);
		assert_true(t.rows[at[i] / t.width_ns - t.first][AT_CONNECTS] > 0);
	}
	assert_int_equal(total_of(&t, AT_CLIENTS), 1);
	/* each still is where its time says */
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		assert_true(t.rows[at[i] / t.width_ns - t.first][AT_CONNECTS] > 0);
	report_timeline__add(&t, UINT64_MAX, AT_CONNECTS, 1);
	assert_int_equal(total_of(&t, AT_CONNECTS), 8);
}

/* --- sockets that are open --- */

static void count_gone(void *arg, uint32_t flags)
{
	*(unsigned int *)arg += flags & OPEN_CLIENT ? 1 : 0;
}

static void test_open(void **state)
{
	struct report_open *t = report_open__new(1000);
	unsigned int gone = 0;

	(void)state;
	for (uint64_t round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 1000; i++) {
			uint32_t *flags = report_open__get(t, "b", round * 1000 + i);

			assert_non_null(flags);
			assert_int_equal(*flags, 0);
			*flags = i % 2 ? OPEN_CLIENT : OPEN_CLIENT | OPEN_ADMITTED;
		}
		assert_null(report_open__get(t, "c", round));
		for (uint64_t i = 0; round < 9 && i < 1000; i++) {
			assert_true(*report_open__get(t, "b", round * 1000 + i) & OPEN_CLIENT);
			report_open__remove(t, "b", round * 1000 + i);
		}
	}
	report_open__remove(t, "b", 1); /* is not there */
	report_open__restart(t, count_gone, &gone);
	assert_int_equal(gone, 1000);
	assert_int_equal(*report_open__get(t, "b", 9000), OPEN_ADMITTED);
	assert_int_equal(*report_open__get(t, "b", 9001), 0);
	report_open__free(t);
}

/* After a crash the next recorder seals what was left, under the boot that it is of: no run of its own. */
static void sealed_after_a_reboot(void **state)
{
	struct report_span s;
	struct gap g;

	(void)state;
	assert_int_equal(report_span__init(&s), 0);
	record(&s, LOG_SEGMENT, 1, 100);
	record(&s, LOG_BIND, 2, 110);
	report_span__record(&s, LOG_SEAL, 3, 500 * S, "c", 1, false);
	report_span__record(&s, LOG_SEGMENT, 4, 501 * S, "c", 1, true);
	report_span__crash(&s, 110 * S);
	report_span__record(&s, LOG_BIND, 5, 510 * S, "c", 1, false);
	report_span__end(&s);
	assert_true(report_span__gap(&s, 0, 100 * S, 510 * S, &g));
	assert_true(g.from_ns == 110 * S && g.to_ns == 501 * S);
	assert_false(report_span__gap(&s, 1, 100 * S, 510 * S, &g));
	report_span__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_wrong_records),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_table_is_bounded),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_hist),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_crash_and_overlap),
		cmocka_unit_test(test_timeline),
		cmocka_unit_test(sealed_after_a_reboot),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
