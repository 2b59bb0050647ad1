/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conflict.h - does this socket stand in the way of that bind() or listen(), and by which rule? The
 * kernel's own decision, repeated for one pair of sockets, and the words for it. Pure: it asks nobody.
 */
#ifndef SOCKLIFE_CONFLICT_H
#define SOCKLIFE_CONFLICT_H

#include "record.h"

enum conflict_rule {
	CONFLICT_NONE,
	CONFLICT_SAME_ADDRESS,      /* both ask for the same address */
	CONFLICT_WILDCARD,          /* one of the two is 0.0.0.0 or ::, the other specific */
	CONFLICT_DUAL_STACK,        /* an IPv6 socket that is not v6only covers IPv4 */
	CONFLICT_LISTENING,         /* both have SO_REUSEADDR, but one listens */
	CONFLICT_REUSEPORT_MISSING, /* one has SO_REUSEPORT, the other not */
	CONFLICT_REUSEPORT_UID,     /* both have it, of different users */
	CONFLICT_TIME_WAIT,         /* only a closed connection, without SO_REUSEADDR on both */
	CONFLICT_CLIENT_PORT,       /* the port of an outgoing connection */
	CONFLICT_RULES
};

/* As `rule` in JSON: "same-address", ...; NULL for CONFLICT_NONE. */
extern const char *const conflict_names[CONFLICT_RULES];

/*
 * The rule by which `h` refuses `newcomer` its address and port, or CONFLICT_NONE. The newcomer's
 * laddr and lport are what it asked for; both sockets are of one network namespace and protocol.
 * With `at_listen` it is bound already and its listen() failed. Options of `h` that are not known
 * (options_known) must be settled by the caller: as they stand they are believed.
 */
enum conflict_rule conflict__judge(const struct ev_sock *newcomer, uint32_t newcomer_uid,
				   const struct holder *h, bool at_listen);

/* The holder is the local end of a connection that its own process made. */
bool conflict__is_client(const struct ev_sock *holder);

/*
 * Writes message and advice of a finding whose sock, actor, call and estimated are filled. h[0..n)
 * conflict, h[0] by `rule`; n 0 and CONFLICT_NONE: nobody was found.
 */
void conflict__tell(struct finding *f, enum conflict_rule rule, const struct holder *h, size_t n,
		    uint64_t now_ns, const struct wall *wall);

/* For qsort: listeners, what a process holds, orphans, TIME_WAIT; by cookie within each. */
int conflict__holder_order(const void *a, const void *b);

/* One of the holders before h[i] is of the same process. */
bool conflict__process_seen(const struct holder *h, size_t i);

#endif
