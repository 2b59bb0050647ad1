// SPDX-License-Identifier: GPL-2.0-or-later
/* history.c - lists in one array of bounded size; the oldest entry makes room. */
#include "top/history.h"

#include <stdlib.h>

static uint32_t take_room(struct history *h)
{
	struct top_event *more;
	uint32_t index, room;

	if (h->free) {
		index = h->free - 1;
		h->free = h->events[index].next;
		return index;
	}
	if (h->n == h->room) {
		room = h->room ? h->room * 2 : 1024;
		more = room <= TOP_EVENTS_MAX ? reallocarray(h->events, room, sizeof(*more)) : NULL;
		if (!more)
			return HISTORY_NONE;
		h->events = more;
		h->room = room;
	}
	return h->n++;
}

static void give_room(struct history *h, uint32_t index)
{
	h->events[index].next = h->free;
	h->free = index + 1;
}

/* The oldest behind those that are always kept. */
static void drop_one(struct history *h, struct history_list *l)
{
	uint32_t before = l->first, i;

	for (i = 1; i < HISTORY_FIRST; i++)
		before = h->events[before].next;
	i = h->events[before].next;
	h->events[before].next = h->events[i].next;
	give_room(h, i);
	l->n--;
	l->left_out++;
}

void history__add(struct history *h, struct history_list *l, const struct top_event *e)
{
	uint32_t index;

	if (l->n == TOP_EVENTS_SOCK)
		drop_one(h, l);
	index = take_room(h);
	if (index == HISTORY_NONE) {
		l->left_out++;
		return;
	}
	h->events[index] = *e;
	h->events[index].next = HISTORY_NONE;
	if (l->last == HISTORY_NONE)
		l->first = index;
	else
		h->events[l->last].next = index;
	l->last = index;
	l->n++;
}

void history__forget(struct history *h, struct history_list *l)
{
	uint32_t i = l->first, next;

	for (; i != HISTORY_NONE; i = next) {
		next = h->events[i].next;
		give_room(h, i);
	}
	*l = HISTORY_EMPTY;
}

size_t history__read(const struct history *h, const struct history_list *l, struct top_event *to,
		     size_t max)
{
	uint32_t i = l->first;
	size_t n;

	for (n = 0; n < max && i != HISTORY_NONE; n++) {
		to[n] = h->events[i];
		i = to[n].next;
	}
	return n;
}

void history__free(struct history *h)
{
	free(h->events);
	*h = (struct history){ 0 };
}
