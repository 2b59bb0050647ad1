/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally.h - which programs did something most often in the last minute, in each network namespace. A
 * program is an executable, or a process name where its path is not known, in a cgroup: a thousand short curls are one.
 */
#ifndef SOCKLIFE_TALLY_H
#define SOCKLIFE_TALLY_H

#include "kernel.h"
#include "record.h"

struct tally_entry;

/* All zero is an empty one. */
struct tally {
	struct tally_entry *list;
};

struct tally_share {
	struct ev_actor actor; /* the process that did it last */
	uint64_t count;
};

/* Once more, by the actor of a record that has one. The programs longest quiet are forgotten for it. */
void tally__count(struct tally *t, const struct record *r);
/* The first `max` of a namespace, the most involved first; *total counts those of the others too. */
size_t tally__top(const struct tally *t, const struct netns_ref *net, uint64_t now_ns,
		  struct tally_share *top, size_t max, uint64_t *total);
/* The same into a finding's processes, with one count each. The total. */
uint64_t tally__tell(const struct tally *t, const struct netns_ref *net, uint64_t now_ns,
		     struct finding *f, const char *count_key);
void tally__free(struct tally *t);

#endif
