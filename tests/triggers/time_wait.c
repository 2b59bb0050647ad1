/* SPDX-License-Identifier: GPL-2.0-or-later */
/* time_wait N: N connections, each closed by the client first; then it stays until the end of stdin. */
#include "trigger.h"

static void client(int server)
{
	int port = hear(server), n = hear(server), i;

	for (i = 0; i < n; i++) {
		int fd = tcp_client("127.0.0.1", port);

		must(shutdown(fd, SHUT_WR), "shutdown");
		recv_end(fd);
		close(fd);
	}
	tell(server, 0);
	hear(server);
}

int main(int argc, char **argv)
{
	int peer, fd, i, n = argc == 2 ? atoi(argv[1]) : 0;
	char byte;

	trigger_begin("server");
	peer = spawn("closer", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	tell(peer, local_port(fd));
	tell(peer, n);
	for (i = 0; i < n; i++) {
		int child = accept_one(fd);

		recv_end(child);
		close(child);
	}
	hear(peer);
	fact("ready=1");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	tell(peer, 0);
	close(fd);
	reap(0);
	return 0;
}
