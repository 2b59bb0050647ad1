/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket connects to its own address: a simultaneous open with itself, one socket, no child. */
#include "trigger.h"

int main(void)
{
	int fd;

	trigger_begin("self");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	must(try_connect(fd, "127.0.0.1", local_port(fd)), "connect");
	fact_sock("self", fd);
	send_bytes(fd, 9);
	recv_bytes(fd, 9);
	close(fd);
	return 0;
}
