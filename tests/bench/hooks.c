/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks OBJECT - attaches the programs of hooks.bpf.c, which do nothing, until a signal ends it: what any tracer at these
 * hooks costs at least. Needs tracefs.
 */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A descriptor of the root of the cgroup2 hierarchy. */
static int open_cgroup(void)
{
	FILE *mounts = setmntent("/proc/mounts", "r");
	struct mntent *m;
	int fd = -1;

	if (!mounts)
		die("/proc/mounts");
	while (fd < 0 && (m = getmntent(mounts)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			fd = open(m->mnt_dir, O_RDONLY | O_CLOEXEC);
	endmntent(mounts);
	if (fd < 0)
		die("a mounted cgroup2 hierarchy");
	return fd;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 2 ? bpf_object__open(argv[1]) : NULL;
	struct bpf_program *prog;
	struct bpf_link *link;
	int cgroup;

	if (!object || bpf_object__load(object))
		die(argc == 2 ? argv[1] : "usage: hooks OBJECT");
	cgroup = open_cgroup();
	bpf_object__for_each_program(prog, object) {
		if (!strncmp(bpf_program__section_name(prog), "cgroup/", 7))
			link = bpf_program__attach_cgroup(prog, cgroup);
		else
			link = bpf_program__attach(prog);
		if (!link)
			die(bpf_program__name(prog));
	}
	pause();
	return 0;
}
