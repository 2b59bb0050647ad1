// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * columns_groups.c - the columns of groups of connections: how many are in which state, and sums.
 */
#include <netinet/tcp.h>
#include <string.h>

#include "top/columns.h"

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

uint64_t top_hash__addr(uint64_t h, const uint8_t *addr)
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
		h = mix(top_hash__addr(h, s->sock.raddr), is_accepted(s) ? 0 : s->sock.rport);
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
