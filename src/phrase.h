/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * phrase.h - the words of messages and advice, put together in a buffer of fixed size: what does not fit
 * is cut at its end.
 */
#ifndef SOCKLIFE_PHRASE_H
#define SOCKLIFE_PHRASE_H

#include <stddef.h>
#include "kernel.h"
#include "record.h"

struct phrase {
	char *s;
	size_t size, len;
};

/* The message and the advice of a finding, from their beginning. */
struct phrase phrase__message(struct finding *f);
struct phrase phrase__advice(struct finding *f);

__attribute__((format(printf, 2, 3))) void phrase__add(struct phrase *p, const char *format, ...);
/* " since 23:48:24", local, with the date where it is not today's. */
void phrase__since(struct phrase *p, uint64_t ns, uint64_t now_ns, const struct wall *wall);
/* "127.0.0.1", "::1" */
void phrase__host(struct phrase *p, const uint8_t *addr);
/* "127.0.0.1:80", "[::1]:80" */
void phrase__address(struct phrase *p, const uint8_t *addr, uint16_t port);
/* "nginx (pid 812)" */
void phrase__owner(struct phrase *p, const struct ev_owner *o);
/*
 * How a command gets into the network namespace where it is not socklife's own: "nsenter -t PID -n ", with
 * a process that is in it. `in` NULL: it could not be asked, and may be gone with its processes.
 */
void phrase__inside(struct phrase *p, const struct netns_facts *in, uint32_t tgid);
/* "s" where n is not 1. */
const char *phrase__plural(uint64_t n);

#endif
