// SPDX-License-Identifier: GPL-2.0-or-later
/* grid.c - writes text and bars into cells, cut at the edges and escaped. */
#include "top/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const struct {
	wchar_t utf8, ascii;
} glyphs[GLYPHS] = {
	[GLYPH_FULL] = { L'█', L'#' },    [GLYPH_HALF] = { L'▒', L'=' },
	[GLYPH_EMPTY] = { L'·', L'.' },   [GLYPH_SHADE_1] = { L'░', L':' },
	[GLYPH_SHADE_2] = { L'▒', L'+' }, [GLYPH_SHADE_3] = { L'▓', L'%' },
	[GLYPH_SHADE_4] = { L'█', L'#' }, [GLYPH_MORE] = { L'…', L'~' },
	[GLYPH_DOWN] = { L'▼', L'v' },    [GLYPH_UP] = { L'▲', L'^' },
	[GLYPH_DOT] = { L'●', L'*' },     [GLYPH_LINE] = { L'│', L'|' },
	[GLYPH_ARROW] = { L'→', L'>' },
};

wchar_t top_glyph(const struct top_grid *g, enum top_glyph glyph)
{
	return g->utf8 ? glyphs[glyph].utf8 : glyphs[glyph].ascii;
}

void top_grid__clear(struct top_grid *g)
{
	size_t i;

	for (i = 0; i < (size_t)g->width * g->height; i++)
		g->cells[i] = (struct top_cell){ .c = L' ', .style = STYLE_PLAIN };
}

int top_grid__resize(struct top_grid *g, unsigned int width, unsigned int height)
{
	struct top_cell *cells = reallocarray(g->cells, (size_t)width * height + 1, sizeof(*cells));

	if (!cells)
		return -ENOMEM;
	g->cells = cells;
	g->width = width;
	g->height = height;
	top_grid__clear(g);
	return 0;
}

void top_grid__free(struct top_grid *g)
{
	free(g->cells);
	g->cells = NULL;
	g->width = g->height = 0;
}

/* Never a half of a wide character: what is overwritten of one becomes blank. */
static void put(struct top_grid *g, unsigned int y, unsigned int x, enum top_style style, wchar_t c,
		int width)
{
	struct top_cell *row = &g->cells[(size_t)y * g->width];

	if (!row[x].c && x)
		row[x - 1].c = L' ';
	if (x + width < g->width && !row[x + width].c)
		row[x + width].c = L' ';
	row[x] = (struct top_cell){ .c = c, .style = style };
	if (width == 2)
		row[x + 1] = (struct top_cell){ .c = 0, .style = style };
}

unsigned int top_grid__glyph(struct top_grid *g, unsigned int y, unsigned int x,
			     enum top_style style, enum top_glyph glyph, unsigned int n)
{
	wchar_t c = top_glyph(g, glyph);

	for (; n && y < g->height && x < g->width; n--)
		put(g, y, x++, style, c, 1);
	return x;
}

/* One character of valid UTF-8: what the terminal may be sent for it, and its cells. */
static wchar_t decode(const struct top_grid *g, const char *s, size_t len, int *width)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t c = u[0];
	size_t i;

	*width = 1;
	if (len == 1)
		return c >= 0x20 && c < 0x7f ? (wchar_t)c : L'?';
	c &= 0xff >> (len + 1);
	for (i = 1; i < len; i++)
		c = c << 6 | (u[i] & 0x3f);
	*width = g->utf8 ? wcwidth((wchar_t)c) : 1;
	/* what has no width would be lost in its neighbour, or be none of this terminal's */
	if (*width < 1 || *width > 2 || !g->utf8) {
		*width = 1;
		return L'?';
	}
	return (wchar_t)c;
}

unsigned int top_grid__text(struct top_grid *g, unsigned int y, unsigned int x, unsigned int width,
			    enum top_style style, const char *s, size_t n)
{
	unsigned int end = x + width < g->width ? x + width : g->width;
	int cells;

	while (n && y < g->height) {
		size_t len = utf8__len(s, n);
		wchar_t c;

		len = len ? len : 1;
		c = decode(g, s, len, &cells);
		if (x + cells > end)
			break;
		put(g, y, x, style, c, cells);
		x += cells;
		s += len;
		n -= len;
	}
	return x;
}

unsigned int top_grid__print(struct top_grid *g, unsigned int y, unsigned int x,
			     enum top_style style, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return x;
	n = (size_t)n < sizeof(text) ? n : (int)sizeof(text) - 1;
	return top_grid__text(g, y, x, g->width, style, text, n);
}

void top_grid__style(struct top_grid *g, unsigned int y, enum top_style style)
{
	unsigned int x;

	for (x = 0; x < g->width && y < g->height; x++)
		g->cells[(size_t)y * g->width + x].style = style;
}

size_t top_text__width(const struct top_grid *g, const char *s, size_t n)
{
	size_t width = 0;
	int cells;

	while (n) {
		size_t len = utf8__len(s, n);

		len = len ? len : 1;
		decode(g, s, len, &cells);
		width += cells;
		s += len;
		n -= len;
	}
	return width;
}
