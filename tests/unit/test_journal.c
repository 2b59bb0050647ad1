// SPDX-License-Identifier: GPL-2.0-or-later
/* journal: the native protocol's fields, and the bounds of the queue. What is sent is in tests/live/test_journal.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "journal.h"

static void fields(void **state)
{
	static const char want[] = "MESSAGE=hello\n"
				   "NUMBER=18446744073709551615\n"
				   "NAME\n\x03\0\0\0\0\0\0\0a\nb\n"
				   "EMPTY=\n"
				   "BYTES=\0\xff\n";
	struct buf b = { 0 };

	(void)state;
	journal__string(&b, "MESSAGE", "hello");
	journal__string(&b, "NONE", NULL);
	journal__string(&b, "NOTHING", "");
	journal__number(&b, "NUMBER", UINT64_MAX);
	journal__field(&b, "NAME", "a\nb", 3);
	journal__field(&b, "EMPTY", "", 0);
	journal__field(&b, "BYTES", "\0\xff", 2);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.data, want, b.len);
	buf__free(&b);
}

static void a_long_value(void **state)
{
	static char value[1000];
	struct buf b = { 0 };

	(void)state;
	memset(value, '\n', sizeof(value));
	journal__field(&b, "X", value, sizeof(value));
	assert_int_equal(b.len, 2 + 8 + sizeof(value) + 1);
	assert_memory_equal(b.data, "X\n\xe8\x03\0\0\0\0\0\0\n", 11);
	buf__free(&b);
}

static size_t fill(struct journal *j, size_t size)
{
	struct buf b = { 0 };
	size_t n = 0;

	while (b.len < size)
		buf__char(&b, 'x');
	for (; !journal__dropped(j); n++)
		journal__put(j, &b);
	buf__free(&b);
	return n - 1;
}

static void bounded(void **state)
{
	struct journal *j = journal__new();

	(void)state;
	assert_int_equal(fill(j, 10), 1024);
	journal__free(j);
	j = journal__new();
	assert_int_equal(fill(j, 60000), (1 << 20) / 60000);
	journal__free(j);
	j = journal__new();
	assert_int_equal(fill(j, (64 << 10) + 1), 0);
	journal__free(j);
	journal__free(NULL);
}

static void without_memory(void **state)
{
	struct buf b = { .failed = true };
	struct journal *j = journal__new();

	(void)state;
	journal__put(j, &b);
	assert_int_equal(journal__dropped(j), 1);
	assert_int_equal(journal__step(j), 0);
	journal__free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(a_long_value),
		cmocka_unit_test(bounded),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
