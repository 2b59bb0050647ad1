/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * columns.h - the tables of the views: a row of struct top_column a column, which names it, sorts by it and
 * says how much it matters where there is little room.
 */
#ifndef SOCKLIFE_TOP_COLUMNS_H
#define SOCKLIFE_TOP_COLUMNS_H

#include "json.h"
#include "services.h"
#include "top/frame.h"
#include "top/grid.h"

#define TOP_COLUMNS_MAX 20

/* Where a cell's text goes, escaped, and how it is to look. */
struct top_put {
	const struct top_frame *frame;
	const struct services *services;
	const struct top_grid *grid;
	struct buf text;
	enum top_style style; /* of the row, to be changed for this cell */
};

struct top_column {
	const char *title;
	uint8_t min, max; /* cells; between them as wide as the rows that are seen need it */
	uint8_t rank;     /* 0: always there; the highest goes first */
	bool right;       /* numbers */
	bool ascending;   /* sorts the smallest first, unless reversed */
	bool optional;    /* only where a row that is seen has something there */
	bool middle;      /* too long, it is cut in its middle: an address's port is at its end */
	/* What it is sorted by: a number, and where that is equal `compare`, if there is one. */
	uint64_t (*key)(const struct top_frame *f, const void *row);
	int (*compare)(const void *a, const void *b);
	void (*put)(struct top_put *p, const void *row);
};

struct top_table {
	const struct top_column *columns;
	size_t n_columns;
	unsigned int sort;               /* by which column at first */
	uint64_t (*id)(const void *row); /* of a row, from frame to frame */
	/* Of rows that are equal: the larger one above; then < 0 is above. Either may be NULL. */
	uint64_t (*tie_key)(const void *row);
	int (*tie)(const void *a, const void *b);
	enum top_style (*style)(const void *row);
	/* For `/`: what a row says that can be looked for, lower case; NULL: all that its columns say. */
	void (*say)(struct buf *b, const void *row);
};

/* A group of sockets. */
enum top_grouping {
	GROUP_NONE,
	GROUP_PROCESS,
	GROUP_DESTINATION,
	GROUP_PORT,
	GROUP_CONTAINER,
	GROUPINGS
};
extern const char *const top_grouping_names[GROUPINGS]; /* "process", ... */

struct top_group {
	uint64_t id;
	const struct top_sock *one; /* of the frame: one of them, which says what they share */
	enum top_grouping by;
	uint32_t open, closed, udp, queued, states[TOP_STATES];
	uint64_t tx_bytes, rx_bytes, tx_rate, rx_rate, retrans;
};

/* A destination of the Ports view. */
struct top_destination {
	const struct top_ports_netns *netns;
	const struct top_pair *pair;
};

extern const struct top_table top_connections, top_listeners; /* rows: struct top_sock */
extern const struct top_table top_groups;                     /* struct top_group */
extern const struct top_table top_findings;                   /* struct top_finding */
extern const struct top_table top_destinations;               /* struct top_destination */

uint64_t top_hash__addr(uint64_t h, const uint8_t *addr);
/* Which group a socket is in: never 0. */
uint64_t top_group__of(enum top_grouping by, const struct top_sock *s);

/* --- text of cells, and of pages --- */

void top_put__name(struct buf *b, const char *name, size_t max); /* escaped, ends at its NUL */
void top_put__count(struct buf *b, uint64_t n);                  /* 999 1.2k 34k 5.6M */
void top_put__bytes(struct buf *b, uint64_t n);                  /* 999 1.2K 34M, of 1024 */
void top_put__age(struct buf *b, uint64_t ns);                   /* 0.4s 12s 3m 5h 7d */
void top_put__micros(struct buf *b, uint64_t us);                /* 87us 1.2ms 3.4s */
void top_put__end(struct buf *b, const uint8_t *addr, int family, uint16_t port);
void top_put__local(struct buf *b, const struct ev_sock *s);
void top_put__remote(struct buf *b, const struct ev_sock *s);
/* What it does now, else how it ended. */
const char *top_sock__state(const struct top_sock *s);
enum top_style top_sock__state_style(const struct top_sock *s);
void top_put__glyphs(struct top_put *p, enum top_glyph glyph, unsigned int n);
void top_put__options(struct buf *b, const struct top_sock *s);
void top_put__clock(struct buf *b, const struct wall *wall, uint64_t boot_ns, int digits);

#endif
