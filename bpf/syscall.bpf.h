/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall.bpf.h - for programs on a system call's exit: which socket was it about? The descriptor is
 * still in the caller's registers, so that the entry needs no program.
 */
#ifndef SOCKLIFE_SYSCALL_BPF_H
#define SOCKLIFE_SYSCALL_BPF_H

#include "process.bpf.h"
#include <asm-generic/errno.h>

#define PF_EXITING  0x00000004 /* include/linux/sched.h */
#define PF_KTHREAD  0x00200000
#define ERESTARTSYS 512 /* include/linux/errno.h: the call starts again after the signal */

static __always_inline int syscall__fd(struct task_struct *trusted)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(trusted);

#if defined(__TARGET_ARCH_x86)
	return (int)regs->di; /* where PT_REGS_PARM1_CORE_SYSCALL() takes a probe read */
#else
	return (int)PT_REGS_PARM1_CORE_SYSCALL(regs);
#endif
}

#define RLIMIT_NOFILE 7 /* include/uapi/asm-generic/resource.h */

static __always_inline __u64 task__fd_limit(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return BPF_CORE_READ(task, signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

/* Not about a socket at all, or the address could not be read. */
static __always_inline bool syscall__no_socket(long ret)
{
	return ret == -EBADF || ret == -ENOTSOCK || ret == -EFAULT;
}

/* The facts of an IP socket, NULL where it is none that is wanted. */
static __always_inline struct facts *sock__facts(struct sock *sk)
{
	__u16 protocol;

	if (!sk)
		return NULL;
	protocol = READ(struct sock, sk, sk_protocol);
	if (!sock__wanted(READ(struct sock, sk, __sk_common.skc_family), protocol))
		return NULL;
	if (protocol == IPPROTO_MPTCP)
		return mptcp__facts((__u64)sk);
	return facts__make(READ(struct sock, sk, __sk_common.skc_cookie.counter));
}

/* The facts of the IP socket that the returning system call was made on, NULL where there is none. */
static __always_inline struct facts *syscall__facts(struct sock **skp)
{
	struct sock *sk = file__sock_checked(
		(struct file *)task__file(syscall__fd(bpf_get_current_task_btf())));

	*skp = sk;
	return sock__facts(sk);
}

#endif
