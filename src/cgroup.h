/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup.h - the root of the cgroup2 hierarchy, wherever it is mounted or not, and tracefs ids; both
 * through detached mounts, so that nothing on the host changes.
 */
#ifndef SOCKLIFE_CGROUP_H
#define SOCKLIFE_CGROUP_H

#include <stddef.h>
#include <stdint.h>
#include "options.h"

/*
 * A descriptor of the hierarchy's true root (inode 1), the caller's to close. -ENODEV: no cgroup2 in
 * this kernel. -EXDEV: only a part of the host can be seen from here. Other -errno as they come.
 */
int cgroup__open_root(void);

/*
 * The ids of every cgroup that the filter's paths, containers and units mean, and of those below them,
 * into ids[0..max). Returns how many, -ENOENT where a path is not there (its name in *missing), or -errno.
 * A container or unit that is not there yet is no error: call again later.
 */
ssize_t cgroup__filter_ids(int root, const struct socket_filter *f, uint64_t *ids, size_t max,
			   const char **missing);
/* The message about a path of --cgroup for which that gave `err`. */
void cgroup__say_missing(char *text, size_t size, const char *path, int err);

/* The id of a tracepoint for perf_event_open(), or -errno. */
int tracepoint__id(const char *group, const char *name);

#endif
