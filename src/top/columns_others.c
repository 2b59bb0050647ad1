// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * columns_others.c - the columns of groups of connections, of findings, and of destinations.
 */
#include <netinet/tcp.h>
#include <string.h>

#include "top/columns.h"

#define BAR 24

/* --- groups --- */

const char *const top_grouping_names[GROUPINGS] = {
	[GROUP_PROCESS] = "process",
	[GROUP_DESTINATION] = "destination",
	[GROUP_PORT] = "local port",
	[GROUP_CONTAINER] = "container",
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static uint64_t mix_addr(uint64_t h, const uint8_t *addr)
{
	uint64_t words[2];

	memcpy(words, addr, sizeof(words));
	return mix(mix(h, words[0]), words[1]);
}

/* Its peer came from a port that is nobody's in particular. */
static bool is_accepted(const struct top_sock *s)
{
	return s->listener || (s->sock.facts & FACT_PASSIVE);
}

uint64_t top_group__of(enum top_grouping by, const struct top_sock *s)
{
	uint64_t h = by;

	if (by == GROUP_PROCESS)
		h = mix(mix(h, s->sock.owner.tgid), s->sock.owner.start_ns);
	else if (by == GROUP_DESTINATION)
		h = mix(mix_addr(h, s->sock.raddr), is_accepted(s) ? 0 : s->sock.rport);
	else if (by == GROUP_PORT)
		h = mix(mix(h, s->sock.lport), s->sock.netns);
	else
		h = mix(h, (uintptr_t)s->container);
	return h ? h : 1;
}

static uint64_t key_open(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->open;
}

static uint64_t key_established(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->states[TCP_ESTABLISHED];
}

static uint32_t connecting(const struct top_group *g)
{
	return g->states[TCP_SYN_SENT] + g->states[TCP_SYN_RECV];
}

static uint64_t key_connecting(const struct top_frame *f, const void *row)
{
	(void)f;
	return connecting(row);
}

static uint64_t key_close_wait(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->states[TCP_CLOSE_WAIT];
}

static uint32_t ending(const struct top_group *g)
{
	return g->states[TCP_FIN_WAIT1] + g->states[TCP_FIN_WAIT2] + g->states[TCP_CLOSING] +
	       g->states[TCP_LAST_ACK] + g->states[TCP_TIME_WAIT];
}

static uint64_t key_ending(const struct top_frame *f, const void *row)
{
	(void)f;
	return ending(row);
}

static uint64_t key_udp(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->udp;
}

static uint64_t key_closed(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->closed;
}

static uint64_t key_queued(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->queued;
}

static uint64_t key_tx(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->tx_bytes;
}

static uint64_t key_rx(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->rx_bytes;
}

static uint64_t key_tx_rate(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->tx_rate;
}

static uint64_t key_rx_rate(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->rx_rate;
}

static uint64_t key_retrans(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_group *)row)->retrans;
}

static uint64_t key_none(const struct top_frame *f, const void *row)
{
	(void)f;
	(void)row;
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct top_group *x = a, *y = b;
	const struct ev_sock *s = &x->one->sock, *t = &y->one->sock;
	int order = 0;

	if (x->by == GROUP_PROCESS)
		order = memcmp(s->owner.comm, t->owner.comm, COMM_LEN);
	else if (x->by == GROUP_DESTINATION)
		order = memcmp(s->raddr, t->raddr, ADDR_LEN);
	else if (x->by == GROUP_CONTAINER)
		order = strcmp(x->one->container ? x->one->container : "",
			       y->one->container ? y->one->container : "");
	if (order)
		return order;
	if (x->by == GROUP_PORT)
		return s->lport - t->lport;
	return x->by == GROUP_DESTINATION ?
		       s->rport - t->rport :
		       (s->owner.tgid > t->owner.tgid) - (s->owner.tgid < t->owner.tgid);
}

static void put_peer(struct top_put *p, const struct top_sock *s)
{
	char text[ADDR_TEXT];

	if (!is_accepted(s)) {
		top_put__remote(&p->text, &s->sock);
		return;
	}
	buf__str(&p->text, "from ");
	buf__put(&p->text, text, addr__text(text, s->sock.raddr, s->sock.family));
}

static void put_group(struct top_put *p, const void *row)
{
	const struct top_group *g = row;
	const struct top_sock *s = g->one;
	const char *service;

	p->style = STYLE_STRONG;
	switch (g->by) {
	case GROUP_PROCESS:
		top_put__name(&p->text, s->sock.owner.tgid ? s->sock.owner.comm : "", COMM_LEN);
		buf__char(&p->text, ' ');
		if (s->sock.owner.tgid)
			buf__u64(&p->text, s->sock.owner.tgid);
		break;
	case GROUP_DESTINATION:
		put_peer(p, s);
		break;
	case GROUP_PORT:
		service = p->services ? services__name(p->services, s->sock.proto, s->sock.lport) :
					NULL;
		buf__u64(&p->text, s->sock.lport);
		if (service) {
			buf__char(&p->text, ' ');
			top_put__name(&p->text, service, 32);
		}
		break;
	default:
		buf__str(&p->text, s->container ? s->container : "-");
	}
}

/* None of what would be worth a look is not to draw the eye. */
static void put_number(struct top_put *p, uint64_t n, enum top_style style)
{
	p->style = n ? style : STYLE_DIM;
	top_put__count(&p->text, n);
}

static void put_open(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->open, STYLE_STRONG);
}

static void put_established(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->states[TCP_ESTABLISHED], STYLE_GOOD);
}

static void put_connecting(struct top_put *p, const void *row)
{
	put_number(p, connecting(row), STYLE_BUSY);
}

static void put_close_wait(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->states[TCP_CLOSE_WAIT], STYLE_WARN);
}

static void put_ending(struct top_put *p, const void *row)
{
	put_number(p, ending(row), STYLE_BUSY);
}

static void put_udp(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->udp, STYLE_UDP);
}

static void put_queued(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->queued, STYLE_WARN);
}

static void put_closed(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->closed, STYLE_DIM);
}

static void put_bytes(struct top_put *p, uint64_t n)
{
	if (!n)
		p->style = STYLE_DIM;
	top_put__bytes(&p->text, n);
}

static void put_tx(struct top_put *p, const void *row)
{
	put_bytes(p, ((const struct top_group *)row)->tx_bytes);
}

static void put_rx(struct top_put *p, const void *row)
{
	put_bytes(p, ((const struct top_group *)row)->rx_bytes);
}

static void put_tx_rate(struct top_put *p, const void *row)
{
	put_bytes(p, ((const struct top_group *)row)->tx_rate);
}

static void put_rx_rate(struct top_put *p, const void *row)
{
	put_bytes(p, ((const struct top_group *)row)->rx_rate);
}

static void put_retrans(struct top_put *p, const void *row)
{
	put_number(p, ((const struct top_group *)row)->retrans, STYLE_WARN);
}

static uint64_t group_id(const void *row)
{
	return ((const struct top_group *)row)->id;
}

static enum top_style plain(const void *row)
{
	(void)row;
	return STYLE_PLAIN;
}

static const struct top_column group_columns[] = {
	{ .title = "GROUP",
	  .min = 16,
	  .max = 64,
	  .middle = true,
	  .ascending = true,
	  .key = key_none,
	  .compare = by_group,
	  .put = put_group },
	{ .title = "OPEN", .min = 5, .max = 5, .right = true, .key = key_open, .put = put_open },
	{ .title = "ESTABLISHED",
	  .min = 11,
	  .max = 11,
	  .rank = 1,
	  .right = true,
	  .key = key_established,
	  .put = put_established },
	{ .title = "SYN",
	  .min = 5,
	  .max = 5,
	  .rank = 4,
	  .right = true,
	  .key = key_connecting,
	  .put = put_connecting },
	{ .title = "CLOSE_WAIT",
	  .min = 10,
	  .max = 10,
	  .rank = 1,
	  .right = true,
	  .key = key_close_wait,
	  .put = put_close_wait },
	{ .title = "FIN",
	  .min = 5,
	  .max = 5,
	  .rank = 5,
	  .right = true,
	  .key = key_ending,
	  .put = put_ending },
	{ .title = "QUEUED",
	  .min = 6,
	  .max = 6,
	  .rank = 7,
	  .right = true,
	  .key = key_queued,
	  .put = put_queued },
	{ .title = "UDP",
	  .min = 5,
	  .max = 5,
	  .rank = 9,
	  .right = true,
	  .key = key_udp,
	  .put = put_udp },
	{ .title = "CLOSED",
	  .min = 6,
	  .max = 6,
	  .rank = 8,
	  .right = true,
	  .key = key_closed,
	  .put = put_closed },
	{ .title = "TX", .min = 5, .max = 5, .rank = 6, .right = true, .key = key_tx, .put = put_tx },
	{ .title = "RX", .min = 5, .max = 5, .rank = 6, .right = true, .key = key_rx, .put = put_rx },
	{ .title = "TX/s",
	  .min = 5,
	  .max = 5,
	  .rank = 2,
	  .right = true,
	  .key = key_tx_rate,
	  .put = put_tx_rate },
	{ .title = "RX/s",
	  .min = 5,
	  .max = 5,
	  .rank = 2,
	  .right = true,
	  .key = key_rx_rate,
	  .put = put_rx_rate },
	{ .title = "RETRANS",
	  .min = 7,
	  .max = 7,
	  .rank = 3,
	  .right = true,
	  .key = key_retrans,
	  .put = put_retrans },
};

const struct top_table top_groups = {
	.columns = group_columns,
	.n_columns = sizeof(group_columns) / sizeof(group_columns[0]),
	.sort = 1,
	.id = group_id,
	.tie = by_group,
	.style = plain,
};

/* --- findings --- */

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

/* --- destinations --- */

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

	return mix_addr(mix_addr(pair->rport, pair->raddr), pair->laddr) | 1;
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
