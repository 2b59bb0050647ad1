// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accept.bpf.c - accept() returned a connection, or failed. The child's facts were made when its
 * handshake ended (state.bpf.c), so that the wait in the queue is known.
 */
#include "syscall.bpf.h"

/*
 * The listener, by the descriptor that accept() was called on. What its cookie finds must be a listener
 * of the child's port: another thread may have put another file in its place meanwhile.
 */
static __always_inline struct facts *accept__listener(__u16 lport)
{
	struct file *file = (struct file *)task__file(syscall__fd());
	struct sock *sk = file ? file__sock(file) : NULL;
	struct facts *l;

	if (!sk)
		return NULL;
	l = facts__get(READ(struct sock, sk, __sk_common.skc_cookie.counter));
	return l && (l->flags & FACT_LISTENED) && l->lport == lport ? l : NULL;
}

/* A child that has no cookie, and so no facts: queued before the start. The running process is its owner. */
static __noinline void accept__lost(const struct sock *sk, __u16 family)
{
	struct ev_actor actor = {};
	struct ev_sock s = {};

	if (settings.filters) {
		actor__fill(&actor);
		s.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		sock__tuple(sk, family, s.laddr, s.raddr, &s.lport, &s.rport, false);
		if (!filter__process(&actor.proc, &actor) || !filter__tuple(&s))
			return;
	}
	loss__count(LOST_FACTS);
}

/* A child whose handshake was seen has facts that say so; any other socket is looked at closely. */
static __always_inline struct facts *accept__child(struct file *file, struct sock **skp)
{
	struct sock *sk = file ? file__sock(file) : NULL;
	struct facts *f;
	__u16 family;

	*skp = sk;
	if (!sk)
		return NULL;
	f = facts__get(READ(struct sock, sk, __sk_common.skc_cookie.counter));
	if (f && (f->flags & FACT_PASSIVE))
		return f;
	*skp = sk = file__sock_checked(file);
	f = sock__facts(sk);
	if (f || !sk)
		return f;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (sock__wanted(family, BPF_CORE_READ(sk, sk_protocol)))
		accept__lost(sk, family);
	return NULL;
}

static __noinline void accept__emit(const struct sock *sk, struct facts *f, __u64 listener, int ret,
				    __u64 now)
{
	struct ev_actor actor = {};
	struct ev_accept *e;

	actor__fill(&actor);
	if (ret >= 0) {
		__builtin_memcpy(&f->owner, &actor.proc, sizeof(f->owner));
		facts__set(f, FACT_ACCEPTED | FACT_PASSIVE | FACT_ESTABLISHED);
		facts__clear(f, FACT_IGNORED);
	}
	if (!emit__wanted(sk, f, &actor, NULL))
		return;
	process__tell(&actor.proc);
	e = emit__begin(EV_ACCEPT, sizeof(*e), now, sk, f, &actor, false);
	if (!e)
		return;
	e->listener = listener;
	e->established_ns = ret < 0 ? 0 : f->established_ns;
	e->fd = ret < 0 ? -1 : ret;
	e->error = ret < 0 ? ret : 0;
	e->fd_limit = ret == -EMFILE || ret == -ENFILE ? task__fd_limit() : 0;
	emit__end(e);
}

static __always_inline int accept__failed(long ret)
{
	struct facts *f;
	struct sock *sk;

	if (ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS || syscall__no_socket(ret))
		return 0;
	f = syscall__facts(&sk);
	if (f)
		accept__emit(sk, f, f->cookie, ret, bpf_ktime_get_boot_ns());
	return 0;
}

/* Attached to accept4() too. */
SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(struct trace_event_raw_sys_exit *ctx)
{
	long ret = ctx->ret;
	struct facts *f, *l;
	struct file *file;
	struct sock *sk;

	if (ret < 0)
		return accept__failed(ret);
	file = (struct file *)task__file(ret);
	f = accept__child(file, &sk);
	if (!f)
		return 0;
	if (!f->inode)
		f->inode = file__inode(file);
	if (!(f->flags & FACT_TUPLE))
		f->lport = sock__sport(sk);
	l = accept__listener(f->lport);
	if (l) {
		f->listener = l->cookie;
		__sync_fetch_and_add(&l->accepted, 1);
	}
	accept__emit(sk, f, f->listener, ret, bpf_ktime_get_boot_ns());
	return 0;
}
