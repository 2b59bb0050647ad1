// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup_cache.h"

#define CACHE_SIZE 1024 /* power of two; a collision asks again */

struct cached {
	struct cached *next; /* among the replaced */
	uint64_t id;
	bool known; /* else the cgroup was gone */
	char container[CONTAINER_ID_LEN + 1];
	char path[];
};

struct cgroup_cache {
	const struct kernel *kernel;
	struct cached *entries[CACHE_SIZE];
	struct cached *replaced; /* a record may still have their strings */
};

struct cgroup_cache *cgroup_cache__new(const struct kernel *k)
{
	struct cgroup_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->kernel = k;
	return c;
}

void cgroup_cache__tidy(struct cgroup_cache *c)
{
	while (c->replaced) {
		struct cached *e = c->replaced;

		c->replaced = e->next;
		free(e);
	}
}

void cgroup_cache__free(struct cgroup_cache *c)
{
	if (!c)
		return;
	cgroup_cache__tidy(c);
	for (int i = 0; i < CACHE_SIZE; i++)
		free(c->entries[i]);
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

static void load(struct cgroup_cache *c, struct cached **place, uint64_t id)
{
	char path[PATH_MAX];
	ssize_t n = kernel__ask(c->kernel, ASK_CGROUP, &id, sizeof(id), path, sizeof(path) - 1);
	bool known = n > 0 && (size_t)n < sizeof(path);
	struct cached *e = calloc(1, sizeof(*e) + (known ? (size_t)n : 0) + 1);

	if (*place) {
		(*place)->next = c->replaced;
		c->replaced = *place;
	}
	*place = e;
	if (!e)
		return;
	e->id = id;
	e->known = known;
	if (!known)
		return;
	memcpy(e->path, path, (size_t)n);
	container_id__from_path(e->path, e->container);
}

void cgroup_cache__find(struct cgroup_cache *c, uint64_t id, const char **path,
			const char **container)
{
	struct cached **place = &c->entries[id & (CACHE_SIZE - 1)], *e;

	if (!*place || (*place)->id != id)
		load(c, place, id);
	e = *place;
	*path = e && e->known ? e->path : NULL;
	*container = e && e->container[0] ? e->container : NULL;
}
