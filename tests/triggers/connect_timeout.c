/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_timeout ADDRESS: nobody answers there, and the kernel gives up after TCP_SYNCNT 1: ETIMEDOUT. */
#include "trigger.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2)
		return 2;
	trigger_begin("client");
	fd = tcp(family_of(argv[1]));
	set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
	must_fail(try_connect(fd, argv[1], 4321), ETIMEDOUT, "connect");
	fact_sock("client", fd);
	close(fd);
	return 0;
}
