/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what userspace tells the eBPF programs before they load. A filter that is off costs
 * nothing: the verifier removes its code.
 */
#ifndef SOCKLIFE_SETTINGS_H
#define SOCKLIFE_SETTINGS_H

#include <linux/types.h>
#include "bounds.h"

/* Filters that are on. All that are on must match; within one, any value. */
#define FILTER_PID	(1u << 0)	/* map filter_pids; with --follow, the tree */
#define FILTER_COMM	(1u << 1)
#define FILTER_UID	(1u << 2)	/* map filter_uids */
#define FILTER_PORT	(1u << 3)	/* either end; map filter_ports */
#define FILTER_LPORT	(1u << 4)
#define FILTER_RPORT	(1u << 5)
#define FILTER_ADDR	(1u << 6)	/* either end */
#define FILTER_LADDR	(1u << 7)
#define FILTER_RADDR	(1u << 8)
#define FILTER_NETNS	(1u << 9)	/* map filter_netns */
#define FILTER_CGROUP	(1u << 10)	/* map filter_cgroups: also container and unit */

enum { SIDE_EITHER, SIDE_LOCAL, SIDE_REMOTE, SIDES };

/* Rows of filter_ports: one bit a port, a row a side. */
#define PORT_WORDS	(65536 / 64)

/* Values of filter_pids. */
enum { FOLLOWED = 1, FOLLOWED_DEAD };

/* What one pass of the snapshot iterator tells of. */
enum {
	SNAPSHOT_NEW,		/* sockets older than the start, each once */
	SNAPSHOT_TOLD,		/* all that have had a record, or should have: after a loss */
	SNAPSHOT_HOLDERS,	/* all, whatever the filters say: who holds a port */
	SNAPSHOT_PORTS,		/* the same, with who began each connection */
};

/* What one TCP socket of a namespace shares its port by, held by a process or not (TIME_WAIT too). */
struct port_options {
	__u64	cookie;
	__u32	options;	/* OPT_REUSEADDR, OPT_REUSEPORT, OPT_V6ONLY */
	__u32	pad;
};

struct filter_cidr {
	__u8	addr[ADDR_LEN];	/* v4-mapped for IPv4, host bits zero */
	__u8	mask[ADDR_LEN];
};

struct settings {
	__u32	filters;	/* FILTER_* */
	__u8	tcp;		/* protocols and families wanted */
	__u8	udp;
	__u8	ipv4;
	__u8	ipv6;
	__u8	states;		/* emit every state change */
	__u8	pad[3];
	__u32	ring_size;	/* bytes; power of two, at least 2 * RING_CHUNK; 0 where nothing is recorded */
	__u32	n_comms;
	__u32	n_cidrs[SIDES];
	char	comms[FILTER_COMMS][COMM_LEN];
	struct filter_cidr cidrs[SIDES][FILTER_CIDRS];
};

#endif
