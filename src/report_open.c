/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_open.c - a bounded table of sockets by boot and cookie. */
#include <errno.h>
#include <stdlib.h>
#include "report_open.h"

/* A 64-bit hash of boot and cookie stands for both: with a million sockets two are the same once in 10^7 logs. */
struct slot {
	uint64_t key; /* 0: free */
	uint32_t flags;
	uint32_t pad;
};

struct report_open {
	struct slot *slots;
	size_t n, max, mask;
};

struct report_open *report_open__new(size_t max)
{
	struct report_open *t = calloc(1, sizeof(*t));
	size_t size = 1;

	if (!t)
		return NULL;
	while (size < max + max / 4)
		size *= 2;
	t->max = max;
	t->mask = size - 1;
	t->slots = calloc(size, sizeof(*t->slots));
	if (t->slots)
		return t;
	free(t);
	errno = ENOMEM;
	return NULL;
}

void report_open__free(struct report_open *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t);
}

static uint64_t key_of(const char *boot, uint64_t sock)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *boot; boot++)
		h = (h ^ (unsigned char)*boot) * 0x100000001b3ull;
	/* splitmix64: cookies are handed out in order */
	h ^= sock + 0x9e3779b97f4a7c15ull;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	h ^= h >> 31;
	return h ? h : 1;
}

static size_t find(const struct report_open *t, uint64_t key)
{
	size_t i = key & t->mask;

	while (t->slots[i].key && t->slots[i].key != key)
		i = (i + 1) & t->mask;
	return i;
}

uint32_t *report_open__get(struct report_open *t, const char *boot, uint64_t sock)
{
	uint64_t key = key_of(boot, sock);
	struct slot *s = &t->slots[find(t, key)];

	if (!s->key) {
		if (t->n == t->max)
			return NULL;
		t->n++;
		*s = (struct slot){ .key = key };
	}
	return &s->flags;
}

/* Those behind the hole that would not be found any more move into it. */
void report_open__remove(struct report_open *t, const char *boot, uint64_t sock)
{
	size_t hole = find(t, key_of(boot, sock)), i = hole;

	if (!t->slots[hole].key)
		return;
	t->n--;
	for (;;) {
		size_t home;

		t->slots[hole] = (struct slot){ 0 };
		do {
			i = (i + 1) & t->mask;
			if (!t->slots[i].key)
				return;
			home = t->slots[i].key & t->mask;
		} while (((i - home) & t->mask) < ((i - hole) & t->mask));
		t->slots[hole] = t->slots[i];
		hole = i;
	}
}

void report_open__restart(struct report_open *t, void (*gone)(void *arg, uint32_t flags), void *arg)
{
	struct slot *old = t->slots, *slots = calloc(t->mask + 1, sizeof(*slots));

	for (size_t i = 0; i <= t->mask; i++)
		if (old[i].key)
			gone(arg, old[i].flags);
	if (!slots) { /* then what it knows of them goes, and their places stay taken */
		for (size_t i = 0; i <= t->mask; i++)
			old[i].flags &= OPEN_ADMITTED;
		return;
	}
	t->slots = slots;
	t->n = 0;
	for (size_t i = 0; i <= t->mask; i++) {
		if (!(old[i].flags & OPEN_ADMITTED))
			continue;
		t->slots[find(t, old[i].key)] =
			(struct slot){ .key = old[i].key, .flags = OPEN_ADMITTED };
		t->n++;
	}
	free(old);
}
