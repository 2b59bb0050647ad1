/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peer resets a connection that still waits in the accept queue; accept() returns it all the same. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	reset_on_close(fd);
	close(fd);
	tell(server, 0);
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
	hear(peer);
	child = accept_one(fd);
	fact_sock("child", child);
	must_fail(recv(child, &byte, 1, 0), ECONNRESET, "recv");
	close(child);
	close(fd);
	reap(0);
	return 0;
}
