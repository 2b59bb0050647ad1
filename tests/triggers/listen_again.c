/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen() is called twice, with another backlog each time; the last one is more than somaxconn allows. */
#include "trigger.h"

int main(void)
{
	int fd;

	trigger_begin("server");
	fd = tcp_listener("127.0.0.1", 5);
	must(listen(fd, 10), "listen");
	must(listen(fd, 1000000), "listen");
	fact_sock("listener", fd);
	close(fd);
	return 0;
}
