// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_rows.c - which rows the list on the screen has, and which of them is selected.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "top/view.h"

enum top_list_id top_view__list(const struct top_view *v)
{
	switch (v->page) {
	case PAGE_LISTENERS:
		return LIST_LISTENERS;
	case PAGE_PORTS:
		return LIST_DESTINATIONS;
	case PAGE_FINDINGS:
		return LIST_FINDINGS;
	default:
		return v->grouping && !v->group ? LIST_GROUPS : LIST_CONNECTIONS;
	}
}

const struct top_table *top_list__table(enum top_list_id list)
{
	static const struct top_table *const tables[LISTS] = {
		[LIST_CONNECTIONS] = &top_connections, [LIST_GROUPS] = &top_groups,
		[LIST_LISTENERS] = &top_listeners,     [LIST_DESTINATIONS] = &top_destinations,
		[LIST_FINDINGS] = &top_findings,
	};

	return tables[list];
}

/* --- groups --- */

static struct top_group *add_group(struct top_view *v)
{
	struct top_group *list =
		array__grown(v->groups, v->n_groups, &v->room_groups, 256, sizeof(*list));

	if (!list)
		return NULL;
	v->groups = list;
	list[v->n_groups] = (struct top_group){ 0 };
	return &list[v->n_groups++];
}

/* Indexes of groups by id: open addressing, made anew for each frame. */
struct group_index {
	uint32_t *slots; /* index plus 1 */
	size_t mask;
};

static bool index__grow(struct group_index *x, const struct top_view *v)
{
	size_t size = x->mask ? (x->mask + 1) * 2 : 1024, i, at;
	uint32_t *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return false;
	free(x->slots);
	x->slots = slots;
	x->mask = size - 1;
	for (i = 0; i < v->n_groups; i++) {
		for (at = v->groups[i].id & x->mask; slots[at]; at = (at + 1) & x->mask)
			;
		slots[at] = i + 1;
	}
	return true;
}

static struct top_group *find_group(struct top_view *v, struct group_index *x,
				    const struct top_sock *s)
{
	uint64_t id = top_group__of(v->grouping, s);
	struct top_group *g;
	size_t at;

	if (v->n_groups * 2 >= x->mask && !index__grow(x, v))
		return NULL;
	for (at = id & x->mask; x->slots[at]; at = (at + 1) & x->mask)
		if (v->groups[x->slots[at] - 1].id == id)
			return &v->groups[x->slots[at] - 1];
	g = add_group(v);
	if (!g)
		return NULL;
	g->id = id;
	g->by = v->grouping;
	g->one = s;
	x->slots[at] = v->n_groups;
	return g;
}

static void count_in(struct top_group *g, const struct top_sock *s)
{
	g->tx_bytes += s->tx_bytes;
	g->rx_bytes += s->rx_bytes;
	g->tx_rate += s->tx_rate;
	g->rx_rate += s->rx_rate;
	g->retrans += s->retrans;
	if (s->closed_ns) {
		g->closed++;
		return;
	}
	g->open++;
	g->queued += s->queued;
	if (s->sock.proto == IPPROTO_UDP)
		g->udp++;
	else if (s->state < TOP_STATES)
		g->states[s->state]++;
}

static void make_groups(struct top_view *v, const struct top_frame *f)
{
	struct group_index x = { 0 };
	size_t i;

	v->n_groups = 0;
	for (i = 0; i < f->n_socks; i++) {
		struct top_group *g = top_sock__is_listener(&f->socks[i]) ?
					      NULL :
					      find_group(v, &x, &f->socks[i]);

		if (g)
			count_in(g, &f->socks[i]);
	}
	free(x.slots);
	for (i = 0; i < v->n_groups; i++)
		top_rows__add(&v->rows, &v->groups[i]);
}

/* --- rows --- */

static void add_socks(struct top_view *v, const struct top_frame *f, bool listeners)
{
	size_t i;

	for (i = 0; i < f->n_socks; i++) {
		const struct top_sock *s = &f->socks[i];

		if (top_sock__is_listener(s) != listeners)
			continue;
		if (!listeners && v->group && top_group__of(v->grouping, s) != v->group)
			continue;
		top_rows__add(&v->rows, s);
	}
}

static void add_destinations(struct top_view *v, const struct top_frame *f)
{
	const struct top_ports_netns *n = top_view__netns(v, f);
	size_t i;

	for (i = 0; n && i < n->n_tightest; i++) {
		v->destinations[i] = (struct top_destination){ n, &n->tightest[i] };
		top_rows__add(&v->rows, &v->destinations[i]);
	}
}

/* Where the selected row is now; one that is gone leaves the place to the row that came there. */
static void find_selected(struct top_view *v)
{
	struct top_list *l = &v->lists[top_view__list(v)];
	size_t place = l->selected ? top_rows__place(&v->rows, l->selected) : 0;

	if (place < v->rows.n) {
		l->cursor = place;
		return;
	}
	l->cursor = l->cursor < v->rows.n ? l->cursor : v->rows.n ? v->rows.n - 1 : 0;
	top_view__move_to(v, l->cursor);
}

void top_view__make_rows(struct top_view *v, const struct top_frame *f, const struct top_grid *g)
{
	const struct top_put like = { .frame = f, .services = v->services, .grid = g };
	enum top_list_id list = top_view__list(v);
	size_t i;

	if (!v->stale && v->made_seq == f->seq)
		return;
	v->stale = false;
	v->made_seq = f->seq;
	top_rows__begin(&v->rows, top_list__table(list), f, &v->lists[list].order);
	switch (list) {
	case LIST_GROUPS:
		make_groups(v, f);
		break;
	case LIST_DESTINATIONS:
		add_destinations(v, f);
		break;
	case LIST_FINDINGS:
		for (i = 0; i < f->n_findings; i++)
			top_rows__add(&v->rows, f->findings[i]);
		break;
	default:
		add_socks(v, f, list == LIST_LISTENERS);
	}
	top_rows__filter(&v->rows, v->filters[v->page], &like);
	find_selected(v);
}

const void *top_view__selected(struct top_view *v)
{
	struct top_list *l = &v->lists[top_view__list(v)];

	if (l->cursor >= v->rows.n || v->stale)
		return NULL;
	top_rows__sort(&v->rows, l->cursor, l->cursor + 1);
	return v->rows.list[l->cursor].row;
}

void top_view__move_to(struct top_view *v, size_t place)
{
	struct top_list *l = &v->lists[top_view__list(v)];

	if (!v->rows.n || v->stale)
		return;
	l->cursor = place < v->rows.n ? place : v->rows.n - 1;
	l->selected = l->cursor ? v->rows.table->id(top_view__selected(v)) : 0;
}

void top_view__move(struct top_view *v, long by)
{
	size_t at = v->lists[top_view__list(v)].cursor;

	if (by < 0 && (size_t)-by > at)
		top_view__move_to(v, 0);
	else
		top_view__move_to(v, at + by);
}
