/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fd_full WHAT: a server with 64 descriptors meets the end of them when a line (or the end) comes on stdin, and
 * stays so until the end does.
 *	accept		64 clients come; accept() fails a thousand times
 *	close-wait	the same, but the clients leave and the server does not notice
 *	socket		sockets of TCP and UDP, until socket() fails
 *	files		/dev/null again and again, then one socket()
 *	at-start	its first call fails
 *	gone		the same, and it ends at once
 *	enfile		socket() and accept() fail with ENFILE
 *	nearly		all 64 are used, none is missing
 */
#include "refuse.h"

#define LIMIT 64

static const char *what;

static int is(const char *name)
{
	return !strcmp(what, name);
}

static void client(int server)
{
	int port = hear(server), fds[LIMIT], i;

	for (i = 0; i < LIMIT; i++)
		fds[i] = tcp_client("127.0.0.1", port);
	tell(server, 0);
	hear(server);
	for (i = 0; i < LIMIT; i++)
		close(fds[i]);
	tell(server, 0);
	hear(server);
}

static void limit_to(int descriptors)
{
	struct rlimit limit = { .rlim_cur = descriptors, .rlim_max = 2 * LIMIT };

	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void fail_to_accept(int fd, int error, int times)
{
	while (times--)
		must_fail(accept4(fd, NULL, NULL, SOCK_CLOEXEC), error, "accept");
	fact("failed=accept");
}

static void fail_to_open(int error)
{
	must_fail(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error, "socket");
	fact("failed=socket");
}

static void serve(int peer)
{
	int fd = tcp_listener("127.0.0.1", LIMIT), last;

	limit_to(LIMIT);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	hear(peer);
	/* with clients that leave, the first failure comes after that: not here */
	do
		last = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	while (last >= 0 && !(is("close-wait") && last == LIMIT - 1));
	if (is("close-wait")) {
		tell(peer, 0);
		hear(peer);
	}
	fail_to_accept(fd, EMFILE, 1000);
}

static void open_sockets(void)
{
	int i = 0;

	while (socket(AF_INET, (i++ % 3 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0) >= 0)
		;
	fail_to_open(EMFILE);
}

static void open_files(int leave)
{
	int fd, last = -1;

	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		last = fd;
	if (leave)
		close(last);
}

static void wait_for_line(void)
{
	char byte;

	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
}

static void fill(void)
{
	int fd;

	if (is("socket")) {
		open_sockets();
	} else if (is("files")) {
		open_files(0);
		fail_to_open(EMFILE);
	} else if (is("nearly")) {
		open_files(1);
		fact_sock("last", tcp(AF_INET));
	} else if (is("enfile")) {
		fd = tcp_listener("127.0.0.1", LIMIT);
		fact_sock("listener", fd);
		refuse(SYS_socket, ENFILE);
		fail_to_open(ENFILE);
		refuse(SYS_accept4, ENFILE);
		fail_to_accept(fd, ENFILE, 1);
	} else {
		die(what);
	}
}

int main(int argc, char **argv)
{
	int peer = -1, fd;
	char byte;

	if (argc < 2)
		return 2;
	what = argv[1];
	trigger_begin("server");
	wait_for_line();
	if (is("accept") || is("close-wait")) {
		peer = spawn("client", client, NULL);
		serve(peer);
	} else if (is("at-start") || is("gone")) {
		limit_to(fd = must(dup(STDIN_FILENO), "dup"));
		close(fd);
		fail_to_open(EMFILE);
		if (is("gone"))
			return 0;
	} else {
		limit_to(LIMIT);
		fill();
	}
	fact("full=1");
	settle();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	if (peer >= 0 && is("accept")) {
		tell(peer, 0);
		hear(peer);
	}
	if (peer >= 0)
		tell(peer, 0);
	reap(0);
	return 0;
}
