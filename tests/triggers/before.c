/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * before SENT ANSWERED [bound|free] [client|server|nobody]: a connection that has carried SENT bytes to the server and
 * ANSWERED back, from a port that the client bound or not, with one end's FIN sent or not; held until a line comes
 * on stdin. Then 2 more bytes go each way that is still open, and the client ends it unless somebody has.
 */
#include "trigger.h"

static int sent, answered;
static int bound;
static const char *fin;

/* What is left to do on one end. */
static void finish(int fd, const char *self, const char *other)
{
	if (strcmp(fin, self))
		send_bytes(fd, 2);
	if (strcmp(fin, other))
		recv_bytes(fd, 2);
	if (!strcmp(fin, "nobody") && !strcmp(self, "client"))
		must(shutdown(fd, SHUT_WR), "shutdown");
	recv_end(fd);
	close(fd);
}

static void client(int server)
{
	int fd = tcp(AF_INET), port = hear(server);

	if (bound)
		must(try_bind(fd, "127.0.0.1", 0), "bind");
	must(try_connect(fd, "127.0.0.1", port), "connect");
	fact_sock("client", fd);
	send_bytes(fd, sent);
	recv_bytes(fd, answered);
	hear(server); /* nobody's FIN before everything was received */
	if (!strcmp(fin, "client"))
		must(shutdown(fd, SHUT_WR), "shutdown");
	tell(server, 0);
	hear(server);
	finish(fd, "client", "server");
}

int main(int argc, char **argv)
{
	int peer, fd, child;
	char byte;

	if (argc != 5)
		return 2;
	sent = atoi(argv[1]);
	answered = atoi(argv[2]);
	bound = !strcmp(argv[3], "bound");
	fin = argv[4];
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, sent);
	send_bytes(child, answered);
	tell(peer, 0);
	hear(peer);
	if (!strcmp(fin, "server"))
		must(shutdown(child, SHUT_WR), "shutdown");
	settle(); /* a FIN is acknowledged */
	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	tell(peer, 0);
	finish(child, "server", "client");
	close(fd);
	reap(0);
	return 0;
}
