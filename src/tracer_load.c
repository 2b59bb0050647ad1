// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tracer_load.c - the programs, from the skeleton into the kernel. Most of a start is the verifier's, which takes the programs
 * one after the other: so where there are two CPUs, two objects of libbpf with the same maps load half of them each.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hooks.h"
#include "log.h"
#include "tracer_parts.h"

/* Less is verified before a second object has found its way through the kernel's types. */
#define WORTH_TWO_US 40000
#define MAPS_MAX     32

/* libbpf's first complaint, and the verifier's reason where it is the verifier's: more than an errno. */
static _Thread_local char complaint[200];
static _Thread_local char verdict[200];

/* The line before "processed N insns", which is where the verifier says what it does not accept. */
static void keep_verdict(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		return;
	*end = '\0';
	line = strrchr(log, '\n');
	snprintf(verdict, sizeof(verdict), ": %.190s", line ? line + 1 : log);
	log__info("verifier%s", verdict);
}

int tracer__on_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *line;

	if (level != LIBBPF_WARN || vasprintf(&line, fmt, args) < 0)
		return 0;
	if (strstr(line, "BEGIN PROG LOAD LOG")) {
		keep_verdict(line);
	} else {
		line[strcspn(line, "\n")] = '\0';
		if (!complaint[0])
			snprintf(complaint, sizeof(complaint), "%s", line);
		log__info("%s", line);
	}
	free(line);
	return 0;
}

/* One object and its half of the programs. */
struct half {
	struct socklife_bpf *skel;
	bool takes[HOOKS_MAX];
	struct bpf_program **programs; /* the tracer's: those that it takes are filled in */
	unsigned int verify_us;
	struct tracer_error why;
	int err;
};

/*
 * What the kernel's own types have not (MPTCP's, where it was built without), libbpf before 1.3 looks for in those of
 * modules, and fails where it may not list them, which takes CAP_SYS_ADMIN (load_module_btfs). It looks once an object:
 * so it is made to before it loads, for something that is nowhere.
 */
static void give_up_modules(const struct half *h)
{
	struct bpf_program *prog =
		bpf_object__find_program_by_name(h->skel->obj, "tcp_destroy_sock");
	__u32 id;

	if (!bpf_btf_get_next_id(0, &id) || errno != EPERM)
		return;
	bpf_program__set_attach_target(prog, 0, "socklife_is_nowhere");
	complaint[0] = '\0';
}

static void *load_half(void *arg)
{
	struct half *h = arg;
	int i;

	complaint[0] = verdict[0] = '\0';
	for (i = 0; hooks[i].program; i++) {
		if (!h->takes[i])
			continue;
		h->programs[i] = bpf_object__find_program_by_name(h->skel->obj, hooks[i].program);
		bpf_program__set_autoload(h->programs[i], true);
	}
	give_up_modules(h);
	h->err = socklife_bpf__load(h->skel);
	if (h->err)
		WHY(&h->why, "the kernel refuses the programs: %s%s",
		    complaint[0] ? complaint : log__errno(h->err), verdict);
	return NULL;
}

/*
 * The object with bpf_rdonly_cast() or the one without: they have the same maps, programs and variables, which the Makefile
 * makes sure of.
 */
static struct socklife_bpf *open_skeleton(const struct tracer *t)
{
	struct socklife_bpf *skel = calloc(1, sizeof(*skel));
	int err;

	if (!skel)
		return NULL;
	err = socklife_bpf__create_skeleton(skel);
	if (!err) {
		if (t->no_casts)
			skel->skeleton->data =
				(void *)socklife_plain_bpf__elf_bytes(&skel->skeleton->data_sz);
		err = bpf_object__open_skeleton(skel->skeleton, NULL);
	}
	if (!err)
		return skel;
	socklife_bpf__destroy(skel);
	errno = -err;
	return NULL;
}

static struct socklife_bpf *open_empty(const struct tracer *t)
{
	struct socklife_bpf *skel = open_skeleton(t);
	struct bpf_program *prog;

	if (skel)
		bpf_object__for_each_program(prog, skel->obj)
			bpf_program__set_autoload(prog, false);
	return skel;
}

/* The costliest that nobody has. -1: there is none. */
static int costliest(const struct tracer *t, const struct half *halves)
{
	int i, best = -1;

	for (i = 0; hooks[i].program; i++)
		if (t->used[i] && !halves[0].takes[i] && !halves[1].takes[i] &&
		    (best < 0 || hooks[i].verify_us > hooks[best].verify_us))
			best = i;
	return best;
}

/* Two hooks can have one program. */
static struct half *half_for(struct half *halves, int i)
{
	int j, n;

	for (n = 0; n < 2; n++)
		for (j = 0; hooks[j].program; j++)
			if (halves[n].takes[j] && !strcmp(hooks[j].program, hooks[i].program))
				return &halves[n];
	return &halves[halves[1].verify_us < halves[0].verify_us];
}

static void share_out(const struct tracer *t, struct half *halves)
{
	struct half *h;
	int i;

	while ((i = costliest(t, halves)) >= 0) {
		h = half_for(halves, i);
		h->takes[i] = true;
		h->verify_us += hooks[i].verify_us;
	}
}

/* As libbpf makes it, but for the types of key and value, which only bpftool wants to know. -errno or a descriptor. */
static int create_map(struct bpf_map *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = bpf_map__map_flags(map));
	int fd = bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map),
				bpf_map__value_size(map), bpf_map__max_entries(map), &opts);
	const __u32 zero = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (bpf_map__is_internal(map)) {
		if (bpf_map_update_elem(fd, &zero, bpf_map__initial_value(map, &(size_t){ 0 }),
					BPF_ANY) ||
		    ((opts.map_flags & BPF_F_RDONLY_PROG) && bpf_map_freeze(fd)))
			err = -errno;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

/* Runs it in two threads, where there is no second in one after the other. */
static void run_both(void *(*run)(void *arg), void *first, void *second)
{
	pthread_t thread;
	bool parallel = !pthread_create(&thread, NULL, run, second);

	run(first);
	if (parallel)
		pthread_join(thread, NULL);
	else
		run(second);
}

struct shared_maps {
	struct bpf_map *maps[MAPS_MAX];
	int fds[MAPS_MAX]; /* or -errno */
	int n;
	int taken;
};

/* The largest take milliseconds each: memory is zeroed. */
static void *create_maps(void *arg)
{
	struct shared_maps *s = arg;
	int i;

	while ((i = __atomic_fetch_add(&s->taken, 1, __ATOMIC_RELAXED)) < s->n)
		s->fds[i] = create_map(s->maps[i]);
	return NULL;
}

/* Makes the maps of `first`, for both. 0 or -errno: then neither has any. */
static int share_maps(struct bpf_object *first, struct bpf_object *second)
{
	struct shared_maps s = { 0 };
	struct bpf_map *map;
	int i, err = 0;

	bpf_object__for_each_map(map, first) {
		if (s.n == MAPS_MAX)
			return -E2BIG;
		s.maps[s.n++] = map;
	}
	run_both(create_maps, &s, &s);
	for (i = 0; i < s.n && !err; i++)
		err = s.fds[i] < 0 ? s.fds[i] : 0;
	map = NULL;
	for (i = 0; i < s.n && !err; i++) {
		map = bpf_object__next_map(second, map);
		err = bpf_map__reuse_fd(s.maps[i], s.fds[i]);
		if (!err)
			err = bpf_map__reuse_fd(map, s.fds[i]);
	}
	for (i = 0; i < s.n; i++)
		if (s.fds[i] >= 0)
			close(s.fds[i]);
	return err;
}

static bool two_cpus(void)
{
	cpu_set_t cpus;

	/* more CPUs than the set has room for is an error too */
	return sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) > 1;
}

/* All in one object. Where a map was in the way, libbpf says which and why. */
static void give_up_second(struct tracer *t, struct half *halves)
{
	memcpy(halves[0].takes, t->used, sizeof(t->used));
	memset(halves[1].takes, 0, sizeof(halves[1].takes));
	socklife_bpf__destroy(t->second);
	t->second = NULL;
}

int tracer__load(struct tracer *t, struct tracer_error *why)
{
	struct half halves[2] = { { .programs = t->programs }, { .programs = t->programs } };
	const struct half *failed;

	t->skel = open_empty(t);
	if (!t->skel)
		return -errno;
	tracer__fill_settings(t);
	tracer__clock(t);
	share_out(t, halves);
	if (halves[0].verify_us + halves[1].verify_us > WORTH_TWO_US && two_cpus())
		t->second = open_empty(t);
	if (!t->second || share_maps(t->skel->obj, t->second->obj))
		give_up_second(t, halves);
	halves[0].skel = t->skel;
	halves[1].skel = t->second;
	if (t->second)
		run_both(load_half, &halves[0], &halves[1]);
	else
		load_half(&halves[0]);
	failed = halves[0].err ? &halves[0] : &halves[1];
	if (failed->err)
		*why = failed->why;
	if (failed->err || (t->skel->bss && t->skel->data))
		return failed->err;
	/* libbpf takes a kernel that has no memory for its question for one that cannot map them, and goes on */
	WHY(why, "the programs' variables cannot be mapped: %s", log__errno(-ENOMEM));
	return -ENOMEM;
}

struct bpf_program *tracer__program(const struct tracer *t, const char *name)
{
	int i;

	for (i = 0; hooks[i].program; i++)
		if (t->programs[i] && !strcmp(hooks[i].program, name))
			return t->programs[i];
	return NULL;
}

void tracer__unload(struct tracer *t)
{
	socklife_bpf__destroy(t->second);
	socklife_bpf__destroy(t->skel);
	t->second = t->skel = NULL;
	memset(t->programs, 0, sizeof(t->programs));
}
