/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every trigger shares: a bounded life, facts for the test, calls that must not fail, and children that are
 * forked before any socket exists, so that nobody holds a descriptor by accident.
 */
#ifndef TRIGGER_H
#define TRIGGER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIGGER_SECONDS 20 /* nobody lives longer, children included */
#define TRIGGER_FAILED  99 /* exit status when the situation could not be made */

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int facts_fd = STDERR_FILENO;

/* --- failing and telling --- */

static inline void die(const char *what)
{
	dprintf(STDERR_FILENO, "trigger: %s: %s\n", what, strerror(errno));
	_exit(TRIGGER_FAILED);
}

static inline int must(int ret, const char *what)
{
	if (ret < 0)
		die(what);
	return ret;
}

/* The call has to fail, and with this errno. */
static inline void must_fail(int ret, int error, const char *what)
{
	if (ret >= 0)
		errno = 0;
	if (ret >= 0 || errno != error)
		die(what);
}

/* One `key=value ...` line for the test. */
static inline __attribute__((format(printf, 1, 2))) void fact(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(line) - 1)
		die("fact too long");
	line[len++] = '\n';
	if (write(facts_fd, line, len) != len)
		die("write facts");
}

/* The process's start in clock ticks, as /proc has it: the test compares `proc` with it. */
static inline void fact_process(const char *name)
{
	char stat[1024], *at;
	int fd = must(open("/proc/self/stat", O_RDONLY | O_CLOEXEC), "open /proc/self/stat");
	ssize_t len = read(fd, stat, sizeof(stat) - 1);
	int field;

	close(fd);
	if (len <= 0)
		die("read /proc/self/stat");
	stat[len] = '\0';
	at = strrchr(stat, ')');
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		die("parse /proc/self/stat");
	fact("%s_pid=%d start_%d=%lu", name, getpid(), getpid(), strtoul(at + 1, NULL, 10));
}

/* How many times longer everything may take here. */
static inline unsigned int slow(void)
{
	const char *times = getenv("SOCKLIFE_TEST_SLOW");

	return times && atoi(times) > 0 ? atoi(times) : 1;
}

/* --- processes --- */

static inline void trigger_process(const char *name)
{
	alarm(TRIGGER_SECONDS * slow());
	must(prctl(PR_SET_NAME, name), "prctl");
	fact_process(name);
}

static inline void trigger_begin(const char *name)
{
	const char *path = getenv("TRIGGER_FACTS");

	signal(SIGPIPE, SIG_IGN);
	if (path)
		facts_fd = must(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666),
				"open TRIGGER_FACTS");
	trigger_process(name);
}

/* Fork a child that runs body() with a Unix stream to the parent; returns the parent's end of it. */
static inline int spawn(const char *name, void (*body)(int parent), pid_t *pid)
{
	int pair[2];
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	child = must(fork(), "fork");
	if (child == 0) {
		close(pair[0]);
		must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
		trigger_process(name);
		body(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	if (pid)
		*pid = child;
	return pair[0];
}

static inline void tell(int peer, int value)
{
	if (write(peer, &value, sizeof(value)) != sizeof(value))
		die("tell");
}

static inline int hear(int peer)
{
	int value;

	if (read(peer, &value, sizeof(value)) != sizeof(value))
		die("hear");
	return value;
}

/* Wait for every child; each must have ended well, or by the signal given. */
static inline void reap(int sig)
{
	int status;

	while (waitpid(-1, &status, 0) > 0) {
		if (sig && WIFSIGNALED(status) && WTERMSIG(status) == sig)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			die("a child failed");
	}
}

/* Things stay as they are for a moment: a finding can ask the kernel who holds what. */
static inline void settle(void)
{
	usleep(200 * 1000 * slow());
}

/* --- sockets --- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static inline socklen_t address_set(union address *a, const char *ip, int port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return sizeof(a->in);
	}
	if (inet_pton(AF_INET6, ip, &a->in6.sin6_addr) != 1)
		die(ip);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	return sizeof(a->in6);
}

static inline int address_port(const union address *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

static inline int family_of(const char *ip)
{
	return strchr(ip, ':') ? AF_INET6 : AF_INET;
}

static inline int tcp(int family)
{
	return must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket tcp");
}

static inline int udp(int family)
{
	return must(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket udp");
}

static inline int try_bind(int fd, const char *ip, int port)
{
	union address a;
	socklen_t len = address_set(&a, ip, port);

	return bind(fd, &a.sa, len);
}

static inline int try_connect(int fd, const char *ip, int port)
{
	union address a;
	socklen_t len = address_set(&a, ip, port);

	return connect(fd, &a.sa, len);
}

static inline int local_port(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	must(getsockname(fd, &a.sa, &len), "getsockname");
	return address_port(&a);
}

static inline void set_option(int fd, int level, int name, int value)
{
	must(setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt");
}

/* A listener on a port that the kernel chose. */
static inline int tcp_listener(const char *ip, int backlog)
{
	int fd = tcp(family_of(ip));

	must(try_bind(fd, ip, 0), "bind");
	must(listen(fd, backlog), "listen");
	return fd;
}

static inline int tcp_client(const char *ip, int port)
{
	int fd = tcp(family_of(ip));

	must(try_connect(fd, ip, port), "connect");
	return fd;
}

static inline int accept_one(int fd)
{
	return must(accept4(fd, NULL, NULL, SOCK_CLOEXEC), "accept");
}

/* The next close() of this socket sends a reset. */
static inline void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), "SO_LINGER");
}

static inline void send_bytes(int fd, size_t count)
{
	static const char block[65536];

	while (count) {
		ssize_t sent = send(fd, block, count < sizeof(block) ? count : sizeof(block), 0);

		if (sent <= 0)
			die("send");
		count -= sent;
	}
}

static inline void recv_bytes(int fd, size_t count)
{
	static char block[65536];

	while (count) {
		ssize_t got = recv(fd, block, count < sizeof(block) ? count : sizeof(block), 0);

		if (got <= 0)
			die("recv");
		count -= got;
	}
}

static inline void recv_end(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) != 0)
		die("recv at the end");
}

static inline void fact_end(const char *name, const char *which, const union address *a)
{
	char ip[INET6_ADDRSTRLEN];

	if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
	fact("%s_%saddr=%s %s_%sport=%d", name, which, ip, name, which, address_port(a));
}

/* The socket's cookie and ends, as the kernel tells them now. */
static inline void fact_sock(const char *name, int fd)
{
	uint64_t cookie = 0, netns = 0;
	socklen_t len = sizeof(cookie);
	union address a;

	must(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), "SO_COOKIE");
	len = sizeof(netns);
	must(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len), "SO_NETNS_COOKIE");
	fact("%s=%llu %s_fd=%d netns_cookie=%llu", name, (unsigned long long)cookie, name, fd,
	     (unsigned long long)netns);
	len = sizeof(a);
	if (getsockname(fd, &a.sa, &len) == 0)
		fact_end(name, "l", &a);
	len = sizeof(a);
	if (getpeername(fd, &a.sa, &len) == 0)
		fact_end(name, "r", &a);
}

#endif
