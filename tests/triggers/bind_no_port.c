/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP_BIND_ADDRESS_NO_PORT: bind() fixes the address, connect() chooses the port. */
#include "trigger.h"

static void client(int server)
{
	int port = hear(server);
	int fd = tcp(AF_INET);

	set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	must(try_bind(fd, "127.0.0.2", 0), "bind");
	if (local_port(fd))
		die("a port was chosen");
	must(try_connect(fd, "127.0.0.1", port), "connect");
	fact_sock("client", fd);
	close(fd);
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
