/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup_cache.h - cgroup ids become paths and container ids; each is asked of the kernel once. Ids
 * are never reused while the machine runs, so an answer stays true.
 */
#ifndef SOCKLIFE_CGROUP_CACHE_H
#define SOCKLIFE_CGROUP_CACHE_H

#include "kernel.h"

struct cgroup_cache;

struct cgroup_cache *cgroup_cache__new(const struct kernel *k);
void cgroup_cache__free(struct cgroup_cache *c);
/* Either becomes NULL where it is not known; valid until tidy(): a record has those of several processes. */
void cgroup_cache__find(struct cgroup_cache *c, uint64_t id, const char **path,
			const char **container);
/* Between records: frees what others have taken the place of. */
void cgroup_cache__tidy(struct cgroup_cache *c);

/*
 * The container id in a cgroup path: the last run of 64 lower-case hex digits, as Docker, containerd,
 * CRI-O and podman name their cgroups. Copies it to `id`; false where there is none.
 */
#define CONTAINER_ID_LEN 64
int container_id__from_path(const char *path, char id[CONTAINER_ID_LEN + 1]);

#endif
