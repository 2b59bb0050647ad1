/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring_reader.h - the reader's side of the ring (include/ring.h). One thread at a time. */
#ifndef SOCKLIFE_RING_READER_H
#define SOCKLIFE_RING_READER_H

#include <stdbool.h>
#include <stddef.h>
#include "ring.h"

struct ring_reader {
	unsigned char *bytes; /* mapped, writable */
	size_t size;          /* of it: the ring's */
	volatile struct ring_positions *at;
};

/*
 * The oldest record, `*size` bytes that stay until ring_reader__pop(). NULL where there is none, or the oldest is still being
 * written: both look alike, and `head`, which each producer moves, is left alone.
 */
const void *ring_reader__peek(struct ring_reader *r, size_t *size);
/* Gives its place back. Only after a peek that found one. */
void ring_reader__pop(struct ring_reader *r);
/* From now on the bell rings with the next record. False: there is one already, or soon, and it does not. */
bool ring_reader__sleep(struct ring_reader *r);

#endif
