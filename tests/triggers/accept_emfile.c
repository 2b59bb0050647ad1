/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accept() fails with EMFILE; the connection stays in the queue and is accepted when a descriptor is free again. */
#include "trigger.h"

static void client(int server)
{
	int fd = tcp_client("127.0.0.1", hear(server));

	fact_sock("client", fd);
	tell(server, 0);
	hear(server);
	close(fd);
}

int main(void)
{
	struct rlimit limit, none;
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	hear(peer);
	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	none = limit;
	none.rlim_cur = 3;
	must(setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	must_fail(accept4(fd, NULL, NULL, SOCK_CLOEXEC), EMFILE, "accept");
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	child = accept_one(fd);
	fact_sock("child", child);
	tell(peer, 0);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
