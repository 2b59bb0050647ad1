// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * state.bpf.c - TCP's states, as the kernel changes them, in whatever context the packet was
 * processed: they say what happened to the socket, never who did it.
 */
#include "connect.bpf.h"

/* enum sock_flags is stable API of sk_flags: SOCK_DONE is "the peer's FIN was received" (tcp_fin). */
static __always_inline bool sock__done(const struct sock *sk)
{
	return sk->__sk_common.skc_flags & (1ul << SOCK_DONE);
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

	f->last_state = old;
	f->sk_err = -sk->sk_err;
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
	f->retrans += tp->total_retrans;
	f->srtt_us = tp->srtt_us >> 3;
	/*
	 * Both hand the tuple to a mini-socket (tcp_time_wait); a reset received shows in sk_err, one
	 * sent follows and takes this back (tcp_send_reset).
	 */
	if ((old == TCP_FIN_WAIT2 || old == TCP_CLOSING) && !sk->sk_err &&
	    !(f->flags & FACT_RST_RECEIVED))
		f->flags |= FACT_TIME_WAIT;
}

/* The tuple, before a disconnect clears it. */
static __always_inline void state__save_tuple(const struct sock *sk, struct facts *f)
{
	__u16 rport = bpf_ntohs(sk->__sk_common.skc_dport);

	if (!rport)
		return;
	f->rport = rport;
	if (sk->__sk_common.skc_family == AF_INET) {
		addr__from_v4(f->laddr, sk->__sk_common.skc_rcv_saddr);
		addr__from_v4(f->raddr, sk->__sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&f->laddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&f->raddr, sk, __sk_common.skc_v6_daddr);
	}
}

static __always_inline void state__closed(const struct sock *sk, struct facts *f, int old,
					  __u64 now)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	if (!tp)
		return;
	state__save(sk, tp, f, old);
	state__save_tuple(sk, f);
	if (!(f->flags & FACT_CONNECTING))
		return;
	if (sk->sk_err)
		connect__outcome(sock__plain(sk), f, -sk->sk_err, CONNECT_DECIDED, now);
	else if (old != TCP_SYN_SENT || tp->snd_nxt != tp->snd_una)
		connect__outcome(sock__plain(sk), f, 0, CONNECT_ABANDONED, now);
	/* else no port was to be had: sys_exit_connect says so */
}

static __always_inline void state__changed(const struct sock *sk, struct facts *f, int old, int new,
					   __u64 now)
{
	switch (new) {
	case TCP_SYN_SENT:
		f->flags |= FACT_SYN_SENT;
		break;
	case TCP_ESTABLISHED:
		f->established_ns = now;
		if (!(f->flags & FACT_SYN_SENT) && old == TCP_SYN_RECV)
			f->flags |= FACT_PASSIVE;
		f->flags |= FACT_ESTABLISHED;
		if (f->flags & FACT_CONNECTING)
			connect__outcome(sock__plain(sk), f, 0, CONNECT_DECIDED, now);
		break;
	case TCP_LISTEN:
		f->flags |= FACT_LISTENED;
		break;
	case TCP_FIN_WAIT1:
		f->flags |= FACT_FIN_SENT | FACT_LOCAL_FIRST;
		break;
	case TCP_LAST_ACK:
		f->flags |= FACT_FIN_SENT;
		break;
	case TCP_CLOSE_WAIT:
		f->flags |= FACT_REMOTE_FIRST;
		break;
	case TCP_CLOSE:
		state__closed(sk, f, old, now);
		break;
	}
}

static __noinline void state__emit(const struct sock *sk, struct facts *f, __u8 old, __u8 new,
				   __u64 now)
{
	struct ev_actor nobody = {};
	struct ev_state *e;

	if (!emit__wanted(sk, f, &nobody, NULL))
		return;
	e = emit__begin(EV_STATE, sizeof(*e), now, sk, f, &nobody, false);
	if (!e)
		return;
	e->base.sock.state = new;
	e->old_state = old;
	e->new_state = new;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	emit__end(e);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, const struct sock *sk, int old, int new)
{
	struct facts *f;
	__u64 now;

	/* LISTEN->SYN_RECV is a child being copied: it may still carry its listener's cookie */
	if (sk->sk_protocol != IPPROTO_TCP || (new == TCP_SYN_RECV &&old == TCP_LISTEN))
		return 0;
	if (!sock__wanted(sk->__sk_common.skc_family, IPPROTO_TCP))
		return 0;
	f = facts__get(sk->__sk_common.skc_cookie.counter);
	if (!f && (new == TCP_CLOSE || sock__is_kernel(sk, true)))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (!f)
		f = facts__make(bpf_get_socket_cookie((void *)sk), now);
	if (!f || (f->flags & FACT_IGNORED))
		return 0;
	if (settings.states)
		state__emit(sock__plain(sk), f, old, new, now);
	state__changed(sk, f, old, new, now);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_receive_reset, struct sock *sk)
{
	struct facts *f = facts__get(sk->__sk_common.skc_cookie.counter);

	if (f)
		f->flags |= FACT_RST_RECEIVED;
	return 0;
}

/* `sk` may be NULL (no such socket); a listener's resets are about strangers. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_send_reset, const struct sock *sk)
{
	struct facts *f;

	if (!sk || sk->__sk_common.skc_state == TCP_LISTEN)
		return 0;
	f = facts__get(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter));
	if (f && !(f->flags & FACT_LISTENED)) {
		f->flags |= FACT_RST_SENT;
		f->flags &= ~FACT_TIME_WAIT;
	}
	return 0;
}
