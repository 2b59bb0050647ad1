/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client half-closes with shutdown(SHUT_WR) and still receives the server's whole answer. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 17);
	must(shutdown(fd, SHUT_WR), "shutdown");
	recv_bytes(fd, 5000);
	recv_end(fd);
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
	recv_bytes(child, 17);
	recv_end(child);
	send_bytes(child, 5000);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
