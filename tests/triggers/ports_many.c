/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_many: a socket of every kind that has a port, and some that have lost it; all held until stdin ends.
 * Facts: `NAME=COOKIE ...` of each, and the pids of the two processes that share some.
 */
#include "trigger.h"

static int bound(const char *name, int fd, const char *ip, int port)
{
	if (family_of(ip) == AF_INET6 && !strcmp(name, "v6only"))
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	must(try_bind(fd, ip, port), name);
	fact_sock(name, fd);
	return fd;
}

static int listening(const char *name, const char *ip, int backlog)
{
	int fd = tcp(family_of(ip));

	if (!strcmp(name, "v6only"))
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!strcmp(name, "listen4"))
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!strcmp(name, "device"))
		must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE");
	must(try_bind(fd, ip, 0), name);
	must(listen(fd, backlog), name);
	fact_sock(name, fd);
	return fd;
}

/* Both ends of a connection. */
static void pair(const char *client, const char *child, int listener, const char *ip, int *ends)
{
	ends[0] = tcp_client(ip, local_port(listener));
	fact_sock(client, ends[0]);
	ends[1] = accept_one(listener);
	fact_sock(child, ends[1]);
}

/* The second process: has what was open at the fork, and a socket of its own in a group. */
static void share(int parent)
{
	int port = hear(parent), fd = tcp(AF_INET);

	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	must(try_bind(fd, "127.0.0.1", port), "group");
	must(listen(fd, 4), "group");
	fact_sock("group2", fd);
	tell(parent, 0);
	hear(parent);
}

int main(void)
{
	int listen4, listen6, mapped, group, ends[2], fd, heir;
	char byte;

	trigger_begin("holder");
	listening("shared", "127.0.0.1", 3);
	heir = spawn("heir", share, NULL);
	group = tcp(AF_INET);
	set_option(group, SOL_SOCKET, SO_REUSEPORT, 1);
	bound("group1", group, "127.0.0.1", 0);
	must(listen(group, 4), "group");
	tell(heir, local_port(group));
	hear(heir);

	listen4 = listening("listen4", "127.0.0.1", 5);
	listen6 = listening("listen6", "::", 6);
	listening("v6only", "::", 7);
	mapped = listening("mapped", "::ffff:127.0.0.1", 8);
	listening("device", "127.0.0.1", 9);
	must(dup(listen4), "dup");

	bound("bound4", tcp(AF_INET), "127.0.0.2", 0);
	bound("bound6", tcp(AF_INET6), "::1", 0);
	bound("udp4", udp(AF_INET), "0.0.0.0", 0);
	bound("udp6", udp(AF_INET6), "::1", 0);
	fd = udp(AF_INET);
	must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE");
	bound("udpdev", fd, "127.0.0.1", 0);
	fd = bound("udpconn", udp(AF_INET), "127.0.0.1", 0);
	must(try_connect(fd, "127.0.0.1", 9), "connect udp");
	fact_sock("udpconn", fd);
	fd = udp(AF_INET6);
	must(try_connect(fd, "::1", 9), "connect udp");
	fact_sock("udpauto", fd);

	pair("client4", "child4", listen4, "127.0.0.1", ends);
	send_bytes(ends[0], 1000); /* unread: a receive queue to compare */
	pair("client6", "child6", listen6, "::1", ends);
	pair("client64", "child64", listen6, "127.0.0.1", ends);
	pair("clientmap", "childmap", mapped, "::ffff:127.0.0.1", ends);

	/* CLOSE_WAIT and FIN_WAIT2 */
	pair("finwait", "closewait", listen4, "127.0.0.1", ends);
	must(shutdown(ends[0], SHUT_WR), "shutdown");
	/* the same, with the first end closed: no process has it, a mini-socket waits for the other's FIN */
	pair("orphan", "left", listen4, "127.0.0.1", ends);
	close(ends[0]);
	/* an orphan in FIN_WAIT1: the peer takes no more */
	pair("full", "stuck", listen4, "127.0.0.1", ends);
	must(fcntl(ends[0], F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	while (send(ends[0], (char[65536]){ 0 }, 65536, 0) > 0)
		;
	close(ends[0]);
	/* TIME_WAIT */
	pair("closed", "closer", listen4, "127.0.0.1", ends);
	close(ends[0]);
	recv_end(ends[1]);
	close(ends[1]);
	/* reset by the peer, not closed: shows the port that it held */
	pair("reset", "resetter", listen4, "127.0.0.1", ends);
	reset_on_close(ends[1]);
	close(ends[1]);
	fd = tcp_client("127.0.0.1", local_port(listen4));
	fact_sock("waiting", fd); /* its other end waits for accept() */
	settle();

	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	tell(heir, 0);
	reap(0);
	return 0;
}
