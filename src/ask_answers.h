/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask_answers.h - inside of ask.c: one function for each question. Each gets its question whole and
 * aligned, and returns bytes of answer or -errno.
 */
#ifndef SOCKLIFE_ASK_ANSWERS_H
#define SOCKLIFE_ASK_ANSWERS_H

#include <limits.h>
#include "ask.h"

/* What may take only a part of the time: nobody reads the ring meanwhile. */
enum { LIMIT_NONE, LIMIT_WALKS, LIMIT_NAMES, LIMITS };

struct ask {
	struct ask_config config;
	int cgroup_fd;       /* one to open handles by: fsmount() gives an O_PATH one */
	char root[PATH_MAX]; /* where cgroup_fd is mounted, "/" for a detached mount */
	struct {
		int64_t left_ns;     /* config.bounded: how long they may still take */
		uint64_t counted_ns; /* until when that is counted */
	} limits[LIMITS];
	bool diag_has_bound; /* sock_diag lists TCP sockets that only bound */
};

typedef ssize_t answer_fn(struct ask *a, const void *question, void *answer, size_t max);

answer_fn answer__holders;    /* ask_holders.c */
answer_fn answer__netns;      /* ask_netns.c */
answer_fn answer__listeners;  /* ask_netns.c */
answer_fn answer__close_wait; /* ask_netns.c */
answer_fn answer__port_use;   /* ask_ports.c */
answer_fn answer__reserved;   /* ask_netns.c */
answer_fn answer__files;      /* ask_files.c */
answer_fn answer__address;    /* ask_address.c */
answer_fn answer__process;    /* ask_process.c */
answer_fn answer__container;  /* ask_container.c */
answer_fn answer__netns_name; /* ask_netns.c */

/* The name of a user, no NUL. Bytes or -errno. */
ssize_t ask__user_name(uint32_t uid, char *name, size_t max);

#endif
