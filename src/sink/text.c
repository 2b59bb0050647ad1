// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sink/text.c - one line an event, in fixed columns that awk can cut; findings below what caused
 * them. Names come from strangers: no byte of theirs reaches the terminal raw or adds a column.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include "json.h"
#include "log.h"
#include "sink.h"

/* Widths. A longer cell pushes the rest of its line to the right, a space still between. */
enum { TIME_W = 23, SOCK_W = 11, EVENT_W = 8, PROTO_W = 5, PID_W = 7, COMM_W = 16, ADDR_W = 21 };

#define NARROW 100 /* columns: a terminal below this gets its lines cut, not wrapped */

#define RED         "\033[31m"
#define BOLD        "\033[1m"
#define BOLD_RED    "\033[1;31m"
#define BOLD_YELLOW "\033[1;33m"
#define DIM         "\033[2m"
#define RESET       "\033[0m"

struct sink_text {
	struct sink sink;
	struct sink_config config;
	struct buf line;
	struct stamp stamp;
	bool header; /* has been printed, for: */
	uint64_t day;
	int32_t gmtoff_s;
	uint64_t snapshots; /* not printed yet, the last at: */
	uint64_t snapshot_ns;
};

/* --- cells --- */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void put_comm(struct buf *b, const char comm[COMM_LEN])
{
	size_t n = strnlen(comm, COMM_LEN);

	if (n)
		buf__safe(b, comm, n, true);
	else
		buf__char(b, '-');
}

/* Fills the cell that began at `from` up to its width in characters, and one space more. */
static void end_cell(struct buf *b, size_t from, size_t width)
{
	size_t i, to = from + width;

	for (i = from; i < b->len; i++)
		to += is_continuation(b->data[i]);
	buf__pad(b, to);
	buf__char(b, ' ');
}

static void put_cell(struct buf *b, const char *s, size_t width)
{
	size_t from = b->len;

	buf__str(b, s);
	end_cell(b, from, width);
}

static void put_number(struct buf *b, const char *before, uint64_t v)
{
	buf__str(b, before);
	buf__u64(b, v);
}

static void put_pid(struct buf *b, uint32_t pid)
{
	uint64_t limit = 10;
	size_t width = 1;

	while (pid >= limit) {
		limit *= 10;
		width++;
	}
	if (width < PID_W)
		buf__pad(b, b->len + PID_W - width);
	if (pid)
		buf__u64(b, pid);
	else
		buf__char(b, '-');
	buf__char(b, ' ');
}

static void put_sock_id(struct buf *b, uint64_t cookie)
{
	size_t from = b->len;
	int shift = 60;

	if (cookie) {
		buf__str(b, "sk:");
		while (shift && !(cookie >> shift))
			shift -= 4;
		for (; shift >= 0; shift -= 4)
			buf__char(b, "0123456789abcdef"[cookie >> shift & 15]);
	} else {
		buf__char(b, '-');
	}
	end_cell(b, from, SOCK_W);
}

static void put_end(struct buf *b, const uint8_t *addr, int family, uint16_t port)
{
	bool ipv6 = !addr__is_ipv4(addr, family);
	char text[ADDR_TEXT + 2];
	size_t from = b->len, n = 0;

	if (ipv6)
		text[n++] = '[';
	n += addr__text(text + n, addr, family);
	if (ipv6)
		text[n++] = ']';
	buf__put(b, text, n);
	put_number(b, ":", port);
	end_cell(b, from, ADDR_W);
}

/* Where a bind() failed, the socket has no address: what was asked for is what matters. */
static void put_local(struct buf *b, const struct record *r)
{
	const struct ev_sock *s = r->sock;

	if (r->type == RECORD_BIND && r->error && r->u.bind->req_known)
		put_end(b, r->u.bind->req_addr, s->family, r->u.bind->req_port);
	else if (sink__has_local(s) || (r->type == RECORD_BIND && !r->error))
		put_end(b, s->laddr, s->family, s->lport);
	else
		put_cell(b, "-", ADDR_W);
}

static void put_remote(struct buf *b, const struct record *r)
{
	const struct ev_sock *s = r->sock;

	if (r->type == RECORD_PEER)
		put_end(b, r->u.peer->addr, s->family, r->u.peer->port);
	else if (s->rport && r->type != RECORD_BIND && r->type != RECORD_LISTEN)
		put_end(b, s->raddr, s->family, s->rport);
	else
		put_cell(b, "-", ADDR_W);
}

/* us below 1 ms, then ms and s with one decimal, cut and not rounded. */
static void put_duration(struct buf *b, uint64_t us)
{
	uint64_t tenths = us < 1000000 ? us / 100 : us / 100000;

	if (us < 1000) {
		buf__u64(b, us);
		buf__str(b, "us");
		return;
	}
	buf__u64(b, tenths / 10);
	put_number(b, ".", tenths % 10);
	buf__str(b, us < 1000000 ? "ms" : "s");
}

/* --- time and lines --- */

static uint64_t local_ns(const struct sink_text *s, uint64_t boot_ns)
{
	const struct wall *w = s->config.wall;
	uint64_t ns = boot_ns + (uint64_t)w->offset_ns + (uint64_t)w->gmtoff_s * 1000000000;

	return (int64_t)ns < 0 ? 0 : ns;
}

/* 23:48:24.123456 */
static void put_clock(struct sink_text *s, uint64_t boot_ns)
{
	uint64_t ns = local_ns(s, boot_ns);
	char text[15];

	memcpy(text, stamp__seconds(&s->stamp, ns / 1000000000) + 11, 8);
	text[8] = '.';
	stamp__fraction(text + 9, (uint32_t)(ns % 1000000000), 6);
	buf__put(&s->line, text, sizeof(text));
}

static void cut_line(struct buf *b, unsigned int columns)
{
	size_t i, width = 0;

	for (i = 0; i < b->len; i++)
		if (!is_continuation(b->data[i]) && ++width > columns) {
			b->len = i;
			return;
		}
}

/* Puts the line out, in `color` where not NULL and colours are wanted, and begins a new one. */
static void end_line(struct sink_text *s, const char *color)
{
	struct out *out = s->config.out;
	struct buf *b = &s->line;

	if (b->failed) {
		out__fail(out, -ENOMEM);
		return;
	}
	while (b->len && b->data[b->len - 1] == ' ')
		b->len--;
	if (s->config.columns && s->config.columns < NARROW)
		cut_line(b, s->config.columns);
	if (!s->config.color)
		color = NULL;
	if (color)
		out__put(out, color, strlen(color));
	out__put(out, b->data, b->len);
	out__put(out, RESET "\n", color ? strlen(RESET "\n") : 0);
	out__put(out, "\n", !color);
	b->len = 0;
}

static void put_zone(struct buf *b, int32_t gmtoff_s)
{
	unsigned int minutes = (unsigned int)(gmtoff_s < 0 ? -(int64_t)gmtoff_s : gmtoff_s) / 60;
	char text[6] = { gmtoff_s < 0 ? '-' : '+',        (char)('0' + minutes / 600 % 10),
			 (char)('0' + minutes / 60 % 10), ':',
			 (char)('0' + minutes % 60 / 10), (char)('0' + minutes % 10) };

	buf__put(b, text, sizeof(text));
}

/* Before the first line, and again when the day or the zone is another one. */
static void put_header(struct sink_text *s, uint64_t boot_ns)
{
	uint64_t sec = local_ns(s, boot_ns) / 1000000000;
	int32_t gmtoff_s = s->config.wall->gmtoff_s;
	struct buf *b = &s->line;

	if (s->header && s->day == sec / 86400 && s->gmtoff_s == gmtoff_s)
		return;
	s->header = true;
	s->day = sec / 86400;
	s->gmtoff_s = gmtoff_s;
	buf__str(b, "TIME ");
	buf__put(b, stamp__seconds(&s->stamp, sec), 10);
	buf__char(b, ' ');
	put_zone(b, gmtoff_s);
	end_cell(b, 0, TIME_W);
	if (s->config.verbose)
		put_cell(b, "SOCK", SOCK_W);
	put_cell(b, "EVENT", EVENT_W);
	put_cell(b, "PROTO", PROTO_W);
	buf__str(b, "    PID ");
	put_cell(b, "COMM", COMM_W);
	put_cell(b, "LOCAL", ADDR_W);
	put_cell(b, "REMOTE", ADDR_W);
	buf__str(b, "DETAIL");
	end_line(s, NULL);
}

static void begin_line(struct sink_text *s, uint64_t boot_ns)
{
	put_clock(s, boot_ns);
	end_cell(&s->line, 0, TIME_W);
}

/* --- the detail of each type --- */

static void detail_bind(struct buf *b, const struct record *r)
{
	const struct ev_bind *e = r->u.bind;
	unsigned int i;

	if (e->automatic)
		buf__str(b, "auto ");
	if (r->error) {
		buf__str(b, log__errno(r->error));
		return;
	}
	for (i = 0; i < SINK_OPTIONS; i++)
		if (r->sock->options & 1u << i) {
			buf__str(b, sink_option_names[i]);
			buf__char(b, ' ');
		}
	if (r->sock->ifindex) {
		put_number(b, "ifindex ", r->sock->ifindex);
		buf__char(b, ' ');
	}
	if (!r->sock->lport)
		buf__str(b, "no port yet");
}

static void detail_listen(struct buf *b, const struct record *r)
{
	if (r->error)
		buf__str(b, log__errno(r->error));
	else
		put_number(b, "backlog ", r->u.listen->backlog);
}

static uint64_t span_us(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

static void detail_connect(struct buf *b, const struct record *r)
{
	const struct ev_connect *e = r->u.connect;

	if (r->error) {
		buf__str(b, log__errno(r->error));
		buf__char(b, ' ');
	}
	if (e->abandoned)
		buf__str(b, "abandoned ");
	if (e->started_ns) {
		put_duration(b, span_us(e->started_ns, r->boot_ns));
		buf__char(b, ' ');
	}
	if (e->async && r->sock->proto != IPPROTO_UDP)
		buf__str(b, "async");
}

static void detail_accept(struct buf *b, const struct record *r)
{
	if (r->error) {
		buf__str(b, log__errno(r->error));
	} else if (r->u.accept->established_ns) {
		buf__str(b, "queued ");
		put_duration(b, span_us(r->u.accept->established_ns, r->boot_ns));
	}
}

static void detail_state(struct buf *b, const struct record *r)
{
	buf__str(b, sink__state_name(r->u.state->old_state));
	buf__str(b, " -> ");
	buf__str(b, sink__state_name(r->u.state->new_state));
}

/* Who closed it, where that is not what the line's PID and COMM say. */
static void put_closer(struct buf *b, const struct record *r)
{
	const struct life *l = r->u.life;

	if (l->closed_by_kernel) {
		buf__str(b, " by kernel");
	} else if (l->closed_by_known && r->owner && r->owner->tgid && r->actor &&
		   r->actor->proc.tgid) {
		put_number(b, " by ", r->actor->proc.tgid);
		buf__char(b, ' ');
		put_comm(b, r->actor->proc.comm);
	}
}

static void detail_close(struct buf *b, const struct record *r)
{
	const struct life *l = r->u.life;

	if (l->first_ns) {
		put_duration(b, span_us(l->first_ns, l->ended_ns));
		buf__char(b, ' ');
	}
	if (sink__has_counters(r)) {
		put_number(b, "tx ", l->tx_bytes);
		put_number(b, " rx ", l->rx_bytes);
		buf__char(b, ' ');
	}
	if (l->role == ROLE_LISTENER) {
		put_number(b, "accepted ", l->accepted);
		buf__char(b, ' ');
	}
	if (l->n_subflows > 1) {
		put_number(b, "subflows ", l->n_subflows);
		buf__char(b, ' ');
	}
	buf__str(b, reason_names[l->reason]);
	if (l->time_wait)
		buf__str(b, " time-wait");
	if (sink__has_counters(r) && l->unacked_bytes)
		put_number(b, " unacked ", l->unacked_bytes);
	if (sink__has_counters(r) && l->unread_bytes)
		put_number(b, " unread ", l->unread_bytes);
	if (l->closed_by_exit)
		buf__str(b, " exit");
	put_closer(b, r);
}

/* --- lines --- */

static void write_socket(struct sink_text *s, const struct record *r,
			 void (*detail)(struct buf *b, const struct record *r))
{
	const struct ev_owner *who = r->actor ? &r->actor->proc : NULL;
	struct buf *b = &s->line;
	size_t from;

	if (r->owner && r->owner->tgid && (r->type == RECORD_CLOSE || !who || !who->tgid))
		who = r->owner;
	begin_line(s, r->boot_ns);
	if (s->config.verbose)
		put_sock_id(b, r->sock->cookie);
	put_cell(b, record_names[r->type], EVENT_W);
	put_cell(b, sink__proto_name(r->sock->proto), PROTO_W);
	put_pid(b, who ? who->tgid : 0);
	from = b->len;
	put_comm(b, who && who->tgid ? who->comm : "");
	end_cell(b, from, COMM_W);
	put_local(b, r);
	put_remote(b, r);
	from = b->len;
	if (detail)
		detail(b, r);
	if (b->len == from)
		buf__char(b, '-');
	end_line(s, r->error ? RED : r->type == RECORD_CLOSE ? DIM : NULL);
}

static void write_snapshots(struct sink_text *s)
{
	struct buf *b = &s->line;

	if (!s->snapshots)
		return;
	put_header(s, s->snapshot_ns);
	begin_line(s, s->snapshot_ns);
	if (s->config.verbose)
		put_sock_id(b, 0);
	put_cell(b, record_names[RECORD_SNAPSHOT], EVENT_W);
	put_cell(b, "-", PROTO_W);
	put_pid(b, 0);
	put_cell(b, "-", COMM_W);
	put_cell(b, "-", ADDR_W);
	put_cell(b, "-", ADDR_W);
	buf__u64(b, s->snapshots);
	buf__str(b, s->snapshots == 1 ? " socket" : " sockets");
	end_line(s, NULL);
	s->snapshots = 0;
}

static void write_finding(struct sink_text *s, const struct finding *f)
{
	static const char *const colors[] = {
		[SEVERITY_INFO] = BOLD, [SEVERITY_WARNING] = BOLD_YELLOW, [SEVERITY_ERROR] = BOLD_RED
	};
	size_t message = strnlen(f->message, sizeof(f->message)),
	       advice = strnlen(f->advice, sizeof(f->advice));
	bool closed = f->status == FINDING_CLOSED;
	struct buf *b = &s->line;

	buf__str(b, closed ? "  . " : "  ! ");
	buf__str(b, f->id);
	buf__str(b, "  ");
	while (message && f->message[message - 1] == '.')
		message--;
	buf__safe(b, f->message, message, false);
	if (closed) {
		buf__str(b, ": over");
	} else if ((f->status == FINDING_OPEN || f->news) && advice) {
		buf__str(b, "; ");
		buf__safe(b, f->advice, advice, false);
	}
	if (f->count > 1 && !f->gauge) {
		put_number(b, " (", f->count);
		buf__str(b, " times)");
	}
	end_line(s, closed ? DIM : colors[f->severity]);
}

static void write_lost(struct sink_text *s, const struct lost *l)
{
	static const char *const why[LOST_REASONS] = {
		[LOST_RING] = "events: the ring buffer was full",
		[LOST_FACTS] = "sockets: no room for more in the kernel's map",
		[LOST_SCRATCH] = "calls: no room for more in flight",
		[LOST_PEERS] = "UDP destinations: more than are remembered for one socket",
		[LOST_TREE] = "processes: no room to follow more",
		[LOST_MISSED] = "state changes: several at once on one CPU",
		[LOST_TABLE] = "sockets: the table was full, the oldest were forgotten",
		[LOST_RECORD] = "records that cannot be right",
		[LOST_QUEUE] = "records: the queue to the log's writer was full",
		[LOST_DISK] = "records that could not be written",
		[LOST_CRASH] = "or more: the recorder ended without a stop",
		[LOST_RETENTION] = "records: old segments were deleted",
	};
	struct buf *b = &s->line;

	put_number(b, "  ! lost  ", l->count);
	buf__char(b, ' ');
	buf__str(b, why[l->reason]);
	buf__str(b, " (");
	buf__str(b, lost_names[l->reason]);
	buf__str(b, "), ");
	put_clock(s, l->from_ns);
	buf__str(b, " to ");
	put_clock(s, l->to_ns);
	end_line(s, BOLD_RED);
}

static void write_clock(struct sink_text *s, const struct record *r)
{
	int64_t us = r->u.step_us;
	struct buf *b = &s->line;

	buf__str(b, us < 0 ? "  ! clock  was set back by " : "  ! clock  was set forward by ");
	put_duration(b, us < 0 ? 0 - (uint64_t)us : (uint64_t)us);
	buf__str(b, ", to ");
	put_clock(s, r->boot_ns);
	end_line(s, BOLD);
}

static void write_stop(struct sink_text *s, const struct stop *st)
{
	struct buf *b = &s->line;
	const char *before = "  ! lost  in all: ";
	size_t i;

	for (i = 0; i < LOST_REASONS; i++) {
		if (!st->lost[i])
			continue;
		buf__str(b, before);
		buf__str(b, lost_names[i]);
		put_number(b, " ", st->lost[i]);
		before = ", ";
	}
	if (b->len)
		end_line(s, BOLD_RED);
}

static void (*const details[RECORD_TYPES])(struct buf *b, const struct record *r) = {
	[RECORD_BIND] = detail_bind,       [RECORD_LISTEN] = detail_listen,
	[RECORD_CONNECT] = detail_connect, [RECORD_ACCEPT] = detail_accept,
	[RECORD_STATE] = detail_state,     [RECORD_CLOSE] = detail_close,
};

/* --- the sink --- */

static void sink_text__write(struct sink *sink, const struct record *r, uint64_t seq)
{
	struct sink_text *s = (struct sink_text *)sink;

	(void)seq;
	if (r->type == RECORD_PROCESS)
		return;
	s->line.len = 0;
	s->line.failed = false;
	if (r->type == RECORD_SNAPSHOT) {
		s->snapshots++;
		s->snapshot_ns = r->boot_ns;
		return;
	}
	write_snapshots(s);
	put_header(s, r->boot_ns);
	switch (r->type) {
	case RECORD_START:
	case RECORD_SEGMENT:
		break;
	case RECORD_FINDING:
		write_finding(s, r->u.finding);
		break;
	case RECORD_LOST:
		write_lost(s, r->u.lost);
		break;
	case RECORD_CLOCK:
		write_clock(s, r);
		break;
	case RECORD_STOP:
		write_stop(s, r->u.stop);
		break;
	default:
		write_socket(s, r, details[r->type]);
	}
}

static void sink_text__free(struct sink *sink)
{
	struct sink_text *s = (struct sink_text *)sink;

	if (!s)
		return;
	buf__free(&s->line);
	free(s);
}

struct sink *sink_text__new(const struct sink_config *c)
{
	struct sink_text *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sink = (struct sink){ .write = sink_text__write, .free = sink_text__free };
	s->config = *c;
	return &s->sink;
}
