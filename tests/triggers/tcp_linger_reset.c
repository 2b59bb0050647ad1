/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client ends its connection with SO_LINGER 0: a reset, seen from both ends. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 100);
	hear(server);
	reset_on_close(fd);
	close(fd);
}

int main(void)
{
	int peer, fd, child;
	char byte;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 100);
	tell(peer, 0);
	must_fail(recv(child, &byte, 1, 0), ECONNRESET, "recv after the reset");
	close(child);
	close(fd);
	reap(0);
	return 0;
}
