/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connload - an exact number of TCP connections on loopback, and what they cost.
 *
 * Each pair is a server and a client process. The client connects, the server accepts and closes, the client
 * sees the end and closes: two normal FINs, one connection at a time, so nothing queues. All of it happens in
 * a network namespace of its own, with every port, over several addresses of 127.0.0.0/8: no port is short and
 * its TIME_WAITs vanish with it. Prints one JSON line; ends with 1 unless both ends counted every connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 1000 /* below the ephemeral range that the namespace gets */
#define ADDRESSES  16
#define MAX_PAIRS  16
#define NS         1000000000ull

static uint64_t connections = 10000;
static uint64_t rate;
static int pairs = 1;
static int cpu = -1;
static unsigned int limit_s = 120;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	fputs("connload: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* A namespace with lo up, ports 1024-65535, and its own TIME_WAITs. Returns its inode. */
static uint64_t enter_namespace(void)
{
	static const char range[] = "1024 65535";
	struct ifreq ifr = { .ifr_name = "lo" };
	struct stat st;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("no network namespace of its own (root needed)");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("lo does not come up");
	close(fd);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, range, sizeof(range) - 1) < 0)
		die("ip_local_port_range");
	close(fd);
	if (stat("/proc/self/ns/net", &st))
		die("/proc/self/ns/net");
	return st.st_ino;
}

static int listener(int pair)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(FIRST_PORT + pair) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 128))
		die("port %d", FIRST_PORT + pair);
	return fd;
}

static void serve(int fd, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			die("accept of connection %" PRIu64, i);
		close(conn);
	}
}

static void connect_all(int pair, uint64_t count, uint64_t begin_ns)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(FIRST_PORT + pair) };
	uint64_t due, now;
	char byte;

	for (uint64_t i = 0; i < count; i++) {
		/* Sleep only when a millisecond ahead: a timer for each would be the load. */
		if (rate) {
			due = begin_ns + i * NS * (uint64_t)pairs / rate;
			now = now_ns();
			if (due > now + NS / 1000)
				usleep((useconds_t)((due - now) / 1000));
		}
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % ADDRESSES));
		if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
			die("connection %" PRIu64, i);
		if (read(fd, &byte, 1))
			die("connection %" PRIu64 " did not end with a FIN", i);
		close(fd);
	}
}

/* Forks a process that waits for the gate to close, runs and exits. */
static void start(int gate[2], int pair, int fd, bool server, uint64_t count)
{
	cpu_set_t set;
	char byte;

	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		break;
	default:
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(limit_s);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die("CPU %d", cpu);
	}
	close(gate[1]);
	if (read(gate[0], &byte, 1))
		die("start");
	if (server)
		serve(fd, count);
	else
		connect_all(pair, count, now_ns());
	exit(0);
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *out <= max;
}

static int usage(void)
{
	fputs("usage: connload [-n CONNECTIONS] [-r RATE] [-j PAIRS] [-c CPU] [-t LIMIT_S]\n"
	      "  -n  connections in all (10000)   -r  at most so many a second (as fast as they go)\n"
	      "  -j  process pairs (1)            -c  pin all of them to this CPU\n"
	      "  -t  give up after this many seconds (120)\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t value, inode, begin, elapsed;
	int gate[2], opt, status, failed = 0;
	struct rusage use;
	double busy;

	while ((opt = getopt(argc, argv, "n:r:j:c:t:")) != -1) {
		if (opt == '?' || !number(optarg, 100000000, &value))
			return usage();
		if (opt == 'n')
			connections = value;
		else if (opt == 'r')
			rate = value;
		else if (opt == 'j')
			pairs = (int)value;
		else if (opt == 'c')
			cpu = (int)value;
		else
			limit_s = (unsigned int)value;
	}
	if (optind != argc || pairs < 1 || pairs > MAX_PAIRS || cpu >= CPU_SETSIZE || !limit_s ||
	    connections < (uint64_t)pairs || connections % (uint64_t)pairs)
		return usage();

	inode = enter_namespace();
	if (pipe(gate))
		die("pipe");
	for (int i = 0; i < pairs; i++) {
		int fd = listener(i);

		start(gate, i, fd, true, connections / (uint64_t)pairs);
		start(gate, i, fd, false, connections / (uint64_t)pairs);
		close(fd);
	}
	close(gate[0]);
	usleep(50000); /* all of them wait at the gate */
	begin = now_ns();
	close(gate[1]);
	while (wait(&status) > 0)
		failed += status != 0;
	elapsed = now_ns() - begin;
	getrusage(RUSAGE_CHILDREN, &use);
	if (failed) {
		fprintf(stderr, "connload: %d of %d processes failed\n", failed, 2 * pairs);
		return 1;
	}
	busy = seconds(&use.ru_utime) + seconds(&use.ru_stime);
	printf("{\"connections\":%" PRIu64 ",\"pairs\":%d,\"netns\":%" PRIu64
	       ",\"seconds\":%.6f,\"per_second\":%.0f,\"cpu_us\":%.3f}\n",
	       connections, pairs, inode, (double)elapsed / 1e9,
	       (double)connections * 1e9 / (double)elapsed, busy * 1e6 / (double)connections);
	return 0;
}
