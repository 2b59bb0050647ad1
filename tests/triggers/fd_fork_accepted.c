/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server accepts and leaves the connection to a forked worker, which closes it last. */
#include "trigger.h"

static int inherited = -1;

static void worker(int server)
{
	hear(server);
	recv_bytes(inherited, 14);
	recv_end(inherited);
	close(inherited);
}

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 14);
	close(fd);
}

int main(void)
{
	int peer, fd, second;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	inherited = accept_one(fd);
	fact_sock("child", inherited);
	close(fd);
	second = spawn("worker", worker, NULL);
	close(inherited);
	tell(second, 0);
	reap(0);
	return 0;
}
