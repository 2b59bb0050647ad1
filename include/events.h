/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events.h - the wire ABI: what the eBPF programs put into the ring buffer, what a capture file
 * holds, and what decode reads. Fixed width, explicitly padded (-Wpadded is an error on it), every
 * field set. Times are CLOCK_BOOTTIME in ns, 0 for "did not happen". Ports are in host order.
 * Change anything here and EVENTS_VERSION goes up.
 */
#ifndef SOCKLIFE_EVENTS_H
#define SOCKLIFE_EVENTS_H

#include <linux/types.h>
#include "bounds.h"

#define EVENTS_VERSION 5

enum ev_type {
	EV_BIND = 1,
	EV_LISTEN,
	EV_CONNECT,
	EV_ACCEPT,
	EV_PEER,
	EV_STATE,
	EV_CLOSE,
	EV_SNAPSHOT,
	EV_TREE,
	EV_NO_FD,
	EV_PROCESS,
	EV_SUBFLOWS,
	EV_TYPES
};

/* Why something that happened is not in the stream. The first ones are counted in the kernel. */
enum lost_reason {
	LOST_RING,	/* the ring buffer was full */
	LOST_FACTS,	/* no room for another socket's facts */
	LOST_SCRATCH,	/* no room for a call in flight */
	LOST_PEERS,	/* an unconnected UDP socket with more destinations than are remembered */
	LOST_TREE,	/* no room for another followed process */
	LOST_MISSED,	/* state changes while another was being looked at on the same CPU */
	LOST_KERNEL_REASONS,
	LOST_TABLE = LOST_KERNEL_REASONS, /* the socket table was full: the oldest went */
	LOST_RECORD,	/* a record from the ring or a capture that cannot be right, or was never whole */
	LOST_QUEUE,	/* audit log: the queue to its writer was full */
	LOST_DISK,	/* audit log: records that could not be written */
	LOST_CRASH,	/* audit log: whatever happened since the last record of a recorder that did not end well */
	LOST_RETENTION,	/* audit log: old segments that were deleted */
	LOST_REASONS
};

/* One CPU's count for one kernel-side reason. `first` is that of the current epoch (settings.h). */
struct loss_count {
	__u64	count;
	__u64	first_ns;
	__u64	last_ns;
	__u64	epoch;
};

/* Socket options, as `options` of the JSON lists them. */
#define OPT_REUSEADDR			(1 << 0)
#define OPT_REUSEPORT			(1 << 1)
#define OPT_V6ONLY			(1 << 2)
#define OPT_BIND_ADDRESS_NO_PORT	(1 << 3)
#define OPT_TRANSPARENT			(1 << 4)
#define OPT_FREEBIND			(1 << 5)

/* What has happened to a socket so far (facts.h); a close record carries it all. */
#define FACT_CREATED		(1u << 0)	/* its socket() was seen */
#define FACT_EXISTED		(1u << 1)	/* found by the snapshot */
#define FACT_EVENT		(1u << 2)	/* for the programs: has had a record, or ESTABLISHED says more */
#define FACT_ADMITTED		(1u << 3)	/* the filters let it in */
#define FACT_IGNORED		(1u << 4)	/* socklife's own, or the kernel's */
#define FACT_SYN_SENT		(1u << 5)	/* passed SYN_SENT in its current connection */
#define FACT_ESTABLISHED	(1u << 6)	/* ever */
#define FACT_PASSIVE		(1u << 7)	/* born by a listener */
#define FACT_ACCEPTED		(1u << 8)	/* returned by accept() */
#define FACT_LISTENED		(1u << 9)	/* ever in LISTEN */
#define FACT_BOUND		(1u << 10)	/* has a port that bind() or the first send gave it */
#define FACT_CONNECTING		(1u << 11)	/* connect() called, no outcome yet */
#define FACT_ASYNC		(1u << 12)	/* that connect() does not wait */
#define FACT_FIN_SENT		(1u << 13)	/* queued a FIN in its current connection */
#define FACT_LOCAL_FIRST	(1u << 14)	/* its own FIN went first */
#define FACT_REMOTE_FIRST	(1u << 15)	/* the peer's FIN came first */
#define FACT_RST_RECEIVED	(1u << 16)
#define FACT_RST_SENT		(1u << 17)
#define FACT_RELEASED		(1u << 18)	/* last descriptor closed */
#define FACT_EXITING		(1u << 19)	/* ... because its process died */
#define FACT_KERNEL_CLOSED	(1u << 20)	/* ... by a kernel thread */
#define FACT_TIME_WAIT		(1u << 21)	/* its tuple stays held */
#define FACT_CONNECT_FAILED	(1u << 22)	/* the last connect() failed */
#define FACT_BIND_FAILED	(1u << 23)
#define FACT_LISTEN_FAILED	(1u << 24)
#define FACT_ABANDONED		(1u << 25)	/* closed before the connect() had an answer */
#define FACT_LISTENER_OWNER	(1u << 26)	/* owner taken from the listener */
#define FACT_CONNECTED		(1u << 27)	/* a connect() succeeded (UDP too) */
#define FACT_TUPLE		(1u << 28)	/* the facts hold both ends of its connection */
#define FACT_SAVED		(1u << 29)	/* ... and its counters, as they were at its end */
#define FACT_PORT_FIXED		(1u << 30)	/* bind() asked for its port by number */
#define FACT_PORT_KEPT		(1u << 31)	/* snapshot: a bind() keeps its port from connect() */

/* ev_sock.proto of MPTCP, whose protocol number, 262, has no room there. */
#define PROTO_MPTCP	255

struct ev_head {
	__u16	type;		/* enum ev_type */
	__u16	size;		/* of the whole record, bytes */
	__u32	cpu;		/* that wrote it */
	__u64	boot_ns;	/* when it happened */
};

/* The process known to hold a socket: its creator, its accepter, or found by the snapshot. */
struct ev_owner {
	__u32	tgid;		/* 0: not known */
	__u32	exec;		/* task_struct.self_exec_id: grows with each exec */
	__u64	start_ns;	/* of the group leader */
	char	comm[COMM_LEN];
};

/* The thread that acted, and its process. */
struct ev_actor {
	struct ev_owner	proc;
	__u32	tid;
	__u32	uid;		/* real */
	__u32	nspid;		/* in its own pid namespace */
	__u32	mark;		/* 0 in a record; each side notes here what it found out of it */
	__u64	cgroup_id;	/* in the cgroup2 hierarchy */
	char	thread[COMM_LEN];
};

/* The socket. Addresses of an IPv4 socket are v4-mapped; `family` tells them from a mapped IPv6 one. */
struct ev_sock {
	__u64	cookie;
	__u64	netns_cookie;
	__u64	inode;		/* 0: not known */
	__u64	created_ns;	/* 0: before the start, or born by a listener */
	__u8	laddr[ADDR_LEN];
	__u8	raddr[ADDR_LEN];
	__u16	lport;
	__u16	rport;
	__u32	netns;		/* inode number of the namespace */
	__u32	ifindex;	/* SO_BINDTODEVICE, or 0 */
	__u16	family;		/* AF_INET, AF_INET6 */
	__u8	proto;		/* IPPROTO_TCP, IPPROTO_UDP, PROTO_MPTCP */
	__u8	state;		/* TCP_*; UDP uses ESTABLISHED and CLOSE */
	__u32	options;	/* OPT_* */
	__u32	facts;		/* FACT_* */
	struct ev_owner	owner;
};

/* What every record starts with. */
struct ev_base {
	struct ev_head	head;
	struct ev_sock	sock;
	struct ev_actor	actor;	/* proc.tgid 0: nobody known */
};

/* bind() returned, or the first send of an unbound UDP socket chose its port. */
struct ev_bind {
	struct ev_base	base;
	__u8	req_addr[ADDR_LEN];	/* as asked */
	__u16	req_port;
	__u8	req_known;	/* 0: the call failed before the kernel had read the address */
	__u8	automatic;	/* no bind(): the first send chose the port */
	__s32	error;		/* 0 or -errno */
	__u16	range_low;	/* its own range (IP_LOCAL_PORT_RANGE), 0: the namespace's */
	__u16	range_high;
	__u32	user;		/* of the socket, which SO_REUSEPORT goes by (sk_uid), plus 1; 0: not known */
};

/* listen() returned. */
struct ev_listen {
	struct ev_base	base;
	__u32	backlog;	/* effective: capped by somaxconn */
	__s32	error;
};

/* A connection reached its outcome. Once per connection, sync or not. */
struct ev_connect {
	struct ev_base	base;
	__u64	started_ns;
	__s32	error;
	__u8	async;		/* the call returned, or would have returned, EINPROGRESS */
	__u8	abandoned;	/* closed before any answer */
	__u8	syn_sent;	/* a SYN went out */
	__u8	pad;
	__u16	range_low;	/* its own range (IP_LOCAL_PORT_RANGE), 0: the namespace's */
	__u16	range_high;
	__u32	pad2;
};

/*
 * accept() returned a connection, or failed (then `base.sock` is the listener). With neither a descriptor nor an error
 * it was not seen, and concluded from the socket's release: the actor is who released it, the time that of the handshake.
 */
struct ev_accept {
	struct ev_base	base;
	__u64	listener;	/* cookie; 0: not known */
	__u64	established_ns;
	__u64	fd_limit;	/* RLIMIT_NOFILE, where that was the error; else 0 */
	__s32	fd;
	__s32	error;
};

/* First datagram of an unconnected UDP socket to this destination. */
struct ev_peer {
	struct ev_base	base;
	__u8	addr[ADDR_LEN];
	__u16	port;
	__u8	pad[6];
};

struct ev_state {
	struct ev_base	base;	/* the actor is nobody: state changes run in any context */
	__u8	old_state;
	__u8	new_state;
	__u8	pad[6];
};

/* The socket is dead in the kernel. The actor is who closed it. Counters are sums over its life. */
struct ev_close {
	struct ev_base	base;
	__u64	listener;	/* cookie, for a child that died with its listener */
	__u64	established_ns;
	__u64	released_ns;
	__u64	tx_bytes;	/* payload acknowledged by the peer */
	__u64	rx_bytes;	/* payload received by the kernel */
	__u64	unacked_bytes;
	__u64	unread_bytes;
	__u64	accepted;	/* connections taken from this listener */
	__u32	retrans;
	__u32	srtt_us;
	__s32	sk_err;		/* -errno of the socket at its last change to CLOSE */
	__u8	last_state;	/* before CLOSE */
	__u8	pad[3];
};

/* A socket found by the iterator. The actor's `proc` is the process whose descriptor was found. */
struct ev_snapshot {
	struct ev_base	base;
	__s32	fd;
	__u32	backlog;
};

/*
 * Subflows of an MPTCP connection, each told at least once while it lives. They have no other records, and the
 * actor is nobody.
 */
struct ev_subflows {
	struct ev_base	base;
	__u64	cookies[SUBFLOWS];	/* 0: none; some in between can be */
};

/* The last process of the followed tree has ended. */
struct ev_tree {
	struct ev_head	head;
};

/* socket() found no descriptor for what it had made: EMFILE or ENFILE. */
struct ev_no_fd {
	struct ev_head	head;
	struct ev_actor	actor;
	__u64	netns_cookie;
	__u64	fd_limit;	/* RLIMIT_NOFILE */
	__u32	netns;
	__s32	error;
};

#define PROCESS_ANCESTOR (1 << 0)	/* told for a descendant's sake: no args, no parents */
#define PROCESS_EXE_CUT	 (1 << 1)	/* the path is longer: what is nearest to the root is missing */
#define PROCESS_NO_MEMORY (1 << 2)	/* it had exited, or is the kernel's: no exe, no args */

/*
 * Who a process is. Comes before the first record of it, and again after an exec. The path is the one
 * that the process sees (from its root directory), as its components from the file up, each with its NUL.
 */
struct ev_process {
	struct ev_head	head;
	struct ev_owner	proc;
	struct ev_owner	parents[PROCESS_PARENTS];	/* nearest first; tgid 0: no more */
	__u64	cgroup_id;
	__u32	uid;		/* real */
	__u32	euid;
	__u32	loginuid;	/* 4294967295: none, as in /proc/PID/loginuid; the same for session */
	__u32	session;
	__u32	nspid;
	__u16	flags;		/* PROCESS_* */
	__u16	exe_len;
	__u16	args_len;
	__u16	pad[3];
	char	exe[PROCESS_EXE_MAX];
	char	args[PROCESS_ARGS_MAX];	/* as in memory: each ends in a NUL, the last may be cut */
};

#endif
