/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.h - bytes from the ring buffer or a capture become an event that can be trusted in form:
 * known type, exact size, names terminated, ports and states in range.
 */
#ifndef SOCKLIFE_DECODE_H
#define SOCKLIFE_DECODE_H

#include <stddef.h>
#include "events.h"

union event {
	struct ev_head head;
	struct ev_base base;
	struct ev_bind bind;
	struct ev_listen listen;
	struct ev_connect connect;
	struct ev_accept accept;
	struct ev_peer peer;
	struct ev_state state;
	struct ev_close close;
	struct ev_snapshot snapshot;
	struct ev_tree tree;
	struct ev_no_fd no_fd;
	struct ev_process process;
	struct ev_subflows subflows;
};

/* Copies the event at `data` to `e`. Returns 0, or -EBADMSG and leaves `e` untouched. */
int decode__event(union event *e, const void *data, size_t size);

#endif
