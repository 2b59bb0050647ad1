// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_story.c - all about one port: what it is, who holds it, what is connected to it, and whether a
 * bind() would succeed now.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "addr.h"
#include "log.h"
#include "ports_text.h"

#define PEERS_SHOWN     20
#define PROCESSES_SHOWN 8

/* --- what it is --- */

static void print_nature(const struct ports_print *c, const struct ports_netns *n)
{
	const struct netns_facts *f = &n->facts;
	const char *tcp = services__name(c->services, IPPROTO_TCP, c->port);
	const char *udp = services__name(c->services, IPPROTO_UDP, c->port);
	const char *name = tcp ? tcp : udp;

	ports_text__line(c, "Port %u%s%s%s%s%s", c->port, name ? " (" : "", name ? name : "",
			 name ? ")" : "", f->range_high ? ": " : "",
			 f->range_high ? ports__class(n, c->port) : "");
	if (!f->range_high)
		return;
	if (c->port < f->unprivileged_start)
		ports_text__line(c, "  a bind() needs CAP_NET_BIND_SERVICE: it is below %u",
				 f->unprivileged_start);
	if (!ports__in_range(n, c->port))
		ports_text__line(c, "  outside the ephemeral range %u-%u%s", f->range_low,
				 f->range_high, f->port_reserved ? ", and reserved" : "");
	else
		ports_text__line(c, "  in the ephemeral range %u-%u%s", f->range_low, f->range_high,
				 f->port_reserved ?
					 ", but reserved: no outgoing connection takes it" :
					 ", not reserved: an outgoing connection may take it");
}

/* --- who holds it --- */

static void print_holders(const struct ports_print *c, uint32_t from, uint32_t to)
{
	const struct ports *p = c->ports;
	struct table t = ports_text__port_table(true);
	uint32_t i;

	for (i = from; i < to; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];

		if (s->shown && s->role != PORTS_SERVER && s->role != PORTS_CLIENT)
			ports_text__port_row(c, &t, s, PROCESSES_SHOWN);
	}
	table__print(&t, c->out, 0, c->columns, c->color);
	table__free(&t);
}

static const struct table_column peer_columns[] = {
	{ .title = "COUNT", .right = true },
	{ .title = "PEER" },
	{ .title = "STATES" },
	{ .title = "PROCESS" },
	{ .title = "USER", .rank = 1 },
};

static void put_peer(const struct ports_print *c, struct table *t, const struct ports_group *g)
{
	const struct ports_process *process =
		g->process == PORTS_NONE ? NULL : &c->ports->processes[g->process];
	char text[ADDR_TEXT];

	table__number(t, g->count);
	if (g->port)
		ports_text__end(table__cell(t), g->addr, g->family, g->port);
	else
		buf__put(table__cell(t), text, addr__text(text, g->addr, g->family));
	table__next(t);
	ports_text__states(table__cell(t), g->states, g->proto);
	table__next(t);
	if (process)
		ports_text__process(table__cell(t), process);
	else
		buf__char(table__cell(t), '-');
	table__next(t);
	if (process)
		buf__safe(table__cell(t), process->user, strlen(process->user), true);
	table__next(t);
}

/* A server's by the peer's address, a client's with its port. */
static void print_connections(const struct ports_print *c, uint32_t from, uint32_t to)
{
	struct table t = table__make(peer_columns, sizeof(peer_columns) / sizeof(peer_columns[0]));
	const struct ports *p = c->ports;
	struct ports_groups g = { 0 };
	uint32_t i, n = 0, closed = 0, last_ms = 0, more = 0;

	for (i = from; i < to; i++) {
		const struct ports_sock *s = &p->socks[p->order[i]];
		bool client = s->role == PORTS_CLIENT;

		if (!s->shown || (s->role != PORTS_SERVER && !client))
			continue;
		if (s->time_wait) {
			closed++;
			last_ms = s->expires_ms > last_ms ? s->expires_ms : last_ms;
			continue;
		}
		ports_groups__add(&g, p, s, s->sock.raddr, client ? s->sock.rport : 0);
		n++;
	}
	ports_groups__sort(&g);
	for (i = 0; i < g.n; i++) {
		if (i < PEERS_SHOWN)
			put_peer(c, &t, &g.list[i]);
		else
			more += g.list[i].count;
	}
	if (n)
		ports_text__line(c, "\nConnections: %u", n);
	table__print(&t, c->out, 2, c->columns, c->color);
	if (more)
		ports_text__line(c, "  and %u more with %zu other peers: --json has them all", more,
				 g.n - PEERS_SHOWN);
	if (closed)
		ports_text__line(c,
				 "\nTIME_WAIT: %u closed connection%s, the last for another %u s",
				 closed, closed == 1 ? "" : "s", (last_ms + 999) / 1000);
	if (g.failed)
		out__fail(c->out, -ENOMEM);
	ports_groups__free(&g);
	table__free(&t);
}

/* --- would a bind() succeed? --- */

static const struct table_column bind_columns[] = {
	{ .title = "BIND TO" },
	{ .title = "PLAIN" },
	{ .title = "SO_REUSEADDR" },
	{ .title = "SO_REUSEPORT" },
	{ .title = "IN THE WAY", .optional = true, .rank = 1 },
};

struct asking {
	const struct ports_print *c;
	struct table *t;
	uint32_t netns;
	bool estimated;
	bool only_count; /* of the plain ones, how many are */
	unsigned int refused;
};

static void put_verdict(struct asking *asking, const struct ports_answer *a)
{
	struct buf *b = table__cell(asking->t);

	if (!a->error) {
		buf__str(b, "yes");
	} else if (a->error == -EADDRINUSE) {
		buf__str(b, a->estimated ? "no? " : "no: ");
		buf__str(b, conflict_names[a->rule]);
	} else {
		buf__str(b, "no: ");
		buf__str(b, log__errno(a->error));
	}
	asking->estimated |= a->estimated;
	table__next(asking->t);
}

static void put_in_the_way(struct asking *asking, const struct ports_answer *a)
{
	const struct ports *p = asking->c->ports;
	struct buf *b = table__cell(asking->t);

	if (a->n_holders) {
		const struct ports_sock *s = &p->socks[a->holders[0]];

		if (s->uses != PORTS_NONE) {
			ports_text__process(b, &p->processes[p->uses[s->uses].process]);
			buf__char(b, ' ');
		}
		buf__str(b, ports_text__state(s));
		buf__str(b, " at ");
		ports_text__addr(b, &s->sock);
		if (a->holders_total > 1) {
			buf__str(b, " +");
			buf__u64(b, a->holders_total - 1);
		}
	}
	table__next(asking->t);
}

static void put_address(struct asking *asking, const struct ports_question *q)
{
	struct buf *b = table__cell(asking->t);
	char text[ADDR_TEXT];

	buf__str(b, sink__proto_name(q->proto));
	buf__char(b, ' ');
	if (q->other) {
		buf__str(b, q->family == AF_INET ? "any other IPv4" : "any other IPv6");
	} else {
		buf__put(b, text, addr__text(text, q->laddr, q->family));
		if (q->family != AF_INET && addr__is_ipv4(q->laddr, q->family))
			buf__str(b, " (IPv6)");
		if (q->options & OPT_V6ONLY)
			buf__str(b, " v6only");
	}
	table__next(asking->t);
}

/* The same address with each set of options. */
static void ask_sets(struct asking *asking, struct ports_question q)
{
	static const uint32_t sets[] = { 0, OPT_REUSEADDR, OPT_REUSEPORT };
	const uint32_t family_options = q.options;
	struct ports_answer a, first = { 0 };
	size_t i;

	if (asking->only_count) {
		/* without options: it is refused wherever another is */
		ports__predict(asking->c->ports, asking->netns, &q, &a);
		asking->refused += a.error != 0;
		return;
	}
	put_address(asking, &q);
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		q.options = family_options | sets[i];
		ports__predict(asking->c->ports, asking->netns, &q, &a);
		put_verdict(asking, &a);
		if (!first.n_holders)
			first = a;
	}
	put_in_the_way(asking, &first);
}

static void ask_address(void *arg, const struct ports_question *address)
{
	struct asking *asking = arg;
	struct ports_question q = *address;

	q.uid = asking->c->uid;
	q.privileged = asking->c->privileged;
	ask_sets(asking, q);
	if (q.family != AF_INET && addr__is_wildcard(q.laddr)) {
		q.options = OPT_V6ONLY;
		ask_sets(asking, q);
	}
}

static void ask_protocol(struct asking *asking, uint8_t proto)
{
	const struct ports_print *c = asking->c;
	int i;

	asking->only_count = true;
	asking->refused = 0;
	ports__addresses(c->ports, asking->netns, c->port, proto, ask_address, asking);
	asking->only_count = false;
	if (asking->refused) {
		ports__addresses(c->ports, asking->netns, c->port, proto, ask_address, asking);
		return;
	}
	buf__str(table__cell(asking->t), sink__proto_name(proto));
	table__string(asking->t, " any address");
	for (i = 0; i < 3; i++)
		table__string(asking->t, "yes");
	table__string(asking->t, "");
}

static void print_prediction(const struct ports_print *c, uint32_t netns)
{
	struct table t = table__make(bind_columns, sizeof(bind_columns) / sizeof(bind_columns[0]));
	struct asking asking = { .c = c, .t = &t, .netns = netns };

	ask_protocol(&asking, IPPROTO_TCP);
	ask_protocol(&asking, IPPROTO_UDP);
	ports_text__line(c, "\nWould a bind() succeed now, for %s%s%u%s?", c->user,
			 c->user[0] ? " (uid " : "uid ", c->uid, c->user[0] ? ")" : "");
	table__print(&t, c->out, 2, c->columns, c->color);
	if (asking.estimated)
		ports_text__line(c,
				 "  no?: nobody can tell whether those connections have SO_REUSE*");
	table__free(&t);
}

void ports_story__print(const struct ports_print *c)
{
	const struct ports *p = c->ports;
	uint32_t i, from, to;
	bool first = true;

	for (i = 0; i < p->n_netns; i++) {
		if (!ports_print__wants(c, &p->netns[i]))
			continue;
		ports_text__heading(c, &p->netns[i], first);
		first = false;
		print_nature(c, &p->netns[i]);
		ports__of_port(p, i, c->port, &from, &to);
		if (p->netns[i].shown) {
			ports_text__line(c, "%s", "");
			print_holders(c, from, to);
			print_connections(c, from, to);
		} else {
			ports_text__line(c, "\n%s",
					 from < to ? "Nothing on it that matches." :
						     "Nobody has it.");
		}
		if (!c->at) /* who would have asked, and what was in the way, no log tells */
			print_prediction(c, i);
	}
	if (first)
		ports_text__line(c, "Nobody has it.");
}
