/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_table.c - a bounded table of counts by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report_table.h"

#define NOTE_MAX 160

int report_table__init(struct report_table *t, size_t max)
{
	*t = (struct report_table){ .max = max, .n_slots = 1 };
	while (t->n_slots < 2 * max)
		t->n_slots *= 2;
	t->entries = calloc(max, sizeof(*t->entries));
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	return t->entries && t->slots ? 0 : -ENOMEM;
}

void report_table__free(struct report_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->entries[i].name);
		free(t->entries[i].note);
	}
	free(t->entries);
	free(t->slots);
	*t = (struct report_table){ 0 };
}

static uint64_t hash_of(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	return h ^ (h >> 29);
}

struct report_entry *report_table__get(struct report_table *t, const char *name)
{
	size_t len = strnlen(name, REPORT_NAME_MAX), i;
	uint64_t hash = hash_of(name, len);
	struct report_entry *e;

	for (i = hash & (t->n_slots - 1); t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		e = &t->entries[t->slots[i] - 1];
		if (e->hash == hash && !strncmp(e->name, name, len) && !e->name[len])
			return e;
	}
	e = &t->entries[t->n];
	if (t->n == t->max || !(e->name = strndup(name, len))) {
		t->turned_away++;
		return &t->other;
	}
	e->hash = hash;
	t->slots[i] = (uint32_t)++t->n;
	return e;
}

void report_table__note(const struct report_table *t, struct report_entry *e, const char *note)
{
	static const char more[] = ", ...";
	size_t len;
	char *s;

	if (e == &t->other || !note || !*note)
		return;
	if (!e->note) {
		e->note = strndup(note, NOTE_MAX);
		return;
	}
	len = strlen(e->note);
	if (!strncmp(e->note, note, NOTE_MAX) ||
	    (len >= strlen(more) && !strcmp(e->note + len - strlen(more), more)))
		return;
	s = realloc(e->note, len + sizeof(more));
	if (!s)
		return;
	memcpy(s + len, more, sizeof(more));
	e->note = s;
}

static int before(const struct report_entry *a, const struct report_entry *b, unsigned int by)
{
	if (a->counts[by] != b->counts[by])
		return a->counts[by] > b->counts[by];
	return strcmp(a->name, b->name) < 0;
}

size_t report_table__top(const struct report_table *t, unsigned int by,
			 const struct report_entry **top, size_t max, size_t *total)
{
	size_t n = 0;

	*total = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct report_entry *e = &t->entries[i];
		size_t at;

		if (!e->counts[by])
			continue;
		++*total;
		if (!max || (n == max && !before(e, top[n - 1], by)))
			continue;
		at = n < max ? n++ : max - 1;
		for (; at && before(e, top[at - 1], by); at--)
			top[at] = top[at - 1];
		top[at] = e;
	}
	return n;
}
