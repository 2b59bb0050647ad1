// SPDX-License-Identifier: GPL-2.0-or-later
/* ports_group.c - finds the connections that differ in nothing but their ports. */
#include "ports_group.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const struct ports_group *key)
{
	uint64_t words[2],
		h = (uint64_t)key->process << 32 | (uint32_t)key->proto << 16 | key->port;

	memcpy(words, key->addr, sizeof(words));
	h = (h ^ words[0]) * 0x9e3779b97f4a7c15;
	h = (h ^ h >> 32 ^ words[1]) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

static bool is_same(const struct ports_group *a, const struct ports_group *b)
{
	return a->process == b->process && a->proto == b->proto && a->port == b->port &&
	       !memcmp(a->addr, b->addr, ADDR_LEN);
}

static uint32_t *find_slot(const struct ports_groups *g, const struct ports_group *key)
{
	size_t at = hash(key) & g->mask;

	while (g->slots[at] != PORTS_NONE && !is_same(&g->list[g->slots[at]], key))
		at = (at + 1) & g->mask;
	return &g->slots[at];
}

/* Twice as many slots as there is room for groups. */
static bool grow(struct ports_groups *g)
{
	size_t room = g->room ? g->room * 2 : 256, i;
	struct ports_group *list = reallocarray(g->list, room, sizeof(*list));
	uint32_t *slots = calloc(room * 2, sizeof(*slots));

	g->list = list ? list : g->list;
	if (!list || !slots) {
		free(slots);
		g->failed = true;
		return false;
	}
	free(g->slots);
	g->slots = slots;
	g->room = room;
	g->mask = room * 2 - 1;
	memset(slots, 0xff, room * 2 * sizeof(*slots));
	for (i = 0; i < g->n; i++)
		*find_slot(g, &g->list[i]) = i;
	return true;
}

void ports_groups__add(struct ports_groups *g, const struct ports *p, const struct ports_sock *s,
		       const uint8_t *addr, uint16_t port)
{
	struct ports_group key = { .proto = s->sock.proto,
				   .family = s->sock.family,
				   .port = port,
				   .process = s->uses == PORTS_NONE ? PORTS_NONE :
								      p->uses[s->uses].process };
	struct ports_group *group;
	uint32_t *slot;

	if (g->n == g->room && !grow(g))
		return;
	memcpy(key.addr, addr, ADDR_LEN);
	slot = find_slot(g, &key);
	if (*slot == PORTS_NONE) {
		*slot = g->n;
		g->list[g->n++] = key;
	}
	group = &g->list[*slot];
	group->count++;
	group->states[s->state < GROUP_STATES ? s->state : 0]++;
}

static int larger_first(const void *a, const void *b)
{
	const struct ports_group *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return x->port != y->port ? x->port - y->port : memcmp(x->addr, y->addr, ADDR_LEN);
}

void ports_groups__sort(struct ports_groups *g)
{
	if (g->n)
		qsort(g->list, g->n, sizeof(*g->list), larger_first);
}

void ports_groups__free(struct ports_groups *g)
{
	free(g->list);
	free(g->slots);
	*g = (struct ports_groups){ 0 };
}
