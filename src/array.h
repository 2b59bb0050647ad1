/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * array.h - an array on the heap that grows by doubling.
 */
#ifndef SOCKLIFE_ARRAY_H
#define SOCKLIFE_ARRAY_H

#include <stdlib.h>

/*
 * `list` with room for one element more than the `n` it has, at first for `first`; each has this size. What is returned takes
 * the place of `list`. NULL: no memory, and `list` is as it was.
 */
static inline void *array__grown(void *list, size_t n, size_t *room, size_t first, size_t size)
{
	size_t wanted = *room ? *room * 2 : first;
	void *more;

	if (n < *room)
		return list;
	more = reallocarray(list, wanted, size);
	if (more)
		*room = wanted;
	return more;
}

#endif
