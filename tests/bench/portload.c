/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portload SOCKETS: so many TCP sockets, half of them clients and half accepted, in pairs of processes that stay
 * below RLIMIT_NOFILE. Writes `ready` when all are there, and holds them until stdin ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PER_PROCESS 12500
#define BATCH       100 /* connections before they are accepted */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void tell(int fd)
{
	if (write(fd, "", 1) != 1)
		die("tell");
}

static void hear(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		exit(0); /* the other end is gone: so is this one */
}

static void begin(const char *name)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
}

static void serve(int listener, int peer, int n)
{
	int i, batch;

	begin("portserver");
	for (i = 0; i < n; i += batch) {
		batch = n - i < BATCH ? n - i : BATCH;
		hear(peer);
		for (int k = 0; k < batch; k++)
			if (accept(listener, NULL, NULL) < 0)
				die("accept");
		tell(peer);
	}
	pause();
}

static void call(const struct sockaddr_in *to, int peer, int done, int n)
{
	int i, batch;

	begin("portclient");
	for (i = 0; i < n; i += batch) {
		batch = n - i < BATCH ? n - i : BATCH;
		for (int k = 0; k < batch; k++) {
			int fd = socket(AF_INET, SOCK_STREAM, 0);

			if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
				die("connect");
		}
		tell(peer);
		hear(peer);
	}
	tell(done);
	pause();
}

/* One listener, n connections to it, in two processes. */
static void pair(int done, int n)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), peers[2];
	socklen_t len = sizeof(at);
	pid_t pid;

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) ||
	    listen(listener, BATCH) || getsockname(listener, (struct sockaddr *)&at, &len) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, peers))
		die("listener");
	pid = fork();
	if (!pid)
		serve(listener, peers[0], n);
	if (pid < 0)
		die("fork");
	close(listener);
	pid = fork();
	if (!pid)
		call(&at, peers[1], done, n);
	if (pid < 0)
		die("fork");
	close(peers[0]);
	close(peers[1]);
}

int main(int argc, char **argv)
{
	int sockets = argc == 2 ? atoi(argv[1]) : 0, left = sockets / 2, pairs = 0, done[2];
	struct rlimit limit;
	char byte;

	if (sockets < 2)
		return 2;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	signal(SIGCHLD, SIG_DFL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, done))
		die("socketpair");
	for (; left > 0; left -= PER_PROCESS, pairs++)
		pair(done[1], left < PER_PROCESS ? left : PER_PROCESS);
	while (pairs--)
		hear(done[0]);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0; /* the children die with it */
}
