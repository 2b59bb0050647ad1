/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two sockets share a port by SO_REUSEADDR; the second to listen() gets EADDRINUSE. */
#include "trigger.h"

static void second(int first)
{
	int fd = tcp(AF_INET);

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, "127.0.0.1", hear(first)), "bind");
	tell(first, 0);
	hear(first);
	must_fail(listen(fd, 8), EADDRINUSE, "listen");
	fact_sock("second", fd);
	close(fd);
	settle();
	tell(first, 0);
}

int main(void)
{
	int peer, fd;

	trigger_begin("first");
	peer = spawn("second", second, NULL);
	fd = tcp(AF_INET);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	tell(peer, local_port(fd));
	hear(peer);
	must(listen(fd, 8), "listen");
	fact_sock("first", fd);
	tell(peer, 0);
	hear(peer);
	close(fd);
	reap(0);
	return 0;
}
