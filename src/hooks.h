/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks.h - the table of hooks: one row a program, with its name, where it attaches, when it is
 * wanted, and what is lost without it.
 */
#ifndef SOCKLIFE_HOOKS_H
#define SOCKLIFE_HOOKS_H

#include <stdbool.h>

enum hook_kind {
	HOOK_CGROUP,  /* the cgroup2 root */
	HOOK_BTF,     /* tp_btf */
	HOOK_SYSCALL, /* a syscalls: tracepoint */
	HOOK_ITERATOR,
	HOOK_TASK, /* the iterator over one task: socklife's own, or attached anew for another */
	HOOK_RUN,  /* run once, attached nowhere */
};

enum hook_need { NEED_ALWAYS, NEED_TCP, NEED_UDP_SENDS, NEED_TREE, NEED_PORTS };

struct hook {
	const char *program; /* in the skeleton */
	const char *name;    /* as `check` and the start record print it */
	enum hook_kind kind;
	enum hook_need need;
	bool required;          /* without it there is no trace */
	unsigned int verify_us; /* about what the verifier takes (6.18): so loading is shared out */
	const char *without;
};

extern const struct hook hooks[]; /* ends with a NULL program */

const char *hook__kind_name(enum hook_kind kind);

#endif
