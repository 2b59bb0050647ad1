// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_cache.c - remembers what each cgroup id was found to be. */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup_cache.h"

#define CACHE_SIZE 1024 /* power of two; a collision asks again */

/* When the names of a container that had none are asked for again, after the time before. */
static const uint64_t again_ns[] = { 1000000000, 10000000000, 60000000000 };
#define TRIES (sizeof(again_ns) / sizeof(again_ns[0]))

struct cached {
	struct cached *next; /* among the replaced */
	uint64_t id;
	uint64_t ask_ns; /* when its names are to be asked for again; 0: never */
	size_t tries;
	bool known; /* else the cgroup was gone */
	struct cgroup_path parts;
	struct container_names names;
	struct workload workload;
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

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static void describe(struct cached *e)
{
	const struct cgroup_path *p = &e->parts;
	const struct container_names *n = &e->names;

	e->workload = (struct workload){
		.unit = or_null(p->unit),
		.runtime = runtime_names[p->runtime ? p->runtime : n->runtime],
		.container_name = or_null(*p->machine ? p->machine : n->container),
		.pod = or_null(n->pod),
		.pod_namespace = or_null(n->pod_namespace),
		.pod_uid = or_null(p->pod_uid),
	};
}

/* Of a capture any bytes can come. */
static bool tame(struct container_names *n)
{
	n->container[CONTAINER_NAME_MAX] = '\0';
	n->pod[POD_NAME_MAX] = '\0';
	n->pod_namespace[POD_NAMESPACE_MAX] = '\0';
	if (n->runtime >= RUNTIMES)
		n->runtime = RUNTIME_UNKNOWN;
	return *n->container || *n->pod;
}

static void ask_names(struct cgroup_cache *c, struct cached *e, uint64_t now_ns)
{
	struct ask_container q = { .runtime = (uint8_t)e->parts.runtime };
	ssize_t n;

	memcpy(q.container, e->parts.container, sizeof(q.container));
	memcpy(q.pod_uid, e->parts.pod_uid, sizeof(e->parts.pod_uid));
	n = kernel__ask(c->kernel, ASK_CONTAINER, &q, sizeof(q), &e->names, sizeof(e->names));
	if (n != sizeof(e->names))
		memset(&e->names, 0, sizeof(e->names));
	e->ask_ns = tame(&e->names) || e->tries == TRIES ? 0 : now_ns + again_ns[e->tries++];
	describe(e);
}

static void put(struct cgroup_cache *c, struct cached **place, struct cached *e)
{
	if (*place) {
		(*place)->next = c->replaced;
		c->replaced = *place;
	}
	*place = e;
}

static void load(struct cgroup_cache *c, struct cached **place, uint64_t id, uint64_t now_ns)
{
	char path[PATH_MAX];
	ssize_t n = kernel__ask(c->kernel, ASK_CGROUP, &id, sizeof(id), path, sizeof(path) - 1);
	bool known = n > 0 && (size_t)n < sizeof(path);
	struct cached *e = calloc(1, sizeof(*e) + (known ? (size_t)n : 0) + 1);

	put(c, place, e);
	if (!e)
		return;
	e->id = id;
	e->known = known;
	if (!known)
		return;
	memcpy(e->path, path, (size_t)n);
	cgroup_path__read(e->path, &e->parts);
	describe(e);
	if (*e->parts.container || *e->parts.pod_uid)
		ask_names(c, e, now_ns);
}

/* Into a copy: a record may have the strings of this one. */
static void load_names(struct cgroup_cache *c, struct cached **place, uint64_t now_ns)
{
	size_t size = sizeof(**place) + strlen((*place)->path) + 1;
	struct cached *e = malloc(size);

	if (!e)
		return;
	memcpy(e, *place, size);
	put(c, place, e);
	ask_names(c, e, now_ns);
}

static bool says_anything(const struct workload *w)
{
	return w->unit || w->runtime || w->container_name || w->pod_uid;
}

const struct workload *cgroup_cache__find(struct cgroup_cache *c, uint64_t id, uint64_t now_ns,
					  const char **path, const char **container)
{
	struct cached **place = &c->entries[id & (CACHE_SIZE - 1)], *e;

	if (!*place || (*place)->id != id)
		load(c, place, id, now_ns);
	else if ((*place)->ask_ns && now_ns >= (*place)->ask_ns)
		load_names(c, place, now_ns);
	e = *place;
	*path = e && e->known ? e->path : NULL;
	*container = e && *e->parts.container ? e->parts.container : NULL;
	return e && says_anything(&e->workload) ? &e->workload : NULL;
}
