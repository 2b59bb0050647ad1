/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.h - entries for the systemd journal, in its native protocol, behind a bounded queue. Nothing here ever blocks
 * but journal__finish(), for a while: a journal that is full, hangs or is gone costs entries, and they are counted.
 * Life: new, then put and step, finish, free.
 */
#ifndef SOCKLIFE_JOURNAL_H
#define SOCKLIFE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include "json.h"

struct journal;

struct journal *journal__new(void);    /* NULL: ENOMEM */
void journal__free(struct journal *j); /* accepts NULL */

/* Onto an entry: one field. `key` is upper case; the value any bytes. */
void journal__field(struct buf *entry, const char *key, const char *value, size_t len);
void journal__string(struct buf *entry, const char *key, const char *value); /* NULL: left out */
void journal__number(struct buf *entry, const char *key, uint64_t value);

/* Queues a copy of the fields of one entry. What there is no room or no memory for is counted. */
void journal__put(struct journal *j, const struct buf *entry);
/* Sends what the journal takes now. Returns 0, or -errno where some are left for later. */
int journal__step(struct journal *j);
/* Waits until all are sent, `ms` at most, and counts those that are not. The same return value. */
int journal__finish(struct journal *j, unsigned int ms);
/* Entries that were not sent, in all. */
uint64_t journal__dropped(const struct journal *j);

#endif
