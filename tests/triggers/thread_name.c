/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread with its own name connects and closes; the process's name stays the leader's. */
#include "trigger.h"

static int port;

static void *work(void *arg)
{
	int fd;

	pthread_setname_np(pthread_self(), arg);
	fact("tid=%ld", (long)syscall(SYS_gettid));
	fd = tcp_client("127.0.0.1", port);
	fact_sock("client", fd);
	close(fd);
	return NULL;
}

static void client(int server)
{
	pthread_t thread;

	port = hear(server);
	if (pthread_create(&thread, NULL, work, "worker-7") || pthread_join(thread, NULL))
		die("thread");
}

int main(void)
{
	int peer, fd, child;

	trigger_begin("server");
	peer = spawn("client", client, NULL);
	fd = tcp_listener("127.0.0.1", 8);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	child = accept_one(fd);
	fact_sock("child", child);
	recv_end(child);
	close(child);
	close(fd);
	reap(0);
	return 0;
}
