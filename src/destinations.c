// SPDX-License-Identifier: GPL-2.0-or-later
/* destinations.c - a hash of bounded size, and moving rates by destination and program. */
#include "destinations.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "detect.h"

#define SECOND  1000000000ull
#define MINUTE  (60 * SECOND)
#define BUCKETS 8192

struct destinations {
	struct destination *buckets[BUCKETS];
	struct destination *newest, *oldest;
	size_t n;
};

struct destinations *destinations__new(void)
{
	return calloc(1, sizeof(struct destinations));
}

void destinations__free(struct destinations *all)
{
	struct destination *d, *older;

	if (!all)
		return;
	for (d = all->newest; d; d = older) {
		older = d->older;
		free(d);
	}
	free(all);
}

static void unlink_order(struct destinations *all, struct destination *d)
{
	*(d->newer ? &d->newer->older : &all->newest) = d->older;
	*(d->older ? &d->older->newer : &all->oldest) = d->newer;
}

static void link_newest(struct destinations *all, struct destination *d)
{
	d->newer = NULL;
	d->older = all->newest;
	*(all->newest ? &all->newest->newer : &all->oldest) = d;
	all->newest = d;
}

static void drop_oldest(struct destinations *all)
{
	struct destination *d = all->oldest, **at = &all->buckets[d->id % BUCKETS];

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	unlink_order(all, d);
	all->n--;
	free(d);
}

struct destination *destinations__of_id(const struct destinations *all, uint64_t id)
{
	struct destination *d = all->buckets[id % BUCKETS];

	while (d && d->id != id)
		d = d->next;
	return d;
}

/* Two with the same hash are taken for one: 4096 of 2^64. */
static struct destination *find_or_add(struct destinations *all, const struct destination_key *key,
				       uint64_t now_ns)
{
	uint64_t id = detect__hash(0, key, sizeof(*key));
	struct destination *d = destinations__of_id(all, id);

	if (d) {
		unlink_order(all, d);
		link_newest(all, d);
		return d;
	}
	if (all->n == DESTINATIONS_MAX)
		drop_oldest(all);
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->key = *key;
	d->id = id;
	d->first_ns = now_ns;
	d->minute_ns = now_ns;
	d->second_ns = now_ns;
	d->next = all->buckets[id % BUCKETS];
	all->buckets[id % BUCKETS] = d;
	link_newest(all, d);
	all->n++;
	return d;
}

static bool same_process(const struct ev_owner *a, const struct ev_owner *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns;
}

/*
 * Where all places are taken: the one of the same name, as a shell loop's thousand processes share one;
 * else the one that opened least.
 */
static struct opener *find_opener(struct destination *d, const struct ev_owner *proc)
{
	struct opener *of_name = NULL, *least = d->openers;
	size_t i;

	for (i = 0; i < d->n_openers; i++) {
		struct opener *o = &d->openers[i];

		if (same_process(&o->proc, proc))
			return o;
		if (!strncmp(o->proc.comm, proc->comm, COMM_LEN) &&
		    (!of_name || o->processes > of_name->processes))
			of_name = o;
		if (opener__opened(o) < opener__opened(least))
			least = o;
	}
	if (d->n_openers < OPENERS_MAX) {
		least = &d->openers[d->n_openers++];
	} else if (of_name) {
		of_name->proc = *proc;
		of_name->processes++;
		return of_name;
	}
	*least = (struct opener){ .proc = *proc, .processes = 1 };
	return least;
}

static void count_opener(struct destination *d, const struct record *r)
{
	/* the port that IP_BIND_ADDRESS_NO_PORT leaves to connect() is not bind()'s */
	bool bound = (r->sock->facts & FACT_BOUND) &&
		     !(r->sock->options & OPT_BIND_ADDRESS_NO_PORT);
	struct opener *o;

	if (!r->actor || !r->actor->proc.tgid)
		return;
	o = find_opener(d, &r->actor->proc);
	o->uid = r->actor->uid;
	o->opened[0]++;
	o->bound[0] += bound;
}

static void begin_minute(struct destination *d, uint64_t now_ns)
{
	bool next = now_ns < d->minute_ns + 2 * MINUTE;
	size_t i;

	for (i = 0; i < d->n_openers; i++) {
		struct opener *o = &d->openers[i];

		o->opened[1] = next ? o->opened[0] : 0;
		o->bound[1] = next ? o->bound[0] : 0;
		o->opened[0] = 0;
		o->bound[0] = 0;
	}
	d->minute_ns = now_ns;
}

static void begin_second(struct destination *d, uint64_t now_ns)
{
	d->second_before_ns = now_ns - d->second_ns;
	d->in_second_before = d->in_second;
	d->second_ns = now_ns;
	d->in_second = 0;
}

/* Records of different CPUs are not in order to the last. */
static void advance(struct destination *d, uint64_t now_ns)
{
	if (now_ns > d->last_ns)
		d->last_ns = now_ns;
	if (now_ns >= d->minute_ns + MINUTE)
		begin_minute(d, now_ns);
	if (now_ns >= d->second_ns + SECOND)
		begin_second(d, now_ns);
}

/* An outgoing connection whose port was chosen for it: it holds one to this destination. */
static bool is_opened(const struct record *r)
{
	const struct ev_sock *s = r->sock;

	if (!s || !sock__is_tcp(s) || !s->lport || !s->rport ||
	    (s->facts & (FACT_PORT_FIXED | FACT_PASSIVE)))
		return false;
	if (r->type == RECORD_CONNECT)
		return !r->error && !r->u.connect->abandoned;
	return r->type == RECORD_SNAPSHOT && (s->facts & FACT_CONNECTED) && s->state != TCP_CLOSE;
}

struct destination *destinations__count(struct destinations *all, const struct record *r)
{
	struct destination_key key = { 0 };
	struct destination *d;

	if (!is_opened(r))
		return NULL;
	key.netns = r->sock->netns;
	key.netns_cookie = r->sock->netns_cookie;
	key.rport = r->sock->rport;
	memcpy(key.laddr, r->sock->laddr, ADDR_LEN);
	memcpy(key.raddr, r->sock->raddr, ADDR_LEN);
	if (r->type == RECORD_CONNECT) {
		key.low = r->u.connect->range_low;
		key.high = r->u.connect->range_high;
	}
	d = find_or_add(all, &key, r->boot_ns);
	if (!d)
		return NULL;
	advance(d, r->boot_ns);
	d->opened++;
	if (r->type == RECORD_CONNECT)
		d->in_second++;
	count_opener(d, r);
	return d;
}

static uint64_t opened_lately(const struct destination *d)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < d->n_openers; i++)
		n += opener__opened(&d->openers[i]);
	return n;
}

const struct destination *destinations__busiest(const struct destinations *all,
						const struct ev_sock *to)
{
	const struct destination *best = NULL, *d;

	for (d = all->newest; d; d = d->older) {
		const struct destination_key *k = &d->key;

		if (k->netns != to->netns || k->netns_cookie != to->netns_cookie ||
		    k->rport != to->rport || memcmp(k->raddr, to->raddr, ADDR_LEN))
			continue;
		if (!best || opened_lately(d) > opened_lately(best))
			best = d;
	}
	return best;
}

void destinations__each(const struct destinations *all,
			void (*fn)(void *arg, struct destination *d), void *arg)
{
	struct destination *d;

	for (d = all->newest; d; d = d->older)
		fn(arg, d);
}

struct netns_ref destination__netns(const struct destination *d)
{
	return (struct netns_ref){ .cookie = d->key.netns_cookie,
				   .inode = d->key.netns,
				   .tgid = d->n_openers ? d->openers[0].proc.tgid : 0 };
}

struct ev_sock destination__sock(const struct destination *d)
{
	bool v4 = addr__is_mapped(d->key.raddr);
	struct ev_sock s = { .family = v4 ? AF_INET : AF_INET6,
			     .proto = IPPROTO_TCP,
			     .rport = d->key.rport,
			     .netns = d->key.netns,
			     .netns_cookie = d->key.netns_cookie };

	memcpy(s.laddr, d->key.laddr, ADDR_LEN);
	memcpy(s.raddr, d->key.raddr, ADDR_LEN);
	return s;
}

uint64_t destination__rate(const struct destination *d, uint64_t now_ns)
{
	uint64_t ns = now_ns > d->second_ns ? now_ns - d->second_ns : 0, n = d->in_second;

	/* a second long ago says nothing of now */
	if (d->second_before_ns && d->second_before_ns < 2 * SECOND) {
		ns += d->second_before_ns;
		n += d->in_second_before;
	}
	if (ns < SECOND / 4)
		ns = SECOND / 4; /* a few at once are no rate */
	return (uint64_t)((double)n * 1e9 / (double)ns + 0.5);
}

uint64_t opener__opened(const struct opener *o)
{
	return (uint64_t)o->opened[0] + o->opened[1];
}

uint64_t opener__bound(const struct opener *o)
{
	return (uint64_t)o->bound[0] + o->bound[1];
}
