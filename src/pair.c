// SPDX-License-Identifier: GPL-2.0-or-later
/* pair.c - the hash of a pair, and which TIME_WAIT a connect() may take over. */
#include "pair.h"

#include <string.h>

#include "addr.h"

#define TIME_WAIT_MS 60000 /* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define REUSE_MS     1000  /* tcp_tw_reuse takes them after a second (tcp_twsk_unique) */

uint64_t pair__hash(const struct ev_sock *s)
{
	uint64_t words[4], h = s->rport;
	int i;

	memcpy(words, s->laddr, ADDR_LEN);
	memcpy(words + 2, s->raddr, ADDR_LEN);
	for (i = 0; i < 4; i++)
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

bool pair__reuses(uint32_t tw_reuse, const uint8_t laddr[ADDR_LEN], const uint8_t raddr[ADDR_LEN])
{
	return tw_reuse == 1 ||
	       (tw_reuse == 2 && (addr__is_loopback(raddr) || addr__is_loopback(laddr)));
}

bool pair__reusable(uint32_t tw_reuse, const struct ev_sock *s, uint32_t expires_ms)
{
	return expires_ms <= TIME_WAIT_MS - REUSE_MS && pair__reuses(tw_reuse, s->laddr, s->raddr);
}
