/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_peers N: one unconnected UDP socket sends two datagrams to each of N destinations. */
#include "trigger.h"

int main(int argc, char **argv)
{
	union address to;
	socklen_t len;
	int fd, i, round, count = argc == 2 ? atoi(argv[1]) : 0;
	char ip[32];

	if (count < 1 || count > 250)
		return 2;
	trigger_begin("udp");
	fd = udp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	fact_sock("udp", fd);
	for (round = 0; round < 2; round++) {
		for (i = 1; i <= count; i++) {
			snprintf(ip, sizeof(ip), "127.0.1.%d", i);
			len = address_set(&to, ip, 2000 + i);
			must(sendto(fd, "x", 1, 0, &to.sa, len), "sendto");
		}
	}
	close(fd);
	return 0;
}
