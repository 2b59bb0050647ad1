// SPDX-License-Identifier: GPL-2.0-or-later
/* tally.c - counts of the last minute by program and namespace, in a bounded table. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "finding.h"

#define ENTRIES 1024 /* power of two */
#define PROBES  8
#define SLOT_NS (10 * 1000000000ull)
#define SLOTS   6 /* a minute, the ten seconds that are not over included */

struct tally_entry {
	uint64_t id;   /* hash of namespace and program, 0: free */
	uint64_t slot; /* number of the newest slot */
	uint64_t netns_cookie;
	uint32_t netns;
	uint32_t counts[SLOTS]; /* by number of the slot modulo SLOTS */
	struct ev_actor actor;
};

static uint64_t id_of(const struct ev_sock *s, const struct ev_actor *a)
{
	uint64_t h = detect__hash(0, &s->netns_cookie, sizeof(s->netns_cookie));

	h = detect__hash(h, &s->netns, sizeof(s->netns));
	return finding__key_program(h, a);
}

/* Its place, or that of the one nearby which was quiet longest. */
static struct tally_entry *place(struct tally *t, uint64_t id)
{
	struct tally_entry *oldest = NULL;
	size_t i;

	for (i = 0; i < PROBES; i++) {
		struct tally_entry *e = &t->list[(id + i) & (ENTRIES - 1)];

		if (e->id == id)
			return e;
		if (!oldest || e->slot < oldest->slot)
			oldest = e;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->id = id;
	return oldest;
}

static void forget_old(struct tally_entry *e, uint64_t slot)
{
	uint64_t i;

	for (i = e->slot + 1; i <= slot && i <= e->slot + SLOTS; i++)
		e->counts[i % SLOTS] = 0;
	if (slot > e->slot)
		e->slot = slot;
}

void tally__count(struct tally *t, const struct record *r)
{
	struct tally_entry *e;

	if (!r->sock || !r->actor)
		return;
	if (!t->list)
		t->list = calloc(ENTRIES, sizeof(*t->list));
	if (!t->list)
		return;
	e = place(t, id_of(r->sock, r->actor));
	forget_old(e, r->boot_ns / SLOT_NS);
	e->counts[e->slot % SLOTS]++;
	e->netns = r->sock->netns;
	e->netns_cookie = r->sock->netns_cookie;
	e->actor = *r->actor;
}

static uint64_t sum(const struct tally_entry *e, uint64_t now_ns)
{
	uint64_t slot = now_ns / SLOT_NS, n = 0, i;

	for (i = 0; i < SLOTS && i <= e->slot; i++)
		if (e->slot - i + SLOTS > slot)
			n += e->counts[(e->slot - i) % SLOTS];
	return n;
}

/* Keeps the `max` highest, in order. */
static size_t insert(struct tally_share *top, size_t n, size_t max, const struct tally_share *new)
{
	size_t at = n;

	while (at > 0 && top[at - 1].count < new->count)
		at--;
	if (at == max)
		return n;
	n = n < max ? n + 1 : n;
	memmove(&top[at + 1], &top[at], (n - 1 - at) * sizeof(*top));
	top[at] = *new;
	return n;
}

size_t tally__top(const struct tally *t, const struct netns_ref *net, uint64_t now_ns,
		  struct tally_share *top, size_t max, uint64_t *total)
{
	size_t n = 0, i;

	*total = 0;
	for (i = 0; t->list && i < ENTRIES; i++) {
		const struct tally_entry *e = &t->list[i];
		struct tally_share share = { .actor = e->actor };

		if (!e->id || e->netns != net->inode || e->netns_cookie != net->cookie)
			continue;
		share.count = sum(e, now_ns);
		*total += share.count;
		if (share.count)
			n = insert(top, n, max, &share);
	}
	return n;
}

uint64_t tally__tell(const struct tally *t, const struct netns_ref *net, uint64_t now_ns,
		     struct finding *f, const char *count_key)
{
	struct tally_share top[FINDING_PROCESSES];
	uint64_t total;
	size_t n = tally__top(t, net, now_ns, top, FINDING_PROCESSES, &total), i;

	f->count_keys[0] = count_key;
	for (i = 0; i < n; i++)
		finding__process(f, &top[i].actor.proc, top[i].actor.uid)->counts[0] = top[i].count;
	return total;
}

void tally__free(struct tally *t)
{
	free(t->list);
	t->list = NULL;
}
