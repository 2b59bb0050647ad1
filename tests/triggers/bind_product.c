/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind_product PLAN: for each line of the file PLAN a holder takes a port, and a newcomer tries to take the same one.
 * A line is `PORT PROTO UID HOLDER NEWCOMER`: UID is the holder's (the newcomer is root), and HOLDER and NEWCOMER are
 * `FAMILY ADDRESS OPTIONS STATE` each. Facts: `hPORT=COOKIE,ERRNO` and `nPORT=COOKIE,ERRNO,ERRNO`, the errno of bind()
 * and of the call that follows it (0: it passed, -1: it was not made).
 *
 * The holders are processes of their own, one for each user: a process that changed its user back and forth would
 * have one or the other by the time somebody asks. Lines are done in batches: all holders, all newcomers, a pause in
 * which the kernel can be asked who holds what, and all are closed.
 *
 * `connected` is the client's end of a connection, bound before connect(): the only socket of its port. An accepted
 * connection would have the port in common with a listener, which then is a second holder.
 */
#include "trigger.h"

#define LINES_MAX 20000
#define BATCH     200
#define USERS     2
#define SERVER    1024 /* its port: below all ports of the plan */
/* The holders connect to one address, the newcomers to another: no two connections have the same ends. */
#define CALLED_BY_HOLDERS   0
#define CALLED_BY_NEWCOMERS 1
#define PAUSE_US            40000 /* after a batch, and so much more for each conflict in it: */
#define PAUSE_CONFLICT_US   2500

/* One side of a combination. */
struct side {
	char family[8], address[INET6_ADDRSTRLEN], options[24], state[12];
};

struct line {
	int port;
	char proto[8];
	int uid;
	struct side holder, newcomer;
};

static struct line lines[LINES_MAX];
static int n_lines;
static const int users[USERS] = { 0, 65534 };

static void plan_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[256];

	if (!file)
		die(path);
	while (fgets(text, sizeof(text), file)) {
		struct line *l = &lines[n_lines];

		if (n_lines == LINES_MAX ||
		    sscanf(text, "%d %7s %d %7s %45s %23s %11s %7s %45s %23s %11s", &l->port,
			   l->proto, &l->uid, l->holder.family, l->holder.address,
			   l->holder.options, l->holder.state, l->newcomer.family,
			   l->newcomer.address, l->newcomer.options, l->newcomer.state) != 11)
			die("the plan");
		n_lines++;
	}
	fclose(file);
}

static unsigned long long cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	must(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), "SO_COOKIE");
	return cookie;
}

static int side_open(const struct side *s, const char *proto)
{
	int family = strcmp(s->family, "ipv4") ? AF_INET6 : AF_INET;
	int fd = strcmp(proto, "udp") ? tcp(family) : udp(family);

	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !strcmp(s->family, "v6only"));
	if (strstr(s->options, "reuseaddr"))
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (strstr(s->options, "reuseport"))
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (strcmp(proto, "udp"))
		reset_on_close(fd); /* a connection in TIME_WAIT would be one more holder */
	return fd;
}

static const char *server_of(const struct side *s, int called_by)
{
	static const char *const servers[][2] = { { "127.0.0.8", "127.0.0.9" },
						  { "::ffff:127.0.0.8", "::ffff:127.0.0.9" },
						  { "2001:db8::8", "2001:db8::9" } };

	if (!strcmp(s->family, "ipv4"))
		return servers[0][called_by];
	return servers[strncmp(s->address, "::ffff:", 7) ? 2 : 1][called_by];
}

/* What comes after bind(): the errno, or -1 where there is nothing to do. */
static int side_go_on(const struct side *s, int fd, int called_by)
{
	if (!strcmp(s->state, "listening"))
		return listen(fd, 1) ? errno : 0;
	if (!strcmp(s->state, "connected"))
		return try_connect(fd, server_of(s, called_by), SERVER) ? errno : 0;
	return -1;
}

static int batch_end(int from)
{
	return from + BATCH < n_lines ? from + BATCH : n_lines;
}

/* The holders of one user; told twice a batch: to open them and to close them. */
static void hold(int uid, int newcomer)
{
	int fds[BATCH], n, from, i;

	/* also as group: nothing of root is left */
	must(setresgid(uid, uid, uid), "setresgid");
	must(setresuid(uid, uid, uid), "setresuid");
	for (from = 0; from < n_lines; from += BATCH) {
		hear(newcomer);
		for (i = from, n = 0; i < batch_end(from); i++) {
			const struct line *l = &lines[i];
			int fd, bound, next = -1;

			if (l->uid != uid)
				continue;
			fd = side_open(&l->holder, l->proto);
			bound = try_bind(fd, l->holder.address, l->port) ? errno : 0;
			if (!bound)
				next = side_go_on(&l->holder, fd, CALLED_BY_HOLDERS);
			if (next > 0)
				die("the holder's state");
			fact("h%d=%llu,%d", l->port, cookie_of(fd), bound);
			fds[n++] = fd;
		}
		tell(newcomer, 0);
		hear(newcomer);
		while (n)
			close(fds[--n]);
		tell(newcomer, 0);
	}
}

static void hold_same(int newcomer)
{
	hold(users[0], newcomer);
}

static void hold_other(int newcomer)
{
	hold(users[1], newcomer);
}

static void tell_all(const int *holders)
{
	int i;

	for (i = 0; i < USERS; i++)
		tell(holders[i], 0);
	for (i = 0; i < USERS; i++)
		hear(holders[i]);
}

/* Accepts and closes what the other ends have reset, so that the queue of the server has room. */
static void server_drain(int server)
{
	int fd;

	while ((fd = accept4(server, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	if (errno != EAGAIN)
		die("accept");
}

int main(int argc, char **argv)
{
	int holders[USERS], fds[BATCH], server, from, i;

	if (argc != 2)
		return 2;
	plan_read(argv[1]);
	trigger_begin("newcomer");
	holders[0] = spawn("holder-same", hold_same, NULL);
	holders[1] = spawn("holder-other", hold_other, NULL);
	server = tcp(AF_INET6);
	set_option(server, SOL_SOCKET, SO_REUSEADDR, 1);
	must(try_bind(server, "::", SERVER), "bind of the server");
	must(listen(server, 2 * BATCH), "listen of the server");
	must(fcntl(server, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	for (from = 0; from < n_lines; from += BATCH) {
		int conflicts = 0;

		tell_all(holders);
		for (i = from; i < batch_end(from); i++) {
			const struct line *l = &lines[i];
			int fd = side_open(&l->newcomer, l->proto), bound, next = -1;

			bound = try_bind(fd, l->newcomer.address, l->port) ? errno : 0;
			if (!bound)
				next = side_go_on(&l->newcomer, fd, CALLED_BY_NEWCOMERS);
			conflicts += bound == EADDRINUSE || next == EADDRINUSE;
			fact("n%d=%llu,%d,%d", l->port, cookie_of(fd), bound, next);
			fds[i - from] = fd;
		}
		usleep(PAUSE_US + conflicts * PAUSE_CONFLICT_US);
		for (i = from; i < batch_end(from); i++)
			close(fds[i - from]);
		tell_all(holders);
		server_drain(server);
	}
	for (i = 0; i < USERS; i++)
		close(holders[i]);
	close(server);
	reap(0);
	return 0;
}
