// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * columns_findings.c - the columns of the view Findings.
 */
#include <string.h>

#include "top/columns.h"

/* Of what has no number: `compare` has the order. */
static uint64_t key_none(const struct top_frame *f, const void *row)
{
	(void)f;
	(void)row;
	return 0;
}

static uint64_t key_opened(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_finding *)row)->opened_ns;
}

static uint64_t key_last(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_finding *)row)->f.last_ns;
}

static uint64_t key_severity(const struct top_frame *f, const void *row)
{
	const struct finding *one = &((const struct top_finding *)row)->f;

	(void)f;
	return one->severity + (one->status == FINDING_CLOSED ? 0 : 10);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct top_finding *)a)->f.id, ((const struct top_finding *)b)->f.id);
}

static uint64_t key_count(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_finding *)row)->f.count;
}

static void put_opened(struct top_put *p, const void *row)
{
	top_put__clock(&p->text, &p->frame->wall, ((const struct top_finding *)row)->opened_ns, 0);
}

static void put_last(struct top_put *p, const void *row)
{
	uint64_t last = ((const struct top_finding *)row)->f.last_ns;

	top_put__age(&p->text, p->frame->now_ns > last ? p->frame->now_ns - last : 0);
}

static void put_severity(struct top_put *p, const void *row)
{
	static const enum top_style styles[] = {
		[SEVERITY_INFO] = STYLE_PLAIN, [SEVERITY_WARNING] = STYLE_WARN, [SEVERITY_ERROR] = STYLE_BAD
	};
	const struct finding *f = &((const struct top_finding *)row)->f;

	if (f->status == FINDING_CLOSED) {
		buf__str(&p->text, "over");
		return;
	}
	p->style = styles[f->severity];
	buf__str(&p->text, severity_names[f->severity]);
}

static void put_finding(struct top_put *p, const void *row)
{
	buf__str(&p->text, ((const struct top_finding *)row)->f.id);
}

static void put_count(struct top_put *p, const void *row)
{
	top_put__count(&p->text, ((const struct top_finding *)row)->f.count);
}

static int by_message(const void *a, const void *b)
{
	return strcmp(((const struct top_finding *)a)->f.message,
		      ((const struct top_finding *)b)->f.message);
}

static void put_message(struct top_put *p, const void *row)
{
	const struct finding *f = &((const struct top_finding *)row)->f;

	top_put__name(&p->text, f->message, sizeof(f->message));
}

static uint64_t finding_id(const void *row)
{
	return ((const struct top_finding *)row)->seq;
}

static int newer(const void *a, const void *b)
{
	const struct top_finding *x = a, *y = b;

	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

static enum top_style finding_style(const void *row)
{
	return ((const struct top_finding *)row)->f.status == FINDING_CLOSED ? STYLE_DIM :
									       STYLE_PLAIN;
}

static const struct top_column finding_columns[] = {
	{ .title = "TIME", .min = 8, .max = 8, .key = key_opened, .put = put_opened },
	{ .title = "LAST",
	  .min = 4,
	  .max = 4,
	  .rank = 2,
	  .right = true,
	  .key = key_last,
	  .put = put_last },
	{ .title = "SEVERITY", .min = 8, .max = 8, .key = key_severity, .put = put_severity },
	{ .title = "FINDING",
	  .min = 14,
	  .max = 23,
	  .ascending = true,
	  .key = key_none,
	  .compare = by_name,
	  .put = put_finding },
	{ .title = "COUNT",
	  .min = 5,
	  .max = 5,
	  .rank = 1,
	  .right = true,
	  .key = key_count,
	  .put = put_count },
	{ .title = "MESSAGE",
	  .min = 20,
	  .max = 255,
	  .ascending = true,
	  .key = key_none,
	  .compare = by_message,
	  .put = put_message },
};

const struct top_table top_findings = {
	.columns = finding_columns,
	.n_columns = sizeof(finding_columns) / sizeof(finding_columns[0]),
	.sort = 0,
	.id = finding_id,
	.tie = newer,
	.style = finding_style,
};
