// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tree.bpf.c - a command and all its descendants: who is forked by one of them is one of them, before
 * it can make a system call. Says when the last one has ended.
 */
#include "emit.bpf.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, to = child->tgid;
	__u32 state = FOLLOWED;

	if (from == to)
		return 0;
	if (!bpf_map_lookup_elem(&filter_pids, &from) && !(adopt_children && from == self_tgid))
		return 0;
	/* an entry that is there is of a dead process with the same number, not freed yet */
	if (bpf_map_update_elem(&filter_pids, &to, &state, BPF_ANY))
		loss__count(LOST_TREE);
	else
		__sync_fetch_and_add(&tree_size, 1);
	return 0;
}

static __always_inline void tree__ended(void)
{
	struct ev_tree *e = ring__reserve(sizeof(*e));

	if (!e) {
		loss__count(LOST_RING);
		return;
	}
	e->head.type = EV_TREE;
	e->head.size = sizeof(*e);
	e->head.cpu = bpf_get_smp_processor_id();
	e->head.boot_ns = bpf_ktime_get_boot_ns();
	ring__submit(e, sizeof(*e));
}

/*
 * do_exit() counts signal->live down before this tracepoint: 0 is the last thread, and two of them can
 * see it. The entry stays: the process closes its files only after this.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid, *state;

	if (task->signal->live.counter)
		return 0;
	state = bpf_map_lookup_elem(&filter_pids, &tgid);
	if (!state || __sync_val_compare_and_swap(state, FOLLOWED, FOLLOWED_DEAD) != FOLLOWED)
		return 0;
	if (__sync_fetch_and_add(&tree_size, -1) == 1)
		tree__ended();
	return 0;
}

/* Its number can be another's from now on. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *task)
{
	__u32 tgid = task->tgid, *state;

	if (task->pid != task->tgid)
		return 0;
	state = bpf_map_lookup_elem(&filter_pids, &tgid);
	if (state && *state == FOLLOWED_DEAD)
		bpf_map_delete_elem(&filter_pids, &tgid);
	return 0;
}
