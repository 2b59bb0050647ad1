/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h - the command of `trace -- CMD`.
 */
#ifndef SOCKLIFE_CHILD_H
#define SOCKLIFE_CHILD_H

#include <sys/types.h>

/*
 * Starts argv[0], found along PATH, with the signal mask and dispositions of a fresh process, as
 * `user` where not NULL. Returns its pid, or -errno of what failed; -ENOENT and others of exec() too.
 */
pid_t child__start(char *const argv[], const char *user);

/* What a shell would say of a wait status: the exit status, or 128 + signal. */
int child__exit_code(int status);

#endif
