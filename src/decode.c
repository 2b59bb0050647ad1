// SPDX-License-Identifier: GPL-2.0-or-later
/* decode.c - the table of event sizes, and the checks of what is in each before anything else looks at it. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "decode.h"

#define MAX_ERRNO  4095 /* include/linux/err.h */
#define TCP_STATES 13   /* include/net/tcp_states.h: TCP_MAX_STATES is 13 or 14 */

static const unsigned short sizes[EV_TYPES] = {
	[EV_BIND] = sizeof(struct ev_bind),       [EV_LISTEN] = sizeof(struct ev_listen),
	[EV_CONNECT] = sizeof(struct ev_connect), [EV_ACCEPT] = sizeof(struct ev_accept),
	[EV_PEER] = sizeof(struct ev_peer),       [EV_STATE] = sizeof(struct ev_state),
	[EV_CLOSE] = sizeof(struct ev_close),     [EV_SNAPSHOT] = sizeof(struct ev_snapshot),
	[EV_TREE] = sizeof(struct ev_tree),       [EV_NO_FD] = sizeof(struct ev_no_fd),
	[EV_PROCESS] = sizeof(struct ev_process), [EV_SUBFLOWS] = sizeof(struct ev_subflows),
};

_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == EV_TYPES, "a row for each event");

static void terminate(char comm[COMM_LEN])
{
	comm[COMM_LEN - 1] = '\0';
}

static int check_base(const struct ev_base *b)
{
	if (!b->sock.cookie || b->sock.state >= TCP_STATES)
		return -EBADMSG;
	if (b->sock.family != AF_INET && b->sock.family != AF_INET6)
		return -EBADMSG;
	if (b->sock.proto != IPPROTO_TCP && b->sock.proto != IPPROTO_UDP &&
	    b->sock.proto != PROTO_MPTCP)
		return -EBADMSG;
	return 0;
}

/* The path is of whole components: without its last NUL it would have no end. */
static int check_process(struct ev_process *p)
{
	int i;

	if (!p->proc.tgid || p->exe_len > sizeof(p->exe) || p->args_len > sizeof(p->args) ||
	    (p->exe_len && p->exe[p->exe_len - 1]))
		return -EBADMSG;
	terminate(p->proc.comm);
	for (i = 0; i < PROCESS_PARENTS; i++)
		terminate(p->parents[i].comm);
	return 0;
}

static int error_of(const union event *e)
{
	switch (e->head.type) {
	case EV_BIND:
		return e->bind.error;
	case EV_LISTEN:
		return e->listen.error;
	case EV_CONNECT:
		return e->connect.error;
	case EV_ACCEPT:
		return e->accept.error;
	case EV_CLOSE:
		return e->close.sk_err;
	case EV_NO_FD:
		return e->no_fd.error;
	}
	return 0;
}

int decode__event(union event *e, const void *data, size_t size)
{
	union event copy;
	struct ev_head head;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, data, sizeof(head));
	if (!head.type || head.type >= EV_TYPES || head.size != sizes[head.type] ||
	    head.size != size)
		return -EBADMSG;
	memcpy(&copy, data, size);
	if (head.type == EV_NO_FD) {
		terminate(copy.no_fd.actor.proc.comm);
		terminate(copy.no_fd.actor.thread);
	} else if (head.type == EV_PROCESS) {
		if (check_process(&copy.process))
			return -EBADMSG;
	} else if (head.type != EV_TREE) {
		if (check_base(&copy.base))
			return -EBADMSG;
		terminate(copy.base.sock.owner.comm);
		terminate(copy.base.actor.proc.comm);
		terminate(copy.base.actor.thread);
	}
	if (error_of(&copy) > 0 || error_of(&copy) < -MAX_ERRNO)
		return -EBADMSG;
	if (head.type == EV_STATE &&
	    (copy.state.old_state >= TCP_STATES || copy.state.new_state >= TCP_STATES))
		return -EBADMSG;
	memcpy(e, &copy, size);
	return 0;
}
