// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup.c - finds or makes detached mounts of cgroup2 and tracefs, and reads the ids of tracepoints. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cgroup.h"
#include "log.h"
#include "cgroup_path.h"

#define CGROUP_ROOT_INODE 1 /* kernfs: the root of a hierarchy, not of a cgroup namespace */
#define TREE_DEPTH_MAX    32

/*
 * A mount that is in no mount table: fsopen(2), Linux 5.2. fsmount() gives an O_PATH descriptor, which
 * open_by_handle_at() does not take: hence the second open.
 */
static int detached_mount(const char *type)
{
	int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), mount = -1, fd = -1, err;

	if (fs < 0)
		return -errno;
	if (!syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mount >= 0)
		fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = -errno;
	if (mount >= 0)
		close(mount);
	close(fs);
	return fd < 0 ? err : fd;
}

/* Where the new mount API is not to be had: the mounts that are there. */
static int mounted(const char *type)
{
	char line[PATH_MAX * 2], dir[PATH_MAX], fstype[64];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int fd = -ENODEV;

	if (!f)
		return -errno;
	while (fd < 0 && fgets(line, sizeof(line), f)) {
		char *tail = strstr(line, " - ");

		if (!tail || sscanf(tail, " - %63s", fstype) != 1 || strcmp(fstype, type))
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %4095s", dir) != 1)
			continue;
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	fclose(f);
	return fd;
}

static int open_fs(const char *type)
{
	int fd = detached_mount(type), old;

	if (fd >= 0)
		return fd;
	old = mounted(type);
	return old >= 0 ? old : fd;
}

static bool is_root(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == CGROUP_ROOT_INODE;
}

/* Inside a cgroup namespace even a fresh mount is only the own subtree: join the first process's. */
static void *open_from_outside(void *arg)
{
	int *result = arg, ns = open("/proc/1/ns/cgroup", O_RDONLY | O_CLOEXEC);

	*result = -EXDEV;
	if (ns < 0)
		return NULL;
	if (!setns(ns, CLONE_NEWCGROUP))
		*result = detached_mount("cgroup2");
	close(ns);
	return NULL;
}

int cgroup__open_root(void)
{
	int fd = open_fs("cgroup2");
	pthread_t thread;

	if (fd < 0 || is_root(fd))
		return fd;
	close(fd);
	/* A container may have been given the host's. */
	fd = mounted("cgroup2");
	if (fd >= 0 && is_root(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	if (pthread_create(&thread, NULL, open_from_outside, &fd))
		return -EAGAIN;
	pthread_join(thread, NULL);
	if (fd >= 0 && !is_root(fd)) {
		close(fd);
		fd = -EXDEV;
	}
	return fd < 0 ? -EXDEV : fd;
}

struct collected {
	uint64_t *ids;
	size_t n, max;
};

static void add_id(struct collected *c, int dir)
{
	struct stat st;

	if (c->n < c->max && !fstat(dir, &st))
		c->ids[c->n++] = st.st_ino;
}

static bool named(const char *name, const struct socket_filter *f)
{
	size_t i;

	for (i = 0; i < f->n_containers; i++)
		if (cgroup_path__has_container(name, f->containers[i]))
			return true;
	for (i = 0; i < f->n_units; i++)
		if (cgroup_path__has_unit(name, f->units[i]))
			return true;
	return false;
}

/* Takes over `dir`. `inside`: below a wanted cgroup, so all are wanted. */
static void walk(struct collected *c, int dir, const struct socket_filter *f, bool inside,
		 int depth)
{
	struct dirent *entry;
	DIR *d = fdopendir(dir);

	if (!d) {
		close(dir);
		return;
	}
	if (inside)
		add_id(c, dir);
	while (depth < TREE_DEPTH_MAX && (entry = readdir(d))) {
		int sub;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		sub = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0)
			walk(c, sub, f, inside || named(entry->d_name, f), depth + 1);
	}
	closedir(d);
}

/* A path as /proc/PID/cgroup prints it, or below any mount of the hierarchy. */
static int open_cgroup(int root, const char *path)
{
	const char *below = path;
	struct stat st, here;
	int fd;

	while (*below == '/')
		below++;
	fd = openat(root, *below ? below : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(root, &st) && !fstat(fd, &here) && st.st_dev == here.st_dev)
		return fd;
	close(fd);
	return -ENOENT;
}

ssize_t cgroup__filter_ids(int root, const struct socket_filter *f, uint64_t *ids, size_t max,
			   const char **missing)
{
	struct collected c = { .ids = ids, .max = max };
	size_t i;
	int fd;

	for (i = 0; i < f->n_cgroups; i++) {
		fd = open_cgroup(root, f->cgroups[i]);
		if (fd < 0) {
			*missing = f->cgroups[i];
			return fd;
		}
		walk(&c, fd, f, true, 0);
	}
	if (f->n_containers || f->n_units) {
		fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		walk(&c, fd, f, false, 0);
	}
	return c.n;
}

void cgroup__say_missing(char *text, size_t size, const char *path, int err)
{
	snprintf(
		text, size,
		"--cgroup: '%s' is not in the cgroup2 hierarchy (%s): give a path below its root, such as "
		"/system.slice, or a directory where it is mounted",
		path, log__errno(err));
}

int tracepoint__id(const char *group, const char *name)
{
	int root = open_fs("tracefs"), fd, id = -EINVAL;
	char path[256], text[32] = "";

	if (root < 0)
		return root;
	snprintf(path, sizeof(path), "events/%s/%s/id", group, name);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		id = -errno;
	} else {
		if (read(fd, text, sizeof(text) - 1) > 0)
			id = atoi(text);
		close(fd);
	}
	close(root);
	return id;
}
