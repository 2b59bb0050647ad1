// SPDX-License-Identifier: GPL-2.0-or-later
/* services.c - reads getservent() into an array by port and protocol. */
#include "services.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 65536

struct services {
	char *names[2][PORTS]; /* tcp, udp */
};

struct services *services__new(void)
{
	struct services *s = calloc(1, sizeof(*s));
	struct servent *entry;

	if (!s)
		return NULL;
	setservent(0);
	while ((entry = getservent())) {
		bool udp = !strcmp(entry->s_proto, "udp");
		char **name = &s->names[udp][ntohs(entry->s_port)];

		if (!*name && (udp || !strcmp(entry->s_proto, "tcp")))
			*name = strdup(entry->s_name);
	}
	endservent();
	return s;
}

const char *services__name(const struct services *s, uint8_t proto, uint16_t port)
{
	return s->names[proto == IPPROTO_UDP][port];
}

void services__free(struct services *s)
{
	int i;

	for (i = 0; s && i < 2 * PORTS; i++)
		free(s->names[i / PORTS][i % PORTS]);
	free(s);
}
