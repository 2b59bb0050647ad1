/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client and a server exchange data; the client's FIN goes first. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 5);
	recv_bytes(fd, 7);
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
	recv_bytes(child, 5);
	send_bytes(child, 7);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
