/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diag.h - sock_diag: the sockets of one network namespace and protocol as the kernel lists them, with
 * those that no process holds. It tells no SO_REUSE* and no process.
 */
#ifndef SOCKLIFE_DIAG_H
#define SOCKLIFE_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include "events.h"

/* Half-open connections are no sockets yet and hold no port: inet_diag takes them for SYN_RECV. */
#define DIAG_ALL_STATES (~(1u << 3 | 1u << 12))

/* What is asked for; 0 and NULL ask for any. The kernel leaves out the rest. */
struct diag_query {
	uint8_t proto;   /* IPPROTO_TCP, IPPROTO_UDP */
	uint32_t states; /* 1u << TCP_* */
	uint16_t lport;  /* host order */
	uint16_t rport;
	const uint8_t *raddr; /* ADDR_LEN, v4-mapped for IPv4: also that of an IPv6 socket */
	bool info;            /* tcp_info too: costs about 1 us a socket */
	bool memory;          /* drops */
};

/* What a connection has done so far, as tcp_info has it. */
struct diag_counters {
	uint64_t tx_bytes; /* payload acknowledged; while some is not, of a client one byte more: its SYN */
	uint64_t rx_bytes; /* payload received, read or not */
	uint32_t retrans;  /* segments sent again */
	uint32_t srtt_us, rttvar_us;
	uint32_t cwnd, mss;            /* segments; bytes */
	uint32_t unacked;              /* segments in flight */
	uint32_t notsent_bytes;        /* written, and not sent yet */
	uint32_t sent_ms, received_ms; /* since data was sent, received */
	bool known;
};

struct diag_sock {
	struct ev_sock
		sock; /* cookie, netns_cookie 0, both ends, state, inode, ifindex, options but SO_REUSE* */
	uint32_t uid;        /* of the socket; not known in TIME_WAIT */
	uint32_t rqueue;     /* LISTEN: connections that wait for accept() */
	uint32_t wqueue;     /* LISTEN: how many may */
	uint32_t drops;      /* with `memory` */
	uint32_t expires_ms; /* TIME_WAIT: how long it still lasts */
	uint32_t quiet_ms;   /* with `info`: since the last segment that acknowledged something */
	struct diag_counters counters; /* with `info`, TCP but LISTEN; else 0 */
	bool time_wait;                /* a mini-socket: FIN_WAIT2 or TIME_WAIT */
	uint8_t state;                 /* as `ss` shows it: sock.state is what it is to bind() */
};

typedef void diag_found_fn(void *arg, const struct diag_sock *s);

/* A socket for diag__dump() in the namespace of the calling thread. -errno. */
int diag__open(void);
/* Calls found() for each, in no order. 0 or -errno; what came before an error was told. */
int diag__dump(int fd, const struct diag_query *q, diag_found_fn *found, void *arg);
/* Open, dump, close. */
int diag__list(const struct diag_query *q, diag_found_fn *found, void *arg);
/*
 * Is there a TCP socket in the namespace of the calling thread, TIME_WAIT included? Those that only bound do
 * not count. The kernel's table is one for all namespaces: to find none in it takes some 10 ms on a large
 * host, to ask this much less.
 */
bool diag__has_tcp(void);
/* Does this kernel list TCP sockets that only bound (91051f003948, 6.8)? Asked with one of ours. */
bool diag__has_bound(void);

#endif
