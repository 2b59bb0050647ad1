/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_fields.h - the fields that JSON records of every kind share, written in one way: docs and
 * interface name them.
 */
#ifndef SOCKLIFE_JSON_FIELDS_H
#define SOCKLIFE_JSON_FIELDS_H

#include "json.h"
#include "record.h"

/* ,"boot":...,"host":...,"type": - the same in every record of an output: made once. */
void fields__common(struct buf *common, const char *boot_id, const char *host);
/* The beginning of a record, its type included. seq 0: `{"v":1,"seq":N,` comes later, in front of it. */
void fields__head(struct buf *b, const struct buf *common, struct stamp *stamp,
		  const struct wall *wall, uint64_t seq, uint64_t boot_ns, const char *type);

/* A CLOCK_BOOTTIME as a time of the wall; absent where it is 0. */
void fields__time(struct buf *b, struct stamp *stamp, const struct wall *wall, const char *key,
		  uint64_t boot_ns);
void fields__addr(struct buf *b, const char *key, const uint8_t *addr, int family);
void fields__comm(struct buf *b, const char *key, const char comm[COMM_LEN]);
/* proc, pid, comm */
void fields__proc(struct buf *b, const struct ev_owner *p);
/* options, ifindex */
void fields__options(struct buf *b, const struct ev_sock *sock);
/* family mapped laddr lport raddr rport; `local`: it has an address or a port */
void fields__ends(struct buf *b, const struct ev_sock *sock, bool local, const uint8_t *raddr,
		  uint16_t rport);
void fields__netns(struct buf *b, const struct ev_sock *sock);
/* What runs in a cgroup, each part where it is known. `w` NULL: nothing is. */
void fields__workload(struct buf *b, const struct workload *w);

#endif
