/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bound UDP socket receives one datagram from another bound socket. */
#include "trigger.h"

int main(void)
{
	union address to;
	socklen_t len;
	int one, two;

	trigger_begin("udp");
	one = udp(AF_INET);
	must(try_bind(one, "127.0.0.1", 0), "bind");
	fact_sock("receiver", one);
	two = udp(AF_INET);
	must(try_bind(two, "0.0.0.0", 0), "bind");
	fact_sock("sender", two);
	len = address_set(&to, "127.0.0.1", local_port(one));
	must(sendto(two, "hello", 5, 0, &to.sa, len), "sendto");
	recv_bytes(one, 5);
	close(two);
	close(one);
	return 0;
}
