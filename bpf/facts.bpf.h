/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.bpf.h - find, create and drop the facts of a socket, and count what could not be kept.
 */
#ifndef SOCKLIFE_FACTS_BPF_H
#define SOCKLIFE_FACTS_BPF_H

#include "compat.bpf.h"

/*
 * A key of four bytes that is written as eight: the verifier takes what an earlier use left in a word of the stack that is
 * written in part for something to compare, and goes down more paths.
 */
union key {
	__u64 whole;
	__u32 index;
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the index is to be the lower half"
#endif
#define KEY(value)                                                                                 \
	{                                                                                          \
		.whole = (value)                                                                   \
	}

/*
 * Global functions (not static) are verified once a program, not once a path to them: for what is long, or called from
 * several places. They take memory and plain numbers and return a number; each loads with the programs that call it.
 */
#define GLOBAL_FUNC __weak __noinline

GLOBAL_FUNC int loss__count(__u32 reason)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct loss_count *l = bpf_map_lookup_elem(&losses, &reason);

	if (!l)
		return 0;
	if (l->epoch != loss_epoch) {
		l->epoch = loss_epoch;
		l->first_ns = now;
	}
	l->last_ns = now;
	__sync_fetch_and_add(&l->count, 1); /* a softirq may nest */
	return 0;
}

/*
 * A softirq, or another CPU, may be changing another flag of the same socket. What is so already costs
 * no locked instruction.
 */
static __always_inline void facts__set(struct facts *f, __u32 flags)
{
	if (~f->flags & flags)
		__sync_fetch_and_or(&f->flags, flags);
}

static __always_inline void facts__clear(struct facts *f, __u32 flags)
{
	if (f->flags & flags)
		__sync_fetch_and_and(&f->flags, ~flags);
}

/* Both, with one locked instruction where nobody else is at it. */
static __always_inline void facts__change(struct facts *f, __u32 set, __u32 clear)
{
	__u32 old = f->flags;

	if (__sync_val_compare_and_swap(&f->flags, old, (old & ~clear) | set) == old)
		return;
	facts__set(f, set);
	facts__clear(f, clear);
}

/* NULL where there are none: a kernel socket, or one that was there before and has done nothing yet. */
static __always_inline struct facts *facts__get(__u64 cookie)
{
	union key slot = KEY(cookie & (FACTS_SLOTS - 1));
	struct facts *f;

	if (!cookie)
		return NULL;
	f = bpf_map_lookup_elem(&slots, &slot);
	if (!f || f->cookie == cookie)
		return f;
	return f->spilled ? bpf_map_lookup_elem(&spill, &cookie) : NULL;
}

/*
 * Facts are too large for the stack where this is called from. The slot counts them before the hash has them, so that
 * nobody passes them by.
 */
GLOBAL_FUNC int facts__spill(__u64 cookie)
{
	union key slot = KEY(cookie & (FACTS_SLOTS - 1));
	struct facts *f = bpf_map_lookup_elem(&slots, &slot);

	_Static_assert(sizeof(*f) <= sizeof(zeroes), "as many zeroes as facts have bytes");
	if (!f)
		return 0;
	__sync_fetch_and_add(&f->spilled, 1);
	if (bpf_map_update_elem(&spill, &cookie, (const void *)zeroes, BPF_NOEXIST)) {
		__sync_fetch_and_add(&f->spilled, -1);
		return 0;
	}
	f = bpf_map_lookup_elem(&spill, &cookie);
	if (f)
		f->cookie = cookie;
	return 0;
}

/*
 * Facts, made when there are none. NULL, and counted, when both maps are full. A free slot is all zero:
 * so it is ready as soon as its cookie is in.
 */
static __always_inline struct facts *facts__make(__u64 cookie)
{
	union key slot = KEY(cookie & (FACTS_SLOTS - 1));
	struct facts *f = facts__get(cookie);
	__u64 holder;

	if (f || !cookie)
		return f;
	f = bpf_map_lookup_elem(&slots, &slot);
	if (f && !f->cookie) {
		holder = __sync_val_compare_and_swap(&f->cookie, 0, cookie);
		if (!holder || holder == cookie)
			return f;
	}
	facts__spill(cookie);
	f = bpf_map_lookup_elem(&spill, &cookie);
	if (!f)
		loss__count(LOST_FACTS);
	return f;
}

/* The cookie goes last: another CPU may take the slot at once. */
static __always_inline void facts__drop(__u64 cookie)
{
	union key slot = KEY(cookie & (FACTS_SLOTS - 1));
	struct facts *f = bpf_map_lookup_elem(&slots, &slot);

	if (!f)
		return;
	if (f->cookie == cookie) {
		__builtin_memset(&f->created_ns, 0,
				 sizeof(*f) - offsetof(struct facts, created_ns));
		barrier();
		f->cookie = 0;
	} else if (f->spilled && !bpf_map_delete_elem(&spill, &cookie)) {
		__sync_fetch_and_add(&f->spilled, -1);
	}
}

/*
 * Cast, though it has a type: for each pointer that is read through a trusted one the verifier of 6.18
 * searches all types of the kernel (btf_nested_type_is_trusted), 1 ms each time.
 */
static __always_inline struct task_struct *task__cast(struct task_struct *trusted)
{
	return CASTS ? bpf_rdonly_cast(trusted, bpf_core_type_id_kernel(struct task_struct)) :
		       trusted;
}

static __always_inline struct task_struct *task__current(void)
{
	return task__cast(bpf_get_current_task_btf());
}

/* A thread's name, which the kernel fills up with zeroes (__set_task_comm). */
static __always_inline void comm__fill(char *comm, const struct task_struct *task)
{
	const __u64 *words = __builtin_preserve_access_index((const __u64 *)&task->comm);

	((__u64 *)comm)[0] = words[0];
	((__u64 *)comm)[1] = words[1];
}

/* The process of the running thread, `task`. Its name is the group leader's. */
static __always_inline void owner__fill(struct ev_owner *o, const struct task_struct *task)
{
	const struct task_struct *leader = task->group_leader;

	o->tgid = task->tgid;
	o->exec = leader->self_exec_id;
	o->start_ns = leader->start_boottime;
	comm__fill(o->comm, leader);
}

/* pid->numbers[level].nr; `pid` is a plain address. */
static __always_inline __u32 pid__number(const void *pid, __u32 level)
{
	__u32 nr = 0;

	pid += bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr);
	bpf_probe_read_kernel(&nr, sizeof(nr), pid);
	return nr;
}

/* The number of a process in its own pid namespace: the last of pid->numbers[]. */
static __always_inline __u32 pid__in_namespace(struct pid *pid, __u32 outside)
{
	__u32 level = pid ? pid->level : 0;
	const void *plain = NULL;

	if (!level)
		return outside;
	/* no arithmetic with a variable on a BTF pointer (6.1): make it a plain address */
	bpf_probe_read_kernel(&plain, sizeof(plain), &pid);
	return pid__number(plain, level);
}

static __always_inline bool actor__in_cgroups(void)
{
	int depth;

	for (depth = 0; depth < CGROUP_DEPTH; depth++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(depth);

		if (!id)
			return false;
		if (bpf_map_lookup_elem(&filter_cgroups, &id))
			return true;
	}
	return false;
}

/* What bpf_get_current_cgroup_id() gives, which takes several calls to get there. */
static __always_inline __u64 task__cgroup_id(const struct task_struct *task)
{
	return CASTS ? task->cgroups->dfl_cgrp->kn->id : bpf_get_current_cgroup_id();
}

/*
 * The running thread, `task`; its PF_* flags are returned. `mark` says whether a --cgroup filter matched: only now can that
 * be asked. Inline where every connection comes by: the call would cost 10 ns.
 */
static __always_inline int actor__read(struct ev_actor *a, const struct task_struct *task)
{
	owner__fill(&a->proc, task);
	a->tid = task->pid;
	a->uid = task->cred->uid.val;
	a->nspid = pid__in_namespace(task->group_leader->thread_pid, a->proc.tgid);
	a->mark = 0;
	if (settings.filters & FILTER_CGROUP)
		a->mark = actor__in_cgroups();
	a->cgroup_id = task__cgroup_id(task);
	comm__fill(a->thread, task);
	return task->flags;
}

GLOBAL_FUNC int actor__fill(struct ev_actor *a)
{
	return a ? actor__read(a, task__current()) : 0;
}

#endif
