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
			listen__emit(sock__address(f, sk), f, 0);
		break;
	case TCP_FIN_WAIT1:
		/* its change to ESTABLISHED was missed (state.bpf.h) */
		if (f->flags & FACT_CONNECTING)
			state__established_unseen(sk, f);
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
	emit__end(e);
}

/*
 * A socket met for the first time. The kernel's own are left alone, but for children: a TCP child of an
 * MPTCP listener has its listener's sk_kern_sock, and only accept() tells it from a kernel server's.
 */
static __always_inline struct facts *state__new(const struct sock *sk, int old, int new)
{
	bool kernel = sock__is_kernel(sk, true);
	struct facts *f;

	if (new == TCP_CLOSE || (kernel && !(old == TCP_SYN_RECV && new == TCP_ESTABLISHED)))
		return NULL;
	f = facts__make(bpf_get_socket_cookie((void *)sk));
	if (f && kernel)
		facts__set(f, FACT_IGNORED);
	return f;
}

/* What the others say, the last state of the connection says too (state__imply). */
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

	/* LISTEN->SYN_RECV is a child being copied: it may still carry its listener's cookie */
	if (sk->sk_protocol != IPPROTO_TCP || (new == TCP_SYN_RECV &&old == TCP_LISTEN))
		return 0;
	if (!state__matters(new) && !settings.states)
		return 0;
	if (!sock__wanted(sk->__sk_common.skc_family, IPPROTO_TCP))
		return 0;
	f = facts__get(sk->__sk_common.skc_cookie.counter);
	is_new = !f;
	if (is_new)
		f = state__new(sk, old, new);
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

	if (f)
		facts__set(f, FACT_RST_RECEIVED);
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
		facts__set(f, FACT_RST_SENT);
		facts__clear(f, FACT_TIME_WAIT);
	}
	return 0;
}
