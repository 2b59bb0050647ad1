// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_ports.c - the 65 536 ports of a namespace as a picture: a part a range, a cell so many ports.
 */
#include <string.h>

#include "top/view.h"

#define LABEL      17 /* "well-known     0 " */
#define PRIVILEGED 1024
#define PORTS      65536
#define PARTS      4

struct part {
	const char *name;
	uint32_t from, to; /* of ports; `to` is not in it */
	unsigned int rows;
	enum top_style style;
};

const struct top_ports_netns *top_view__netns(const struct top_view *v, const struct top_frame *f)
{
	size_t i;

	if (!f->ports || !f->ports->n)
		return NULL;
	for (i = 0; i < f->ports->n; i++)
		if (f->ports->list[i].ref.inode == v->netns)
			return &f->ports->list[i];
	return &f->ports->list[0];
}

void top_view__next_netns(struct top_view *v, const struct top_frame *f, int by)
{
	const struct top_ports_netns *n = top_view__netns(v, f);
	long at;

	if (!n)
		return;
	at = n - f->ports->list + by;
	if (at < 0 || at >= (long)f->ports->n)
		return;
	v->netns = f->ports->list[at].ref.inode;
	v->lists[LIST_DESTINATIONS].selected = 0;
	v->lists[LIST_DESTINATIONS].cursor = 0;
	v->stale = true;
}

/* The range of ephemeral ports can be anywhere. What is empty is left out. */
static size_t make_parts(const struct top_ports_netns *n, struct part *parts)
{
	uint32_t low = n->range_high >= n->range_low ? n->range_low : PORTS,
		 high = n->range_high >= n->range_low ? n->range_high + 1 : PORTS;
	const struct part all[PARTS] = {
		{ .name = "well-known", .from = 0, .to = low < PRIVILEGED ? low : PRIVILEGED },
		{ .name = "registered", .from = PRIVILEGED, .to = low },
		{ .name = "ephemeral", .from = low, .to = high, .style = STYLE_STRONG },
		{ .name = "registered", .from = high < PRIVILEGED ? PRIVILEGED : high, .to = PORTS },
	};
	size_t i, kept = 0;

	for (i = 0; i < PARTS; i++)
		if (all[i].from < all[i].to)
			parts[kept++] = all[i];
	return kept;
}

/* A row each, then one more to the part with the most ports a row. */
static void share_rows(struct part *parts, size_t n, unsigned int rows)
{
	size_t i, most;

	for (i = 0; i < n; i++)
		parts[i].rows = 1;
	for (; rows > n; rows--) {
		most = 0;
		for (i = 1; i < n; i++)
			if ((parts[i].to - parts[i].from) / parts[i].rows >
			    (parts[most].to - parts[most].from) / parts[most].rows)
				most = i;
		parts[most].rows++;
	}
}

/* One cell: how many of its ports are used, and by what most; a listener is never overlooked. */
static void draw_cell(const struct top_ports_netns *n, struct top_grid *g, unsigned int y,
		      unsigned int x, uint32_t from, uint32_t to)
{
	static const enum top_style styles[PORT_USES] = {
		[PORT_FREE] = STYLE_DIM,        [PORT_TIME_WAIT] = STYLE_BUSY,
		[PORT_CONNECTED] = STYLE_PLAIN, [PORT_UDP] = STYLE_UDP,
		[PORT_BOUND] = STYLE_WARN,      [PORT_LISTENS] = STYLE_GOOD,
	};
	uint32_t count[PORT_USES] = { 0 }, used, i;
	enum top_glyph glyph = GLYPH_EMPTY;
	size_t use, most = PORT_FREE;

	for (i = from; i < to; i++)
		count[n->use[i]]++;
	used = to - from - count[PORT_FREE];
	for (use = PORT_FREE + 1; use < PORT_USES; use++)
		if (count[use] && (most == PORT_FREE || count[use] >= count[most]))
			most = use;
	most = count[PORT_LISTENS] ? PORT_LISTENS : most;
	if (used)
		glyph = GLYPH_SHADE_1 + (used - 1) * 4 / (to - from);
	top_grid__glyph(g, y, x, styles[most], glyph, 1);
}

static void draw_part(const struct top_ports_netns *n, struct top_grid *g, unsigned int y,
		      const struct part *part)
{
	unsigned int columns = g->width > LABEL + 1 ? g->width - LABEL - 1 : 1, row, x;
	uint32_t cells = columns * part->rows, ports = part->to - part->from;
	uint32_t a_cell = (ports + cells - 1) / cells, from;

	for (row = 0; row < part->rows; row++) {
		from = part->from + row * columns * a_cell;
		if (from >= part->to)
			break;
		if (!row)
			top_grid__print(g, y, 0, part->style, "%s", part->name);
		top_grid__print(g, y + row, 11, part->style, "%5u", from);
		for (x = 0; x < columns && from < part->to; x++) {
			uint32_t to = from + a_cell < part->to ? from + a_cell : part->to;

			draw_cell(n, g, y + row, LABEL + x, from, to);
			from = to;
		}
	}
}

static void draw_heading(const struct top_frame *f, const struct top_ports_netns *n,
			 struct top_grid *g, unsigned int y)
{
	unsigned int x = top_grid__print(g, y, 0, STYLE_PLAIN, "Namespace ");
	struct buf b = { 0 };

	if (*n->name) {
		top_put__name(&b, n->name, sizeof(n->name));
		x = top_grid__text(g, y, x, 24, STYLE_STRONG, b.data, b.len);
	} else {
		x = top_grid__print(g, y, x, STYLE_STRONG, n->own ? "own" : "%u", n->ref.inode);
	}
	buf__free(&b);
	if (f->ports->n > 1)
		x = top_grid__print(g, y, x, STYLE_PLAIN, " (%zu of %zu)",
				    (size_t)(n - f->ports->list) + 1, f->ports->n);
	if (n->error) {
		top_grid__print(g, y, x, STYLE_BAD,
				"  cannot be entered: what no process holds is missing");
		return;
	}
	x = top_grid__print(g, y, x, STYLE_PLAIN, "  ephemeral %u-%u: ", n->range_low,
			    n->range_high);
	x = top_grid__print(g, y, x,
			    n->tcp_used * 5ull >= n->capacity * 4ull ? STYLE_WARN : STYLE_GOOD,
			    "%u of %u", n->tcp_used, n->capacity);
	top_grid__print(g, y, x, STYLE_PLAIN, " TCP, %u UDP", n->udp_used);
}

static void draw_legend(const struct top_ports_netns *n, struct top_grid *g, unsigned int y)
{
	static const struct {
		enum top_port_use use;
		enum top_style style;
		const char *text;
	} legend[] = {
		{ PORT_LISTENS, STYLE_GOOD, "listen" },
		{ PORT_CONNECTED, STYLE_PLAIN, "connected" },
		{ PORT_TIME_WAIT, STYLE_BUSY, "TIME_WAIT" },
		{ PORT_UDP, STYLE_UDP, "UDP" },
		{ PORT_BOUND, STYLE_WARN, "bound" },
	};
	unsigned int x = 0;
	size_t i;

	for (i = 0; i < sizeof(legend) / sizeof(legend[0]); i++) {
		x = top_grid__glyph(g, y, x, legend[i].style, GLYPH_SHADE_4, 1);
		x = top_grid__print(g, y, x, STYLE_DIM, " %s %u  ", legend[i].text,
				    n->ports[legend[i].use]);
	}
}

unsigned int top_view__draw_ports(struct top_view *v, const struct top_frame *f, struct top_grid *g,
				  unsigned int y, unsigned int height)
{
	const struct top_ports_netns *n = top_view__netns(v, f);
	unsigned int table, rows, used;
	struct part parts[PARTS];
	size_t i, n_parts;

	if (!n) {
		top_grid__print(g, y, 0, STYLE_DIM, "The ports are being counted.");
		return 2;
	}
	n_parts = make_parts(n, parts);
	/* heading, picture, legend, a blank row, the table: titles and a row at least */
	table = 1 + (n->n_tightest > 1 ? n->n_tightest : 1);
	rows = height > table + 3 ? height - table - 3 : 0;
	rows = rows < n_parts ? n_parts : rows > 6 * n_parts ? 6 * n_parts : rows;
	share_rows(parts, n_parts, rows);
	draw_heading(f, n, g, y);
	used = 1;
	for (i = 0; i < n_parts; i++) {
		draw_part(n, g, y + used, &parts[i]);
		used += parts[i].rows;
	}
	draw_legend(n, g, y + used++);
	return height > used + table ? used + 1 : used;
}
