// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * open.bpf.c - a socket is created, in the context of its creator. Nothing is emitted: the facts wait
 * for the first record. Fires for sockets of processes only, not for accepted or kernel ones.
 */
#include "emit.bpf.h"

const volatile struct settings settings = {};
volatile __u64 loss_epoch = 1;
volatile __u32 self_tgid = 0;
volatile __u8 spilled = 0;
volatile __s64 udp_connects = 0;
volatile __u8 adopt_children = 0;
volatile __s64 tree_size = 0;

/* Run once by userspace: inside a pid namespace getpid() is not what the programs see. */
SEC("raw_tp")
int whoami(void *ctx)
{
	self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
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
	owner__fill(&f->owner);
	if (f->owner.tgid == self_tgid)
		facts__set(f, FACT_IGNORED);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
