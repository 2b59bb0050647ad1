// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bind.bpf.c - a socket gets its local port: bind(), listen(), the first datagram. A bind() that
 * succeeded is seen in post_bind (io_uring's too), with the port the kernel chose; sys_exit_bind adds
 * those that failed and those that IP_BIND_ADDRESS_NO_PORT let through without a port.
 */
#include "listen.bpf.h"

/* The kernel's own copy of the address: the program's can change under the call. */
static __always_inline void bind__asked(struct bpf_sock_addr *ctx, const __u8 *addr)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = {};

	if (!sock__wanted(ctx->family, ctx->protocol))
		return;
	call.kind = CALL_BIND;
	call.cookie = sock__cookie(ctx, ctx->sk);
	call.port = bpf_ntohs(ctx->user_port);
	__builtin_memcpy(call.addr, addr, ADDR_LEN);
	if (bpf_map_update_elem(&calls, &id, &call, BPF_ANY))
		loss__count(LOST_SCRATCH);
}

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx)
{
	__u8 addr[ADDR_LEN];

	addr__from_v4(addr, ctx->user_ip4);
	bind__asked(ctx, addr);
	return 1;
}

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr *ctx)
{
	__u8 addr[ADDR_LEN];

	addr__from_words(addr, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
			 ctx->user_ip6[3]);
	bind__asked(ctx, addr);
	return 1;
}

static __noinline void bind__emit(const struct sock *sk, struct facts *f, const struct call *call,
				  int error, __u8 automatic)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct ev_actor actor = {};
	struct ends want = {};
	struct ev_bind *e;
	__u32 range;

	actor__fill(&actor);
	if (!f->inode)
		f->inode = sock__inode(f->mptcp ? (const struct sock *)f->mptcp : sk);
	if (call) {
		want.lport = call->port;
		__builtin_memcpy(want.laddr, call->addr, ADDR_LEN);
	}
	if (!emit__wanted(sk, f, &actor, call ? &want : NULL))
		return;
	process__tell(&actor.proc);
	e = emit__begin(EV_BIND, sizeof(*e), now, sk, f, &actor, false);
	if (!e)
		return;
	e->base.sock.options = sock__options((__u64)sk);
	e->error = error;
	e->automatic = automatic;
	e->req_known = call != NULL;
	e->req_port = want.lport;
	range = compat__port_range(sk);
	e->range_low = range;
	e->range_high = range >> 16;
	e->user = BPF_CORE_READ(sk, sk_uid.val) + 1;
	__builtin_memcpy(e->req_addr, want.laddr, ADDR_LEN);
	ring__submit(e, sizeof(*e));
}

static __always_inline int bind__done(struct bpf_sock *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), cookie;
	const struct sock *sk;
	struct call *call;
	struct facts *f;

	if (!sock__wanted(ctx->family, ctx->protocol))
		return 1;
	cookie = sock__cookie(ctx, ctx);
	f = sock__meet(cookie, ctx);
	if (!f)
		return 1;
	sk = sock__address(f, ctx);
	facts__set(f, FACT_BOUND);
	facts__clear(f, FACT_BIND_FAILED | FACT_TUPLE);
	call = bpf_map_lookup_elem(&calls, &id);
	if (call && call->cookie != cookie)
		call = NULL;
	if (call && call->port)
		facts__set(f, FACT_PORT_FIXED);
	bind__emit(sk, f, call, 0, 0);
	bpf_map_delete_elem(&calls, &id);
	return 1;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *ctx)
{
	return bind__done(ctx);
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *ctx)
{
	return bind__done(ctx);
}

/* What bind4 and bind6 saw of the socket: an MPTCP socket's first subflow. */
static __always_inline __u64 bind__cookie(const struct facts *f)
{
	return f->mptcp ? subflow__cookie(mptcp__first(f->mptcp)) : f->cookie;
}

SEC("tracepoint/syscalls/sys_exit_bind")
int sys_exit_bind(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	long ret = ctx->ret;
	struct call *call;
	struct facts *f;
	struct sock *sk;

	if (syscall__no_socket(ret))
		return 0;
	/* post_bind took the call away when it made the record of a success */
	call = bpf_map_lookup_elem(&calls, &id);
	if (!ret && !call)
		return 0;
	f = syscall__facts(&sk);
	if (!f)
		goto out;
	if (call && (call->kind != CALL_BIND || call->cookie != bind__cookie(f)))
		call = NULL;
	if (ret && !(f->flags & FACT_BOUND))
		facts__set(f, FACT_BIND_FAILED);
	bind__emit(sk, f, call, ret, 0);
out:
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_listen")
int sys_exit_listen(struct trace_event_raw_sys_exit *ctx)
{
	long ret = ctx->ret;
	struct facts *f;
	struct sock *sk;

	if (syscall__no_socket(ret))
		return 0;
	f = syscall__facts(&sk);
	if (f)
		listen__emit((__u64)sk, f, ret);
	return 0;
}

static __always_inline __u64 peer__hash(const __u8 *addr, __u16 port)
{
	const __u64 *words = (const __u64 *)addr;
	__u64 h = (words[0] + 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;

	h = ((h ^ (h >> 29)) + words[1]) * 0x94d049bb133111ebull;
	h = ((h ^ (h >> 32)) + port) * 0xbf58476d1ce4e5b9ull;
	return (h ^ (h >> 31)) | 1;
}

/*
 * True the first time this socket sends to this destination; counts those past the limit. The hashes end with a zero, which
 * none is; how many there are is asked later, so that the verifier has no bounds of it to compare in each round.
 */
GLOBAL_FUNC int peer__is_new(__u64 cookie, __u64 hash)
{
	struct peers *p = bpf_map_lookup_elem(&udp_peers, &cookie);
	__u32 zero = 0, i, n;

	if (!p) {
		struct peers *empty = bpf_map_lookup_elem(&no_peers, &zero);

		if (!empty || bpf_map_update_elem(&udp_peers, &cookie, empty, BPF_NOEXIST) ||
		    !(p = bpf_map_lookup_elem(&udp_peers, &cookie))) {
			loss__count(LOST_PEERS);
			return false;
		}
	}
	if (p->last == hash)
		return false;
	p->last = hash;
	for (i = 0; i < PEERS_PER_SOCK && p->hash[i]; i++)
		if (p->hash[i] == hash)
			return false;
	n = p->count;
	if (n >= PEERS_PER_SOCK) {
		loss__count(LOST_PEERS);
		return false;
	}
	p->hash[n] = hash;
	p->count = n + 1;
	return true;
}

static __noinline void peer__emit(const struct sock *sk, struct facts *f, const struct ends *want)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct ev_actor actor = {};
	struct ev_peer *e;

	actor__fill(&actor);
	if (!emit__wanted(sk, f, &actor, want))
		return;
	process__tell(&actor.proc);
	e = emit__begin(EV_PEER, sizeof(*e), now, sk, f, &actor, false);
	if (!e)
		return;
	e->port = want->rport;
	__builtin_memcpy(e->addr, want->raddr, ADDR_LEN);
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	ring__submit(e, sizeof(*e));
}

/* Before anything is remembered or counted of a socket that the filters do not want. */
static __noinline bool send__admitted(const struct sock *sk, struct facts *f,
				      const struct ends *want)
{
	struct ev_actor actor = {};

	actor__fill(&actor);
	return emit__wanted(sk, f, &actor, want);
}

/* An unconnected send: the port is chosen by now (inet_send_prepare). */
static __always_inline void send__seen(struct bpf_sock_addr *ctx, struct ends *dest)
{
	const struct sock *sk;
	struct facts *f;
	__u64 cookie;

	if (!ctx->sk || !sock__wanted(ctx->family, ctx->protocol))
		return;
	dest->rport = bpf_ntohs(ctx->user_port);
	cookie = sock__cookie(ctx, ctx->sk);
	f = sock__meet(cookie, ctx->sk);
	if (!f)
		return;
	sk = sock__address(f, ctx->sk);
	if (settings.filters && !(f->flags & FACT_ADMITTED) && !send__admitted(sk, f, dest))
		return;
	if (!(f->flags & (FACT_BOUND | FACT_EXISTED | FACT_CONNECTED)) &&
	    (f->flags & FACT_CREATED)) {
		facts__set(f, FACT_BOUND);
		bind__emit(sk, f, NULL, 0, 1);
	}
	if (peer__is_new(cookie, peer__hash(dest->raddr, dest->rport)))
		peer__emit(sk, f, dest);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	struct ends dest = {};

	addr__from_v4(dest.raddr, ctx->user_ip4);
	send__seen(ctx, &dest);
	return 1;
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	struct ends dest = {};

	addr__from_words(dest.raddr, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
			 ctx->user_ip6[3]);
	send__seen(ctx, &dest);
	return 1;
}

/*
 * The first send of an unbound socket found no port (udp_lib_get_port): it fails before sendmsg4 runs.
 * The tracepoint is there since Linux 6.3.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret)
{
	struct facts *f;

	if (ret != -EAGAIN || sk->sk_protocol != IPPROTO_UDP || sk->__sk_common.skc_num)
		return 0;
	if (!sock__wanted(sk->__sk_common.skc_family, IPPROTO_UDP) || sock__is_kernel(sk, true))
		return 0;
	f = facts__make(bpf_get_socket_cookie(sk));
	if (!f)
		return 0;
	facts__set(f, FACT_BIND_FAILED);
	bind__emit(sock__address(f, sk), f, NULL, ret, 1);
	return 0;
}
