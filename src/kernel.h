/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - the "ask the kernel" interface: the only way in which the table and the detectors learn
 * what no event carries. Live answers come from the kernel (ask.c); a capture keeps each answer, and
 * replay gives them back in the same order. Answers are plain bytes without padding that is not zero.
 */
#ifndef SOCKLIFE_KERNEL_H
#define SOCKLIFE_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "events.h"

enum question {
	ASK_CGROUP =
		1, /* question: uint64_t cgroup id. answer: its path in the cgroup2 hierarchy, no NUL */
	ASK_USER,      /* question: uint32_t uid. answer: its name, no NUL */
	ASK_HOLDERS,   /* question: struct ask_holders. answer: array of struct holder (record.h) */
	ASK_NETNS,     /* question: struct ask_netns. answer: struct netns_facts */
	ASK_LISTENERS, /* question: struct ask_netns. answer: array of struct listener_queue */
	ASK_CLOSE_WAIT, /* question: struct ask_close_wait. answer: array of struct close_waiter */
	ASK_PORT_USE,   /* question: struct ask_port_use. answer: struct port_use */
	ASK_FILES,      /* question: struct ask_files. answer: struct file_use */
	ASK_ADDRESS,    /* question: struct ask_address. answer: struct address_facts */
	ASK_RESERVED, /* question: struct ask_netns. answer: ip_local_reserved_ports as text, no NUL */
	ASK_SOCKET,  /* question: struct ask_socket. answer: struct known_socket, from the table */
	ASK_PROCESS, /* question: struct ask_process. answer: struct ev_process (events.h) */
	ASK_CONTAINER,  /* question: struct ask_container. answer: struct container_names */
	ASK_NETNS_NAME, /* question: struct netns_ref. answer: its name in `ip netns`, no NUL */
	QUESTIONS
};

/* A network namespace, and where to find it. */
struct netns_ref {
	uint64_t cookie; /* 0: not known */
	uint32_t inode;
	uint32_t tgid; /* a process that is likely in it, 0: none known */
};

/* Every socket of one namespace that has this local port, TIME_WAIT included; the caller judges. */
struct ask_holders {
	struct netns_ref net;
	uint64_t except;    /* cookie of the newcomer itself */
	uint16_t port;      /* host order */
	uint8_t proto;      /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t table_only; /* 1: only what the table knows, of which the pipeline makes the answer */
	uint8_t failed;     /* 1: a call has failed, and this says why: it can wait least */
	uint8_t pad[3];
};

struct ask_netns {
	struct netns_ref net;
	uint16_t port; /* ASK_NETNS: is this one reserved? 0: none is meant */
	uint8_t pad[6];
};

/* Settings and counts of a namespace, read inside it. A setting that this kernel has not is 0. */
struct netns_facts {
	uint32_t range_low, range_high; /* ip_local_port_range, both ends included */
	uint32_t reserved;              /* ip_local_reserved_ports: how many of the range */
	uint32_t port_reserved;         /* 1: the port asked about is among them */
	uint32_t unprivileged_start;    /* ip_unprivileged_port_start */
	uint32_t nonlocal_bind;         /* ip_nonlocal_bind */
	uint32_t somaxconn;
	uint32_t tw_reuse;      /* tcp_tw_reuse: 0 never, 1 always, 2 on loopback */
	uint32_t time_wait;     /* sockets in TIME_WAIT now */
	uint32_t max_time_wait; /* tcp_max_tw_buckets */
	uint32_t has_conntrack; /* 1: the next two are known */
	uint32_t conntrack;     /* nf_conntrack_count */
	uint32_t max_conntrack; /* nf_conntrack_max; 0: no limit */
	uint32_t listen_drops;  /* TcpExt ListenDrops: handshakes that listeners dropped; wraps */
	uint32_t foreign;       /* 1: not the namespace that socklife runs in */
};

/* What the audit log tells of a namespace. */
#define RESERVED_PORTS_MAX 4096
#define NETNS_NAME_MAX     255 /* bytes, any but '/' */
struct netns_settings {
	struct netns_facts facts;
	const char *reserved_ports; /* as the sysctl has them; NULL: none, or too many to tell */
	const char *name;           /* of `ip netns`; NULL: none */
};

/* A listener whose queue is not empty or that has dropped connections. The fullest first. */
struct listener_queue {
	struct ev_sock sock; /* without owner: ASK_SOCKET has it */
	uint32_t length;     /* connections waiting for accept() */
	uint32_t limit;      /* the effective backlog; the queue takes one more than it */
	uint32_t drops;      /* since it was made; wraps */
	uint32_t uid;        /* of the socket */
};

struct ask_close_wait {
	struct netns_ref net;
	uint32_t over_ms; /* only those that wait at least so long */
	uint32_t pad;
};

/*
 * A socket in CLOSE_WAIT: the peer has closed, this end has not. The oldest first. Small, since a leak
 * has many.
 */
struct close_waiter {
	uint64_t cookie;
	uint8_t laddr[ADDR_LEN], raddr[ADDR_LEN];
	uint16_t lport, rport;
	uint16_t family;
	uint16_t queued; /* 1: no accept() has taken it yet */
	uint32_t age_ms; /* since the last segment that acknowledged something: at least so long */
	uint32_t uid;    /* of the socket */
};

/* Which local ports can still be used, from this address to that destination? */
struct ask_port_use {
	struct netns_ref net;
	uint8_t laddr[ADDR_LEN]; /* unspecified: of any local address */
	uint8_t raddr[ADDR_LEN];
	uint16_t rport;
	uint16_t low, high; /* the socket's own range (IP_LOCAL_PORT_RANGE), 0: the namespace's */
	uint8_t proto;
	uint8_t exclusive; /* one that nobody has on laddr is wanted: bind() to port 0, UDP */
	uint8_t v6only;    /* exclusive: IPV6_V6ONLY, where laddr is :: */
	uint8_t users;     /* 1: who has them too; costs a walk over all descriptors */
	uint8_t failed;    /* as in ask_holders */
	uint8_t pad[5];
};

#define PORT_USERS 8

struct port_user {
	struct ev_owner proc;
	uint32_t uid;
	uint32_t live;  /* its sockets among port_use.live and .bound */
	uint32_t bound; /* its connections among port_use.bound_first */
	uint32_t pad;
};

/* Counts of ports inside the range and not reserved. used = live + time_wait + bound. */
struct port_use {
	uint32_t low, high; /* the range that counts */
	uint32_t reserved;  /* ports of the range in ip_local_reserved_ports */
	uint32_t capacity;  /* ports that could be used in all */
	uint32_t used;      /* ports that cannot be had now */
	uint32_t live; /* with a connection to the destination; exclusive: with any, UDP: any socket */
	uint32_t time_wait; /* only in TIME_WAIT, and not to be had by tcp_tw_reuse */
	uint32_t bound;     /* not of these, but kept by bind(); all only with `users` */
	uint32_t bound_first; /* `users`: with a connection to anywhere whose port bind() chose before */
	uint32_t reusable;  /* in TIME_WAIT, and tcp_tw_reuse gives them to a connect() */
	uint32_t tw_reuse;  /* tcp_tw_reuse: 0 never, 1 always, 2 on loopback */
	uint32_t own_netns; /* 1: the namespace is socklife's own */
	uint32_t estimated; /* 1: not all of the kernel's sources could be asked */
	uint32_t n_users;
	struct port_user users[PORT_USERS]; /* most sockets first */
};

struct ask_files {
	uint64_t start_ns; /* of the process: another may have its number by now */
	uint32_t tgid;
	uint32_t pad;
};

#define FILE_STATES 13 /* TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12) */

/* A socket with two descriptors counts twice. -ESRCH: the process has ended. */
struct file_use {
	uint64_t soft_limit, hard_limit;    /* RLIMIT_NOFILE */
	uint64_t open;                      /* descriptors */
	uint64_t system_open, system_limit; /* fs.file-nr: for ENFILE */
	uint32_t tcp[FILE_STATES];          /* descriptors of TCP sockets by their state */
	uint32_t udp;                       /* of UDP sockets */
	uint32_t estimated;                 /* 1: its sockets could not be listed */
	uint32_t pad;
};

/* Is this address one of the namespace's, and can it be used? */
struct ask_address {
	struct netns_ref net;
	uint8_t addr[ADDR_LEN];
};

struct address_facts {
	uint32_t ifindex;       /* that has it; 0: none has */
	uint32_t tentative;     /* 1: IPv6, duplicate address detection is not done */
	uint32_t dad_failed;    /* 1: ... or has failed */
	uint32_t loopback_up;   /* 1: lo is up */
	uint32_t ipv6_disabled; /* net.ipv6.conf.all.disable_ipv6, or lo's for a loopback address */
	uint32_t nonlocal_bind; /* ip_nonlocal_bind of the address's family */
	char device[16];        /* name of the interface, "" for none */
};

/* What the table knows of an open socket. */
struct ask_socket {
	uint64_t cookie;
	uint64_t netns_cookie;
	uint16_t queued_on; /* where it is not known: its owner is that of the listener on this port. 0: none */
	uint8_t pad[2];
	uint32_t inode; /* where the cookie is not known: of an MPTCP listener, whose subflow it is. 0: not asked */
};

/* -ENOENT: the table does not know it. */
struct known_socket {
	struct ev_sock sock;
	struct ev_actor actor; /* the owner, tgid 0: not known */
	uint64_t since_ns;     /* listening, else connected, else bound, else first seen */
	uint32_t uid_known;    /* actor's uid and cgroup are known too */
	uint32_t options_known;
};

/* A process as it was at this exec. -ESRCH: it has ended, or is another program by now. */
struct ask_process {
	uint64_t start_ns;
	uint32_t tgid;
	uint32_t exec;
};

/* What is it called, as far as files of its runtime and of the kubelet on this host tell? -ENOENT: they do not. */
struct ask_container {
	char container[64]; /* id, no NUL; first byte 0: not known, only the pod */
	char pod_uid[40];   /* NUL-terminated, "": not in a pod */
	uint8_t runtime;    /* enum runtime (cgroup_path.h); 0: any */
	uint8_t pad[7];
};

#define CONTAINER_NAME_MAX 255
#define POD_NAME_MAX       253
#define POD_NAMESPACE_MAX  63

/* "" where it is not known. Any bytes: users choose them. */
struct container_names {
	char container[CONTAINER_NAME_MAX + 1];
	char pod[POD_NAME_MAX + 1];
	char pod_namespace[POD_NAMESPACE_MAX + 1];
	uint8_t runtime; /* whose files it was, 0: not known */
	uint8_t pad;
};

/* Bytes of answer put into `answer`, at most `max` (a whole number of elements), or -errno. */
typedef ssize_t kernel_ask_fn(void *arg, enum question q, const void *question, size_t len,
			      void *answer, size_t max);

struct kernel {
	kernel_ask_fn *ask;
	void *arg;
};

static inline ssize_t kernel__ask(const struct kernel *k, enum question q, const void *question,
				  size_t len, void *answer, size_t max)
{
	return k->ask(k->arg, q, question, len, answer, max);
}

#endif
