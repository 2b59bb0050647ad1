/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_finding.c - findings by their key, and what their evidence says of ports and queues at a moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

void report_finding__free(struct report_finding *f)
{
	free(f->id);
	free(f->severity);
	free(f->message);
	free(f->advice);
	free(f->status);
	free(f->comm);
	*f = (struct report_finding){ 0 };
}

static struct report_point *place_for_point(struct report_points *p)
{
	if (!p->stride)
		p->stride = 1;
	if (p->seen++ % p->stride)
		return NULL;
	if (p->n == REPORT_POINTS_MAX) {
		for (size_t i = 0; i < p->n / 2; i++)
			p->points[i] = p->points[2 * i];
		p->n /= 2;
		p->stride *= 2;
	}
	return &p->points[p->n++];
}

static void take_ephemeral(struct report *r, const struct report_record *rec)
{
	struct json_object *e = rec->evidence;
	const char *raddr = report__member_string(e, "raddr");
	struct report_point *p;

	if (strncmp(rec->finding, "ephemeral_", 10) != 0 || !report__member_u64(e, "capacity"))
		return;
	p = place_for_point(&r->ephemeral);
	if (!p)
		return;
	*p = (struct report_point){ .ts_ns = rec->ts_ns,
				    .capacity = report__member_u64(e, "capacity"),
				    .used = report__member_u64(e, "used"),
				    .live = report__member_u64(e, "live"),
				    .time_wait = report__member_u64(e, "time_wait") };
	if (raddr)
		report__end_text(p->subject, sizeof(p->subject), raddr,
				 report__member_u64(e, "rport"));
	else
		snprintf(p->subject, sizeof(p->subject), "any destination");
}

static void take_queue(struct report *r, const struct report_record *rec)
{
	struct json_object *e = rec->evidence;
	struct report_point *p;
	char end[64];

	if (strcmp(rec->finding, "accept_queue_full") != 0)
		return;
	p = place_for_point(&r->queues);
	if (!p)
		return;
	*p = (struct report_point){ .ts_ns = rec->ts_ns,
				    .capacity = report__member_u64(e, "limit"),
				    .used = report__member_u64(e, "length"),
				    .live = report__member_u64(e, "drops_total") };
	report__end_text(end, sizeof(end), rec->laddr, rec->lport);
	snprintf(p->subject, sizeof(p->subject), "%s %s", end, report__owner(rec));
}

static struct report_finding *finding_of(struct report *r, const struct report_record *rec)
{
	uint64_t key = strtoull(rec->key, NULL, 16);
	struct report_finding *f;

	/* the latest are asked for most */
	for (size_t i = r->n_findings; i-- > 0;)
		if (r->findings[i].key == key && !strcmp(r->findings[i].id, rec->finding))
			return &r->findings[i];
	if (r->n_findings == REPORT_FINDINGS_MAX)
		return NULL;
	f = &r->findings[r->n_findings];
	*f = (struct report_finding){ .key = key, .pid = rec->pid };
	f->id = strdup(rec->finding);
	f->severity = strdup(rec->severity);
	f->status = strdup("");
	f->message = strdup("");
	f->advice = strdup("");
	f->comm = strdup(report__owner(rec));
	if (!f->id || !f->severity || !f->status || !f->message || !f->advice || !f->comm) {
		report_finding__free(f);
		return NULL;
	}
	r->n_findings++;
	return f;
}

static void replace(char **s, const char *by)
{
	char *fresh = by ? strndup(by, 2048) : NULL;

	if (!fresh)
		return;
	free(*s);
	*s = fresh;
}

void report_finding__take(struct report *r, const struct report_record *rec)
{
	uint64_t first = report__time_ns(rec->first, strlen(rec->first));
	uint64_t last = report__time_ns(rec->last, strlen(rec->last));
	uint64_t count = report__member_u64(rec->evidence, "count");
	struct report_finding *f = finding_of(r, rec);
	bool opens = !strcmp(rec->status, "open");

	report_timeline__add(&r->timeline, rec->ts_ns, AT_FINDINGS, opens);
	take_ephemeral(r, rec);
	take_queue(r, rec);
	if (!f) {
		r->findings_not_kept++;
		return;
	}
	if (opens || !f->records) {
		f->episodes++;
		f->episode_count = 0;
	}
	f->records++;
	f->count += count > f->episode_count ? count - f->episode_count : 0;
	f->episode_count = count;
	if (!f->first_ns || (first && first < f->first_ns))
		f->first_ns = first ? first : rec->ts_ns;
	if (last > f->last_ns)
		f->last_ns = last;
	replace(&f->status, rec->status);
	replace(&f->message, rec->message);
	replace(&f->advice, rec->advice);
}

bool report_finding__counts_sockets(const struct report_finding *f)
{
	return !strcmp(f->id, "close_wait_leak") || !strcmp(f->id, "time_wait_pressure");
}

int report__by_time(const void *a, const void *b)
{
	const struct report_finding *x = a, *y = b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}
