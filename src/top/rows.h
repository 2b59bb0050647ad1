/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows.h - which rows of a table, in which order: those that the filter lets through, sorted no further
 * than what is seen needs (of 100 000 rows a screen shows 50).
 */
#ifndef SOCKLIFE_TOP_ROWS_H
#define SOCKLIFE_TOP_ROWS_H

#include "top/columns.h"

#define TOP_FILTER_MAX 64
#define TOP_CUTS       64

/* How a table is looked at; what it is moved to is kept from frame to frame. */
struct top_order {
	unsigned int column;
	bool reversed;
};

/* What most comparisons need is in here: to look into 100 000 rows of a frame is what takes long. */
struct top_row {
	uint64_t key, tie, id;
	const void *row;
};

/* All zero is empty. Rows point into the frame. */
struct top_rows {
	const struct top_table *table;
	const struct top_frame *frame;
	struct top_order order;
	struct top_row *list;
	size_t n, room;
	size_t sorted_from, sorted_to; /* these are in their places */
	size_t cuts[TOP_CUTS],
		n_cuts;  /* rows before such a place belong before it; the last so many */
	uint64_t random; /* for pivots: rows come in patterns that fixed ones are slow with */
	bool incomplete; /* no memory for some of it */
};

void top_rows__begin(struct top_rows *r, const struct top_table *t, const struct top_frame *f,
		     const struct top_order *order);
void top_rows__add(struct top_rows *r, const void *row);
/* Leaves those that say `text` (lower case, "": all). */
void top_rows__filter(struct top_rows *r, const char *text, const struct top_put *put);
/* Puts list[from .. to) into their places. */
void top_rows__sort(struct top_rows *r, size_t from, size_t to);
/* The place that the row with this id has or would have, without sorting all; n: there is none. */
size_t top_rows__place(const struct top_rows *r, uint64_t id);
void top_rows__free(struct top_rows *r);

#endif
