/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_fill WHAT N THEN [OPTION...]: N ephemeral ports are used by
 *   time-wait     connections that this end closed first
 *   live          connections
 *   bind-live     connections whose port bind() chose
 *   bind-closed   the same, closed by this end
 *   bind          sockets that are bound and nothing else
 *   udp           UDP sockets
 * and THEN another is wanted: connect, bind, listen, udp-connect, udp-send, udp-bind: fails; fits: it connects;
 * other: so does one to another destination; none. OPTION: ip=ADDRESS, of both ends (127.0.0.1), to=ADDRESS, of the
 * server, range=LOW-HIGH (IP_LOCAL_PORT_RANGE), no-port (IP_BIND_ADDRESS_NO_PORT), more=N: so many more after a line
 * on stdin, hold: lives until stdin ends, pause=US between two of them.
 */
#include "trigger.h"

#define SERVER_PORT 7000 /* below every range that is used; the other destination is one more */
#define MOST        19000
#define BATCH       64

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

static const char *what, *then, *ip = "127.0.0.1", *to;
static int count, more, hold, no_port, pause_us;
static uint32_t range;
static int fds[MOST], n_fds, closing[BATCH], n_closing;

static int is(const char *word, const char *wanted)
{
	return !strcmp(word, wanted);
}

static int new_socket(int type)
{
	int fd = must(socket(family_of(ip), type | SOCK_CLOEXEC, 0), "socket");

	if (range)
		set_option(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, range);
	if (no_port)
		set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return fd;
}

static void keep(int fd)
{
	if (n_fds == MOST)
		die("too many");
	fds[n_fds++] = fd;
}

/* Waits for the FINs of the other end: TIME_WAIT has begun when it returns. */
static void finish_closing(void)
{
	while (n_closing) {
		recv_end(closing[--n_closing]);
		close(closing[n_closing]);
	}
}

/* This end's FIN goes first. Several at a time: the server has to be waited for. */
static void close_first(int fd)
{
	must(shutdown(fd, SHUT_WR), "shutdown");
	closing[n_closing++] = fd;
	if (n_closing == BATCH)
		finish_closing();
}

static void fill_one(void)
{
	int fd = new_socket(is(what, "udp") ? SOCK_DGRAM : SOCK_STREAM);

	if (!strncmp(what, "bind", 4) || is(what, "udp") || no_port)
		must(try_bind(fd, ip, 0), "bind");
	if (!is(what, "bind") && !is(what, "udp"))
		must(try_connect(fd, to, SERVER_PORT), "connect");
	if (is(what, "time-wait") || is(what, "bind-closed"))
		close_first(fd);
	else
		keep(fd);
	if (pause_us)
		usleep(pause_us);
}

static void fill(int n)
{
	while (n--)
		fill_one();
	finish_closing();
}

static void want_another(void)
{
	int udp = !strncmp(then, "udp", 3), fd = new_socket(udp ? SOCK_DGRAM : SOCK_STREAM);
	union address a;
	socklen_t len = address_set(&a, to, SERVER_PORT);

	if (is(then, "connect"))
		must_fail(try_connect(fd, to, SERVER_PORT), EADDRNOTAVAIL, then);
	else if (is(then, "fits"))
		must(try_connect(fd, to, SERVER_PORT), then);
	else if (is(then, "other"))
		must(try_connect(fd, to, SERVER_PORT + 1), then);
	else if (is(then, "bind") || is(then, "udp-bind"))
		must_fail(try_bind(fd, ip, 0), EADDRINUSE, then);
	else if (is(then, "listen"))
		must_fail(listen(fd, 8), EADDRINUSE, then);
	else if (is(then, "udp-connect"))
		must_fail(connect(fd, &a.sa, len), EAGAIN, then);
	else if (is(then, "udp-send"))
		must_fail(sendto(fd, "x", 1, 0, &a.sa, len), EAGAIN, then);
	else if (!is(then, "none"))
		exit(2);
	fact_sock("wanted", fd);
	keep(fd);
}

static void filler(int server)
{
	char byte;
	int i;

	hear(server);
	fill(count);
	want_another();
	fact("ready=1");
	settle();
	if (more && read(STDIN_FILENO, &byte, 1) == 1) {
		fill(more);
		fact("more=1");
	}
	while (hold && read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (i = 0; i < n_fds; i++)
		close(fds[i]);
}

static int listener(int port)
{
	int fd = must(socket(family_of(to), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		      "socket");

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(fd, to, port), "bind");
	must(listen(fd, 4096), "listen");
	return fd;
}

/* Takes what waits; how many connections there are then. */
static int accept_all(int fd, struct pollfd *at, int n)
{
	while (n < MOST + 2) {
		int child = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (child < 0)
			break;
		at[n++] = (struct pollfd){ .fd = child, .events = POLLIN };
	}
	return n;
}

/* Closes each connection when its peer has, until the filler has ended. */
static void serve(int one, int two, pid_t pid)
{
	static struct pollfd at[MOST + 2];
	int n = 2, status, i;

	at[0] = (struct pollfd){ .fd = one, .events = POLLIN };
	at[1] = (struct pollfd){ .fd = two, .events = POLLIN };
	while (waitpid(pid, &status, WNOHANG) == 0) {
		poll(at, n, 20);
		for (i = n - 1; i >= 2; i--) {
			if (!at[i].revents)
				continue;
			close(at[i].fd);
			at[i] = at[--n];
		}
		n = accept_all(one, at, n);
		n = accept_all(two, at, n);
	}
	if (status)
		die("the filler failed");
}

static void option(const char *word)
{
	unsigned int low, high;

	if (!strncmp(word, "ip=", 3))
		ip = word + 3;
	else if (!strncmp(word, "to=", 3))
		to = word + 3;
	else if (sscanf(word, "range=%u-%u", &low, &high) == 2)
		range = low | high << 16;
	else if (!strncmp(word, "more=", 5))
		more = atoi(word + 5);
	else if (!strncmp(word, "pause=", 6))
		pause_us = atoi(word + 6);
	else if (is(word, "no-port"))
		no_port = 1;
	else if (is(word, "hold"))
		hold = 1;
	else
		exit(2);
}

int main(int argc, char **argv)
{
	const struct rlimit files = { .rlim_cur = 20000, .rlim_max = 20000 };
	int peer, one, two, i;
	pid_t pid;

	if (argc < 4)
		return 2;
	what = argv[1];
	count = atoi(argv[2]);
	then = argv[3];
	for (i = 4; i < argc; i++)
		option(argv[i]);
	if (!to)
		to = ip;
	setrlimit(RLIMIT_NOFILE, &files);
	trigger_begin("server");
	peer = spawn("filler", filler, &pid);
	one = listener(SERVER_PORT);
	two = listener(SERVER_PORT + 1);
	tell(peer, 0);
	serve(one, two, pid);
	return 0;
}
