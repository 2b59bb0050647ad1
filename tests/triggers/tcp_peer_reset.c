/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server resets an established connection while the client waits for data: ECONNRESET. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));
	char byte;

	fact_sock("client", fd);
	send_bytes(fd, 20);
	must_fail(recv(fd, &byte, 1, 0), ECONNRESET, "recv after the reset");
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
	recv_bytes(child, 20);
	reset_on_close(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
