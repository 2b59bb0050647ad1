/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compat.bpf.h - one shim for each kernel change that the programs meet, its commit named.
 */
#ifndef SOCKLIFE_COMPAT_BPF_H
#define SOCKLIFE_COMPAT_BPF_H

#include "maps.bpf.h"

/*
 * Linux 6.6 moved freebind, transparent and bind_address_no_port from bitfields of inet_sock to bits
 * of inet_flags: "inet: move inet->freebind to inet->inet_flags" and its neighbours.
 */
struct inet_sock___bits {
	__u8 freebind : 1, transparent : 1, bind_address_no_port : 1;
} __attribute__((preserve_access_index));

#define INET_FLAGS_FREEBIND             11
#define INET_FLAGS_TRANSPARENT          15
#define INET_FLAGS_BIND_ADDRESS_NO_PORT 18

static __always_inline __u32 compat__inet_options(const struct sock *sk)
{
	const struct inet_sock *inet = (const void *)sk;
	const struct inet_sock___bits *old = (const void *)sk;
	__u32 options = 0;

	if (bpf_core_field_exists(inet->inet_flags)) {
		unsigned long flags = BPF_CORE_READ(inet, inet_flags);

		if (flags & (1ul << INET_FLAGS_FREEBIND))
			options |= OPT_FREEBIND;
		if (flags & (1ul << INET_FLAGS_TRANSPARENT))
			options |= OPT_TRANSPARENT;
		if (flags & (1ul << INET_FLAGS_BIND_ADDRESS_NO_PORT))
			options |= OPT_BIND_ADDRESS_NO_PORT;
	} else if (bpf_core_field_exists(old->freebind)) {
		if (BPF_CORE_READ_BITFIELD_PROBED(old, freebind))
			options |= OPT_FREEBIND;
		if (BPF_CORE_READ_BITFIELD_PROBED(old, transparent))
			options |= OPT_TRANSPARENT;
		if (BPF_CORE_READ_BITFIELD_PROBED(old, bind_address_no_port))
			options |= OPT_BIND_ADDRESS_NO_PORT;
	}
	return options;
}

/*
 * Linux 6.2: a plain address as a pointer of a kernel type, "bpf: Add kfunc bpf_rdonly_cast". A field of it
 * is a plain load of 1 ns, which reads 0 where the address is bad; a probe read takes 20. The programs are compiled
 * with it and without it (NO_CASTS): were the choice a read-only variable, the verifier would have hundreds of dead branches
 * to remove, and each time goes through the whole program to adjust its jumps.
 */
#ifdef NO_CASTS
#define CASTS 0
#else
#define CASTS 1
#endif

extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym;

/* A field of a struct at a plain address. */
#define READ(type, addr, field)                                                                    \
	(CASTS ? ((const type *)bpf_rdonly_cast(addr, bpf_core_type_id_kernel(type)))->field :     \
		 BPF_CORE_READ((const type *)(addr), field))

/* Eight bytes at a plain address, as a number. Only where CASTS: any struct that begins with such a number does. */
#define ADDRESS_AT(addr)                                                                           \
	(((const struct timespec64 *)bpf_rdonly_cast(addr,                                         \
						     bpf_core_type_id_kernel(struct timespec64)))  \
		 ->tv_sec)

/* A pointer in a struct at a plain address, as a plain address again: what global functions take. */
#define READ_ADDRESS(type, addr, field)                                                            \
	(CASTS ? ADDRESS_AT((const void *)(addr) + bpf_core_field_offset(type, field)) :           \
		 (__s64)BPF_CORE_READ((const type *)(addr), field))

/*
 * Whether the running thread is inside listen(), whose exit will be seen: arch/x86/entry/syscalls/syscall_64.tbl and
 * include/uapi/asm-generic/unistd.h. The exit of a call of 32 bits runs no program (arch_trace_is_compat_syscall).
 */
static __always_inline bool compat__in_listen(void)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

#if defined(__TARGET_ARCH_x86)
	return regs->orig_ax == 50;
#elif defined(__TARGET_ARCH_arm64)
	return regs->syscallno == 201;
#else
	return regs != NULL;
#endif
}

/*
 * IP_LOCAL_PORT_RANGE, "inet: Add IP_LOCAL_PORT_RANGE socket option" (6.3): low in the lower half, high in the upper; 0: the
 * namespace's. Two numbers in the kernel until 6.7, one since. CO-RE takes a struct for no number.
 */
struct inet_sock___range {
	__u32 local_port_range;
} __attribute__((preserve_access_index));

struct inet_sock___two {
	struct {
		__u16 lo, hi;
	} local_port_range;
} __attribute__((preserve_access_index));

static __always_inline __u32 compat__port_range(const struct sock *sk)
{
	const struct inet_sock___range *one = (const void *)sk;
	const struct inet_sock___two *two = (const void *)sk;
	__u32 range = 0;

	if (bpf_core_field_exists(one->local_port_range))
		range = READ(struct inet_sock___range, sk, local_port_range);
	else if (bpf_core_field_exists(two->local_port_range.lo))
		range = BPF_CORE_READ(two, local_port_range.lo) |
			(__u32)BPF_CORE_READ(two, local_port_range.hi) << 16;
	return range;
}

#endif
