/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets bound with each option that decides about sharing a port. */
#include "trigger.h"

static void bound(const char *name, int family, int level, int option)
{
	int fd = tcp(family);

	if (option)
		set_option(fd, level, option, 1);
	must(try_bind(fd, family == AF_INET ? "127.0.0.1" : "::1", 0), "bind");
	fact_sock(name, fd);
	close(fd);
}

int main(void)
{
	int fd;

	trigger_begin("binder");
	bound("plain", AF_INET, 0, 0);
	bound("reuseaddr", AF_INET, SOL_SOCKET, SO_REUSEADDR);
	bound("reuseport", AF_INET, SOL_SOCKET, SO_REUSEPORT);
	bound("v6only", AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY);
	bound("transparent", AF_INET, IPPROTO_IP, IP_TRANSPARENT);
	bound("freebind", AF_INET, IPPROTO_IP, IP_FREEBIND);
	fd = tcp(AF_INET);
	must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE");
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	fact_sock("device", fd);
	close(fd);
	return 0;
}
