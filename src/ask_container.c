// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_container.c - what a container and its pod are called: from the files that runtimes and the kubelet keep on this
 * host, never from a socket of theirs. Every file is bounded, must be a regular one, and is reached through no link
 * below the directories named here, which are root's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask_answers.h"
#include "cgroup_path.h"

#define FILE_MAX      ((size_t)1 << 20) /* 256 KB take some 4 ms to read */
#define ENTRIES_MAX   8192              /* of a directory */
#define JSON_DEPTH    32
#define ID_LEN        CONTAINER_ID_LEN
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- files --- */

/* One name in `dir`, which is closed. O_NONBLOCK: to open a FIFO would wait for its writer. */
static int step_into(int dir, const char *name, size_t len, int flags)
{
	char text[NAME_MAX + 1];
	int fd = -1;

	if (len <= NAME_MAX) {
		memcpy(text, name, len);
		text[len] = '\0';
		fd = openat(dir, text,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
	}
	close(dir);
	return fd;
}

/* `path` below the directory `top`, name by name. -1: it cannot be opened. */
static int open_below(const char *top, const char *path)
{
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *slash;

	while (fd >= 0 && (slash = strchr(path, '/'))) {
		fd = step_into(fd, path, (size_t)(slash - path), O_DIRECTORY);
		path = slash + 1;
	}
	return fd < 0 ? fd : step_into(fd, path, strlen(path), 0);
}

/* All of it in *text, to be freed. Bytes or -errno. */
static ssize_t read_file(int fd, char **text)
{
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;
	char *all;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	if ((size_t)st.st_size > FILE_MAX)
		return -EFBIG;
	all = malloc((size_t)st.st_size + 1);
	if (!all)
		return -ENOMEM;
	while (n < (size_t)st.st_size && (got = read(fd, all + n, (size_t)st.st_size - n)) > 0)
		n += (size_t)got;
	if (got < 0) {
		free(all);
		return -EIO;
	}
	*text = all;
	return (ssize_t)n;
}

static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *object;

	if (!t)
		return NULL;
	object = json_tokener_parse_ex(t, text, (int)len);
	json_tokener_free(t);
	return object;
}

/* NULL: it is not there, or not what it should be. */
static struct json_object *read_json(const char *dir, const char *path)
{
	struct json_object *object = NULL;
	int fd = open_below(dir, path);
	char *text = NULL;
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read_file(fd, &text);
	close(fd);
	if (n > 0)
		object = parse(text, (size_t)n);
	free(text);
	return object;
}

/* --- what is in them --- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(o, json_type_object))
		json_object_object_get_ex(o, key, &value);
	return value;
}

/* What does not fit is left out: a part of a name is another name. */
static bool copy_bytes(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool copy_string(char *to, size_t size, struct json_object *value)
{
	const char *s;

	if (*to || !json_object_is_type(value, json_type_string))
		return false;
	s = json_object_get_string(value);
	return s && copy_bytes(to, size, s, strlen(s));
}

/* Annotations of containerd's CRI, of CRI-O and cri-dockerd, of nerdctl. */
static void from_labels(struct json_object *labels, struct container_names *n)
{
	copy_string(n->container, sizeof(n->container),
		    member(labels, "io.kubernetes.cri.container-name"));
	copy_string(n->container, sizeof(n->container),
		    member(labels, "io.kubernetes.container.name"));
	copy_string(n->container, sizeof(n->container), member(labels, "nerdctl/name"));
	copy_string(n->pod, sizeof(n->pod), member(labels, "io.kubernetes.cri.sandbox-name"));
	copy_string(n->pod, sizeof(n->pod), member(labels, "io.kubernetes.pod.name"));
	copy_string(n->pod_namespace, sizeof(n->pod_namespace),
		    member(labels, "io.kubernetes.cri.sandbox-namespace"));
	copy_string(n->pod_namespace, sizeof(n->pod_namespace),
		    member(labels, "io.kubernetes.pod.namespace"));
}

/* config.json of the OCI runtime. */
static void from_bundle(struct json_object *o, struct container_names *n)
{
	from_labels(member(o, "annotations"), n);
}

/* Docker's config.v2.json; the name is "/web". */
static void from_docker(struct json_object *o, struct container_names *n)
{
	struct json_object *name = member(o, "Name");
	const char *s = json_object_is_type(name, json_type_string) ? json_object_get_string(name) :
								      NULL;

	from_labels(member(member(o, "Config"), "Labels"), n);
	if (s && !*n->container)
		copy_bytes(n->container, sizeof(n->container), s + (*s == '/'),
			   strlen(s + (*s == '/')));
}

/* --- one directory a container: DIR/ID/FILE --- */

#define CONTAINERD "io.containerd.runtime.v2.task/"

static const struct {
	enum runtime runtime;
	const char *dir, *file;
	void (*read)(struct json_object *o, struct container_names *n);
} bundles[] = {
	{ RUNTIME_CONTAINERD, "/run/containerd/" CONTAINERD "k8s.io", "config.json", from_bundle },
	{ RUNTIME_CONTAINERD, "/run/k3s/containerd/" CONTAINERD "k8s.io", "config.json",
	  from_bundle },
	{ RUNTIME_CONTAINERD, "/var/snap/microk8s/common/run/containerd/" CONTAINERD "k8s.io",
	  "config.json", from_bundle },
	{ RUNTIME_CONTAINERD, "/run/containerd/" CONTAINERD "default", "config.json", from_bundle },
	{ RUNTIME_CRIO, "/run/containers/storage/overlay-containers", "userdata/config.json",
	  from_bundle },
	{ RUNTIME_CRIO, "/var/lib/containers/storage/overlay-containers", "userdata/config.json",
	  from_bundle },
	{ RUNTIME_DOCKER, "/var/lib/docker/containers", "config.v2.json", from_docker },
};

static bool found(const struct container_names *n)
{
	return *n->container || *n->pod;
}

static void from_bundles(const char *id, enum runtime runtime, struct container_names *n)
{
	char path[ID_LEN + 64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bundles) && !found(n); i++) {
		struct json_object *o;

		if (runtime && runtime != bundles[i].runtime)
			continue;
		snprintf(path, sizeof(path), "%s/%s", id, bundles[i].file);
		o = read_json(bundles[i].dir, path);
		if (!o)
			continue;
		bundles[i].read(o, n);
		n->runtime = found(n) ? bundles[i].runtime : RUNTIME_UNKNOWN;
		json_object_put(o);
	}
}

/* --- podman: one file for all, that of `run --rm` apart --- */

static const struct {
	const char *dir, *file;
} podman[] = {
	{ "/var/lib/containers/storage/overlay-containers", "containers.json" },
	{ "/var/lib/containers/storage/overlay-containers", "volatile-containers.json" },
	{ "/run/containers/storage/overlay-containers", "volatile-containers.json" },
};

static void from_list(struct json_object *list, const char *id, struct container_names *n)
{
	size_t i, count = json_object_is_type(list, json_type_array) ?
				  json_object_array_length(list) :
				  0;

	for (i = 0; i < count && !*n->container; i++) {
		struct json_object *o = json_object_array_get_idx(list, i), *names;
		char own[ID_LEN + 1] = "";

		if (!copy_string(own, sizeof(own), member(o, "id")) || strcmp(own, id) != 0)
			continue;
		names = member(o, "names");
		if (json_object_is_type(names, json_type_array))
			copy_string(n->container, sizeof(n->container),
				    json_object_array_get_idx(names, 0));
	}
}

static void from_podman(const char *id, struct container_names *n)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(podman) && !found(n); i++) {
		struct json_object *list = read_json(podman[i].dir, podman[i].file);

		if (!list)
			continue;
		from_list(list, id, n);
		json_object_put(list);
	}
	if (found(n))
		n->runtime = RUNTIME_PODMAN;
}

/* --- the kubelet's directories: only the names in them --- */

/* `*end` is where the name's `tail` begins. NULL: no name ends so. */
static const char *find_entry(DIR *dir, const char *tail, size_t *end)
{
	size_t entries = 0, tail_len = strlen(tail);
	struct dirent *e;

	while (entries++ < ENTRIES_MAX && (e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len <= tail_len || strcmp(e->d_name + len - tail_len, tail) != 0)
			continue;
		*end = len - tail_len;
		return e->d_name;
	}
	return NULL;
}

/* POD_NAMESPACE_CONTAINER-ID.log; none of the three can have a '_' in it. */
static void read_log_link(const char *name, size_t end, struct container_names *n)
{
	const char *pod_end = memchr(name, '_', end), *space, *space_end;

	if (!pod_end)
		return;
	space = pod_end + 1;
	space_end = memchr(space, '_', end - (size_t)(space - name));
	if (!space_end || !copy_bytes(n->pod, sizeof(n->pod), name, (size_t)(pod_end - name)))
		return;
	copy_bytes(n->pod_namespace, sizeof(n->pod_namespace), space, (size_t)(space_end - space));
	copy_bytes(n->container, sizeof(n->container), space_end + 1,
		   end - (size_t)(space_end + 1 - name));
}

static void from_log_links(const char *id, struct container_names *n)
{
	DIR *dir = opendir("/var/log/containers");
	char tail[ID_LEN + 8];
	const char *name;
	size_t end;

	if (!dir)
		return;
	snprintf(tail, sizeof(tail), "-%s.log", id);
	name = find_entry(dir, tail, &end);
	if (name)
		read_log_link(name, end, n);
	closedir(dir);
}

/* NAMESPACE_POD_UID */
static void from_pod_logs(const char *uid, struct container_names *n)
{
	DIR *dir = opendir("/var/log/pods");
	const char *name, *space_end;
	char tail[POD_UID_MAX + 8];
	size_t end;

	if (!dir)
		return;
	snprintf(tail, sizeof(tail), "_%s", uid);
	name = find_entry(dir, tail, &end);
	space_end = name ? memchr(name, '_', end) : NULL;
	if (space_end &&
	    copy_bytes(n->pod, sizeof(n->pod), space_end + 1, end - (size_t)(space_end + 1 - name)))
		copy_bytes(n->pod_namespace, sizeof(n->pod_namespace), name,
			   (size_t)(space_end - name));
	closedir(dir);
}

ssize_t answer__container(struct ask *a, const void *question, void *answer, size_t max)
{
	const struct ask_container *q = question;
	enum runtime runtime = q->runtime;
	struct container_names n = { 0 };
	char id[ID_LEN + 1] = "", uid[POD_UID_MAX + 1] = "";

	(void)a;
	if (max < sizeof(n))
		return -ENOSPC;
	memcpy(id, q->container, ID_LEN);
	memcpy(uid, q->pod_uid, POD_UID_MAX);
	if (*id)
		from_bundles(id, runtime, &n);
	if (*id && !found(&n) && (!runtime || runtime == RUNTIME_PODMAN))
		from_podman(id, &n);
	if (*id && *uid && !*n.pod)
		from_log_links(id, &n);
	if (*uid && !*n.pod)
		from_pod_logs(uid, &n);
	if (!found(&n))
		return -ENOENT;
	memcpy(answer, &n, sizeof(n));
	return sizeof(n);
}
