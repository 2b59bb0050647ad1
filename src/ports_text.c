// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_text.c - for people: who holds which port, what goes out, what is left of the ephemeral ports;
 * of one port its whole story (ports_story.c).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "ports_text.h"

#define SECOND       1000000000ull
#define GROUPS_SHOWN 20 /* lines of outgoing connections; the rest is summed up */
#define CHOSEN_SHOWN 10 /* ports that the kernel chose for one process; more are summed up */

bool ports_print__wants(const struct ports_print *c, const struct ports_netns *n)
{
	const struct socket_filter *f = c->filter;
	bool by_netns = f->on & FILTER_NETNS, asked_for = !by_netns;
	size_t i;

	for (i = 0; i < f->n_netns && !asked_for; i++)
		asked_for = f->netns[i] == n->ref.inode;
	if (!asked_for || n->shown)
		return asked_for;
	if (c->port)
		return n->own || by_netns;
	return !(f->on & ~FILTER_NETNS) && f->tcp && f->udp && f->ipv4 && f->ipv6;
}

/* --- words --- */

__attribute__((format(printf, 2, 3))) void ports_text__line(const struct ports_print *c,
							    const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	out__put(c->out, line, n);
}

void ports_text__addr(struct buf *b, const struct ev_sock *s)
{
	char text[ADDR_TEXT], device[32];

	buf__put(b, text, addr__text(text, s->laddr, s->family));
	if (s->ifindex) {
		snprintf(device, sizeof(device), "%%if%u", s->ifindex);
		buf__str(b, device);
	}
}

void ports_text__end(struct buf *b, const uint8_t *addr, int family, uint16_t port)
{
	bool v6 = !addr__is_ipv4(addr, family);
	char text[ADDR_TEXT];

	if (v6)
		buf__char(b, '[');
	buf__put(b, text, addr__text(text, addr, family));
	buf__str(b, v6 ? "]:" : ":");
	buf__u64(b, port);
}

const char *ports_text__state(const struct ports_sock *s)
{
	if (s->sock.proto == IPPROTO_UDP)
		return s->sock.rport ? "connected" : "bound";
	return s->role == PORTS_IDLE ? "bound" : sink__state_name(s->state);
}

void ports_text__process(struct buf *b, const struct ports_process *process)
{
	buf__safe(b, process->proc.comm, strnlen(process->proc.comm, COMM_LEN), true);
	buf__char(b, ' ');
	buf__u64(b, process->proc.tgid);
}

/* "nginx 812, nginx 813 +6": at most `max` by name. */
void ports_text__processes(struct buf *b, const struct ports *p, const struct ports_sock *s,
			   unsigned int max)
{
	uint32_t use, more = 0;
	unsigned int n = 0;

	for (use = s->uses; use != PORTS_NONE; use = p->uses[use].next) {
		if (n == max) {
			more++;
			continue;
		}
		buf__str(b, n++ ? ", " : "");
		ports_text__process(b, &p->processes[p->uses[use].process]);
	}
	if (more) {
		buf__str(b, " +");
		buf__u64(b, more);
	}
	if (!n)
		buf__str(b, "-");
}

/* A time of this day, a day of this year, or a date. */
void ports_text__time(struct buf *b, const struct ports_print *c, uint64_t boot_ns)
{
	int64_t offset = c->wall->offset_ns + c->wall->gmtoff_s * (int64_t)SECOND;
	time_t then = (time_t)(((int64_t)boot_ns + offset) / (int64_t)SECOND);
	time_t now = (time_t)(((int64_t)c->now_ns + offset) / (int64_t)SECOND);
	struct tm at, today;
	char text[32];

	if (!gmtime_r(&then, &at) || !gmtime_r(&now, &today))
		return;
	strftime(text, sizeof(text),
		 then / 86400 == now / 86400 ? "%T" :
		 at.tm_year == today.tm_year ? "%b %e %H:%M" :
					       "%Y-%m-%d",
		 &at);
	buf__str(b, text);
}

static void put_started(struct buf *b, const struct ports_print *c, const struct ports_sock *s)
{
	const struct ports *p = c->ports;
	uint64_t first = UINT64_MAX;
	uint32_t use;

	for (use = s->uses; use != PORTS_NONE; use = p->uses[use].next)
		if (p->processes[p->uses[use].process].proc.start_ns < first)
			first = p->processes[p->uses[use].process].proc.start_ns;
	if (s->uses != PORTS_NONE)
		ports_text__time(b, c, first);
}

static void put_options(struct buf *b, const struct ports_sock *s)
{
	const char *before = "";
	unsigned int i;

	for (i = 0; i < SINK_OPTIONS; i++)
		if (s->sock.options & 1u << i) {
			buf__str(b, before);
			buf__str(b, sink_option_names[i]);
			before = " ";
		}
	if (s->mptcp) {
		buf__str(b, before);
		buf__str(b, "mptcp");
	}
}

void ports_text__states(struct buf *b, const uint32_t *states, uint8_t proto)
{
	const char *before = "";
	unsigned int i;

	if (proto == IPPROTO_UDP)
		return;
	for (i = 0; i < GROUP_STATES; i++)
		if (states[i]) {
			buf__str(b, before);
			buf__u64(b, states[i]);
			buf__char(b, ' ');
			buf__str(b, i == TCP_CLOSE ? "bound" : sink__state_name(i));
			before = ", ";
		}
}

void ports_text__netns(struct buf *b, const struct ports_netns *n)
{
	buf__u64(b, n->ref.inode);
	if (n->own)
		buf__str(b, " (this one)");
	if (n->name[0]) {
		buf__char(b, ' ');
		buf__safe(b, n->name, strlen(n->name), true);
	}
}

/* "Network namespace 4026532246 blue, of nginx 812:" */
void ports_text__heading(const struct ports_print *c, const struct ports_netns *n, bool first)
{
	struct buf b = { 0 };

	buf__str(&b, first ? "Network namespace " : "\nNetwork namespace ");
	ports_text__netns(&b, n);
	if (n->process != PORTS_NONE) {
		buf__str(&b, ", of ");
		ports_text__process(&b, &c->ports->processes[n->process]);
	}
	if (n->error) {
		buf__str(&b, ", cannot be entered (");
		buf__str(&b, log__errno(n->error));
		buf__str(&b, "): only what processes hold is known");
	}
	buf__str(&b, n->own ? "" : ":");
	buf__char(&b, '\n');
	if (!n->own || n->error)
		out__put(c->out, b.data, b.len);
	buf__free(&b);
}

/* --- who holds which port --- */

enum { COLUMN_PORT = 0, COLUMN_SERVICE = 10 };

static const struct table_column port_columns[] = {
	[COLUMN_PORT] = { .title = "PORT", .right = true },
	{ .title = "PROTO" },
	{ .title = "ADDRESS" },
	{ .title = "STATE" },
	{ .title = "QUEUE", .right = true, .optional = true, .rank = 1 },
	{ .title = "CONNS", .right = true, .optional = true, .rank = 2 },
	{ .title = "TIME_WAIT", .right = true, .optional = true, .rank = 5 },
	{ .title = "DROPS", .right = true, .optional = true },
	{ .title = "PROCESS" },
	{ .title = "USER", .rank = 3 },
	[COLUMN_SERVICE] = { .title = "SERVICE", .optional = true, .rank = 4 },
	{ .title = "STARTED", .optional = true, .rank = 6 },
	{ .title = "OPTIONS", .optional = true, .rank = 7 },
	{ .title = "CONTAINER", .optional = true, .rank = 8 },
};

struct table ports_text__port_table(bool one_port)
{
	struct table t = table__make(port_columns, sizeof(port_columns) / sizeof(port_columns[0]));

	if (one_port)
		t.hidden = 1u << COLUMN_PORT | 1u << COLUMN_SERVICE;
	return t;
}

static void put_queue(struct table *t, const struct ports_sock *s)
{
	struct buf *b = table__cell(t);

	if (s->role == PORTS_LISTENER && s->in_diag) {
		buf__u64(b, s->queue);
		buf__char(b, '/');
		buf__u64(b, s->limit);
	}
	table__next(t);
}

static void put_count(struct table *t, bool known, uint64_t n)
{
	if (known)
		buf__u64(table__cell(t), n);
	table__next(t);
}

static void put_owner(struct table *t, const struct ports_process *process)
{
	if (process)
		buf__safe(table__cell(t), process->user, strlen(process->user), true);
	if (process && !process->user[0] && !process->uid_unknown)
		buf__u64(table__cell(t), process->uid);
	table__next(t);
}

static const struct ports_process *first_process(const struct ports *p, const struct ports_sock *s)
{
	return s->uses == PORTS_NONE ? NULL : &p->processes[p->uses[s->uses].process];
}

static void put_container(struct table *t, const struct ports_process *process)
{
	if (process)
		buf__safe(table__cell(t), process->container, strnlen(process->container, 12),
			  true);
	table__next(t);
}

void ports_text__port_row(const struct ports_print *c, struct table *t, const struct ports_sock *s,
			  unsigned int processes)
{
	const struct ports_process *process = first_process(c->ports, s);
	const char *service = services__name(c->services, s->sock.proto, s->sock.lport);
	bool listener = s->role == PORTS_LISTENER;

	table__number(t, s->sock.lport);
	table__string(t, sink__proto_name(s->sock.proto));
	ports_text__addr(table__cell(t), &s->sock);
	table__next(t);
	table__string(t, ports_text__state(s));
	put_queue(t, s);
	put_count(t, listener, s->connections);
	put_count(t, listener, s->time_waits);
	put_count(t, s->in_diag && (listener || s->role == PORTS_DATAGRAM), s->drops);
	ports_text__processes(table__cell(t), c->ports, s, processes);
	table__next(t);
	put_owner(t, process);
	table__string(t, service ? service : "");
	put_started(table__cell(t), c, s);
	table__next(t);
	put_options(table__cell(t), s);
	table__next(t);
	put_container(t, process);
	if (listener && s->in_diag && (s->queue > s->limit || s->drops))
		table__mark(t);
}

/* Connections of a port that nobody listens on any more: one row for each process and address. */
static void put_left_over(const struct ports_print *c, struct table *t, const struct ports_group *g)
{
	const struct ports_process *process =
		g->process == PORTS_NONE ? NULL : &c->ports->processes[g->process];
	uint32_t live = g->count - g->states[TCP_TIME_WAIT];
	const char *service = services__name(c->services, g->proto, g->port);
	const struct ev_sock s = { .family = g->family };
	char text[ADDR_TEXT];

	table__number(t, g->port);
	table__string(t, sink__proto_name(g->proto));
	buf__put(table__cell(t), text, addr__text(text, g->addr, s.family));
	table__next(t);
	table__string(t, "no listener");
	table__string(t, "");
	table__number(t, live);
	table__number(t, g->states[TCP_TIME_WAIT]);
	table__string(t, "");
	if (process)
		ports_text__process(table__cell(t), process);
	else
		buf__char(table__cell(t), '-');
	table__next(t);
	put_owner(t, process);
	table__string(t, service ? service : "");
	if (process)
		ports_text__time(table__cell(t), c, process->proc.start_ns);
	table__next(t);
	table__string(t, "");
	put_container(t, process);
}

static void put_left_overs(const struct ports_print *c, struct table *t, struct ports_groups *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		put_left_over(c, t, &g->list[i]);
	ports_groups__free(g);
}

/* UDP, or only bound, with a port that the kernel chose. */
static bool is_chosen(const struct ports *p, const struct ports_sock *s)
{
	return (s->role == PORTS_DATAGRAM || s->role == PORTS_IDLE) && s->uses != PORTS_NONE &&
	       !(s->sock.facts & FACT_PORT_FIXED) &&
	       ports__in_range(&p->netns[s->netns], s->sock.lport);
}

/* How many of those that are connected to nothing each process has. NULL: ENOMEM; the caller frees it. */
static uint32_t *count_chosen(const struct ports *p, const struct ports_netns *n)
{
	uint32_t *counts = calloc(p->n_processes + 1, sizeof(*counts)), i;

	for (i = n->first; counts && i < n->first + n->sockets; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (is_chosen(p, s) && !s->sock.rport)
			counts[p->uses[s->uses].process]++;
	}
	return counts;
}

/* What goes in the second table: connections that a process made, and ports that it takes by the dozen. */
static bool is_outgoing(const struct ports *p, const struct ports_sock *s, const uint32_t *chosen)
{
	if (!is_chosen(p, s))
		return s->role == PORTS_CLIENT;
	return s->sock.rport || (chosen && chosen[p->uses[s->uses].process] > CHOSEN_SHOWN);
}

/* A row each, and what goes out into `outgoing`. */
static void put_ports(const struct ports_print *c, const struct ports_netns *n, struct table *t,
		      struct ports_groups *outgoing)
{
	struct ports_groups left = { 0 };
	const struct ports *p = c->ports;
	uint32_t *chosen = count_chosen(p, n), i;
	uint16_t port = 0;

	for (i = n->first; i < n->first + n->sockets; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (!s->shown)
			continue;
		if (s->sock.lport != port)
			put_left_overs(c, t, &left);
		port = s->sock.lport;
		if (is_outgoing(p, s, chosen))
			ports_groups__add(outgoing, p, s, s->sock.raddr, s->sock.rport);
		else if (s->role != PORTS_SERVER)
			ports_text__port_row(c, t, s, 1);
		else if (s->listener == PORTS_NONE)
			ports_groups__add(&left, p, s, s->sock.laddr, s->sock.lport);
	}
	put_left_overs(c, t, &left);
	free(chosen);
}

/* --- what goes out --- */

static const struct table_column out_columns[] = {
	{ .title = "COUNT", .right = true },
	{ .title = "PROTO" },
	{ .title = "DESTINATION" },
	{ .title = "PROCESS" },
	{ .title = "STATES", .optional = true, .rank = 2 },
	{ .title = "USER", .rank = 3 },
	{ .title = "SERVICE", .optional = true, .rank = 1 },
	{ .title = "CONTAINER", .optional = true, .rank = 4 },
};

static void put_outgoing(const struct ports_print *c, struct table *t, const struct ports_group *g)
{
	const struct ports_process *process =
		g->process == PORTS_NONE ? NULL : &c->ports->processes[g->process];
	const char *service = g->port ? services__name(c->services, g->proto, g->port) : NULL;

	table__number(t, g->count);
	table__string(t, sink__proto_name(g->proto));
	if (g->port)
		ports_text__end(table__cell(t), g->addr, g->family, g->port);
	else
		buf__str(table__cell(t), "not connected");
	table__next(t);
	if (process)
		ports_text__process(table__cell(t), process);
	else
		buf__char(table__cell(t), '-');
	table__next(t);
	ports_text__states(table__cell(t), g->states, g->proto);
	table__next(t);
	put_owner(t, process);
	table__string(t, service ? service : "");
	put_container(t, process);
}

static void print_outgoing(const struct ports_print *c, struct ports_groups *g)
{
	struct table t = table__make(out_columns, sizeof(out_columns) / sizeof(out_columns[0]));
	size_t i, more = 0, lines = g->n > GROUPS_SHOWN ? GROUPS_SHOWN : g->n;

	ports_groups__sort(g);
	for (i = 0; i < g->n; i++) {
		if (i < lines)
			put_outgoing(c, &t, &g->list[i]);
		else
			more += g->list[i].count;
	}
	if (g->n)
		ports_text__line(c, "\nOutgoing, by destination and process:");
	table__print(&t, c->out, 2, c->columns, c->color);
	if (more)
		ports_text__line(c,
				 "  and %zu more to %zu other destinations or of other processes: "
				 "--json has them all",
				 more, g->n - lines);
	table__free(&t);
}

static void print_netns(const struct ports_print *c, const struct ports_netns *n, bool first)
{
	struct table t = ports_text__port_table(false);
	struct ports_groups outgoing = { 0 };

	put_ports(c, n, &t, &outgoing);
	ports_text__heading(c, n, first);
	table__print(&t, c->out, 0, c->columns, c->color);
	print_outgoing(c, &outgoing);
	if (outgoing.failed)
		out__fail(c->out, -ENOMEM);
	ports_groups__free(&outgoing);
	table__free(&t);
}

/* --- what is left --- */

static const struct table_column budget_columns[] = {
	{ .title = "NAMESPACE" },
	{ .title = "RANGE" },
	{ .title = "RESERVED", .right = true, .rank = 2 },
	{ .title = "USABLE", .right = true },
	{ .title = "TCP USED", .right = true },
	{ .title = "BOUND", .right = true, .optional = true, .rank = 3 },
	{ .title = "UDP USED", .right = true },
	{ .title = "TIME_WAIT", .right = true, .rank = 1 },
};

static void put_range(struct buf *b, const struct ports_netns *n)
{
	buf__u64(b, n->facts.range_low);
	buf__char(b, '-');
	buf__u64(b, n->facts.range_high);
}

static void put_budget(struct table *t, const struct ports_netns *n)
{
	ports_text__netns(table__cell(t), n);
	table__next(t);
	put_range(table__cell(t), n);
	table__next(t);
	table__number(t, n->facts.reserved);
	table__number(t, n->capacity);
	table__number(t, n->tcp_used);
	table__number(t, n->tcp_kept);
	table__number(t, n->udp_used);
	table__number(t, n->facts.time_wait);
}

static const struct table_column pair_columns[] = {
	{ .title = "NAMESPACE", .rank = 2 },
	{ .title = "USED", .right = true },
	{ .title = "OF", .right = true },
	{ .title = "LIVE", .right = true, .rank = 1 },
	{ .title = "TIME_WAIT", .right = true },
	{ .title = "FROM" },
	{ .title = "TO" },
	{ .title = "SERVICE", .optional = true, .rank = 3 },
};

static void put_pair(const struct ports_print *c, struct table *t, const struct ports_netns *n,
		     const struct ports_pair *pair)
{
	uint64_t percent = n->capacity ? 100ull * pair->used / n->capacity : 0;
	const char *service = services__name(c->services, IPPROTO_TCP, pair->rport);
	char text[ADDR_TEXT];

	ports_text__netns(table__cell(t), n);
	table__next(t);
	buf__u64(table__cell(t), percent);
	buf__str(table__cell(t), " %");
	table__next(t);
	table__number(t, n->capacity);
	table__number(t, pair->live);
	table__number(t, pair->time_wait);
	buf__put(table__cell(t), text, addr__text(text, pair->laddr, pair->family));
	table__next(t);
	ports_text__end(table__cell(t), pair->raddr, pair->family, pair->rport);
	table__next(t);
	table__string(t, service ? service : "");
	if (percent >= 80)
		table__mark(t);
}

void ports_text__budget(const struct ports_print *c)
{
	struct table budget =
		table__make(budget_columns, sizeof(budget_columns) / sizeof(budget_columns[0]));
	struct table pairs =
		table__make(pair_columns, sizeof(pair_columns) / sizeof(pair_columns[0]));
	size_t i, k;

	for (i = 0; i < c->ports->n_netns; i++) {
		const struct ports_netns *n = &c->ports->netns[i];

		if (!n->facts.range_high || !ports_print__wants(c, n))
			continue;
		put_budget(&budget, n);
		for (k = 0; k < n->n_tightest; k++)
			put_pair(c, &pairs, n, &n->tightest[k]);
	}
	if (budget.n_cells)
		ports_text__line(c, "\nEphemeral ports:");
	table__print(&budget, c->out, 2, c->columns, c->color);
	if (pairs.n_cells)
		ports_text__line(c, "\nTightest, by local address and destination:");
	table__print(&pairs, c->out, 2, c->columns, c->color);
	table__free(&budget);
	table__free(&pairs);
}

static void print_all(const struct ports_print *c)
{
	bool any = false;
	size_t i;

	for (i = 0; i < c->ports->n_netns; i++) {
		const struct ports_netns *n = &c->ports->netns[i];

		if (!n->shown && (!n->error || !ports_print__wants(c, n)))
			continue;
		print_netns(c, n, !any);
		any = true;
	}
	if (!any)
		ports_text__line(c, "%s",
				 c->ports->n_socks ? "No port in use that matches." :
						     "No port is in use.");
}

void ports_text__print(const struct ports_print *c)
{
	if (c->at)
		ports_at__print(c);
	if (c->at && !c->at->covered)
		return;
	if (c->port)
		ports_story__print(c);
	else
		print_all(c);
	ports_text__budget(c);
}
