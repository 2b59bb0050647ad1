/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what happened to sockets: a list each, in one bounded store.
 */
#ifndef SOCKLIFE_TOP_HISTORY_H
#define SOCKLIFE_TOP_HISTORY_H

#include "top/model.h"

#define HISTORY_NONE  UINT32_MAX
#define HISTORY_FIRST 16 /* of a long list these and the newest are kept */

/* One socket's. */
struct history_list {
	uint32_t first, last; /* HISTORY_NONE: empty */
	uint32_t n, left_out;
};

/* All zero is an empty store. */
struct history {
	struct top_event *events;
	uint32_t n, room, free; /* `free`: the first free one plus 1, 0: none */
};

#define HISTORY_EMPTY ((struct history_list){ .first = HISTORY_NONE, .last = HISTORY_NONE })

/* Where there is no room for it, it is counted in left_out. */
void history__add(struct history *h, struct history_list *l, const struct top_event *e);
void history__forget(struct history *h, struct history_list *l);
/* Copies at most `max`, in their order. Returns how many. */
size_t history__read(const struct history *h, const struct history_list *l, struct top_event *to,
		     size_t max);
void history__free(struct history *h);

#endif
