// SPDX-License-Identifier: GPL-2.0-or-later
/* detect.c - the registry of detectors, and how records, ticks and polls reach each of them. */
#include "detect.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

extern const struct detector port_conflict;
extern const struct detector privileged_port;
extern const struct detector address_not_local;
extern const struct detector ephemeral_exhausted;
extern const struct detector ephemeral_pressure;
extern const struct detector accept_queue_full;
extern const struct detector close_wait_leak;
extern const struct detector time_wait_pressure;
extern const struct detector fd_exhausted;
extern const struct detector connect_failing;
extern const struct detector conntrack_full;
extern const struct detector port_in_ephemeral_range;
extern const struct detector port_shared;

/* In the order of docs/findings.md. */
const struct detector *const detectors[] = {
	&port_conflict,      &privileged_port,
	&address_not_local,  &ephemeral_exhausted,
	&ephemeral_pressure, &accept_queue_full,
	&close_wait_leak,    &time_wait_pressure,
	&fd_exhausted,       &connect_failing,
	&conntrack_full,     &port_in_ephemeral_range,
	&port_shared,        NULL,
};

#define WATCHED_MAX  1024                /* namespaces */
#define POLLS_MAX    16                  /* namespaces in one tick */
#define IDLE_POLL_NS (5 * 1000000000ull) /* one without records */

#define DETECTORS (sizeof(detectors) / sizeof(detectors[0]) - 1)

struct detect {
	const struct kernel *kernel;
	const struct wall *wall;
	struct detect_config config;
	finding_fn *emit;
	void *arg;
	size_t current; /* whose hook runs */
	bool ended;
	struct watched *watched; /* namespaces, in the order of their coming */
	size_t n_watched, room;
	size_t next_poll;
	size_t recent; /* the last record's: mostly the next one's too */
	void *states[DETECTORS];
	uint64_t counts[DETECTORS];
};

struct detect *detect__new(const struct kernel *k, const struct wall *wall, finding_fn *emit,
			   void *arg)
{
	struct detect *d = calloc(1, sizeof(*d));
	size_t i;

	if (!d)
		return NULL;
	d->kernel = k;
	d->wall = wall;
	d->config.close_wait_ns = CLOSE_WAIT_DEFAULT_NS;
	d->emit = emit;
	d->arg = arg;
	for (i = 0; i < DETECTORS; i++) {
		if (!detectors[i]->state_size)
			continue;
		d->states[i] = calloc(1, detectors[i]->state_size);
		if (!d->states[i]) {
			detect__free(d);
			return NULL;
		}
	}
	return d;
}

static bool watched__is(const struct watched *w, const struct ev_sock *s)
{
	return w->net.inode == s->netns && w->net.cookie == s->netns_cookie;
}

void detect__configure(struct detect *d, const struct detect_config *c)
{
	d->config = *c;
}

static struct watched *watched__find(struct detect *d, const struct ev_sock *s)
{
	size_t i = d->recent;

	if (i < d->n_watched && watched__is(&d->watched[i], s))
		return &d->watched[i];
	for (i = 0; i < d->n_watched; i++)
		if (watched__is(&d->watched[i], s))
			return &d->watched[i];
	return NULL;
}

static struct watched *watched__add(struct detect *d, const struct ev_sock *s)
{
	struct watched *new;

	if (d->n_watched == WATCHED_MAX)
		return NULL;
	new = array__grown(d->watched, d->n_watched, &d->room, 4, sizeof(*new));
	if (!new)
		return NULL;
	d->watched = new;
	new = &d->watched[d->n_watched++];
	*new = (struct watched){ .net = { .inode = s->netns, .cookie = s->netns_cookie } };
	return new;
}

/* Remembers the namespace of a record, and the process that was there last. */
static void watch(struct detect *d, const struct record *r)
{
	struct watched *w;

	if (!r->sock || !r->sock->netns)
		return;
	w = watched__find(d, r->sock);
	if (!w)
		w = watched__add(d, r->sock);
	if (!w)
		return;
	d->recent = w - d->watched;
	w->last_ns = r->boot_ns;
	if (r->actor && r->type != RECORD_CLOSE)
		w->net.tgid = r->actor->proc.tgid;
}

void detect__record(struct detect *d, const struct record *r)
{
	watch(d, r);
	for (d->current = 0; d->current < DETECTORS; d->current++)
		if (detectors[d->current]->on_record)
			detectors[d->current]->on_record(d->states[d->current], d, r);
}

static void poll_detectors(struct detect *d, const struct watched *w, uint64_t now_ns)
{
	for (d->current = 0; d->current < DETECTORS; d->current++)
		if (detectors[d->current]->poll)
			detectors[d->current]->poll(d->states[d->current], d, w, now_ns);
}

/* A namespace that can be entered no more is forgotten: with its next record it is back. */
static void poll_namespaces(struct detect *d, uint64_t now_ns)
{
	size_t left = d->n_watched, polls = 0;

	/* goes on where it stopped: with more that are due than can be read, each has its turn */
	for (; left && polls < POLLS_MAX; left--) {
		struct watched *w;
		struct ask_netns q;
		uint32_t drops;
		bool first;
		ssize_t n;

		d->next_poll = d->next_poll < d->n_watched ? d->next_poll : 0;
		w = &d->watched[d->next_poll];
		if (w->last_ns <= w->polled_ns && now_ns < w->polled_ns + IDLE_POLL_NS) {
			d->next_poll++;
			continue;
		}
		q = (struct ask_netns){ .net = w->net };
		drops = w->facts.listen_drops;
		first = !w->polled_ns;
		n = kernel__ask(d->kernel, ASK_NETNS, &q, sizeof(q), &w->facts, sizeof(w->facts));
		polls++;
		w->polled_ns = now_ns;
		if (n != sizeof(w->facts)) {
			*w = d->watched[--d->n_watched];
			continue;
		}
		w->dropped = first || w->facts.listen_drops != drops;
		poll_detectors(d, w, now_ns);
		d->next_poll++;
	}
}

void detect__tick(struct detect *d, uint64_t now_ns)
{
	poll_namespaces(d, now_ns);
	for (d->current = 0; d->current < DETECTORS; d->current++)
		if (detectors[d->current]->tick)
			detectors[d->current]->tick(d->states[d->current], d, now_ns);
}

void detect__end(struct detect *d, uint64_t now_ns)
{
	if (d->ended)
		return;
	d->ended = true;
	for (d->current = 0; d->current < DETECTORS; d->current++)
		if (detectors[d->current]->end &&
		    (d->states[d->current] || !detectors[d->current]->state_size))
			detectors[d->current]->end(d->states[d->current], d, now_ns);
}

void detect__free(struct detect *d)
{
	size_t i;

	if (!d)
		return;
	d->emit = NULL; /* the hooks free what they hold, and nobody is told */
	detect__end(d, 0);
	for (i = 0; i < DETECTORS; i++) {
		free(d->states[i]);
	}
	free(d->watched);
	free(d);
}

const uint64_t *detect__counts(const struct detect *d)
{
	return d->counts;
}

const struct kernel *detect__kernel(const struct detect *d)
{
	return d->kernel;
}

const struct wall *detect__wall(const struct detect *d)
{
	return d->wall;
}

const struct detect_config *detect__config(const struct detect *d)
{
	return &d->config;
}

void detect__emit(struct detect *d, const struct finding *f)
{
	if (f->status == FINDING_OPEN)
		d->counts[d->current]++;
	if (d->emit)
		d->emit(d->arg, f);
}

uint64_t detect__hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (!h)
		h = 0xcbf29ce484222325;
	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}
