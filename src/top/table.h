/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - inside of the model: its sockets by cookie. One stays at its index as long as it is there, so that
 * who goes through all of them can be interrupted.
 */
#ifndef SOCKLIFE_TOP_TABLE_H
#define SOCKLIFE_TOP_TABLE_H

#include "top/history.h"

#define TABLE_NONE UINT32_MAX

/* What belongs to a socket besides what a row shows. */
struct table_more {
	struct history_list history;
	uint64_t accepted; /* of a listener, when its rate was taken last */
	uint32_t walk;     /* the last one that met it */
	uint8_t sightings; /* of one without a record, at most 2 */
	bool sought;       /* its listener was */
	uint32_t next;     /* of a free one: table.free */
};

struct top_table {
	struct top_sock *socks;
	struct table_more *more;
	uint32_t *slots; /* indexes; open addressing, a power of two */
	uint32_t used;   /* indexes below it, those with cookie 0 are free */
	uint32_t n;      /* sockets */
	uint32_t free;   /* the first free one plus 1, 0: none; the next in more[].next */
	uint32_t room, mask;
};

int top_table__make(struct top_table *t); /* 0 or -ENOMEM */
void top_table__free(struct top_table *t);
uint32_t top_table__find(const struct top_table *t, uint64_t cookie); /* TABLE_NONE: not there */
/* Zeroed but for the cookie; it must not be there yet. TABLE_NONE: ENOMEM. */
uint32_t top_table__add(struct top_table *t, uint64_t cookie);
void top_table__remove(struct top_table *t, uint32_t index);

#endif
