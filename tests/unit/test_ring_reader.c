// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader's side of the ring, with producers that keep to include/ring.h as bpf/ring.bpf.h does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "ring_reader.h"

#define SIZE (4 * RING_CHUNK)

static struct ring_positions positions;
static uint64_t bytes[SIZE / sizeof(uint64_t)];
static struct ring_reader r = { (unsigned char *)bytes, SIZE, &positions };

static int set_up(void **state)
{
	(void)state;
	memset(&positions, 0, sizeof(positions));
	memset(bytes, 0, sizeof(bytes));
	return 0;
}

static uint64_t *word_at(uint64_t position)
{
	return &bytes[position % SIZE / sizeof(uint64_t)];
}

/* Where the record goes; NULL: the ring is full. */
static uint64_t *reserve(size_t size)
{
	uint64_t room = RING_ROOM(size), head, start;

	head = __atomic_load_n(&positions.head, __ATOMIC_RELAXED);
	do {
		start = head % RING_CHUNK + room > RING_CHUNK ?
				(head / RING_CHUNK + 1) * RING_CHUNK :
				head;
		if (start + room > __atomic_load_n(&positions.tail, __ATOMIC_ACQUIRE) + SIZE)
			return NULL;
	} while (!__atomic_compare_exchange_n(&positions.head, &head, start + room, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (start != head)
		__atomic_store_n(word_at(head), RING_SKIP, __ATOMIC_RELEASE);
	return word_at(start) + 1;
}

static void submit(uint64_t *record, size_t size)
{
	__atomic_store_n(record - 1, size, __ATOMIC_RELEASE);
}

static void put(size_t size, int fill)
{
	uint64_t *record = reserve(size);

	assert_non_null(record);
	memset(record, fill, size);
	submit(record, size);
}

static void expect(size_t size, int fill)
{
	const unsigned char *record;
	size_t n = 0, i;

	record = ring_reader__peek(&r, &n);
	assert_non_null(record);
	assert_int_equal(n, size);
	for (i = 0; i < n; i++)
		assert_int_equal(record[i], fill);
	ring_reader__pop(&r);
}

static void expect_none(void)
{
	size_t n;

	assert_null(ring_reader__peek(&r, &n));
}

static void expect_all_zero(void)
{
	size_t i;

	for (i = 0; i < SIZE / sizeof(uint64_t); i++)
		assert_int_equal(bytes[i], 0);
}

static void test_empty(void **state)
{
	(void)state;
	expect_none();
	assert_int_equal(positions.tail, 0);
}

/* Sizes that are no multiple of a word, and those of the border of a chunk. */
static void test_in_order(void **state)
{
	(void)state;
	put(24, 1);
	put(25, 2);
	put(RING_CHUNK - RING_WORD, 3);
	put(2, 4);
	expect(24, 1);
	expect(25, 2);
	expect(RING_CHUNK - RING_WORD, 3);
	expect(2, 4);
	expect_none();
	expect_all_zero();
}

/* Any record fits into an empty ring, wherever that stands. */
static void test_laps(void **state)
{
	size_t size = 2, lap;

	(void)state;
	for (lap = 0; lap < 5000; lap++) {
		put(size, (int)lap & 0xff);
		expect(size, (int)lap & 0xff);
		size = 2 + (size * 7 + 13) % (RING_CHUNK - RING_WORD - 1);
	}
	expect_none();
	expect_all_zero();
	assert_true(positions.tail > 100 * SIZE);
}

static void test_full(void **state)
{
	size_t n = 0;

	(void)state;
	for (; reserve(RING_CHUNK / 2 - RING_WORD); n++)
		submit(word_at(positions.head - RING_CHUNK / 2) + 1, RING_CHUNK / 2 - RING_WORD);
	assert_int_equal(n, SIZE / (RING_CHUNK / 2));
	assert_null(reserve(2));
	expect(RING_CHUNK / 2 - RING_WORD, 0);
	assert_non_null(reserve(2));
}

/* One that is still being written holds up those behind it, and keeps the reader awake. */
static void test_being_written(void **state)
{
	uint64_t *first, *second;

	(void)state;
	first = reserve(16);
	second = reserve(16);
	memset(second, 2, 16);
	submit(second, 16);
	expect_none();
	assert_false(ring_reader__sleep(&r));
	assert_int_equal(positions.waits, 0);
	memset(first, 1, 16);
	submit(first, 16);
	expect(16, 1);
	expect(16, 2);
	assert_true(ring_reader__sleep(&r));
	assert_int_equal(positions.waits, 1);
}

/* The rest of a chunk is skipped only when its word says so. */
static void test_skip_being_written(void **state)
{
	uint64_t *record;

	(void)state;
	put(1000, 1);
	record = reserve(RING_CHUNK - RING_WORD);
	memset(record, 2, RING_CHUNK - RING_WORD);
	submit(record, RING_CHUNK - RING_WORD);
	expect(1000, 1);
	*word_at(positions.tail) = 0;
	expect_none();
	*word_at(positions.tail) = RING_SKIP;
	expect(RING_CHUNK - RING_WORD, 2);
	expect_none();
	expect_all_zero();
}

/* A size that cannot be: the rest of the chunk at most, so that whoever decodes it sees that it is wrong. */
static void test_wrong_size(void **state)
{
	const uint64_t wrong[] = { RING_CHUNK - RING_WORD + 1, RING_CHUNK, SIZE, UINT64_MAX - 6,
				   UINT64_MAX };
	size_t n, i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set_up(state);
		positions.head = RING_CHUNK;
		submit(bytes + 1, wrong[i]);
		assert_non_null(ring_reader__peek(&r, &n));
		assert_int_equal(n, RING_CHUNK - RING_WORD);
		ring_reader__pop(&r);
		assert_int_equal(positions.tail, RING_CHUNK);
		expect_none();
		expect_all_zero();
	}
}

#define PRODUCERS 3
#define RECORDS   40000

static void *produce(void *arg)
{
	uint64_t id = (uintptr_t)arg, i, *record;
	size_t size;

	for (i = 0; i < RECORDS; i++) {
		size = 16 + (i * 31 + id * 7) % 600;
		while (!(record = reserve(size)))
			sched_yield();
		memset(record, (int)id, size);
		record[0] = id;
		record[1] = i;
		submit(record, size);
	}
	return NULL;
}

/* Nothing lost, nothing twice, each producer's own in order, none torn. */
static void test_at_once(void **state)
{
	uint64_t next[PRODUCERS] = { 0 }, id, i, all = 0;
	pthread_t threads[PRODUCERS];
	const unsigned char *record;
	size_t n, at;

	(void)state;
	for (i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)(uintptr_t)i),
				 0);
	while (all < PRODUCERS * RECORDS) {
		record = ring_reader__peek(&r, &n);
		if (!record) {
			sched_yield();
			continue;
		}
		memcpy(&id, record, sizeof(id));
		memcpy(&i, record + 8, sizeof(i));
		assert_true(id < PRODUCERS);
		assert_int_equal(i, next[id]++);
		assert_int_equal(n, 16 + (i * 31 + id * 7) % 600);
		for (at = 16; at < n; at++)
			if (record[at] != id)
				fail_msg("byte %zu of record %llu", at, (unsigned long long)i);
		ring_reader__pop(&r);
		all++;
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	expect_none();
	expect_all_zero();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, set_up),
		cmocka_unit_test_setup(test_in_order, set_up),
		cmocka_unit_test_setup(test_laps, set_up),
		cmocka_unit_test_setup(test_full, set_up),
		cmocka_unit_test_setup(test_being_written, set_up),
		cmocka_unit_test_setup(test_skip_being_written, set_up),
		cmocka_unit_test_setup(test_wrong_size, set_up),
		cmocka_unit_test_setup(test_at_once, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
