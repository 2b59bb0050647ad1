/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.h - what the user sees and where they are: a frame and a view become a grid, a key becomes another
 * view. Nothing here knows a terminal, a clock or the kernel.
 */
#ifndef SOCKLIFE_TOP_VIEW_H
#define SOCKLIFE_TOP_VIEW_H

#include "top/rows.h"

enum top_page { PAGE_CONNECTIONS, PAGE_LISTENERS, PAGE_PORTS, PAGE_FINDINGS, PAGES };

/* Keys that are no characters: behind those of Unicode. */
enum top_key {
	KEY_TOP_UP = 0x110000,
	KEY_TOP_DOWN,
	KEY_TOP_LEFT,
	KEY_TOP_RIGHT,
	KEY_TOP_PAGE_UP,
	KEY_TOP_PAGE_DOWN,
	KEY_TOP_HOME,
	KEY_TOP_END,
	KEY_TOP_BACKSPACE,
	KEY_TOP_BACK_TAB,
	KEY_TOP_HELP, /* F1 */
	KEY_TOP_QUIT, /* F10 */
	KEY_TOP_ESCAPE = 27,
	KEY_TOP_TAB = 9,
	KEY_TOP_ENTER = 13,
};

/* Tables, each with its own order and place. */
enum top_list_id {
	LIST_CONNECTIONS,
	LIST_GROUPS,
	LIST_LISTENERS,
	LIST_DESTINATIONS,
	LIST_FINDINGS,
	LISTS
};

struct top_list {
	struct top_order order;
	uint64_t selected; /* id of the row that keys act on; 0: the first one, whichever that is */
	size_t cursor;     /* where it is */
	size_t top;        /* the first row that is seen */
	unsigned int seen; /* rows that there is room for: of the last drawing */
};

/* A page of text that is scrolled, over the tables. */
enum top_sheet { SHEET_NONE, SHEET_STORY, SHEET_FINDING, SHEET_HELP };

struct top_view {
	enum top_page page;
	enum top_sheet sheet;
	struct top_list lists[LISTS];
	enum top_grouping grouping;
	uint64_t group;      /* the one that is looked into, 0: all */
	char group_name[96]; /* escaped */
	char filters[PAGES][TOP_FILTER_MAX];
	bool typing; /* the filter */
	bool paused;
	unsigned int shift;   /* columns that make room for those behind */
	uint64_t story;       /* cookie of the socket that the sheet is about */
	uint64_t finding;     /* seq of the finding */
	size_t scroll, lines; /* of the sheet; how many it had at the last drawing */
	unsigned int sheet_seen;
	uint32_t netns; /* inode number, 0: the own one */
	const struct services *services;
	/* What was made of the last frame: */
	struct top_rows rows;
	struct top_group *groups;
	size_t n_groups, room_groups;
	struct top_destination destinations[PORTS_TIGHTEST];
	uint64_t made_seq;
	bool stale; /* to be made again from the same frame */
};

void top_view__init(struct top_view *v, const struct services *services);
void top_view__free(struct top_view *v);

/* Draws all of the grid, at any size. */
void top_view__draw(struct top_view *v, const struct top_frame *f, struct top_grid *g);
/* False: quit. The frame is the one that was drawn last. */
bool top_view__key(struct top_view *v, const struct top_frame *f, uint32_t key);
/* What the next frame must have, TOP_TAKE_*. */
uint32_t top_view__takes(const struct top_view *v);

/* --- inside of the view layer --- */

/* view_rows.c: the rows of the list that is on the screen, up to date with the frame. */
enum top_list_id top_view__list(const struct top_view *v);
void top_view__make_rows(struct top_view *v, const struct top_frame *f, const struct top_grid *g);
const struct top_table *top_list__table(enum top_list_id list);
/* NULL: no row is selected. */
const void *top_view__selected(struct top_view *v);
void top_view__move(struct top_view *v, long by);
void top_view__move_to(struct top_view *v, size_t place);

/* view_table.c: titles at row y, rows below, `height` in all. */
void top_view__draw_table(struct top_view *v, const struct top_frame *f, struct top_grid *g,
			  unsigned int y, unsigned int height);

/* view_ports.c: the picture above the destinations. Returns how many rows it took. */
unsigned int top_view__draw_ports(struct top_view *v, const struct top_frame *f, struct top_grid *g,
				  unsigned int y, unsigned int height);
const struct top_ports_netns *top_view__netns(const struct top_view *v, const struct top_frame *f);
void top_view__next_netns(struct top_view *v, const struct top_frame *f, int by);

/* view_sheet.c, view_story.c, view_finding.c, view_help.c */
struct top_sheet_text;
void top_sheet__line(struct top_sheet_text *t, enum top_style style, const char *s, size_t n);
/* Broken at spaces to the width of the screen; the lines begin with `indent` blanks. */
void top_sheet__wrap(struct top_sheet_text *t, enum top_style style, unsigned int indent,
		     const char *s, size_t n);
__attribute__((format(printf, 3, 4))) void
top_sheet__print(struct top_sheet_text *t, enum top_style style, const char *format, ...);
void top_view__draw_sheet(struct top_view *v, const struct top_frame *f, struct top_grid *g,
			  unsigned int y, unsigned int height);
const struct top_grid *top_sheet__grid(const struct top_sheet_text *t);
void top_story__write(const struct top_frame *f, struct top_sheet_text *t);
void top_finding__write(const struct top_frame *f, uint64_t seq, struct top_sheet_text *t);
void top_help__write(struct top_sheet_text *t);

#endif
