// SPDX-License-Identifier: GPL-2.0-or-later
/* conflict.c: pairs of sockets judged by table, near misses beside them, and against this kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conflict.h"

#define PORT 8080
#define RA   OPT_REUSEADDR
#define RP   OPT_REUSEPORT
#define V6   OPT_V6ONLY
#define UDP  IPPROTO_UDP

static struct ev_sock sock_at(const char *addr, uint8_t proto, uint8_t state, uint32_t options)
{
	struct ev_sock s = { .family = strchr(addr, ':') ? AF_INET6 : AF_INET,
			     .proto = proto,
			     .state = state,
			     .lport = PORT,
			     .options = options };

	if (s.family == AF_INET6) {
		assert_int_equal(inet_pton(AF_INET6, addr, s.laddr), 1);
	} else {
		memset(s.laddr + 10, 0xff, 2);
		assert_int_equal(inet_pton(AF_INET, addr, s.laddr + 12), 1);
	}
	return s;
}

struct pair {
	const char *what;
	struct {
		const char *addr;
		uint32_t options, uid, ifindex, facts;
		uint8_t state;
	} new, held;
	uint8_t proto; /* 0: TCP */
	bool at_listen;
	enum conflict_rule rule;
};

static const struct pair pairs[] = {
	/* addresses */
	{ .what = "same",
	  .new = { .addr = "127.0.0.1" },
	  .held = { .addr = "127.0.0.1", .state = TCP_LISTEN },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "same wildcard",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "0.0.0.0" },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "same IPv6",
	  .new = { .addr = "::1" },
	  .held = { .addr = "::1", .options = V6 },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "another address",
	  .new = { .addr = "127.0.0.1" },
	  .held = { .addr = "127.0.0.2", .state = TCP_LISTEN } },
	{ .what = "another IPv6 address",
	  .new = { .addr = "::1" },
	  .held = { .addr = "fe80::1", .options = V6 } },
	{ .what = "wildcard held",
	  .new = { .addr = "127.0.0.1" },
	  .held = { .addr = "0.0.0.0", .state = TCP_LISTEN },
	  .rule = CONFLICT_WILDCARD },
	{ .what = "wildcard wanted",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "127.0.0.1", .state = TCP_LISTEN },
	  .rule = CONFLICT_WILDCARD },
	{ .what = "IPv6 wildcard",
	  .new = { .addr = "::" },
	  .held = { .addr = "::1", .options = V6 },
	  .rule = CONFLICT_WILDCARD },
	/* dual stack */
	{ .what = "dual stack held",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "::", .state = TCP_LISTEN },
	  .rule = CONFLICT_DUAL_STACK },
	{ .what = "dual stack wanted",
	  .new = { .addr = "::" },
	  .held = { .addr = "10.0.0.1" },
	  .rule = CONFLICT_DUAL_STACK },
	{ .what = "mapped wanted",
	  .new = { .addr = "::ffff:10.0.0.1" },
	  .held = { .addr = "::" },
	  .rule = CONFLICT_DUAL_STACK },
	{ .what = "mapped and IPv4",
	  .new = { .addr = "::ffff:10.0.0.1" },
	  .held = { .addr = "10.0.0.1" },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "v6only held",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "::", .options = V6, .state = TCP_LISTEN } },
	{ .what = "v6only held, mapped wanted",
	  .new = { .addr = "::ffff:10.0.0.1" },
	  .held = { .addr = "::", .options = V6 } },
	{ .what = "v6only wanted",
	  .new = { .addr = "::", .options = V6 },
	  .held = { .addr = "0.0.0.0", .state = TCP_LISTEN } },
	{ .what = "v6only beside dual stack",
	  .new = { .addr = "::", .options = V6 },
	  .held = { .addr = "::" },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "specific IPv6 beside IPv4 wildcard",
	  .new = { .addr = "::1" },
	  .held = { .addr = "0.0.0.0" } },
	{ .what = "IPv4 wildcard, IPv6 connection without bind()",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "::1", .state = TCP_ESTABLISHED, .facts = FACT_SYN_SENT },
	  .rule = CONFLICT_CLIENT_PORT },
	/* devices */
	{ .what = "two devices",
	  .new = { .addr = "0.0.0.0", .ifindex = 1 },
	  .held = { .addr = "0.0.0.0", .ifindex = 2 } },
	{ .what = "one device",
	  .new = { .addr = "0.0.0.0", .ifindex = 1 },
	  .held = { .addr = "0.0.0.0", .ifindex = 1 },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "only one with a device",
	  .new = { .addr = "0.0.0.0", .ifindex = 1 },
	  .held = { .addr = "0.0.0.0" },
	  .rule = CONFLICT_SAME_ADDRESS },
	/* SO_REUSEADDR */
	{ .what = "both reuseaddr, one listens",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .options = RA, .state = TCP_LISTEN },
	  .rule = CONFLICT_LISTENING },
	{ .what = "both reuseaddr, none listens",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .options = RA } },
	{ .what = "both reuseaddr, a connection",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "10.0.0.1", .options = RA, .state = TCP_ESTABLISHED } },
	{ .what = "only the newcomer reuseaddr",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0" },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "only the holder reuseaddr",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "0.0.0.0", .options = RA },
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "listen(), one listens",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .options = RA | RP, .state = TCP_LISTEN },
	  .at_listen = true,
	  .rule = CONFLICT_LISTENING },
	{ .what = "listen(), none listens",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .options = RA },
	  .at_listen = true },
	/* SO_REUSEPORT */
	{ .what = "newcomer lacks reuseport",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "0.0.0.0", .options = RP, .state = TCP_LISTEN },
	  .rule = CONFLICT_REUSEPORT_MISSING },
	{ .what = "holder lacks reuseport",
	  .new = { .addr = "0.0.0.0", .options = RP },
	  .held = { .addr = "0.0.0.0", .options = RA, .state = TCP_LISTEN },
	  .rule = CONFLICT_REUSEPORT_MISSING },
	{ .what = "another user's reuseport",
	  .new = { .addr = "0.0.0.0", .options = RP, .uid = 33 },
	  .held = { .addr = "0.0.0.0", .options = RP, .state = TCP_LISTEN },
	  .rule = CONFLICT_REUSEPORT_UID },
	{ .what = "own reuseport",
	  .new = { .addr = "0.0.0.0", .options = RP, .uid = 33 },
	  .held = { .addr = "0.0.0.0", .options = RP, .uid = 33, .state = TCP_LISTEN } },
	/* TIME_WAIT */
	{ .what = "time-wait",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "10.0.0.1", .options = RA, .state = TCP_TIME_WAIT },
	  .rule = CONFLICT_TIME_WAIT },
	{ .what = "time-wait, holder had no reuseaddr",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "10.0.0.1", .state = TCP_TIME_WAIT },
	  .rule = CONFLICT_TIME_WAIT },
	{ .what = "time-wait, both reuseaddr",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "10.0.0.1", .options = RA, .state = TCP_TIME_WAIT } },
	{ .what = "time-wait, reuseport of any user",
	  .new = { .addr = "0.0.0.0", .options = RP, .uid = 33 },
	  .held = { .addr = "10.0.0.1", .options = RP, .state = TCP_TIME_WAIT } },
	{ .what = "time-wait, another address",
	  .new = { .addr = "10.0.0.2" },
	  .held = { .addr = "10.0.0.1", .state = TCP_TIME_WAIT } },
	/* client ports */
	{ .what = "client",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "10.0.0.1", .state = TCP_ESTABLISHED, .facts = FACT_SYN_SENT },
	  .rule = CONFLICT_CLIENT_PORT },
	{ .what = "client connecting",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "10.0.0.1", .state = TCP_SYN_SENT },
	  .rule = CONFLICT_CLIENT_PORT },
	{ .what = "accepted",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "10.0.0.1",
		    .options = RA,
		    .state = TCP_CLOSE_WAIT,
		    .facts = FACT_PASSIVE },
	  .rule = CONFLICT_WILDCARD },
	/* UDP */
	{ .what = "UDP same",
	  .new = { .addr = "0.0.0.0" },
	  .held = { .addr = "0.0.0.0", .state = TCP_CLOSE },
	  .proto = UDP,
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "UDP both reuseaddr",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .options = RA, .state = TCP_CLOSE },
	  .proto = UDP },
	{ .what = "UDP one reuseaddr",
	  .new = { .addr = "0.0.0.0", .options = RA },
	  .held = { .addr = "0.0.0.0", .state = TCP_CLOSE },
	  .proto = UDP,
	  .rule = CONFLICT_SAME_ADDRESS },
	{ .what = "UDP reuseport of two users",
	  .new = { .addr = "0.0.0.0", .options = RP, .uid = 33 },
	  .held = { .addr = "0.0.0.0", .options = RP, .state = TCP_CLOSE },
	  .proto = UDP,
	  .rule = CONFLICT_REUSEPORT_UID },
	{ .what = "UDP own reuseport",
	  .new = { .addr = "0.0.0.0", .options = RP },
	  .held = { .addr = "0.0.0.0", .options = RP, .state = TCP_CLOSE },
	  .proto = UDP },
};

static void judges_by_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *p = &pairs[i];
		uint8_t proto = p->proto ? p->proto : IPPROTO_TCP;
		struct ev_sock new = sock_at(p->new.addr, proto, TCP_CLOSE, p->new.options);
		struct holder h = { .uid_known = true, .options_known = true };
		enum conflict_rule rule;

		h.sock = sock_at(p->held.addr, proto, p->held.state ? p->held.state : TCP_CLOSE,
				 p->held.options);
		h.sock.facts = p->held.facts;
		h.sock.ifindex = p->held.ifindex;
		h.uid = h.sock_uid = p->held.uid;
		new.ifindex = p->new.ifindex;
		rule = conflict__judge(&new, p->new.uid, &h, p->at_listen);
		if (rule != p->rule)
			fail_msg("%s: %s", p->what, rule ? conflict_names[rule] : "no conflict");
	}
}

static void other_sockets_do_not_count(void **state)
{
	struct ev_sock new = sock_at("0.0.0.0", IPPROTO_TCP, TCP_CLOSE, 0);
	struct holder h = { .sock = new, .uid_known = true, .options_known = true };

	(void)state;
	assert_int_equal(conflict__judge(&new, 0, &h, false), CONFLICT_SAME_ADDRESS);
	h.sock.lport = PORT + 1;
	assert_int_equal(conflict__judge(&new, 0, &h, false), CONFLICT_NONE);
	h.sock.lport = PORT;
	h.sock.proto = UDP;
	assert_int_equal(conflict__judge(&new, 0, &h, false), CONFLICT_NONE);
	h.sock.proto = IPPROTO_TCP;
	new.cookie = h.sock.cookie = 7;
	assert_int_equal(conflict__judge(&new, 0, &h, false), CONFLICT_NONE);
}

static void every_rule_has_a_name(void **state)
{
	size_t i;

	(void)state;
	assert_null(conflict_names[CONFLICT_NONE]);
	for (i = 1; i < CONFLICT_RULES; i++)
		assert_non_null(conflict_names[i]);
}

/* --- the same question to this kernel ---------------------------------------------------------- */

static const char *const addresses[] = { "127.0.0.1", "127.0.0.2", "0.0.0.0",
					 "::",        "::1",       "::ffff:127.0.0.1" };
static const uint32_t option_sets[] = { 0, RA, RP, RA | RP, V6, V6 | RA };

/* A socket with these options; -1 where there is no IPv6. */
static int sock_open(const struct ev_sock *s)
{
	int fd = socket(s->family, s->proto == UDP ? SOCK_DGRAM : SOCK_STREAM, 0), one = 1;
	int v6only = !!(s->options & V6);

	if (fd < 0)
		return -1;
	if (s->options & RA)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s->options & RP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (s->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	return fd;
}

static int sock_bind(int fd, struct ev_sock *s)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(s->lport) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(s->lport) };
	struct sockaddr_storage now;
	socklen_t len = sizeof(now);
	int err;

	memcpy(&v6.sin6_addr, s->laddr, ADDR_LEN);
	memcpy(&v4.sin_addr, s->laddr + 12, 4);
	err = s->family == AF_INET6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6)) :
				      bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (err)
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&now, &len))
		return -errno;
	s->lport = ntohs(((struct sockaddr_in *)&now)->sin_port);
	return 0;
}

/* Binds and maybe listens with one, binds and maybe listens with the other. False: cannot be tried. */
static bool kernel_agrees_or(uint8_t proto, size_t a, size_t ao, size_t b, size_t bo, bool listens,
			     bool again)
{
	struct ev_sock new = sock_at(addresses[b], proto, TCP_CLOSE, option_sets[bo]);
	struct holder h = { .uid = getuid(), .uid_known = true, .options_known = true };
	int held, fd, err;
	bool judged;

	h.sock = sock_at(addresses[a], proto, listens ? TCP_LISTEN : TCP_CLOSE, option_sets[ao]);
	h.sock_uid = h.uid;
	h.sock.lport = 0;
	if (h.sock.family != AF_INET6)
		h.sock.options &= ~V6;
	if (new.family != AF_INET6)
		new.options &= ~V6;
	held = sock_open(&h.sock);
	fd = sock_open(&new);
	if (held < 0 || fd < 0 || sock_bind(held, &h.sock) || (listens && listen(held, 1))) {
		close(held);
		close(fd);
		return false;
	}
	/* __inet6_bind: a specific IPv6 address makes the socket v6only */
	if (strcmp(addresses[a], "::1") == 0)
		h.sock.options |= V6;
	new.lport = h.sock.lport;
	err = sock_bind(fd, &new);
	judged = conflict__judge(&new, getuid(), &h, false);
	/* another process of the host can have taken the port in between: only twice in a row counts */
	if ((err == -EADDRINUSE) != judged && (!err || err == -EADDRINUSE) && again)
		again = kernel_agrees_or(proto, a, ao, b, bo, listens, false);
	else if ((err == -EADDRINUSE) != judged && (!err || err == -EADDRINUSE))
		fail_msg("%s, %s %x%s held, %s %x wanted: kernel %d, judged %d",
			 proto == UDP ? "udp" : "tcp", addresses[a], option_sets[ao],
			 listens ? " listening" : "", addresses[b], option_sets[bo], err, judged);
	close(held);
	close(fd);
	return !err || err == -EADDRINUSE;
}

static bool kernel_agrees(uint8_t proto, size_t a, size_t ao, size_t b, size_t bo, bool listens)
{
	return kernel_agrees_or(proto, a, ao, b, bo, listens, true);
}

static void agrees_with_the_kernel(void **state)
{
	const size_t n = sizeof(addresses) / sizeof(addresses[0]);
	const size_t m = sizeof(option_sets) / sizeof(option_sets[0]);
	size_t i, tried = 0;

	(void)state;
	for (i = 0; i < n * n * m * m; i++) {
		size_t a = i % n, b = i / n % n, ao = i / n / n % m, bo = i / n / n / m;

		tried += kernel_agrees(IPPROTO_TCP, a, ao, b, bo, false);
		tried += kernel_agrees(IPPROTO_TCP, a, ao, b, bo, true);
		tried += kernel_agrees(UDP, a, ao, b, bo, false);
	}
	if (!tried)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_by_table),
		cmocka_unit_test(other_sockets_do_not_count),
		cmocka_unit_test(every_rule_has_a_name),
		cmocka_unit_test(agrees_with_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
