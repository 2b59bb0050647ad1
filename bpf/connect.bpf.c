// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connect.bpf.c - a connect() begins in connect4/6, with the true caller, and ends in one record:
 * from the states (state.bpf.c) when a SYN went out, here when the call itself failed, when UDP
 * connected, or when the socket is closed before any answer.
 */
#include "connect.bpf.h"

#define O_NONBLOCK 04000

static __always_inline int connect__asked(struct bpf_sock_addr *ctx, const __u8 *addr)
{
	__u64 now, id;
	struct ends want = { .rport = bpf_ntohs(ctx->user_port) };
	const struct sock *sk, *own;
	struct socket *socket;
	struct file *file;
	struct facts *f;

	if (!ctx->sk || !sock__wanted(ctx->family, ctx->protocol))
		return 1;
	now = bpf_ktime_get_boot_ns();
	f = sock__meet(sock__cookie(ctx, ctx->sk), ctx->sk);
	if (!f)
		return 1;
	sk = sock__address(f, ctx->sk);
	if (f->flags & FACT_CONNECTING) /* disconnected before an answer, and tried again */
		connect__outcome(sk, f, 0, CONNECT_ABANDONED, now);
	facts__clear(f, FACT_SYN_SENT | FACT_FIN_SENT | FACT_ASYNC | FACT_CONNECT_FAILED |
				FACT_ABANDONED | FACT_LOCAL_FIRST | FACT_REMOTE_FIRST |
				FACT_RST_RECEIVED | FACT_RST_SENT | FACT_TIME_WAIT | FACT_TUPLE);
	facts__set(f, FACT_CONNECTING);
	f->connect_ns = now;
	f->rport = want.rport;
	__builtin_memcpy(f->raddr, addr, ADDR_LEN);
	f->unread_last = 0;
	__builtin_memcpy(want.raddr, addr, ADDR_LEN);
	actor__read(&f->actor, task__current());
	actor__tell(sk, f, &f->actor, &want);
	/* the subflow's own has no file */
	own = f->mptcp ? (const struct sock *)f->mptcp : sk;
	socket = READ(struct sock, own, sk_socket);
	file = READ(struct socket, socket, file);
	if (file) {
		f->inode = file__inode(file);
		if (ctx->protocol == IPPROTO_TCP && (READ(struct file, file, f_flags) & O_NONBLOCK))
			facts__set(f, FACT_ASYNC);
	}
	if (ctx->protocol == IPPROTO_UDP) {
		struct call call = { .kind = CALL_UDP_CONNECT, .cookie = f->cookie };

		id = bpf_get_current_pid_tgid();
		if (bpf_map_update_elem(&calls, &id, &call, BPF_ANY))
			loss__count(LOST_SCRATCH);
		else
			__sync_fetch_and_add(&udp_connects, 1);
	}
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	__u8 addr[ADDR_LEN];

	addr__from_v4(addr, ctx->user_ip4);
	return connect__asked(ctx, addr);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	__u8 addr[ADDR_LEN];

	addr__from_words(addr, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
			 ctx->user_ip6[3]);
	return connect__asked(ctx, addr);
}

/* Answers that decide nothing: the outcome comes later, or has been reported already. */
static __always_inline bool connect__undecided(long ret)
{
	return ret == -EINPROGRESS || ret == -EALREADY || ret == -EINTR || ret == -EISCONN ||
	       ret == -ERESTARTSYS || ret == -EBADF || ret == -ENOTSOCK || ret == -EFAULT;
}

/* What a change of state has told of (connect__failed), once. */
static __always_inline bool connect__was_told(struct facts *f, long ret, __u64 now)
{
	if (!(f->flags & FACT_CONNECT_FAILED) || f->connect_ns || f->sk_err != ret)
		return false;
	f->connect_ns = now;
	return true;
}

/* Refused before the connect hook ran. */
static __always_inline bool connect__refused_early(long ret)
{
	return ret == -EINVAL || ret == -EAFNOSUPPORT || ret == -EPERM || ret == -EACCES ||
	       ret == -EAGAIN;
}

/* Whether the connect() that returns was noted as one of UDP, which it is no more. */
static __always_inline bool connect__was_udp(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);

	if (!call || call->kind != CALL_UDP_CONNECT)
		return false;
	if (!bpf_map_delete_elem(&calls, &id))
		__sync_fetch_and_add(&udp_connects, -1);
	return true;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int sys_exit_connect(struct trace_event_raw_sys_exit *ctx)
{
	bool udp = udp_connects > 0 && connect__was_udp();
	long ret = ctx->ret;
	struct facts *f;
	struct sock *sk;
	__u64 now;

	if (!ret && !udp)
		return 0; /* TCP: the states said so */
	if (ret != -EINPROGRESS && connect__undecided(ret))
		return 0;
	now = bpf_ktime_get_boot_ns();
	f = syscall__facts(&sk);
	if (!f)
		return 0;
	if (ret == -EINPROGRESS) {
		facts__set(f, FACT_ASYNC); /* SO_SNDTIMEO ran out on a blocking socket */
		return 0;
	}
	if (f->flags & FACT_CONNECTING) {
		connect__outcome(sk, f, ret, CONNECT_DECIDED, now);
	} else if (!connect__was_told(f, ret, now) && connect__refused_early(ret)) {
		f->connect_ns = now;
		actor__fill(&f->actor);
		connect__outcome(sk, f, ret, CONNECT_DECIDED, now);
	}
	return 0;
}
