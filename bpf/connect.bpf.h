/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connect.bpf.h - the one record that a connect() ends in, made wherever its outcome is known.
 */
#ifndef SOCKLIFE_CONNECT_BPF_H
#define SOCKLIFE_CONNECT_BPF_H

#include "syscall.bpf.h"

enum { CONNECT_DECIDED, CONNECT_ABANDONED };

/*
 * A filter on the local end decides only now. Where the answer came in an interrupt of another process, userspace
 * asks who it is.
 */
static __always_inline bool connect__actor_runs(const struct ev_actor *a)
{
	return a->proc.tgid == bpf_get_current_pid_tgid() >> 32;
}

/*
 * `error` is 0 or -errno. A SYN went out when snd_nxt has moved past snd_una: tcp_connect() sets them
 * equal and queues the SYN after; a port that could not be had leaves both 0.
 */
static __always_inline void connect__record(const struct sock *sk, struct facts *f, int error,
					    int how, __u64 now)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sock__tcp(sk, f);
	struct ev_actor *actor = &f->actor;
	struct ev_connect *e;
	__u32 range;

	if (!emit__wanted(sk, f, actor, NULL))
		return;
	if (settings.filters && connect__actor_runs(actor))
		process__tell(&actor->proc);
	e = emit__begin(EV_CONNECT, sizeof(*e), now, sk, f, actor, false);
	if (!e)
		return;
	/* the tracepoint runs before the new state is stored */
	if (how == CONNECT_DECIDED)
		e->base.sock.state = error ? TCP_CLOSE : TCP_ESTABLISHED;
	e->started_ns = f->connect_ns;
	e->error = error;
	e->async = !!(f->flags & FACT_ASYNC);
	e->abandoned = how == CONNECT_ABANDONED;
	e->pad = 0;
	e->pad2 = 0;
	range = compat__port_range(sk);
	e->range_low = range;
	e->range_high = range >> 16;
	e->syn_sent = e->base.sock.proto != IPPROTO_UDP && (f->flags & FACT_SYN_SENT) &&
		      ((f->flags & FACT_ESTABLISHED) ||
		       READ(struct tcp_sock, tp, snd_nxt) != READ(struct tcp_sock, tp, snd_una));
	ring__submit(e, sizeof(*e));
}

/* Where it is not every connection that comes by. */
GLOBAL_FUNC int connect__emit(__u64 addr, struct facts *f, int error, int how, __u64 now)
{
	if (f)
		connect__record((const struct sock *)addr, f, error, how, now);
	return 0;
}

static __always_inline void connect__outcome(const struct sock *sk, struct facts *f, int error,
					     int how, __u64 now)
{
	facts__change(f,
		      how == CONNECT_ABANDONED ? FACT_ABANDONED :
		      error                    ? FACT_CONNECT_FAILED :
						 FACT_CONNECTED,
		      FACT_CONNECTING);
	if (how != CONNECT_ABANDONED && error)
		f->sk_err = error;
	connect__emit((__u64)sk, f, error, how, now);
	if (f->proto == IPPROTO_UDP && !error)
		f->rport = 0; /* the socket has it itself, and may be disconnected later */
}

/* Told by a change of state. The program has yet to hear of it, by a connect() that returns it: connect_ns is 0 until then. */
static __always_inline void connect__failed(const struct sock *sk, struct facts *f, int error)
{
	connect__outcome(sk, f, error, CONNECT_DECIDED, bpf_ktime_get_boot_ns());
	f->connect_ns = 0;
}

#endif
