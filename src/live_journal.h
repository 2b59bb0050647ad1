/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_journal.h - between a live session and the journal (record --journal): what does not get there is said on stderr.
 * Life: new, sink, then step once a batch, end, free.
 */
#ifndef SOCKLIFE_LIVE_JOURNAL_H
#define SOCKLIFE_LIVE_JOURNAL_H

#include <stdint.h>

struct live_journal;
struct sink;

struct live_journal *live_journal__new(void);    /* NULL: ENOMEM */
void live_journal__free(struct live_journal *l); /* accepts NULL */
/* In place of `inner`, which it takes over, also where it fails. `l` NULL: there is no journal. NULL: ENOMEM. */
struct sink *live_journal__sink(struct live_journal *l, struct sink *inner);
/* All three accept NULL. Never waits. */
void live_journal__step(struct live_journal *l);
/* Waits a little for a journal that is slow. */
void live_journal__end(struct live_journal *l);
/* Entries that did not get there, in all. */
uint64_t live_journal__dropped(const struct live_journal *l);

#endif
