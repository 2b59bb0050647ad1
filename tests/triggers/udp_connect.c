/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A UDP socket connects, sends and is closed; over IPv4 and IPv6. */
#include "trigger.h"

static void exchange(const char *ip, const char *server_name, const char *client_name)
{
	int server = udp(family_of(ip));
	int fd = udp(family_of(ip));

	must(try_bind(server, ip, 0), "bind");
	fact_sock(server_name, server);
	must(try_connect(fd, ip, local_port(server)), "connect");
	fact_sock(client_name, fd);
	must(send(fd, "hello", 5, 0), "send");
	recv_bytes(server, 5);
	close(fd);
	close(server);
}

int main(void)
{
	trigger_begin("udp");
	exchange("127.0.0.1", "server4", "client4");
	exchange("::1", "server6", "client6");
	return 0;
}
