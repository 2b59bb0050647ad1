// SPDX-License-Identifier: GPL-2.0-or-later
/* told.c - a bounded table of processes, the one told of longest ago first out. */
#include "top/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (TOP_PROCESSES * 2) /* a power of two */

struct one {
	struct ev_owner proc;
	uint32_t next, slot; /* index plus 1 of the next one in its slot, 0: none */
	uint32_t uid;
	bool uid_known;
	char *words; /* exe, args, user, cgroup, parents, each with its NUL */
};

enum { EXE, ARGS, USER, CGROUP, PARENTS, WORDS };

struct told {
	struct one *list; /* a ring once it is full */
	uint32_t *slots;  /* index plus 1 */
	uint32_t next, n;
};

static uint32_t slot_of(const struct ev_owner *o)
{
	uint64_t h = (o->start_ns ^ (uint64_t)o->tgid << 32 ^ o->exec) * 0x9e3779b97f4a7c15;

	return h >> 40 & (SLOTS - 1);
}

static bool is_same(const struct ev_owner *a, const struct ev_owner *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns && a->exec == b->exec;
}

struct told *told__new(void)
{
	struct told *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->list = calloc(TOP_PROCESSES, sizeof(*t->list));
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	if (t->list && t->slots)
		return t;
	told__free(t);
	return NULL;
}

void told__free(struct told *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; t->list && i < t->n; i++)
		free(t->list[i].words);
	free(t->list);
	free(t->slots);
	free(t);
}

static void unlink_one(struct told *t, uint32_t index)
{
	uint32_t *at = &t->slots[t->list[index].slot];

	while (*at && *at != index + 1)
		at = &t->list[*at - 1].next;
	if (*at)
		*at = t->list[index].next;
}

/* Arguments come with a NUL after each. */
static void put_args(char *to, size_t size, const char *args, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len && n + 1 < size; i++)
		to[n++] = args[i] ? args[i] : ' ';
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
}

static void put_parents(char *to, size_t size, const struct process *p)
{
	size_t i, n = 0;

	*to = '\0';
	for (i = 0; i < p->n_parents && n < size; i++)
		n += snprintf(to + n, size - n, "%s%.*s (%u)", i ? ", " : "", COMM_LEN,
			      p->parents[i].comm, p->parents[i].tgid);
}

static char *pack(const struct record *r)
{
	const struct process *p = r->u.process;
	char args[PROCESS_ARGS_MAX + 1] = "", parents[sizeof(((struct top_process *)0)->parents)];
	const char *words[WORDS] = {
		[EXE] = p->exe, [ARGS] = args, [USER] = p->user, [CGROUP] = r->cgroup, [PARENTS] = parents
	};
	size_t i, len = 0, n;
	char *all;

	if (p->args)
		put_args(args, sizeof(args), p->args, p->args_len);
	put_parents(parents, sizeof(parents), p);
	for (i = 0; i < WORDS; i++)
		len += (words[i] ? strlen(words[i]) : 0) + 1;
	all = malloc(len);
	for (i = 0, len = 0; all && i < WORDS; i++) {
		n = words[i] ? strlen(words[i]) : 0;
		memcpy(all + len, words[i] ? words[i] : "", n);
		all[len + n] = '\0';
		len += n + 1;
	}
	return all;
}

void told__record(struct told *t, const struct record *r)
{
	const struct process *p = r->u.process;
	uint32_t index = t->next;
	struct one *one = &t->list[index];

	if (one->words)
		unlink_one(t, index);
	free(one->words);
	*one = (struct one){ .proc = p->proc,
			     .uid = p->uid,
			     .uid_known = p->uid_known,
			     .slot = slot_of(&p->proc),
			     .words = pack(r) };
	if (!one->words)
		return;
	one->next = t->slots[one->slot];
	t->slots[one->slot] = index + 1;
	t->next = (index + 1) % TOP_PROCESSES;
	if (t->n < TOP_PROCESSES)
		t->n++;
}

bool told__find(const struct told *t, const struct ev_owner *o, struct top_process *p)
{
	char *const to[WORDS] = { p->exe, p->args, p->user, p->cgroup, p->parents };
	const size_t room[WORDS] = { sizeof(p->exe), sizeof(p->args), sizeof(p->user),
				     sizeof(p->cgroup), sizeof(p->parents) };
	uint32_t at = t->slots[slot_of(o)];
	const char *words;
	size_t i;

	memset(p, 0, sizeof(*p));
	p->proc = *o;
	while (at && !is_same(&t->list[at - 1].proc, o))
		at = t->list[at - 1].next;
	if (!at)
		return false;
	p->uid = t->list[at - 1].uid;
	p->uid_known = t->list[at - 1].uid_known;
	words = t->list[at - 1].words;
	for (i = 0; i < WORDS; i++) {
		snprintf(to[i], room[i], "%s", words);
		words += strlen(words) + 1;
	}
	return true;
}
