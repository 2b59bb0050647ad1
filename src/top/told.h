/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * told.h - the processes that `process` records told of, for the page of one socket. Bounded: the one told
 * of longest ago goes.
 */
#ifndef SOCKLIFE_TOP_TOLD_H
#define SOCKLIFE_TOP_TOLD_H

#include "top/frame.h"

struct told;

struct told *told__new(void); /* NULL: ENOMEM */
void told__free(struct told *t);
void told__record(struct told *t, const struct record *r);
/* False: not known, *p has only `proc`. */
bool told__find(const struct told *t, const struct ev_owner *o, struct top_process *p);

#endif
