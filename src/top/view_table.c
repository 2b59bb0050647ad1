// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_table.c - a table on the screen: the columns that matter most, as wide as what is seen of them.
 */
#include <stdlib.h>
#include <string.h>

#include "top/view.h"

#define GAP 1

/* One cell's text, in a buffer with all the others. */
struct cell {
	size_t from, len;
	uint8_t style;
};

struct layout {
	unsigned int need[TOP_COLUMNS_MAX];  /* the widest cell that is seen */
	unsigned int width[TOP_COLUMNS_MAX]; /* 0: left out */
	bool filled[TOP_COLUMNS_MAX];
};

static bool says_nothing(const char *s, size_t len)
{
	return !len || (len == 1 && (*s == '-' || *s == '0'));
}

static void write_cells(struct top_view *v, struct top_put *put, struct cell *cells,
			struct layout *l, size_t from, size_t n)
{
	const struct top_table *t = v->rows.table;
	size_t i, c;

	for (i = 0; i < n; i++) {
		const void *row = v->rows.list[from + i].row;

		for (c = 0; c < t->n_columns; c++) {
			struct cell *cell = &cells[i * t->n_columns + c];
			size_t width;

			cell->from = put->text.len;
			put->style = t->style(row);
			t->columns[c].put(put, row);
			cell->style = put->style;
			cell->len = put->text.len - cell->from;
			if (put->text.failed) {
				cell->len = 0;
				continue;
			}
			width = cell->len ? top_text__width(put->grid, put->text.data + cell->from,
							    cell->len) :
					    0;
			l->need[c] = width > l->need[c] ? width : l->need[c];
			l->filled[c] |= cell->len &&
					!says_nothing(put->text.data + cell->from, cell->len);
		}
	}
}

static unsigned int total_of(const struct layout *l, size_t n)
{
	unsigned int total = 0;
	size_t c;

	for (c = 0; c < n; c++)
		total += l->width[c] ? l->width[c] + GAP : 0;
	return total ? total - GAP : 0;
}

/* The column that matters least of those that are there (or, `out`, most of those left out). */
static size_t by_rank(const struct top_table *t, const struct layout *l, const bool *wanted,
		      bool out)
{
	size_t c, found = t->n_columns;

	for (c = 0; c < t->n_columns; c++) {
		if (!wanted[c] || !t->columns[c].rank || !l->width[c] != out)
			continue;
		if (found == t->n_columns || (out ? t->columns[c].rank < t->columns[found].rank :
						    t->columns[c].rank >= t->columns[found].rank))
			found = c;
	}
	return found;
}

/* Columns of one rank belong together: TX/s without RX/s would say half of it. */
static void show_rank(const struct top_table *t, struct layout *l, const bool *wanted, size_t like,
		      bool shown)
{
	size_t c;

	for (c = 0; c < t->n_columns; c++)
		if (wanted[c] && t->columns[c].rank == t->columns[like].rank)
			l->width[c] = shown ? t->columns[c].min : 0;
}

/* What is left out may be narrower than what stays free: of those, what matters most comes back. */
static void bring_back(const struct top_table *t, struct layout *l, bool *wanted,
		       unsigned int width)
{
	size_t like, c;

	while ((like = by_rank(t, l, wanted, true)) < t->n_columns) {
		show_rank(t, l, wanted, like, true);
		if (total_of(l, t->n_columns) > width)
			show_rank(t, l, wanted, like, false);
		for (c = 0; c < t->n_columns; c++)
			wanted[c] &= t->columns[c].rank != t->columns[like].rank;
	}
}

/* Free room goes to the columns whose text is cut, a cell each in turn. */
static void widen(const struct top_table *t, struct layout *l, unsigned int width)
{
	unsigned int left, total = total_of(l, t->n_columns);
	bool more = true;
	size_t c;

	left = width > total ? width - total : 0;
	while (left && more) {
		more = false;
		for (c = 0; c < t->n_columns && left; c++) {
			if (!l->width[c] || l->width[c] >= l->need[c] ||
			    l->width[c] >= t->columns[c].max)
				continue;
			l->width[c]++;
			left--;
			more = true;
		}
	}
}

static void fit(const struct top_view *v, struct layout *l, unsigned int width)
{
	const struct top_table *t = v->rows.table;
	unsigned int shifted = 0, sort = v->rows.order.column;
	bool wanted[TOP_COLUMNS_MAX];
	size_t c;

	for (c = 0; c < t->n_columns; c++) {
		wanted[c] = !t->columns[c].optional || l->filled[c];
		if (wanted[c] && t->columns[c].rank && c != sort && shifted < v->shift) {
			wanted[c] = false;
			shifted++;
		}
		l->width[c] = wanted[c] ? t->columns[c].min : 0;
	}
	/* what it is sorted by is always there */
	l->width[sort] = t->columns[sort].min;
	wanted[sort] = false;
	while (total_of(l, t->n_columns) > width &&
	       (c = by_rank(t, l, wanted, false)) < t->n_columns)
		show_rank(t, l, wanted, c, false);
	bring_back(t, l, wanted, width);
	widen(t, l, width);
}

/* Text that is too long is cut at its end, or in its middle: an address has its port at the end. */
static void draw_cut(struct top_grid *g, unsigned int y, unsigned int x, unsigned int width,
		     enum top_style style, const char *s, size_t n, bool middle)
{
	unsigned int head = middle ? (width - 1) / 2 : width - 1, tail = width - 1 - head;

	x = top_grid__text(g, y, x, head, style, s, n);
	x = top_grid__glyph(g, y, x, style, GLYPH_MORE, 1);
	if (middle) /* addresses and the like: a byte is a cell */
		top_grid__text(g, y, x, tail, style, s + n - tail, tail);
}

static void draw_cell(struct top_grid *g, unsigned int y, unsigned int x, unsigned int width,
		      enum top_style style, const struct top_column *c, const char *s, size_t n)
{
	size_t have = n ? top_text__width(g, s, n) : 0;

	if (have > width)
		draw_cut(g, y, x, width, style, s, n, c->middle);
	else
		top_grid__text(g, y, x + (c->right ? width - have : 0), width, style, s, n);
}

static void draw_titles(const struct top_view *v, struct top_grid *g, unsigned int y,
			const struct layout *l)
{
	const struct top_table *t = v->rows.table;
	unsigned int x = 0, sort = v->rows.order.column;
	size_t c;

	top_grid__style(g, y, STYLE_TITLE);
	for (c = 0; c < t->n_columns; c++) {
		const char *title = t->columns[c].title;
		size_t n = strlen(title);
		bool down = t->columns[c].ascending == v->rows.order.reversed;
		unsigned int at;

		if (!l->width[c])
			continue;
		at = t->columns[c].right && l->width[c] > n ? x + l->width[c] - n : x;
		at = top_grid__text(g, y, at, l->width[c] - (at - x),
				    c == sort ? STYLE_SORTED : STYLE_TITLE, title, n);
		if (c == sort && at < g->width)
			top_grid__glyph(g, y, at, STYLE_SORTED, down ? GLYPH_DOWN : GLYPH_UP, 1);
		x += l->width[c] + GAP;
	}
}

static void draw_row(const struct top_view *v, struct top_grid *g, unsigned int y,
		     const struct layout *l, const struct cell *cells, const char *text,
		     bool selected)
{
	const struct top_table *t = v->rows.table;
	unsigned int x = 0;
	size_t c;

	for (c = 0; c < t->n_columns; c++) {
		if (!l->width[c])
			continue;
		if (cells[c].len)
			draw_cell(g, y, x, l->width[c], cells[c].style, &t->columns[c],
				  text + cells[c].from, cells[c].len);
		x += l->width[c] + GAP;
	}
	if (selected)
		top_grid__style(g, y, STYLE_SELECTED);
}

static const char *nothing(const struct top_view *v)
{
	if (*v->filters[v->page])
		return "Nothing has this text. Esc takes the filter off.";
	switch (v->page) {
	case PAGE_LISTENERS:
		return "Nothing listens.";
	case PAGE_PORTS:
		return "No connections to anywhere hold ephemeral ports.";
	case PAGE_FINDINGS:
		return "Nothing is wrong, as far as this trace has seen. `socklife help findings` has what is "
		       "looked for.";
	default:
		return "No connections.";
	}
}

/* So many rows are seen that the cursor is among them. */
static void scroll(struct top_list *l, size_t n, unsigned int seen)
{
	l->seen = seen;
	if (l->cursor < l->top)
		l->top = l->cursor;
	if (seen && l->cursor >= l->top + seen)
		l->top = l->cursor - seen + 1;
	if (l->top + seen > n)
		l->top = n > seen ? n - seen : 0;
}

void top_view__draw_table(struct top_view *v, const struct top_frame *f, struct top_grid *g,
			  unsigned int y, unsigned int height)
{
	struct top_put put = { .frame = f, .services = v->services, .grid = g };
	struct top_list *list = &v->lists[top_view__list(v)];
	const struct top_table *t = v->rows.table;
	struct layout l = { 0 };
	struct cell *cells;
	size_t i, n;

	if (!height)
		return;
	scroll(list, v->rows.n, height - 1);
	n = v->rows.n - list->top < height - 1 ? v->rows.n - list->top : height - 1;
	top_rows__sort(&v->rows, list->top, list->top + n);
	cells = calloc(n * t->n_columns + 1, sizeof(*cells));
	if (!cells)
		return;
	write_cells(v, &put, cells, &l, list->top, n);
	fit(v, &l, g->width);
	draw_titles(v, g, y, &l);
	for (i = 0; i < n; i++)
		draw_row(v, g, y + 1 + i, &l, &cells[i * t->n_columns], put.text.data,
			 list->top + i == list->cursor);
	if (!v->rows.n && height > 1)
		top_grid__print(g, y + 1, 0, STYLE_DIM, "%s", nothing(v));
	buf__free(&put.text);
	free(cells);
}
