/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.h - a local address and a destination: connect() needs a port that no other connection of the pair has, or one
 * whose TIME_WAIT it may take over.
 */
#ifndef SOCKLIFE_PAIR_H
#define SOCKLIFE_PAIR_H

#include <stdbool.h>
#include "record.h"

/* Of both addresses and the remote port. */
uint64_t pair__hash(const struct ev_sock *s);

/* Whether net.ipv4.tcp_tw_reuse lets connect() take over a TIME_WAIT between these: 2 is for loopback only. */
bool pair__reuses(uint32_t tw_reuse, const uint8_t laddr[ADDR_LEN], const uint8_t raddr[ADDR_LEN]);

/* Whether it may take over this one, in TIME_WAIT for `expires_ms` more, by now (tcp_twsk_unique). */
bool pair__reusable(uint32_t tw_reuse, const struct ev_sock *s, uint32_t expires_ms);

#endif
