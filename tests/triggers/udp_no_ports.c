/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_no_ports connect|send: in a namespace with two ephemeral ports, the third UDP socket gets EAGAIN. */
#include "trigger.h"

int main(int argc, char **argv)
{
	union address to;
	socklen_t len = address_set(&to, "127.0.0.1", 9);
	int one, two, fd;

	if (argc != 2)
		return 2;
	trigger_begin("udp");
	one = udp(AF_INET);
	must(try_bind(one, "0.0.0.0", 0), "bind");
	fact_sock("one", one);
	two = udp(AF_INET);
	must(try_bind(two, "0.0.0.0", 0), "bind");
	fact_sock("two", two);
	fd = udp(AF_INET);
	if (!strcmp(argv[1], "connect"))
		must_fail(connect(fd, &to.sa, len), EAGAIN, "connect");
	else
		must_fail(sendto(fd, "x", 1, 0, &to.sa, len), EAGAIN, "sendto");
	fact_sock("failed", fd);
	close(fd);
	close(two);
	close(one);
	return 0;
}
