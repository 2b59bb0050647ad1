// SPDX-License-Identifier: GPL-2.0-or-later
/* table.c - lays out cells in columns, aligned, within a width. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

#define GAP         2
#define COLUMNS_MAX 16

#define BOLD        "\033[1m"
#define BOLD_YELLOW "\033[1;33m"
#define RESET       "\033[0m"

struct table table__make(const struct table_column *columns, size_t n)
{
	return (struct table){ .columns = columns, .n_columns = n < COLUMNS_MAX ? n : COLUMNS_MAX };
}

void table__free(struct table *t)
{
	buf__free(&t->text);
	free(t->ends);
	free(t->loud);
	t->ends = NULL;
	t->loud = NULL;
	t->n_cells = t->room = 0;
}

struct buf *table__cell(struct table *t)
{
	return &t->text;
}

/* For cells; of `loud`, only that of a row's first cell counts. */
static bool make_room(struct table *t)
{
	size_t room = t->room ? t->room * 2 : 256;
	size_t *ends = reallocarray(t->ends, room, sizeof(*ends));
	bool *loud;

	if (!ends)
		return false;
	t->ends = ends;
	loud = reallocarray(t->loud, room, sizeof(*loud));
	if (!loud)
		return false;
	t->loud = loud;
	t->room = room;
	return true;
}

void table__next(struct table *t)
{
	if (t->n_cells == t->room && !make_room(t)) {
		t->text.failed = true;
		return;
	}
	t->loud[t->n_cells] = false;
	t->ends[t->n_cells++] = t->text.len;
}

void table__string(struct table *t, const char *s)
{
	buf__str(&t->text, s);
	table__next(t);
}

void table__number(struct table *t, uint64_t v)
{
	buf__u64(&t->text, v);
	table__next(t);
}

void table__mark(struct table *t)
{
	if (t->n_cells)
		t->loud[(t->n_cells - 1) / t->n_columns * t->n_columns] = true;
}

static const char *cell(const struct table *t, size_t i, size_t *len)
{
	size_t from = i ? t->ends[i - 1] : 0;

	*len = t->ends[i] - from;
	return t->text.data + from;
}

/* Characters, not bytes. */
static size_t width_of(const char *s, size_t len)
{
	size_t i, width = 0;

	for (i = 0; i < len; i++)
		width += ((unsigned char)s[i] & 0xc0) != 0x80;
	return width;
}

static bool is_empty(const char *s, size_t len)
{
	return !len || (len == 1 && (*s == '0' || *s == '-'));
}

/* 0: the column is left out. */
static void measure(const struct table *t, size_t *widths)
{
	bool used[COLUMNS_MAX] = { false };
	size_t i, c, len, width;

	for (c = 0; c < t->n_columns; c++)
		widths[c] = strlen(t->columns[c].title);
	for (i = 0; i < t->n_cells; i++) {
		const char *s = cell(t, i, &len);

		c = i % t->n_columns;
		width = width_of(s, len);
		if (width > widths[c])
			widths[c] = width;
		used[c] |= !is_empty(s, len);
	}
	for (c = 0; c < t->n_columns; c++)
		if ((t->hidden >> c & 1) || (t->columns[c].optional && !used[c]))
			widths[c] = 0;
}

static size_t total_of(const struct table *t, const size_t *widths, unsigned int indent)
{
	size_t c, total = indent;

	for (c = 0; c < t->n_columns; c++)
		total += widths[c] ? widths[c] + GAP : 0;
	return total > GAP ? total - GAP : 0;
}

static void fit(const struct table *t, size_t *widths, unsigned int indent, unsigned int width)
{
	while (width && total_of(t, widths, indent) > width) {
		size_t c, worst = t->n_columns;

		for (c = 0; c < t->n_columns; c++)
			if (widths[c] && t->columns[c].rank &&
			    (worst == t->n_columns || t->columns[c].rank > t->columns[worst].rank))
				worst = c;
		if (worst == t->n_columns)
			return; /* the lines are cut */
		widths[worst] = 0;
	}
}

static void put_cell(struct buf *line, const char *s, size_t len, size_t width, bool right)
{
	size_t have = width_of(s, len), pad = width > have ? width - have : 0;

	if (right)
		buf__pad(line, line->len + pad);
	buf__put(line, s, len);
	if (!right)
		buf__pad(line, line->len + pad);
	buf__pad(line, line->len + GAP);
}

static void cut(struct buf *line, unsigned int width)
{
	size_t i, at = 0;

	for (i = 0; i < line->len && width; i++)
		if (((unsigned char)line->data[i] & 0xc0) != 0x80 && ++at > width)
			line->len = i;
	while (line->len && line->data[line->len - 1] == ' ')
		line->len--;
}

static void put_line(struct out *out, struct buf *line, unsigned int width, const char *color)
{
	cut(line, width);
	if (color)
		out__put(out, color, strlen(color));
	out__put(out, line->data, line->len);
	if (color)
		out__put(out, RESET, strlen(RESET));
	out__put(out, "\n", 1);
	line->len = 0;
}

void table__print(struct table *t, struct out *out, unsigned int indent, unsigned int width,
		  bool color)
{
	size_t widths[COLUMNS_MAX], i, c, len;
	struct buf line = { 0 };

	if (t->text.failed) {
		out__fail(out, -ENOMEM);
		return;
	}
	if (!t->n_cells || !t->n_columns)
		return;
	measure(t, widths);
	fit(t, widths, indent, width);
	buf__pad(&line, indent);
	for (c = 0; c < t->n_columns; c++)
		if (widths[c])
			put_cell(&line, t->columns[c].title, strlen(t->columns[c].title), widths[c],
				 t->columns[c].right);
	put_line(out, &line, width, color ? BOLD : NULL);
	for (i = 0; i < t->n_cells; i += t->n_columns) {
		buf__pad(&line, indent);
		for (c = 0; c < t->n_columns && i + c < t->n_cells; c++) {
			const char *s = cell(t, i + c, &len);

			if (widths[c])
				put_cell(&line, s, len, widths[c], t->columns[c].right);
		}
		put_line(out, &line, width, color && t->loud[i] ? BOLD_YELLOW : NULL);
	}
	if (line.failed)
		out__fail(out, -ENOMEM);
	buf__free(&line);
	t->n_cells = t->text.len = 0;
}
