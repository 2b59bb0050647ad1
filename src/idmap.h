/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idmap.h - elements of one size, found by a number that each begins with (uint64_t, not 0). In one array,
 * bounded: put, find, remove; walked by index.
 */
#ifndef SOCKLIFE_IDMAP_H
#define SOCKLIFE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct idmap {
	char *list;
	uint32_t *slots; /* index + 1, 0: free; open addressing */
	size_t n, room, max, size, mask;
};

/* 0 or -ENOMEM. `size` of an element, at most `max` of them. */
int idmap__init(struct idmap *m, size_t size, size_t max);
void idmap__free(struct idmap *m);
/* NULL: not there. Valid until the next put or remove. */
void *idmap__find(const struct idmap *m, uint64_t id);
/* The one that is there, or a new one, zero but for its number. NULL: full, or ENOMEM. */
void *idmap__put(struct idmap *m, uint64_t id);
/* Another element takes its place in the array. */
void idmap__remove(struct idmap *m, uint64_t id);
void idmap__clear(struct idmap *m);

static inline void *idmap__at(const struct idmap *m, size_t i)
{
	return m->list + i * m->size;
}

#endif
