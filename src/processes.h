/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * processes.h - who acts: every process that the kernel side told of, or that was asked for, by number,
 * start and exec. Bounded: the least recently used goes, and is asked for when it acts again.
 */
#ifndef SOCKLIFE_PROCESSES_H
#define SOCKLIFE_PROCESSES_H

#include <stdbool.h>
#include "kernel.h"
#include "record.h"

struct processes;
struct known; /* one process */

/* At most `max` processes, and 16 at least. `k` answers for those that nobody told of. NULL: ENOMEM. */
struct processes *processes__new(const struct kernel *k, size_t max);
void processes__free(struct processes *ps); /* accepts NULL */

/* What the kernel side tells of one, checked by decode. */
void processes__event(struct processes *ps, const struct ev_process *e);

/*
 * The process `o`; one that is not known is asked for, once. `a`, where not NULL, is the same process
 * acting: what is known where no answer is to be had. NULL: ENOMEM. Valid until some calls later.
 */
struct known *processes__find(struct processes *ps, const struct ev_owner *o,
			      const struct ev_actor *a);
/* Path of its executable, NULL: not known. And a hash of it, never 0; 0: not known. */
const char *processes__exe(const struct known *k);
uint32_t processes__program(const struct known *k);

/* True the first time since the last processes__tell_again(): its record is due. */
bool processes__due(struct processes *ps, struct known *k);
void processes__tell_again(struct processes *ps);
/* For its record; strings are valid as long as `k`. Returns INFERRED_*. */
uint32_t processes__describe(struct processes *ps, struct known *k, uint64_t now_ns,
			     struct process *p);

#endif
