// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inside.c - tells by inode numbers whether the namespaces are the first ones of the machine, and by files
 * whether this is its file system.
 */
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"
#include "log.h"

/* include/linux/nsfs.h, PROC_*_INIT_INO: the inode numbers of the first ones, on every kernel the same. */
#define FIRST_USER_NS 0xEFFFFFFDu
#define FIRST_PID_NS  0xEFFFFFFCu

static bool is_first(const char *path, ino_t inode)
{
	struct stat st;

	return stat(path, &st) || st.st_ino == inode; /* no /proc: nothing to tell by */
}

bool inside__user_namespace(void)
{
	return is_first("/proc/self/ns/user", FIRST_USER_NS);
}

static bool pid_namespace(void)
{
	return is_first("/proc/self/ns/pid", FIRST_PID_NS);
}

/*
 * In the host's pid namespace process 1 has the host's root directory; in another one that row says enough. A container
 * that has the directories of its runtime mounted needs no more.
 */
static bool files(void)
{
	static const char *const of_runtimes[] = { "/var/log/pods",
						   "/run/containerd",
						   "/run/k3s/containerd",
						   "/run/containers",
						   "/var/lib/containers/storage",
						   "/var/lib/docker/containers" };
	struct stat own, host;

	if (stat("/", &own) || stat("/proc/1/root", &host) ||
	    (own.st_dev == host.st_dev && own.st_ino == host.st_ino))
		return true;
	for (size_t i = 0; i < sizeof(of_runtimes) / sizeof(of_runtimes[0]); i++)
		if (!access(of_runtimes[i], F_OK))
			return true;
	return false;
}

static const struct {
	const char *name, *without, *cure;
	bool (*seen)(void);
} rows[] = {
	{ "pid namespace",
	  "who a process is that was there before the start, how many descriptors one has, and, but for estimates, what "
	  "holds a port in network namespaces that have no name here",
	  "docker and podman: --pid=host; Kubernetes: hostPID: true", pid_namespace },
	{ "files of container runtimes",
	  "what containers and pods are called (their ids are told); names of users are this container's",
	  "mount the host's /run, /var/log/pods, /var/log/containers and the runtime's directory, read-only",
	  files },
};

void inside__each(void (*report)(void *arg, const struct inside *s), void *arg)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct inside s = { .name = rows[i].name,
					  .without = rows[i].without,
					  .cure = rows[i].cure,
					  .seen = rows[i].seen() };

		report(arg, &s);
	}
}

static void warn(void *arg, const struct inside *s)
{
	(void)arg;
	if (!s->seen)
		log__warn(
			"the host's %s cannot be seen from this container (%s): all its sockets are traced, without telling %s",
			s->name, s->cure, s->without);
}

void inside__warn(void)
{
	inside__each(warn, NULL);
}
