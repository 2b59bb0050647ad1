// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_finding.c - one finding: message, what to do, holders, evidence.
 */
#include <stdio.h>
#include <string.h>

#include "top/view.h"

static void write_safe(struct top_sheet_text *t, enum top_style style, unsigned int indent,
		       const char *s, size_t max)
{
	struct buf b = { 0 };

	buf__safe(&b, s, strnlen(s, max), false);
	if (b.len && !b.failed)
		top_sheet__wrap(t, style, indent, b.data, b.len);
	buf__free(&b);
}

static void put_process(struct buf *b, const struct ev_owner *o)
{
	if (!o->tgid) {
		buf__str(b, "no process");
		return;
	}
	top_put__name(b, o->comm, COMM_LEN);
	buf__str(b, " (pid ");
	buf__u64(b, o->tgid);
	buf__char(b, ')');
}

static void write_heading(const struct top_frame *f, const struct top_finding *one,
			  struct top_sheet_text *t)
{
	static const enum top_style styles[] = {
		[SEVERITY_INFO] = STYLE_STRONG, [SEVERITY_WARNING] = STYLE_WARN, [SEVERITY_ERROR] = STYLE_BAD
	};
	const struct finding *x = &one->f;
	struct buf b = { 0 };

	top_sheet__print(t, styles[x->severity], "%s  %s%s", x->id, severity_names[x->severity],
			 x->status == FINDING_CLOSED ? ", over" : "");
	buf__str(&b, "since ");
	top_put__clock(&b, &f->wall, one->opened_ns, 0);
	buf__str(&b, ", last ");
	top_put__clock(&b, &f->wall, x->last_ns, 0);
	if (x->count > 1) {
		buf__str(&b, x->gauge ? ", now " : ", ");
		buf__u64(&b, x->count);
		if (!x->gauge)
			buf__str(&b, " times");
	}
	if (x->actor.proc.tgid) {
		buf__str(&b, ", met by ");
		put_process(&b, &x->actor.proc);
	}
	if (!b.failed)
		top_sheet__wrap(t, STYLE_DIM, 0, b.data, b.len);
	buf__free(&b);
}

static void write_holder(const struct top_frame *f, const struct holder *h,
			 struct top_sheet_text *t)
{
	struct buf b = { 0 };
	int i;

	buf__str(&b, sink__proto_name(h->sock.proto));
	buf__char(&b, ' ');
	top_put__end(&b, h->sock.laddr, h->sock.family, h->sock.lport);
	if (h->sock.rport) {
		buf__char(&b, ' ');
		top_put__end(&b, h->sock.raddr, h->sock.family, h->sock.rport);
	}
	buf__char(&b, ' ');
	buf__str(&b, sink__state_name(h->sock.state));
	buf__str(&b, "  ");
	put_process(&b, &h->proc);
	if (*h->user) {
		buf__str(&b, ", ");
		top_put__name(&b, h->user, sizeof(h->user));
	}
	if (h->since_ns) {
		buf__str(&b, ", since ");
		top_put__clock(&b, &f->wall, h->since_ns, 0);
	}
	for (i = 0; i < SINK_OPTIONS && h->options_known; i++)
		if (h->sock.options >> i & 1) {
			buf__str(&b, " ");
			buf__str(&b, sink_option_names[i]);
		}
	if (!b.failed)
		top_sheet__wrap(t, STYLE_PLAIN, 2, b.data, b.len);
	buf__free(&b);
}

static void write_holders(const struct top_frame *f, const struct finding *x,
			  struct top_sheet_text *t)
{
	size_t i;

	if (!x->n_holders)
		return;
	top_sheet__print(t, STYLE_PLAIN, " ");
	top_sheet__print(t, STYLE_STRONG, "Holders");
	for (i = 0; i < x->n_holders && i < HOLDERS_MAX; i++)
		write_holder(f, &x->holders[i], t);
	if (x->holders_total > x->n_holders)
		top_sheet__print(t, STYLE_DIM, "  and %zu more", x->holders_total - x->n_holders);
}

static void put_value(struct buf *b, const struct evidence *e)
{
	char text[ADDR_TEXT];

	switch (e->kind) {
	case EVIDENCE_NUMBER:
		buf__u64(b, e->number);
		break;
	case EVIDENCE_TEXT:
		top_put__name(b, e->text, sizeof(e->text));
		break;
	case EVIDENCE_FLAG:
		buf__str(b, e->number ? "yes" : "no");
		break;
	case EVIDENCE_ADDRESS:
		buf__put(b, text, addr__text(text, e->addr, (int)e->number));
		break;
	}
}

static void write_processes(const struct finding *x, struct top_sheet_text *t)
{
	struct buf b = { 0 };
	size_t i, k;

	for (i = 0; i < x->n_processes && i < FINDING_PROCESSES; i++) {
		b.len = 0;
		put_process(&b, &x->processes[i].proc);
		for (k = 0; k < PROCESS_COUNTS && x->count_keys[k]; k++) {
			buf__str(&b, k ? ", " : ": ");
			buf__str(&b, x->count_keys[k]);
			buf__char(&b, ' ');
			buf__u64(&b, x->processes[i].counts[k]);
		}
		if (!b.failed)
			top_sheet__wrap(t, STYLE_PLAIN, 2, b.data, b.len);
	}
	buf__free(&b);
}

static void write_evidence(const struct finding *x, struct top_sheet_text *t)
{
	struct buf b = { 0 };
	size_t i;

	top_sheet__print(t, STYLE_PLAIN, " ");
	top_sheet__print(t, STYLE_STRONG, x->estimated ? "Evidence (estimated)" : "Evidence");
	if (x->call)
		top_sheet__print(t, STYLE_PLAIN, "  %-24s %s()", "call", x->call);
	if (x->error)
		top_sheet__print(t, STYLE_PLAIN, "  %-24s %s", "error",
				 strerrorname_np(-x->error) ? strerrorname_np(-x->error) : "?");
	if (x->rule)
		top_sheet__print(t, STYLE_PLAIN, "  %-24s %s", "rule", x->rule);
	for (i = 0; i < x->n_evidence && i < EVIDENCE_MAX; i++) {
		b.len = 0;
		buf__str(&b, x->evidence[i].key);
		buf__pad(&b, 25);
		put_value(&b, &x->evidence[i]);
		if (!b.failed)
			top_sheet__wrap(t, STYLE_PLAIN, 2, b.data, b.len);
	}
	write_processes(x, t);
	buf__free(&b);
}

void top_finding__write(const struct top_frame *f, uint64_t seq, struct top_sheet_text *t)
{
	const struct top_finding *one = NULL;
	size_t i;

	for (i = 0; i < f->n_findings && !one; i++)
		if (f->findings[i]->seq == seq)
			one = f->findings[i];
	if (!one) {
		top_sheet__print(t, STYLE_DIM,
				 "There were so many findings that this one is not "
				 "remembered any more.");
		return;
	}
	write_heading(f, one, t);
	top_sheet__print(t, STYLE_PLAIN, " ");
	write_safe(t, STYLE_PLAIN, 0, one->f.message, sizeof(one->f.message));
	if (*one->f.advice) {
		top_sheet__print(t, STYLE_PLAIN, " ");
		top_sheet__print(t, STYLE_STRONG, "What to do");
		write_safe(t, STYLE_PLAIN, 2, one->f.advice, sizeof(one->f.advice));
	}
	write_holders(f, &one->f, t);
	write_evidence(&one->f, t);
}
