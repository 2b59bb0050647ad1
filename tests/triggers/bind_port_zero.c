/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind() to port 0, TCP and UDP, IPv4 and IPv6: the kernel chooses the port. */
#include "trigger.h"

static void bind_zero(const char *name, int fd, const char *ip)
{
	must(try_bind(fd, ip, 0), "bind");
	fact_sock(name, fd);
	close(fd);
}

int main(void)
{
	trigger_begin("binder");
	bind_zero("tcp4", tcp(AF_INET), "0.0.0.0");
	bind_zero("udp4", udp(AF_INET), "127.0.0.1");
	bind_zero("tcp6", tcp(AF_INET6), "::1");
	bind_zero("udp6", udp(AF_INET6), "::");
	return 0;
}
