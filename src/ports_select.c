// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_select.c - the filters that choose sockets, on the model: as the programs have them
 * (bpf/emit.bpf.h), but that a socket may have several processes.
 */
#include <netinet/in.h>
#include <string.h>

#include "json.h"
#include "parse.h"
#include "ports.h"

static bool has_number(const uint32_t *set, size_t n, uint32_t value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (set[i] == value)
			return true;
	return false;
}

static bool has_id(const uint64_t *set, size_t n, uint64_t value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (set[i] == value)
			return true;
	return false;
}

static bool process_matches(const struct ports_process *process, const struct socket_filter *f,
			    const uint64_t *cgroups, size_t n_cgroups)
{
	size_t i;

	if ((f->on & FILTER_PID) && !has_number(f->pids, f->n_pids, process->proc.tgid))
		return false;
	if ((f->on & FILTER_UID) &&
	    (process->uid_unknown || !has_number(f->uids, f->n_uids, process->uid)))
		return false;
	if ((f->on & FILTER_CGROUP) && !has_id(cgroups, n_cgroups, process->cgroup_id))
		return false;
	if (!(f->on & FILTER_COMM))
		return true;
	for (i = 0; i < f->n_comms; i++)
		if (!strncmp(f->comms[i], process->proc.comm, COMM_LEN))
			return true;
	return false;
}

static bool port_matches(const struct socket_filter *f, int side, uint16_t port)
{
	return port && (f->ports[side][port / 64] >> port % 64 & 1);
}

static bool addr_matches(const struct socket_filter *f, int side, const uint8_t *addr)
{
	size_t i;

	for (i = 0; i < f->n_cidrs[side]; i++)
		if (cidr__has(&f->cidrs[side][i], addr))
			return true;
	return false;
}

static bool tuple_matches(const struct ev_sock *s, const struct socket_filter *f)
{
	if ((f->on & FILTER_PORT) && !port_matches(f, SIDE_EITHER, s->lport) &&
	    !port_matches(f, SIDE_EITHER, s->rport))
		return false;
	if ((f->on & FILTER_LPORT) && !port_matches(f, SIDE_LOCAL, s->lport))
		return false;
	if ((f->on & FILTER_RPORT) && !port_matches(f, SIDE_REMOTE, s->rport))
		return false;
	if ((f->on & FILTER_ADDR) && !addr_matches(f, SIDE_EITHER, s->laddr) &&
	    !(s->rport && addr_matches(f, SIDE_EITHER, s->raddr)))
		return false;
	if ((f->on & FILTER_LADDR) && !addr_matches(f, SIDE_LOCAL, s->laddr))
		return false;
	if ((f->on & FILTER_RADDR) && !(s->rport && addr_matches(f, SIDE_REMOTE, s->raddr)))
		return false;
	return !(f->on & FILTER_NETNS) || has_number(f->netns, f->n_netns, s->netns);
}

void ports__select(struct ports *p, uint16_t port, const struct socket_filter *f,
		   const uint64_t *cgroups, size_t n)
{
	const uint32_t by_process = FILTER_PID | FILTER_UID | FILTER_COMM | FILTER_CGROUP;
	size_t i;

	for (i = 0; i < p->n_netns; i++)
		p->netns[i].shown = 0;
	for (i = 0; i < p->n_socks; i++) {
		struct ports_sock *s = &p->socks[i];
		uint32_t use;

		s->shown = (!port || s->sock.lport == port) &&
			   (s->sock.proto == IPPROTO_UDP ? f->udp : f->tcp) &&
			   (s->sock.family == AF_INET ? f->ipv4 : f->ipv6) &&
			   (!f->on || tuple_matches(&s->sock, f));
		use = s->uses;
		while (s->shown && (f->on & by_process) && use != PORTS_NONE &&
		       !process_matches(&p->processes[p->uses[use].process], f, cgroups, n))
			use = p->uses[use].next;
		if ((f->on & by_process) && use == PORTS_NONE)
			s->shown = false;
		p->netns[s->netns].shown += s->shown;
	}
}
