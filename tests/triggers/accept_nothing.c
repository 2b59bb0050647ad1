/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that are not events: accept() with EAGAIN, connect() again while in progress or connected, shutdown. */
#include "trigger.h"

int main(void)
{
	int fd, other;

	trigger_begin("server");
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	must(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	must_fail(accept4(fd, NULL, NULL, SOCK_CLOEXEC), EAGAIN, "accept");
	other = tcp_client("127.0.0.1", local_port(fd));
	fact_sock("client", other);
	must_fail(try_connect(other, "127.0.0.1", local_port(fd)), EISCONN, "connect again");
	close(fd);
	close(other);
	return 0;
}
