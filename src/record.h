/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - one record of the output, whatever the sink: an event of a socket's life joined with what
 * the table knows, a finding, a loss, the start or the stop. Sinks print it and decide nothing.
 */
#ifndef SOCKLIFE_RECORD_H
#define SOCKLIFE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <stdint.h>
#include "events.h"

struct netns_settings;

/* Which protocol's ports it has: those of MPTCP are TCP's. */
static inline uint8_t sock__port_proto(const struct ev_sock *s)
{
	return s->proto == IPPROTO_UDP ? IPPROTO_UDP : IPPROTO_TCP;
}

static inline bool sock__is_tcp(const struct ev_sock *s)
{
	return sock__port_proto(s) == IPPROTO_TCP;
}

/* From CLOCK_BOOTTIME to the wall: what the pipeline knows of it. Recorded in captures. */
struct wall {
	int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	int32_t gmtoff_s;  /* of the local zone, 0 with --utc */
	uint32_t pad;
};

enum record_type {
	RECORD_START,
	RECORD_PROCESS,
	RECORD_SNAPSHOT,
	RECORD_BIND,
	RECORD_LISTEN,
	RECORD_CONNECT,
	RECORD_ACCEPT,
	RECORD_PEER,
	RECORD_STATE,
	RECORD_CLOSE,
	RECORD_FINDING,
	RECORD_LOST,
	RECORD_CLOCK,
	RECORD_SEGMENT,
	RECORD_STOP,
	RECORD_TYPES,
	RECORD_NO_FD = RECORD_TYPES, /* for detectors only: no output has it */
};

/* The name of a type in JSON, in text and in --event: "bind", "listen", ... */
extern const char *const record_names[RECORD_TYPES];

#define INFERRED_OWNER     (1u << 0) /* owner: taken from the listener or the first user */
#define INFERRED_PROCESS   (1u << 1) /* proc, pid, comm: those of the owner */
#define INFERRED_CREATED   (1u << 2)
#define INFERRED_LISTENER  (1u << 3)
#define INFERRED_ENDED     (1u << 4) /* the close itself: seen missing, not seen dying */
#define INFERRED_LATENCY   (1u << 5)
#define INFERRED_CLOSED_BY (1u << 6)
#define INFERRED_WHO       (1u << 7) /* process: parents and users, asked for later */
#define INFERRED_EXE       (1u << 8)
#define INFERRED_ARGS      (1u << 9)
#define INFERRED_TIME      (1u << 10)

/* Why a socket ended, in `reason`; names in life.c. */
enum reason {
	REASON_UNKNOWN,
	REASON_LOCAL_CLOSE,
	REASON_REMOTE_CLOSE,
	REASON_LOCAL_RESET,
	REASON_REMOTE_RESET,
	REASON_TIMEOUT,
	REASON_REFUSED,
	REASON_UNREACHABLE,
	REASON_ABANDONED,
	REASON_ABORTED,
	REASON_BIND_FAILED,
	REASON_LISTEN_FAILED,
	REASON_CONNECT_FAILED,
	REASON_UNUSED,
	REASON_CLOSED,
	REASONS
};
extern const char *const reason_names[REASONS];

enum role { ROLE_IDLE, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER, ROLE_DATAGRAM, ROLES };
extern const char *const role_names[ROLES];

/* A whole life, told by `close`. Times are CLOCK_BOOTTIME ns, 0: did not happen. */
struct life {
	enum role role;
	enum reason reason;
	uint64_t created_ns, bound_ns, listening_ns, established_ns, released_ns, ended_ns;
	uint64_t first_ns; /* created, or first seen: where duration_us begins */
	uint64_t tx_bytes, rx_bytes, unacked_bytes, unread_bytes, accepted;
	uint32_t retrans, srtt_us;
	const __u64 *subflows; /* MPTCP: cookies, in the order of their coming */
	size_t n_subflows;
	bool time_wait;
	bool closed_by_exit; /* the process died holding it */
	bool closed_by_kernel;
	bool closed_by_known; /* else `closed_by` is left out */
};

/* Who acts. */
#define PROCESS_USER_MAX 64
struct process {
	struct ev_owner proc;
	bool whole; /* parents, euid, loginuid and session are known */
	bool uid_known;
	struct ev_owner parents[PROCESS_PARENTS]; /* the nearest first */
	const char *parent_exe[PROCESS_PARENTS];  /* NULL: not known */
	size_t n_parents;
	const char *exe;  /* NULL: not known */
	const char *args; /* NUL after each, but the last may be cut; NULL: not known */
	size_t args_len;
	uint64_t cgroup_id;
	uint32_t uid, euid, loginuid, session, nspid;
	char user[PROCESS_USER_MAX]; /* "" where the uid has no name */
};

struct finding;

/* An audit log's segment, as far as the pipeline knows it. */
struct segment {
	bool has_gap;    /* the recorder's first one, and there was a recorder before */
	uint64_t gap_ms; /* since its last record */
};

/* A socket that is told again at the beginning of a segment: what its `snapshot` says besides. */
struct retold {
	uint64_t created_ns, bound_ns, listening_ns, established_ns; /* 0: not known, or not yet */
	bool options_known;
};

/* What runs in the cgroup of a process. NULL: not known, or none. */
struct workload {
	const char *unit; /* of systemd */
	const char *runtime, *container_name;
	const char *pod, *pod_namespace, *pod_uid;
};

struct record {
	enum record_type type;
	uint64_t boot_ns;
	/* RECORD_SNAPSHOT to RECORD_CLOSE, and RECORD_FINDING: */
	const struct ev_sock *sock;
	const struct ev_actor *actor;    /* NULL or proc.tgid 0: nobody known */
	const struct ev_owner *owner;    /* NULL unless another process than the actor */
	const char *cgroup;              /* path of actor->cgroup_id, NULL: not known */
	const char *container;           /* NULL: none */
	const struct workload *workload; /* of the same cgroup, NULL: nothing is known */
	const char *exe;                 /* path of the actor's executable, NULL: not known */
	const char *
		netns_name; /* RECORD_FINDING: what `ip netns` calls its namespace, NULL: nothing */
	uint32_t inferred;  /* INFERRED_* */
	int error;          /* 0 or -errno */
	int fd;             /* -1: not known */
	const struct segment *segment; /* RECORD_START, RECORD_SEGMENT; NULL: not of an audit log */
	const struct retold *retold; /* RECORD_SNAPSHOT of a socket that is told again, else NULL */
	const struct netns_settings *settings; /* of its namespace; NULL: not told with this record */
	union {
		const struct ev_bind *bind;
		const struct ev_listen *listen;
		const struct ev_connect *connect;
		const struct ev_accept *accept;
		const struct ev_peer *peer;
		const struct ev_state *state;
		const struct ev_snapshot *snapshot; /* NULL where `retold` is not */
		const struct life *life;            /* RECORD_CLOSE */
		const struct finding *finding;
		const struct start *start; /* RECORD_SEGMENT too */
		const struct process *process;
		const struct lost *lost;
		int64_t step_us; /* RECORD_CLOCK: negative where the wall clock was set back */
		const struct stop *stop;
		const struct ev_no_fd *no_fd;
	} u;
};

/* The machine, the program and what it watches: told first. Strings live as long as the pipeline. */
#define START_LIST_MAX 32
struct start {
	const char *version, *kernel, *machine_id, *boot_id, *host;
	const char *args[64]; /* NULL-terminated */
	const char *hooks[START_LIST_MAX];
	const char *blind[START_LIST_MAX]; /* what is not seen: "raw", "sctp", ... */
};

struct lost {
	enum lost_reason reason;
	uint32_t pad; /* 0: no byte of a capture is left undefined */
	uint64_t count;
	uint64_t from_ns, to_ns;
};
extern const char *const lost_names[LOST_REASONS];

struct stop {
	uint64_t events[RECORD_TYPES];
	uint64_t lost[LOST_REASONS];
	const char *const *finding_ids; /* NULL-terminated, with their counts: */
	const uint64_t *finding_counts;
	int signal;      /* 0: none */
	uint32_t by_pid; /* who sent it; 0: not known */
	uint32_t by_uid;
	char by_comm[COMM_LEN];
};

/* What is wrong, who is involved, the evidence and the cure. Filled by a detector (detect.h). */
enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };
extern const char *const severity_names[];
enum finding_status { FINDING_OPEN, FINDING_UPDATE, FINDING_CLOSED };
extern const char *const finding_status_names[];

#define HOLDERS_MAX 16 /* named in one finding; `holders_total` counts all */

struct holder {
	struct ev_sock sock;  /* sock.cookie 0 for TIME_WAIT */
	struct ev_owner proc; /* tgid 0: no process holds it any more */
	uint32_t uid;         /* of the process, else of the socket */
	uint32_t sock_uid;    /* of the socket: what SO_REUSEPORT compares */
	bool uid_known;       /* both */
	bool options_known; /* sock_diag tells no SO_REUSE*: known where a process or the table has it */
	bool estimated; /* not all of the kernel's sources could be asked for this answer */
	char user[32];  /* "" where the uid has no name */
	uint64_t since_ns; /* listening, else bound or connected, else created or first seen; 0: not known */
};

/* One key of a finding's `evidence`. Keys are literals. */
enum evidence_kind {
	EVIDENCE_NUMBER,
	EVIDENCE_TEXT,
	EVIDENCE_FLAG,
	EVIDENCE_ADDRESS /* `addr`, of family `number` */
};
#define EVIDENCE_MAX      28
#define EVIDENCE_TEXT_MAX 160
struct evidence {
	const char *key;
	enum evidence_kind kind;
	uint64_t number;
	union {
		char text[EVIDENCE_TEXT_MAX]; /* UTF-8, unescaped */
		uint8_t addr[ADDR_LEN];
	};
};

/* A process that has its share in it, told in evidence.processes. */
#define FINDING_PROCESSES 8
#define PROCESS_COUNTS    3
struct finding_process {
	struct ev_owner proc;
	uint32_t uid;
	bool uid_known;
	uint64_t counts[PROCESS_COUNTS]; /* by finding.count_keys */
};

/* All zero but what is set: a detector fills it by finding__*() (finding.h). */
struct finding {
	const char *id;
	enum severity severity;
	enum finding_status status;
	uint64_t key;      /* stable hash of id, namespace and subject; printed as 16 hex digits */
	const char *rule;  /* or NULL */
	char message[512]; /* UTF-8, unescaped */
	char advice[512];
	uint64_t first_ns, last_ns;
	uint64_t count; /* evidence.count */
	bool news;      /* an update by another rule than before: its advice is another one too */
	bool gauge;     /* count is of things that are so now, not of times that it was met */
	bool any_port;  /* the call asked for no port by number */
	/* who met it */
	struct ev_sock sock; /* its local end is the one asked for, also where bind() refused it */
	struct ev_actor actor;
	uint32_t uid; /* that SO_REUSEPORT goes by: of the socket, else of the process */
	struct holder holders[HOLDERS_MAX];
	size_t n_holders, holders_total;
	/* evidence: */
	const char *call; /* "bind", "listen", "connect", "accept", "socket" or NULL */
	int error;        /* that it failed with, 0: none */
	bool estimated;   /* not all of it is the kernel's own word of this moment */
	struct evidence evidence[EVIDENCE_MAX];
	size_t n_evidence;
	struct finding_process processes[FINDING_PROCESSES]; /* the most involved first */
	size_t n_processes;
	const char *count_keys[PROCESS_COUNTS]; /* what their counts are called, NULL: not used */
};

#endif
