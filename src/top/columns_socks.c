// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * columns_socks.c - the columns of the views Connections and Listeners: a row a socket.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "top/columns.h"

#define CONTAINER_SHORT 12 /* as `docker ps` shows it */
#define BAR             8

/* --- what they are sorted by --- */

/* What needs a look first: failed, waiting, half closed, on its way, then the rest; closed ones last. */
static unsigned int urgency(const struct top_sock *s)
{
	static const uint8_t order[TOP_STATES] = {
		[TCP_CLOSE_WAIT] = 12, [TCP_SYN_SENT] = 11, [TCP_SYN_RECV] = 10,
		[TCP_LAST_ACK] = 9,    [TCP_CLOSING] = 8,   [TCP_FIN_WAIT1] = 7,
		[TCP_FIN_WAIT2] = 6,   [TCP_TIME_WAIT] = 5, [TCP_ESTABLISHED] = 4,
		[TCP_LISTEN] = 3,      [TCP_CLOSE] = 2,
	};

	if (s->closed_ns)
		return 0;
	if (s->error && s->state == TCP_CLOSE)
		return 14;
	return s->queued ? 13 : s->state < TOP_STATES ? order[s->state] : 1;
}

/* Of one state the busiest first. */
static uint64_t key_state(const struct top_frame *f, const void *row)
{
	const struct top_sock *s = row;
	uint64_t traffic = s->tx_rate + s->rx_rate, most = (1ull << 56) - 1;

	(void)f;
	return (uint64_t)urgency(s) << 56 | (traffic < most ? traffic : most);
}

static uint64_t age_of(const struct top_frame *f, const struct top_sock *s)
{
	uint64_t to = s->closed_ns ? s->closed_ns : f->now_ns;

	return to > s->first_ns ? to - s->first_ns : 0;
}

static uint64_t key_age(const struct top_frame *f, const void *row)
{
	return age_of(f, row);
}

static uint64_t key_proto(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->sock.proto;
}

static uint64_t key_pid(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->sock.owner.tgid;
}

/* The first bytes of text, so that most comparisons need no more. */
static uint64_t key_bytes(const void *bytes)
{
	const unsigned char *b = bytes;
	uint64_t key = 0;
	int i;

	for (i = 0; i < 8; i++)
		key = key << 8 | b[i];
	return key;
}

static uint64_t key_comm(const struct top_frame *f, const void *row)
{
	(void)f;
	return key_bytes(((const struct top_sock *)row)->sock.owner.comm);
}

static int by_comm(const void *a, const void *b)
{
	const struct top_sock *x = a, *y = b;

	return memcmp(x->sock.owner.comm, y->sock.owner.comm, COMM_LEN);
}

static int by_local(const void *a, const void *b)
{
	const struct ev_sock *x = a, *y = b; /* `sock` is the first of struct top_sock */
	int order = memcmp(x->laddr, y->laddr, ADDR_LEN);

	return order ? order : x->lport - y->lport;
}

static int by_remote(const void *a, const void *b)
{
	const struct ev_sock *x = a, *y = b;
	int order = memcmp(x->raddr, y->raddr, ADDR_LEN);

	return order ? order : x->rport - y->rport;
}

static uint64_t key_laddr(const struct top_frame *f, const void *row)
{
	(void)f;
	return key_bytes(((const struct top_sock *)row)->sock.laddr);
}

static uint64_t key_raddr(const struct top_frame *f, const void *row)
{
	(void)f;
	return key_bytes(((const struct top_sock *)row)->sock.raddr);
}

static uint64_t key_tx(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->tx_bytes;
}

static uint64_t key_rx(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->rx_bytes;
}

static uint64_t key_tx_rate(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->tx_rate;
}

static uint64_t key_rx_rate(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->rx_rate;
}

static uint64_t key_rtt(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->srtt_us;
}

static uint64_t key_retrans(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->retrans;
}

static uint64_t key_queued(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->queued_ns;
}

static uint64_t key_container(const struct top_frame *f, const void *row)
{
	const struct top_sock *s = row;

	(void)f;
	return s->container ? key_bytes(s->container) : 0;
}

static uint64_t key_lport(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->sock.lport;
}

/* How full: an empty queue of any length is behind every other. */
static uint64_t key_queue(const struct top_frame *f, const void *row)
{
	const struct top_sock *s = row;

	(void)f;
	if (!s->limit)
		return s->queue;
	return (uint64_t)s->queue * 1000000 / s->limit;
}

static uint64_t key_drops(const struct top_frame *f, const void *row)
{
	const struct top_sock *s = row;

	(void)f;
	return (uint64_t)s->new_drops << 32 | s->drops;
}

static uint64_t key_accepts(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->accept_rate;
}

static uint64_t key_connections(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->connections;
}

static uint64_t key_options(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->sock.options;
}

static uint64_t key_netns(const struct top_frame *f, const void *row)
{
	(void)f;
	return ((const struct top_sock *)row)->sock.netns;
}

/* --- cells --- */

static void put_state(struct top_put *p, const void *row)
{
	p->style = top_sock__state_style(row);
	buf__str(&p->text, top_sock__state(row));
}

static void put_age(struct top_put *p, const void *row)
{
	top_put__age(&p->text, age_of(p->frame, row));
}

static void put_proto(struct top_put *p, const void *row)
{
	buf__str(&p->text, sink__proto_name(((const struct top_sock *)row)->sock.proto));
}

static void put_pid(struct top_put *p, const void *row)
{
	uint32_t pid = ((const struct top_sock *)row)->sock.owner.tgid;

	if (pid)
		buf__u64(&p->text, pid);
	else
		buf__char(&p->text, '-');
}

static void put_comm(struct top_put *p, const void *row)
{
	const struct ev_owner *o = &((const struct top_sock *)row)->sock.owner;

	top_put__name(&p->text, o->tgid ? o->comm : "", COMM_LEN);
}

static void put_local(struct top_put *p, const void *row)
{
	top_put__local(&p->text, &((const struct top_sock *)row)->sock);
}

static void put_remote(struct top_put *p, const void *row)
{
	top_put__remote(&p->text, &((const struct top_sock *)row)->sock);
}

static void put_counter(struct top_put *p, const struct top_sock *s, uint64_t n)
{
	if (s->has_counters)
		top_put__bytes(&p->text, n);
	else
		buf__char(&p->text, '-');
}

static void put_tx(struct top_put *p, const void *row)
{
	put_counter(p, row, ((const struct top_sock *)row)->tx_bytes);
}

static void put_rx(struct top_put *p, const void *row)
{
	put_counter(p, row, ((const struct top_sock *)row)->rx_bytes);
}

/* A rate of nothing is not to draw the eye. */
static void put_rate(struct top_put *p, const struct top_sock *s, uint64_t n)
{
	if (s->closed_ns)
		return;
	put_counter(p, s, n);
	if (!n)
		p->style = STYLE_DIM;
}

static void put_tx_rate(struct top_put *p, const void *row)
{
	put_rate(p, row, ((const struct top_sock *)row)->tx_rate);
}

static void put_rx_rate(struct top_put *p, const void *row)
{
	put_rate(p, row, ((const struct top_sock *)row)->rx_rate);
}

static void put_rtt(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->has_counters && s->srtt_us)
		top_put__micros(&p->text, s->srtt_us);
	else
		buf__char(&p->text, '-');
}

static void put_retrans(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (!s->has_counters) {
		buf__char(&p->text, '-');
		return;
	}
	if (s->retrans && !s->closed_ns)
		p->style = STYLE_WARN;
	top_put__count(&p->text, s->retrans);
}

static void put_queued(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->queued)
		p->style = STYLE_WARN;
	if (s->queued_ns)
		top_put__micros(&p->text, s->queued_ns / 1000);
	else
		buf__char(&p->text, '-');
}

static void put_container(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->container)
		buf__put(&p->text, s->container, strnlen(s->container, CONTAINER_SHORT));
}

static void put_address(struct top_put *p, const void *row)
{
	const struct ev_sock *s = &((const struct top_sock *)row)->sock;
	char text[ADDR_TEXT];

	buf__put(&p->text, text, addr__text(text, s->laddr, s->family));
}

static void put_lport(struct top_put *p, const void *row)
{
	buf__u64(&p->text, ((const struct top_sock *)row)->sock.lport);
	p->style = p->style == STYLE_DIM ? STYLE_DIM : STYLE_STRONG;
}

static void put_service(struct top_put *p, const void *row)
{
	const struct ev_sock *s = &((const struct top_sock *)row)->sock;
	const char *name = p->services ? services__name(p->services, s->proto, s->lport) : NULL;

	top_put__name(&p->text, name ? name : "", 32);
}

static void put_queue(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;
	unsigned int full = s->limit ? (uint64_t)s->queue * BAR / s->limit : 0;

	if (s->sock.proto == IPPROTO_UDP) {
		top_put__bytes(&p->text, s->queue);
		buf__str(&p->text, "B");
		return;
	}
	if (s->limit) {
		full = full > BAR ? BAR : full + (!full && s->queue);
		top_put__glyphs(p, GLYPH_FULL, full);
		top_put__glyphs(p, GLYPH_EMPTY, BAR - full);
		buf__char(&p->text, ' ');
	}
	top_put__count(&p->text, s->queue);
	buf__char(&p->text, '/');
	top_put__count(&p->text, s->limit);
	if (p->style != STYLE_DIM && full)
		p->style = full >= BAR ? STYLE_BAD : full * 2 >= BAR ? STYLE_WARN : STYLE_PLAIN;
}

static void put_drops(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->new_drops && !s->closed_ns)
		p->style = STYLE_BAD;
	else if (!s->drops)
		p->style = STYLE_DIM;
	top_put__count(&p->text, s->drops);
}

static void put_accepts(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->sock.proto == IPPROTO_UDP)
		buf__char(&p->text, '-');
	else
		top_put__count(&p->text, s->accept_rate);
}

static void put_connections(struct top_put *p, const void *row)
{
	const struct top_sock *s = row;

	if (s->sock.proto == IPPROTO_UDP)
		buf__char(&p->text, '-');
	else
		top_put__count(&p->text, s->connections);
}

static void put_options(struct top_put *p, const void *row)
{
	top_put__options(&p->text, row);
}

static void put_netns(struct top_put *p, const void *row)
{
	buf__u64(&p->text, ((const struct top_sock *)row)->sock.netns);
}

/* --- rows --- */

static uint64_t id_of(const void *row)
{
	return ((const struct top_sock *)row)->sock.cookie;
}

/* The newest first: what just happened is at the top of a host without traffic. Closed ones behind. */
static uint64_t newest(const void *row)
{
	const struct top_sock *s = row;

	return s->first_ns / 2 + (s->closed_ns ? 0 : 1ull << 63);
}

static int busiest(const void *a, const void *b)
{
	const struct top_sock *x = a, *y = b;

	if (x->new_drops != y->new_drops)
		return x->new_drops > y->new_drops ? -1 : 1;
	if (x->accept_rate != y->accept_rate)
		return x->accept_rate > y->accept_rate ? -1 : 1;
	if (x->sock.lport != y->sock.lport)
		return x->sock.lport - y->sock.lport;
	return memcmp(x->sock.laddr, y->sock.laddr, ADDR_LEN);
}

static enum top_style style_of(const void *row)
{
	return ((const struct top_sock *)row)->closed_ns ? STYLE_DIM : STYLE_PLAIN;
}

static void say_number(struct buf *b, uint64_t n)
{
	buf__char(b, ' ');
	buf__u64(b, n);
}

/* Made for each socket at each key of the filter: nothing but what can be looked for. */
static void say(struct buf *b, const void *row)
{
	const struct top_sock *s = row;
	const char *c;
	size_t i;

	for (c = top_sock__state(s); *c; c++)
		buf__char(b, (char)tolower((unsigned char)*c));
	buf__char(b, ' ');
	buf__str(b, sink__proto_name(s->sock.proto));
	say_number(b, s->sock.owner.tgid);
	buf__char(b, ' ');
	for (i = 0; i < COMM_LEN && s->sock.owner.comm[i]; i++)
		buf__char(b, (char)tolower((unsigned char)s->sock.owner.comm[i]));
	buf__char(b, ' ');
	top_put__local(b, &s->sock);
	buf__char(b, ' ');
	top_put__remote(b, &s->sock);
	if (s->container) {
		buf__char(b, ' ');
		buf__str(b, s->container);
	}
}

static const struct top_column connection_columns[] = {
	{ .title = "STATE", .min = 11, .max = 14, .key = key_state, .put = put_state },
	{ .title = "AGE",
	  .min = 4,
	  .max = 4,
	  .rank = 5,
	  .right = true,
	  .key = key_age,
	  .put = put_age },
	{ .title = "PROTO",
	  .min = 5,
	  .max = 5,
	  .rank = 11,
	  .ascending = true,
	  .key = key_proto,
	  .put = put_proto },
	{ .title = "PID",
	  .min = 7,
	  .max = 7,
	  .rank = 2,
	  .right = true,
	  .ascending = true,
	  .key = key_pid,
	  .put = put_pid },
	{ .title = "PROCESS",
	  .min = 9,
	  .max = 20,
	  .ascending = true,
	  .key = key_comm,
	  .compare = by_comm,
	  .put = put_comm },
	{ .title = "CONTAINER",
	  .min = 12,
	  .max = 12,
	  .rank = 9,
	  .optional = true,
	  .ascending = true,
	  .key = key_container,
	  .put = put_container },
	{ .title = "LOCAL",
	  .min = 15,
	  .max = 47,
	  .rank = 1,
	  .middle = true,
	  .ascending = true,
	  .key = key_laddr,
	  .compare = by_local,
	  .put = put_local },
	{ .title = "REMOTE",
	  .min = 15,
	  .max = 47,
	  .middle = true,
	  .ascending = true,
	  .key = key_raddr,
	  .compare = by_remote,
	  .put = put_remote },
	{ .title = "TX", .min = 5, .max = 5, .rank = 8, .right = true, .key = key_tx, .put = put_tx },
	{ .title = "RX", .min = 5, .max = 5, .rank = 8, .right = true, .key = key_rx, .put = put_rx },
	{ .title = "TX/s",
	  .min = 5,
	  .max = 5,
	  .rank = 3,
	  .right = true,
	  .key = key_tx_rate,
	  .put = put_tx_rate },
	{ .title = "RX/s",
	  .min = 5,
	  .max = 5,
	  .rank = 3,
	  .right = true,
	  .key = key_rx_rate,
	  .put = put_rx_rate },
	{ .title = "RTT",
	  .min = 5,
	  .max = 6,
	  .rank = 6,
	  .right = true,
	  .key = key_rtt,
	  .put = put_rtt },
	{ .title = "RETRANS",
	  .min = 7,
	  .max = 7,
	  .rank = 7,
	  .right = true,
	  .key = key_retrans,
	  .put = put_retrans },
	{ .title = "QUEUED",
	  .min = 6,
	  .max = 6,
	  .rank = 10,
	  .right = true,
	  .key = key_queued,
	  .put = put_queued },
};

static const struct top_column listener_columns[] = {
	{ .title = "PROTO",
	  .min = 5,
	  .max = 5,
	  .rank = 4,
	  .ascending = true,
	  .key = key_proto,
	  .put = put_proto },
	{ .title = "ADDRESS",
	  .min = 9,
	  .max = 39,
	  .rank = 2,
	  .middle = true,
	  .ascending = true,
	  .key = key_laddr,
	  .compare = by_local,
	  .put = put_address },
	{ .title = "PORT",
	  .min = 5,
	  .max = 5,
	  .right = true,
	  .ascending = true,
	  .key = key_lport,
	  .put = put_lport },
	{ .title = "SERVICE",
	  .min = 8,
	  .max = 16,
	  .rank = 5,
	  .ascending = true,
	  .key = key_lport,
	  .put = put_service },
	{ .title = "PID",
	  .min = 7,
	  .max = 7,
	  .rank = 3,
	  .right = true,
	  .ascending = true,
	  .key = key_pid,
	  .put = put_pid },
	{ .title = "PROCESS",
	  .min = 9,
	  .max = 20,
	  .ascending = true,
	  .key = key_comm,
	  .compare = by_comm,
	  .put = put_comm },
	{ .title = "CONTAINER",
	  .min = 12,
	  .max = 12,
	  .rank = 9,
	  .optional = true,
	  .ascending = true,
	  .key = key_container,
	  .put = put_container },
	{ .title = "ACCEPT QUEUE", .min = 16, .max = 18, .key = key_queue, .put = put_queue },
	{ .title = "DROPS",
	  .min = 5,
	  .max = 5,
	  .rank = 1,
	  .right = true,
	  .key = key_drops,
	  .put = put_drops },
	{ .title = "ACC/s",
	  .min = 5,
	  .max = 5,
	  .rank = 1,
	  .right = true,
	  .key = key_accepts,
	  .put = put_accepts },
	{ .title = "CONNS",
	  .min = 5,
	  .max = 5,
	  .rank = 6,
	  .right = true,
	  .key = key_connections,
	  .put = put_connections },
	{ .title = "AGE",
	  .min = 4,
	  .max = 4,
	  .rank = 8,
	  .right = true,
	  .key = key_age,
	  .put = put_age },
	{ .title = "OPTIONS",
	  .min = 9,
	  .max = 40,
	  .rank = 7,
	  .key = key_options,
	  .put = put_options },
	{ .title = "NETNS",
	  .min = 10,
	  .max = 10,
	  .rank = 10,
	  .right = true,
	  .ascending = true,
	  .key = key_netns,
	  .put = put_netns },
};

const struct top_table top_connections = {
	.columns = connection_columns,
	.n_columns = sizeof(connection_columns) / sizeof(connection_columns[0]),
	.sort = 0,
	.id = id_of,
	.tie_key = newest,
	.style = style_of,
	.say = say,
};

const struct top_table top_listeners = {
	.columns = listener_columns,
	.n_columns = sizeof(listener_columns) / sizeof(listener_columns[0]),
	.sort = 7,
	.id = id_of,
	.tie = busiest,
	.style = style_of,
};
