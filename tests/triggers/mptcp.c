// SPDX-License-Identifier: GPL-2.0-or-later
/* MPTCP connections over loopback, one scene an argument: one life an end, subflows have no records. */
#include "trigger.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#define MPTCP_INFO 1 /* linux/mptcp.h; its first byte: subflows besides the first */

static int mptcp(int flags)
{
	return must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_MPTCP),
		    "socket mptcp");
}

static int mptcp_listener(void)
{
	int fd = mptcp(0);

	must(try_bind(fd, "127.0.0.1", 0), "bind");
	must(listen(fd, 8), "listen");
	fact_sock("listener", fd);
	return fd;
}

static void client(int server)
{
	int fd = mptcp(0);

	must(try_connect(fd, "127.0.0.1", hear(server)), "connect");
	fact_sock("client", fd);
	send_bytes(fd, 5);
	recv_bytes(fd, 7);
	close(fd);
}

/* Two processes, the client closes first. */
static void local_close(void)
{
	int peer, fd, child;

	peer = spawn("client", client, NULL);
	fd = mptcp_listener();
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 5);
	send_bytes(child, 7);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
}

/* The three sockets of a connection in one process. */
struct pair {
	int listener, client, child;
};

static struct pair connected(int listener, int fd, const char *ip)
{
	struct pair p = { .listener = listener, .client = fd };

	must(try_connect(fd, ip, local_port(listener)), "connect");
	p.child = accept_one(listener);
	fact_sock("client", fd);
	fact_sock("child", p.child);
	return p;
}

/* A send after its connection is fully established by both: a first answer has come. */
static void talk(const struct pair *p)
{
	send_bytes(p->client, 100);
	recv_bytes(p->child, 100);
	send_bytes(p->child, 200);
	recv_bytes(p->client, 200);
}

static void remote_close(void)
{
	struct pair p = connected(mptcp_listener(), mptcp(0), "127.0.0.1");

	talk(&p);
	close(p.child);
	recv_end(p.client);
	close(p.client);
	close(p.listener);
}

/* Data that nobody reads: the client's close() is a reset. */
static void unread_reset(void)
{
	struct pair p = connected(mptcp_listener(), mptcp(0), "127.0.0.1");

	talk(&p);
	send_bytes(p.child, 300);
	settle();
	close(p.client);
	settle();
	close(p.child);
	close(p.listener);
}

static int closed_port(void)
{
	int fd = tcp_listener("127.0.0.1", 1), port = local_port(fd);

	close(fd);
	return port;
}

static void refused(void)
{
	int port = closed_port(), fd = mptcp(0);

	fact_sock("client", fd);
	must_fail(try_connect(fd, "127.0.0.1", port), ECONNREFUSED, "connect");
	fact("port=%d", port);
	close(fd);
}

static void wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 5000 * slow()) != 1)
		die("poll");
}

static void nonblock_refused(void)
{
	int port = closed_port(), fd = mptcp(SOCK_NONBLOCK);

	fact_sock("client", fd);
	must_fail(try_connect(fd, "127.0.0.1", port), EINPROGRESS, "connect");
	wait_writable(fd);
	fact("port=%d", port);
	close(fd);
}

static void nonblock(void)
{
	int listener = mptcp_listener(), fd = mptcp(SOCK_NONBLOCK);

	must_fail(try_connect(fd, "127.0.0.1", local_port(listener)), EINPROGRESS, "connect");
	wait_writable(fd);
	fact_sock("client", fd);
	close(accept_one(listener));
	settle();
	close(fd);
	close(listener);
}

/* The listener has no MPTCP: the client's socket stays what it is. */
static void to_tcp(void)
{
	struct pair p;
	int listener = tcp_listener("127.0.0.1", 8);

	fact_sock("listener", listener);
	p = connected(listener, mptcp(0), "127.0.0.1");
	talk(&p);
	close(p.client);
	recv_end(p.child);
	close(p.child);
	close(p.listener);
}

/* The client has none: accept() returns a TCP socket. */
static void from_tcp(void)
{
	struct pair p = connected(mptcp_listener(), tcp(AF_INET), "127.0.0.1");

	talk(&p);
	close(p.client);
	recv_end(p.child);
	close(p.child);
	close(p.listener);
}

/* The listener closes before anyone has accepted. */
static void queued(void)
{
	int listener = mptcp_listener(), fd = mptcp(0);

	must(try_connect(fd, "127.0.0.1", local_port(listener)), "connect");
	fact_sock("client", fd);
	send_bytes(fd, 10);
	settle();
	close(listener);
	settle();
	close(fd);
}

/* Each holds the other's port. */
static void conflict(void)
{
	int listener = mptcp_listener(), plain = tcp_listener("127.0.0.1", 8), fd;

	fact_sock("plain", plain);
	fd = tcp(AF_INET);
	fact_sock("tcp_asks", fd);
	must_fail(try_bind(fd, "127.0.0.1", local_port(listener)), EADDRINUSE, "bind");
	settle();
	close(fd);
	fd = mptcp(0);
	fact_sock("mptcp_asks", fd);
	must_fail(try_bind(fd, "127.0.0.1", local_port(plain)), EADDRINUSE, "bind");
	settle();
}

/* One socket connects, disconnects and connects again. */
static void reconnect(void)
{
	struct pair p = connected(mptcp_listener(), mptcp(0), "127.0.0.1");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int child = p.child;

	talk(&p);
	must(connect(p.client, &none, sizeof(none)), "disconnect");
	settle();
	close(child);
	must(try_connect(p.client, "127.0.0.1", local_port(p.listener)), "connect again");
	p.child = accept_one(p.listener);
	talk(&p);
	close(p.client);
	recv_end(p.child);
	close(p.child);
	close(p.listener);
}

static void unused(void)
{
	close(mptcp(0));
}

/* Ends holding them all. */
static void holding(void)
{
	struct pair p = connected(mptcp_listener(), mptcp(0), "127.0.0.1");

	talk(&p);
}

/* Whoever started it has made a second address and an endpoint: the client takes it by itself. */
static void subflow(void)
{
	int listener = mptcp(0), i;
	unsigned char more = 0;
	struct pair p;
	socklen_t len;

	must(try_bind(listener, "0.0.0.0", 0), "bind");
	must(listen(listener, 8), "listen");
	fact_sock("listener", listener);
	p = connected(listener, mptcp(0), "10.7.0.1");
	talk(&p);
	for (i = 0; i < 100 && !more; i++) {
		usleep(20000);
		len = sizeof(more);
		must(getsockopt(p.client, SOL_MPTCP, MPTCP_INFO, &more, &len), "MPTCP_INFO");
	}
	fact("more=%d", more);
	settle();
	talk(&p);
	close(p.client);
	recv_end(p.child);
	close(p.child);
	close(listener);
}

/* Holds a connection and its listener until its stdin ends. */
static void hold(void)
{
	struct pair p = connected(mptcp_listener(), mptcp(0), "127.0.0.1");
	char byte;

	talk(&p);
	fact("ready=1");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(p.client);
	recv_end(p.child);
	close(p.child);
	close(p.listener);
}

static const struct {
	const char *name;
	void (*play)(void);
} scenes[] = {
	{ "local_close", local_close },
	{ "remote_close", remote_close },
	{ "unread_reset", unread_reset },
	{ "refused", refused },
	{ "nonblock_refused", nonblock_refused },
	{ "nonblock", nonblock },
	{ "to_tcp", to_tcp },
	{ "from_tcp", from_tcp },
	{ "queued", queued },
	{ "conflict", conflict },
	{ "reconnect", reconnect },
	{ "unused", unused },
	{ "holding", holding },
	{ "subflow", subflow },
	{ "hold", hold },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : scenes[0].name;
	size_t i;

	trigger_begin("server");
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (strcmp(scenes[i].name, name))
			continue;
		scenes[i].play();
		return 0;
	}
	errno = EINVAL;
	die(name);
}
