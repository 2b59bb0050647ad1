/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold [PORT]: a listener, a connection to it with both ends, a bound UDP socket; all held until a line comes on
 * stdin, then closed: what socklife finds at its start, or what filters choose from.
 */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 40);
	tell(server, 0);
	hear(server);
	send_bytes(fd, 2);
	close(fd);
}

int main(int argc, char **argv)
{
	int peer, fd, child, dgram;
	char byte;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp(AF_INET);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, "127.0.0.1", argc > 1 ? atoi(argv[1]) : 0), "bind");
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 40);
	hear(peer);
	dgram = udp(AF_INET);
	must(try_bind(dgram, "127.0.0.1", 0), "bind");
	fact_sock("dgram", dgram);
	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	tell(peer, 0);
	recv_bytes(child, 2);
	recv_end(child);
	close(child);
	close(dgram);
	close(fd);
	reap(0);
	return 0;
}
