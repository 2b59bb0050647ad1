/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refuse.h - from now on a system call fails with an errno of the trigger's choice, by seccomp: what an LSM or a whole
 * system without files would do, and no test may bring about.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include "trigger.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

static inline void refuse(int number, int error)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(rules) / sizeof(rules[0]), .filter = rules };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

#endif
