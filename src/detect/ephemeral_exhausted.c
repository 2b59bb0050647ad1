// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ephemeral_exhausted - the kernel had no port left to choose: for connect() from this address to that
 * destination, for bind() to port 0, for a UDP socket's first use.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ephemeral.h"
#include "finding_set.h"

#define ASK_AGAIN_NS 1000000000ull /* where there was no answer */

extern const struct detector ephemeral_exhausted;

static const uint8_t v4_any[ADDR_LEN] = { [10] = 0xff, [11] = 0xff };

struct exhausted {
	struct finding_set open; /* subject: what the record says; a failed connect() has no laddr */
	struct destinations *all;
	struct ask_budget budget;
};

/*
 * A failed connect() is about a port only where it got as far as to choose one: after SYN_SENT
 * (tcp_v4_connect, tcp_v6_connect). Before, EADDRNOTAVAIL is a matter of addresses. With a port of
 * its own, it is that 4-tuple which is in use.
 */
static const char *connect_call(const struct record *r)
{
	const struct ev_sock *s = r->sock;

	if (s->proto == IPPROTO_UDP)
		return r->error == -EAGAIN ? "connect" : NULL;
	if (!sock__is_tcp(s) || r->error != -EADDRNOTAVAIL || r->u.connect->abandoned ||
	    !(s->facts & FACT_SYN_SENT) || s->lport)
		return NULL;
	return "connect";
}

static const char *bind_call(const struct record *r)
{
	if (r->u.bind->automatic)
		return r->error == -EAGAIN ? "send" : NULL;
	if (r->error != -EADDRINUSE || !r->u.bind->req_known || r->u.bind->req_port)
		return NULL;
	return "bind";
}

/* The call that found no port, NULL where this record is none. */
static const char *failed_call(const struct record *r)
{
	if (!r->error || !r->sock || !r->actor)
		return NULL;
	if (r->type == RECORD_CONNECT)
		return connect_call(r);
	if (r->type == RECORD_BIND)
		return bind_call(r);
	/* listen() of a socket without a port chooses one */
	if (r->type == RECORD_LISTEN && r->error == -EADDRINUSE && !r->sock->lport)
		return "listen";
	return NULL;
}

static struct ask_port_use question(const struct record *r)
{
	const struct ev_sock *s = r->sock;
	struct ask_port_use q = { .net = finding__netns(s, r->actor),
				  .proto = sock__port_proto(s),
				  .users = 1,
				  .failed = 1 };

	memcpy(q.laddr, r->type == RECORD_BIND ? r->u.bind->req_addr : s->laddr, ADDR_LEN);
	if (s->family == AF_INET)
		memcpy(q.laddr, v4_any, 12); /* an unbound socket that only sends has zeros there */
	q.exclusive = r->type != RECORD_CONNECT || s->proto == IPPROTO_UDP;
	q.v6only = s->options & OPT_V6ONLY ? 1 : 0;
	if (!q.exclusive) {
		memcpy(q.raddr, s->raddr, ADDR_LEN);
		q.rport = s->rport;
	}
	if (r->type == RECORD_CONNECT) {
		q.low = r->u.connect->range_low;
		q.high = r->u.connect->range_high;
	} else if (r->type == RECORD_BIND) {
		q.low = r->u.bind->range_low;
		q.high = r->u.bind->range_high;
	}
	return q;
}

static uint64_t hash_question(uint64_t h, const struct ask_port_use *q)
{
	h = detect__hash(h, q->laddr, sizeof(q->laddr));
	h = detect__hash(h, q->raddr, sizeof(q->raddr));
	h = detect__hash(h, &q->rport, sizeof(q->rport));
	h = detect__hash(h, &q->low, sizeof(q->low));
	h = detect__hash(h, &q->high, sizeof(q->high));
	return detect__hash(h, &q->proto, sizeof(q->proto));
}

/* Which local address it was, only those that got a port can tell. */
static void find_source(const struct exhausted *x, const struct record *r, struct ephemeral *e)
{
	static const uint8_t v6_any[ADDR_LEN];

	if (e->q.exclusive)
		return;
	e->to = destinations__busiest(x->all, r->sock);
	if (e->to &&
	    (!memcmp(e->q.laddr, v6_any, ADDR_LEN) || !memcmp(e->q.laddr, v4_any, ADDR_LEN)))
		memcpy(e->q.laddr, e->to->key.laddr, ADDR_LEN);
}

static void exhausted__met(struct exhausted *x, struct detect *d, const struct record *r,
			   const char *call)
{
	struct ephemeral e = { .q = question(r), .all = x->all, .now_ns = r->boot_ns };
	struct finding f;
	struct open_finding *o;
	uint64_t subject;

	finding__begin(&f, &ephemeral_exhausted, r->boot_ns);
	subject = hash_question(finding__key(&f, &e.q.net), &e.q);
	o = finding_set__of_subject(&x->open, subject);
	if (o && r->boot_ns < o->asked_ns + FINDING_UPDATE_NS) {
		finding_set__again(o, d, r->boot_ns);
		return;
	}
	finding__met_by(&f, r);
	f.call = call;
	f.any_port = true;
	find_source(x, r, &e);
	f.key = hash_question(finding__key(&f, &e.q.net), &e.q);
	/* what the kernel said before is worth more than nothing now */
	if ((!ephemeral__may_ask(&x->budget, 5 * ASK_PORTS_EACH, r->boot_ns) ||
	     !ephemeral__ask(&e, d)) &&
	    o) {
		finding_set__again(o, d, r->boot_ns);
		return;
	}
	ephemeral__tell_exhausted(&e, &f);
	o = finding_set__met(&x->open, d, &f);
	if (!o)
		return;
	o->subject = subject;
	o->asked_ns = r->boot_ns;
	if (!e.known)
		o->asked_ns -= FINDING_UPDATE_NS - ASK_AGAIN_NS;
}

static void ephemeral_exhausted__on_record(void *state, struct detect *d, const struct record *r)
{
	struct exhausted *x = state;
	const char *call = failed_call(r);

	if (!x->all)
		x->all = destinations__new();
	if (!x->all)
		return;
	if (call)
		exhausted__met(x, d, r, call);
	else
		destinations__count(x->all, r);
}

static void ephemeral_exhausted__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct exhausted *x = state;

	finding_set__tick(&x->open, d, now_ns, FINDING_QUIET_NS);
}

static void ephemeral_exhausted__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct exhausted *x = state;

	finding_set__end(&x->open, d, now_ns);
	destinations__free(x->all);
	x->all = NULL;
}

const struct detector ephemeral_exhausted = {
	.id = "ephemeral_exhausted",
	.severity = SEVERITY_ERROR,
	.summary =
		"connect(), bind() to port 0 or a UDP socket's first use finds no free local port: says what uses them up",
	.evidence =
		"call: connect, bind, listen or send; error; count: how often it was met; " EPHEMERAL_EVIDENCE,
	.state_size = sizeof(struct exhausted),
	.on_record = ephemeral_exhausted__on_record,
	.tick = ephemeral_exhausted__tick,
	.end = ephemeral_exhausted__end,
};
