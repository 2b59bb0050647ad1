/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tracer.h - the eBPF side, from userspace: open, load, attach, read, free. The only module that
 * knows the skeleton.
 */
#ifndef SOCKLIFE_TRACER_H
#define SOCKLIFE_TRACER_H

#include <stdbool.h>
#include "options.h"
#include "record.h"

struct tracer;

/* What to watch. `filter` must outlive the tracer. */
struct tracer_config {
	const struct socket_filter *filter;
	bool states;        /* every TCP state change */
	bool sends;         /* UDP: the port that a first send chose, and each destination */
	bool tree;          /* follow descendants: of --pid, or of what is forked while adopting */
	bool only_snapshot; /* no events: tracer__snapshot() with SNAPSHOT_PORTS, and */
	bool tcp_options;   /* ... tracer__tcp_options() too */
	bool only_try;      /* the programs as they are, attached for a moment: nothing is kept */
	size_t ring_size;   /* bytes */
};

/* Why something cannot be: one sentence for the user. */
struct tracer_error {
	char text[512];
	bool usage; /* it is the command line's fault */
};

/*
 * Finds out what this kernel offers and prepares the programs. NULL with *why set and errno: the
 * caller ends with EXIT_CANNOT_RUN.
 */
struct tracer *tracer__open(const struct tracer_config *c, struct tracer_error *why);
/* 0 or -errno with *why set. Afterwards events are being recorded. */
int tracer__start(struct tracer *t, struct tracer_error *why);
/* When the first hook was about to be attached, CLOCK_BOOTTIME: no record is older. */
uint64_t tracer__attaching(const struct tracer *t);
/* No more records are made. Those in the ring can still be read, and the iterators work. */
void tracer__stop(struct tracer *t);
void tracer__free(struct tracer *t);

/* Readable when a record has come since tracer__sleep(). */
int tracer__fd(const struct tracer *t);
/* False: the ring is not empty, and the descriptor stays silent. */
bool tracer__sleep(struct tracer *t);
/* Calls `event` for each record in the ring, a fifth of a second's worth at most. Returns how many. */
typedef void tracer_event_fn(void *arg, const void *data, size_t size);
int tracer__consume(struct tracer *t, tracer_event_fn *event, void *arg);

/*
 * Walks every open descriptor of the host once: one struct ev_snapshot each. `mode` is SNAPSHOT_*
 * (settings.h); `port` limits it to a local port, `netns` to the namespace with this inode number (0:
 * any). 0 or -errno.
 */
int tracer__snapshot(struct tracer *t, int mode, uint16_t port, uint32_t netns,
		     tracer_event_fn *event, void *arg);

/*
 * Calls found() for each TCP socket with this local port (0: any) in the namespace of the calling thread,
 * those without a process too. One caller at a time. 0, -EOPNOTSUPP where this kernel has no such
 * iterator, or -errno.
 */
typedef void tracer_options_fn(void *arg, const struct port_options *o);
int tracer__tcp_options(struct tracer *t, uint16_t port, tracer_options_fn *found, void *arg);

/*
 * Who the process with this number is now, but for its arguments. -ESRCH: there is none. The number is the
 * one of socklife's own pid namespace.
 */
int tracer__process(struct tracer *t, uint32_t tgid, struct ev_process *e);

/* Losses in the kernel since the last call, one `lost` a reason. */
void tracer__losses(struct tracer *t, void (*lost)(void *arg, const struct lost *l), void *arg);
/* Whether, since the last call, an accept() was seen of a connection that is not known: a snapshot makes its record. */
bool tracer__accepted_unknown(struct tracer *t);
/* Whether the kernel still has this socket. */
bool tracer__alive(const struct tracer *t, uint64_t cookie);
/*
 * What the programs remember of it by now, from any thread: of a connect() without an answer yet nothing
 * else tells. A copy that may be torn. False: nothing.
 */
struct facts;
bool tracer__facts(const struct tracer *t, uint64_t cookie, struct facts *facts);

/*
 * Finds TCP sockets that were let go of before `before_ns`, are no more, and were not seen to die: a program that would
 * have seen it was not run. The programs forget them; gone[] gets their cookies. `room` is SWEEP_MAX at least. Returns how
 * many. Looks at all that are in fixed slots, and at some of the others: a later call goes on with those. What is in the ring
 * must be read before one is believed: a close that came in the last moment is there.
 */
size_t tracer__sweep(struct tracer *t, uint64_t before_ns, uint64_t *gone, size_t room);

/* While on, the processes that the caller forks are followed, and what they fork. */
void tracer__adopt(struct tracer *t, bool on);
/* A process that was there before and is to be followed. */
int tracer__follow(struct tracer *t, uint32_t tgid);
/* Processes followed that have not ended. */
int64_t tracer__followed(const struct tracer *t);

/* Once a second: looks for containers and units that have come since (--container, --unit), and tracer__clock(). */
void tracer__refresh(struct tracer *t);
/* After a resume from suspend: the programs turn CLOCK_MONOTONIC into CLOCK_BOOTTIME. */
void tracer__clock(struct tracer *t);

/* The cgroup2 root, the tracer's own. */
int tracer__cgroup_fd(const struct tracer *t);
/* Names of the hooks in use, at most max - 1 and a NULL. */
void tracer__hooks(const struct tracer *t, const char **names, size_t max);

/* For `check`: each hook, in turn. */
struct hook_status {
	const char *name;
	const char *kind;
	const char *without; /* what is lost without it */
	bool required;
	bool wanted;      /* by a plain trace */
	const char *only; /* else: "only with --follow or -- CMD" */
	int error;        /* 0: works here; -errno */
};
/* 0, or -errno with *why set where nothing can be tried at all. */
int tracer__check(void (*report)(void *arg, const struct hook_status *s), void *arg,
		  struct tracer_error *why);

#endif
