// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask.c - answers each question of struct kernel from this machine: the table of questions, and those that
 * /proc, the user database and cgroups answer.
 */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ask_answers.h"
#include "diag.h"
#include "host.h"

#define WALK_DEBT_NS  800000000 /* more than limits[] allows, where a call has failed */
#define FILEID_KERNFS 0xfe      /* include/linux/exportfs.h: the id of a cgroup is such a handle */

ssize_t ask__user_name(uint32_t uid, char *name, size_t max)
{
	struct passwd pw, *found = NULL;
	char buf[4096];
	size_t len;
	int err;

	err = getpwuid_r(uid, &pw, buf, sizeof(buf), &found);
	if (!found)
		return err ? -err : -ENOENT;
	len = strlen(pw.pw_name);
	if (len > max)
		return -ENOSPC;
	memcpy(name, pw.pw_name, len);
	return len;
}

static ssize_t fd__path(int fd, char *path, size_t size)
{
	char link[32];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, size);
	if (len < 0 || (size_t)len >= size)
		return len < 0 ? -errno : -ENAMETOOLONG;
	path[len] = '\0';
	return len;
}

/*
 * The path of a detached mount is relative to it (prepend_path: its root has no parent in any
 * namespace); that of an attached one begins with where it is mounted. NULL: moved since.
 */
static const char *cgroup__strip(const struct ask *a, const char *path)
{
	size_t len = strcmp(a->root, "/") ? strlen(a->root) : 0;

	if (strncmp(path, a->root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len : "/";
}

static ssize_t answer__cgroup(struct ask *a, const void *question, void *answer, size_t max)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} handle = { .h = { .handle_bytes = sizeof(uint64_t), .handle_type = FILEID_KERNFS } };
	char path[PATH_MAX];
	const char *from;
	ssize_t len;
	int fd;

	memcpy(handle.h.f_handle, question, sizeof(uint64_t));
	fd = open_by_handle_at(a->cgroup_fd, &handle.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = fd__path(fd, path, sizeof(path));
	close(fd);
	if (len < 0)
		return len;
	from = cgroup__strip(a, path);
	if (!from)
		return -EXDEV;
	len = strlen(from);
	if ((size_t)len > max)
		return -ENOSPC;
	memcpy(answer, from, len);
	return len;
}

static ssize_t answer__user(struct ask *a, const void *question, void *answer, size_t max)
{
	uint32_t uid;

	(void)a;
	memcpy(&uid, question, sizeof(uid));
	return ask__user_name(uid, answer, max);
}

/* One part of `share` of the time, and at once. */
static const struct {
	unsigned int share;
	int64_t max_ns;
	clockid_t clock;
} limits[LIMITS] = {
	/*
	 * All sockets of a namespace, or of all processes. What this thread has used: where others have the CPU too, a
	 * walk is not longer for that.
	 */
	[LIMIT_WALKS] = { .share = 5, .max_ns = 200000000, .clock = CLOCK_THREAD_CPUTIME_ID },
	/* files, one container each: who can make cgroups can make many. A disk that is slow counts */
	[LIMIT_NAMES] = { .share = 50, .max_ns = 50000000, .clock = CLOCK_MONOTONIC },
};

static const struct {
	size_t size; /* of the question */
	answer_fn *answer;
	int limit;
} questions[QUESTIONS] = {
	[ASK_CGROUP] = { .size = sizeof(uint64_t), .answer = answer__cgroup },
	[ASK_USER] = { .size = sizeof(uint32_t), .answer = answer__user },
	[ASK_HOLDERS] = { .size = sizeof(struct ask_holders),
			  .answer = answer__holders,
			  .limit = LIMIT_WALKS },
	[ASK_NETNS] = { .size = sizeof(struct ask_netns), .answer = answer__netns },
	[ASK_LISTENERS] = { .size = sizeof(struct ask_netns), .answer = answer__listeners },
	[ASK_CLOSE_WAIT] = { .size = sizeof(struct ask_close_wait),
			     .answer = answer__close_wait,
			     .limit = LIMIT_WALKS },
	[ASK_PORT_USE] = { .size = sizeof(struct ask_port_use),
			   .answer = answer__port_use,
			   .limit = LIMIT_WALKS },
	[ASK_RESERVED] = { .size = sizeof(struct ask_netns), .answer = answer__reserved },
	[ASK_FILES] = { .size = sizeof(struct ask_files),
			.answer = answer__files,
			.limit = LIMIT_WALKS },
	[ASK_ADDRESS] = { .size = sizeof(struct ask_address), .answer = answer__address },
	[ASK_PROCESS] = { .size = sizeof(struct ask_process), .answer = answer__process },
	[ASK_CONTAINER] = { .size = sizeof(struct ask_container),
			    .answer = answer__container,
			    .limit = LIMIT_NAMES },
	[ASK_NETNS_NAME] = { .size = sizeof(struct netns_ref),
			     .answer = answer__netns_name,
			     .limit = LIMIT_NAMES },
};

static int64_t walk_debt(enum question q, const void *question)
{
	bool failed = q == ASK_HOLDERS  ? ((const struct ask_holders *)question)->failed :
		      q == ASK_PORT_USE ? ((const struct ask_port_use *)question)->failed :
					  q == ASK_FILES;

	return failed ? WALK_DEBT_NS : 0;
}

static ssize_t answer__bounded(struct ask *a, enum question q, const void *question, void *answer,
			       size_t max)
{
	int limit = questions[q].limit;
	int64_t *left_ns = &a->limits[limit].left_ns;
	uint64_t begin = host__now(), used;
	ssize_t n;

	*left_ns += (int64_t)((begin - a->limits[limit].counted_ns) / limits[limit].share);
	if (*left_ns > limits[limit].max_ns)
		*left_ns = limits[limit].max_ns;
	a->limits[limit].counted_ns = begin;
	if (*left_ns <= -walk_debt(q, question))
		return -EBUSY;
	used = host__clock(limits[limit].clock);
	n = questions[q].answer(a, question, answer, max);
	*left_ns -= (int64_t)(host__clock(limits[limit].clock) - used);
	a->limits[limit].counted_ns = host__now();
	return n;
}

ssize_t ask__answer(void *ask, enum question q, const void *question, size_t len, void *answer,
		    size_t max)
{
	struct ask *a = ask;

	if ((unsigned)q >= QUESTIONS || !questions[q].answer || len != questions[q].size)
		return -EINVAL;
	if (a->config.bounded && questions[q].limit)
		return answer__bounded(a, q, question, answer, max);
	return questions[q].answer(a, question, answer, max);
}

struct ask *ask__new(const struct ask_config *c)
{
	struct ask *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return NULL;
	a->config = *c;
	a->cgroup_fd = c->cgroup_fd;
	if (c->cgroup_fd >= 0)
		a->cgroup_fd = openat(c->cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->cgroup_fd >= 0 && fd__path(a->cgroup_fd, a->root, sizeof(a->root)) < 0) {
		err = errno;
		ask__free(a);
		errno = err;
		return NULL;
	}
	a->diag_has_bound = c->each_socket && diag__has_bound();
	for (int i = 0; i < LIMITS; i++) {
		a->limits[i].left_ns = limits[i].max_ns;
		a->limits[i].counted_ns = host__now();
	}
	return a;
}

void ask__free(struct ask *a)
{
	if (a && a->cgroup_fd >= 0)
		close(a->cgroup_fd);
	free(a);
}
