/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept_full ADDRESS BACKLOG CLIENTS [MS]: a listener that accepts nothing while CLIENTS connect, until a line comes
 * on stdin; then it accepts whatever comes until the end of stdin. With MS one waits for so long before the others
 * come, and so does each accept().
 */
#include "trigger.h"

static int pause_ms;

static void *accept_all(void *arg)
{
	int fd = *(int *)arg, child;

	for (;;) {
		usleep(pause_ms * 1000);
		child = accept_one(fd);
		close(child);
	}
	return NULL;
}

static void gate(void)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int fd, i, client;

	if (argc < 4)
		die("usage");
	pause_ms = argc > 4 ? atoi(argv[4]) : 0;
	trigger_begin("slow");
	fd = tcp_listener(argv[1], atoi(argv[2]));
	fact_sock("listener", fd);
	if (pause_ms) {
		tcp_client(argv[1], local_port(fd));
		usleep(pause_ms * 1000);
		accept_one(fd);
	}
	for (i = 0; i < atoi(argv[3]); i++) {
		client = tcp(family_of(argv[1]));
		must(fcntl(client, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
		if (try_connect(client, argv[1], local_port(fd)) && errno != EINPROGRESS)
			die("connect");
	}
	fact("ready=1");
	if (!pause_ms)
		gate();
	if (pthread_create(&thread, NULL, accept_all, &fd))
		die("pthread_create");
	fact("accepting=1");
	gate();
	return 0;
}
