/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen() without bind(): the kernel chooses the port. */
#include "trigger.h"

int main(void)
{
	int fd;

	trigger_begin("server");
	fd = tcp(AF_INET);
	must(listen(fd, 3), "listen");
	fact_sock("listener", fd);
	close(fd);
	return 0;
}
