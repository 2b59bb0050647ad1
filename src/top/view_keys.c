// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_keys.c - what each key does to the view.
 */
#include <ctype.h>
#include <string.h>

#include "top/view.h"

void top_view__init(struct top_view *v, const struct services *services)
{
	size_t i;

	memset(v, 0, sizeof(*v));
	v->services = services;
	v->stale = true;
	for (i = 0; i < LISTS; i++)
		v->lists[i].order.column = top_list__table(i)->sort;
}

static void go_to_top(struct top_view *v)
{
	struct top_list *l = &v->lists[top_view__list(v)];

	l->selected = 0;
	l->cursor = l->top = 0;
	v->stale = true;
}

static void show_page(struct top_view *v, enum top_page page)
{
	v->sheet = SHEET_NONE;
	v->page = page;
	v->shift = 0;
	v->stale = true;
}

/* --- the filter --- */

static void type(struct top_view *v, uint32_t key)
{
	char *filter = v->filters[v->page];
	size_t n = strlen(filter);

	if (key == KEY_TOP_ENTER || key == KEY_TOP_DOWN || key == KEY_TOP_UP) {
		v->typing = false;
		return;
	}
	if (key == KEY_TOP_ESCAPE) {
		v->typing = false;
		*filter = '\0';
	} else if (key == KEY_TOP_BACKSPACE && n) {
		/* a whole character: bytes that go on one have 10 in their first bits */
		while (n && ((unsigned char)filter[n - 1] & 0xc0) == 0x80)
			n--;
		filter[n ? n - 1 : 0] = '\0';
	} else if (key == KEY_TOP_BACKSPACE) {
		v->typing = false;
	} else if (key >= 0x20 && key < 0x7f && n + 1 < TOP_FILTER_MAX) {
		filter[n] = (char)tolower((int)key);
		filter[n + 1] = '\0';
	} else if (key >= 0x80 && key < KEY_TOP_UP && n + 4 < TOP_FILTER_MAX) {
		size_t len = key < 0x800 ? 2 : key < 0x10000 ? 3 : 4, i;

		for (i = len; i > 1; i--, key >>= 6)
			filter[n + i - 1] = (char)(0x80 | (key & 0x3f));
		filter[n] = (char)((0xf00u >> len) | key);
		filter[n + len] = '\0';
	} else {
		return;
	}
	go_to_top(v);
}

/* --- sheets --- */

static void scroll(struct top_view *v, uint32_t key)
{
	size_t page = v->sheet_seen > 1 ? v->sheet_seen - 1 : 1;

	switch (key) {
	case KEY_TOP_UP:
		v->scroll -= v->scroll > 0;
		break;
	case KEY_TOP_DOWN:
	case KEY_TOP_ENTER:
		v->scroll++; /* the drawing sees that it is not too far */
		break;
	case KEY_TOP_PAGE_UP:
		v->scroll -= v->scroll < page ? v->scroll : page;
		break;
	case KEY_TOP_PAGE_DOWN:
		v->scroll += page;
		break;
	case KEY_TOP_HOME:
		v->scroll = 0;
		break;
	case KEY_TOP_END:
		v->scroll = v->lines;
		break;
	default:
		break;
	}
}

static void open_sheet(struct top_view *v, enum top_sheet sheet)
{
	v->sheet = sheet;
	v->scroll = 0;
}

/* --- Enter --- */

static void name_group(struct top_view *v, const struct top_frame *f, const struct top_group *g)
{
	const struct top_grid plain = { .utf8 = true };
	struct top_put put = { .frame = f, .services = v->services, .grid = &plain };
	size_t n;

	top_groups.columns[0].put(&put, g);
	n = put.text.len < sizeof(v->group_name) ? put.text.len : sizeof(v->group_name) - 1;
	if (n)
		memcpy(v->group_name, put.text.data, n);
	v->group_name[n] = '\0';
	buf__free(&put.text);
}

static void show_destination(struct top_view *v, const struct top_destination *d)
{
	const struct ports_pair *pair = &d->pair->pair;
	struct buf b = { 0 };
	size_t n;

	top_put__end(&b, pair->raddr, pair->family, pair->rport);
	show_page(v, PAGE_CONNECTIONS);
	v->grouping = GROUP_NONE;
	v->group = 0;
	n = b.len < TOP_FILTER_MAX ? b.len : TOP_FILTER_MAX - 1;
	if (n)
		memcpy(v->filters[PAGE_CONNECTIONS], b.data, n);
	v->filters[PAGE_CONNECTIONS][n] = '\0';
	buf__free(&b);
	go_to_top(v);
}

static void open_selected(struct top_view *v, const struct top_frame *f)
{
	const void *row = top_view__selected(v);

	if (!row)
		return;
	switch (top_view__list(v)) {
	case LIST_GROUPS:
		name_group(v, f, row);
		v->group = ((const struct top_group *)row)->id;
		*v->filters[v->page] = '\0'; /* it was about groups */
		go_to_top(v);
		break;
	case LIST_DESTINATIONS:
		show_destination(v, row);
		break;
	case LIST_FINDINGS:
		v->finding = ((const struct top_finding *)row)->seq;
		open_sheet(v, SHEET_FINDING);
		break;
	default:
		v->story = ((const struct top_sock *)row)->sock.cookie;
		open_sheet(v, SHEET_STORY);
	}
}

/* From the innermost to the outermost: sheet, group, filter, grouping. */
static void go_back(struct top_view *v)
{
	if (v->sheet) {
		v->sheet = SHEET_NONE;
		return;
	}
	if (v->page == PAGE_CONNECTIONS && v->group)
		v->group = 0;
	else if (*v->filters[v->page])
		*v->filters[v->page] = '\0';
	else if (v->page == PAGE_CONNECTIONS)
		v->grouping = GROUP_NONE;
	v->stale = true;
}

/* --- tables --- */

static void choose_column(struct top_view *v, int by)
{
	enum top_list_id list = top_view__list(v);
	struct top_order *o = &v->lists[list].order;
	size_t n = top_list__table(list)->n_columns;

	o->column = (o->column + n + by) % n;
	o->reversed = false;
	go_to_top(v);
}

static void shift(struct top_view *v, const struct top_frame *f, int by)
{
	size_t n = top_list__table(top_view__list(v))->n_columns;

	if (v->page == PAGE_PORTS)
		top_view__next_netns(v, f, by);
	else if (by < 0)
		v->shift -= v->shift > 0;
	else if (v->shift + 1 < n)
		v->shift++;
}

static void move(struct top_view *v, uint32_t key)
{
	const struct top_list *l = &v->lists[top_view__list(v)];
	long page = l->seen > 1 ? l->seen - 1 : 1;

	switch (key) {
	case KEY_TOP_UP:
		top_view__move(v, -1);
		break;
	case KEY_TOP_DOWN:
		top_view__move(v, 1);
		break;
	case KEY_TOP_PAGE_UP:
		top_view__move(v, -page);
		break;
	case KEY_TOP_PAGE_DOWN:
		top_view__move(v, page);
		break;
	case KEY_TOP_HOME:
		top_view__move_to(v, 0);
		break;
	case KEY_TOP_END:
		top_view__move_to(v, SIZE_MAX);
		break;
	default:
		break;
	}
}

static void next_grouping(struct top_view *v)
{
	if (v->page != PAGE_CONNECTIONS)
		return;
	v->sheet = SHEET_NONE;
	v->group = 0;
	v->grouping = (v->grouping + 1) % GROUPINGS;
	go_to_top(v);
}

static void on_table(struct top_view *v, const struct top_frame *f, uint32_t key)
{
	switch (key) {
	case '<':
	case ',':
		choose_column(v, -1);
		break;
	case '>':
	case '.':
		choose_column(v, 1);
		break;
	case 'r':
		v->lists[top_view__list(v)].order.reversed ^= true;
		go_to_top(v);
		break;
	case '/':
		v->typing = true;
		break;
	case KEY_TOP_LEFT:
		shift(v, f, -1);
		break;
	case KEY_TOP_RIGHT:
		shift(v, f, 1);
		break;
	case KEY_TOP_ENTER:
		open_selected(v, f);
		break;
	default:
		move(v, key);
	}
}

bool top_view__key(struct top_view *v, const struct top_frame *f, uint32_t key)
{
	if (v->typing) {
		type(v, key);
		return true;
	}
	switch (key) {
	case 'q':
	case KEY_TOP_QUIT:
		return false;
	case '1':
	case '2':
	case '3':
	case '4':
		show_page(v, PAGE_CONNECTIONS + (key - '1'));
		break;
	case KEY_TOP_TAB:
		show_page(v, (v->page + 1) % PAGES);
		break;
	case KEY_TOP_BACK_TAB:
		show_page(v, (v->page + PAGES - 1) % PAGES);
		break;
	case '?':
	case KEY_TOP_HELP:
		open_sheet(v, v->sheet == SHEET_HELP ? SHEET_NONE : SHEET_HELP);
		break;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case 'g':
		next_grouping(v);
		break;
	case KEY_TOP_ESCAPE:
	case KEY_TOP_BACKSPACE:
		go_back(v);
		break;
	default:
		if (v->sheet)
			scroll(v, key);
		else
			on_table(v, f, key);
	}
	return true;
}
