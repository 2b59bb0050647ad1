/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_space.h - what becomes of the 65 536 ports of each network namespace, and which destinations have
 * used most of the ephemeral ones: the model of ports.h, reduced to what the Ports view draws.
 */
#ifndef SOCKLIFE_TOP_PORT_SPACE_H
#define SOCKLIFE_TOP_PORT_SPACE_H

#include <stdatomic.h>
#include "ports.h"

/* Of a port; the highest that any of its sockets is. */
enum top_port_use {
	PORT_FREE,
	PORT_TIME_WAIT,
	PORT_CONNECTED,
	PORT_UDP,
	PORT_BOUND, /* bound, neither listening nor connected */
	PORT_LISTENS,
	PORT_USES
};

struct top_pair {
	struct ports_pair pair;
	int64_t growth;        /* ports more a second than at the count before */
	uint32_t seconds_left; /* until none is left, at this rate; UINT32_MAX: it does not grow */
};

struct top_ports_netns {
	struct netns_ref ref;
	char name[PORTS_NAME];
	bool own;
	int error; /* why it could not be read, 0 or -errno */
	uint32_t range_low, range_high, reserved, capacity;
	uint32_t tcp_used, udp_used, tcp_kept; /* of the ephemeral ones */
	uint32_t ports[PORT_USES];             /* of all */
	uint32_t sockets, time_wait;
	struct top_pair tightest[PORTS_TIGHTEST];
	size_t n_tightest;
	uint8_t use[65536]; /* enum top_port_use */
};

struct top_ports {
	atomic_uint refs;
	uint64_t at_ns;
	size_t n;
	struct top_ports_netns
		*list; /* own first; those without sockets are left out, but for the own */
};

/* Of a model after ports__finish(); `before`, NULL: none, tells the growth. NULL: ENOMEM. One reference. */
struct top_ports *top_ports__make(const struct ports *p, const struct top_ports *before,
				  uint64_t now_ns);
/* Both accept NULL. get() returns it with one reference more. */
struct top_ports *top_ports__get(struct top_ports *p);
void top_ports__put(struct top_ports *p);

#endif
