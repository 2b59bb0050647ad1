// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ring_reader.c - takes records out of the ring, gives their places back as zeroes, and waits without spinning
 * for one that is unfinished.
 */
#include <stdint.h>
#include <string.h>
#include "ring_reader.h"

static uint64_t *word_at_tail(const struct ring_reader *r)
{
	return (uint64_t *)(r->bytes + (r->at->tail & (r->size - 1)));
}

static size_t rest_of_chunk(const struct ring_reader *r)
{
	return RING_CHUNK - r->at->tail % RING_CHUNK;
}

/* No record is longer than the rest of its chunk, whatever its word says. */
static size_t size_of(const struct ring_reader *r, uint64_t word)
{
	size_t most = rest_of_chunk(r) - RING_WORD;

	return word < most ? word : most;
}

/* Zero before it is free: who reserves it looks at `tail` first. */
static void give_back(struct ring_reader *r, size_t written, size_t room)
{
	memset(word_at_tail(r), 0, written);
	__atomic_store_n(&r->at->tail, r->at->tail + room, __ATOMIC_RELEASE);
}

const void *ring_reader__peek(struct ring_reader *r, size_t *size)
{
	uint64_t *at = word_at_tail(r), word = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	if (word == RING_SKIP) {
		give_back(r, RING_WORD, rest_of_chunk(r));
		at = word_at_tail(r);
		word = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	}
	*size = size_of(r, word);
	return word ? at + 1 : NULL;
}

void ring_reader__pop(struct ring_reader *r)
{
	size_t room = RING_ROOM(size_of(r, *word_at_tail(r)));

	give_back(r, room, room);
}

static bool is_empty(const struct ring_reader *r)
{
	return __atomic_load_n(&r->at->head, __ATOMIC_SEQ_CST) == r->at->tail;
}

bool ring_reader__sleep(struct ring_reader *r)
{
	if (!is_empty(r))
		return false;
	__atomic_store_n(&r->at->waits, 1, __ATOMIC_SEQ_CST);
	if (is_empty(r))
		return true;
	__atomic_store_n(&r->at->waits, 0, __ATOMIC_RELAXED);
	return false;
}
