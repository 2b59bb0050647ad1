/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood N: N short connections on loopback, one after the other, each reset so that no TIME_WAIT piles up. In an emulated
 * guest a reset can come before the handshake's end was worked off: Linux 6.1 drops such a request, and nobody accepts it.
 * There the client waits for the server's word.
 */
#include "trigger.h"

static int count;

static void client(int server)
{
	int port = hear(server);
	int fd, i;

	for (i = 0; i < count; i++) {
		fd = tcp_client("127.0.0.1", port);
		if (slow() > 1)
			(void)hear(fd);
		reset_on_close(fd);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	int peer, fd, child, i;

	count = argc == 2 ? atoi(argv[1]) : 0;
	if (count < 1)
		return 2;
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	/* a queue that does not overflow: for each SYN that is dropped the client waits a second */
	fd = tcp_listener("127.0.0.1", 4096);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	for (i = 0; i < count; i++) {
		child = accept_one(fd);
		if (slow() > 1)
			tell(child, 0);
		close(child);
	}
	close(fd);
	reap(0);
	return 0;
}
