/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mptcp.bpf.h - an MPTCP socket, which a process has, and its subflows, which are the kernel's TCP
 * sockets: which is whose, and what the subflows know that the MPTCP socket does not.
 */
#ifndef SOCKLIFE_MPTCP_BPF_H
#define SOCKLIFE_MPTCP_BPF_H

#include "facts.bpf.h"

/* A kernel without MPTCP has not these types: all that reads them is behind this constant. */
#define MPTCP bpf_core_type_exists(struct mptcp_sock)

/* The first subflow, 0 where there is none: what binds, listens and connects. Addresses are plain. */
GLOBAL_FUNC __u64 mptcp__first(__u64 msk)
{
	return MPTCP ? (__u64)BPF_CORE_READ((const struct mptcp_sock *)msk, first) : 0;
}

/* The MPTCP socket that a kernel socket is a subflow of, 0 where it is none. */
GLOBAL_FUNC __u64 subflow__mptcp(__u64 ssk)
{
	const struct mptcp_subflow_context *context;

	if (!MPTCP || BPF_CORE_READ((const struct sock *)ssk, sk_protocol) != IPPROTO_TCP ||
	    !BPF_CORE_READ((const struct tcp_sock *)ssk, is_mptcp))
		return 0;
	context = BPF_CORE_READ((const struct inet_connection_sock *)ssk, icsk_ulp_data);
	return (__u64)BPF_CORE_READ(context, conn);
}

/*
 * The facts of an MPTCP socket. One that a listener made has that one's cookie (sk_clone_lock copies it): its
 * id is the cookie of its first subflow, and the map knows it.
 */
static __noinline struct facts *mptcp__facts(__u64 msk)
{
	__u64 *id = bpf_map_lookup_elem(&mptcp_children, &msk);
	struct facts *f;

	if (id)
		return facts__get(*id);
	f = facts__get(READ(struct sock, (const void *)msk, __sk_common.skc_cookie.counter));
	return f && f->mptcp == msk ? f : NULL;
}

static __noinline struct facts *mptcp__make_child(__u64 msk, __u64 id)
{
	struct facts *f = facts__make(id);

	if (!f)
		return NULL;
	if (bpf_map_update_elem(&mptcp_children, &msk, &id, BPF_ANY)) {
		facts__drop(id);
		loss__count(LOST_FACTS);
		return NULL;
	}
	f->mptcp = msk;
	return f;
}

/* Made by socket(): what the map may know of its address was of a socket before it. */
static __always_inline void mptcp__made(struct facts *f, __u64 msk)
{
	bpf_map_delete_elem(&mptcp_children, &msk);
	f->mptcp = msk;
}

static __always_inline void mptcp__drop(struct facts *f)
{
	__u64 cookie = f->cookie, msk = f->mptcp;

	bpf_map_delete_elem(&mptcp_children, &msk);
	facts__drop(cookie);
}

/*
 * The facts of a process's MPTCP socket, by its first subflow, which binds and connects for it: what the
 * kernel does with the others is no call of the process. NULL for any other kernel socket.
 */
static __noinline struct facts *subflow__facts_of_first(__u64 ssk)
{
	__u64 msk = subflow__mptcp(ssk);

	return msk && mptcp__first(msk) == ssk ? mptcp__facts(msk) : NULL;
}

static __always_inline __u64 subflow__cookie(__u64 ssk)
{
	__u64 cookie = ssk ? READ(struct sock, (const void *)ssk, __sk_common.skc_cookie.counter) :
			     0;

	/* or the load is shared with that of another pointer's, which the verifier does not take */
	barrier_var(cookie);
	return cookie;
}

/* The TCP socket that has the port, the queue and the counters: the subflow of an MPTCP socket. */
static __always_inline const struct sock *sock__tcp(const struct sock *sk, const struct facts *f)
{
	__u64 first = f->mptcp ? mptcp__first(f->mptcp) : 0;

	return first ? (const struct sock *)first : sk;
}

/*
 * Walks the list of subflows; `at` and `end` are addresses of list heads. In a bpf_loop() where it goes to the end: the
 * verifier would go round a loop as often as it can.
 */
struct subflows {
	__u64 at, end;
};

static __always_inline void subflows__begin(struct subflows *list, __u64 msk)
{
	const struct list_head *head;

	list->end = msk + bpf_core_field_offset(struct mptcp_sock, conn_list);
	head = (const void *)list->end;
	list->at = (__u64)BPF_CORE_READ(head, next);
}

/* The next one's address, 0 at the end. */
static __always_inline __u64 subflows__next(struct subflows *list)
{
	const struct mptcp_subflow_context *context;
	const struct list_head *node = (const void *)list->at;

	if (!node || list->at == list->end)
		return 0;
	context = (const void *)((__u64)node -
				 bpf_core_field_offset(struct mptcp_subflow_context, node));
	list->at = (__u64)BPF_CORE_READ(node, next);
	return (__u64)BPF_CORE_READ(context, tcp_sock);
}

#define SENT_FIN                                                                                   \
	(1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSING | 1 << TCP_LAST_ACK |          \
	 1 << TCP_TIME_WAIT)
#define SEND_SHUTDOWN 2 /* include/net/sock.h */

/*
 * Whether the MPTCP socket itself counts what was sent and received: since Linux 6.5 ("mptcp: track some aggregate
 * data counters"), and not exactly where the peer has no MPTCP, and so no key: there the one subflow is all.
 */
static __always_inline bool mptcp__counts(const struct mptcp_sock *msk)
{
	return bpf_core_field_exists(msk->bytes_acked) && BPF_CORE_READ(msk, remote_key);
}

/*
 * What a subflow counted, at its end or at the connection's: a SYN where this end connected, and a FIN, are no
 * payload.
 */
GLOBAL_FUNC int subflow__save(__u64 ssk, struct facts *f)
{
	const struct mptcp_sock *msk;
	const struct tcp_sock *tp = (const void *)ssk;
	const struct sock *sk = (const void *)ssk;
	__u64 acked, received;
	__u32 unacked;

	if (!MPTCP || !f)
		return 0;
	msk = (const void *)f->mptcp;
	f->retrans += BPF_CORE_READ(tp, total_retrans);
	if (!f->srtt_us || ssk == mptcp__first(f->mptcp))
		f->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	if (mptcp__counts(msk))
		return 0;
	acked = BPF_CORE_READ(tp, bytes_acked);
	unacked = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_una);
	if ((1 << BPF_CORE_READ(sk, __sk_common.skc_state)) & SENT_FIN) {
		if (unacked)
			unacked--;
		else if (acked)
			acked--;
	}
	if ((f->flags & FACT_SYN_SENT) && acked)
		acked--;
	f->tx_bytes += acked;
	f->unacked_bytes += unacked;
	received = BPF_CORE_READ(tp, bytes_received);
	if (received && (BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DONE)))
		received--;
	f->rx_bytes += received;
	return 0;
}

struct subflows_saving {
	struct subflows list;
	struct facts *f;
};

/* One that ended before was counted then. */
static long subflows__save_next(__u32 index, void *arg)
{
	struct subflows_saving *s = arg;
	__u64 ssk = subflows__next(&s->list);

	(void)index;
	if (!ssk)
		return 1;
	if (BPF_CORE_READ((const struct sock *)ssk, __sk_common.skc_state) != TCP_CLOSE)
		subflow__save(ssk, s->f);
	return 0;
}

/*
 * At the change to CLOSE, before a disconnect clears it. What was acknowledged can have one number of the data
 * sequence more at either end of it (MP_CAPABLE, DATA_FIN); what was sent and received is payload only.
 */
GLOBAL_FUNC int mptcp__save(struct facts *f)
{
	const struct mptcp_sock *msk;
	__u64 acked, sent, unacked, received;
	struct subflows_saving saving = { .f = f };

	if (!MPTCP || !f)
		return 0;
	msk = (const void *)f->mptcp;
	if (mptcp__counts(msk)) {
		acked = BPF_CORE_READ(msk, bytes_acked);
		sent = BPF_CORE_READ(msk, bytes_sent);
		unacked = BPF_CORE_READ(msk, write_seq) - BPF_CORE_READ(msk, snd_una);
		if (unacked && (f->flags & FACT_FIN_SENT))
			unacked--;
		f->tx_bytes += acked < sent ? acked : sent;
		f->unacked_bytes += unacked;
		received = BPF_CORE_READ(msk, bytes_received);
		f->rx_bytes += received;
		if (bpf_core_field_exists(msk->bytes_consumed))
			f->unread_bytes += received - BPF_CORE_READ(msk, bytes_consumed);
	}
	subflows__begin(&saving.list, f->mptcp);
	bpf_loop(SUBFLOWS, subflows__save_next, &saving, 0);
	return 0;
}

#endif
