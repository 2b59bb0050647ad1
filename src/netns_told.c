// SPDX-License-Identifier: GPL-2.0-or-later
/* netns_told.c - notes which namespaces have been told of, and asks for the settings of those that have not. */
#include "netns_told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACES_MAX 1024
#define SLOTS          (2 * NAMESPACES_MAX)
#define TELL_AGAIN     (600 * 1000000000ull)

struct netns_told {
	const struct kernel *kernel;
	struct {
		uint64_t cookie; /* 0: free */
		uint64_t at_ns;
	} slots[SLOTS];
	size_t n;
	struct netns_settings settings;
	char reserved_ports[RESERVED_PORTS_MAX + 1];
	char name[NETNS_NAME_MAX + 1];
};

struct netns_told *netns_told__new(const struct kernel *k)
{
	struct netns_told *t = calloc(1, sizeof(*t));

	if (t)
		t->kernel = k;
	return t;
}

void netns_told__free(struct netns_told *t)
{
	free(t);
}

void netns_told__begin(struct netns_told *t)
{
	memset(t->slots, 0, sizeof(t->slots));
	t->n = 0;
}

static size_t slot_of(const struct netns_told *t, uint64_t cookie)
{
	size_t i = (cookie * 0x9e3779b97f4a7c15ull >> 32) % SLOTS;

	while (t->slots[i].cookie && t->slots[i].cookie != cookie)
		i = (i + 1) % SLOTS;
	return i;
}

static bool is_due(struct netns_told *t, uint64_t cookie, uint64_t now_ns)
{
	size_t i = slot_of(t, cookie);

	if (t->slots[i].cookie && now_ns < t->slots[i].at_ns + TELL_AGAIN)
		return false;
	/* most are of containers that are gone: those that are not are told again */
	if (!t->slots[i].cookie && t->n == NAMESPACES_MAX) {
		netns_told__begin(t);
		i = slot_of(t, cookie);
	}
	t->n += !t->slots[i].cookie;
	t->slots[i].cookie = cookie;
	t->slots[i].at_ns = now_ns;
	return true;
}

/* Which ports are reserved, where that is any: left out where the list is too long. */
static void ask_reserved(struct netns_told *t, const struct ask_netns *q)
{
	ssize_t n = kernel__ask(t->kernel, ASK_RESERVED, q, sizeof(*q), t->reserved_ports,
				RESERVED_PORTS_MAX);

	if (n <= 0 || n > RESERVED_PORTS_MAX)
		return;
	t->reserved_ports[n] = '\0';
	t->settings.reserved_ports = t->reserved_ports;
}

static void ask_name(struct netns_told *t, const struct ask_netns *q)
{
	ssize_t n = kernel__ask(t->kernel, ASK_NETNS_NAME, &q->net, sizeof(q->net), t->name,
				NETNS_NAME_MAX);

	if (n <= 0 || n > NETNS_NAME_MAX)
		return;
	t->name[n] = '\0';
	t->settings.name = t->name;
}

const struct netns_settings *netns_told__due(struct netns_told *t, const struct record *r)
{
	const struct ev_sock *s = r->sock;
	const struct ask_netns q = { .net = { .cookie = s->netns_cookie,
					      .inode = s->netns,
					      .tgid = r->actor ? r->actor->proc.tgid : 0 } };

	if (!s->netns_cookie || !is_due(t, s->netns_cookie, r->boot_ns))
		return NULL;
	memset(&t->settings, 0, sizeof(t->settings));
	if (kernel__ask(t->kernel, ASK_NETNS, &q, sizeof(q), &t->settings.facts,
			sizeof(t->settings.facts)) != sizeof(t->settings.facts) ||
	    !t->settings.facts.range_high)
		return NULL;
	if (t->settings.facts.reserved)
		ask_reserved(t, &q);
	ask_name(t, &q);
	return &t->settings;
}
