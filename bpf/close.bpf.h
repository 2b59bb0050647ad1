/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * close.bpf.h - the record of a socket's end.
 */
#ifndef SOCKLIFE_CLOSE_BPF_H
#define SOCKLIFE_CLOSE_BPF_H

#include "state.bpf.h"

/* No record of a socket that did nothing. */
static __always_inline bool close__owed(const struct facts *f)
{
	return f->flags & (FACT_EVENT | FACT_EXISTED | FACT_ESTABLISHED);
}

static __always_inline void close__emit(const struct sock *sk, struct facts *f, __u64 now,
					const bool direct)
{
	struct ev_close *e;

	if (!close__owed(f) || !emit__wanted(sk, f, &f->actor, NULL))
		return;
	e = emit__begin(EV_CLOSE, sizeof(*e), now, sk, f, &f->actor, direct);
	if (!e)
		return;
	e->listener = f->listener;
	e->established_ns = f->established_ns;
	e->released_ns = f->released_ns;
	e->tx_bytes = f->tx_bytes;
	e->rx_bytes = f->rx_bytes;
	e->unacked_bytes = f->unacked_bytes;
	e->unread_bytes = f->unread_bytes;
	e->accepted = f->accepted;
	e->retrans = f->retrans;
	e->srtt_us = f->srtt_us;
	e->sk_err = f->sk_err;
	if (direct || f->mptcp) /* at the change to it, it is not stored yet */
		e->base.sock.state = TCP_CLOSE;
	e->last_state = f->last_state;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	ring__submit(e, sizeof(*e));
}

/* A child that nobody accepted dies with its listener: that one's owner is taken for its own. */
static __always_inline void close__adopt(const struct sock *sk, struct facts *f)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &id);
	struct facts *l;

	if (!call || call->kind != CALL_LISTENER_CLOSE || call->port != sock__sport(sk))
		return;
	l = facts__get(call->cookie);
	if (!l)
		return;
	f->listener = l->cookie;
	f->owner = l->owner;
	f->actor = l->actor;
	facts__set(f, FACT_LISTENER_OWNER | (l->flags & (FACT_EXITING | FACT_KERNEL_CLOSED)));
}

/*
 * A released connection dies by a packet or a timer; if none came since, in the release itself or by
 * `ss -K`.
 */
static __always_inline __u64 close__time(const struct sock *sk, const struct facts *f)
{
	__u64 packet = state__packet_ns(sk);

	if ((f->flags & FACT_RELEASED) && packet > f->released_ns && sk->sk_err != ECONNABORTED)
		return packet;
	return bpf_ktime_get_boot_ns();
}

/* A TCP socket that is no more. */
static __always_inline void close__died(const struct sock *sk, struct facts *f)
{
	__u64 cookie = f->cookie, id;

	if ((f->flags & FACT_PASSIVE) && !(f->flags & (FACT_ACCEPTED | FACT_RELEASED)))
		close__adopt(sk, f);
	if ((f->flags & FACT_RELEASED) && (f->flags & FACT_LISTENED)) {
		id = bpf_get_current_pid_tgid();
		bpf_map_delete_elem(&calls, &id);
	}
	close__emit(sk, f, close__time(sk, f), true);
	facts__drop(cookie);
}

/*
 * Whether the change to CLOSE is the death: of a socket that no process has (tcp_done destroys it next). In its
 * close() a reset may still be sent, which the record must tell of: only the last ACK, which comes while close() works
 * off its backlog, is followed by nothing.
 */
static __always_inline bool close__is_death(const struct sock *sk, const struct facts *f)
{
	const struct tcp_sock *tp;

	if (!(sk->__sk_common.skc_flags & (1ul << SOCK_DEAD)) || (f->flags & FACT_LISTENED))
		return false;
	if (!sk->sk_lock.owned)
		return true;
	tp = sock__as_tcp(sk);
	return f->last_state == TCP_LAST_ACK && tp && tp->snd_una == tp->write_seq;
}

/* An MPTCP socket that is no more: its change to CLOSE when no process has it any more. */
static __always_inline void mptcp__died(const struct sock *sk, struct facts *f)
{
	__u64 id;

	if ((f->flags & FACT_PASSIVE) && !(f->flags & (FACT_ACCEPTED | FACT_RELEASED)))
		close__adopt(sk, f);
	if (f->flags & FACT_LISTENED) {
		id = bpf_get_current_pid_tgid();
		bpf_map_delete_elem(&calls, &id);
	} else if (f->flags & (FACT_ESTABLISHED | FACT_EXISTED)) {
		subflows__emit(f);
	}
	close__emit(sk, f, bpf_ktime_get_boot_ns(), false);
	mptcp__drop(f);
}

#endif
