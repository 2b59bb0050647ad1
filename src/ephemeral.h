/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ephemeral.h - what ephemeral_exhausted and ephemeral_pressure share: the kernel's count of the ports
 * from an address to a destination, who has them, which cure fits, and how all that is told.
 */
#ifndef SOCKLIFE_EPHEMERAL_H
#define SOCKLIFE_EPHEMERAL_H

#include "destinations.h"
#include "finding.h"
#include "known.h"

/* Evidence keys of both, for `help findings`. */
#define EPHEMERAL_EVIDENCE                                                                         \
	"laddr, raddr, rport: from where to where; range, reserved: ports to choose from, and "    \
	"how many of them ip_local_reserved_ports takes out; socket_range: the range is the "      \
	"socket's own (IP_LOCAL_PORT_RANGE); capacity: ports in all; used, percent; live, "        \
	"time_wait, bound: used by connections, by closed ones in TIME_WAIT, kept by bind(); "     \
	"bound_first: connections anywhere that called bind() before connect(); reusable: in "     \
	"TIME_WAIT, and free for connect() by tcp_tw_reuse; tw_reuse: that sysctl; rate: "         \
	"connections opened a second; cure: pool, tw_reuse, bind_no_port, widen or close; "        \
	"processes: live sockets, bound: of these, with bind() before connect(), opened: "         \
	"connections in the last two minutes; estimated: the ports were free again when the "      \
	"kernel was asked, or it could not be asked"

/* An answer takes the kernel some 0.5 us a port and 1 ms for its hash: so many ports in a second. */
#define ASK_PORTS_A_SECOND 120000
#define ASK_PORTS_EACH     2000
#define ASK_PORTS_DEFAULT  28232 /* where the capacity is not known */

/* One question about so many ports; false: the kernel has had enough of them in this second. */
bool ephemeral__may_ask(struct ask_budget *b, uint32_t ports, uint64_t now_ns);

/* What is looked at, and what came of it. */
struct ephemeral {
	struct ask_port_use q;
	const struct destinations *all; /* who opened what; NULL: nobody looked */
	const struct destination *to;   /* NULL: not known, or no connect() */
	uint64_t now_ns;
	struct port_use use; /* zero where not `known` */
	bool known;
	bool busy; /* not known, since too much was asked: another time */
};

/* Asks. False: the kernel gave no answer. */
bool ephemeral__ask(struct ephemeral *e, const struct detect *d);
/* used of capacity, rounded down; 0 where nothing is known. */
unsigned int ephemeral__percent(const struct port_use *use);

/* Processes, evidence (the detector's own keys come before), and the words. */
void ephemeral__tell_exhausted(const struct ephemeral *e, struct finding *f);
/* seconds_left UINT64_MAX: it is not growing. */
void ephemeral__tell_pressure(const struct ephemeral *e, struct finding *f, unsigned int level,
			      uint64_t seconds_left);

#endif
