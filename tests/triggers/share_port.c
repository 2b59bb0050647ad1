/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_port tcp|udp reuseaddr|reuseport PORT FIRST SECOND [NAME]: a process holds FIRST:PORT (0: any), another, called
 * NAME or `second`, binds SECOND with the same port until a line comes on stdin. The first goes at the end of stdin.
 */
#include "trigger.h"

static const char *address;
static int type, option;

static int hold_port(const char *name, const char *ip, int port)
{
	int fd = must(socket(family_of(ip), type | SOCK_CLOEXEC, 0), "socket");

	set_option(fd, SOL_SOCKET, option, 1);
	must(try_bind(fd, ip, port), "bind");
	if (type == SOCK_STREAM)
		must(listen(fd, 8), "listen");
	fact_sock(name, fd);
	return fd;
}

static void second(int first)
{
	int fd = hold_port("second", address, hear(first));

	tell(first, 0);
	hear(first);
	close(fd);
	tell(first, 0);
	hear(first);
}

int main(int argc, char **argv)
{
	int peer, fd;
	char byte;

	if (argc < 6)
		die("usage");
	type = strcmp(argv[1], "tcp") ? SOCK_DGRAM : SOCK_STREAM;
	option = strcmp(argv[2], "reuseaddr") ? SO_REUSEPORT : SO_REUSEADDR;
	address = argv[5];
	trigger_begin("first");
	peer = spawn(argc > 6 ? argv[6] : "second", second, NULL);
	fd = hold_port("first", argv[4], atoi(argv[3]));
	tell(peer, local_port(fd));
	hear(peer);
	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	tell(peer, 0);
	hear(peer);
	fact("left=1");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	tell(peer, 0);
	close(fd);
	reap(0);
	return 0;
}
