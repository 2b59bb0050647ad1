/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listener is closed while two connections wait in its accept queue: the kernel resets them. */
#include "trigger.h"

static void client(int server)
{
	int port = hear(server);
	int one = tcp_client("127.0.0.1", port);
	int two = tcp_client("127.0.0.1", port);
	char byte;

	fact_sock("client1", one);
	fact_sock("client2", two);
	send_bytes(two, 21);
	tell(server, 0);
	must_fail(recv(one, &byte, 1, 0), ECONNRESET, "recv");
	must_fail(recv(two, &byte, 1, 0), ECONNRESET, "recv");
	close(one);
	close(two);
}

int main(void)
{
	int peer, fd;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	hear(peer);
	close(fd);
	reap(0);
	return 0;
}
