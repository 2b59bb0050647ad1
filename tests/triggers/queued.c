/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queued [fin]: a connection with 10 bytes waits in the accept queue until a line comes on stdin, then is accepted; with
 * `fin` after the client has closed it. The second line, or the end of stdin, closes it.
 */
#include "trigger.h"

static int fin;

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 10);
	tell(server, 0);
	hear(server);
	if (fin) {
		close(fd);
		settle();
	}
	tell(server, 0);
	hear(server);
	if (!fin)
		close(fd);
}

static void gate(void)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
}

int main(int argc, char **argv)
{
	int peer, fd, child;

	fin = argc == 2 && !strcmp(argv[1], "fin");
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	hear(peer);
	settle();
	fact("ready=1");
	gate();
	tell(peer, 0);
	hear(peer);
	child = accept_one(fd);
	recv_bytes(child, 10);
	fact("accepted=1");
	gate();
	tell(peer, 0);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
