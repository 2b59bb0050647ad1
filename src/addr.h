/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr.h - what an address is: 16 bytes, IPv4 v4-mapped, as events.h has them.
 */
#ifndef SOCKLIFE_ADDR_H
#define SOCKLIFE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool addr__is_mapped(const uint8_t addr[16])
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)addr);
}

/* 0.0.0.0 or :: */
static inline bool addr__is_wildcard(const uint8_t addr[16])
{
	return IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)addr) ||
	       (addr__is_mapped(addr) && !(addr[12] | addr[13] | addr[14] | addr[15]));
}

/* 127.0.0.0/8 or ::1 */
static inline bool addr__is_loopback(const uint8_t addr[16])
{
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)addr) ||
	       (addr__is_mapped(addr) && addr[12] == 127);
}

#endif
