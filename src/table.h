/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - rows and columns of text, as wide as their widest cell; where a terminal is too narrow, the
 * columns that matter least are left out. Cells are written in order, row by row.
 */
#ifndef SOCKLIFE_TABLE_H
#define SOCKLIFE_TABLE_H

#include "json.h"
#include "sink.h"

struct table_column {
	const char *title;
	bool right;    /* numbers */
	bool optional; /* left out where every cell is empty or 0 */
	int rank;      /* 0: always there; the highest goes first */
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	uint32_t hidden; /* one bit a column that is not printed, whatever it says */
	struct buf text; /* all cells */
	size_t *ends;    /* of each cell in `text` */
	bool *loud;      /* of each row */
	size_t n_cells, room;
};

/* `columns` lives as long as the table. */
struct table table__make(const struct table_column *columns, size_t n);
/* Append to the buffer what the next cell says, then call table__next(). */
struct buf *table__cell(struct table *t);
void table__next(struct table *t);
/* Short forms of the two. */
void table__string(struct table *t, const char *s);
void table__number(struct table *t, uint64_t v);
/* The row of the last cell is one to look at. */
void table__mark(struct table *t);
/* Prints titles and rows, indented, within `width` characters (0: any), and empties the table. */
void table__print(struct table *t, struct out *out, unsigned int indent, unsigned int width,
		  bool color);
void table__free(struct table *t);

#endif
