// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_netns.c - what holds in one network namespace: its sysctls and counts, read on a thread inside it
 * (/proc/sys/net and /proc/thread-self/net are the reader's), its listeners' queues, its CLOSE_WAIT.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	struct port_set *reserved = calloc(1, sizeof(*reserved));

	if (!reserved)
		return;
	sysctl__reserved_ports(reserved);
	f->reserved = port_set__count(reserved, f->range_low, f->range_high);
	f->port_reserved = q->port && port_set__has(reserved, q->port);
	free(reserved);
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
	memcpy(answer, &facts, sizeof(facts));
	return sizeof(facts);
}

/* Fills an array of elements of one size, and drops what has no room. */
struct listing {
	const struct netns_ref *net;
	const struct diag_query *query;
	diag_found_fn *found;
	unsigned char *out;
	size_t n, max, size;
	uint32_t over_ms;
};

static void *listing__add(struct listing *l, struct ev_sock *sock)
{
	void *new;

	sock->netns = l->net->inode;
	sock->netns_cookie = l->net->cookie;
	if (l->n == l->max)
		return NULL;
	new = l->out + l->n++ * l->size;
	memset(new, 0, l->size);
	return new;
}

static int listing__read(void *arg)
{
	struct listing *l = arg;

	return diag__list(l->query, l->found, l);
}

static ssize_t listing__answer(struct listing *l, void *answer, size_t max,
			       int (*compare)(const void *a, const void *b))
{
	int err;

	l->out = answer;
	l->max = max / l->size;
	err = netns__within(l->net, listing__read, l);
	if (err)
		return err;
	if (l->n)
		qsort(answer, l->n, l->size, compare);
	return l->n * l->size;
}

static void found_listener(void *arg, const struct diag_sock *d)
{
	struct ev_sock sock = d->sock;
	struct listener_queue *new;

	if (!d->rqueue && !d->drops)
		return;
	new = listing__add(arg, &sock);
	if (!new)
		return;
	new->sock = sock;
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
	struct ev_sock sock = d->sock;
	struct listing *l = arg;
	struct close_waiter *new;

	if (d->quiet_ms < l->over_ms)
		return;
	new = listing__add(l, &sock);
	if (!new)
		return;
	new->sock = sock;
	new->age_ms = d->quiet_ms;
	new->uid = d->uid;
}

static int older_first(const void *a, const void *b)
{
	const struct close_waiter *x = a, *y = b;

	if (x->age_ms != y->age_ms)
		return x->age_ms > y->age_ms ? -1 : 1;
	return x->sock.cookie < y->sock.cookie ? -1 : x->sock.cookie > y->sock.cookie;
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
