// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * finding_set.c - the life of findings that are open: told once, updated every ten seconds at most, closed
 * when over.
 */
#include "finding_set.h"

#include <stdlib.h>

#include "array.h"
#include "finding.h"

#define OPEN_MAX_FINDINGS 1024

static void tell(struct open_finding *o, struct detect *d, enum finding_status status,
		 uint64_t now_ns)
{
	o->f.status = status;
	o->emitted_ns = now_ns;
	o->emitted_count = o->f.count;
	detect__emit(d, &o->f);
	o->f.news = false;
}

struct open_finding *finding_set__of_key(const struct finding_set *s, uint64_t key)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->list[i]->f.key == key)
			return s->list[i];
	return NULL;
}

struct open_finding *finding_set__of_subject(const struct finding_set *s, uint64_t subject)
{
	struct open_finding *found = NULL;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->list[i]->subject == subject &&
		    (!found || s->list[i]->f.last_ns > found->f.last_ns))
			found = s->list[i];
	return found;
}

void finding_set__close(struct finding_set *s, struct detect *d, struct open_finding *o,
			uint64_t now_ns)
{
	size_t i = 0;

	while (i < s->n && s->list[i] != o)
		i++;
	if (i == s->n)
		return;
	tell(o, d, FINDING_CLOSED, now_ns);
	s->list[i] = s->list[--s->n];
	free(o);
}

static void close_oldest(struct finding_set *s, struct detect *d, uint64_t now_ns)
{
	size_t oldest = 0, i;

	for (i = 1; i < s->n; i++)
		if (s->list[i]->f.last_ns < s->list[oldest]->f.last_ns)
			oldest = i;
	finding_set__close(s, d, s->list[oldest], now_ns);
}

static struct open_finding *add(struct finding_set *s, struct detect *d, uint64_t now_ns)
{
	struct open_finding *new, **list;

	if (s->n == OPEN_MAX_FINDINGS)
		close_oldest(s, d, now_ns);
	list = array__grown(s->list, s->n, &s->room, 4, sizeof(struct open_finding *));
	if (!list)
		return NULL;
	s->list = list;
	new = calloc(1, sizeof(*new));
	if (new)
		s->list[s->n++] = new;
	return new;
}

void finding_set__again(struct open_finding *o, struct detect *d, uint64_t now_ns)
{
	o->f.count++;
	o->f.last_ns = now_ns;
	if (now_ns >= o->emitted_ns + FINDING_UPDATE_NS)
		tell(o, d, FINDING_UPDATE, now_ns);
}

bool finding_set__fills(struct finding_set *s, struct detect *d, struct finding *f,
			const struct netns_ref *net, const struct fill *fill)
{
	struct open_finding *o;

	f->key = finding__key(f, net);
	o = finding_set__of_key(s, f->key);
	if (!fill->max ||
	    fill->used * 100 < fill->max * (o ? fill->close_percent : fill->open_percent)) {
		if (o)
			finding_set__close(s, d, o, f->last_ns);
		return false;
	}
	f->gauge = true;
	f->count = fill->used;
	f->sock.netns = net->inode;
	f->sock.netns_cookie = net->cookie;
	return true;
}

void finding_set__hurry(struct open_finding *o, struct detect *d, uint64_t now_ns)
{
	if (o->f.count > o->emitted_count)
		tell(o, d, FINDING_UPDATE, now_ns);
}

struct open_finding *finding_set__met(struct finding_set *s, struct detect *d,
				      const struct finding *f)
{
	struct open_finding *o = finding_set__of_key(s, f->key);
	uint64_t first_ns, count;
	bool news;

	if (!o) {
		o = add(s, d, f->last_ns);
		if (!o)
			return NULL;
		o->f = *f;
		tell(o, d, FINDING_OPEN, f->last_ns);
		return o;
	}
	first_ns = o->f.first_ns;
	count = o->f.count;
	news = o->f.news || o->f.rule != f->rule;
	o->f = *f;
	o->f.news = news;
	o->f.first_ns = first_ns;
	o->f.count = f->gauge ? f->count : count + f->count;
	if (f->last_ns >= o->emitted_ns + FINDING_UPDATE_NS)
		tell(o, d, FINDING_UPDATE, f->last_ns);
	return o;
}

void finding_set__tick(struct finding_set *s, struct detect *d, uint64_t now_ns, uint64_t quiet_ns)
{
	size_t i = 0;

	while (i < s->n) {
		struct open_finding *o = s->list[i];

		if (quiet_ns && now_ns >= o->f.last_ns + quiet_ns) {
			finding_set__close(s, d, o, now_ns);
			continue;
		}
		if (o->f.count > o->emitted_count && now_ns >= o->emitted_ns + FINDING_UPDATE_NS)
			tell(o, d, FINDING_UPDATE, now_ns);
		i++;
	}
}

void finding_set__end(struct finding_set *s, struct detect *d, uint64_t now_ns)
{
	while (s->n)
		finding_set__close(s, d, s->list[s->n - 1], now_ns);
	free(s->list);
	*s = (struct finding_set){ 0 };
}
