/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp_bytes SENT RECEIVED: the client sends and receives exactly so many bytes. */
#include "trigger.h"

static size_t to_server, to_client;

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, to_server);
	recv_bytes(fd, to_client);
	close(fd);
}

int main(int argc, char **argv)
{
	int peer, fd, child;

	if (argc != 3)
		return 2;
	to_server = strtoul(argv[1], NULL, 10);
	to_client = strtoul(argv[2], NULL, 10);
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, to_server);
	send_bytes(child, to_client);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
