// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect.h"

#include <stdlib.h>
#include <string.h>

extern const struct detector port_conflict;

const struct detector *const detectors[] = {
	&port_conflict,
	NULL,
};

#define DETECTORS (sizeof(detectors) / sizeof(detectors[0]) - 1)

struct detect {
	const struct kernel *kernel;
	const struct wall *wall;
	finding_fn *emit;
	void *arg;
	size_t current; /* whose hook runs */
	bool ended;
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

void detect__record(struct detect *d, const struct record *r)
{
	for (d->current = 0; d->current < DETECTORS; d->current++)
		if (detectors[d->current]->on_record)
			detectors[d->current]->on_record(d->states[d->current], d, r);
}

void detect__tick(struct detect *d, uint64_t now_ns)
{
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
