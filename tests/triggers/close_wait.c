/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * close_wait N: N accepted connections and one that is not accepted, all closed by their client but not here, until a
 * line comes on stdin. close_wait talk: the client shuts down for writing and still gets a byte each 100 ms.
 * All the time a UDP socket comes and goes: this namespace is not idle.
 */
#include "trigger.h"

#define CHILDREN_MAX 256

static void be_busy(int parent)
{
	struct pollfd end = { .fd = parent, .events = POLLIN };

	while (poll(&end, 1, 200) == 0) {
		int fd = udp(AF_INET);

		must(try_bind(fd, "127.0.0.1", 0), "bind");
		close(fd);
	}
}

static void client(int server)
{
	int port = hear(server), n = hear(server), talk = hear(server), fds[CHILDREN_MAX + 1], i;
	struct pollfd end = { .fd = server, .events = POLLIN };
	char byte;

	for (i = 0; i < n; i++)
		fds[i] = tcp_client("127.0.0.1", port);
	tell(server, 0);
	hear(server);
	for (i = 0; i < n; i++) {
		if (talk)
			must(shutdown(fds[i], SHUT_WR), "shutdown");
		else
			close(fds[i]);
	}
	tell(server, 0);
	while (talk && poll(&end, 1, 0) == 0)
		if (recv(fds[0], &byte, 1, 0) != 1)
			break;
}

int main(int argc, char **argv)
{
	struct pollfd gate = { .fd = STDIN_FILENO, .events = POLLIN };
	int talk = argc == 2 && !strcmp(argv[1], "talk"), n = talk ? 1 : atoi(argv[1]);
	int fds[CHILDREN_MAX], busy, peer, fd, i;

	if (argc != 2 || n < 1 || n > CHILDREN_MAX)
		die("usage");
	trigger_begin("leaky");
	busy = spawn("busy", be_busy, NULL);
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", CHILDREN_MAX);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	tell(peer, talk ? 1 : n + 1);
	tell(peer, talk);
	for (i = 0; i < n; i++)
		fds[i] = accept_one(fd);
	hear(peer);
	tell(peer, 0);
	hear(peer);
	fact_sock("first", fds[0]);
	fact("ready=1");
	while (poll(&gate, 1, 100) == 0)
		if (talk)
			send_bytes(fds[0], 1);
	for (i = 0; i < n; i++)
		close(fds[i]);
	close(fd);
	fact("closed=1");
	while (read(STDIN_FILENO, &i, sizeof(i)) > 0)
		;
	tell(busy, 0);
	reap(0);
	return 0;
}
