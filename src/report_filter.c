/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_filter.c - asks the filters about one record of a log. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup_path.h"
#include "parse.h"
#include "record.h"
#include "report_filter.h"

#define PIDS         (1u << 22) /* PID_MAX_LIMIT: a bit each */
#define CGROUP_MOUNT "/sys/fs/cgroup"

struct report_filter {
	const struct socket_filter *sockets;
	struct record_filter records;
	uint32_t events; /* 1u << enum log_type, 0: all */
	uint8_t *pids;   /* PIDS bits; NULL: not asked for */
};

static bool has_pid(const struct report_filter *f, uint64_t pid)
{
	return pid && pid < PIDS && f->pids[pid / 8] & 1u << pid % 8;
}

static void add_pid(struct report_filter *f, uint64_t pid)
{
	if (pid < PIDS)
		f->pids[pid / 8] |= (uint8_t)(1u << pid % 8);
}

/* --event is bits of enum record_type; the names are the same. */
static uint32_t events_of(uint32_t types)
{
	uint32_t events = 0;

	for (unsigned int i = 0; i < RECORD_TYPES; i++) {
		int type = types & 1u << i ?
				   log_type__find(record_names[i], strlen(record_names[i])) :
				   -1;

		if (type >= 0)
			events |= 1u << type;
	}
	return events;
}

struct report_filter *report_filter__new(const struct options *o)
{
	struct report_filter *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->sockets = &o->sockets;
	f->records = o->records;
	f->events = events_of(o->records.events);
	if (o->sockets.n_pids && !(f->pids = calloc(1, PIDS / 8))) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < o->sockets.n_pids; i++)
		add_pid(f, o->sockets.pids[i]);
	return f;
}

void report_filter__free(struct report_filter *f)
{
	if (!f)
		return;
	free(f->pids);
	free(f);
}

bool report_filter__chooses(const struct report_filter *f)
{
	const struct socket_filter *s = f->sockets;

	return s->on || !(s->tcp && s->udp && s->ipv4 && s->ipv6);
}

void report_filter__process(struct report_filter *f, const struct report_record *r)
{
	size_t n = r->parents ? json_object_array_length(r->parents) : 0;
	bool child = false;

	if (!f->pids || !f->sockets->follow)
		return;
	child = has_pid(f, r->ppid);
	for (size_t i = 0; i < n && !child; i++)
		child = has_pid(f, report__member_u64(json_object_array_get_idx(r->parents, i),
						      "pid"));
	if (child)
		add_pid(f, r->pid);
}

/* --- one function a filter --- */

static bool match_comm(const struct socket_filter *s, const char *comm)
{
	for (size_t i = 0; comm && i < s->n_comms; i++)
		if (!strncmp(s->comms[i], comm, COMM_LEN))
			return true;
	return false;
}

static bool match_uid(const struct socket_filter *s, const struct report_record *r)
{
	for (size_t i = 0; r->has_uid && i < s->n_uids; i++)
		if (s->uids[i] == r->uid)
			return true;
	return false;
}

static bool below(const char *path, const char *top)
{
	size_t len;

	if (!strncmp(top, CGROUP_MOUNT, strlen(CGROUP_MOUNT)))
		top += strlen(CGROUP_MOUNT);
	while (*top == '/')
		top++;
	while (*path == '/')
		path++;
	len = strlen(top);
	while (len && top[len - 1] == '/')
		len--;
	return !len || (!strncmp(path, top, len) && (!path[len] || path[len] == '/'));
}

bool report_filter__cgroup(const struct socket_filter *s, const char *cgroup, const char *container)
{
	for (size_t i = 0; cgroup && i < s->n_cgroups; i++)
		if (below(cgroup, s->cgroups[i]))
			return true;
	for (size_t i = 0; cgroup && i < s->n_units; i++)
		if (cgroup_path__has_unit(cgroup, s->units[i]))
			return true;
	/* a container in a container is in both */
	for (size_t i = 0; i < s->n_containers; i++)
		if ((cgroup && cgroup_path__has_container(cgroup, s->containers[i])) ||
		    (container && cgroup_path__has_container(container, s->containers[i])))
			return true;
	return false;
}

static bool match_port(const struct socket_filter *s, unsigned int side, uint64_t port)
{
	return port && port <= 65535 && s->ports[side][port / 64] & 1ull << port % 64;
}

static bool match_addr(const struct socket_filter *s, unsigned int side, const char *text)
{
	struct filter_cidr a;

	if (!text || parse__cidr(text, &a))
		return false;
	for (size_t i = 0; i < s->n_cidrs[side]; i++)
		if (cidr__has(&s->cidrs[side][i], a.addr))
			return true;
	return false;
}

static bool match_netns(const struct socket_filter *s, uint64_t netns)
{
	for (size_t i = 0; i < s->n_netns; i++)
		if (s->netns[i] == netns)
			return true;
	return false;
}

/* A closer, an acceptor: the owner counts as well as who acts. */
static bool match_process(const struct report_filter *f, const struct report_record *r)
{
	const struct socket_filter *s = f->sockets;

	if (s->on & FILTER_PID && !has_pid(f, r->pid) &&
	    !has_pid(f, report__member_u64(r->owner, "pid")))
		return false;
	if (s->on & FILTER_COMM && !match_comm(s, r->comm) &&
	    !match_comm(s, report__member_string(r->owner, "comm")))
		return false;
	if (s->on & FILTER_UID && !match_uid(s, r))
		return false;
	return !(s->on & FILTER_CGROUP) || report_filter__cgroup(s, r->cgroup, r->container);
}

/* The address that a bind() asked for counts, also where it was refused. */
static bool match_tuple(const struct socket_filter *s, const struct report_record *r)
{
	const char *laddr = r->req_port ? r->req_addr : r->laddr, *raddr = r->raddr;
	uint64_t lport = r->req_port ? r->req_port : r->lport;

	if (r->evidence && !r->lport) {
		laddr = report__member_string(r->evidence, "req_addr");
		lport = report__member_u64(r->evidence, "req_port");
	}
	if (s->on & FILTER_PORT && !match_port(s, SIDE_EITHER, lport) &&
	    !match_port(s, SIDE_EITHER, r->rport))
		return false;
	if (s->on & FILTER_LPORT && !match_port(s, SIDE_LOCAL, lport))
		return false;
	if (s->on & FILTER_RPORT && !match_port(s, SIDE_REMOTE, r->rport))
		return false;
	if (s->on & FILTER_ADDR && !match_addr(s, SIDE_EITHER, laddr) &&
	    !match_addr(s, SIDE_EITHER, raddr))
		return false;
	if (s->on & FILTER_LADDR && !match_addr(s, SIDE_LOCAL, laddr))
		return false;
	if (s->on & FILTER_RADDR && !match_addr(s, SIDE_REMOTE, raddr))
		return false;
	return !(s->on & FILTER_NETNS) || match_netns(s, r->netns);
}

bool report_filter__match(const struct report_filter *f, const struct report_record *r)
{
	const struct socket_filter *s = f->sockets;

	if (r->proto && !(strcmp(r->proto, "udp") ? s->tcp : s->udp))
		return false;
	if (r->family && !(strcmp(r->family, "ipv6") ? s->ipv4 : s->ipv6))
		return false;
	return match_process(f, r) && match_tuple(s, r);
}

static bool has_errno(const struct record_filter *f, const char *name)
{
	int error;

	if (!name || parse__errno(name, &error))
		return false;
	for (size_t i = 0; i < f->n_errnos; i++)
		if (f->errnos[i] == error)
			return true;
	return false;
}

static bool slow_enough(const struct report_record *r, uint64_t limit_ns)
{
	if (r->type == LOG_CONNECT && r->has_latency)
		return r->latency_us >= limit_ns / 1000;
	return r->type == LOG_ACCEPT && r->has_queue && r->queue_us >= limit_ns / 1000;
}

bool report_filter__wants(const struct report_filter *f, const struct report_record *r)
{
	const struct record_filter *w = &f->records;

	if (f->events && !(f->events & 1u << r->type))
		return false;
	if (r->type == LOG_FINDING)
		return true;
	if (w->failed && !r->error && !r->abandoned)
		return false;
	if (w->n_errnos && !has_errno(w, r->error))
		return false;
	return !w->slower_ns || slow_enough(r, w->slower_ns);
}
