/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns_told.h - for the audit log: which network namespaces have had their settings told, so that a segment
 * says of each what its ephemeral ports were (`settings` of a socket's record).
 */
#ifndef SOCKLIFE_NETNS_TOLD_H
#define SOCKLIFE_NETNS_TOLD_H

#include "kernel.h"
#include "record.h"

struct netns_told;

struct netns_told *netns_told__new(const struct kernel *k); /* NULL: ENOMEM */
void netns_told__free(struct netns_told *t);
/* A new segment: all are told again. */
void netns_told__begin(struct netns_told *t);
/*
 * The settings of the socket's namespace where it is time to tell them: once a segment, and again after ten
 * minutes or 1024 other namespaces. NULL: not now, or the kernel does not say. Valid until the next call.
 */
const struct netns_settings *netns_told__due(struct netns_told *t, const struct record *r);

#endif
