/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - what `socklife top` knows: every open socket, those that closed in the last seconds with what
 * happened to them, findings, rates. Records make it live; a walk through the kernel's sockets (walk.h)
 * adds what no event carries. A frame of it (frame.h) is what the screen draws. Any thread may call.
 */
#ifndef SOCKLIFE_TOP_MODEL_H
#define SOCKLIFE_TOP_MODEL_H

#include <stdatomic.h>
#include "diag.h"
#include "options.h"
#include "record.h"
#include "sink.h"

#define TOP_CLOSED_NS    (5 * 1000000000ull) /* a closed socket is shown so long */
#define TOP_CLOSED_MAX   16384               /* and the newest so many of them */
#define TOP_FINDINGS_MAX 512
#define TOP_EVENTS_SOCK  64         /* remembered of one socket: the first and the last ones */
#define TOP_EVENTS_MAX   (1u << 19) /* of all: some 40 MB */
#define TOP_PROCESSES    16384
#define TOP_CONTAINERS   4096 /* different ones that have a name; the others have none */

/* One socket, as a row shows it. Times are CLOCK_BOOTTIME ns, 0: did not happen or not known. */
struct top_sock {
	struct ev_sock sock;
	uint64_t first_ns; /* created, else first seen */
	uint64_t bound_ns, listening_ns, established_ns, closed_ns;
	uint64_t state_ns;  /* since when its state is so: seen by a walk, or of an event */
	uint64_t walked_ns; /* when the counters were read last */
	uint64_t listener;  /* cookie of the one that it came from */
	uint64_t tx_bytes, rx_bytes;
	uint64_t tx_rate, rx_rate; /* bytes a second */
	uint64_t queued_ns;        /* how long it waited for accept(), or does so far */
	uint64_t accepted;         /* LISTEN: in this trace */
	uint64_t finding;          /* key of the newest finding that it met, 0: none */
	const char *container;     /* its id; NULL: none. Lives as long as the model */
	uint32_t uid;
	uint32_t retrans, srtt_us, rttvar_us, cwnd, mss, unacked, notsent_bytes;
	uint32_t queue, limit, drops; /* LISTEN: of the accept queue; UDP: bytes, 0, drops */
	uint32_t new_drops;           /* of them, in this trace */
	uint32_t accept_rate, connections;
	uint8_t state; /* TCP_*, as `ss` shows it; of a closed one the last one known */
	uint8_t role;  /* enum role; of a closed one */
	uint8_t reason;
	bool uid_known, options_known;
	bool time_wait;    /* closed: its tuple stays held */
	bool queued;       /* waits for accept() */
	bool auto_bound;   /* UDP: its first send chose the port */
	bool from_kernel;  /* no record has told of it yet */
	bool has_counters; /* TCP: tx_bytes and so on are known */
	bool drops_known;  /* `drops` were read before: new ones can be told */
	bool chosen;       /* a record of it matched --event, --failed, --errno or --slower */
	int error;         /* of its last record that failed, -errno */
};

/* Something that happened to a socket. */
struct top_event {
	uint64_t boot_ns;
	uint64_t a, b; /* by type: see view_story.c */
	uint32_t next; /* index; the model's own */
	uint32_t pid;
	char comm[COMM_LEN];
	uint8_t addr[ADDR_LEN];
	uint16_t port;
	uint16_t family;
	int16_t error; /* -errno */
	uint8_t type;  /* enum record_type */
	uint8_t state; /* RECORD_STATE: seen by a walk */
};

/* A finding as it was told last. Not changed once made. */
struct top_finding {
	atomic_uint refs;
	uint64_t opened_ns;
	uint64_t seq; /* rising with each that is opened */
	struct finding f;
};

struct top_model;
struct top_frame;

struct top_model_config {
	size_t max;                         /* sockets */
	const struct record_filter *chosen; /* lives as long as the model */
	bool filtered; /* --pid and the like: what no record told of is somebody else's */
};

/* NULL: ENOMEM. */
struct top_model *top_model__new(const struct top_model_config *c);
void top_model__free(struct top_model *m);

/* The sink of the pipeline; freeing it leaves the model. NULL: ENOMEM. */
struct sink *top_model__sink(struct top_model *m);
void top_model__record(struct top_model *m, const struct record *r);

/*
 * A walk through the kernel's sockets: begin, then each in portions, then end. `whole`: all were told,
 * so one without a record that was not among them is gone. walked() writes to unknown[0..n) the indexes of
 * those that it does not know and returns how many; what the caller finds out of them goes to add().
 */
void top_model__walk_begin(struct top_model *m, uint64_t now_ns, bool whole);
size_t top_model__walked(struct top_model *m, const struct diag_sock *list, size_t n,
			 uint32_t *unknown);
/*
 * The MPTCP sockets of the model, sorted for join_mptcp(), to be freed by the caller: a subflow, which is what the
 * walk meets, has the inode of the one that it belongs to, and is told to the model as that one.
 */
struct top_mptcp {
	uint64_t inode, cookie;
};
size_t top_model__mptcp(struct top_model *m, struct top_mptcp **list);
void top_model__join_mptcp(const struct top_mptcp *list, size_t n, struct diag_sock *d);
/* `actor`, and since when it is connecting or established: NULL and 0 where nobody knows. */
void top_model__add(struct top_model *m, const struct diag_sock *d, const struct ev_actor *actor,
		    uint64_t since_ns);
void top_model__walk_end(struct top_model *m, uint64_t now_ns);

/* Joins what is known of sockets here to what sock_diag told the model of ports; before ports__finish(). */
struct ports;
void top_model__tell_ports(struct top_model *m, struct ports *p);
/* The ports as they were counted; the model takes it over (port_space.h). */
struct top_ports;
void top_model__set_ports(struct top_model *m, struct top_ports *p);

/* What frames are made of; frame.h has the life of a frame. */
#define TOP_TAKE_SOCKS     (1u << 0)
#define TOP_TAKE_LISTENERS (1u << 1) /* with how many connections each has */
void top_model__take(struct top_model *m, struct top_frame *f, uint64_t now_ns, uint32_t what);

#endif
