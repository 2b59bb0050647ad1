/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_no_ports N: in a namespace with N ephemeral ports, the connection N + 1 gets EADDRNOTAVAIL. */
#include "trigger.h"

#define SERVER_PORT 7000
#define MOST        64

static int count;

static void client(int server)
{
	int fds[MOST];
	char name[16];
	int fd, i;

	hear(server);
	for (i = 0; i < count; i++) {
		fds[i] = tcp_client("127.0.0.1", SERVER_PORT);
		snprintf(name, sizeof(name), "client%d", i);
		fact_sock(name, fds[i]);
	}
	fd = tcp(AF_INET);
	must_fail(try_connect(fd, "127.0.0.1", SERVER_PORT), EADDRNOTAVAIL, "connect");
	fact_sock("failed", fd);
	close(fd);
	for (i = 0; i < count; i++)
		close(fds[i]);
}

int main(int argc, char **argv)
{
	int peer, fd, i, fds[MOST];
	char name[16];

	count = argc == 2 ? atoi(argv[1]) : 0;
	if (count < 1 || count > MOST)
		return 2;
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", SERVER_PORT), "bind");
	must(listen(fd, MOST), "listen");
	fact_sock("listener", fd);
	tell(peer, 0);
	for (i = 0; i < count; i++) {
		fds[i] = accept_one(fd);
		snprintf(name, sizeof(name), "child%d", i);
		fact_sock(name, fds[i]);
	}
	for (i = 0; i < count; i++) {
		recv_end(fds[i]);
		close(fds[i]);
	}
	close(fd);
	reap(0);
	return 0;
}
