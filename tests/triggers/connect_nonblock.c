/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A non-blocking connect() that succeeds. */
#include "trigger.h"

static void client(int server)
{
	struct pollfd pfd = { .events = POLLOUT };
	int fd = tcp(AF_INET);

	must(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	must_fail(try_connect(fd, "127.0.0.1", hear(server)), EINPROGRESS, "connect");
	pfd.fd = fd;
	if (must(poll(&pfd, 1, 5000), "poll") != 1)
		die("no outcome");
	fact_sock("client", fd);
	close(fd);
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
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
