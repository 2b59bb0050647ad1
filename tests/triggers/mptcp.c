/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An MPTCP connection over loopback: one life an end, its subflows have no records. */
#include "trigger.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int mptcp(void)
{
	return must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), "socket mptcp");
}

static void client(int server)
{
	int fd = mptcp();

	must(try_connect(fd, "127.0.0.1", hear(server)), "connect");
	fact_sock("client", fd);
	send_bytes(fd, 5);
	recv_bytes(fd, 7);
	close(fd);
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = mptcp();
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 5);
	send_bytes(child, 7);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
