/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what a log says, in memory that does not grow with the log: filled record by record, then read by
 * report_text.c, report_json.c and report_html.c, which decide nothing.
 */
#ifndef SOCKLIFE_REPORT_H
#define SOCKLIFE_REPORT_H

#include "json.h"
#include "options.h"
#include "report_filter.h"
#include "report_hist.h"
#include "report_span.h"
#include "report_table.h"
#include "report_time.h"

#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define REPORT_NAMES_MAX    32768 /* processes, ports, destinations: each */
#define REPORT_FINDINGS_MAX 4096
#define REPORT_OPEN_MAX     200000 /* sockets that are open at one time */
#define REPORT_POINTS_MAX   2000
#define REPORT_LIVES_MAX    4000 /* of all, evenly chosen */
#define REPORT_FAILED_MAX   1000 /* and of those that went wrong */
#else /* which inputs can reach, and which take no time to make for each */
#define REPORT_NAMES_MAX    32
#define REPORT_FINDINGS_MAX 8
#define REPORT_OPEN_MAX     64
#define REPORT_POINTS_MAX   16
#define REPORT_LIVES_MAX    16
#define REPORT_FAILED_MAX   8
#endif
#define REPORT_HOSTS_MAX 16

/* Columns of the tables. */
enum {
	PROCESS_RECORDS,
	PROCESS_CONNECTS,
	PROCESS_ACCEPTS,
	PROCESS_FAILED,
	PROCESS_CLOSES,
	PROCESS_TX,
	PROCESS_RX
};
enum { PORT_USES, PORT_LISTENS, PORT_ACCEPTS, PORT_FAILED, PORT_CLOSES, PORT_TX, PORT_RX };
enum {
	DEST_USES,
	DEST_CONNECTS,
	DEST_FAILED,
	DEST_LATENCY_SUM,
	DEST_LATENCY_MAX,
	DEST_PEERS,
	DEST_TX,
	DEST_RX,
	DEST_LATENCIES
};
enum { ERROR_COUNT };
enum { LOSS_RECORDS, LOSS_COUNT, LOSS_FROM, LOSS_TO };
enum { ENDED_ALL, ENDED_CLIENT, ENDED_SERVER, ENDED_LISTENER, ENDED_DATAGRAM, ENDED_IDLE };

struct report_finding {
	char *id, *severity, *message, *advice, *status, *comm;
	uint64_t key, pid;
	uint64_t first_ns, last_ns;
	uint64_t count; /* evidence.count, summed over its episodes */
	uint64_t episodes, records;
	uint64_t episode_count; /* of the present one: already in `count` */
};

/* What a finding's evidence says of a moment. */
struct report_point {
	uint64_t ts_ns;
	char subject[112]; /* destination, or listener */
	uint64_t capacity, used, live,
		time_wait; /* accept queues: limit, length, drops since it listens, - */
};

/* Ephemeral ports of a network namespace: the recorder's own, else the one told last. */
struct report_range {
	uint64_t low, high, capacity; /* the last: without those that are reserved; 0: not told */
	bool own;
};

struct report_points {
	struct report_point *points; /* REPORT_POINTS_MAX */
	size_t n;
	uint64_t seen, stride; /* one in `stride` is kept */
};

struct report_life {
	uint64_t sock, ended_ns, duration_us, tx, rx;
	uint16_t lport, rport;
	bool has_bytes, time_wait;
	char proto[8], role[12], reason[20];
	char laddr[ADDR_TEXT + 2], raddr[ADDR_TEXT + 2], comm[24];
};

struct report_lives {
	struct report_life *lives;
	size_t n, max;
	uint64_t seen;
};

/* What a port was seen to be used for. */
struct report_port {
	uint32_t listens, clients, datagrams, bound, failed;
	uint32_t who; /* index + 1 in `processes`, 0: not known */
};

struct report {
	const struct options *options;
	struct report_filter *filter;
	struct report_span span;
	struct report_open *open;
	char *hosts[REPORT_HOSTS_MAX];
	size_t n_hosts;
	bool more_hosts;
	char boot[40]; /* of the last record */
	char kernel[96], version[32];
	uint64_t records, taken;    /* of the log; of these, in what was asked for */
	uint64_t first_ns, last_ns; /* of what was taken */
	uint64_t types[LOG_TYPES];
	uint64_t clock_steps, untracked;
	struct report_table errors, processes, ports, destinations, ended, losses;
	struct report_hist durations, latencies, waits;
	struct report_finding *findings;
	size_t n_findings;
	uint64_t findings_not_kept;
	struct report_points ephemeral, queues;
	struct report_range range;
	struct report_timeline timeline;
	struct report_port *port_map; /* 65536 */
	struct report_lives lives, failed;
	uint64_t random;
	/* told by the reader */
	uint64_t bad_lines, bad_files, torn;
};

int report__init(struct report *r, const struct options *o); /* 0 or -ENOMEM */
void report__free(struct report *r);

/* The front of each line; false: the rest need not be read. */
bool report__look(struct report *r, enum log_type type, uint64_t seq, uint64_t ts_ns,
		  const char *boot, size_t boot_len, bool has_gap);
/* The whole record, where report__look() said true. */
void report__take(struct report *r, const struct report_record *rec);
/* After the last record. */
void report__end(struct report *r);

/* For report_finding.c: the owner's name, else that of who acts; "ADDRESS:PORT". */
const char *report__owner(const struct report_record *rec);
void report__end_text(char *s, size_t size, const char *addr, uint64_t port);
void report_finding__take(struct report *r, const struct report_record *rec);
/* Its evidence counts sockets of the moment, not how often it was met. */
bool report_finding__counts_sockets(const struct report_finding *f);
void report_finding__free(struct report_finding *f);

/* What the report is about: asked for, or from the first to the last record. */
uint64_t report__from(const struct report *r);
uint64_t report__to(const struct report *r);
double report__coverage(const struct report *r); /* percent; 0 where nothing is known */
/* For qsort(): by the time when they were met first. */
int report__by_time(const void *a, const void *b);

/* "80" -> "http"; "" where there is no such service. */
const char *report__service(const char *proto, unsigned int port);

void report_text__write(struct report *r, struct buf *b);
void report_json__write(struct report *r, struct buf *b, bool page);
/* In place of what is in the file. 0 or -errno. */
int report_html__write(struct report *r, int fd);

#endif
