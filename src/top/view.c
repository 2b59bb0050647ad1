// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view.c - the whole screen: status, pages, what is in between, keys.
 */
#include "top/view.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES 8

static const char *const page_names[PAGES] = {
	[PAGE_CONNECTIONS] = "Connections",
	[PAGE_LISTENERS] = "Listeners",
	[PAGE_PORTS] = "Ports",
	[PAGE_FINDINGS] = "Findings",
};

void top_view__free(struct top_view *v)
{
	top_rows__free(&v->rows);
	free(v->groups);
	v->groups = NULL;
}

uint32_t top_view__takes(const struct top_view *v)
{
	if (v->paused) /* whatever will be looked at until it goes on */
		return TOP_TAKE_SOCKS | TOP_TAKE_LISTENERS;
	switch (v->page) {
	case PAGE_CONNECTIONS:
		return TOP_TAKE_SOCKS;
	case PAGE_LISTENERS:
		return TOP_TAKE_LISTENERS;
	default:
		return 0;
	}
}

/* --- the status line --- */

/* In the order in which they stand; where there is no room, the highest rank goes first. */
struct piece {
	struct buf text;
	enum top_style style;
	int rank;
};

struct status {
	struct piece pieces[PIECES];
	size_t n;
};

static struct buf *add_piece(struct status *s, enum top_style style, int rank)
{
	struct piece *p = &s->pieces[s->n++];

	*p = (struct piece){ .style = style, .rank = rank };
	return &p->text;
}

static void add_loss(struct status *s, const struct top_frame *f)
{
	struct buf *b;
	uint64_t lost = 0;
	int i;

	for (i = 0; i < LOST_REASONS; i++)
		lost += f->lost[i];
	if (!lost && !f->incomplete)
		return;
	b = add_piece(s, STYLE_LOUD, 0);
	if (f->incomplete) {
		buf__str(b, " NO MEMORY: NOT ALL IS SHOWN ");
		return;
	}
	buf__str(b, " LOST ");
	buf__u64(b, lost);
	for (i = 0, lost = 0; i < LOST_REASONS; i++) {
		if (!f->lost[i])
			continue;
		buf__str(b, lost++ ? "," : " (");
		buf__str(b, lost_names[i]);
	}
	buf__str(b, ") ");
}

static void add_findings(struct status *s, const struct top_frame *f)
{
	static const struct {
		enum severity severity;
		enum top_style style;
		const char *word;
	} kinds[] = { { SEVERITY_ERROR, STYLE_BAD, "error" },
		      { SEVERITY_WARNING, STYLE_WARN, "warning" },
		      { SEVERITY_INFO, STYLE_PLAIN, "note" } };
	bool any = false;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!f->open_findings[kinds[i].severity])
			continue;
		buf__count(add_piece(s, kinds[i].style, 1), f->open_findings[kinds[i].severity],
			   kinds[i].word);
		any = true;
	}
	if (!any)
		buf__str(add_piece(s, STYLE_GOOD, 4), "no findings");
}

static void put_uptime(struct buf *b, uint64_t ns)
{
	uint64_t s = ns / 1000000000;
	char text[40];

	snprintf(text, sizeof(text), "up %llu:%02u:%02u", (unsigned long long)(s / 3600),
		 (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	buf__str(b, text);
}

static unsigned int width_of(const struct top_grid *g, const struct status *s)
{
	unsigned int width = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->pieces[i].text.len)
			width += top_text__width(g, s->pieces[i].text.data, s->pieces[i].text.len) +
				 2;
	return width ? width - 2 : 0;
}

static void drop_pieces(const struct top_grid *g, struct status *s)
{
	size_t i, worst;

	while (width_of(g, s) > g->width) {
		worst = s->n;
		for (i = 0; i < s->n; i++)
			if (s->pieces[i].text.len && s->pieces[i].rank &&
			    (worst == s->n || s->pieces[i].rank >= s->pieces[worst].rank))
				worst = i;
		if (worst == s->n)
			return;
		s->pieces[worst].text.len = 0;
	}
}

static void draw_status(const struct top_view *v, const struct top_frame *f, struct top_grid *g)
{
	struct status s = { 0 };
	unsigned int x = 0;
	struct buf *b;
	size_t i;

	top_put__name(add_piece(&s, STYLE_STRONG, 3), f->host, sizeof(f->host));
	if (v->paused)
		buf__str(add_piece(&s, STYLE_SELECTED, 0), " PAUSED ");
	add_loss(&s, f);
	add_findings(&s, f);
	b = add_piece(&s, STYLE_PLAIN, 2);
	buf__char(b, '+');
	top_put__count(b, f->opened_rate);
	buf__str(b, " -");
	top_put__count(b, f->closed_rate);
	buf__str(b, " conn/s");
	if (s.n < PIECES) {
		b = add_piece(&s, STYLE_PLAIN, 5);
		top_put__count(b, f->events_rate);
		buf__str(b, " events/s");
	}
	if (s.n < PIECES)
		put_uptime(add_piece(&s, STYLE_DIM, 6),
			   f->now_ns > f->started_ns ? f->now_ns - f->started_ns : 0);
	drop_pieces(g, &s);
	for (i = 0; i < s.n; i++) {
		if (s.pieces[i].text.len)
			x = top_grid__text(g, 0, x, g->width, s.pieces[i].style,
					   s.pieces[i].text.data, s.pieces[i].text.len) +
			    2;
		buf__free(&s.pieces[i].text);
	}
}

/* --- the pages, and how many sockets are in which state --- */

/* States are read while the connections are looked at. */
static void draw_counts(const struct top_view *v, const struct top_frame *f, struct top_grid *g,
			unsigned int from)
{
	static const struct {
		uint8_t state;
		enum top_style style;
	} order[] = {
		{ TCP_CLOSE_WAIT, STYLE_WARN }, { TCP_SYN_SENT, STYLE_BUSY },
		{ TCP_SYN_RECV, STYLE_BUSY },   { TCP_FIN_WAIT1, STYLE_BUSY },
		{ TCP_FIN_WAIT2, STYLE_BUSY },  { TCP_LAST_ACK, STYLE_BUSY },
		{ TCP_CLOSING, STYLE_BUSY },    { TCP_ESTABLISHED, STYLE_GOOD },
		{ TCP_LISTEN, STYLE_PLAIN },
	};
	char text[64];
	size_t i;
	int n;

	n = snprintf(text, sizeof(text), "%u open", f->open);
	if (from + n > g->width)
		return;
	from = top_grid__text(g, 1, from, n, STYLE_STRONG, text, n);
	if (v->page != PAGE_CONNECTIONS)
		return;
	n = snprintf(text, sizeof(text), "  QUEUED %u", f->queued);
	if (f->queued && from + n <= g->width)
		from = top_grid__text(g, 1, from, n, STYLE_WARN, text, n);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		n = snprintf(text, sizeof(text), "  %s %u", sink__state_name(order[i].state),
			     f->states[order[i].state]);
		if (f->states[order[i].state] && from + n <= g->width)
			from = top_grid__text(g, 1, from, n, order[i].style, text, n);
	}
	n = snprintf(text, sizeof(text), "  UDP %u", f->udp);
	if (f->udp && from + n <= g->width)
		top_grid__text(g, 1, from, n, STYLE_UDP, text, n);
}

static void draw_pages(const struct top_view *v, const struct top_frame *f, struct top_grid *g)
{
	unsigned int x = 0;
	size_t i;

	for (i = 0; i < PAGES; i++) {
		x = top_grid__print(g, 1, x, i == v->page ? STYLE_SELECTED : STYLE_KEY, "%zu",
				    i + 1);
		x = top_grid__print(g, 1, x, i == v->page ? STYLE_SELECTED : STYLE_PLAIN, " %s",
				    page_names[i]) +
		    1;
	}
	draw_counts(v, f, g, x + 1);
}

/* --- the last row --- */

/* The last row while it is being drawn: up to `end`. */
struct bottom {
	struct top_grid *g;
	unsigned int y, x, end;
};

static void draw_key(struct bottom *b, const char *key, const char *what)
{
	if (b->x + strlen(key) + 1 + strlen(what) > b->end)
		return;
	b->x = top_grid__print(b->g, b->y, b->x, STYLE_KEY, "%s", key);
	b->x = top_grid__print(b->g, b->y, b->x, STYLE_PLAIN, " %s", what) + 2;
}

/* Returns where it begins. */
static unsigned int draw_place(const struct top_view *v, struct top_grid *g, unsigned int y)
{
	const struct top_list *l = &v->lists[top_view__list(v)];
	char text[80];
	int n;

	if (v->sheet)
		n = snprintf(text, sizeof(text), "%zu-%zu/%zu", v->lines ? v->scroll + 1 : 0,
			     v->scroll + v->sheet_seen < v->lines ? v->scroll + v->sheet_seen :
								    v->lines,
			     v->lines);
	else
		n = snprintf(text, sizeof(text), "%zu/%zu", v->rows.n ? l->cursor + 1 : 0,
			     v->rows.n);
	if ((unsigned int)n >= g->width)
		return g->width;
	top_grid__text(g, y, g->width - n, n, STYLE_DIM, text, n);
	return g->width - n - 1;
}

static void draw_filter(const struct top_view *v, struct bottom *b)
{
	const char *filter = v->filters[v->page];
	unsigned int room = b->end > b->x + 4 ? b->end - b->x - 4 : 0;
	struct buf text = { 0 };

	b->x = top_grid__print(b->g, b->y, b->x, STYLE_KEY, "/");
	buf__safe(&text, filter, strlen(filter), false);
	if (text.len)
		b->x = top_grid__text(b->g, b->y, b->x, room, STYLE_STRONG, text.data, text.len);
	buf__free(&text);
	if (v->typing)
		b->x = top_grid__print(b->g, b->y, b->x, STYLE_SELECTED, " ");
	b->x += 2;
}

static void draw_group(const struct top_view *v, struct bottom *b)
{
	unsigned int room;

	if (v->page != PAGE_CONNECTIONS || !v->grouping)
		return;
	b->x = top_grid__print(b->g, b->y, b->x, STYLE_PLAIN, "by %s%s",
			       top_grouping_names[v->grouping], v->group ? ": " : "");
	room = b->end > b->x ? b->end - b->x : 0;
	if (v->group)
		b->x = top_grid__text(b->g, b->y, b->x, room, STYLE_STRONG, v->group_name,
				      strlen(v->group_name));
	b->x += 2;
}

static const char *what_enter_does(const struct top_view *v)
{
	static const char *const words[LISTS] = {
		[LIST_CONNECTIONS] = "timeline", [LIST_GROUPS] = "its sockets",
		[LIST_LISTENERS] = "timeline",   [LIST_DESTINATIONS] = "connections",
		[LIST_FINDINGS] = "evidence",
	};

	return words[top_view__list(v)];
}

static void draw_bottom(const struct top_view *v, struct top_grid *g)
{
	struct bottom b = { .g = g, .y = g->height - 1 };

	b.end = draw_place(v, g, b.y);
	if (!v->sheet && (v->typing || *v->filters[v->page]))
		draw_filter(v, &b);
	if (v->typing) {
		draw_key(&b, "Enter", "keeps it");
		draw_key(&b, "Esc", "takes it off");
		return;
	}
	if (!v->sheet)
		draw_group(v, &b);
	if (v->sheet || v->group || *v->filters[v->page])
		draw_key(&b, "Esc", "back");
	if (!v->sheet) {
		draw_key(&b, "Enter", what_enter_does(v));
		draw_key(&b, "/", "filter");
		if (v->page == PAGE_CONNECTIONS)
			draw_key(&b, "g", "group");
		draw_key(&b, "<>r", "sort");
	}
	draw_key(&b, "p", v->paused ? "go on" : "pause");
	draw_key(&b, "?", "help");
	draw_key(&b, "q", "quit");
}

void top_view__draw(struct top_view *v, const struct top_frame *f, struct top_grid *g)
{
	unsigned int y = 2, height = g->height > 3 ? g->height - 3 : 0, above;

	top_grid__clear(g);
	top_view__make_rows(v, f, g);
	draw_status(v, f, g);
	draw_pages(v, f, g);
	if (v->sheet) {
		top_view__draw_sheet(v, f, g, y, height);
	} else {
		if (v->page == PAGE_PORTS) {
			above = top_view__draw_ports(v, f, g, y, height);
			y += above;
			height = height > above ? height - above : 0;
		}
		top_view__draw_table(v, f, g, y, height);
	}
	if (g->height)
		draw_bottom(v, g);
}
