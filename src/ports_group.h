/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_group.h - connections that say the same, counted together: what keeps the text of `socklife
 * ports` readable with 50 000 of them.
 */
#ifndef SOCKLIFE_PORTS_GROUP_H
#define SOCKLIFE_PORTS_GROUP_H

#include "ports.h"

#define GROUP_STATES 13

/* The end that sockets have in common, and the process. */
struct ports_group {
	uint32_t process; /* PORTS_NONE: no process holds them */
	uint8_t proto;
	uint16_t family;
	uint8_t addr[ADDR_LEN];
	uint16_t port; /* 0: they are connected to nothing */
	uint32_t count;
	uint32_t states[GROUP_STATES]; /* as `ss` shows them */
};

struct ports_groups {
	struct ports_group *list;
	size_t n, room;
	uint32_t *slots;
	size_t mask;
	bool failed;
};

/* Adds a socket to the group of its process and this end. */
void ports_groups__add(struct ports_groups *g, const struct ports *p, const struct ports_sock *s,
		       const uint8_t *addr, uint16_t port);
/* The largest first. */
void ports_groups__sort(struct ports_groups *g);
void ports_groups__free(struct ports_groups *g);

#endif
