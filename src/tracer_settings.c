// SPDX-License-Identifier: GPL-2.0-or-later
/* tracer_settings.c - what goes into the kernel before the programs run: filters, sizes, clock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cgroup.h"
#include "host.h"
#include "log.h"
#include "tracer_parts.h"

#define CLOCK_STEP 1000000

/* Where no socket gets facts, or those that do not matter: large maps would only take time to make. */
static void shrink_maps(struct tracer *t)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, t->skel->obj)
		if (!bpf_map__is_internal(map))
			bpf_map__set_max_entries(map, bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ?
							      (__u32)sysconf(_SC_PAGESIZE) :
							      1);
}

void tracer__fill_settings(struct tracer *t)
{
	const struct socket_filter *f = t->config.filter;
	struct settings *s = &t->skel->rodata->settings;
	int side;

	if (t->config.only_snapshot || t->config.only_try)
		shrink_maps(t);
	if (t->config.only_snapshot)
		return;
	s->filters = f->on;
	if (t->config.tree)
		s->filters |= FILTER_PID;
	s->tcp = f->tcp;
	s->udp = f->udp;
	s->ipv4 = f->ipv4;
	s->ipv6 = f->ipv6;
	s->states = t->config.states;
	s->n_comms = f->n_comms;
	memcpy(s->comms, f->comms, sizeof(s->comms));
	for (side = 0; side < SIDES; side++) {
		s->n_cidrs[side] = f->n_cidrs[side];
		memcpy(s->cidrs[side], f->cidrs[side], sizeof(s->cidrs[side]));
	}
	s->ring_size = t->config.ring_size;
	bpf_map__set_max_entries(t->skel->maps.ring, s->ring_size / RING_CHUNK);
	bpf_map__set_max_entries(t->skel->maps.bell, sysconf(_SC_PAGESIZE));
}

static int put_set(const struct bpf_map *map, const void *keys, size_t n, size_t size)
{
	__u8 one = 1;
	size_t i;

	for (i = 0; i < n; i++)
		if (bpf_map__update_elem(map, (const char *)keys + i * size, size, &one,
					 sizeof(one), BPF_ANY))
			return -errno;
	return 0;
}

static int compare_ids(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* Cgroups that are no more make room: no later one has their number (kernfs). */
static void drop_gone_cgroups(const struct bpf_map *map, uint64_t *ids, size_t n)
{
	uint64_t kept = 0, next;

	qsort(ids, n, sizeof(*ids), compare_ids);
	while (!bpf_map__get_next_key(map, kept ? &kept : NULL, &next, sizeof(next)))
		if (bsearch(&next, ids, n, sizeof(*ids), compare_ids))
			kept = next;
		else if (bpf_map__delete_elem(map, &next, sizeof(next), 0))
			break;
}

static int put_cgroups(struct tracer *t, struct tracer_error *why)
{
	static uint64_t ids[FILTER_SET_MAX];
	const char *missing = "";
	ssize_t n = cgroup__filter_ids(t->cgroup, t->config.filter, ids, FILTER_SET_MAX, &missing);
	int err;

	if (n < 0) {
		why->usage = n == -ENOENT;
		cgroup__say_missing(why->text, sizeof(why->text), missing, n);
		return n;
	}
	err = put_set(t->skel->maps.filter_cgroups, ids, n, sizeof(ids[0]));
	if (err == -E2BIG) {
		drop_gone_cgroups(t->skel->maps.filter_cgroups, ids, n);
		err = put_set(t->skel->maps.filter_cgroups, ids, n, sizeof(ids[0]));
	}
	if (n == FILTER_SET_MAX && !t->cgroups_full)
		log__warn(
			"--cgroup, --container, --unit: they mean more than %d cgroups: sockets of the others are not seen",
			FILTER_SET_MAX);
	t->cgroups_full |= n == FILTER_SET_MAX;
	return err;
}

int tracer__put_filters(struct tracer *t, struct tracer_error *why)
{
	const struct socket_filter *f = t->config.filter;
	__u32 i;
	int err = 0;

	WHY(why, "the filters cannot be set");
	for (i = 0; i < f->n_pids && !err; i++)
		err = tracer__follow(t, f->pids[i]);
	if (!err)
		err = put_set(t->skel->maps.filter_uids, f->uids, f->n_uids, sizeof(f->uids[0]));
	if (!err)
		err = put_set(t->skel->maps.filter_netns, f->netns, f->n_netns,
			      sizeof(f->netns[0]));
	for (i = 0; !err && i < SIDES * PORT_WORDS; i++) {
		const uint64_t *word = &f->ports[i / PORT_WORDS][i % PORT_WORDS];

		if (*word && bpf_map__update_elem(t->skel->maps.filter_ports, &i, sizeof(i), word,
						  sizeof(*word), BPF_ANY))
			err = -errno;
	}
	if (!err && (f->on & FILTER_CGROUP))
		err = put_cgroups(t, why);
	return err;
}

/* It changes by what a suspend lasted: less is the time between the two readings. */
void tracer__clock(struct tracer *t)
{
	int64_t now = host__suspended(), known = t->skel->bss->boottime_offset;

	if (llabs(now - known) >= CLOCK_STEP)
		t->skel->bss->boottime_offset = now;
}

void tracer__adopt(struct tracer *t, bool on)
{
	t->skel->bss->adopt_children = on;
}

int tracer__follow(struct tracer *t, uint32_t tgid)
{
	__u32 state = FOLLOWED;

	if (bpf_map__update_elem(t->skel->maps.filter_pids, &tgid, sizeof(tgid), &state,
				 sizeof(state), BPF_NOEXIST))
		return -errno;
	__atomic_add_fetch(&t->skel->bss->tree_size, 1, __ATOMIC_RELAXED);
	return 0;
}

int64_t tracer__followed(const struct tracer *t)
{
	return __atomic_load_n(&t->skel->bss->tree_size, __ATOMIC_RELAXED);
}

void tracer__refresh(struct tracer *t)
{
	struct tracer_error why = { 0 };

	tracer__clock(t);
	if (t->config.filter->n_containers || t->config.filter->n_units)
		put_cgroups(t, &why);
}
