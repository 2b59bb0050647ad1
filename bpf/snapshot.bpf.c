// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * snapshot.bpf.c - every socket that a process holds, in all namespaces, with its owner: what was
 * there before the start, what a resynchronisation compares with, and who holds a port.
 */
#include "accept.bpf.h"

/* What one pass wants: set by userspace before it reads (tracer_read.c). */
volatile __u8 snapshot_mode = SNAPSHOT_NEW;
volatile __u16 snapshot_port = 0;  /* only this local port; 0: any */
volatile __u32 snapshot_netns = 0; /* only the namespace with this inode number; 0: any */
volatile __u8 snapshot_made = 0;   /* what was there before the start was told */

/*
 * The process whose descriptor was found: not the running one, which is socklife itself. One pass goes
 * from process to process, so `a` is most often filled already, by the descriptor before.
 */
static __always_inline void actor__of(struct ev_actor *a, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	__u64 cgroup;

	if (a->proc.tgid == (__u32)task->tgid && a->proc.start_ns == leader->start_boottime)
		return;
	a->proc.tgid = task->tgid;
	a->proc.exec = leader->self_exec_id;
	a->proc.start_ns = leader->start_boottime;
	bpf_probe_read_kernel(a->proc.comm, sizeof(a->proc.comm), leader->comm);
	__builtin_memcpy(a->thread, a->proc.comm, COMM_LEN);
	a->tid = task->tgid;
	a->uid = task->cred->uid.val;
	a->nspid = pid__in_namespace(leader->thread_pid, task->tgid);
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	a->cgroup_id = cgroup;
	a->mark = (settings.filters & FILTER_CGROUP) &&
		  bpf_map_lookup_elem(&filter_cgroups, &cgroup);
}

/* The record being made: too large for the stack. One reader at a time, which userspace is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ev_snapshot);
} snapshot_record SEC(".maps");

/*
 * The end that sent the SYN has one byte more acknowledged than it ever sent as data (bytes_sent does
 * not count the SYN, bytes_acked does); the FIN is one more on either end.
 */
static __always_inline bool snapshot__sent_syn(const struct tcp_sock *tp, bool fin_sent)
{
	__u64 sent = tp->bytes_sent - tp->bytes_retrans;
	__u64 taken = tp->bytes_acked + (__u32)(tp->snd_nxt - tp->snd_una);

	return taken > sent + fin_sent;
}

/* The same of an MPTCP connection, by its first subflow, whose FIN goes after the connection's end. */
static __noinline bool snapshot__first_sent_syn(__u64 msk)
{
	const struct tcp_sock *tp = (const void *)mptcp__first(msk);
	__u64 sent, taken;

	if (!tp)
		return false;
	sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	taken = BPF_CORE_READ(tp, bytes_acked) +
		(__u32)(BPF_CORE_READ(tp, snd_nxt) - BPF_CORE_READ(tp, snd_una));
	return taken > sent;
}

/* What its state says of a past that was not seen. */
static __always_inline __u32 snapshot__past(struct sock *sk)
{
	struct tcp_sock *tp;
	__u32 past = 0;

	if (sk->sk_protocol == IPPROTO_UDP)
		return sk->__sk_common.skc_state == TCP_ESTABLISHED ? FACT_CONNECTED : 0;
	switch (sk->__sk_common.skc_state) {
	case TCP_LISTEN:
		return FACT_LISTENED;
	case TCP_CLOSE:
		return 0;
	case TCP_SYN_SENT:
		return FACT_SYN_SENT;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
		past = FACT_FIN_SENT | FACT_LOCAL_FIRST;
		break;
	case TCP_LAST_ACK:
		past = FACT_FIN_SENT | FACT_REMOTE_FIRST;
		break;
	case TCP_CLOSE_WAIT:
		past = FACT_REMOTE_FIRST;
		break;
	}
	tp = sk->sk_protocol == IPPROTO_TCP ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (tp ? snapshot__sent_syn(tp, past & FACT_FIN_SENT) :
		 snapshot__first_sent_syn((__u64)sock__plain(sk)))
		past |= FACT_SYN_SENT | FACT_CONNECTED;
	else
		past |= FACT_PASSIVE | FACT_ACCEPTED;
	return past | FACT_ESTABLISHED;
}

/* True where this socket is to be told of; the first pass that meets one makes its holder the owner. */
static __always_inline bool snapshot__wants(struct sock *sk, struct facts *f,
					    const struct ev_actor *a)
{
	switch (snapshot_mode) {
	case SNAPSHOT_PORTS:
		f->flags = snapshot__past(sk);
		return true;
	case SNAPSHOT_HOLDERS:
		return true;
	case SNAPSHOT_TOLD:
		/* none at all: all of it was lost, or nobody has asked for what was there before */
		if (!f->flags && snapshot_made) {
			facts__set(f, FACT_EXISTED | snapshot__past(sk));
			__builtin_memcpy(&f->owner, &a->proc, sizeof(f->owner));
		}
		return f->flags & (FACT_EVENT | FACT_EXISTED | FACT_ESTABLISHED);
	}
	/* a socket of several processes: the filters may want it for the second one's sake */
	if (f->flags & FACT_EXISTED)
		return settings.filters && !(f->flags & FACT_ADMITTED);
	if (f->flags & (FACT_CREATED | FACT_ACCEPTED))
		return false;
	facts__set(f, FACT_EXISTED | snapshot__past(sk));
	__builtin_memcpy(&f->owner, &a->proc, sizeof(f->owner));
	return true;
}

static __always_inline bool snapshot__asked_for(const struct sock *sk)
{
	__u32 netns = snapshot_netns;
	__u16 port = snapshot_port;

	if (netns && sk->__sk_common.skc_net.net->ns.inum != netns)
		return false;
	return !port || sk->__sk_common.skc_num == port || sock__sport(sk) == port;
}

static __always_inline bool snapshot__takes_all(void)
{
	return snapshot_mode == SNAPSHOT_HOLDERS || snapshot_mode == SNAPSHOT_PORTS;
}

/* For a socket that --proto, -4 or -6 leave out, but that may hold a port: facts for the moment. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct facts);
} passing_facts SEC(".maps");

/*
 * The id of an MPTCP socket. One that a listener made may have that one's cookie: it goes by its first subflow's, if
 * that has one: this program cannot give it one.
 */
static __noinline __u64 snapshot__mptcp_id(const struct sock *sk, __u64 msk, __u64 cookie)
{
	__u8 state = sk->__sk_common.skc_state;
	__u64 first;

	if (state == TCP_LISTEN || state == TCP_CLOSE || state == TCP_SYN_SENT ||
	    snapshot__first_sent_syn(msk))
		return cookie;
	first = subflow__cookie(mptcp__first(msk));
	return first ? first : cookie;
}

/* The facts of an MPTCP socket from before the start. NULL, and counted, where it has no id of its own. */
static __noinline struct facts *snapshot__mptcp(const struct sock *sk, __u64 msk, __u64 cookie)
{
	struct facts *f = mptcp__facts(msk);
	__u64 id;

	if (f)
		return f;
	id = snapshot__mptcp_id(sk, msk, cookie);
	if (id != cookie)
		return mptcp__make_child(msk, id);
	f = facts__make(cookie);
	if (f && f->mptcp) {
		loss__count(LOST_FACTS);
		return NULL;
	}
	if (f)
		f->mptcp = msk;
	return f;
}

static __noinline struct facts *snapshot__facts(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family, protocol = sk->sk_protocol;
	__u64 cookie = bpf_get_socket_cookie(sk), plain = (__u64)sock__plain(sk);
	struct facts *f;
	__u32 zero = 0;

	if (sock__wanted(family, protocol))
		return protocol == IPPROTO_MPTCP ? snapshot__mptcp(sk, plain, cookie) :
						   facts__make(cookie);
	if (!snapshot__takes_all() || (family != AF_INET && family != AF_INET6))
		return NULL;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_MPTCP)
		return NULL;
	f = bpf_map_lookup_elem(&passing_facts, &zero);
	if (f) {
		__builtin_memset(f, 0, sizeof(*f));
		f->cookie = cookie;
		if (protocol == IPPROTO_MPTCP) {
			f->mptcp = plain;
			f->cookie = snapshot__mptcp_id(sk, plain, cookie);
		}
	}
	return f;
}

#define SOCK_BINDPORT_LOCK 8 /* include/net/sock.h: bind() named the port */

/*
 * Its port was given by a bind() of some socket, so that no connect() takes it for another
 * destination: __inet_hash_connect() passes over such a bucket.
 */
static __always_inline bool snapshot__bound_port(struct sock *sk)
{
	const struct inet_bind_bucket *bucket;
	struct tcp_sock *tp;

	if (sk->sk_protocol != IPPROTO_TCP)
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	bucket = tp ? tp->inet_conn.icsk_bind_hash : NULL;
	return bucket && (bucket->fastreuse >= 0 || bucket->fastreuseport >= 0);
}

static __always_inline void snapshot__write(struct bpf_iter__task_file *ctx, struct sock *sk,
					    struct facts *f, struct ev_snapshot *e)
{
	__u32 matches;

	e->base.head.type = EV_SNAPSHOT;
	e->base.head.size = sizeof(*e);
	e->base.head.cpu = bpf_get_smp_processor_id();
	e->base.head.boot_ns = bpf_ktime_get_boot_ns();
	sock__fill(&e->base.sock, sk, f, true);
	e->base.sock.options = sock__options((__u64)sock__plain(sk));
	if (snapshot__bound_port(sk))
		e->base.sock.facts |= FACT_PORT_KEPT;
	if (BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK) {
		facts__set(f, FACT_PORT_FIXED); /* for a listen() or connect() to come */
		e->base.sock.facts |= FACT_PORT_FIXED;
	}
	e->fd = ctx->fd;
	if (f->mptcp)
		e->backlog = BPF_CORE_READ(sock__tcp(NULL, f), sk_max_ack_backlog);
	else
		e->backlog = sk->sk_max_ack_backlog;
	matches = e->base.actor.mark;
	e->base.actor.mark = 0;
	bpf_seq_write(ctx->meta->seq, e, sizeof(*e));
	e->base.actor.mark = matches; /* for the process's next descriptor */
}

/* Of a record that finds no room the kernel says nothing; it shows the descriptor again with an empty buffer (bpf_seq_read). */
static __always_inline bool snapshot__has_room(const struct seq_file *seq)
{
	return seq->count + sizeof(struct ev_snapshot) < seq->size; /* seq_write() */
}

SEC("iter/task_file")
int snapshot(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ev_snapshot *e;
	struct socket *socket;
	struct facts *f;
	struct sock *sk;
	__u32 zero = 0;

	e = bpf_map_lookup_elem(&snapshot_record, &zero);
	if (!task || !file || !e)
		return 0;
	if (!ctx->meta->seq_num)
		e->base.actor.proc.tgid = 0; /* of the pass before */
	if ((__u32)task->tgid == self_tgid)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sock__is_kernel(sk, true) || !snapshot__asked_for(sk))
		return 0;
	f = snapshot__facts(sk);
	if (!f || (f->flags & FACT_IGNORED))
		return 0;
	if (!snapshot__has_room(ctx->meta->seq))
		return 1; /* -EAGAIN: once more */
	if (accepts_early && !snapshot__takes_all() && !(f->flags & FACT_ACCEPTED))
		accept__settle((__u64)sock__address(f, sk), f->cookie);
	if (!f->inode)
		f->inode = file->f_inode->i_ino;
	actor__of(&e->base.actor, task);
	if (!snapshot__wants(sk, f, &e->base.actor))
		return 0;
	if (sk->__sk_common.skc_state == TCP_LISTEN)
		f->lport = sk->__sk_common.skc_num;
	if (snapshot__takes_all() || emit__wanted(sk, f, &e->base.actor, NULL))
		snapshot__write(ctx, sk, f, e);
	return 0;
}

/* SO_REUSE* of every TCP socket of one namespace: sock_diag does not tell it, and TIME_WAIT has no process. */
SEC("iter/tcp")
int tcp_options(struct bpf_iter__tcp *ctx)
{
	struct port_options o = { 0 };
	struct sock_common *sk = ctx->sk_common;
	__u16 port = snapshot_port;

	if (!sk || (port && sk->skc_num != port))
		return 0;
	o.cookie = sk->skc_cookie.counter;
	if (BPF_CORE_READ_BITFIELD(sk, skc_reuse))
		o.options |= OPT_REUSEADDR;
	if (BPF_CORE_READ_BITFIELD(sk, skc_reuseport))
		o.options |= OPT_REUSEPORT;
	if (BPF_CORE_READ_BITFIELD(sk, skc_ipv6only))
		o.options |= OPT_V6ONLY;
	bpf_seq_write(ctx->meta->seq, &o, sizeof(o));
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ev_process);
} process_record SEC(".maps");

/* One task, which userspace names when it attaches: who was there before the start is asked for. */
SEC("iter/task")
int process(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ev_process *e;
	__u32 zero = 0;
	__u64 plain = 0;

	e = bpf_map_lookup_elem(&process_record, &zero);
	if (!task || !e)
		return 0;
	bpf_probe_read_kernel(&plain, sizeof(plain), &task);
	e->head.type = EV_PROCESS;
	e->head.size = sizeof(*e);
	e->head.cpu = bpf_get_smp_processor_id();
	e->head.boot_ns = bpf_ktime_get_boot_ns();
	process__fill(e, plain, 0);
	bpf_seq_write(ctx->meta->seq, e, sizeof(*e));
	return 0;
}

/* Which sockets to ask about, by cookie; and, in the same places, those that were gone. Userspace fills and clears them. */
volatile __u64 sweep_cookies[SWEEP_MAX] = {};
volatile __u64 sweep_gone[SWEEP_MAX] = {};

/*
 * Drops the facts of a TCP socket that was released and is no more, though no program saw it die: no reference to it is left
 * (sk_free), or its address is another socket's, or anything's. The cookie says so: it is read by probe, and no other socket
 * ever has the same.
 */
GLOBAL_FUNC int facts__sweep(__u64 cookie)
{
	struct facts *f = facts__get(cookie);
	const struct sock *sk;

	if (!f || !f->sk || f->mptcp || !(f->flags & FACT_RELEASED))
		return 0;
	sk = (const struct sock *)f->sk;
	if ((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == cookie &&
	    BPF_CORE_READ(sk, __sk_common.skc_refcnt.refs.counter))
		return 0;
	facts__drop(cookie);
	return 1;
}

/* Of one task, socklife's own: a program that userspace can run whenever it wants. */
SEC("iter/task")
int sweep(struct bpf_iter__task *ctx)
{
	__u32 i;

	for (i = 0; ctx->task && i < SWEEP_MAX; i++) {
		if (facts__sweep(sweep_cookies[i]))
			sweep_gone[i] = sweep_cookies[i];
	}
	return 0;
}
