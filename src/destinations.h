/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * destinations.h - to where TCP connections are opened, how fast and by whom: what the kernel does not
 * know any more once they are in TIME_WAIT. A bounded table; the one longest not connected to goes.
 */
#ifndef SOCKLIFE_DESTINATIONS_H
#define SOCKLIFE_DESTINATIONS_H

#include "kernel.h"
#include "record.h"

#define DESTINATIONS_MAX 4096
#define OPENERS_MAX      8

/* Who opens. Past OPENERS_MAX, processes of one name are counted as one. */
struct opener {
	struct ev_owner proc;
	uint32_t uid;
	uint32_t processes;
	uint32_t opened[2]; /* in this minute and in the one before: TIME_WAIT lasts one */
	uint32_t bound[2];  /* of those: bind() chose the port */
};

/* The ports of one 4-tuple but for the local one: connect() chooses among them (__inet_hash_connect). */
struct destination_key {
	uint64_t netns_cookie;
	uint8_t laddr[ADDR_LEN];
	uint8_t raddr[ADDR_LEN];
	uint32_t netns;
	uint16_t rport;
	uint16_t low, high; /* IP_LOCAL_PORT_RANGE of the socket, 0: the namespace's */
	uint16_t pad[3];    /* hashed whole: no byte is left to the compiler */
};
_Static_assert(sizeof(struct destination_key) == 56, "no hidden padding");

struct destination {
	struct destination_key key;
	uint64_t id;     /* a hash of it */
	uint64_t opened; /* connections seen */
	uint64_t first_ns, last_ns;
	uint64_t minute_ns;                          /* when this minute began */
	uint64_t second_ns, in_second;               /* this second, and what was opened in it */
	uint64_t second_before_ns, in_second_before; /* how long the last one was; the same */
	size_t n_openers;
	struct opener openers[OPENERS_MAX];
	/* The user's own, zero at first: when to look at it next. */
	uint64_t look_at, look_after_ns, look_interval_ns;
	uint64_t looked_ns;
	uint32_t looked_used;
	uint32_t level;
	struct destination *next;          /* of the same bucket */
	struct destination *newer, *older; /* in the order of last_ns */
};

struct destinations;

struct destinations *destinations__new(void); /* NULL: ENOMEM */
void destinations__free(struct destinations *all);

/* The destination of a connection just opened, or that was there before, counted; NULL where it is none. */
struct destination *destinations__count(struct destinations *all, const struct record *r);
/* NULL: not known, or no more. */
struct destination *destinations__of_id(const struct destinations *all, uint64_t id);
/* The one of this namespace, remote address and port that most was opened to lately; NULL: none. */
const struct destination *destinations__busiest(const struct destinations *all,
						const struct ev_sock *to);
void destinations__each(const struct destinations *all,
			void (*fn)(void *arg, struct destination *d), void *arg);

/* Its namespace, with a process that was in it. */
struct netns_ref destination__netns(const struct destination *d);
/* What all its sockets have in common. */
struct ev_sock destination__sock(const struct destination *d);
/* Connections opened a second, over the last one to two. */
uint64_t destination__rate(const struct destination *d, uint64_t now_ns);
/* Opened in the last one to two minutes. */
uint64_t opener__opened(const struct opener *o);
uint64_t opener__bound(const struct opener *o);

#endif
