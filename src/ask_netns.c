// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_netns.c - what holds in one network namespace: its sysctls and counts, read on a thread inside it
 * (/proc/sys/net and /proc/thread-self/net are the reader's), its listeners' queues, its CLOSE_WAIT.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ask_answers.h"
#include "diag.h"
#include "netns.h"
#include "sysctl.h"

struct settings_visit {
	const struct ask_netns *q;
	struct netns_facts *facts;
};

static void read_reserved(const struct ask_netns *q, struct netns_facts *f)
{
	struct port_set reserved = { 0 };

	sysctl__reserved_ports(&reserved);
	f->reserved = port_set__count(&reserved, f->range_low, f->range_high);
	f->port_reserved = q->port && port_set__has(&reserved, q->port);
}

static int read_settings(void *arg)
{
	struct settings_visit *v = arg;
	struct netns_facts *f = v->facts;
	uint64_t have, max;

	if (sysctl__port_range(&f->range_low, &f->range_high))
		return -ENOENT;
	read_reserved(v->q, f);
	f->unprivileged_start = sysctl__number("net/ipv4/ip_unprivileged_port_start", 1024);
	f->nonlocal_bind = sysctl__number("net/ipv4/ip_nonlocal_bind", 0);
	f->somaxconn = sysctl__number("net/core/somaxconn", 0);
	f->tw_reuse = sysctl__number("net/ipv4/tcp_tw_reuse", 0);
	f->max_time_wait = sysctl__number("net/ipv4/tcp_max_tw_buckets", 0);
	f->time_wait = sysctl__time_wait();
	f->listen_drops = sysctl__listen_drops();
	have = sysctl__number("net/netfilter/nf_conntrack_count", UINT64_MAX);
	max = sysctl__number("net/netfilter/nf_conntrack_max", UINT64_MAX);
	if (have != UINT64_MAX && max != UINT64_MAX) {
		f->has_conntrack = 1;
		f->conntrack = have;
		f->max_conntrack = max;
	}
	return 0;
}

ssize_t answer__netns(struct ask *a, const void *question, void *answer, size_t max)
{
	struct netns_facts facts = { 0 };
	struct settings_visit v = { .q = question, .facts = &facts };
	int err;

	(void)a;
	if (max < sizeof(facts))
		return -ENOSPC;
	err = netns__within(&v.q->net, read_settings, &v);
	if (err)
		return err;
	facts.foreign = v.q->net.inode != netns__own();
	memcpy(answer, &facts, sizeof(facts));
	return sizeof(facts);
}

static int read_list(void *arg)
{
	ssize_t n = sysctl__reserved_list(arg);

	return n < 0 ? n : 0;
}

ssize_t answer__reserved(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct ask_netns *q = question;
	char *list = NULL;
	ssize_t n;

	(void)a;
	n = netns__within(&q->net, read_list, &list);
	if (!n)
		n = strlen(list);
	if (n > 0 && (size_t)n <= max)
		memcpy(answer, list, n);
	else if (n > 0)
		n = -ENOSPC;
	free(list);
	return n;
}

#define LISTED_MAX (1u << 20)

/* What was found, of elements of one size. The answer gets as many as have room in it, the first ones. */
struct listing {
	const struct netns_ref *net;
	const struct diag_query *query;
	diag_found_fn *found;
	unsigned char *list;
	size_t n, room, size;
	uint32_t over_ms;
	bool failed;
};

/* A zeroed element, or NULL. */
static void *listing__add(struct listing *l)
{
	unsigned char *more;
	size_t room;

	if (l->n == l->room) {
		room = l->room ? l->room * 2 : 64;
		more = room <= LISTED_MAX ? reallocarray(l->list, room, l->size) : NULL;
		l->failed |= !more;
		if (!more)
			return NULL;
		l->list = more;
		l->room = room;
	}
	more = l->list + l->n++ * l->size;
	memset(more, 0, l->size);
	return more;
}

static int listing__read(void *arg)
{
	struct listing *l = arg;

	return diag__list(l->query, l->found, l);
}

static ssize_t listing__answer(struct listing *l, void *answer, size_t max,
			       int (*compare)(const void *a, const void *b))
{
	size_t n = max / l->size;
	int err;

	err = netns__within(l->net, listing__read, l);
	if (!err && !l->n && l->failed)
		err = -ENOMEM;
	if (!err && l->n) {
		qsort(l->list, l->n, l->size, compare);
		n = l->n < n ? l->n : n;
		memcpy(answer, l->list, n * l->size);
	}
	free(l->list);
	return err ? err : (ssize_t)(l->n ? n * l->size : 0);
}

static void found_listener(void *arg, const struct diag_sock *d)
{
	struct listener_queue *new;
	struct listing *l = arg;

	if (!d->rqueue && !d->drops)
		return;
	new = listing__add(l);
	if (!new)
		return;
	new->sock = d->sock;
	new->sock.netns = l->net->inode;
	new->sock.netns_cookie = l->net->cookie;
	new->length = d->rqueue;
	new->limit = d->wqueue;
	new->drops = d->drops;
	new->uid = d->uid;
}

static int fuller_first(const void *a, const void *b)
{
	const struct listener_queue *x = a, *y = b;
	uint64_t left = (uint64_t)x->length * (y->limit + 1ull);
	uint64_t right = (uint64_t)y->length * (x->limit + 1ull);

	if (left != right)
		return left > right ? -1 : 1;
	return x->sock.cookie < y->sock.cookie ? -1 : x->sock.cookie > y->sock.cookie;
}

ssize_t answer__listeners(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct ask_netns *q = question;
	const struct diag_query query = { .proto = IPPROTO_TCP,
					  .states = 1u << BPF_TCP_LISTEN,
					  .memory = true };
	struct listing l = { .net = &q->net,
			     .query = &query,
			     .found = found_listener,
			     .size = sizeof(struct listener_queue) };

	(void)a;
	return listing__answer(&l, answer, max, fuller_first);
}

static void found_close_wait(void *arg, const struct diag_sock *d)
{
	const struct ev_sock *s = &d->sock;
	struct listing *l = arg;
	struct close_waiter *new;

	if (d->quiet_ms < l->over_ms)
		return;
	new = listing__add(l);
	if (!new)
		return;
	new->cookie = s->cookie;
	memcpy(new->laddr, s->laddr, ADDR_LEN);
	memcpy(new->raddr, s->raddr, ADDR_LEN);
	new->lport = s->lport;
	new->rport = s->rport;
	new->family = s->family;
	new->queued = !s->inode; /* no file yet: sk_socket comes with accept() (sock_graft) */
	new->age_ms = d->quiet_ms;
	new->uid = d->uid;
}

static int older_first(const void *a, const void *b)
{
	const struct close_waiter *x = a, *y = b;

	if (x->age_ms != y->age_ms)
		return x->age_ms > y->age_ms ? -1 : 1;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

ssize_t answer__close_wait(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct ask_close_wait *q = question;
	const struct diag_query query = { .proto = IPPROTO_TCP,
					  .states = 1u << BPF_TCP_CLOSE_WAIT,
					  .info = true };
	struct listing l = { .net = &q->net,
			     .query = &query,
			     .found = found_close_wait,
			     .size = sizeof(struct close_waiter),
			     .over_ms = q->over_ms };

	(void)a;
	return listing__answer(&l, answer, max, older_first);
}

ssize_t answer__netns_name(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct netns_ref *n = question;

	(void)a;
	return netns__name(n->inode, answer, max);
}
