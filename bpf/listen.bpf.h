/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listen.bpf.h - the record of a listen(): made when the system call returns, or at the change to LISTEN where that
 * is none (io_uring, a program of 32 bits).
 */
#ifndef SOCKLIFE_LISTEN_BPF_H
#define SOCKLIFE_LISTEN_BPF_H

#include "syscall.bpf.h"

GLOBAL_FUNC int listen__emit(__u64 addr, struct facts *f, int error)
{
	const struct sock *sk = (const struct sock *)addr;
	__u64 now = bpf_ktime_get_boot_ns();
	struct ev_actor actor = {};
	struct ev_listen *e;

	if (!f)
		return 0;
	facts__clear(f, FACT_LISTEN_FAILED);
	if (error)
		facts__set(f, FACT_LISTEN_FAILED);
	if (!f->inode)
		f->inode = sock__inode(f->mptcp ? (const struct sock *)f->mptcp : sk);
	actor__fill(&actor);
	if (!emit__wanted(sk, f, &actor, NULL))
		return 0;
	process__tell(&actor.proc);
	e = emit__begin(EV_LISTEN, sizeof(*e), now, sk, f, &actor, false);
	if (!e)
		return 0;
	f->lport = e->base.sock.lport;
	if (!error)
		e->base.sock.state = TCP_LISTEN; /* at the change to it, it is not stored yet */
	e->base.sock.options = sock__options(addr);
	e->backlog = BPF_CORE_READ(sock__tcp(sk, f), sk_max_ack_backlog);
	e->error = error;
	ring__submit(e, sizeof(*e));
	return 0;
}

#endif
