// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both sides of the ring: the reader, and the producers as the eBPF programs have them (bpf/ring.bpf.h), with what the kernel
 * gives them made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "events.h"
#include "ring_reader.h"
#include "settings.h"

/* In place of facts.bpf.h and what that includes. */
#define SOCKLIFE_FACTS_BPF_H
#define GLOBAL_FUNC         static
#define barrier()           __asm__ volatile("" ::: "memory")
#define BPF_RB_FORCE_WAKEUP 2

union key {
	__u64 whole;
	__u32 index;
};
#define KEY(value)                                                                                 \
	{                                                                                          \
		.whole = (value)                                                                   \
	}

struct ring_chunk {
	__u8 bytes[RING_CHUNK];
};

#define CHUNKS 2 /* the smallest ring */
#define SIZE   (CHUNKS * RING_CHUNK)

static const struct settings settings = { .ring_size = SIZE };
static volatile struct ring_positions ring_positions;
static struct ring_chunk ring[CHUNKS] __attribute__((aligned(8)));
static sem_t bell;

static void *bpf_map_lookup_elem(struct ring_chunk (*map)[CHUNKS], const void *key)
{
	uint32_t index;

	memcpy(&index, key, sizeof(index));
	return index < CHUNKS ? &(*map)[index] : NULL;
}

static long bpf_loop(uint32_t n, long (*callback)(uint32_t index, void *arg), void *arg,
		     uint64_t flags)
{
	uint32_t i;

	assert_int_equal(flags, 0);
	for (i = 0; i < n; i++)
		if (callback(i, arg))
			break;
	return i;
}

static long bpf_ringbuf_output(sem_t *to, const void *data, uint64_t size, uint64_t flags)
{
	(void)data;
	(void)size;
	assert_int_equal(flags, BPF_RB_FORCE_WAKEUP);
	return sem_post(to);
}

#if defined(__x86_64__)
#define __TARGET_ARCH_x86 /* as the programs are built */
#endif
#include "../../bpf/ring.bpf.h"

static struct ring_reader r = { ((unsigned char *)ring), SIZE, &ring_positions };

static int set_up(void **state)
{
	(void)state;
	memset((void *)&ring_positions, 0, sizeof(ring_positions));
	memset(ring, 0, sizeof(ring));
	while (!sem_trywait(&bell))
		;
	return 0;
}

static uint64_t *word_at(uint64_t position)
{
	return (uint64_t *)(((unsigned char *)ring) + position % SIZE);
}

static void put(size_t size, int fill)
{
	void *record = ring__reserve(size);

	assert_non_null(record);
	memset(record, fill, size);
	ring__submit(record, size);
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

	for (i = 0; i < SIZE; i++)
		assert_int_equal(((unsigned char *)ring)[i], 0);
}

static void test_empty(void **state)
{
	(void)state;
	expect_none();
	assert_int_equal(ring_positions.tail, 0);
}

/* Sizes that are no multiple of a word, and those of the border of a chunk. */
static void test_in_order(void **state)
{
	(void)state;
	put(24, 1);
	put(25, 2);
	put(RING_CHUNK - RING_WORD, 3);
	expect(24, 1);
	put(2, 4);
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
	assert_true(ring_positions.tail > 100 * SIZE);
}

static void test_full(void **state)
{
	const size_t size = RING_CHUNK / 2 - RING_WORD;
	uint64_t head;
	int i;

	(void)state;
	for (i = 0; i < 2 * CHUNKS; i++)
		put(size, i + 1);
	head = ring_positions.head;
	assert_int_equal(head, SIZE);
	assert_null(ring__reserve(2));
	assert_int_equal(ring_positions.head, head);
	expect(size, 1);
	put(2, 9);
	assert_null(ring__reserve(size));
	for (i = 1; i < 2 * CHUNKS; i++)
		expect(size, i + 1);
	expect(2, 9);
	expect_none();
	expect_all_zero();
}

/* One that is still being written holds up those behind it, and keeps the reader awake. */
static void test_being_written(void **state)
{
	void *first = ring__reserve(16), *second = ring__reserve(16);

	(void)state;
	memset(second, 2, 16);
	ring__submit(second, 16);
	expect_none();
	assert_false(ring_reader__sleep(&r));
	assert_int_equal(ring_positions.waits, 0);
	memset(first, 1, 16);
	ring__submit(first, 16);
	expect(16, 1);
	expect(16, 2);
	assert_true(ring_reader__sleep(&r));
	assert_int_equal(ring_positions.waits, 1);
}

/* The rest of a chunk is skipped only when its word says so. */
static void test_skip_being_written(void **state)
{
	const size_t size = RING_CHUNK - RING_WORD;

	(void)state;
	put(RING_CHUNK - 2 * RING_WORD - 8, 1);
	put(size, 2);
	expect(RING_CHUNK - 2 * RING_WORD - 8, 1);
	*word_at(ring_positions.tail) = 0;
	expect_none();
	*word_at(ring_positions.tail) = RING_SKIP;
	expect(size, 2);
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
		ring_positions.head = RING_CHUNK;
		*word_at(0) = wrong[i];
		assert_non_null(ring_reader__peek(&r, &n));
		assert_int_equal(n, RING_CHUNK - RING_WORD);
		ring_reader__pop(&r);
		assert_int_equal(ring_positions.tail, RING_CHUNK);
		expect_none();
		expect_all_zero();
	}
}

#define PRODUCERS 3
#define RECORDS   40000

static size_t size_of_record(uint64_t id, uint64_t i)
{
	return 16 + (i * 31 + id * 7) % 600;
}

/* Waits now and then, so that the ring is empty as often as full. */
static void *produce(void *arg)
{
	uint64_t id = (uintptr_t)arg, i, *record;
	size_t size;

	for (i = 0; i < RECORDS; i++) {
		size = size_of_record(id, i);
		while (!(record = ring__reserve(size)))
			sched_yield();
		memset(record, (int)id, size);
		record[0] = id;
		record[1] = i;
		ring__submit(record, size);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* False: no bell in 20 s. */
static bool sleep_until_bell(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	return !sem_timedwait(&bell, &until);
}

/* Nothing lost, nothing twice, each producer's own in order, none torn; and who sleeps is woken. */
static void test_at_once(void **state)
{
	uint64_t next[PRODUCERS] = { 0 }, id, i, all = 0, slept = 0;
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
			if (!ring_reader__sleep(&r))
				sched_yield();
			else if (sleep_until_bell())
				slept++;
			else
				fail_msg("nobody rang after record %llu", (unsigned long long)all);
			continue;
		}
		memcpy(&id, record, sizeof(id));
		memcpy(&i, record + 8, sizeof(i));
		assert_true(id < PRODUCERS);
		assert_int_equal(i, next[id]++);
		assert_int_equal(n, size_of_record(id, i));
		for (at = 16; at < n; at++)
			if (record[at] != id)
				fail_msg("byte %zu of record %llu", at, (unsigned long long)i);
		ring_reader__pop(&r);
		all++;
	}
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_true(slept > 0);
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

	sem_init(&bell, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
