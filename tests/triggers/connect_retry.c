/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A refused connect() is tried again on the same socket, and then succeeds. */
#include "trigger.h"

static void client(int server)
{
	int port = hear(server);
	int fd = tcp(AF_INET);

	must_fail(try_connect(fd, "127.0.0.1", port), ECONNREFUSED, "connect");
	fact("first_lport=%d", local_port(fd));
	tell(server, 0);
	hear(server);
	must(try_connect(fd, "127.0.0.1", port), "connect again");
	fact_sock("client", fd);
	send_bytes(fd, 3);
	close(fd);
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	tell(peer, local_port(fd));
	hear(peer);
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	tell(peer, 0);
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 3);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
