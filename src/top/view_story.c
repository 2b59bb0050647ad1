// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view_story.c - the whole life of one socket: who has it, what it is, and a timeline of what happened.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "top/view.h"

#define LABEL 11

/* Any text of outside comes through here. */
static void put(struct buf *b, const char *s)
{
	buf__safe(b, s, strlen(s), false);
}

static void put_label(struct buf *b, const char *label)
{
	b->len = 0;
	buf__str(b, label);
	buf__pad(b, LABEL);
}

static void write_line(struct top_sheet_text *t, enum top_style style, const struct buf *b)
{
	if (!b->failed)
		top_sheet__line(t, style, b->data, b->len);
}

static void put_number(struct buf *b, const char *before, uint64_t n)
{
	buf__str(b, before);
	buf__u64(b, n);
}

/* Under its label, over more lines where it is long. */
static void write_field(struct top_sheet_text *t, const char *label, const char *s)
{
	unsigned int width = top_sheet__grid(t)->width;
	struct buf b = { 0 };

	if (!*s)
		return;
	put_label(&b, label);
	put(&b, s);
	if (b.failed || b.len < width)
		write_line(t, STYLE_PLAIN, &b);
	else {
		top_sheet__print(t, STYLE_PLAIN, "%s", label);
		top_sheet__wrap(t, STYLE_PLAIN, LABEL, b.data + LABEL, b.len - LABEL);
	}
	buf__free(&b);
}

static void write_heading(const struct top_story *s, const struct top_grid *g,
			  struct top_sheet_text *t)
{
	struct top_put p = { .grid = g };
	char id[32];

	buf__str(&p.text, sink__proto_name(s->sock.sock.proto));
	buf__char(&p.text, ' ');
	top_put__local(&p.text, &s->sock.sock);
	if (s->sock.sock.rport) {
		buf__char(&p.text, ' ');
		top_put__glyphs(&p, GLYPH_ARROW, 1);
		buf__char(&p.text, ' ');
		top_put__remote(&p.text, &s->sock.sock);
	}
	buf__str(&p.text, s->sock.closed_ns ? "  closed: " : "  ");
	buf__str(&p.text, top_sock__state(&s->sock));
	snprintf(id, sizeof(id), "  sk:%llx", (unsigned long long)s->sock.sock.cookie);
	buf__str(&p.text, id);
	write_line(t, STYLE_STRONG, &p.text);
	buf__free(&p.text);
}

static void write_who(const struct top_story *s, struct top_sheet_text *t)
{
	const struct ev_owner *o = &s->sock.sock.owner;
	struct buf b = { 0 };

	put_label(&b, "Process");
	if (o->tgid) {
		top_put__name(&b, o->comm, COMM_LEN);
		put_number(&b, " (pid ", o->tgid);
		buf__char(&b, ')');
		if (s->has_process && *s->process.user) {
			buf__str(&b, ", user ");
			put(&b, s->process.user);
		} else if (s->sock.uid_known) {
			put_number(&b, ", uid ", s->sock.uid);
		}
		if (s->sock.queued)
			buf__str(&b, ", its listener's");
	} else {
		buf__str(&b, "not known: no process holds it, or it had it before the trace");
	}
	write_line(t, STYLE_PLAIN, &b);
	buf__free(&b);
	if (!s->has_process)
		return;
	write_field(t, "Executable", s->process.exe);
	write_field(t, "Arguments", s->process.args);
	write_field(t, "Parents", s->process.parents);
	write_field(t, "Cgroup", s->process.cgroup);
}

static void write_what(const struct top_story *s, struct top_sheet_text *t)
{
	struct buf b = { 0 };

	if (s->sock.container)
		write_field(t, "Container", s->sock.container);
	put_label(&b, "Namespace");
	buf__u64(&b, s->sock.sock.netns);
	buf__str(&b, "   Options ");
	if (s->sock.sock.options || s->sock.sock.ifindex || !s->sock.options_known)
		top_put__options(&b, &s->sock);
	else
		buf__str(&b, "none");
	if (s->sock.sock.inode)
		put_number(&b, "   Inode ", s->sock.sock.inode);
	write_line(t, STYLE_PLAIN, &b);
	buf__free(&b);
}

static void put_bytes(struct buf *b, const char *before, uint64_t n, uint64_t rate, bool open)
{
	buf__str(b, before);
	top_put__bytes(b, n);
	if (!open)
		return;
	buf__str(b, " (");
	top_put__bytes(b, rate);
	buf__str(b, "/s)");
}

static void put_connection(struct buf *b, const struct top_sock *s)
{
	bool open = !s->closed_ns;

	put_bytes(b, "TX ", s->tx_bytes, s->tx_rate, open);
	put_bytes(b, "  RX ", s->rx_bytes, s->rx_rate, open);
	buf__str(b, "  RTT ");
	top_put__micros(b, s->srtt_us);
	if (s->rttvar_us && open) {
		buf__str(b, " +-");
		top_put__micros(b, s->rttvar_us);
	}
	put_number(b, "  RETRANS ", s->retrans);
	if (!open || !s->cwnd)
		return;
	put_number(b, "  cwnd ", s->cwnd);
	put_number(b, "  mss ", s->mss);
	put_number(b, "  in flight ", s->unacked);
	put_number(b, "  not sent ", s->notsent_bytes);
}

static void write_counters(const struct top_story *s, struct top_sheet_text *t)
{
	const struct top_sock *k = &s->sock;
	struct buf b = { 0 };

	put_label(&b, k->closed_ns ? "In all" : "Now");
	if (top_sock__is_listener(k)) {
		put_number(&b, k->sock.proto == IPPROTO_UDP ? "bytes unread " : "accept queue ",
			   k->queue);
		if (k->limit)
			put_number(&b, " of ", k->limit);
		put_number(&b, "  drops ", k->drops);
		if (sock__is_tcp(&k->sock))
			put_number(&b, "  accepted ", k->accepted);
	} else if (k->has_counters) {
		put_connection(&b, k);
	} else {
		b.len = 0;
	}
	if (b.len)
		top_sheet__wrap(t, STYLE_PLAIN, 0, b.data, b.len);
	buf__free(&b);
}

/* --- the timeline --- */

static void put_error(struct buf *b, int error)
{
	const char *name = strerrorname_np(-error);

	buf__str(b, name ? name : "failed");
}

static void put_detail(struct buf *b, const struct top_event *e)
{
	switch (e->type) {
	case RECORD_SNAPSHOT:
		buf__str(b, "was there when the trace began");
		break;
	case RECORD_BIND:
		if (e->b)
			top_put__end(b, e->addr, e->family, e->port);
		if (e->a)
			buf__str(b, " by its first send");
		break;
	case RECORD_LISTEN:
		put_number(b, "backlog ", e->a);
		break;
	case RECORD_CONNECT:
		if (e->port)
			top_put__end(b, e->addr, e->family, e->port);
		if (e->b)
			buf__str(b, " abandoned");
		if (e->a) {
			buf__str(b, " after ");
			top_put__micros(b, e->a / 1000);
		}
		break;
	case RECORD_ACCEPT:
		if (!e->error) {
			buf__str(b, "queued ");
			top_put__micros(b, e->a / 1000);
		}
		break;
	case RECORD_PEER:
		buf__str(b, "first datagram to ");
		top_put__end(b, e->addr, e->family, e->port);
		break;
	case RECORD_STATE:
		buf__str(b, sink__state_name(e->a));
		buf__str(b, " to ");
		buf__str(b, sink__state_name(e->state));
		buf__str(b, ", as seen by now");
		break;
	case RECORD_CLOSE:
		buf__str(b, reason_names[e->state]);
		buf__str(b, "  TX ");
		top_put__bytes(b, e->a);
		buf__str(b, "  RX ");
		top_put__bytes(b, e->b);
		break;
	}
	if (e->error) {
		buf__char(b, ' ');
		put_error(b, e->error);
	}
}

/* The time, how long after the one before, a dot, the event. */
static void begin_event(struct top_put *p, const struct top_frame *f, uint64_t ns, uint64_t before,
			enum top_glyph glyph, const char *name)
{
	size_t column;

	p->text.len = 0;
	top_put__clock(&p->text, &f->wall, ns, 6);
	column = p->text.len + 9;
	if (before) {
		buf__str(&p->text, " +");
		top_put__micros(&p->text, ns > before ? (ns - before) / 1000 : 0);
	}
	buf__pad(&p->text, column);
	top_put__glyphs(p, glyph, 1);
	buf__char(&p->text, ' ');
	column = p->text.len + 10;
	buf__str(&p->text, name);
	buf__pad(&p->text, column);
}

/* What no record told, because it was before the trace, or before accept(). */
static void write_before(const struct top_frame *f, struct top_put *p, struct top_sheet_text *t,
			 uint64_t *last)
{
	const struct top_story *s = &f->story;
	const struct top_sock *k = &s->sock;
	uint64_t first = s->n ? s->events[0].boot_ns : UINT64_MAX;

	if (k->sock.created_ns && k->sock.created_ns <= first) {
		begin_event(p, f, k->sock.created_ns, 0, GLYPH_DOT, "socket");
		buf__str(&p->text, "made");
		write_line(t, STYLE_PLAIN, &p->text);
		*last = k->sock.created_ns;
	}
	if (k->established_ns && k->established_ns < first) {
		begin_event(p, f, k->established_ns, *last, GLYPH_DOT, "handshake");
		buf__str(&p->text, "established");
		write_line(t, STYLE_GOOD, &p->text);
		*last = k->established_ns;
	}
	if (!s->n && !*last) {
		begin_event(p, f, k->first_ns, 0, GLYPH_DOT, "seen");
		buf__str(&p->text, "in the kernel; no event has told of it");
		write_line(t, STYLE_DIM, &p->text);
	}
}

static enum top_style event_style(const struct top_event *e)
{
	if (e->error)
		return STYLE_BAD;
	switch (e->type) {
	case RECORD_CONNECT:
		return e->b ? STYLE_BAD : STYLE_GOOD;
	case RECORD_ACCEPT:
	case RECORD_LISTEN:
		return STYLE_GOOD;
	case RECORD_STATE:
		return e->state == TCP_CLOSE_WAIT ? STYLE_WARN : STYLE_BUSY;
	case RECORD_SNAPSHOT:
		return STYLE_DIM;
	}
	return STYLE_PLAIN;
}

static void write_event(const struct top_frame *f, struct top_put *p, const struct top_event *e,
			uint64_t before, struct top_sheet_text *t)
{
	begin_event(p, f, e->boot_ns, before, GLYPH_DOT, record_names[e->type]);
	put_detail(&p->text, e);
	if (e->pid && e->pid != f->story.sock.sock.owner.tgid) {
		buf__str(&p->text, " by ");
		top_put__name(&p->text, e->comm, COMM_LEN);
		put_number(&p->text, " (pid ", e->pid);
		buf__char(&p->text, ')');
	}
	if (!p->text.failed)
		write_line(t, event_style(e), &p->text);
}

static void write_end(const struct top_frame *f, struct top_put *p, struct top_sheet_text *t)
{
	const struct top_sock *s = &f->story.sock;

	if (s->closed_ns) {
		p->text.len = 0;
		buf__str(&p->text, "lived ");
		top_put__micros(&p->text, (s->closed_ns - s->first_ns) / 1000);
		if (s->time_wait)
			buf__str(&p->text, "; its ports stay held in TIME_WAIT");
	} else {
		begin_event(p, f, f->now_ns, 0, GLYPH_LINE, "now");
		buf__str(&p->text, top_sock__state(s));
		buf__str(&p->text, " for ");
		top_put__age(&p->text, f->now_ns > s->state_ns ? f->now_ns - s->state_ns : 0);
	}
	write_line(t, STYLE_STRONG, &p->text);
}

static void write_timeline(const struct top_frame *f, const struct top_grid *g,
			   struct top_sheet_text *t)
{
	const struct top_story *s = &f->story;
	struct top_put p = { .frame = f, .grid = g };
	uint64_t last = 0;
	size_t i;

	write_before(f, &p, t, &last);
	for (i = 0; i < s->n; i++) {
		if (s->left_out && i == s->left_out_after)
			top_sheet__print(t, STYLE_DIM, "%25s%zu records left out here", "",
					 s->left_out);
		write_event(f, &p, &s->events[i], last, t);
		last = s->events[i].boot_ns;
	}
	write_end(f, &p, t);
	buf__free(&p.text);
}

void top_story__write(const struct top_frame *f, struct top_sheet_text *t)
{
	const struct top_grid *g = top_sheet__grid(t);
	const struct top_story *s = &f->story;

	if (!s->found) {
		top_sheet__print(t, STYLE_DIM,
				 "This socket has been closed for more than 5 s: it is not "
				 "remembered here any more.");
		return;
	}
	write_heading(s, g, t);
	write_who(s, t);
	write_what(s, t);
	write_counters(s, t);
	top_sheet__print(t, STYLE_PLAIN, " ");
	write_timeline(f, g, t);
}
