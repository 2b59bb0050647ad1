/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_unreachable ADDRESS ERRNO: the network refuses the way there, at once or after ARP has failed. */
#include "trigger.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 3)
		return 2;
	trigger_begin("client");
	fd = tcp(family_of(argv[1]));
	must_fail(try_connect(fd, argv[1], 4321), atoi(argv[2]), "connect");
	fact_sock("client", fd);
	close(fd);
	return 0;
}
