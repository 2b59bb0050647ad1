/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind() to an address that this host does not have: EADDRNOTAVAIL. */
#include "trigger.h"

int main(void)
{
	int fd;

	trigger_begin("binder");
	fd = tcp(AF_INET);
	must_fail(try_bind(fd, "192.0.2.77", 8099), EADDRNOTAVAIL, "bind");
	fact_sock("bound", fd);
	close(fd);
	return 0;
}
