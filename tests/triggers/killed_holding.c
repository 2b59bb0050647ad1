/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process is killed with SIGKILL while it holds an established connection. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	send_bytes(fd, 8);
	tell(server, 0);
	pause();
}

int main(void)
{
	int peer, fd, child;
	pid_t victim;

	trigger_begin("server");
	peer = spawn("client", client, &victim);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_bytes(child, 8);
	hear(peer);
	must(kill(victim, SIGKILL), "kill");
	recv_end(child);
	close(child);
	close(fd);
	reap(SIGKILL);
	return 0;
}
