// SPDX-License-Identifier: GPL-2.0-or-later
/* past_fill.c - from what a log told of a moment to the lists that `ports` prints. */
#include <netinet/tcp.h>
#include <errno.h>

#include "past_parts.h"

static int fill_netns(struct past *p, struct ports *ports)
{
	for (size_t i = 0; i < p->netns.n; i++) {
		struct past_netns *n = idmap__at(&p->netns, i);
		const struct netns_ref ref = { .cookie = n->cookie, .inode = (uint32_t)n->id };

		n->index = ports__add_netns(ports, &ref, n->name[0] ? n->name : NULL);
		if (n->index == PORTS_NONE)
			return -ENOMEM;
		ports->netns[n->index].own = n->own;
		ports->netns[n->index].facts = n->facts;
		ports->netns[n->index].reserved = n->reserved;
		n->reserved = NULL;
	}
	return 0;
}

/* The index of the owner's process; PORTS_NONE where it has none. */
static int fill_process(struct past *p, struct ports *ports, const struct past_sock *s,
			uint32_t *index)
{
	struct past_process *known;

	*index = PORTS_NONE;
	if (!s->sock.owner.tgid)
		return 0;
	known = idmap__put(&p->processes, past__process_id(&s->sock.owner));
	if (!known)
		return -ENOMEM;
	if (!known->process.proc.tgid) {
		/* it was told in a segment that is gone, or there was no room for it */
		known->process.uid = s->uid;
		known->process.uid_unknown = s->uid == UINT32_MAX;
		known->process.proc = s->sock.owner;
	}
	if (!known->used) {
		known->index = ports__add_process(ports, &known->process);
		if (known->index == PORTS_NONE)
			return -ENOMEM;
		known->process.cgroup = NULL;
		known->used = true;
	}
	*index = known->index;
	return 0;
}

static int fill_sock(struct past *p, struct ports *ports, const struct past_sock *s)
{
	bool time_wait = s->sock.state == TCP_TIME_WAIT;
	struct past_netns *n = idmap__find(&p->netns, s->sock.netns);
	struct ports_sock told = { .sock = s->sock,
				   .bound_ns = s->bound_ns,
				   .listening_ns = s->listening_ns,
				   .established_ns = s->established_ns,
				   .state = s->sock.state,
				   .time_wait = time_wait,
				   .options_known = s->options_known };
	uint32_t process;
	int err = fill_process(p, ports, s, &process);

	if (err)
		return err;
	if (time_wait) {
		told.expires_ms =
			(uint32_t)((PAST_TIME_WAIT_NS - (p->at_ns - s->ended_ns)) / 1000000);
		if (n)
			ports->netns[n->index].facts.time_wait++;
	}
	return ports__add_told(ports, &told, process, s->fd) ? 0 : -ENOMEM;
}

int past__fill(struct past *p, struct ports *ports)
{
	int err = fill_netns(p, ports);

	if (p->processes.n + p->socks.n > PAST_PROCESSES_MAX)
		past__forget_processes(p);
	p->processes.max = PAST_PROCESSES_MAX + p->socks.n;
	for (size_t i = 0; i < p->socks.n && !err; i++)
		err = fill_sock(p, ports, idmap__at(&p->socks, i));
	for (size_t i = 0; i < p->closed.n && !err; i++)
		err = fill_sock(p, ports, idmap__at(&p->closed, i));
	return err;
}
