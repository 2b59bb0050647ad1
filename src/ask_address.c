// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ask_address.c - whether an address is one of a namespace's, and what may keep a bind() from it.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "ask_answers.h"
#include "netns.h"
#include "sysctl.h"

struct address_visit {
	const struct ask_address *q;
	struct address_facts *facts;
};

/* One line of if_inet6: address, interface, prefix length, scope, flags (all hexadecimal), device. */
static void read_line(struct address_visit *v, const char *line)
{
	uint32_t words[4], ifindex, flags;
	char device[IFNAMSIZ];
	struct in6_addr addr;
	int i;

	if (sscanf(line,
		   "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 " %" SCNx32 " %*x %*x %" SCNx32
		   " %15s",
		   &words[0], &words[1], &words[2], &words[3], &ifindex, &flags, device) != 7)
		return;
	for (i = 0; i < 4; i++)
		words[i] = htonl(words[i]);
	memcpy(&addr, words, sizeof(addr));
	if (memcmp(&addr, v->q->addr, ADDR_LEN))
		return;
	v->facts->ifindex = ifindex;
	v->facts->dad_failed = !!(flags & IFA_F_DADFAILED);
	v->facts->tentative = (flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC);
	snprintf(v->facts->device, sizeof(v->facts->device), "%s", device);
}

/* getifaddrs() does not tell which addresses are tentative. */
static void find_ipv6(struct address_visit *v)
{
	FILE *f = fopen("/proc/thread-self/net/if_inet6", "re");
	char line[256];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		read_line(v, line);
	fclose(f);
}

static int find(struct address_visit *v)
{
	struct address_facts *facts = v->facts;
	struct ifaddrs *list, *i;

	if (getifaddrs(&list))
		return -errno;
	for (i = list; i; i = i->ifa_next) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)i->ifa_addr;

		if (i->ifa_flags & IFF_LOOPBACK)
			facts->loopback_up |= !!(i->ifa_flags & IFF_UP);
		if (!in || in->sin_family != AF_INET || !addr__is_mapped(v->q->addr) ||
		    memcmp(&in->sin_addr, v->q->addr + 12, sizeof(in->sin_addr)))
			continue;
		facts->ifindex = if_nametoindex(i->ifa_name);
		snprintf(facts->device, sizeof(facts->device), "%s", i->ifa_name);
	}
	freeifaddrs(list);
	if (!addr__is_mapped(v->q->addr))
		find_ipv6(v);
	return 0;
}

static int read_address(void *arg)
{
	struct address_visit *v = arg;
	const uint8_t *addr = v->q->addr;

	if (addr__is_mapped(addr)) {
		v->facts->nonlocal_bind = sysctl__number("net/ipv4/ip_nonlocal_bind", 0);
		return find(v);
	}
	v->facts->nonlocal_bind = sysctl__number("net/ipv6/ip_nonlocal_bind", 0);
	v->facts->ipv6_disabled = sysctl__number("net/ipv6/conf/all/disable_ipv6", 0);
	if (IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)addr))
		v->facts->ipv6_disabled |= sysctl__number("net/ipv6/conf/lo/disable_ipv6", 0);
	return find(v);
}

ssize_t answer__address(struct ask *a, const void *question, void *answer, size_t max)
{
	struct address_facts facts = { 0 };
	struct address_visit v = { .q = question, .facts = &facts };
	int err;

	(void)a;
	if (max < sizeof(facts))
		return -ENOSPC;
	err = netns__within(&v.q->net, read_address, &v);
	if (err)
		return err;
	memcpy(answer, &facts, sizeof(facts));
	return sizeof(facts);
}
