/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A non-blocking connect() whose refusal comes after EINPROGRESS and is read with SO_ERROR. */
#include "trigger.h"

int main(void)
{
	struct pollfd pfd = { .events = POLLOUT };
	int holder, fd, error = 0;
	socklen_t len = sizeof(error);

	trigger_begin("client");
	holder = tcp(AF_INET);
	must(try_bind(holder, "127.0.0.1", 0), "bind");
	fact_sock("holder", holder);
	fd = tcp(AF_INET);
	must(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	must_fail(try_connect(fd, "127.0.0.1", local_port(holder)), EINPROGRESS, "connect");
	pfd.fd = fd;
	if (must(poll(&pfd, 1, 5000), "poll") != 1)
		die("no outcome");
	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), "SO_ERROR");
	if (error != ECONNREFUSED)
		die("not refused");
	fact_sock("client", fd);
	close(fd);
	close(holder);
	return 0;
}
