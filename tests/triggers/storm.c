/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storm N client|both: N short connections on loopback, one after the other, between two processes on two CPUs. Either
 * the client's FIN always goes first, or both ends close as soon as they can and their FINs may cross.
 */
#include "trigger.h"
#include <sched.h>

static int count;
static int both;

/* To the n-th of the CPUs that it may use; with one CPU it stays there. */
static void pin(int n)
{
	cpu_set_t may, one;
	int cpu;

	must(sched_getaffinity(0, sizeof(may), &may), "sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &may) && n-- == 0) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
			return;
		}
	}
}

static void client(int server)
{
	int port = hear(server);
	int i;

	pin(1);
	for (i = 0; i < count; i++)
		close(tcp_client("127.0.0.1", port));
}

int main(int argc, char **argv)
{
	int peer, fd, child, i;

	count = argc == 3 ? atoi(argv[1]) : 0;
	if (count < 1)
		return 2;
	both = !strcmp(argv[2], "both");
	trigger_begin("server");
	peer = spawn("client", client, NULL);
	pin(0);
	fd = tcp_listener("127.0.0.1", 128);
	fact_sock("listener", fd);
	tell(peer, local_port(fd));
	for (i = 0; i < count; i++) {
		child = accept_one(fd);
		if (!both)
			recv_end(child);
		close(child);
	}
	close(fd);
	reap(0);
	return 0;
}
