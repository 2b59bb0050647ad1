// SPDX-License-Identifier: GPL-2.0-or-later
/* table.c - a hash of indexes into an array whose elements do not move. */
#include "top/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 1024 /* a power of two */

static uint32_t home_of(const struct top_table *t, uint64_t cookie)
{
	return (cookie * 0x9e3779b97f4a7c15) >> 32 & t->mask;
}

/* Where the cookie is, or would be. */
static uint32_t slot_of(const struct top_table *t, uint64_t cookie)
{
	uint32_t i = home_of(t, cookie);

	while (t->slots[i] != TABLE_NONE && t->socks[t->slots[i]].sock.cookie != cookie)
		i = (i + 1) & t->mask;
	return i;
}

static int make_slots(struct top_table *t, uint32_t n)
{
	uint32_t *slots = malloc((size_t)n * sizeof(*slots)), i;

	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, (size_t)n * sizeof(*slots));
	free(t->slots);
	t->slots = slots;
	t->mask = n - 1;
	for (i = 0; i < t->used; i++)
		if (t->socks[i].sock.cookie)
			t->slots[slot_of(t, t->socks[i].sock.cookie)] = i;
	return 0;
}

int top_table__make(struct top_table *t)
{
	memset(t, 0, sizeof(*t));
	return make_slots(t, FIRST_ROOM * 2);
}

void top_table__free(struct top_table *t)
{
	free(t->socks);
	free(t->more);
	free(t->slots);
	memset(t, 0, sizeof(*t));
}

uint32_t top_table__find(const struct top_table *t, uint64_t cookie)
{
	return t->slots[slot_of(t, cookie)];
}

static int make_room(struct top_table *t)
{
	uint32_t room = t->room ? t->room * 2 : FIRST_ROOM;
	struct table_more *more;
	struct top_sock *socks;

	socks = reallocarray(t->socks, room, sizeof(*socks));
	if (!socks)
		return -ENOMEM;
	t->socks = socks;
	more = reallocarray(t->more, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->more = more;
	if (make_slots(t, room * 2))
		return -ENOMEM;
	t->room = room;
	return 0;
}

uint32_t top_table__add(struct top_table *t, uint64_t cookie)
{
	uint32_t index;

	if (t->free) {
		index = t->free - 1;
		t->free = t->more[index].next;
	} else {
		if (t->used == t->room && make_room(t))
			return TABLE_NONE;
		index = t->used++;
	}
	memset(&t->socks[index], 0, sizeof(*t->socks));
	t->more[index] = (struct table_more){ .history = HISTORY_EMPTY };
	t->socks[index].sock.cookie = cookie;
	t->slots[slot_of(t, cookie)] = index;
	t->n++;
	return index;
}

/* Deletion that leaves no tombstone: what follows in the run moves up. */
static void empty_slot(struct top_table *t, uint32_t hole)
{
	uint32_t i = hole, home;

	for (;;) {
		i = (i + 1) & t->mask;
		if (t->slots[i] == TABLE_NONE)
			break;
		home = home_of(t, t->socks[t->slots[i]].sock.cookie);
		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = TABLE_NONE;
}

void top_table__remove(struct top_table *t, uint32_t index)
{
	empty_slot(t, slot_of(t, t->socks[index].sock.cookie));
	t->socks[index].sock.cookie = 0;
	t->more[index].next = t->free;
	t->free = index + 1;
	t->n--;
}
