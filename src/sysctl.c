// SPDX-License-Identifier: GPL-2.0-or-later
#include "sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_setting(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	return fopen(path, "re");
}

uint64_t sysctl__number(const char *name, uint64_t fallback)
{
	FILE *f = open_setting(name);
	unsigned long long value;

	if (!f)
		return fallback;
	if (fscanf(f, "%llu", &value) != 1)
		value = fallback;
	fclose(f);
	return value;
}

int sysctl__port_range(uint32_t *low, uint32_t *high)
{
	FILE *f = open_setting("net/ipv4/ip_local_port_range");
	int n;

	if (!f)
		return -errno;
	n = fscanf(f, "%u %u", low, high);
	fclose(f);
	return n == 2 ? 0 : -EPROTO;
}

uint32_t sysctl__time_wait(void)
{
	FILE *f = fopen("/proc/thread-self/net/sockstat", "re");
	char line[256], *at;
	uint32_t n = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		at = strncmp(line, "TCP:", 4) ? NULL : strstr(line, " tw ");
		if (at)
			n = strtoul(at + 4, NULL, 10);
	}
	fclose(f);
	return n;
}

void port_set__add(struct port_set *set, uint16_t port)
{
	set->words[port / 64] |= 1ull << port % 64;
}

bool port_set__has(const struct port_set *set, uint16_t port)
{
	return set->words[port / 64] >> port % 64 & 1;
}

uint32_t port_set__count(const struct port_set *set, uint32_t low, uint32_t high)
{
	uint32_t n = 0, port;

	for (port = low; port <= high && port <= UINT16_MAX; port++)
		n += port_set__has(set, port);
	return n;
}

/* "80,1000-1010,5000", of any length. */
int sysctl__reserved_ports(struct port_set *set)
{
	FILE *f = open_setting("net/ipv4/ip_local_reserved_ports");
	unsigned int low, high;

	if (!f)
		return -errno;
	while (fscanf(f, "%u", &low) == 1) {
		high = low;
		if (fscanf(f, "-%u", &high) != 1)
			high = low;
		for (; low <= high && low <= UINT16_MAX; low++)
			port_set__add(set, low);
		if (fscanf(f, " ,") == EOF)
			break;
	}
	fclose(f);
	return 0;
}
