/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.h - which sockets were open at a moment of the past, and which connections in TIME_WAIT, from the records
 * of a log around it. Pure: past_read.c feeds it. Life: new, records in the order of the log, fill, free.
 */
#ifndef SOCKLIFE_PAST_H
#define SOCKLIFE_PAST_H

#include "options.h"
#include "ports.h"
#include "report_record.h"

#define PAST_TIME_WAIT_NS (60 * 1000000000ull) /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
/* How long after the moment records still tell of it: accept() of what was queued, snapshots of a start. */
#define PAST_LATER_NS (2 * 1000000000ull)

struct past;

/* `at_ns`: since 1970. `max`: sockets at one time. NULL: ENOMEM. `f` must live as long; --follow adds pids to it. */
struct past *past__new(uint64_t at_ns, struct socket_filter *f, size_t max);
void past__free(struct past *p);
/*
 * Another recorder begins with what follows: what was open is not known any more, what had closed is, unless the
 * machine started again.
 */
void past__restart(struct past *p, uint64_t ts_ns, bool reboot);
/* Records of sockets and `process`, from PAST_TIME_WAIT_NS before the moment to PAST_LATER_NS after it. */
void past__take(struct past *p, const struct report_record *r);
/* CLOCK_REALTIME - CLOCK_BOOTTIME at the moment, as the last record before it has it. */
int64_t past__offset_ns(const struct past *p);
/* Sockets that had no room. */
uint64_t past__left_out(const struct past *p);
/* Into an empty model, to be finished by the caller. 0 or -ENOMEM. */
int past__fill(struct past *p, struct ports *ports);

#endif
