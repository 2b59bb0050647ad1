/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.bpf.h - what a connection leaves behind: taken at its change to CLOSE, or at its death where
 * that change was missed (the kernel does not run a program inside itself on the same CPU).
 */
#ifndef SOCKLIFE_STATE_BPF_H
#define SOCKLIFE_STATE_BPF_H

#include "connect.bpf.h"

/* The peer's FIN was received (tcp_fin). */
static __always_inline bool sock__done(const struct sock *sk)
{
	return sk->__sk_common.skc_flags & (1ul << SOCK_DONE);
}

/* A tracepoint's TCP socket, which bpf_skc_to_tcp_sock() would make sure of. */
static __always_inline const struct tcp_sock *sock__as_tcp(const struct sock *sk)
{
	return CASTS ? bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock)) :
		       (const struct tcp_sock *)bpf_skc_to_tcp_sock((void *)sk);
}

/*
 * When the packet or the timer came in which the kernel is working on this connection: each refreshes
 * the socket's own clock (tcp_mstamp_refresh), which is CLOCK_MONOTONIC. Reading one costs 57 ns.
 */
static __always_inline __u64 state__packet_ns(const struct sock *sk)
{
	const struct tcp_sock *tp = sock__as_tcp(sk);

	return tp ? tp->tcp_clock_cache + boottime_offset : 0;
}

/*
 * Bytes and errors, at the change to CLOSE: a local abort clears them before tcp_destroy_sock. The SYN
 * and the FIN take a sequence number each; bytes_acked counts them when they were acknowledged, and
 * write_seq - snd_una holds them while they were not (tcp_snd_una_update).
 */
static __always_inline void state__save(const struct sock *sk, const struct tcp_sock *tp,
					struct facts *f, int old, __u32 implied)
{
	__u64 acked = tp->bytes_acked, received = tp->bytes_received;
	__u32 unacked = tp->write_seq - tp->snd_una, unread = tp->rcv_nxt - tp->copied_seq;
	__u32 added = implied | FACT_SAVED, flags = f->flags | added;

	f->last_state = old;
	f->sk_err = -sk->sk_err;
	f->retrans += tp->total_retrans;
	/*
	 * Both hand the tuple to a mini-socket (tcp_time_wait); a reset received shows in sk_err, one
	 * sent follows and takes this back (tcp_send_reset).
	 */
	if ((old == TCP_FIN_WAIT2 || old == TCP_CLOSING) && !sk->sk_err &&
	    !(flags & FACT_RST_RECEIVED))
		added |= FACT_TIME_WAIT;
	facts__set(f, added);
	if (old == TCP_SYN_SENT || old == TCP_LISTEN)
		return;
	if (flags & FACT_FIN_SENT) {
		if (unacked)
			unacked--;
		else if (acked)
			acked--;
	}
	if (flags & FACT_SYN_SENT) {
		if (acked)
			acked--;
		else if (unacked)
			unacked--;
	}
	if (sock__done(sk)) {
		if (received)
			received--;
		if (unread)
			unread--;
	}
	f->tx_bytes += acked;
	f->rx_bytes += received;
	f->unacked_bytes += unacked;
	f->unread_bytes += unread;
	f->unread_last = unread;
	f->srtt_us = tp->srtt_us >> 3;
}

/* Both ends, while the socket has them. The flags that are to be set. */
static __always_inline __u32 state__keep_tuple(const struct sock *sk, struct facts *f,
					       const bool direct)
{
	if (!SK(__sk_common.skc_dport))
		return 0;
	sock__identify(f, sk, direct);
	sock__tuple(sk, f->family, f->laddr, f->raddr, &f->lport, &f->rport, direct);
	return f->lport ? FACT_TUPLE : 0;
}

/* What the state before CLOSE says of those before it, as flags that are to be set. */
static __always_inline __u32 state__implied(const struct facts *f, int old)
{
	if (old == TCP_SYN_SENT || (old == TCP_SYN_RECV && (f->flags & FACT_CONNECTING)))
		return FACT_SYN_SENT;
	if (old == TCP_FIN_WAIT1 || old == TCP_FIN_WAIT2 || old == TCP_CLOSING)
		return FACT_FIN_SENT | FACT_LOCAL_FIRST;
	if (old == TCP_LAST_ACK)
		return FACT_FIN_SENT | FACT_REMOTE_FIRST;
	return old == TCP_CLOSE_WAIT ? FACT_REMOTE_FIRST : 0;
}

/* SYN_RECV comes before it also where both ends called connect() at once. */
static __always_inline void state__established(const struct sock *sk, struct facts *f, int old)
{
	bool connected = f->flags & FACT_CONNECTING;
	bool passive = old == TCP_SYN_RECV && !connected;
	__u64 now = state__packet_ns(sk);

	/* a repaired connection (TCP_REPAIR) is established without a packet */
	if (now <= f->connect_ns)
		now = bpf_ktime_get_boot_ns();
	f->established_ns = now;
	facts__change(f,
		      FACT_ESTABLISHED | (passive ? FACT_PASSIVE : FACT_SYN_SENT) |
			      state__keep_tuple(sk, f, true) | (connected ? FACT_CONNECTED : 0),
		      FACT_SAVED | FACT_CONNECTING);
	if (connected)
		connect__record(sock__address(f, sk), f, 0, CONNECT_DECIDED, now);
}

/* The same of a connect(), where `sk` is a plain address. */
static __always_inline void state__connected(const struct sock *sk, struct facts *f)
{
	f->established_ns = READ(struct tcp_sock, sk, tcp_clock_cache) + boottime_offset;
	if (f->established_ns <= f->connect_ns)
		f->established_ns = bpf_ktime_get_boot_ns();
	facts__change(f, FACT_ESTABLISHED | FACT_SYN_SENT | state__keep_tuple(sk, f, false),
		      FACT_SAVED);
	connect__outcome(sk, f, 0, CONNECT_DECIDED, f->established_ns);
}

/* Some time ago: without a latency. It is rare, and so a call. */
GLOBAL_FUNC int state__connected_unseen(__u64 addr, struct facts *f)
{
	if (!f)
		return 0;
	f->connect_ns = 0;
	state__connected((const struct sock *)addr, f);
	return 0;
}

static __always_inline void state__closed(const struct sock *sk, struct facts *f, int old)
{
	const struct tcp_sock *tp = sock__as_tcp(sk);
	__u32 implied = state__implied(f, old);

	if (!tp)
		return;
	if ((f->flags & FACT_CONNECTING) && old != TCP_SYN_SENT && old != TCP_SYN_RECV &&
	    old != TCP_CLOSE && old != TCP_LISTEN) {
		facts__set(f, implied);
		state__connected_unseen((__u64)sock__address(f, sk), f);
	}
	state__save(sk, tp, f, old, implied);
	if (!(f->flags & FACT_TUPLE))
		facts__set(f, state__keep_tuple(sk, f, true));
	if (!(f->flags & FACT_CONNECTING))
		return;
	if (sk->sk_err)
		connect__failed(sock__address(f, sk), f, -sk->sk_err);
	else if (old != TCP_SYN_SENT || tp->snd_nxt != tp->snd_una)
		connect__outcome(sock__address(f, sk), f, 0, CONNECT_ABANDONED,
				 bpf_ktime_get_boot_ns());
	/* else no port was to be had: sys_exit_connect says so */
}

/* At its death: how it was closed can still be read off the socket, if not in which order. */
static __always_inline void state__closed_unseen(const struct sock *sk, struct facts *f)
{
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		facts__set(f, FACT_FIN_SENT);
	if (sock__done(sk) && !(f->flags & FACT_LOCAL_FIRST))
		facts__set(f, FACT_REMOTE_FIRST);
	state__closed(sk, f, f->flags & FACT_LOCAL_FIRST ? TCP_FIN_WAIT2 : TCP_ESTABLISHED);
}

#endif
