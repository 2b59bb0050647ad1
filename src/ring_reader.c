// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <string.h>
#include "ring_reader.h"

static uint64_t *word_at_tail(const struct ring_reader *r)
{
	return (uint64_t *)(r->bytes + (r->at->tail & (r->size - 1)));
}

/* To the end of the chunk: what a record can have at most, whatever its word says. */
static size_t rest_of_chunk(const struct ring_reader *r)
{
	return RING_CHUNK - r->at->tail % RING_CHUNK;
}

/* Zero before it is free: who reserves it looks at `tail` first. */
static void give_back(struct ring_reader *r, size_t written, size_t room)
{
	memset(word_at_tail(r), 0, written);
	__atomic_store_n(&r->at->tail, r->at->tail + room, __ATOMIC_RELEASE);
}

const void *ring_reader__peek(struct ring_reader *r, size_t *size)
{
	uint64_t *word, n;

	while (__atomic_load_n(&r->at->head, __ATOMIC_ACQUIRE) != r->at->tail) {
		word = word_at_tail(r);
		n = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		if (!n)
			return NULL;
		if (n != RING_SKIP) {
			*size = n <= rest_of_chunk(r) - RING_WORD ? n : rest_of_chunk(r) - RING_WORD;
			return word + 1;
		}
		give_back(r, RING_WORD, rest_of_chunk(r));
	}
	return NULL;
}

void ring_reader__pop(struct ring_reader *r)
{
	uint64_t n = *word_at_tail(r);
	size_t room = n < rest_of_chunk(r) ? RING_ROOM(n) : rest_of_chunk(r);

	give_back(r, room, room);
}

bool ring_reader__sleep(struct ring_reader *r)
{
	__atomic_store_n(&r->at->waits, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->at->head, __ATOMIC_SEQ_CST) == r->at->tail)
		return true;
	__atomic_store_n(&r->at->waits, 0, __ATOMIC_RELAXED);
	return false;
}
