/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One socket lives twice: connected, dissolved with connect(AF_UNSPEC), connected again. */
#include "trigger.h"

static void client(int server)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int port = hear(server);
	int fd = tcp_client("127.0.0.1", port);

	fact_sock("client", fd);
	fact("first_lport=%d", local_port(fd));
	send_bytes(fd, 30);
	hear(server);
	must(connect(fd, &none, sizeof(none)), "connect AF_UNSPEC");
	hear(server);
	must(try_connect(fd, "127.0.0.1", port), "connect again");
	fact("second_lport=%d", local_port(fd));
	send_bytes(fd, 12);
	recv_bytes(fd, 4);
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
	fact_sock("child1", child);
	recv_bytes(child, 30);
	tell(peer, 0);
	must_fail(recv(child, &byte, 1, 0), ECONNRESET, "recv of the first life");
	close(child);
	tell(peer, 0);
	child = accept_one(fd);
	fact_sock("child2", child);
	recv_bytes(child, 12);
	send_bytes(child, 4);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
