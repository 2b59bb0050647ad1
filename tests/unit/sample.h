/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample.h - events as the kernel side would write them, for the tests of what reads them. Each begins
 * as a TCP socket over IPv4 of which nothing is known but its cookie and ends; the test adds the rest.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include "decode.h"

#define SECOND 1000000000ull
#define T0     (1000 * SECOND)

static const size_t sample_sizes[EV_TYPES] = {
	[EV_BIND] = sizeof(struct ev_bind),       [EV_LISTEN] = sizeof(struct ev_listen),
	[EV_CONNECT] = sizeof(struct ev_connect), [EV_ACCEPT] = sizeof(struct ev_accept),
	[EV_PEER] = sizeof(struct ev_peer),       [EV_STATE] = sizeof(struct ev_state),
	[EV_CLOSE] = sizeof(struct ev_close),     [EV_SNAPSHOT] = sizeof(struct ev_snapshot),
	[EV_TREE] = sizeof(struct ev_tree),       [EV_NO_FD] = sizeof(struct ev_no_fd),
	[EV_PROCESS] = sizeof(struct ev_process), [EV_SUBFLOWS] = sizeof(struct ev_subflows),
};

static inline void sample__ipv4(uint8_t addr[ADDR_LEN], uint32_t host_order)
{
	uint32_t net = htonl(host_order);

	memset(addr, 0, ADDR_LEN);
	memset(addr + 10, 0xff, 2);
	memcpy(addr + 12, &net, sizeof(net));
}

static inline struct ev_owner sample__process(uint32_t pid, const char *comm)
{
	struct ev_owner p = { .tgid = pid, .exec = 1, .start_ns = pid * 1000ull };

	snprintf(p.comm, sizeof(p.comm), "%s", comm);
	return p;
}

static inline struct ev_actor sample__actor(uint32_t pid, const char *comm)
{
	struct ev_actor a = { .proc = sample__process(pid, comm), .tid = pid, .nspid = pid };

	snprintf(a.thread, sizeof(a.thread), "%s", comm);
	return a;
}

/* 127.0.0.1:41234 to 127.0.0.1:80, established; of nobody. */
static inline union event sample__event(enum ev_type type, uint64_t cookie, uint64_t boot_ns)
{
	union event e;

	memset(&e, 0, sizeof(e));
	e.head.type = type;
	e.head.size = sample_sizes[type];
	e.head.boot_ns = boot_ns;
	if (type == EV_TREE)
		return e;
	if (type == EV_NO_FD) {
		e.no_fd.netns_cookie = 1;
		e.no_fd.netns = 4026531833u;
		e.no_fd.error = -EMFILE;
		return e;
	}
	if (type == EV_PROCESS) {
		e.process.proc = sample__process(9001, "curl");
		return e;
	}
	e.base.sock.cookie = cookie;
	e.base.sock.netns_cookie = 1;
	e.base.sock.netns = 4026531833u;
	e.base.sock.family = AF_INET;
	e.base.sock.proto = IPPROTO_TCP;
	e.base.sock.state = TCP_ESTABLISHED;
	e.base.sock.lport = 41234;
	e.base.sock.rport = 80;
	sample__ipv4(e.base.sock.laddr, INADDR_LOOPBACK);
	sample__ipv4(e.base.sock.raddr, INADDR_LOOPBACK);
	if (type == EV_ACCEPT)
		e.accept.fd = 7;
	if (type == EV_SNAPSHOT)
		e.snapshot.fd = 7;
	return e;
}

/* The same as the record of a process that also owns the socket. */
static inline union event sample__event_of(enum ev_type type, uint64_t cookie, uint64_t boot_ns,
					   uint32_t pid, const char *comm)
{
	union event e = sample__event(type, cookie, boot_ns);

	e.base.actor = sample__actor(pid, comm);
	e.base.sock.owner = e.base.actor.proc;
	return e;
}

/* A path becomes what the kernel side writes: its components, the last one first. */
static inline void sample__exe(struct ev_process *p, const char *path)
{
	size_t end = strlen(path), at;

	p->exe_len = 0;
	while (end) {
		for (at = end; path[at - 1] != '/'; at--)
			;
		memcpy(p->exe + p->exe_len, path + at, end - at);
		p->exe_len += end - at;
		p->exe[p->exe_len++] = '\0';
		end = at - 1;
	}
}

/* A process told of at its first event, child of 1 (init). One argument: its path. */
static inline union event sample__told(uint32_t pid, const char *comm, const char *path)
{
	union event e = sample__event(EV_PROCESS, 0, T0);
	struct ev_process *p = &e.process;

	p->proc = sample__process(pid, comm);
	p->parents[0] = sample__process(1, "init");
	p->nspid = pid;
	p->loginuid = p->session = UINT32_MAX;
	p->cgroup_id = 7;
	sample__exe(p, path);
	p->args_len = snprintf(p->args, sizeof(p->args), "%s", path) + 1;
	return e;
}

#endif
