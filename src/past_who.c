// SPDX-License-Identifier: GPL-2.0-or-later
/* past_who.c - the processes and names that a log tells of: who owned what at that moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "past_parts.h"
#include "report_filter.h"

/* --- processes --- */

uint64_t past__process_id(const struct ev_owner *o)
{
	uint64_t id = past__mix(past__mix(past__mix(o->tgid) ^ o->start_ns) ^ o->exec);

	return id ? id : 1;
}

/* "PID.START_NS.EXEC" */
static bool parse_proc(const char *s, struct ev_owner *o)
{
	uint64_t numbers[3];
	int n = 0;

	for (; s && n < 3; n++) {
		uint64_t v = 0;

		if (*s < '0' || *s > '9')
			return false;
		for (; *s >= '0' && *s <= '9'; s++)
			if (__builtin_mul_overflow(v, 10u, &v) ||
			    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
				return false;
		numbers[n] = v;
		if (*s != (n < 2 ? '.' : '\0'))
			return false;
		s++;
	}
	if (n < 3 || !numbers[0] || numbers[0] > UINT32_MAX || numbers[2] > UINT32_MAX)
		return false;
	*o = (struct ev_owner){ .tgid = (uint32_t)numbers[0],
				.start_ns = numbers[1],
				.exec = (uint32_t)numbers[2] };
	return true;
}

bool past__owner(struct ev_owner *o, const char *proc, const char *comm)
{
	if (!proc || !parse_proc(proc, o))
		return false;
	snprintf(o->comm, sizeof(o->comm), "%s", comm ? comm : "");
	return true;
}

void past__forget_processes(struct past *p)
{
	for (size_t i = 0; i < p->socks.n; i++) {
		const struct past_sock *s = idmap__at(&p->socks, i);
		struct past_process *process =
			idmap__find(&p->processes, past__process_id(&s->sock.owner));

		if (process)
			process->used = true;
	}
	for (size_t i = p->processes.n; i-- > 0;) {
		struct past_process *process = idmap__at(&p->processes, i);

		if (!process->used) {
			free(process->process.cgroup);
			idmap__remove(&p->processes, process->id);
		} else {
			process->used = false;
		}
	}
}

/* --follow: a child of those that are followed. */
static void follow(struct past *p, const struct report_record *r)
{
	struct socket_filter *f = p->filter;
	size_t n = r->parents ? json_object_array_length(r->parents) : 0;
	bool child = false, known = false;

	for (size_t i = 0; i < f->n_pids; i++) {
		known |= f->pids[i] == r->pid;
		child |= f->pids[i] == r->ppid;
		for (size_t k = 0; k < n; k++)
			child |=
				f->pids[i] ==
				report__member_u64(json_object_array_get_idx(r->parents, k), "pid");
	}
	if (child && !known && f->n_pids < FILTER_SET_MAX)
		f->pids[f->n_pids++] = (uint32_t)r->pid;
}

void past__take_process(struct past *p, const struct report_record *r)
{
	struct past_process *known;
	struct ev_owner o;

	if (!past__owner(&o, r->proc, r->comm))
		return;
	if (p->filter->follow)
		follow(p, r);
	if (p->processes.n == PAST_PROCESSES_MAX)
		past__forget_processes(p);
	known = idmap__put(&p->processes, past__process_id(&o));
	if (!known)
		return;
	free(known->process.cgroup);
	known->process = (struct ports_process){
		.proc = o,
		.uid = r->has_uid ? (uint32_t)r->uid : 0,
		.uid_unknown = !r->has_uid,
		.nspid = (uint32_t)r->nspid,
		.cgroup = r->cgroup ? strdup(r->cgroup) : NULL,
		/* all that --cgroup, --unit and --container can ask of a cgroup that may be gone */
		.cgroup_id = report_filter__cgroup(p->filter, r->cgroup, r->container),
	};
	snprintf(known->process.user, sizeof(known->process.user), "%s", r->user ? r->user : "");
	snprintf(known->process.container, sizeof(known->process.container), "%s",
		 r->container ? r->container : "");
}

/* --- namespaces --- */

static uint32_t setting(const struct report_record *r, const char *name)
{
	uint64_t v = report__member_u64(r->settings, name);

	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

void past__take_netns(struct past *p, const struct report_record *r)
{
	uint64_t inode = r->netns & UINT32_MAX;
	struct past_netns *n = inode ? idmap__put(&p->netns, inode) : NULL;
	const char *reserved, *name;

	if (!n)
		return;
	n->cookie = r->netns_cookie;
	if (!r->settings)
		return;
	n->own = report__member_bool(r->settings, "own");
	name = report__member_string(r->settings, "name");
	snprintf(n->name, sizeof(n->name), "%s", name ? name : "");
	n->facts = (struct netns_facts){
		.range_low = setting(r, "range_low"),
		.range_high = setting(r, "range_high"),
		.reserved = setting(r, "reserved"),
		.max_time_wait = setting(r, "max_time_wait"),
		.tw_reuse = setting(r, "tw_reuse"),
		.unprivileged_start = setting(r, "unprivileged_start"),
	};
	/* a log can say anything */
	if (!n->facts.range_low || n->facts.range_low > n->facts.range_high ||
	    n->facts.range_high > UINT16_MAX ||
	    n->facts.reserved > n->facts.range_high - n->facts.range_low + 1)
		n->facts = (struct netns_facts){ 0 };
	reserved = report__member_string(r->settings, "reserved_ports");
	free(n->reserved);
	n->reserved = reserved ? calloc(1, sizeof(*n->reserved)) : NULL;
	if (n->reserved)
		sysctl__parse_ports(n->reserved, reserved);
}
