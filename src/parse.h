/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.h - strict parsers of what people type: the whole string must be a value, nothing overflows,
 * no locale. Each returns 0, or -EINVAL with its out-parameter untouched.
 */
#ifndef SOCKLIFE_PARSE_H
#define SOCKLIFE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "settings.h"

/* Decimal digits only. */
int parse__unsigned(const char *s, uint64_t min, uint64_t max, uint64_t *value);

/* "500ms" "10s" "5m" "2h" "30d", also "us". At most INT64_MAX ns, so that now + T cannot overflow. */
int parse__duration(const char *s, uint64_t *ns);

/*
 * A moment, in ns since 1970: RFC 3339 ("2026-05-03T03:12:00Z", "+02:00"), "2026-05-03 03:12[:00]", "2026-05-03",
 * "03:12[:00]" (of the day of `now`, also where that is still to come), "now", "today" and "yesterday" (midnight),
 * or "-2h" (before `now`). Local time unless a zone is given; a time that the clock's change leaves out is wrong, one
 * that it repeats is the first. Years 1970 to 2200. In parse_time.c.
 */
int parse__time(const char *s, uint64_t now_ns, uint64_t *ns);

/* "4096" "64K" "16M" "1G": bytes, powers of 1024. */
int parse__size(const char *s, uint64_t *bytes);

/* "N" or "N-M", 1 to 65535: sets bit N % 64 of ports[N / 64] and so on, clears none. */
int parse__ports(const char *s, uint64_t ports[PORT_WORDS]);

/*
 * "10.0.0.0/8", "2001:db8::/32", or one address. Host bits are cleared. An IPv4 one is v4-mapped with
 * a mask of at least 96 bits: it matches IPv4 and v4-mapped IPv6, and 0.0.0.0/0 no other IPv6.
 */
int parse__cidr(const char *s, struct filter_cidr *cidr);
/* Is this address, IPv4 as v4-mapped, one that the CIDR means? As filter__addr() of bpf/emit.bpf.h has it. */
bool cidr__has(const struct filter_cidr *cidr, const uint8_t addr[ADDR_LEN]);

/* A number, or the name of a user of this system. (uid_t)-1 is nobody's. */
int parse__uid(const char *s, uint32_t *uid);

/* "EADDRINUSE", in any case: its positive number. */
int parse__errno(const char *s, int *error);

/* An inode number, a path such as /proc/PID/ns/net, or a name in /run/netns: the inode number. */
int parse__netns(const char *s, uint32_t *inode);

/*
 * Takes the next item of a comma list out of *list, which is NULL after the last one. Returns 1, 0 when
 * there are no more, or -EINVAL for an item that does not fit. Items may be empty.
 */
int parse__next(const char **list, char *item, size_t size);

/* Edits (insert, delete, replace a character) between two words, to suggest one for the other. */
unsigned int parse__distance(const char *a, const char *b);

#endif
