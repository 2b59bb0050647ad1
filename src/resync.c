// SPDX-License-Identifier: GPL-2.0-or-later
/* resync.c - tells deaths that were missed, and sockets that were not known. */
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "host.h"
#include "resync.h"
#include "sock_table.h"

/* What the kernel has, kept until the ring has told what it knows of the same sockets. */
struct found {
	struct ev_snapshot *list;
	size_t n, room;
};

static void collect_found(void *arg, const void *data, size_t size)
{
	struct ev_snapshot *list;
	struct found *f = arg;

	if (size != sizeof(*list))
		return;
	list = array__grown(f->list, f->n, &f->room, 1024, sizeof(*list));
	if (!list)
		return;
	f->list = list;
	memcpy(&f->list[f->n++], data, size);
}

struct dead {
	const struct tracer *tracer;
	uint64_t *cookies;
	size_t n;
};

static void collect_dead(void *arg, uint64_t cookie)
{
	struct dead *d = arg;

	if (!tracer__alive(d->tracer, cookie))
		d->cookies[d->n++] = cookie;
}

/*
 * A socket whose facts are gone is dead, and its close record, if it was not lost, was written before they
 * went: so it is in the ring that is drained in between. One that is alive and still unknown after that
 * has lost its records: its snapshot brings it back.
 */
bool resync__run(struct tracer *t, struct pipeline *p, bool (*drain)(void *arg), void *arg)
{
	const struct sock_table *table = pipeline__table(p);
	struct dead d = { .tracer = t,
			  .cookies = calloc(sock_table__count(table) + 1, sizeof(uint64_t)) };
	struct found f = { 0 };
	bool whole;
	size_t i;

	if (!d.cookies)
		return false;
	sock_table__each(table, collect_dead, &d);
	tracer__snapshot(t, SNAPSHOT_TOLD, 0, 0, collect_found, &f);
	whole = drain(arg); /* else what is still in there is not lost */
	for (i = 0; i < d.n && whole; i++)
		pipeline__missing(p, d.cookies[i], host__now());
	free(d.cookies);
	for (i = 0; i < f.n && whole; i++)
		if (tracer__alive(t, f.list[i].base.sock.cookie))
			pipeline__event(p, &f.list[i], sizeof(f.list[i]));
	free(f.list);
	return whole;
}
