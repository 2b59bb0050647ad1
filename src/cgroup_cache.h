/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup_cache.h - cgroup ids become paths, containers, pods and units; each path is asked of the kernel once. Ids
 * are never reused while the machine runs, so an answer stays true.
 */
#ifndef SOCKLIFE_CGROUP_CACHE_H
#define SOCKLIFE_CGROUP_CACHE_H

#include "cgroup_path.h"
#include "kernel.h"
#include "record.h"

struct cgroup_cache;

struct cgroup_cache *cgroup_cache__new(const struct kernel *k);
void cgroup_cache__free(struct cgroup_cache *c);
/*
 * Either becomes NULL where it is not known. Returns what else is known of who runs there, NULL: nothing. All is valid
 * until tidy(): a record has those of several processes. Names of containers are asked for again, three times, since
 * the kubelet's files come after the container: `now_ns` says when.
 */
const struct workload *cgroup_cache__find(struct cgroup_cache *c, uint64_t id, uint64_t now_ns,
					  const char **path, const char **container);
/* Between records: frees what others have taken the place of. */
void cgroup_cache__tidy(struct cgroup_cache *c);

#endif
