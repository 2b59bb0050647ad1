// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * close.bpf.c - the end. sock_release says who let the last descriptor go; the close record comes at
 * the socket's death in the kernel: tcp_destroy_sock for TCP, the release itself for UDP.
 */
#include "accept.bpf.h"
#include "close.bpf.h"

/* A listener closes its waiting children from within its own close(): let them find it by thread. */
static __always_inline void close__listener(struct facts *f, __u16 lport)
{
	struct call call = { .kind = CALL_LISTENER_CLOSE, .cookie = f->cookie, .port = lport };
	__u64 id = bpf_get_current_pid_tgid();

	if (bpf_map_update_elem(&calls, &id, &call, BPF_ANY))
		loss__count(LOST_SCRATCH);
}

static __always_inline void close__released(const struct sock *sk, struct facts *f, __u64 now)
{
	int flags = actor__read(&f->actor, task__current());

	f->released_ns = now;
	/* socklife's own: a walk through all descriptors held the file while its owner let go of it (fput) */
	if ((flags & PF_KTHREAD) || f->actor.proc.tgid == self_tgid) {
		facts__set(f, FACT_RELEASED | FACT_KERNEL_CLOSED);
		__builtin_memset(&f->actor, 0, sizeof(f->actor));
		f->actor.proc = f->owner;
		return;
	}
	facts__set(f, flags & PF_EXITING ? FACT_RELEASED | FACT_EXITING : FACT_RELEASED);
	if (close__owed(f))
		actor__tell(sk, f, &f->actor, NULL);
}

/*
 * A connection that the peer ended last is CLOSE before the program has read what came (tcp_fin in
 * FIN_WAIT2): what it left unread is known now. A disconnect has thrown the rest away already.
 */
static __always_inline void close__unread(const struct sock *sk, struct facts *f)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	__u32 unread;

	if (!BPF_CORE_READ(tp, bytes_received))
		return;
	unread = BPF_CORE_READ(tp, rcv_nxt) - BPF_CORE_READ(tp, copied_seq);
	if (unread && (BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DONE)))
		unread--;
	f->unread_bytes += (__s64)unread - f->unread_last;
	f->unread_last = unread;
}

/*
 * connect() has not been answered as far as is known. A state beyond SYN_SENT says that it was: by a
 * change that was missed (state.bpf.h), or, for UDP, to an io_uring connect(), which no exit shows.
 */
static __always_inline void close__undecided(const struct sock *sk, struct facts *f, __u32 protocol,
					     __u32 state, __u64 now)
{
	bool connected = state != TCP_SYN_SENT && state != TCP_CLOSE;

	if (connected)
		f->connect_ns = 0;
	if (protocol != IPPROTO_UDP && state != TCP_CLOSE)
		facts__set(f, connected ? FACT_SYN_SENT | FACT_ESTABLISHED : FACT_SYN_SENT);
	connect__outcome(sk, f, 0, connected ? CONNECT_DECIDED : CONNECT_ABANDONED, now);
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	__u64 now = bpf_ktime_get_boot_ns(), cookie = sock__cookie(ctx, ctx);
	const struct sock *sk;
	struct facts *f;

	f = ctx->protocol == IPPROTO_MPTCP ? mptcp__facts((__u64)sock__plain(ctx)) :
					     facts__get(cookie);
	if (!f && accepts_early && ctx->protocol != IPPROTO_MPTCP)
		f = accept__was_early(ctx, cookie);
	if (!f)
		return 1;
	sk = sock__address(f, ctx);
	if ((f->flags & (FACT_PASSIVE | FACT_ACCEPTED)) == FACT_PASSIVE)
		accept__unseen(sk, f);
	if (f->flags & FACT_CONNECTING)
		close__undecided(sk, f, ctx->protocol, ctx->state, now);
	close__released(sk, f, now);
	if (ctx->protocol == IPPROTO_UDP) {
		close__emit(sk, f, now, false);
		bpf_map_delete_elem(&udp_peers, &cookie);
		facts__drop(cookie);
	} else if (ctx->state == TCP_CLOSE) {
		if (f->unread_last)
			close__unread(sk, f);
	} else if (ctx->state == TCP_LISTEN) {
		close__listener(f, sock__sport(sk));
	}
	return 1;
}

/*
 * A subflow is destroyed after its MPTCP socket's last change to CLOSE, where that was the end of both: what is still
 * known then missed that change.
 */
GLOBAL_FUNC int subflow__destroyed(__u64 ssk)
{
	__u64 msk = subflow__mptcp(ssk);
	const struct sock *sk = (const void *)msk;
	struct facts *f = msk ? mptcp__facts(msk) : NULL;

	if (f && (f->flags & FACT_RELEASED) &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE) {
		if (!(f->flags & FACT_SAVED))
			mptcp__save(f);
		mptcp__died(sk, f);
	}
	return 0;
}

/* What died without a change of state, or where that was missed. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock, struct sock *sk)
{
	struct facts *f = facts__get(sk->__sk_common.skc_cookie.counter);

	if (!f || f->mptcp)
		return sock__is_kernel(sk, true) ? subflow__destroyed((__u64)sock__plain(sk)) : 0;
	if ((f->flags & FACT_ESTABLISHED) && !(f->flags & FACT_SAVED))
		state__closed_unseen(sk, f);
	close__died(sk, f);
	return 0;
}
