/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known.h - what detectors remember and ask beyond their findings: who owns a socket that sock_diag
 * listed, when a namespace was looked at, which sockets a finding lasts as long as.
 */
#ifndef SOCKLIFE_KNOWN_H
#define SOCKLIFE_KNOWN_H

#include "detect.h"

/* False: the table does not know it; *k is all zero then. */
bool known__socket(struct detect *d, const struct ask_socket *q, struct known_socket *k);
/* A holder of a finding from what sock_diag and the table say; uid is that of the socket. */
struct holder known__holder(struct detect *d, const struct ev_sock *s, uint32_t uid,
			    const struct known_socket *k);

/* What holds in a namespace, and whether this port (0: none is meant) is reserved there. False: it cannot be asked. */
bool known__netns(struct detect *d, const struct netns_ref *net, uint16_t port,
		  struct netns_facts *facts);

/* What may be asked of the kernel in a second. All zero is a whole second's. */
struct ask_budget {
	uint64_t second_ns; /* when it began */
	uint32_t spent;
};

/* Takes a question that costs so much of the limit for a second; false: that is spent already. */
bool ask_budget__take(struct ask_budget *b, uint32_t cost, uint32_t limit, uint64_t now_ns);

/* When each network namespace was looked at last. All zero is empty. */
struct looks {
	struct look {
		struct netns_ref net;
		uint64_t at_ns;
	} * list;
	size_t n, room;
};

/* That of one, 0: never, to be set by the caller. Past 1024 it begins anew. NULL: no memory. */
uint64_t *looks__at(struct looks *l, const struct netns_ref *net);
void looks__free(struct looks *l);

#define MEMBERS_MAX 1024

/* Sockets, and the key of the finding that each belongs to. All zero is an empty list. */
struct members {
	struct member {
		uint64_t cookie, key;
	} * list;
	size_t n, room;
};

/* Past MEMBERS_MAX, and without memory, it is left out: false. */
bool members__add(struct members *m, uint64_t cookie, uint64_t key);
/* The key of a finding that this socket has a part in, 0: none. */
uint64_t members__key(const struct members *m, uint64_t cookie);
/* It is closed, of this finding: how many are left of that. */
size_t members__leave(struct members *m, uint64_t cookie, uint64_t key);
/* The finding is over: none is left of it. */
void members__forget(struct members *m, uint64_t key);
void members__free(struct members *m);

#endif
