/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process.bpf.h - who a process is, told before its first record: executable, arguments, parents, users.
 * Read while it acts: a process of a millisecond is gone when userspace hears of it.
 */
#ifndef SOCKLIFE_PROCESS_BPF_H
#define SOCKLIFE_PROCESS_BPF_H

#include "emit.bpf.h"

#define EXE_LAST_START (PROCESS_EXE_MAX - PROCESS_EXE_PART - 1)

/* From a file up to the root directory of the process. */
struct walk {
	char *out;
	__u64 dentry, mount;           /* where it is */
	__u64 root_dentry, root_mount; /* where it ends */
	__u32 len;
	__u32 whole;
};

/* The struct mount around a struct vfsmount. */
static __always_inline __u64 mount__of(const struct vfsmount *mnt)
{
	return (__u64)mnt - bpf_core_field_offset(struct mount, mnt);
}

static long walk__step(__u32 index, void *arg)
{
	struct walk *w = arg;
	const struct dentry *dentry = (const void *)w->dentry;
	const struct mount *mount = (const void *)w->mount;
	__u64 parent, up;
	long n;

	if (w->dentry == w->root_dentry && w->mount == w->root_mount)
		goto root;
	if (w->dentry == (__u64)BPF_CORE_READ(mount, mnt.mnt_root)) {
		up = (__u64)BPF_CORE_READ(mount, mnt_parent);
		if (up == w->mount) /* it is not below the root directory: that was changed since */
			goto root;
		w->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		w->mount = up;
		return 0;
	}
	if (w->len > EXE_LAST_START)
		return 1;
	n = bpf_probe_read_kernel_str(w->out + w->len, PROCESS_EXE_PART,
				      BPF_CORE_READ(dentry, d_name.name));
	if (n <= 0)
		return 1;
	w->len += n;
	parent = (__u64)BPF_CORE_READ(dentry, d_parent);
	if (parent == w->dentry) /* on no path at all: a memfd */
		goto root;
	w->dentry = parent;
	return 0;
root:
	w->whole = 1;
	return 1;
}

static __always_inline void process__exe(struct ev_process *e, const struct task_struct *task,
					 const struct mm_struct *mm)
{
	const struct file *exe = BPF_CORE_READ(mm, exe_file);
	struct walk w = { .out = e->exe };

	if (!exe)
		return;
	w.dentry = (__u64)BPF_CORE_READ(exe, f_path.dentry);
	w.mount = mount__of(BPF_CORE_READ(exe, f_path.mnt));
	w.root_dentry = (__u64)BPF_CORE_READ(task, fs, root.dentry);
	w.root_mount = mount__of(BPF_CORE_READ(task, fs, root.mnt));
	bpf_loop(PROCESS_DEPTH, walk__step, &w, 0);
	e->exe_len = w.len;
	if (!w.whole)
		e->flags |= PROCESS_EXE_CUT;
}

/* Only of the running process. */
static __always_inline void process__args(struct ev_process *e, const struct mm_struct *mm)
{
	__u64 start = BPF_CORE_READ(mm, arg_start), n = BPF_CORE_READ(mm, arg_end) - start;

	if (n > PROCESS_ARGS_MAX)
		n = PROCESS_ARGS_MAX;
	if (!bpf_probe_read_user(e->args, n, (const void *)start))
		e->args_len = n;
}

static __always_inline void process__owner(struct ev_owner *o, const struct task_struct *leader)
{
	o->tgid = BPF_CORE_READ(leader, tgid);
	o->exec = BPF_CORE_READ(leader, self_exec_id);
	o->start_ns = BPF_CORE_READ(leader, start_boottime);
	BPF_CORE_READ_INTO(&o->comm, leader, comm);
}

/* The leader of the parent, NULL for the first process of all. */
static __always_inline const struct task_struct *process__parent(const struct task_struct *leader)
{
	const struct task_struct *parent = BPF_CORE_READ(leader, real_parent, group_leader);

	return parent && parent != leader && BPF_CORE_READ(parent, tgid) ? parent : NULL;
}

struct climb {
	struct ev_owner *parents;
	const struct task_struct *leader;
};

_Static_assert((PROCESS_PARENTS & (PROCESS_PARENTS - 1)) == 0, "a mask of the index");

static long climb__step(__u32 index, void *arg)
{
	struct climb *c = arg;

	c->leader = process__parent(c->leader);
	if (!c->leader)
		return 1;
	process__owner(&c->parents[index & (PROCESS_PARENTS - 1)], c->leader);
	return 0;
}

static __always_inline void process__parents(struct ev_process *e, const struct task_struct *leader)
{
	struct climb c = { .parents = e->parents, .leader = leader };

	bpf_loop(PROCESS_PARENTS, climb__step, &c, 0);
}

/*
 * All but the head. `addr` is the task, a plain address: so it is read by probe, of which there are
 * some 60. A leader that has exited has no memory any more, its other threads do.
 */
GLOBAL_FUNC int process__fill(struct ev_process *e, __u64 addr, __u32 flags)
{
	const struct task_struct *task = (const void *)addr, *leader;
	const struct mm_struct *mm;
	const struct pid *pid;

	if (!e)
		return 0;
	bpf_probe_read_kernel(&e->proc, sizeof(e->proc) + sizeof(e->parents), (const void *)zeroes);
	bpf_probe_read_kernel(e->exe, sizeof(e->exe), (const void *)zeroes);
	bpf_probe_read_kernel(e->args, sizeof(e->args), (const void *)zeroes);
	leader = BPF_CORE_READ(task, group_leader);
	process__owner(&e->proc, leader);
	e->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	e->uid = BPF_CORE_READ(task, cred, uid.val);
	e->euid = BPF_CORE_READ(task, cred, euid.val);
	e->loginuid = e->session = (__u32)-1;
	if (bpf_core_field_exists(task->loginuid)) {
		e->loginuid = BPF_CORE_READ(task, loginuid.val);
		e->session = BPF_CORE_READ(task, sessionid);
	}
	pid = BPF_CORE_READ(leader, thread_pid);
	e->nspid = pid__number(pid, BPF_CORE_READ(pid, level));
	e->flags = flags;
	e->exe_len = e->args_len = 0;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	if (!(flags & PROCESS_ANCESTOR))
		process__parents(e, leader);
	mm = BPF_CORE_READ(task, mm);
	if (mm)
		process__exe(e, task, mm);
	else
		e->flags |= PROCESS_NO_MEMORY;
	return mm != NULL;
}

/*
 * 0, or the ring was full. That is no loss: the process is told with its next record, or asked for. Counted here,
 * a full ring would count one record several times: for each ancestor, and again each time.
 */
GLOBAL_FUNC int process__emit(__u64 task, __u32 flags)
{
	struct ev_process *e = ring__reserve(sizeof(*e));
	struct task_struct *current = bpf_get_current_task_btf();

	if (!e)
		return -1;
	e->head.type = EV_PROCESS;
	e->head.size = sizeof(*e);
	e->head.cpu = bpf_get_smp_processor_id();
	e->head.boot_ns = bpf_ktime_get_boot_ns();
	if (process__fill(e, task, flags) && !(flags & PROCESS_ANCESTOR))
		process__args(e, BPF_CORE_READ(current, mm));
	ring__submit(e, sizeof(*e));
	return 0;
}

static __always_inline bool told__is(const struct told *t, __u64 start_ns, __u32 exec)
{
	return t && t->start_ns == start_ns && t->exec == exec;
}

/* Little on the stack: the chain of calls to here and on is the longest of all (tests/stack). */
GLOBAL_FUNC int process__tell_ancestor(__u64 addr)
{
	const struct task_struct *leader = (const void *)addr;
	__u32 tgid = BPF_CORE_READ(leader, tgid);
	struct told now = {};

	now.start_ns = BPF_CORE_READ(leader, start_boottime);
	now.exec = BPF_CORE_READ(leader, self_exec_id);
	if (told__is(bpf_map_lookup_elem(&told, &tgid), now.start_ns, now.exec) ||
	    process__emit(addr, PROCESS_ANCESTOR))
		return 0;
	bpf_map_update_elem(&told, &tgid, &now, BPF_ANY);
	return 0;
}

/*
 * The running process, not known to have been told. It is noted only when its event has its place in the
 * ring: whoever finds the note then has a later one.
 */
GLOBAL_FUNC int process__tell_first(struct ev_owner *o)
{
	const struct task_struct *leader;
	struct told *t, now;
	__u32 slot;
	__u64 task;
	int i;

	if (!o)
		return 0;
	now.start_ns = o->start_ns;
	now.exec = o->exec;
	now.tgid = o->tgid;
	if (now.tgid == self_tgid)
		return 0;
	t = bpf_map_lookup_elem(&told, &now.tgid);
	if (!told__is(t, o->start_ns, o->exec) || !t->tgid) {
		task = bpf_get_current_task();
		leader = BPF_CORE_READ((const struct task_struct *)task, group_leader);
		for (i = 0; i < PROCESS_PARENTS; i++) {
			leader = process__parent(leader);
			if (!leader)
				break;
			process__tell_ancestor((__u64)leader);
		}
		if (process__emit(task, 0))
			return 0;
		bpf_map_update_elem(&told, &now.tgid, &now, BPF_ANY);
	}
	slot = now.tgid & (TOLD_SLOTS - 1);
	bpf_map_update_elem(&told_now, &slot, &now, BPF_ANY);
	return 0;
}

/* Before a record of the running process, `o`, which the filters want. */
static __always_inline void process__tell(struct ev_owner *o)
{
	__u32 slot = o->tgid & (TOLD_SLOTS - 1);
	struct told *t = bpf_map_lookup_elem(&told_now, &slot);

	if (!told__is(t, o->start_ns, o->exec) || t->tgid != o->tgid)
		process__tell_first(o);
}

/*
 * The running thread, `a`, acts on the socket of `f`, and the record of it will be made by whoever knows its outcome,
 * when another process may be running: it is told now.
 */
static __always_inline void actor__tell(const struct sock *sk, struct facts *f, struct ev_actor *a,
					const struct ends *want)
{
	if (emit__admits(sk, f, a, want))
		process__tell(&a->proc);
}

/*
 * Whether the filters want what is about no socket, or about one that has no ends yet: those on ends can match
 * nothing here.
 */
static __always_inline bool filter__no_ends(const struct ev_owner *owner, const struct ev_actor *a,
					    __u32 netns)
{
	const __u32 who = FILTER_PID | FILTER_COMM | FILTER_UID | FILTER_CGROUP;

	if (!settings.filters)
		return true;
	if (settings.filters & ~(who | FILTER_NETNS))
		return false;
	if ((settings.filters & FILTER_NETNS) && !bpf_map_lookup_elem(&filter_netns, &netns))
		return false;
	return filter__process(owner, a);
}

#endif
