/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connect_failing STEPS [ADDRESS]: connect() again and again, one letter each:
 *	r	refused: the port is held at ADDRESS, and does not listen
 *	o	the same at another port
 *	w	the same at the first port, by another executable: a copy of this one
 *	s	a success at the first port
 *	b	refused, while somebody listens on the port at another address than ADDRESS
 *	u	unreachable: to 192.0.2.1
 *	t	unanswered: to 198.18.0.2, a second each
 *	a	abandoned after 20 ms: to 198.18.0.2
 *	e	EINVAL: from 127.0.0.1 to 198.18.0.2
 *	d	UDP to 192.0.2.1, unreachable
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include "trigger.h"

#define PORT  4321
#define OTHER 4322

static const char *address = "127.0.0.1";

static int held(int port, int listening)
{
	int fd = tcp(family_of(address));

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, address, port), "bind");
	if (listening)
		must(listen(fd, 8), "listen");
	return fd;
}

static void fail(const char *to, int port, int error)
{
	int fd = tcp(family_of(to));

	if (error == ETIMEDOUT) {
		set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000);
	}
	if (error == EINVAL)
		must(try_bind(fd, "127.0.0.1", 0), "bind");
	if (error == EINPROGRESS)
		must(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	must_fail(try_connect(fd, to, port), error, "connect");
	if (error == EINPROGRESS)
		usleep(20 * 1000);
	close(fd);
}

static void refused(int port)
{
	int holder = held(port, 0);

	fail(address, port, ECONNREFUSED);
	close(holder);
}

static void by_another(void)
{
	int self, copy, status;
	pid_t pid;

	pid = must(fork(), "fork");
	if (!pid) {
		char *const args[] = { "other", "r", (char *)address, NULL };
		char *const env[] = { "TRIGGER_FACTS=/dev/null", NULL };

		self = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open");
		copy = must(memfd_create("other", MFD_CLOEXEC), "memfd_create");
		while (must(sendfile(copy, self, NULL, 1 << 20), "sendfile") > 0)
			;
		fexecve(copy, args, env);
		die("fexecve");
	}
	must(waitpid(pid, &status, 0), "waitpid");
	if (status)
		die("the other program");
}

static void succeed(void)
{
	int listener = held(PORT, 1), client = tcp(family_of(address)), child;

	must(try_connect(client, address, PORT), "connect");
	child = accept_one(listener);
	reset_on_close(client);
	close(client);
	close(child);
	close(listener);
}

static void beside(void)
{
	int listener = tcp(AF_INET);

	set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(listener, "127.0.0.9", PORT), "bind");
	must(listen(listener, 8), "listen");
	fail(address, PORT, ECONNREFUSED);
	settle();
	close(listener);
}

static void fail_udp(void)
{
	int fd = udp(AF_INET);

	must_fail(try_connect(fd, "192.0.2.1", PORT), EHOSTUNREACH, "connect");
	close(fd);
}

static void step(char what)
{
	switch (what) {
	case 'r':
		refused(PORT);
		break;
	case 'o':
		refused(OTHER);
		break;
	case 'w':
		by_another();
		break;
	case 's':
		succeed();
		break;
	case 'b':
		beside();
		break;
	case 'u':
		fail("192.0.2.1", PORT, EHOSTUNREACH);
		break;
	case 't':
		fail("198.18.0.2", PORT, ETIMEDOUT);
		break;
	case 'a':
		fail("198.18.0.2", PORT, EINPROGRESS);
		break;
	case 'e':
		fail("198.18.0.2", PORT, EINVAL);
		break;
	case 'd':
		fail_udp();
		break;
	default:
		die("no such step");
	}
}

int main(int argc, char **argv)
{
	const char *at;

	if (argc < 2)
		return 2;
	if (argc > 2)
		address = argv[2];
	trigger_begin(strcmp(argv[0], "other") ? "client" : "other");
	for (at = argv[1]; *at; at++)
		step(*at);
	settle();
	return 0;
}
