/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection is inherited across fork(); its creator closes it first, the child's close is the last. */
#include "trigger.h"

static int inherited = -1;

static void heir(int parent)
{
	hear(parent);
	send_bytes(inherited, 6);
	close(inherited);
}

static void client(int server)
{
	int peer;

	inherited = tcp_client("127.0.0.1", hear(server));
	fact_sock("client", inherited);
	peer = spawn("heir", heir, NULL);
	close(inherited);
	tell(peer, 0);
	reap(0);
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
	recv_bytes(child, 6);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
