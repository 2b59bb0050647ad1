// SPDX-License-Identifier: GPL-2.0-or-later
/* idmap.c - an open hash in one array; what is removed is filled by what comes behind it. */
#include "idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024

int idmap__init(struct idmap *m, size_t size, size_t max)
{
	*m = (struct idmap){ .size = size, .max = max, .mask = SLOTS_MIN - 1 };
	m->slots = calloc(SLOTS_MIN, sizeof(*m->slots));
	return m->slots ? 0 : -ENOMEM;
}

void idmap__free(struct idmap *m)
{
	free(m->list);
	free(m->slots);
	*m = (struct idmap){ 0 };
}

static uint64_t id_at(const struct idmap *m, uint32_t slot)
{
	uint64_t id;

	memcpy(&id, idmap__at(m, slot - 1), sizeof(id));
	return id;
}

static size_t home_of(const struct idmap *m, uint64_t id)
{
	return (id * 0x9e3779b97f4a7c15ull >> 32) & m->mask;
}

/* Its slot, or the free one where it would be. */
static uint32_t *slot_of(const struct idmap *m, uint64_t id)
{
	size_t i = home_of(m, id);

	while (m->slots[i] && id_at(m, m->slots[i]) != id)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

void *idmap__find(const struct idmap *m, uint64_t id)
{
	uint32_t slot = *slot_of(m, id);

	return slot ? idmap__at(m, slot - 1) : NULL;
}

static int grow(struct idmap *m)
{
	size_t room = m->room ? 2 * m->room : SLOTS_MIN / 2;
	uint32_t *slots = calloc(2 * room, sizeof(*slots));
	char *list = slots ? reallocarray(m->list, room, m->size) : NULL;

	if (!list) {
		free(slots);
		return -ENOMEM;
	}
	free(m->slots);
	m->list = list;
	m->slots = slots;
	m->room = room;
	m->mask = 2 * room - 1;
	for (size_t i = 0; i < m->n; i++)
		*slot_of(m, id_at(m, (uint32_t)i + 1)) = (uint32_t)i + 1;
	return 0;
}

void *idmap__put(struct idmap *m, uint64_t id)
{
	void *element = idmap__find(m, id);

	if (element)
		return element;
	if (m->n == m->max || (m->n == m->room && grow(m)))
		return NULL;
	element = idmap__at(m, m->n++);
	memset(element, 0, m->size);
	memcpy(element, &id, sizeof(id));
	*slot_of(m, id) = (uint32_t)m->n;
	return element;
}

/* Deletion that leaves no tombstone: what follows in the run moves up. */
static void empty_slot(struct idmap *m, size_t hole)
{
	for (size_t i = hole;;) {
		i = (i + 1) & m->mask;
		if (!m->slots[i])
			break;
		if (((i - home_of(m, id_at(m, m->slots[i]))) & m->mask) >= ((i - hole) & m->mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = 0;
}

void idmap__remove(struct idmap *m, uint64_t id)
{
	uint32_t *slot = slot_of(m, id), index = *slot;

	if (!index)
		return;
	empty_slot(m, (size_t)(slot - m->slots));
	if (index < m->n) {
		*slot_of(m, id_at(m, (uint32_t)m->n)) = index;
		memcpy(idmap__at(m, index - 1), idmap__at(m, m->n - 1), m->size);
	}
	m->n--;
}

void idmap__clear(struct idmap *m)
{
	memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
	m->n = 0;
}
