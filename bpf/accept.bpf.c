// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accept.bpf.c - accept() returned a connection, or failed. The child's facts were made when its
 * handshake ended (state.bpf.c), so that the wait in the queue is known.
 */
#include "accept.bpf.h"

/*
 * The listener, by the descriptor that accept() was called on by `task`. What its cookie finds must be a listener
 * of the child's port: another thread may have put another file in its place meanwhile.
 */
static __always_inline struct facts *accept__listener(struct task_struct *task, __u16 lport)
{
	struct file *file = (struct file *)task__file_at(task__cast(task), syscall__fd(task));
	struct sock *sk = file ? file__sock(file) : NULL;
	struct facts *l;

	if (!sk)
		return NULL;
	l = facts__get(READ(struct sock, sk, __sk_common.skc_cookie.counter));
	return l && (l->flags & FACT_LISTENED) && l->lport == lport ? l : NULL;
}

/* Of the running process: it is the owner of what it accepts. What socklife accepts is nothing to tell of. */
static __noinline bool accept__wanted(const struct sock *sk, __u16 family)
{
	struct ev_actor actor = {};
	struct ev_sock s = {};

	if (bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return false;
	if (!settings.filters)
		return true;
	actor__fill(&actor);
	s.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	sock__tuple(sk, family, s.laddr, s.raddr, &s.lport, &s.rport, false);
	return filter__process(&actor.proc, &actor) && filter__tuple(&s);
}

static __noinline void accept__tell_process(void)
{
	struct ev_owner o = {};

	owner__fill(&o, task__current());
	process__tell(&o);
}

/* What follows will find this accept() by the socket's address. */
static __noinline bool accept__note(const struct sock *sk, struct file *file, int fd)
{
	bool open = READ(struct sock, sk, __sk_common.skc_state) == TCP_SYN_RECV;
	struct early_accept early = { .fd = fd, .now = bpf_ktime_get_boot_ns() };
	__u64 key = (__u64)sk;
	struct facts *l;

	actor__fill(&early.actor);
	l = accept__listener(bpf_get_current_task_btf(), sock__sport(sk));
	early.listener = l ? l->cookie : 0;
	early.established_ns = open ? early.now : 0;
	early.inode = file__inode(file);
	accepts_early = 1;
	if (bpf_map_update_elem(&early_accepts, &key, &early, BPF_ANY))
		return false;
	if (!open)
		accepts_unknown = 1;
	return true;
}

/*
 * A child that had no cookie, and so no facts. It has them now where its handshake has ended meanwhile: then whoever
 * removes the note makes the record.
 */
static __always_inline struct facts *accept__without_facts(struct sock *sk, struct file *file,
							   int fd)
{
	__u64 key = (__u64)sk;
	struct facts *f;
	bool noted;

	accept__tell_process();
	noted = accept__note(sk, file, fd);
	f = sock__facts(sk);
	if (!f && !noted)
		loss__count(LOST_FACTS);
	return f && noted && bpf_map_delete_elem(&early_accepts, &key) ? NULL : f;
}

/* The same of an MPTCP socket, whose id is the cookie of its first subflow, if it has one. */
static __always_inline struct facts *accept__mptcp(__u64 msk)
{
	__u64 first = subflow__cookie(mptcp__first(msk));

	if (first)
		return mptcp__make_child(msk, first);
	loss__count(LOST_FACTS);
	return NULL;
}

/* A child whose handshake was seen has facts that say so; any other socket is looked at closely. */
static __always_inline struct facts *accept__child(struct file *file, int fd, struct sock **skp)
{
	struct sock *sk = file ? file__sock(file) : NULL;
	struct facts *f;
	__u16 family, protocol;

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
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if (!sock__wanted(family, protocol) || !accept__wanted(sk, family))
		return NULL;
	return protocol == IPPROTO_MPTCP ? accept__mptcp((__u64)sk) :
					   accept__without_facts(sk, file, fd);
}

static __always_inline void accept__now(const struct task_struct *task, const struct sock *sk,
					struct facts *f, __u64 listener, int ret, __u64 now)
{
	struct accepted a = { .listener = listener, .now = now, .fd = -1 };

	actor__read(&a.actor, task);
	if (a.actor.proc.tgid ==
	    self_tgid) { /* who asks for its metrics: that end has its records */
		facts__set(f, FACT_IGNORED);
		return;
	}
	if (ret < 0) {
		a.error = ret;
		a.fd_limit = ret == -EMFILE || ret == -ENFILE ? task__fd_limit() : 0;
	} else {
		a.fd = ret;
		a.established_ns = f->established_ns;
		accept__owned(f, &a.actor.proc);
	}
	accept__emit_own(sk, f, &a);
}

static __always_inline int accept__failed(long ret)
{
	struct facts *f;
	struct sock *sk;

	if (ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS || syscall__no_socket(ret))
		return 0;
	f = syscall__facts(&sk);
	if (f)
		accept__now(task__current(), sk, f, f->cookie, ret, bpf_ktime_get_boot_ns());
	return 0;
}

/* Attached to accept4() too. */
SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task;
	long ret = ctx->ret;
	struct facts *f, *l;
	struct file *file;
	struct sock *sk;
	__u64 now;

	if (ret < 0)
		return accept__failed(ret);
	now = bpf_ktime_get_boot_ns();
	task = bpf_get_current_task_btf();
	file = (struct file *)task__file_at(task__cast(task), ret);
	f = accept__child(file, ret, &sk);
	if (!f)
		return 0;
	if (!f->inode)
		f->inode = file__inode(file);
	if (!(f->flags & FACT_TUPLE))
		f->lport = sock__sport(sk);
	l = accept__listener(task, f->lport);
	if (l) {
		f->listener = l->cookie;
		__sync_fetch_and_add(&l->accepted, 1);
	}
	accept__now(task__cast(task), sk, f, f->listener, ret, now);
	if (f->mptcp)
		subflows__emit(f);
	return 0;
}
