/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracer_parts.h - what the parts of the tracer share: tracer_load.c loads, tracer.c attaches, tracer_settings.c tells the
 * programs what is wanted, tracer_read.c reads what they made. Nobody else includes it, or the skeleton.
 */
#ifndef SOCKLIFE_TRACER_PARTS_H
#define SOCKLIFE_TRACER_PARTS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "facts.h"
#include "ring_reader.h"
#include "settings.h"
#include "socklife.skel.h"
#include "tracer.h"

#define HOOKS_MAX 32

struct tracer {
	struct tracer_config config;
	struct socklife_bpf *skel; /* maps and variables */
	struct socklife_bpf *
		second; /* the same maps, the other half of the programs; NULL: the first has all */
	struct bpf_program *programs[HOOKS_MAX]; /* of the hooks that are used */
	struct bpf_link *links[HOOKS_MAX];
	bool used[HOOKS_MAX];
	bool no_casts; /* the kernel has no bpf_rdonly_cast() */
	struct bpf_link *iterator, *options, *sweeper;
	bool in_spill; /* how far tracer__sweep() is in the hash: */
	__u32 spill_at;
	struct ring_reader ring;
	struct ring_buffer *bell;   /* wakes when the ring has a record */
	const unsigned char *slots; /* the facts array, read-only */
	int cgroup;
	uint64_t losses[LOST_KERNEL_REASONS];
	uint64_t attaching_ns;
	uint64_t last_losses_ns;
	bool cgroups_full; /* said already */
};

#define WHY(why, ...) snprintf((why)->text, sizeof((why)->text), __VA_ARGS__)

/* For libbpf_set_print(). Of each thread's loading the first complaint is kept, for the error. */
int tracer__on_libbpf(enum libbpf_print_level level, const char *fmt, va_list args);
/* The programs of the hooks that are `used`, in two threads where there are two CPUs. 0 or -errno with *why set. */
int tracer__load(struct tracer *t, struct tracer_error *why);
void tracer__unload(struct tracer *t);
/* By its name in the skeleton, of which there are two: `skel->progs` may be of the one that did not load it. */
struct bpf_program *tracer__program(const struct tracer *t, const char *name);

/* Before the programs are loaded: the read-only settings, and the sizes of maps. */
void tracer__fill_settings(struct tracer *t);
/* Before they are attached: the filters that are maps. 0 or -errno with *why set. */
int tracer__put_filters(struct tracer *t, struct tracer_error *why);

/* Maps the ring and the facts. 0 or -errno. */
int tracer__open_ring(struct tracer *t);
void tracer__close_ring(struct tracer *t);
/* An iterator over this one task; NULL with errno set. */
struct bpf_link *tracer__attach_task(struct bpf_program *prog, uint32_t tgid);

#endif
