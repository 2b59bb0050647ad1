// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accept.bpf.c - accept() returned a connection, or failed. The child's facts were made when its
 * handshake ended (state.bpf.c), so that the wait in the queue is known.
 */
#include "syscall.bpf.h"

static __always_inline struct facts *accept__listener(__u16 lport)
{
	struct sock *sk = (struct sock *)task__sock(syscall__fd());

	/* another thread may have put another socket in its place meanwhile */
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_num) != lport ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return NULL;
	return facts__make(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), 0);
}

static __noinline void accept__emit(const struct sock *sk, struct facts *f, __u64 listener, int ret,
				    __u64 now)
{
	struct ev_actor actor;
	struct ev_accept *e;

	actor__fill(&actor);
	if (ret >= 0) {
		__builtin_memcpy(&f->owner, &actor.proc, sizeof(f->owner));
		f->flags |= FACT_ACCEPTED;
	}
	if (!emit__wanted(sk, f, &actor, NULL))
		return;
	e = emit__begin(EV_ACCEPT, sizeof(*e), now, sk, f, &actor, false);
	if (!e)
		return;
	e->listener = listener;
	e->established_ns = ret < 0 ? 0 : f->established_ns;
	e->fd = ret < 0 ? -1 : ret;
	e->error = ret < 0 ? ret : 0;
	emit__end(e);
}

static __always_inline int accept__returned(long ret)
{
	struct facts *f, *l;
	struct sock *sk;
	__u64 now;

	if (ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS || syscall__no_socket(ret))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (ret < 0) {
		f = syscall__facts(&sk, now);
		if (f)
			accept__emit(sk, f, f->cookie, ret, now);
		return 0;
	}
	sk = (struct sock *)task__sock(ret);
	if (!sk || !sock__wanted(BPF_CORE_READ(sk, __sk_common.skc_family),
				 BPF_CORE_READ(sk, sk_protocol)))
		return 0;
	f = facts__make(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), now);
	if (!f) {
		/* nobody has asked for its cookie: it was queued before the start */
		loss__count(LOST_FACTS, now);
		return 0;
	}
	if (!f->inode)
		f->inode = sock__inode(sk);
	l = accept__listener(sock__sport(sk));
	if (l) {
		f->listener = l->cookie;
		__sync_fetch_and_add(&l->accepted, 1);
	}
	accept__emit(sk, f, f->listener, ret, now);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(struct trace_event_raw_sys_exit *ctx)
{
	return accept__returned(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int sys_exit_accept4(struct trace_event_raw_sys_exit *ctx)
{
	return accept__returned(ctx->ret);
}
