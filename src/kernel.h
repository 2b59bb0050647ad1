/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - the "ask the kernel" interface: the only way in which the table and the detectors learn
 * what no event carries. Live answers come from the kernel (ask.c); a capture keeps each answer, and
 * replay gives them back in the same order.
 */
#ifndef SOCKLIFE_KERNEL_H
#define SOCKLIFE_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum question {
	ASK_CGROUP =
		1, /* question: uint64_t cgroup id. answer: its path in the cgroup2 hierarchy, no NUL */
	ASK_USER,    /* question: uint32_t uid. answer: its name, no NUL */
	ASK_HOLDERS, /* question: struct ask_holders. answer: array of struct holder (record.h) */
	QUESTIONS
};

/* Every socket of one namespace that has this local port, TIME_WAIT included; the caller judges. */
struct ask_holders {
	uint64_t netns_cookie;
	uint32_t netns;  /* inode */
	uint32_t tgid;   /* a process in that namespace, likely still alive */
	uint64_t except; /* cookie of the newcomer itself */
	uint16_t port;   /* host order */
	uint8_t proto;   /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t pad[5];
};

/* Bytes of answer put into `answer`, at most `max` (a whole number of elements), or -errno. */
typedef ssize_t kernel_ask_fn(void *arg, enum question q, const void *question, size_t len,
			      void *answer, size_t max);

struct kernel {
	kernel_ask_fn *ask;
	void *arg;
};

static inline ssize_t kernel__ask(const struct kernel *k, enum question q, const void *question,
				  size_t len, void *answer, size_t max)
{
	return k->ask(k->arg, q, question, len, answer, max);
}

#endif
