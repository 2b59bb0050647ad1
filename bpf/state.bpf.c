// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * state.bpf.c - TCP's states, as the kernel changes them, in whatever context the packet was
 * processed: they say what happened to the socket, never who did it.
 */
#include "accept.bpf.h"
#include "close.bpf.h"
#include "listen.bpf.h"

/* No clock is read where a time is kept elsewhere: it costs as much as all the rest. */
static __always_inline void state__changed(const struct sock *sk, struct facts *f, int old, int new)
{
	switch (new) {
	case TCP_ESTABLISHED:
		state__established(sk, f, old);
		break;
	case TCP_LISTEN:
		facts__set(f, FACT_LISTENED);
		facts__clear(f, FACT_TUPLE);
		if (!compat__in_listen())
			listen__emit((__u64)sock__address(f, sk), f, 0);
		break;
	case TCP_FIN_WAIT1:
		/* its change to ESTABLISHED was missed (state.bpf.h) */
		if (f->flags & FACT_CONNECTING)
			state__connected_unseen((__u64)sock__address(f, sk), f);
		facts__set(f, FACT_FIN_SENT | FACT_LOCAL_FIRST);
		break;
	case TCP_CLOSE:
		state__closed(sk, f, old);
		break;
	}
}

static __noinline void state__emit(const struct sock *sk, struct facts *f, __u8 old, __u8 new)
{
	__u64 now = bpf_ktime_get_boot_ns();
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
	ring__submit(e, sizeof(*e));
}

/* The one subflow that its connection has. */
static __always_inline bool subflow__is_only(const struct facts *f, __u64 ssk)
{
	struct subflows list;

	subflows__begin(&list, f->mptcp);
	return subflows__next(&list) == ssk && !subflows__next(&list);
}

/* The end of a subflow, which the connection can outlive. */
static __always_inline void subflow__closed(const struct sock *sk, struct facts *f, int old)
{
	bool only = subflow__is_only(f, (__u64)sk);
	int error = BPF_CORE_READ(sk, sk_err);

	if (old == TCP_SYN_SENT) {
		if ((f->flags & FACT_CONNECTING) && error && mptcp__first(f->mptcp) == (__u64)sk) {
			facts__set(f, FACT_SYN_SENT);
			connect__failed(sk, f, -error);
		}
		return;
	}
	/* counted at the connection's end already, which mptcp_disconnect() says before its subflows' */
	if (f->flags & FACT_SAVED)
		return;
	subflow__save((__u64)sk, f);
	if (!only)
		return;
	/* the MPTCP socket has its error only after its change to CLOSE (__mptcp_subflow_error_report) */
	f->sk_err = -error;
	if ((old == TCP_FIN_WAIT2 || old == TCP_CLOSING) && !error)
		facts__set(f, FACT_TIME_WAIT);
}

/* A change of a subflow; `f` is the MPTCP socket's. Global, like the next one, to be verified once. */
GLOBAL_FUNC int subflow__changed(__u64 ssk, struct facts *f, int old, int new)
{
	const struct sock *sk = (const void *)ssk;

	if (!MPTCP || !f)
		return 0;
	if (new == TCP_ESTABLISHED) {
		if ((f->flags & FACT_CONNECTING) && mptcp__first(f->mptcp) == ssk)
			state__connected(sk, f);
		/* a child's are told with its accept(), when it is known who wants them */
		if ((f->flags & FACT_ACCEPTED) || !(f->flags & FACT_PASSIVE))
			subflows__emit(f);
	} else if (new == TCP_CLOSE) {
		subflow__closed(sk, f, old);
	}
	return 0;
}

/*
 * How an MPTCP connection ended. A close() that finds data unread, SO_LINGER of 0 and a disconnect reset it
 * (mptcp_do_fastclose), with no other state in between.
 */
static __always_inline void mptcp__closed(const struct sock *sk, struct facts *f, int old)
{
	const struct mptcp_sock *msk = (const void *)sk;
	int error = BPF_CORE_READ(sk, sk_err);

	facts__set(f, state__implied(f, old));
	if ((f->flags & FACT_CONNECTING) && old != TCP_SYN_SENT && old != TCP_LISTEN) {
		f->connect_ns = 0; /* its change to ESTABLISHED was missed */
		facts__set(f, FACT_ESTABLISHED | FACT_SYN_SENT);
		connect__outcome(sk, f, 0, CONNECT_DECIDED, bpf_ktime_get_boot_ns());
	}
	facts__set(f, FACT_SAVED);
	f->last_state = old;
	if (error)
		f->sk_err = -error;
	if (old == TCP_SYN_SENT || old == TCP_LISTEN)
		return;
	mptcp__save(f);
	if (!(f->flags & FACT_TUPLE))
		facts__set(f, state__keep_tuple(sk, f, false));
	if (BPF_CORE_READ(msk, rcv_fastclose) || f->sk_err == -ECONNRESET || f->sk_err == -EPIPE)
		facts__set(f, FACT_RST_RECEIVED);
	else if (!f->sk_err && (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT))
		facts__set(f, FACT_RST_SENT);
}

/* A change of an MPTCP socket itself, most often made by a kworker. The same state can come again. */
GLOBAL_FUNC int mptcp__changed(__u64 msk, int old, int new)
{
	const struct sock *sk = (const void *)msk;
	struct facts *f;

	if (!MPTCP)
		return 0;
	/* a child being copied (mptcp_sk_clone_init): what is known of the address was of another */
	if (old == TCP_LISTEN && new == TCP_ESTABLISHED) {
		bpf_map_delete_elem(&mptcp_children, &msk);
		return 0;
	}
	f = mptcp__facts(msk);
	if (!f)
		return 0;
	if (settings.states && old != new)
		state__emit(sk, f, old, new);
	if (new == TCP_LISTEN) {
		facts__set(f, FACT_LISTENED);
		facts__clear(f, FACT_TUPLE);
		/* the second change to it comes when the subflow listens (mptcp_listen) */
		if (old == TCP_LISTEN && !compat__in_listen())
			listen__emit((__u64)sock__tcp(sk, f), f, 0);
	} else if (new == TCP_FIN_WAIT1) {
		facts__set(f, FACT_FIN_SENT | FACT_LOCAL_FIRST);
	} else if (new == TCP_CLOSE) {
		if (old != TCP_CLOSE)
			mptcp__closed(sk, f, old);
		if ((f->flags & FACT_RELEASED) ||
		    (BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DEAD)))
			mptcp__died(sk, f);
	}
	return 0;
}

/*
 * A kernel socket. Children of an MPTCP listener have its sk_kern_sock: with an MPTCP socket of their own they
 * become that one's facts; without, where the peer has no MPTCP, only accept() tells them from a kernel server's.
 * Facts are returned for these two.
 */
static __always_inline struct facts *state__kernel(const struct sock *sk, int old, int new)
{
	bool child = old == TCP_SYN_RECV && new == TCP_ESTABLISHED;
	__u64 ssk = (__u64)sock__plain(sk), msk = subflow__mptcp(ssk);
	struct facts *f;

	if (!msk) {
		f = child ? facts__make(bpf_get_socket_cookie((void *)sk)) : NULL;
		if (f)
			facts__set(f, FACT_IGNORED);
		return f;
	}
	if (child && mptcp__first(msk) == ssk)
		return sock__is_kernel((const struct sock *)msk, false) ?
			       NULL :
			       mptcp__make_child(msk, bpf_get_socket_cookie((void *)sk));
	f = mptcp__facts(msk);
	if (!f)
		return NULL;
	bpf_get_socket_cookie((void *)sk); /* it has none before somebody asks */
	subflow__changed(ssk, f, old, new);
	return NULL;
}

/* A socket met for the first time. */
static __always_inline struct facts *state__new(const struct sock *sk, int old, int new)
{
	if (sock__is_kernel(sk, true))
		return state__kernel(sk, old, new);
	return new == TCP_CLOSE ? NULL : facts__make(bpf_get_socket_cookie((void *)sk));
}

/* What the others say, the last state of the connection says too (state__implied). */
static __always_inline bool state__matters(int new)
{
	return (1 << new) &
	       (1 << TCP_ESTABLISHED | 1 << TCP_LISTEN | 1 << TCP_FIN_WAIT1 | 1 << TCP_CLOSE);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, const struct sock *sk, int old, int new)
{
	struct facts *f, *early;
	bool is_new;

	if (!state__matters(new) && !settings.states)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return sk->sk_protocol == IPPROTO_MPTCP && MPTCP ?
			       mptcp__changed((__u64)sock__plain(sk), old, new) :
			       0;
	/* LISTEN->SYN_RECV is a child being copied: it may still carry its listener's cookie */
	if (new == TCP_SYN_RECV && old == TCP_LISTEN)
		return 0;
	if (!sock__wanted(sk->__sk_common.skc_family, IPPROTO_TCP))
		return 0;
	f = facts__get(sk->__sk_common.skc_cookie.counter);
	is_new = !f;
	if (is_new) {
		f = state__new(sk, old, new);
	} else if (f->mptcp) {
		subflow__changed((__u64)sock__plain(sk), f, old, new);
		return 0;
	}
	/* after the facts are there: accept() looks for those after it has left its note */
	if (accepts_early && (is_new || old == TCP_SYN_RECV)) {
		early = accept__was_early(sk, bpf_get_socket_cookie((void *)sk));
		f = early ? early : f;
	}
	if (!f)
		return 0;
	if (settings.states)
		state__emit(sock__address(f, sk), f, old, new);
	state__changed(sk, f, old, new);
	if (new == TCP_CLOSE && close__is_death(sk, f))
		close__died(sk, f);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_receive_reset, struct sock *sk)
{
	struct facts *f = facts__get(sk->__sk_common.skc_cookie.counter);

	if (f && !f->mptcp)
		facts__set(f, FACT_RST_RECEIVED);
	return 0;
}

/*
 * A listener's resets are about strangers. `sk` is NULL where there is no socket (Linux 6.10, "trace: tcp: fully support
 * trace_tcp_send_reset"). The verifier believed in a pointer there until "bpf: Augment raw_tp arguments with PTR_MAYBE_NULL"
 * (6.13, and 6.12.y), and took the test for NULL out as dead: so nothing is loaded through it, a probe read of NULL reads 0.
 */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_send_reset, const struct sock *sk)
{
	struct facts *f;

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return 0;
	f = facts__get(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter));
	if (f && !f->mptcp && !(f->flags & FACT_LISTENED)) {
		facts__set(f, FACT_RST_SENT);
		facts__clear(f, FACT_TIME_WAIT);
	}
	return 0;
}
