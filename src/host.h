/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - the machine and the clocks: what the edge knows and the pipeline is told.
 */
#ifndef SOCKLIFE_HOST_H
#define SOCKLIFE_HOST_H

#include <stdint.h>
#include <time.h>
#include "record.h"
#include "sink.h"

/* Any clock in ns. */
uint64_t host__clock(clockid_t id);
/* CLOCK_BOOTTIME in ns. */
uint64_t host__now(void);
/* How far it is ahead of CLOCK_MONOTONIC: how long the host was suspended since its boot, to some 100 ns. */
int64_t host__suspended(void);
/* The wall clock against it; gmtoff 0 when `utc`. */
struct wall host__wall(bool utc);
/*
 * A descriptor that becomes readable when the wall clock is stepped, not when it is slewed: -errno.
 * Armed for one step; again by host__clock_arm().
 */
int host__clock_fd(void);
void host__clock_arm(int fd);
/* Seconds east of UTC, now. */
int32_t host__gmtoff(bool utc);
/* Version, kernel, ids, host name and this process's arguments, into `s`. Static storage. */
void host__describe(struct start *s);
/* The name of a process, "" where it is gone. */
void host__comm(uint32_t pid, char comm[COMM_LEN]);
/* Every descendant of these processes that there is now. 0 or -errno. */
int host__descendants(const uint32_t *pids, size_t n, void (*found)(void *arg, uint32_t pid),
		      void *arg);

#endif
