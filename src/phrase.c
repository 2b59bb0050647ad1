// SPDX-License-Identifier: GPL-2.0-or-later
/* phrase.c - appends words, numbers, addresses and names to a bounded buffer, as they are: sinks escape. */
#include "phrase.h"
#include "addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define SECOND 1000000000ull

struct phrase phrase__message(struct finding *f)
{
	f->message[0] = '\0';
	return (struct phrase){ .s = f->message, .size = sizeof(f->message) };
}

struct phrase phrase__advice(struct finding *f)
{
	f->advice[0] = '\0';
	return (struct phrase){ .s = f->advice, .size = sizeof(f->advice) };
}

void phrase__add(struct phrase *p, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->s + p->len, p->size - p->len, format, args);
	va_end(args);
	if (n > 0)
		p->len += (size_t)n < p->size - p->len ? (size_t)n : p->size - p->len - 1;
}

/* A local time of day, with the date where it is not today's. Only the arithmetic of time.h. */
void phrase__since(struct phrase *p, uint64_t ns, uint64_t now_ns, const struct wall *wall)
{
	time_t then = (int64_t)(ns + wall->offset_ns) / (int64_t)SECOND + wall->gmtoff_s;
	time_t now = (int64_t)(now_ns + wall->offset_ns) / (int64_t)SECOND + wall->gmtoff_s;
	char buf[64];
	struct tm tm;

	if (!gmtime_r(&then, &tm))
		return;
	strftime(buf, sizeof(buf), then / 86400 == now / 86400 ? "%T" : "%F %T", &tm);
	phrase__add(p, " since %s", buf);
}

void phrase__host(struct phrase *p, const uint8_t *addr)
{
	char buf[INET6_ADDRSTRLEN];

	if (addr__is_mapped(addr))
		phrase__add(p, "%s", inet_ntop(AF_INET, addr + 12, buf, sizeof(buf)));
	else
		phrase__add(p, "%s", inet_ntop(AF_INET6, addr, buf, sizeof(buf)));
}

void phrase__address(struct phrase *p, const uint8_t *addr, uint16_t port)
{
	char buf[INET6_ADDRSTRLEN];

	if (addr__is_mapped(addr))
		phrase__add(p, "%s:%u", inet_ntop(AF_INET, addr + 12, buf, sizeof(buf)), port);
	else
		phrase__add(p, "[%s]:%u", inet_ntop(AF_INET6, addr, buf, sizeof(buf)), port);
}

void phrase__owner(struct phrase *p, const struct ev_owner *o)
{
	phrase__add(p, "%.*s (pid %u)", COMM_LEN, o->comm, o->tgid);
}

void phrase__inside(struct phrase *p, const struct netns_facts *in, uint32_t tgid)
{
	if (in && !in->foreign)
		return;
	if (in && tgid)
		phrase__add(p, "nsenter -t %u -n ", tgid);
	else
		phrase__add(p, "in its network namespace ");
}

const char *phrase__plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}
