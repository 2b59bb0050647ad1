// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_sheet.c - pages of text over the tables, broken to the width and scrolled.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "top/view.h"

#define LINES_MAX 2048

struct top_sheet_text {
	struct top_grid *grid;
	unsigned int y, height;
	size_t scroll; /* the first line that is seen */
	size_t lines;  /* written so far */
};

const struct top_grid *top_sheet__grid(const struct top_sheet_text *t)
{
	return t->grid;
}

void top_sheet__line(struct top_sheet_text *t, enum top_style style, const char *s, size_t n)
{
	if (t->lines >= t->scroll && t->lines - t->scroll < t->height)
		top_grid__text(t->grid, t->y + (t->lines - t->scroll), 0, t->grid->width, style, s,
			       n);
	t->lines++;
}

void top_sheet__print(struct top_sheet_text *t, enum top_style style, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= 0)
		top_sheet__line(t, style, text,
				(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* How many bytes of it go on a line of so many cells: up to a space where there is one. */
static size_t fitting(const struct top_grid *g, const char *s, size_t n, unsigned int width)
{
	size_t i = 0, space = 0, cells = 0;

	while (i < n) {
		size_t len = utf8__len(s + i, n - i);

		len = len ? len : 1;
		cells += top_text__width(g, s + i, len);
		if (cells > width)
			return space ? space : i ? i : len;
		if (s[i] == ' ')
			space = i;
		i += len;
	}
	return n;
}

void top_sheet__wrap(struct top_sheet_text *t, enum top_style style, unsigned int indent,
		     const char *s, size_t n)
{
	unsigned int width = t->grid->width > indent + 1 ? t->grid->width - indent - 1 : 1;
	struct buf b = { 0 };

	do {
		size_t len = fitting(t->grid, s, n, width);

		b.len = 0;
		buf__pad(&b, indent);
		buf__put(&b, s, len);
		if (!b.failed)
			top_sheet__line(t, style, b.data ? b.data : "", b.len);
		for (s += len, n -= len; n && *s == ' '; s++, n--)
			;
	} while (n);
	buf__free(&b);
}

static void write_sheet(struct top_view *v, const struct top_frame *f, struct top_sheet_text *t)
{
	switch (v->sheet) {
	case SHEET_STORY:
		top_story__write(f, t);
		break;
	case SHEET_FINDING:
		top_finding__write(f, v->finding, t);
		break;
	default:
		top_help__write(t);
	}
}

/* Written to the end, so that it is known how far it can be scrolled; again where that was too far. */
void top_view__draw_sheet(struct top_view *v, const struct top_frame *f, struct top_grid *g,
			  unsigned int y, unsigned int height)
{
	struct top_sheet_text t = { .grid = g, .y = y, .height = height, .scroll = LINES_MAX };
	size_t last;

	write_sheet(v, f, &t);
	v->lines = t.lines;
	v->sheet_seen = height;
	last = v->lines > height ? v->lines - height : 0;
	v->scroll = v->scroll > last ? last : v->scroll;
	t.lines = 0;
	t.scroll = v->scroll;
	write_sheet(v, f, &t);
}
