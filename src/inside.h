/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.h - in a container or a pod: what of the host this process cannot see. The programs in the kernel see all of it;
 * what is asked of /proc and of files is answered by what is mounted here.
 */
#ifndef SOCKLIFE_INSIDE_H
#define SOCKLIFE_INSIDE_H

#include <stdbool.h>

struct inside {
	const char *name;    /* of the host: "pid namespace" */
	const char *without; /* what cannot be told without it */
	const char *cure;    /* how a container and a pod get it */
	bool seen;
};

/* For `check`, each; before privileges are given up. */
void inside__each(void (*report)(void *arg, const struct inside *s), void *arg);
/* A warning for each that is not seen. */
void inside__warn(void);
/* Is this the host's user namespace? No other one's capabilities are enough for BPF. */
bool inside__user_namespace(void);

#endif
