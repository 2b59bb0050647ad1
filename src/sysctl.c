// SPDX-License-Identifier: GPL-2.0-or-later
/* sysctl.c - reads /proc/sys/net and the counts of /proc/net where the calling thread is; sets of ports. */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_SHORT 4096
#define LIST_LONG  (256u << 10) /* every other port: 32768 of 5 digits and a comma */

/*
 * All of a file in one read(): the handler of a list (proc_do_large_bitmap) answers only the first one,
 * and cuts what has no room in it. Length without the newline, or -errno; ends with a NUL.
 */
static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

static ssize_t read_setting(const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	return read_file(path, buf, size);
}

uint64_t sysctl__number(const char *name, uint64_t fallback)
{
	char text[64], *end;
	uint64_t value;

	if (read_setting(name, text, sizeof(text)) <= 0)
		return fallback;
	value = strtoull(text, &end, 10);
	return end == text ? fallback : value;
}

int sysctl__port_range(uint32_t *low, uint32_t *high)
{
	char text[64];
	ssize_t n = read_setting("net/ipv4/ip_local_port_range", text, sizeof(text));

	if (n < 0)
		return n;
	return sscanf(text, "%u %u", low, high) == 2 ? 0 : -EPROTO;
}

uint32_t sysctl__time_wait(void)
{
	const char *tcp, *at;
	char text[1024];

	if (read_file("/proc/thread-self/net/sockstat", text, sizeof(text)) <= 0)
		return 0;
	tcp = strstr(text, "\nTCP:");
	at = tcp ? strstr(tcp, " tw ") : NULL;
	return at ? strtoul(at + strlen(" tw "), NULL, 10) : 0;
}

/* The file has a line of names, then one of values, for each group of counters. */
uint32_t sysctl__listen_drops(void)
{
	char text[16384], *names, *values, *name, *value, *save_name, *save_value;

	if (read_file("/proc/thread-self/net/netstat", text, sizeof(text)) <= 0)
		return 0;
	names = strstr(text, "TcpExt:");
	values = names ? strstr(names + 1, "\nTcpExt:") : NULL;
	if (!values)
		return 0;
	*values++ = '\0';
	values[strcspn(values, "\n")] = '\0';
	name = strtok_r(names, " ", &save_name);
	value = strtok_r(values, " ", &save_value);
	while (name && value && strcmp(name, "ListenDrops")) {
		name = strtok_r(NULL, " ", &save_name);
		value = strtok_r(NULL, " ", &save_value);
	}
	return name && value ? strtoull(value, NULL, 10) : 0;
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

	for (port = low; port <= high && port <= UINT16_MAX;) {
		if (port % 64 == 0 && port + 63 <= high && port + 63 <= UINT16_MAX) {
			n += __builtin_popcountll(set->words[port / 64]);
			port += 64;
		} else {
			n += port_set__has(set, port++);
		}
	}
	return n;
}

ssize_t sysctl__reserved_list(char **list)
{
	size_t size = LIST_SHORT;
	char *text;
	ssize_t n;

	for (;;) {
		text = calloc(1, size);
		if (!text)
			return -ENOMEM;
		n = read_setting("net/ipv4/ip_local_reserved_ports", text, size);
		/* near its end a port may have been cut */
		if (n < (ssize_t)size - 16 || size == LIST_LONG)
			break;
		free(text);
		size = LIST_LONG;
	}
	if (n < 0)
		free(text);
	else
		*list = text;
	return n;
}

void sysctl__parse_ports(struct port_set *set, const char *list)
{
	unsigned long low, high;
	const char *at;
	char *end;

	for (at = list; *at; at = *end == ',' ? end + 1 : end) {
		low = high = strtoul(at, &end, 10);
		if (end == at)
			break;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		for (; low <= high && low <= UINT16_MAX; low++)
			port_set__add(set, low);
	}
}

int sysctl__reserved_ports(struct port_set *set)
{
	char *list = NULL;
	ssize_t n = sysctl__reserved_list(&list);

	if (n < 0)
		return n;
	sysctl__parse_ports(set, list);
	free(list);
	return 0;
}
