/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only a TIME_WAIT connection holds the port: bind() without SO_REUSEADDR fails with EADDRINUSE. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	recv_end(fd);
	close(fd);
	tell(server, 0);
}

int main(void)
{
	int peer, fd, child, port;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	port = local_port(fd);
	tell(peer, port);
	child = accept_one(fd);
	fact_sock("child", child);
	close(child);
	close(fd);
	hear(peer);
	fd = tcp(AF_INET);
	must_fail(try_bind(fd, "127.0.0.1", port), EADDRINUSE, "bind");
	fact_sock("newcomer", fd);
	close(fd);
	reap(0);
	return 0;
}
