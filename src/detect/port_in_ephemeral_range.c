// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * port_in_ephemeral_range - a server's fixed port is one that the kernel also gives to outgoing
 * connections. While the server is down, one of them can take it. Of TCP listeners only: DNS resolvers
 * and the like bind UDP sockets to random numbers of the range by intention.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

#define SECOND 1000000000ull

#define RANGE_NEWS_NS SECOND /* a snapshot has thousands of listeners, all outside of one range */
#define LIST_MAX      160    /* of reserved ports, to be evidence */

extern const struct detector port_in_ephemeral_range;

struct ranges {
	struct finding_set open; /* subject: the settings that it was judged by */
	struct members listeners;
	struct netns_ref net; /* the last namespace asked about */
	struct netns_facts facts;
	uint64_t facts_ns;
};

static bool is_fixed_listener(const struct record *r)
{
	if (!r->sock || r->sock->proto == IPPROTO_UDP || !r->sock->lport ||
	    !(r->sock->facts & FACT_PORT_FIXED))
		return false;
	return (r->type == RECORD_LISTEN && !r->error) ||
	       (r->type == RECORD_SNAPSHOT && r->sock->state == TCP_LISTEN);
}

static bool in_range(const struct netns_facts *n, uint16_t port)
{
	return port >= n->range_low && port <= n->range_high;
}

/* Could it be, by what is known of the namespace from a moment ago? */
static bool could_be(const struct ranges *all, const struct netns_ref *net, uint16_t port,
		     uint64_t now_ns)
{
	if (!all->facts_ns || now_ns > all->facts_ns + RANGE_NEWS_NS ||
	    all->net.inode != net->inode || all->net.cookie != net->cookie)
		return true;
	return in_range(&all->facts, port);
}

static uint64_t settings_of(const struct netns_facts *n)
{
	const uint32_t settings[] = { n->range_low, n->range_high, n->reserved };

	return detect__hash(0, settings, sizeof(settings));
}

static void say(struct finding *f, const struct netns_facts *n)
{
	static const char name[] = "net.ipv4.ip_local_reserved_ports";
	struct phrase m = phrase__message(f), a = phrase__advice(f);
	const struct ev_owner *proc = &f->actor.proc;
	unsigned port = f->sock.lport;

	phrase__owner(&m, proc);
	phrase__add(&m, " listens on ");
	phrase__address(&m, f->sock.laddr, port);
	phrase__add(
		&m,
		"/tcp, inside the ephemeral range %u-%u: an outgoing connection can take the port "
		"while it is down, and it cannot start again then",
		n->range_low, n->range_high);

	/* in whatever order such commands are pasted, none takes back another: an empty list after the comma is one too */
	phrase__add(&a, "reserve it: ");
	phrase__inside(&a, n, proc->tgid);
	phrase__add(&a,
		    n->foreign ? "sh -c 'sysctl -w %s=%u,$(sysctl -n %s)'" :
				 "sysctl -w %s=%u,$(sysctl -n %s)",
		    name, port, name);
	phrase__add(&a,
		    " (the line that it prints, in /etc/sysctl.d, keeps it), or move %.*s below %u",
		    COMM_LEN, proc->comm, n->range_low);
}

static void tell(struct ranges *all, struct detect *d, const struct record *r,
		 const struct netns_ref *net, const struct netns_facts *n)
{
	const struct ask_netns q = { .net = *net };
	char reserved[LIST_MAX + 1] = "";
	struct open_finding *o;
	struct finding f;
	ssize_t len;

	len = kernel__ask(detect__kernel(d), ASK_RESERVED, &q, sizeof(q), reserved, LIST_MAX);
	reserved[len > 0 && len <= LIST_MAX ? len : 0] = '\0';
	finding__begin(&f, &port_in_ephemeral_range, r->boot_ns);
	finding__met_by(&f, r);
	if (!f.actor.proc.tgid)
		f.actor.proc = r->sock->owner;
	f.key = finding__key(&f, net);
	f.key = detect__hash(f.key, r->sock->laddr, sizeof(r->sock->laddr));
	f.key = detect__hash(f.key, &r->sock->lport, sizeof(r->sock->lport));
	if (!members__add(&all->listeners, r->sock->cookie, f.key))
		return;
	o = finding_set__of_key(&all->open, f.key);
	f.gauge = true;
	f.count = o ? o->f.count + 1 : 1;
	finding__number(&f, "port", r->sock->lport);
	finding__number(&f, "range_low", n->range_low);
	finding__number(&f, "range_high", n->range_high);
	finding__text(&f, "sysctl", "net.ipv4.ip_local_reserved_ports");
	if (len >= 0)
		finding__text(&f, "reserved", "%s", reserved);
	say(&f, n);
	o = finding_set__met(&all->open, d, &f);
	if (o)
		o->subject = settings_of(n);
}

static void look_at(struct ranges *all, struct detect *d, const struct record *r)
{
	const struct netns_ref net = finding__netns(r->sock, r->actor);
	const uint16_t port = r->sock->lport;

	if (members__key(&all->listeners, r->sock->cookie) ||
	    !could_be(all, &net, port, r->boot_ns) || !known__netns(d, &net, port, &all->facts))
		return;
	all->net = net;
	all->facts_ns = r->boot_ns;
	if (in_range(&all->facts, port) && !all->facts.port_reserved)
		tell(all, d, r, &net, &all->facts);
}

static void over(struct ranges *all, struct detect *d, uint64_t key, uint64_t now_ns)
{
	struct open_finding *o = finding_set__of_key(&all->open, key);

	members__forget(&all->listeners, key);
	if (o)
		finding_set__close(&all->open, d, o, now_ns);
}

static void port_in_ephemeral_range__on_record(void *state, struct detect *d,
					       const struct record *r)
{
	struct ranges *all = state;
	uint64_t key;

	if (is_fixed_listener(r)) {
		look_at(all, d, r);
	} else if (r->type == RECORD_CLOSE) {
		key = members__key(&all->listeners, r->sock->cookie);
		if (!key)
			return;
		if (!members__leave(&all->listeners, r->sock->cookie, key))
			over(all, d, key, r->boot_ns);
		else if (finding_set__of_key(&all->open, key))
			finding_set__of_key(&all->open, key)->f.count--;
	}
}

/* Somebody changed the settings: has it been put right? */
static void port_in_ephemeral_range__poll(void *state, struct detect *d, const struct watched *w,
					  uint64_t now_ns)
{
	struct ranges *all = state;
	size_t i = 0;

	while (i < all->open.n) {
		struct open_finding *o = all->open.list[i];
		const struct ev_sock *s = &o->f.sock;
		struct netns_facts now;

		if (s->netns != w->net.inode || s->netns_cookie != w->net.cookie ||
		    o->subject == settings_of(&w->facts) ||
		    !known__netns(d, &w->net, s->lport, &now)) {
			i++;
			continue;
		}
		o->subject = settings_of(&now);
		if (!in_range(&now, s->lport) || now.port_reserved)
			over(all, d, o->f.key, now_ns);
		else
			i++;
	}
}

static void port_in_ephemeral_range__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct ranges *all = state;

	finding_set__end(&all->open, d, now_ns);
	members__free(&all->listeners);
}

const struct detector port_in_ephemeral_range = {
	.id = "port_in_ephemeral_range",
	.severity = SEVERITY_INFO,
	.summary =
		"a TCP listener's fixed port lies in net.ipv4.ip_local_port_range and is not reserved: an "
		"outgoing connection can take it before the next start",
	.evidence =
		"count: listeners on this address and port; port; range_low, range_high: "
		"net.ipv4.ip_local_port_range; sysctl: the one that reserves it; reserved: what is in it "
		"now, absent where that is longer than 160 bytes",
	.state_size = sizeof(struct ranges),
	.on_record = port_in_ephemeral_range__on_record,
	.poll = port_in_ephemeral_range__poll,
	.end = port_in_ephemeral_range__end,
};
