/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first send of an unbound UDP socket chooses its port; over IPv4 and IPv6. */
#include "trigger.h"

static void send_one(const char *ip, const char *name)
{
	union address to;
	socklen_t len = address_set(&to, ip, 9);
	int fd = udp(family_of(ip));

	must(sendto(fd, "hello", 5, 0, &to.sa, len), "sendto");
	must(sendto(fd, "again", 5, 0, &to.sa, len), "sendto");
	fact_sock(name, fd);
	close(fd);
}

int main(void)
{
	trigger_begin("udp");
	send_one("127.0.0.1", "udp4");
	send_one("::1", "udp6");
	return 0;
}
