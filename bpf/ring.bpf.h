/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.bpf.h - room for a record in the ring, and that it is there (include/ring.h).
 */
#ifndef SOCKLIFE_RING_BPF_H
#define SOCKLIFE_RING_BPF_H

#include "facts.bpf.h"

/* Against other CPUs: each time that `head` has been moved meanwhile, one of them has succeeded. */
#define RING_TRIES 65536
#define RING_FULL  ((__u64)-1)

/* Where the record goes when `head` is at `head`. */
static __always_inline __u64 ring__start(__u64 head, __u64 room)
{
	return head % RING_CHUNK + room > RING_CHUNK ? (head | (RING_CHUNK - 1)) + 1 : head;
}

/* Tries to move `head`. False: another was faster. *had is where it was, RING_FULL where there is no room. */
static __always_inline bool ring__try(__u64 room, __u64 *had)
{
	__u64 head = ring_positions.head, end = ring__start(head, room) + room, limit;

	if (end > ring_positions.limit) {
		limit = ring_positions.tail + settings.ring_size;
		if (end > limit) {
			*had = RING_FULL;
			return true;
		}
		ring_positions.limit = limit; /* an older one of another CPU does no harm */
	}
	*had = head;
	return __sync_val_compare_and_swap(&ring_positions.head, head, end) == head;
}

struct ring_taking {
	__u64 room;
	__u64 had;
};

static long ring__try_again(__u32 index, void *arg)
{
	struct ring_taking *t = arg;

	(void)index;
	if (ring__try(t->room, &t->had))
		return 1;
	t->had = RING_FULL;
	return 0;
}

/* The place of `position`, with room for `room` bytes: NULL cannot be, which the verifier does not know. */
static __always_inline void *ring__at(__u64 position, __u64 room)
{
	const __u32 offset = position & (RING_CHUNK - RING_WORD);
	union key key = KEY(position / RING_CHUNK & (settings.ring_size / RING_CHUNK - 1));
	struct ring_chunk *chunk = bpf_map_lookup_elem(&ring, &key);

	return chunk && offset <= RING_CHUNK - room ? chunk->bytes + offset : NULL;
}

/* Where the room for a record begins, which is the caller's from now on; RING_FULL where there is none. */
GLOBAL_FUNC __u64 ring__take(__u64 room)
{
	struct ring_taking t = { .room = room };
	__u64 start, *word;

	if (!ring__try(room, &t.had))
		bpf_loop(RING_TRIES, ring__try_again, &t, 0);
	if (t.had == RING_FULL)
		return RING_FULL;
	start = ring__start(t.had, room);
	if (start != t.had) {
		word = ring__at(t.had, RING_WORD);
		if (word)
			*(volatile __u64 *)word = RING_SKIP;
	}
	return start;
}

_Static_assert(RING_ROOM(sizeof(struct ev_process)) <= RING_CHUNK,
	       "the largest record fits a chunk");

/* The same, without a call where no other CPU is faster and the record ends before its chunk and `limit` do. */
static __always_inline __u64 ring__take_here(__u64 room)
{
	__u64 head = ring_positions.head, end = head + room;

	if (head % RING_CHUNK + room <= RING_CHUNK && end <= ring_positions.limit &&
	    __sync_val_compare_and_swap(&ring_positions.head, head, end) == head)
		return head;
	return ring__take(room);
}

/* Room for a record; what is in it is to be written whole. NULL: the ring is full. */
static __always_inline void *ring__reserve(__u32 size)
{
	__u64 start = ring__take_here(RING_ROOM(size)), *word;

	if (start == RING_FULL)
		return NULL;
	word = ring__at(start, RING_ROOM(size));
	return word ? word + 1 : NULL;
}

GLOBAL_FUNC int ring__wake(void)
{
	__u64 nothing = 0;

	if (__sync_lock_test_and_set(&ring_positions.waits, 0) &&
	    bpf_ringbuf_output(&bell, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP))
		ring_positions.waits = 1; /* for the next one to try */
	return 0;
}

/*
 * The record is whole. Everything written before is to be seen before its word: x86 keeps the order of stores; elsewhere an exchange
 * does, where a store with release came to BPF in 6.15. Nothing need come between the word and the look at `waits`:
 * the move of `head`, which the reader looks at after it has set that, was a full barrier.
 */
static __always_inline void ring__submit(void *record, __u32 size)
{
	__u64 *word = (__u64 *)record - 1;

#if defined(__TARGET_ARCH_x86)
	barrier();
	*(volatile __u64 *)word = size;
#else
	__sync_lock_test_and_set(word, size);
#endif
	if (ring_positions.waits)
		ring__wake();
}

#endif
