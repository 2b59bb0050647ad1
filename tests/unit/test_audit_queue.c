// SPDX-License-Identifier: GPL-2.0-or-later
/* The queue to the audit log's writer: order, bounds, and two threads. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "audit_queue.h"

#define SIZE ((size_t)1 << 20)

static char long_line[AUDIT_QUEUE_LINE + 1];

static void put(struct audit_queue *q, uint64_t n, size_t len)
{
	assert_int_equal(audit_queue__put(q, AUDIT_RECORD, n, long_line, len), 0);
}

static void what_is_put_is_taken(void **state)
{
	struct audit_queue *q = audit_queue__new(SIZE);
	struct audit_item item;

	(void)state;
	assert_false(audit_queue__take(q, &item));
	assert_true(audit_queue__empty(q));
	assert_int_equal(audit_queue__put(q, AUDIT_SEGMENT, 7, "first", 5), 0);
	assert_int_equal(audit_queue__put(q, AUDIT_OPENED, 8, NULL, 0), 0);
	assert_int_equal(audit_queue__put(q, AUDIT_RECORD, 9, "x", 1), 0);
	assert_false(audit_queue__take(q, &item)); /* not published */
	assert_true(audit_queue__empty(q));
	audit_queue__publish(q);
	assert_false(audit_queue__empty(q));
	assert_true(audit_queue__take(q, &item));
	assert_int_equal(item.kind, AUDIT_SEGMENT);
	assert_int_equal(item.boot_ns, 7);
	assert_int_equal(item.len, 5);
	assert_memory_equal(item.line, "first", 5);
	assert_true(audit_queue__take(q, &item));
	assert_int_equal(item.kind, AUDIT_OPENED);
	assert_int_equal(item.len, 0);
	assert_true(audit_queue__take(q, &item));
	assert_memory_equal(item.line, "x", 1);
	assert_false(audit_queue__take(q, &item));
	assert_true(audit_queue__empty(q));
	audit_queue__free(q);
}

static void the_longest_line(void **state)
{
	struct audit_queue *q = audit_queue__new(SIZE);
	struct audit_item item;

	(void)state;
	memset(long_line, 'x', sizeof(long_line));
	put(q, 1, 3);
	put(q, 2, AUDIT_QUEUE_LINE);
	assert_int_equal(audit_queue__put(q, AUDIT_RECORD, 3, long_line, AUDIT_QUEUE_LINE + 1),
			 -EMSGSIZE);
	put(q, 4, AUDIT_QUEUE_LINE);
	audit_queue__publish(q);
	assert_true(audit_queue__take(q, &item) && item.boot_ns == 1);
	assert_true(audit_queue__take(q, &item) && item.boot_ns == 2);
	assert_int_equal(item.len, AUDIT_QUEUE_LINE);
	assert_memory_equal(item.line, long_line, AUDIT_QUEUE_LINE);
	assert_true(audit_queue__take(q, &item) && item.boot_ns == 4);
	audit_queue__free(q);
}

/* Full is full, but not for what must not be lost; and afterwards there is room again. */
static void it_is_bounded(void **state)
{
	struct audit_queue *q = audit_queue__new(SIZE);
	struct audit_item item;
	uint64_t n = 0, taken;
	int round, i;

	(void)state;
	for (round = 0; round < 5; round++) {
		for (n = 0; !audit_queue__put(q, AUDIT_RECORD, n, long_line, 500); n++)
			assert_true(n * 500 <= SIZE);
		assert_true(n * 516 > SIZE / 3);
		assert_true(audit_queue__fill(q) >= 100);
		assert_int_equal(audit_queue__put(q, AUDIT_RECORD, n, long_line, 500), -ENOBUFS);
		for (i = 0; i < 500; i++)
			assert_int_equal(audit_queue__put(q, i % 2 ? AUDIT_SEGMENT : AUDIT_STOP, n,
							  long_line, 500),
					 0);
		audit_queue__publish(q);
		for (taken = 0; audit_queue__take(q, &item); taken++)
			assert_int_equal(item.boot_ns, taken < n ? taken : n);
		assert_int_equal(taken, n + 500);
		assert_true(audit_queue__fill(q) < 50);
	}
	audit_queue__free(q);
}

#define MANY 300000

static void *take_all(void *arg)
{
	struct audit_queue *q = arg;
	struct audit_item item;
	uint64_t next = 0;

	while (next < MANY) {
		if (!audit_queue__take(q, &item)) {
			sched_yield();
			continue;
		}
		if (item.boot_ns != next || item.len != next % 1000 ||
		    (item.len && item.line[item.len - 1] != 'x'))
			return "not what was put";
		next++;
	}
	return NULL;
}

static void two_threads(void **state)
{
	struct audit_queue *q = audit_queue__new(SIZE);
	pthread_t taker;
	uint64_t i;
	void *wrong;

	(void)state;
	assert_int_equal(pthread_create(&taker, NULL, take_all, q), 0);
	for (i = 0; i < MANY; i++) {
		while (audit_queue__put(q, AUDIT_RECORD, i, long_line, i % 1000))
			audit_queue__publish(q);
		if (i % 64 == 0)
			audit_queue__publish(q);
	}
	audit_queue__publish(q);
	pthread_join(taker, &wrong);
	assert_null(wrong);
	assert_true(audit_queue__empty(q));
	audit_queue__free(q);
}

/* What nobody took. */
static void freed_while_full(void **state)
{
	struct audit_queue *q = audit_queue__new(0);
	int i;

	(void)state;
	for (i = 0; i < 2000; i++)
		audit_queue__put(q, AUDIT_RECORD, 0, long_line, 1000);
	audit_queue__free(q);
	audit_queue__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_taken), cmocka_unit_test(the_longest_line),
		cmocka_unit_test(it_is_bounded),        cmocka_unit_test(two_threads),
		cmocka_unit_test(freed_while_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
