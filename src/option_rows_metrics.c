// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * option_rows_metrics.c - the option of metrics: where they are served.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "command.h"
#include "options.h"
#include "parse.h"

/* "PORT", "ADDR:PORT" or "[ADDR]:PORT": to loopback unless an address is given. */
static int set_metrics(struct options *o, const struct option_row *row, const char *value)
{
	struct metrics_address m = { .family = AF_INET, .text = value };
	const char *colon = strrchr(value, ':'), *begin = value, *end = colon;
	char text[INET6_ADDRSTRLEN];
	uint64_t port;

	(void)row;
	if (parse__unsigned(colon ? colon + 1 : value, 1, UINT16_MAX, &port))
		return -EINVAL;
	m.port = (uint16_t)port;
	if (!colon)
		begin = "127.0.0.1", end = begin + strlen(begin);
	if (*begin == '[') {
		if (end[-1] != ']')
			return -EINVAL;
		m.family = AF_INET6;
		begin++, end--;
	}
	if (end <= begin || (size_t)(end - begin) >= sizeof(text))
		return -EINVAL;
	memcpy(text, begin, end - begin);
	text[end - begin] = '\0';
	if (m.family == AF_INET)
		memset(m.addr + 10, 0xff, 2);
	if (inet_pton(m.family, text, m.family == AF_INET ? m.addr + 12 : m.addr) != 1)
		return -EINVAL;
	o->metrics = m;
	return 0;
}

const struct option_row option_rows_metrics[] = {
	{ .name = "metrics",
	  .arg = "[ADDR:]PORT",
	  .fallback = "none; ADDR: 127.0.0.1",
	  .help = "serve numbers to Prometheus at http://ADDR:PORT/metrics, and /healthz; an IPv6 "
		  "address in brackets",
	  .wrong = "is not an address to listen on: give a port from 1 to 65535, with a numeric "
		   "address before it, such as 9477, 0.0.0.0:9477 or [::1]:9477",
	  .section = SECTION_OUTPUT,
	  .groups = OPTS_TRACE | OPTS_LOG,
	  .parse = set_metrics },
	{ .name = NULL },
};
