/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listeners.h - which listener a connection came from, where no record tells: by namespace, port and
 * address, in an index that is made again when a listener came or went.
 */
#ifndef SOCKLIFE_TOP_LISTENERS_H
#define SOCKLIFE_TOP_LISTENERS_H

#include "top/model.h"

/* All zero is an empty index. */
struct listeners {
	struct top_sock *list; /* by port */
	size_t n, room;
	bool stale; /* to be set when a listener comes or goes */
};

/* NULL: none. A copy, valid until the next call. */
const struct top_sock *listeners__of(struct listeners *l, const struct top_sock *socks, size_t n,
				     const struct ev_sock *connection);
void listeners__free(struct listeners *l);

#endif
