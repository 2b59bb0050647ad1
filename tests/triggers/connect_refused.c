/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect() to a port that is held but does not listen: ECONNREFUSED. */
#include "trigger.h"

int main(void)
{
	int holder, fd;

	trigger_begin("client");
	holder = tcp(AF_INET);
	must(try_bind(holder, "127.0.0.1", 0), "bind");
	fact_sock("holder", holder);
	fd = tcp(AF_INET);
	must_fail(try_connect(fd, "127.0.0.1", local_port(holder)), ECONNREFUSED, "connect");
	fact_sock("client", fd);
	close(fd);
	close(holder);
	return 0;
}
