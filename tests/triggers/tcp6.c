/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection over IPv6 loopback, the client's FIN first. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("::1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 6);
	recv_bytes(fd, 66);
	close(fd);
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("::1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 6);
	send_bytes(child, 66);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
