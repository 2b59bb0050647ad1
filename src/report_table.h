/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_table.h - counts by a name, such as a process or a destination. Bounded: when it is full, names
 * that are new are counted together as `other`.
 */
#ifndef SOCKLIFE_REPORT_TABLE_H
#define SOCKLIFE_REPORT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define REPORT_COUNTS   9
#define REPORT_NAME_MAX 127

struct report_entry {
	uint64_t counts[REPORT_COUNTS];
	uint64_t hash;
	char *name; /* not NUL-free bytes of a log: escape it */
	char *note; /* NULL: none */
};

struct report_table {
	struct report_entry *entries;
	uint32_t *slots; /* entry + 1 */
	size_t n, max, n_slots;
	struct report_entry other;
	uint64_t turned_away; /* how often a name was not one of those that have an entry */
};

/* 0 or -ENOMEM: free it all the same. */
int report_table__init(struct report_table *t, size_t max);
void report_table__free(struct report_table *t);
/* Never NULL: `other` where there is no room. */
struct report_entry *report_table__get(struct report_table *t, const char *name);
/* A note stays the first that was given; where another comes, it says so with ", ...". */
void report_table__note(const struct report_table *t, struct report_entry *e, const char *note);
/*
 * The first `max` entries by counts[by], the highest first, ties by name; those with 0 there are left out. Returns
 * how many. *total: how many there are in all.
 */
size_t report_table__top(const struct report_table *t, unsigned int by,
			 const struct report_entry **top, size_t max, size_t *total);

#endif
