/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.bpf.h - the record of an accept(), made when it returns or, where that was too early or is not seen, when
 * something else shows that it has.
 */
#ifndef SOCKLIFE_ACCEPT_BPF_H
#define SOCKLIFE_ACCEPT_BPF_H

#include "syscall.bpf.h"

struct accepted {
	struct ev_actor actor;
	__u64 now;
	__u64 listener;
	__u64 established_ns; /* 0: its wait in the queue is not known */
	__u64 fd_limit;
	__s32 fd;
	__s32 error;
};

static __always_inline void accept__owned(struct facts *f, const struct ev_owner *owner)
{
	__builtin_memcpy(&f->owner, owner, sizeof(f->owner));
	facts__set(f, FACT_ACCEPTED | FACT_PASSIVE | FACT_ESTABLISHED);
	facts__clear(f, FACT_IGNORED);
}

/* Of an accept() that is wanted. */
static __always_inline void accept__record(const struct sock *sk, struct facts *f,
					   struct accepted *a)
{
	struct ev_accept *e;

	e = emit__begin(EV_ACCEPT, sizeof(*e), a->now, sk, f, &a->actor, false);
	if (!e)
		return;
	e->listener = a->listener;
	e->established_ns = a->established_ns;
	e->fd = a->fd;
	e->error = a->error;
	e->fd_limit = a->fd_limit;
	ring__submit(e, sizeof(*e));
}

/* By whoever runs. */
GLOBAL_FUNC int accept__emit(__u64 addr, struct facts *f, struct accepted *a)
{
	const struct sock *sk = (const struct sock *)addr;

	if (f && a && emit__wanted(sk, f, &a->actor, NULL))
		accept__record(sk, f, a);
	return 0;
}

/* By the running process, which is told first. */
static __always_inline void accept__emit_own(const struct sock *sk, struct facts *f,
					     struct accepted *a)
{
	if (!emit__wanted(sk, f, &a->actor, NULL))
		return;
	process__tell(&a->actor.proc);
	accept__record(sk, f, a);
}

/* Whether the socket at this address was such a connection: then it has facts, and its accept() a record. */
GLOBAL_FUNC int accept__settle(__u64 key, __u64 cookie)
{
	struct early_accept *early = bpf_map_lookup_elem(&early_accepts, &key);
	struct accepted a = {};
	struct facts *f, *l;
	__u64 inode;

	f = early ? facts__make(cookie) : NULL;
	if (!f)
		return 0;
	a.actor = early->actor;
	a.now = early->now;
	a.established_ns = early->established_ns;
	a.listener = early->listener;
	a.fd = early->fd;
	inode = early->inode;
	if (bpf_map_delete_elem(&early_accepts, &key))
		return 0; /* taken back: accept() has found the facts */
	l = facts__get(a.listener);
	if (l)
		__sync_fetch_and_add(&l->accepted, 1);
	f->listener = a.listener;
	f->inode = inode;
	accept__owned(f, &a.actor.proc);
	accept__emit(key, f, &a);
	return 1;
}

/*
 * The first that is seen of a connection since accept() returned it without a cookie: `typed` as the context has it,
 * `cookie` just given. NULL where it is none of those.
 */
static __always_inline struct facts *accept__was_early(const void *typed, __u64 cookie)
{
	return accept__settle((__u64)sock__plain(typed), cookie) ? facts__get(cookie) : NULL;
}

/*
 * A process has a connection that no accept() was seen to return: io_uring gave it. When that was is not known, but
 * not before its handshake was over, and programs wait for connections; who, the one that lets go of it may tell.
 */
static __noinline void accept__unseen(const struct sock *sk, struct facts *f)
{
	struct accepted a = { .now = f->established_ns, .fd = -1 };

	bool runs = !(bpf_get_current_task_btf()->flags & PF_KTHREAD);

	if (runs)
		actor__fill(&a.actor);
	if (!a.now)
		a.now = bpf_ktime_get_boot_ns();
	if (runs)
		accept__emit_own(sk, f, &a);
	else
		accept__emit((__u64)sk, f, &a);
}

#endif
