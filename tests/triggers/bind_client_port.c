/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind() of a port that another process's outgoing connection holds as its ephemeral port: EADDRINUSE. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	tell(server, local_port(fd));
	hear(server);
	close(fd);
}

int main(void)
{
	int peer, listener, child, fd;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	listener = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", listener);
	tell(peer, local_port(listener));
	child = accept_one(listener);
	fact_sock("child", child);
	fd = tcp(AF_INET);
	must_fail(try_bind(fd, "127.0.0.1", hear(peer)), EADDRINUSE, "bind");
	fact_sock("newcomer", fd);
	close(fd);
	settle();
	tell(peer, 0);
	recv_end(child);
	close(child);
	close(listener);
	reap(0);
	return 0;
}
