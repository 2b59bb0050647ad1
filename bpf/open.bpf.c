// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * open.bpf.c - a socket is created, in the context of its creator. Nothing is emitted: the facts wait
 * for the first record. Fires for sockets of processes only, not for accepted or kernel ones. A socket()
 * that finds no descriptor makes a record of its own: there is no socket that could have it.
 */
#include "syscall.bpf.h"

const volatile struct settings settings = {};
const volatile char zeroes[PROCESS_EXE_MAX] = {};
volatile __u64 loss_epoch = 1;
volatile __u32 self_tgid = 0;
volatile __s64 boottime_offset = 0;
volatile __u8 accepts_early = 0;
volatile __u8 accepts_unknown = 0;
volatile __s64 udp_connects = 0;
volatile struct ring_positions ring_positions = {};
volatile __u8 adopt_children = 0;
volatile __s64 tree_size = 0;

/* Run once by userspace: inside a pid namespace getpid() is not what the programs see. */
SEC("raw_tp")
int whoami(void *ctx)
{
	self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

/* Its creator may act no more on it, and is its owner all the same. */
static __always_inline void open__tell(const struct sock *sk, struct facts *f)
{
	struct ev_actor actor = {};

	if (settings.filters) {
		actor__fill(&actor);
		if (!filter__no_ends(&f->owner, &actor,
				     BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum)))
			return;
	}
	process__tell(&f->owner);
}

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *ctx)
{
	struct facts *f;
	__u64 now;

	if (!sock__wanted(ctx->family, ctx->protocol))
		return 1;
	now = bpf_ktime_get_boot_ns();
	f = facts__make(bpf_get_socket_cookie(ctx));
	if (!f)
		return 1;
	f->created_ns = now;
	f->flags = FACT_CREATED;
	if (ctx->protocol == IPPROTO_MPTCP)
		mptcp__made(f, (__u64)sock__plain(ctx));
	owner__fill(&f->owner, task__current());
	if (f->owner.tgid == self_tgid)
		facts__set(f, FACT_IGNORED);
	else
		open__tell(sock__address(f, ctx), f);
	return 1;
}

SEC("tracepoint/syscalls/sys_exit_socket")
int sys_exit_socket(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task;
	struct ev_actor actor = {};
	struct ev_no_fd *e;
	struct net *net;
	long ret = ctx->ret;
	__u32 netns;

	if (ret != -EMFILE && ret != -ENFILE)
		return 0;
	task = bpf_get_current_task_btf();
	net = BPF_CORE_READ(task, nsproxy, net_ns);
	netns = BPF_CORE_READ(net, ns.inum);
	actor__fill(&actor);
	if (actor.proc.tgid == self_tgid || !filter__no_ends(&actor.proc, &actor, netns))
		return 0;
	process__tell(&actor.proc);
	e = ring__reserve(sizeof(*e));
	if (!e) {
		loss__count(LOST_RING);
		return 0;
	}
	e->head.type = EV_NO_FD;
	e->head.size = sizeof(*e);
	e->head.cpu = bpf_get_smp_processor_id();
	e->head.boot_ns = bpf_ktime_get_boot_ns();
	e->actor = actor;
	e->actor.mark = 0;
	e->netns_cookie = BPF_CORE_READ(net, net_cookie);
	e->netns = netns;
	e->fd_limit = task__fd_limit();
	e->error = ret;
	ring__submit(e, sizeof(*e));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
