/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grid.h - a screen as cells, each a character and a style: what the views draw on and the terminal is
 * painted from. Text from outside is escaped here, whatever its bytes.
 */
#ifndef SOCKLIFE_TOP_GRID_H
#define SOCKLIFE_TOP_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

/* What a cell means; the terminal decides how that looks. */
enum top_style {
	STYLE_PLAIN,
	STYLE_DIM,      /* closed, over, not known */
	STYLE_FAILED,   /* closed, and not as it should be */
	STYLE_STRONG,   /* headings, what was asked for */
	STYLE_TITLE,    /* the row of column titles */
	STYLE_SORTED,   /* in it, the one that is sorted by */
	STYLE_SELECTED, /* the row that keys act on */
	STYLE_GOOD,     /* established, listening, free */
	STYLE_BUSY,     /* on its way: connecting, in TIME_WAIT */
	STYLE_WARN,
	STYLE_BAD,
	STYLE_LOUD, /* loss: not to be overlooked */
	STYLE_UDP,
	STYLE_KEY, /* the name of a key in the last row */
	STYLES
};

struct top_cell {
	wchar_t c; /* 0: the second half of the wide character before it */
	uint8_t style;
};

struct top_grid {
	unsigned int width, height;
	bool utf8; /* else ASCII only */
	struct top_cell *cells;
};

/* Signs that have an ASCII form. */
enum top_glyph {
	GLYPH_FULL,    /* of a bar: taken */
	GLYPH_HALF,    /* taken by what goes by itself */
	GLYPH_EMPTY,   /* free */
	GLYPH_SHADE_1, /* the port space: few */
	GLYPH_SHADE_2,
	GLYPH_SHADE_3,
	GLYPH_SHADE_4, /* all */
	GLYPH_MORE,    /* text was cut here */
	GLYPH_DOWN,    /* sorted by, the largest first */
	GLYPH_UP,
	GLYPH_DOT,  /* a timeline's event */
	GLYPH_LINE, /* ... and what is between */
	GLYPH_ARROW,
	GLYPHS
};
wchar_t top_glyph(const struct top_grid *g, enum top_glyph glyph);

/* All blank. 0 or -ENOMEM: then it is as it was. */
int top_grid__resize(struct top_grid *g, unsigned int width, unsigned int height);
void top_grid__clear(struct top_grid *g);
void top_grid__free(struct top_grid *g);

/* Whatever is outside of the grid, or of `width` cells, is left out. These return the column behind. */
unsigned int top_grid__glyph(struct top_grid *g, unsigned int y, unsigned int x,
			     enum top_style style, enum top_glyph glyph, unsigned int n);
/* n bytes of UTF-8 of our own, or escaped by buf__safe(). */
unsigned int top_grid__text(struct top_grid *g, unsigned int y, unsigned int x, unsigned int width,
			    enum top_style style, const char *s, size_t n);
__attribute__((format(printf, 5, 6))) unsigned int top_grid__print(struct top_grid *g,
								   unsigned int y, unsigned int x,
								   enum top_style style,
								   const char *format, ...);
/* Of a whole row. */
void top_grid__style(struct top_grid *g, unsigned int y, enum top_style style);

/* Cells that such text takes. */
size_t top_text__width(const struct top_grid *g, const char *s, size_t n);

#endif
