// SPDX-License-Identifier: GPL-2.0-or-later
/* netns.c - finds network namespaces and their names, and visits one in a thread of its own. */
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* 5.14 */
#endif

#define NAMED     "/run/netns/"
#define PROCESSES "/proc/"
#define NAMES_MAX 4096

static int own(struct stat *st)
{
	return stat("/proc/thread-self/ns/net", st) ? -errno : 0;
}

uint32_t netns__own(void)
{
	struct stat st;

	return own(&st) ? 0 : st.st_ino;
}

int netns__cookie(uint64_t *cookie)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	socklen_t len = sizeof(*cookie);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len))
		err = -errno;
	close(fd);
	return err;
}

/*
 * A descriptor of the namespace with this inode number, or -errno. Of the file system of namespaces
 * (`dev`): elsewhere the same number is another file, and to open that could block.
 */
static int open_one(const char *pattern, uint32_t inode, dev_t dev, uint32_t *tgid)
{
	int fd = -ENOENT;
	glob_t found;
	size_t i;

	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return -ENOENT;
	for (i = 0; fd < 0 && i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		struct stat st;

		if (stat(path, &st) || st.st_ino != inode || st.st_dev != dev)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
		*tgid = strncmp(path, PROCESSES, strlen(PROCESSES)) ?
				0 :
				strtoul(path + strlen(PROCESSES), NULL, 10);
	}
	globfree(&found);
	return fd;
}

static int open_of(uint32_t tgid, uint32_t inode, dev_t dev)
{
	char path[32];

	snprintf(path, sizeof(path), PROCESSES "%u/ns/net", tgid);
	return tgid ? open_one(path, inode, dev, &tgid) : -ENOENT;
}

/*
 * The process that acted there last has often ended (a probe, a shell loop); to look at all of them costs
 * some 75 us each. So the one that was found is tried first the next time.
 */
static int netns__open(const struct netns_ref *n, dev_t dev)
{
	static const char *const patterns[] = { NAMED "*", PROCESSES "[0-9]*/ns/net" };
	static _Thread_local struct {
		uint32_t inode, tgid;
	} known[64];
	uint32_t *found = &known[n->inode % 64].tgid;
	size_t i;
	int fd;

	if (known[n->inode % 64].inode != n->inode)
		*found = 0;
	known[n->inode % 64].inode = n->inode;
	fd = open_of(*found, n->inode, dev);
	if (fd < 0)
		fd = open_of(n->tgid, n->inode, dev);
	for (i = 0; fd < 0 && i < sizeof(patterns) / sizeof(patterns[0]); i++)
		fd = open_one(patterns[i], n->inode, dev, found);
	return fd;
}

struct visit {
	int (*fn)(void *arg);
	void *arg;
	uint64_t cookie; /* 0: any */
	int fd;
	int result;
};

/* Inode numbers of namespaces are used again: the cookie tells that it is still the same one. */
static bool is_other(uint64_t cookie)
{
	uint64_t have = cookie;

	return cookie && !netns__cookie(&have) && have != cookie;
}

static void *visit(void *arg)
{
	struct visit *v = arg;

	if (setns(v->fd, CLONE_NEWNET))
		v->result = -errno;
	else
		v->result = is_other(v->cookie) ? -ESTALE : v->fn(v->arg);
	return NULL;
}

int netns__within(const struct netns_ref *n, int (*fn)(void *arg), void *arg)
{
	struct visit v = { .fn = fn, .arg = arg, .cookie = n->cookie };
	pthread_t thread;
	struct stat here;
	int err;

	err = own(&here);
	if (err)
		return err;
	if (n->inode == here.st_ino)
		return is_other(n->cookie) ? -ESTALE : fn(arg);
	v.fd = netns__open(n, here.st_dev);
	if (v.fd < 0)
		return v.fd;
	err = -pthread_create(&thread, NULL, visit, &v);
	if (!err)
		err = -pthread_join(thread, NULL);
	close(v.fd);
	return err ? err : v.result;
}

/* The namespaces met so far. */
struct met {
	uint32_t *inodes;
	size_t n, room;
};

/* True the first time. */
static bool meet(struct met *m, uint32_t inode)
{
	uint32_t *more;
	size_t i;

	for (i = m->n; i-- > 0;)
		if (m->inodes[i] == inode)
			return false;
	more = array__grown(m->inodes, m->n, &m->room, 64, sizeof(*more));
	if (!more)
		return false;
	m->inodes = more;
	m->inodes[m->n++] = inode;
	return true;
}

ssize_t netns__name(uint32_t inode, char *name, size_t max)
{
	struct stat here, st;
	ssize_t len = -ENOENT;
	struct dirent *e;
	int i, err = own(&here);
	DIR *dir = err ? NULL : opendir(NAMED);

	for (i = 0; dir && len < 0 && i < NAMES_MAX && (e = readdir(dir)); i++) {
		if (fstatat(dirfd(dir), e->d_name, &st, 0) || st.st_ino != inode ||
		    st.st_dev != here.st_dev || strlen(e->d_name) > max)
			continue;
		len = (ssize_t)strlen(e->d_name);
		memcpy(name, e->d_name, (size_t)len);
	}
	if (dir)
		closedir(dir);
	return len;
}

/* The caller's own is met first, by another path than the one that names it. NULL: it has no name. */
static const char *own_name(const struct stat *here, glob_t *paths)
{
	struct stat st;
	size_t i;

	if (glob(NAMED "*", GLOB_NOSORT, NULL, paths))
		return NULL;
	for (i = 0; i < paths->gl_pathc; i++)
		if (!stat(paths->gl_pathv[i], &st) && st.st_ino == here->st_ino &&
		    st.st_dev == here->st_dev)
			return paths->gl_pathv[i] + strlen(NAMED);
	return NULL;
}

/* `ip netns` names before processes, so that a namespace with a name has it. */
int netns__each(void (*found)(void *arg, const struct netns_ref *n, const char *name), void *arg)
{
	const char *const patterns[] = { NAMED "*", "/proc/[0-9]*/ns/net" };
	struct netns_ref self = { 0 };
	struct met met = { 0 };
	struct stat here, st;
	glob_t names = { 0 };
	size_t i, j;
	int err;

	err = own(&here);
	if (!err && meet(&met, here.st_ino)) {
		self.inode = here.st_ino;
		found(arg, &self, own_name(&here, &names));
		globfree(&names);
	}
	for (i = 0; !err && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t paths;

		if (glob(patterns[i], GLOB_NOSORT, NULL, &paths))
			continue;
		for (j = 0; j < paths.gl_pathc; j++) {
			const char *path = paths.gl_pathv[j];
			struct netns_ref n = { 0 };

			if (stat(path, &st) || st.st_dev != here.st_dev || !meet(&met, st.st_ino))
				continue;
			n.inode = st.st_ino;
			if (i == 1)
				n.tgid = strtoul(path + strlen("/proc/"), NULL, 10);
			found(arg, &n, i == 0 ? path + strlen(NAMED) : NULL);
		}
		globfree(&paths);
	}
	free(met.inodes);
	return err ? err : (int)met.n;
}
