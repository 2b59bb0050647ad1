/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - the ring buffer between the eBPF programs and userspace: an array that both have mapped, and where each is in it.
 *
 * BPF_MAP_TYPE_RINGBUF does the same with two calls into the kernel and a lock a record (docs/performance.md). Positions are
 * bytes since the beginning and never wrap; a position modulo the ring's size is a place in it. A free place is all zero.
 *
 * A producer moves `head` over the room that it needs, which makes that its own, writes the record behind a word of eight bytes, and then
 * that word: the record's size. The reader takes records from `tail` on as long as that word is there, zeroes their place,
 * and moves `tail`. A record does not cross the border of a chunk (the map's element): what is left of one begins with RING_SKIP.
 *
 * The reader sleeps when it has set `waits` and then found `head` where `tail` is. A producer that finds it set, after its record
 * is there, clears it and rings the bell, a BPF ring buffer that can wake.
 */
#ifndef SOCKLIFE_RING_H
#define SOCKLIFE_RING_H

#include <linux/types.h>

#define RING_CHUNK 2048 /* bytes; at most half of the smallest ring, so that any record fits into an empty one */
#define RING_WORD  8
#define RING_SKIP  1 /* no record is as short */

/* What a record of `size` bytes takes. */
#define RING_ROOM(size) (RING_WORD + ((__u64)(size) + RING_WORD - 1) / RING_WORD * RING_WORD)

/* Cache lines of their own: one of the producers, one of the reader. */
struct ring_positions {
	__u64	pad_before[16];
	__u64	head;
	__u64	limit;		/* `head` must not pass it; `tail` + the ring's size, as of the last look */
	__u64	waits;		/* the reader is to be woken */
	__u64	pad_between[13];
	__u64	tail;
	__u64	pad_after[15];
} __attribute__((aligned(128)));

#endif
