// SPDX-License-Identifier: GPL-2.0-or-later
/* rows.c - filters rows, and sorts as many of them as are seen (quickselect with pivots by chance). */
#include "top/rows.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

#define FEW  24  /* sorted by insertion */
#define MANY 512 /* worth to remember where it was parted */

void top_rows__begin(struct top_rows *r, const struct top_table *t, const struct top_frame *f,
		     const struct top_order *order)
{
	r->table = t;
	r->frame = f;
	r->order = *order;
	r->n = r->sorted_from = r->sorted_to = r->n_cuts = 0;
	r->incomplete = false;
}

void top_rows__add(struct top_rows *r, const void *row)
{
	const struct top_column *c = &r->table->columns[r->order.column];
	struct top_row *list = array__grown(r->list, r->n, &r->room, 1024, sizeof(*list));

	if (!list) {
		r->incomplete = true;
		return;
	}
	r->list = list;
	r->list[r->n++] = (struct top_row){ .key = c->key(r->frame, row),
					    .tie = r->table->tie_key ? r->table->tie_key(row) : 0,
					    .id = r->table->id(row),
					    .row = row };
}

/* --- the filter --- */

static void say_all(const struct top_rows *r, struct buf *b, const void *row,
		    const struct top_put *like)
{
	struct top_put put = *like;
	size_t i, from;

	put.text = *b;
	for (i = 0; i < r->table->n_columns; i++) {
		from = put.text.len;
		r->table->columns[i].put(&put, row);
		for (; from < put.text.len; from++)
			put.text.data[from] = (char)tolower((unsigned char)put.text.data[from]);
		buf__char(&put.text, ' ');
	}
	*b = put.text;
}

void top_rows__filter(struct top_rows *r, const char *text, const struct top_put *put)
{
	size_t i, kept = 0, n = strlen(text);
	struct buf b = { 0 };

	for (i = 0; n && i < r->n; i++) {
		b.len = 0;
		if (r->table->say)
			r->table->say(&b, r->list[i].row);
		else
			say_all(r, &b, r->list[i].row, put);
		if (b.len && memmem(b.data, b.len, text, n))
			r->list[kept++] = r->list[i];
	}
	if (n)
		r->n = kept;
	buf__free(&b);
}

/* --- the order --- */

static int compare(const struct top_rows *r, const struct top_row *a, const struct top_row *b)
{
	const struct top_column *c = &r->table->columns[r->order.column];
	int order = a->key < b->key ? -1 : a->key > b->key;

	if (!order && c->compare)
		order = c->compare(a->row, b->row);
	if (order)
		return c->ascending != r->order.reversed ? order : -order;
	if (a->tie != b->tie)
		return a->tie > b->tie ? -1 : 1;
	order = r->table->tie ? r->table->tie(a->row, b->row) : 0;
	if (order)
		return order;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void swap(struct top_row *a, struct top_row *b)
{
	struct top_row kept = *a;

	*a = *b;
	*b = kept;
}

static void sort_few(struct top_rows *r, size_t low, size_t high)
{
	size_t i, k;

	for (i = low + 1; i < high; i++)
		for (k = i; k > low && compare(r, &r->list[k], &r->list[k - 1]) < 0; k--)
			swap(&r->list[k], &r->list[k - 1]);
}

static struct top_row *any_of(struct top_rows *r, size_t low, size_t high)
{
	/* Knuth's MMIX generator: its high bits are the good ones */
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return &r->list[low + (r->random >> 33) % (high - low)];
}

/* The middle one of three, to be the pivot, goes to the front. */
static void choose_pivot(struct top_rows *r, size_t low, size_t high)
{
	struct top_row *a = any_of(r, low, high), *b = any_of(r, low, high),
		       *c = any_of(r, low, high), *kept;

	if (compare(r, b, a) < 0) {
		kept = a;
		a = b;
		b = kept;
	}
	if (compare(r, c, b) < 0)
		b = compare(r, c, a) < 0 ? a : c;
	swap(&r->list[low], b);
}

/* Quicksort that leaves parts alone in which nothing is asked for. No two rows are equal: ids differ. */
static void sort_part(struct top_rows *r, size_t low, size_t high, size_t from, size_t to)
{
	while (high > low && from < high && to > low) {
		size_t i = low, k = high;

		if (high - low <= FEW) {
			sort_few(r, low, high);
			return;
		}
		choose_pivot(r, low, high);
		for (;;) {
			while (++i < high && compare(r, &r->list[i], &r->list[low]) < 0)
				;
			while (compare(r, &r->list[--k], &r->list[low]) > 0)
				;
			if (i >= k)
				break;
			swap(&r->list[i], &r->list[k]);
		}
		swap(&r->list[low], &r->list[k]);
		if (high - low > MANY)
			r->cuts[r->n_cuts++ % TOP_CUTS] = k;
		/* the smaller part by recursion: its depth stays below 2 log n */
		if (k - low < high - k - 1) {
			sort_part(r, low, k, from, to);
			low = k + 1;
		} else {
			sort_part(r, k + 1, high, from, to);
			high = k;
		}
	}
}

void top_rows__sort(struct top_rows *r, size_t from, size_t to)
{
	size_t low = 0, high = r->n, i;

	to = to > r->n ? r->n : to;
	if (from >= to || (from >= r->sorted_from && to <= r->sorted_to))
		return;
	for (i = 0; i < r->n_cuts && i < TOP_CUTS; i++) {
		if (r->cuts[i] <= from && r->cuts[i] > low)
			low = r->cuts[i];
		if (r->cuts[i] >= to && r->cuts[i] < high)
			high = r->cuts[i];
	}
	sort_part(r, low, high, from, to);
	r->sorted_from = from;
	r->sorted_to = to;
}

size_t top_rows__place(const struct top_rows *r, uint64_t id)
{
	const struct top_row *one = NULL;
	size_t i, place = 0;

	for (i = 0; i < r->n && !one; i++)
		if (r->list[i].id == id)
			one = &r->list[i];
	if (!one)
		return r->n;
	for (i = 0; i < r->n; i++)
		place += compare(r, &r->list[i], one) < 0;
	return place;
}

void top_rows__free(struct top_rows *r)
{
	free(r->list);
	*r = (struct top_rows){ 0 };
}
