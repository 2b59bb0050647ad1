/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past_parts.h - inside of past.h: what past.c (sockets), past_who.c (processes, namespaces) and past_fill.c
 * share.
 */
#ifndef SOCKLIFE_PAST_PARTS_H
#define SOCKLIFE_PAST_PARTS_H

#include "idmap.h"
#include "past.h"

#define PAST_PROCESSES_MAX 131072
#define PAST_NETNS_MAX     16384

/* Each begins with the number that its map finds it by. */
struct past_sock {
	uint64_t id; /* cookie; of TIME_WAIT a hash of both ends */
	struct ev_sock sock;
	uint64_t bound_ns, listening_ns, established_ns; /* CLOCK_BOOTTIME */
	uint64_t ended_ns;                               /* TIME_WAIT, since 1970 */
	uint32_t uid;                                    /* of the owner, UINT32_MAX: not known */
	int32_t fd;                                      /* -1: not known */
	bool options_known;
};

struct past_process {
	uint64_t id;
	struct ports_process process;
	uint32_t index; /* in the model */
	bool used;
};

struct past_netns {
	uint64_t id; /* inode number */
	uint64_t cookie;
	struct netns_facts facts;
	struct port_set *reserved;
	char name[PORTS_NAME]; /* of `ip netns`, "": none */
	bool own;
	uint32_t index;
};

struct past {
	uint64_t at_ns;
	uint64_t run_ns; /* the recorder's first record */
	int64_t offset_ns;
	struct socket_filter *filter;
	struct idmap socks, closed, processes, netns;
	uint64_t left_out;
	bool over; /* the recorder of that moment has ended */
};

static inline uint64_t past__mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

/* --- past_who.c --- */

/* The number of its element in `processes`. */
uint64_t past__process_id(const struct ev_owner *o);
/* From "PID.START_NS.EXEC" and a name; false, *o untouched: it is none. */
bool past__owner(struct ev_owner *o, const char *proc, const char *comm);
void past__take_process(struct past *p, const struct report_record *r);
void past__take_netns(struct past *p, const struct report_record *r);
/* Those that no open socket names: they are told again before their next record in the next segment. */
void past__forget_processes(struct past *p);

#endif
