/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrack_fill N: N UDP packets over loopback, each of another pair of ends, from a raw socket; and one TCP
 * connection. Then it stays until the end of stdin.
 */
#include <linux/udp.h>

#include "trigger.h"

#define PORTS 60000

int main(int argc, char **argv)
{
	struct udphdr packet = { .source = htons(7), .len = htons(sizeof(packet)) };
	int n = argc == 2 ? atoi(argv[1]) : 0, raw, fd, i;
	union address to;
	char byte;

	trigger_begin("filler");
	raw = must(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP), "socket raw");
	for (i = 0; i < n; i++) {
		address_set(&to, "127.0.1.0", 0);
		to.in.sin_addr.s_addr = htonl(ntohl(to.in.sin_addr.s_addr) + 1 + i / PORTS);
		packet.dest = htons(1 + i % PORTS);
		if (sendto(raw, &packet, sizeof(packet), 0, &to.sa, sizeof(to.in)) < 0 &&
		    errno != EPERM)
			die("sendto");
	}
	fd = tcp_listener("127.0.0.1", 8);
	tcp_client("127.0.0.1", local_port(fd));
	accept_one(fd);
	fact("ready=1");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
