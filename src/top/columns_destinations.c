// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * columns_destinations.c - the columns of the destinations below the picture of the ports.
 */
#include <string.h>

#include "top/columns.h"

#define BAR 24

/* Of what has no number: `compare` has the order. */
static uint64_t key_none(const struct top_frame *f, const void *row)
{
	(void)f;
	(void)row;
	return 0;
}

static uint64_t key_used(const struct top_frame *f, const void *row)
{
	const struct top_destination *d = row;

	(void)f;
	return d->netns->capacity ? d->pair->pair.used * 1000000ull / d->netns->capacity : 0;
}

static uint64_t key_time_wait(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_destination *)row)->pair->pair.time_wait;
}

static uint64_t key_left(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_destination *)row)->pair->seconds_left;
}

static int by_destination(const void *a, const void *b)
{
	const struct ports_pair *x = &((const struct top_destination *)a)->pair->pair,
				*y = &((const struct top_destination *)b)->pair->pair;
	int order = memcmp(x->raddr, y->raddr, ADDR_LEN);

	return order ? order : x->rport - y->rport;
}

static int by_local(const void *a, const void *b)
{
	return memcmp(((const struct top_destination *)a)->pair->pair.laddr,
		      ((const struct top_destination *)b)->pair->pair.laddr, ADDR_LEN);
}

static void put_destination(struct top_put *p, const void *row)
{
	const struct ports_pair *pair = &((const struct top_destination *)row)->pair->pair;

	top_put__end(&p->text, pair->raddr, pair->family, pair->rport);
}

static void put_from(struct top_put *p, const void *row)
{
	const struct ports_pair *pair = &((const struct top_destination *)row)->pair->pair;
	char text[ADDR_TEXT];

	buf__put(&p->text, text, addr__text(text, pair->laddr, pair->family));
}

static uint32_t without_time_wait(const struct ports_pair *pair)
{
	return pair->used > pair->time_wait ? pair->used - pair->time_wait : 0;
}

static uint32_t free_of(const struct top_destination *d)
{
	uint32_t used = d->pair->pair.used;

	return d->netns->capacity > used ? d->netns->capacity - used : 0;
}

static void put_bar(struct top_put *p, const void *row)
{
	const struct top_destination *d = row;
	uint64_t all = d->netns->capacity ? d->netns->capacity : 1;
	unsigned int used = (without_time_wait(&d->pair->pair) * BAR + all / 2) / all,
		     waits = (d->pair->pair.time_wait * (uint64_t)BAR + all / 2) / all;

	used = used > BAR ? BAR : used;
	waits = waits > BAR - used ? BAR - used : waits;
	top_put__glyphs(p, GLYPH_FULL, used);
	top_put__glyphs(p, GLYPH_HALF, waits);
	top_put__glyphs(p, GLYPH_EMPTY, BAR - used - waits);
	p->style = d->pair->pair.used * 100ull >= all * 95 ? STYLE_BAD :
		   d->pair->pair.used * 100ull >= all * 80 ? STYLE_WARN :
							     STYLE_PLAIN;
}

static void put_used(struct top_put *p, const void *row)
{
	buf__u64(&p->text, without_time_wait(&((const struct top_destination *)row)->pair->pair));
}

static void put_time_wait(struct top_put *p, const void *row)
{
	buf__u64(&p->text, ((const struct top_destination *)row)->pair->pair.time_wait);
}

static void put_free(struct top_put *p, const void *row)
{
	buf__u64(&p->text, free_of(row));
}

static uint64_t key_free(const struct top_frame *f, const void *row)
{
	(void)f;
	return free_of(row);
}

static void put_left(struct top_put *p, const void *row)
{
	uint32_t left = ((const struct top_destination *)row)->pair->seconds_left;

	if (left == UINT32_MAX) {
		buf__char(&p->text, '-');
		return;
	}
	p->style = left < 60 ? STYLE_BAD : left < 600 ? STYLE_WARN : STYLE_PLAIN;
	top_put__age(&p->text, left * 1000000000ull);
}

static uint64_t destination_id(const void *row)
{
	const struct ports_pair *pair = &((const struct top_destination *)row)->pair->pair;

	return top_hash__addr(top_hash__addr(pair->rport, pair->raddr), pair->laddr) | 1;
}

static enum top_style plain(const void *row)
{
	(void)row;
	return STYLE_PLAIN;
}

static const struct top_column destination_columns[] = {
	{ .title = "DESTINATION",
	  .min = 15,
	  .max = 47,
	  .middle = true,
	  .ascending = true,
	  .key = key_none,
	  .compare = by_destination,
	  .put = put_destination },
	{ .title = "FROM",
	  .min = 9,
	  .max = 39,
	  .rank = 4,
	  .middle = true,
	  .ascending = true,
	  .key = key_none,
	  .compare = by_local,
	  .put = put_from },
	{ .title = "EPHEMERAL PORTS",
	  .min = BAR,
	  .max = BAR,
	  .rank = 1,
	  .key = key_used,
	  .put = put_bar },
	{ .title = "USED",
	  .min = 5,
	  .max = 6,
	  .rank = 3,
	  .right = true,
	  .key = key_used,
	  .put = put_used },
	{ .title = "TIME_WAIT",
	  .min = 9,
	  .max = 9,
	  .rank = 2,
	  .right = true,
	  .key = key_time_wait,
	  .put = put_time_wait },
	{ .title = "FREE",
	  .min = 5,
	  .max = 6,
	  .right = true,
	  .ascending = true,
	  .key = key_free,
	  .put = put_free },
	{ .title = "LEFT",
	  .min = 5,
	  .max = 5,
	  .right = true,
	  .ascending = true,
	  .key = key_left,
	  .put = put_left },
};

const struct top_table top_destinations = {
	.columns = destination_columns,
	.n_columns = sizeof(destination_columns) / sizeof(destination_columns[0]),
	.sort = 2,
	.id = destination_id,
	.tie = by_destination,
	.style = plain,
};
