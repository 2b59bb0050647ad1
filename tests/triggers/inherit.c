/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker inherits a listener and an accepted connection by fork; both processes hold both until a line comes on
 * stdin. Then the parent closes first and the worker last.
 */
#include "trigger.h"

static int listener, child;

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	tell(server, 0);
	hear(server);
	recv_end(fd);
	close(fd);
}

static void worker(int server)
{
	hear(server);
	close(child);
	close(listener);
}

int main(void)
{
	int peer, heir;
	pid_t pid;
	char byte;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	listener = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", listener);
	tell(peer, local_port(listener));
	child = accept_one(listener);
	fact_sock("child", child);
	hear(peer);
	heir = spawn("worker", worker, &pid);
	if (pid < getpid()) {
		errno = EAGAIN; /* pids have wrapped: the worker would be found first */
		die("pid of the worker");
	}
	settle();
	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	close(child);
	close(listener);
	tell(peer, 0);
	settle();
	tell(heir, 0);
	reap(0);
	return 0;
}
