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
 * write_seq - snd_una holds them while they were not (kernel-facts: bytes).
 */
static __always_inline void state__save(const struct sock *sk, const struct tcp_sock *tp,
					struct facts *f, int old)
{
	__u64 acked = tp->bytes_acked, received = tp->bytes_received;
	__u32 unacked = tp->write_seq - tp->snd_una, unread = tp->rcv_nxt - tp->copied_seq;

	facts__set(f, FACT_SAVED);
	f->last_state = old;
	f->sk_err = -sk->sk_err;
	f->retrans += tp->total_retrans;
	if (old == TCP_SYN_SENT || old == TCP_LISTEN)
		return;
	if (f->flags & FACT_FIN_SENT) {
		if (unacked)
			unacked--;
		else if (acked)
			acked--;
	}
	if (f->flags & FACT_SYN_SENT) {
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
	/*
	 * Both hand the tuple to a mini-socket (tcp_time_wait); a reset received shows in sk_err, one
	 * sent follows and takes this back (tcp_send_reset).
	 */
	if ((old == TCP_FIN_WAIT2 || old == TCP_CLOSING) && !sk->sk_err &&
	    !(f->flags & FACT_RST_RECEIVED))
		facts__set(f, FACT_TIME_WAIT);
}

/* Both ends, while the socket has them and they can be read directly. */
static __always_inline void state__keep_tuple(const struct sock *sk, struct facts *f)
{
	if (!sk->__sk_common.skc_dport)
		return;
	sock__identify(f, sk, true);
	sock__tuple(sk, f->family, f->laddr, f->raddr, &f->lport, &f->rport, true);
	if (f->lport)
		facts__set(f, FACT_TUPLE);
}

/* What the state before CLOSE says of those before it. */
static __always_inline void state__imply(struct facts *f, int old)
{
	if (old == TCP_SYN_SENT || (old == TCP_SYN_RECV && (f->flags & FACT_CONNECTING)))
		facts__set(f, FACT_SYN_SENT);
	else if (old == TCP_FIN_WAIT1 || old == TCP_FIN_WAIT2 || old == TCP_CLOSING)
		facts__set(f, FACT_FIN_SENT | FACT_LOCAL_FIRST);
	else if (old == TCP_LAST_ACK)
		facts__set(f, FACT_FIN_SENT | FACT_REMOTE_FIRST);
	else if (old == TCP_CLOSE_WAIT)
		facts__set(f, FACT_REMOTE_FIRST);
}

/* SYN_RECV comes before it also where both ends called connect() at once. */
static __always_inline void state__established(const struct sock *sk, struct facts *f, int old)
{
	__u64 now = state__packet_ns(sk);
	bool passive = old == TCP_SYN_RECV && !(f->flags & FACT_CONNECTING);

	/* a repaired connection (TCP_REPAIR) is established without a packet */
	if (now <= f->connect_ns)
		now = bpf_ktime_get_boot_ns();
	f->established_ns = now;
	facts__clear(f, FACT_SAVED);
	facts__set(f, FACT_ESTABLISHED | (passive ? FACT_PASSIVE : FACT_SYN_SENT));
	state__keep_tuple(sk, f);
	if (f->flags & FACT_CONNECTING)
		connect__outcome(sock__address(f, sk), f, 0, CONNECT_DECIDED, f->established_ns);
}

/* Some time ago: without a latency. */
static __always_inline void state__established_unseen(const struct sock *sk, struct facts *f)
{
	f->connect_ns = 0;
	state__established(sk, f, TCP_SYN_SENT);
}

static __always_inline void state__closed(const struct sock *sk, struct facts *f, int old)
{
	const struct tcp_sock *tp = sock__as_tcp(sk);

	if (!tp)
		return;
	state__imply(f, old);
	if ((f->flags & FACT_CONNECTING) && old != TCP_SYN_SENT && old != TCP_SYN_RECV &&
	    old != TCP_CLOSE && old != TCP_LISTEN)
		state__established_unseen(sk, f);
	state__save(sk, tp, f, old);
	if (!(f->flags & FACT_TUPLE))
		state__keep_tuple(sk, f);
	if (!(f->flags & FACT_CONNECTING))
		return;
	if (sk->sk_err)
		connect__outcome(sock__address(f, sk), f, -sk->sk_err, CONNECT_DECIDED,
				 bpf_ktime_get_boot_ns());
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
