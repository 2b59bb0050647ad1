/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_look.h - what no record tells: the kernel's sockets by state, how full accept queues are, and how many ports
 * the tightest destinations have left, by sock_diag in each network namespace. Asked for by a scrape, at most once in
 * five seconds and a fifth of the time, on the thread that serves; between, the last answer is given. One thread's.
 */
#ifndef SOCKLIFE_METRICS_LOOK_H
#define SOCKLIFE_METRICS_LOOK_H

#include "diag.h"
#include "options.h"

#define LOOK_INTERVAL_NS   5000000000ull
#define LOOK_STATES        14 /* TCP_*, 13: bound only */
#define LOOK_LISTENERS     64
#define LOOK_DESTINATIONS  20
#define LOOK_LEAST_PERCENT 1     /* of the capacity that a destination uses before it is told of */
#define LOOK_PAIRS         16384 /* told apart in one namespace; a power of two */
#define LOOK_ALL_LISTENERS 4096

/* One address that is listened on; several sockets share one with SO_REUSEPORT. */
struct look_listener {
	struct ev_sock sock; /* of one of them */
	uint32_t length;     /* connections that wait for accept() */
	uint32_t limit;      /* how many may */
};

/* From one local address to one destination. */
struct look_destination {
	uint8_t laddr[ADDR_LEN], raddr[ADDR_LEN];
	uint32_t netns;
	uint16_t family, rport;
	uint32_t used, capacity;
};

struct looked {
	uint64_t at_ns, took_ns; /* CLOCK_BOOTTIME; 0: not yet */
	uint32_t failed;
	uint64_t tcp[LOOK_STATES], udp[LOOK_STATES];
	struct look_listener listeners[LOOK_LISTENERS]; /* those with connections that wait first */
	size_t n_listeners;
	uint64_t other_length, other_limit;                      /* of those that had no room */
	struct look_destination destinations[LOOK_DESTINATIONS]; /* the tightest first */
	size_t n_destinations;
};

struct metrics_look;

/* `f` lives as long; of its filters, only that of namespaces. NULL: ENOMEM. */
struct metrics_look *metrics_look__new(const struct socket_filter *f);
void metrics_look__free(struct metrics_look *l); /* accepts NULL */
/* What was found last; looks anew where that is due. Valid until the next call. */
const struct looked *metrics_look__get(struct metrics_look *l, uint64_t now_ns);

#endif
