/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind() of a port below 1024 by an ordinary user: EACCES. */
#include "trigger.h"

int main(void)
{
	int fd;

	trigger_begin("binder");
	must(setresgid(65534, 65534, 65534), "setresgid");
	must(setresuid(65534, 65534, 65534), "setresuid");
	fd = tcp(AF_INET);
	must_fail(try_bind(fd, "127.0.0.1", 81), EACCES, "bind");
	fact_sock("bound", fd);
	close(fd);
	return 0;
}
