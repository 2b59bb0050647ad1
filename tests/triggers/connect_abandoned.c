/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_abandoned ADDRESS: nobody answers there, and the program itself gives up after 200 ms. */
#include "trigger.h"

int main(int argc, char **argv)
{
	struct pollfd pfd = { .events = POLLOUT };
	int fd;

	if (argc != 2)
		return 2;
	trigger_begin("client");
	fd = tcp(family_of(argv[1]));
	must(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	must_fail(try_connect(fd, argv[1], 4321), EINPROGRESS, "connect");
	fact_sock("client", fd);
	pfd.fd = fd;
	if (must(poll(&pfd, 1, 200), "poll") != 0)
		die("an answer came");
	close(fd);
	return 0;
}
