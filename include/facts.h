/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.h - what the kernel side remembers of each live socket, keyed by cookie. State changes only
 * update it; records carry it. Userspace reads the cookies to learn which sockets are still alive
 * after a loss, and who has a socket of which no record has told yet.
 */
#ifndef SOCKLIFE_FACTS_H
#define SOCKLIFE_FACTS_H

#include "events.h"

struct facts {
	__u64	cookie;		/* 0: the slot is free */
	__u32	spilled;	/* sockets of this slot that the hash has; of the slot, not of its socket */
	__u32	pad;
	__u64	created_ns;
	__u64	connect_ns;	/* the pending or last connect() */
	__u64	established_ns;	/* the last time */
	__u64	released_ns;
	__u64	inode;
	__u64	listener;
	__u64	tx_bytes;	/* these four: sums over finished connections */
	__u64	rx_bytes;
	__u64	unacked_bytes;
	__u64	unread_bytes;
	__u64	accepted;
	struct ev_owner	owner;
	struct ev_actor	actor;	/* of the pending connect(), later of the close() */
	__u8	laddr[ADDR_LEN]; /* of the last connection: a disconnect clears the socket's own */
	__u8	raddr[ADDR_LEN]; /* the same, or what connect() asked for: a failure clears it too */
	__u16	rport;
	__u16	lport;		/* of the connection, or of the listener */
	__u32	netns;
	__u64	netns_cookie;	/* this, netns, family and proto never change: read once */
	__u16	family;		/* 0: not read yet */
	__u8	proto;
	__u8	last_state;
	__s32	sk_err;
	__u32	flags;		/* FACT_* */
	__u32	retrans;
	__u32	srtt_us;
	__u32	unread_last;	/* the last connection's part of unread_bytes */
	__u64	sk;		/* its address (sock__address) */
	__u64	mptcp;		/* the MPTCP socket's address, 0: it is none (mptcp.bpf.h) */
};

#endif
