// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup_cache.h"

#define CACHE_SIZE 1024 /* power of two; a collision asks again */

struct cached {
	uint64_t id;
	char *path; /* NULL: the cgroup was gone */
	char container[CONTAINER_ID_LEN + 1];
};

struct cgroup_cache {
	const struct kernel *kernel;
	struct cached entries[CACHE_SIZE];
};

struct cgroup_cache *cgroup_cache__new(const struct kernel *k)
{
	struct cgroup_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->kernel = k;
	return c;
}

void cgroup_cache__free(struct cgroup_cache *c)
{
	int i;

	if (!c)
		return;
	for (i = 0; i < CACHE_SIZE; i++)
		free(c->entries[i].path);
	free(c);
}

static int is_hex(char c)
{
	return isdigit((unsigned char)c) || (c >= 'a' && c <= 'f');
}

int container_id__from_path(const char *path, char id[CONTAINER_ID_LEN + 1])
{
	size_t run = 0, n = strlen(path), i;

	for (i = n; i-- > 0;) {
		run = is_hex(path[i]) ? run + 1 : 0;
		if (run < CONTAINER_ID_LEN || (i && is_hex(path[i - 1])))
			continue;
		if (run > CONTAINER_ID_LEN)
			continue;
		memcpy(id, path + i, CONTAINER_ID_LEN);
		id[CONTAINER_ID_LEN] = '\0';
		return 1;
	}
	return 0;
}

static void load(struct cgroup_cache *c, struct cached *e, uint64_t id)
{
	char path[PATH_MAX];
	ssize_t n = kernel__ask(c->kernel, ASK_CGROUP, &id, sizeof(id), path, sizeof(path) - 1);

	free(e->path);
	e->path = NULL;
	e->container[0] = '\0';
	e->id = id;
	if (n <= 0 || (size_t)n >= sizeof(path))
		return;
	path[n] = '\0';
	e->path = strdup(path);
	container_id__from_path(path, e->container);
}

void cgroup_cache__find(struct cgroup_cache *c, uint64_t id, const char **path,
			const char **container)
{
	struct cached *e = &c->entries[id & (CACHE_SIZE - 1)];

	if (e->id != id)
		load(c, e, id);
	*path = e->path;
	*container = e->container[0] ? e->container : NULL;
}
