/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dual-stack listener on :: and two IPv4 clients: one AF_INET, one AF_INET6 with a v4-mapped address. */
#include "trigger.h"

static void client(int server)
{
	int port = hear(server);
	int plain, mapped;

	plain = tcp_client("127.0.0.1", port);
	fact_sock("plain", plain);
	hear(server);
	mapped = tcp_client("::ffff:127.0.0.1", port);
	fact_sock("mapped", mapped);
	hear(server);
	close(plain);
	close(mapped);
}

int main(void)
{
	int peer, fd, first, second;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp(AF_INET6);
	set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	must(try_bind(fd, "::", 0), "bind");
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	first = accept_one(fd);
	fact_sock("first", first);
	tell(peer, 0);
	second = accept_one(fd);
	fact_sock("second", second);
	tell(peer, 0);
	recv_end(first);
	recv_end(second);
	close(first);
	close(second);
	close(fd);
	reap(0);
	return 0;
}
