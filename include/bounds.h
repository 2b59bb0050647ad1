/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bounds.h - every bound that the kernel side and userspace must agree on.
 */
#ifndef SOCKLIFE_BOUNDS_H
#define SOCKLIFE_BOUNDS_H

#define COMM_LEN	16	/* TASK_COMM_LEN */
#define ADDR_LEN	16	/* an IPv6 address; IPv4 travels v4-mapped */

#define FACTS_SLOTS	(1 << 16) /* power of two: sockets found by cookie in one array access */
#define FACTS_SPILL_MAX	(1 << 20) /* sockets whose slot is taken by a live neighbour */
#define SWEEP_MAX	64	/* sockets asked about in one run of `sweep` */
#define SCRATCH_MAX	16384	/* threads inside bind(), UDP connect() or a listener's close() */
#define TREE_MAX	65536	/* processes followed by --pid -f or trace -- CMD */

#define PROCESS_PARENTS	4	/* ancestors told with a process, the nearest first */
#define PROCESS_EXE_PART 256	/* one component of a path with its NUL (NAME_MAX + 1) */
#define PROCESS_EXE_MAX	768	/* bytes of an executable's path: no component begins after 511 */
#define PROCESS_ARGS_MAX 256	/* bytes of a command line */
#define PROCESS_DEPTH	64	/* directories and mounts that a path is followed through */
#define TOLD_SLOTS	1024	/* power of two: processes found at once to have been told */
#define TOLD_MAX	16384	/* processes known to have been told */

#define PEERS_PER_SOCK	64	/* destinations remembered per unconnected UDP socket */
#define PEER_SOCKS_MAX	16384	/* UDP sockets whose destinations are remembered */

#define SUBFLOWS	16	/* of one MPTCP connection at one time: the kernel allows nine, later ones 65 */
#define MPTCP_CHILDREN_MAX 65536 /* MPTCP connections that listeners made */

#define FILTER_CIDRS	16	/* each of --addr, --laddr, --raddr */
#define FILTER_COMMS	16
#define FILTER_SET_MAX	4096	/* pids, uids, namespaces or cgroups in one filter */
#define CGROUP_DEPTH	16	/* ancestors looked at by --cgroup, --container and --unit */

#define RING_SIZE_DEFAULT (16u << 20) /* bytes; power of two */

#endif
