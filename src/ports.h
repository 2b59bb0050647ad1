/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports.h - the model behind `socklife ports`: every socket that has a port, in every namespace, its
 * processes, and what is left of the ephemeral ports. Pure: ports_collect.c feeds it, ports_text.c and
 * ports_json.c print it. Life: new, add, finish, select, predict, free.
 */
#ifndef SOCKLIFE_PORTS_H
#define SOCKLIFE_PORTS_H

#include "cgroup_cache.h"
#include "conflict.h"
#include "diag.h"
#include "kernel.h"
#include "options.h"
#include "record.h"
#include "sysctl.h"

#define PORTS_TIGHTEST 5
#define PORTS_NAME     64
#define PRIVILEGED_END 1024       /* "well-known" below */
#define PORTS_NONE     UINT32_MAX /* where an index could be */

struct ports_process {
	struct ev_owner proc;
	uint32_t uid, nspid;
	uint64_t cgroup_id;
	bool uid_unknown; /* of a log that does not say */
	/* words, where known; from the collector */
	char user[32];
	char container[CONTAINER_ID_LEN + 1];
	char *cgroup;
	const struct workload *workload; /* of ports.cgroups; NULL: nothing is known */
};

/* A process that has the socket, by one descriptor of it. */
struct ports_use {
	uint32_t process;
	int32_t fd;
	uint32_t next; /* the socket's next one */
};

enum ports_role { PORTS_LISTENER, PORTS_IDLE, PORTS_DATAGRAM, PORTS_SERVER, PORTS_CLIENT };
/* As in every record: "listener", ... */
extern const char *const ports_role_names[];

struct ports_sock {
	struct ev_sock sock; /* `owner` is not used: see `uses` */
	uint32_t netns;      /* index */
	uint32_t uses;       /* the first, PORTS_NONE: no process holds it */
	/* of a log: CLOCK_BOOTTIME, 0: not, or not known */
	uint64_t bound_ns, listening_ns, established_ns;
	uint32_t uid;   /* of the socket: what SO_REUSEPORT compares */
	uint32_t queue; /* LISTEN: waiting for accept(); else bytes that wait for the reader */
	uint32_t limit; /* LISTEN: how many may; else bytes that the peer has not acknowledged */
	uint32_t drops; /* LISTEN, UDP */
	uint32_t expires_ms;  /* TIME_WAIT */
	uint32_t listener;    /* the socket that accepted it, or would have */
	uint32_t connections; /* LISTEN: of this one, live */
	uint32_t time_waits;  /* LISTEN: of this one, in TIME_WAIT */
	uint32_t half_open;   /* LISTEN: of this one, the handshake not finished */
	uint8_t role;         /* enum ports_role */
	uint8_t state;        /* as `ss` shows it: a mini-socket is TIME_WAIT in `sock` */
	bool time_wait;       /* a mini-socket: FIN_WAIT2 or TIME_WAIT */
	bool in_diag;         /* sock_diag listed it: queue, limit and drops are known */
	bool options_known;   /* SO_REUSE* */
	bool mptcp;           /* carries an MPTCP connection */
	bool shown;           /* PORT and the filters want it */
};

/* What a destination takes of the ports of one local address: as struct port_use (kernel.h) counts. */
struct ports_pair {
	uint8_t laddr[ADDR_LEN], raddr[ADDR_LEN];
	uint16_t family, rport;
	uint32_t live, time_wait, reusable;
	uint32_t used; /* of `capacity`, the ports that bind() keeps from connect() included */
};

struct ports_netns {
	struct netns_ref ref;
	char name[PORTS_NAME]; /* of `ip netns`, "": none */
	bool own;
	int error; /* why sock_diag could not be asked inside, 0 or -errno: what no process holds is missing */
	struct netns_facts facts;  /* range_high 0: could not be read */
	struct port_set *reserved; /* NULL: not read */
	bool no_ipv6;
	uint32_t capacity;           /* ephemeral ports that are not reserved */
	uint32_t tcp_used, udp_used; /* of those, with any socket */
	uint32_t tcp_kept;           /* of those, kept from connect() by a bind() */
	uint32_t sockets, shown;
	uint32_t first;   /* where its sockets begin in `order`; n of them: `sockets` */
	uint32_t process; /* one that is in it, PORTS_NONE: none with a socket */
	struct ports_pair tightest[PORTS_TIGHTEST];
	size_t n_tightest;
};

struct ports {
	struct ports_netns *netns; /* own first, then by inode number */
	size_t n_netns, room_netns;
	struct ports_process *processes;
	size_t n_processes, room_processes;
	struct ports_use *uses;
	size_t n_uses, room_uses;
	struct ports_sock *socks;
	size_t n_socks, room_socks;
	uint32_t *order; /* socks by namespace, port, protocol, then listeners, bound, connections, TIME_WAIT */
	struct ports_seen *seen; /* what sock_diag told; gone after finish */
	size_t n_seen, room_seen;
	struct cgroup_cache *cgroups; /* has the strings of processes' workloads; NULL: none have */
	bool incomplete, diag_incomplete; /* no memory for some of it */
};

struct ports *ports__new(void); /* NULL: ENOMEM */
void ports__free(struct ports *p);

/*
 * The sources. add_snapshot() may run in another thread than the other two. A namespace's index stays
 * the same until finish; at most 2^32 - 2 of anything.
 */
uint32_t ports__add_netns(struct ports *p, const struct netns_ref *ref, const char *name);
void ports__add_diag(struct ports *p, uint32_t netns, const struct diag_sock *d);
void ports__add_snapshot(struct ports *p, const struct ev_snapshot *e);

/*
 * A log as the source (past.h), in place of those two: each process once, then each socket once, with its process
 * or PORTS_NONE. `cgroup` is the model's from here on. PORTS_NONE, false: ENOMEM.
 */
uint32_t ports__add_process(struct ports *p, const struct ports_process *process);
bool ports__add_told(struct ports *p, const struct ports_sock *told, uint32_t process, int32_t fd);

/* Joins the sources, sorts, counts. 0 or -ENOMEM. */
int ports__finish(struct ports *p);

/*
 * Marks what is to be shown: sockets of this local port (0: any) that the filters match as the programs
 * match them (bpf/emit.bpf.h). `cgroups`: the n ids that --cgroup, --container and --unit mean.
 */
void ports__select(struct ports *p, uint16_t port, const struct socket_filter *f,
		   const uint64_t *cgroups, size_t n);

/* The sockets of a port: order[*from .. *to). */
void ports__of_port(const struct ports *p, uint32_t netns, uint16_t port, uint32_t *from,
		    uint32_t *to);

/* "well-known", "registered" or "ephemeral" (in the range of this namespace). */
const char *ports__class(const struct ports_netns *n, uint16_t port);
bool ports__in_range(const struct ports_netns *n, uint16_t port);

/* --- ports_budget.c: capacity, use and the tightest pairs; ports__finish() calls it --- */

int ports__count_budget(struct ports *p);

/* --- ports_predict.c: would a bind() succeed now? --- */

/* What somebody could try. */
struct ports_question {
	uint8_t proto;
	uint16_t family, port;
	uint8_t laddr[ADDR_LEN];
	bool other;       /* laddr stands for any specific address at which nobody has the port */
	uint32_t options; /* OPT_REUSEADDR, OPT_REUSEPORT, OPT_V6ONLY */
	uint32_t uid;     /* effective */
	bool privileged;  /* CAP_NET_BIND_SERVICE */
};

#define PORTS_HOLDERS 16

struct ports_answer {
	int error;                       /* 0, -EADDRINUSE, -EACCES */
	enum conflict_rule rule;         /* of the first holder */
	bool estimated;                  /* it hangs on options that nobody could tell */
	uint32_t holders[PORTS_HOLDERS]; /* sockets in the way; listeners first */
	size_t n_holders, holders_total;
};

void ports__predict(const struct ports *p, uint32_t netns, const struct ports_question *q,
		    struct ports_answer *a);

/*
 * Calls ask() for each address at which a bind() of the port can have an answer of its own: 0.0.0.0 and
 * ::, those at which somebody has it (PORTS_ADDRESSES in all), and any other.
 */
#define PORTS_ADDRESSES 32
void ports__addresses(const struct ports *p, uint32_t netns, uint16_t port, uint8_t proto,
		      void (*ask)(void *arg, const struct ports_question *q), void *arg);

#endif
