/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup_path.h - what the path of a cgroup says of what runs there: container and its runtime, pod, systemd unit.
 * Pure. Who may make cgroups chooses their names: it is what the path says, no more.
 */
#ifndef SOCKLIFE_CGROUP_PATH_H
#define SOCKLIFE_CGROUP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_LEN 64  /* hex digits */
#define POD_UID_MAX      36  /* a UUID; of a static pod 32 hex digits */
#define UNIT_MAX         255 /* systemd: UNIT_NAME_MAX - 1 */
#define MACHINE_MAX      64  /* systemd: HOST_NAME_MAX */

enum runtime {
	RUNTIME_UNKNOWN,
	RUNTIME_DOCKER,
	RUNTIME_CONTAINERD,
	RUNTIME_CRIO,
	RUNTIME_PODMAN,
	RUNTIME_NSPAWN,
	RUNTIME_LXC,
	RUNTIMES
};
extern const char *const runtime_names[RUNTIMES]; /* as in records; NULL: unknown */

/* Strings are "" where the path does not say. */
struct cgroup_path {
	enum runtime runtime;
	char container[CONTAINER_ID_LEN + 1]; /* the innermost one's id */
	char machine[MACHINE_MAX + 1];        /* nspawn, LXC: its name, which is all it has */
	char pod_uid[POD_UID_MAX + 1];        /* the innermost pod's */
	/* the innermost service, scope, socket, mount or swap, but for the scope that a container has of its own */
	char unit[UNIT_MAX + 1];
};

/* `path` as /proc/PID/cgroup has it; any bytes. */
void cgroup_path__read(const char *path, struct cgroup_path *p);

/*
 * For --unit and --container: is one of the path's names this unit ("nginx" means nginx.service, as for systemctl), or
 * has it this container id or the beginning of it?
 */
bool cgroup_path__has_unit(const char *path, const char *unit);
bool cgroup_path__has_container(const char *path, const char *id);

#endif
