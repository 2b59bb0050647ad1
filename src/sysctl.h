/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl.h - settings and counts of the network namespace that the calling thread is in.
 */
#ifndef SOCKLIFE_SYSCTL_H
#define SOCKLIFE_SYSCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* /proc/sys/NAME as a number, or `fallback` where there is no such setting. */
uint64_t sysctl__number(const char *name, uint64_t fallback);
/* net.ipv4.ip_local_port_range, both ends included. 0 or -errno. */
int sysctl__port_range(uint32_t *low, uint32_t *high);
/* TcpExt ListenDrops of /proc/net/netstat: what listeners dropped, wraps; 0 where it is not told. */
uint32_t sysctl__listen_drops(void);
/* Sockets in TIME_WAIT now, as /proc/net/sockstat has it. */
uint32_t sysctl__time_wait(void);

/* A set of ports, one bit each. */
struct port_set {
	uint64_t words[65536 / 64];
};

/* net.ipv4.ip_local_reserved_ports as text in *list, to be freed. Its length or -errno. */
ssize_t sysctl__reserved_list(char **list);
/* Adds what such a list has, "80,1000-1010,5000". */
void sysctl__parse_ports(struct port_set *set, const char *list);
/* Adds what is in it. 0 or -errno. */
int sysctl__reserved_ports(struct port_set *set);
void port_set__add(struct port_set *set, uint16_t port);
bool port_set__has(const struct port_set *set, uint16_t port);
/* How many of low to high (both included) are in it. */
uint32_t port_set__count(const struct port_set *set, uint32_t low, uint32_t high);

#endif
