/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind_product PLAN: for each line of the file PLAN a holder takes a port, and a newcomer tries to take the same one.
 * A line is `PORT PROTO UID ORDER HOLDER NEWCOMER [BYSTANDER]`; the last three are `FAMILY ADDRESS OPTIONS STATE` each.
 * A bystander is one more socket on the port, of the holder's process. UID is theirs; the newcomer is root. ORDER is
 * `after` where the newcomer comes when the holder is in its state, and `between` where it binds before the holder's
 * listen() or connect(): those are then made only if that bind() passed, so that a holder which was in the way stays
 * what it was.
 *
 * Facts: `hPORT=COOKIE,ERRNO,ERRNO` of the holder, `nPORT=...` of the newcomer, `bPORT=...` of the bystander, with the
 * errnos of bind() and of the call that follows it (0: it passed, -1: it was not made).
 *
 * The holders are processes of their own, one for each user: a process that changed its user back and forth would
 * have one or the other by the time somebody asks. Lines are done in batches, all that are in one at the same time;
 * then comes a pause in which the kernel can be asked who holds what.
 *
 * `connected` is the client's end of a connection, bound before connect(): the only socket of its port. An accepted
 * connection would have the port in common with a listener, which then is a second holder.
 */
#include <sys/mman.h>
#include "trigger.h"

#define LINES_MAX         20000
#define BATCH             200
#define USERS             2
#define SERVER            1024  /* its port: below all ports of the plan */
#define PAUSE_US          20000 /* after a batch, and so much more for each conflict in it: */
#define PAUSE_CONFLICT_US 1000

/* Each connects to an address of its own: no two connections of one port have the same ends. */
enum role { HOLDER, NEWCOMER, BYSTANDER, ROLES };

/* One side of a combination. */
struct side {
	char family[8], address[INET6_ADDRSTRLEN], options[24], state[12];
};

struct line {
	int port;
	char proto[8];
	int uid;
	char order[8];
	struct side side[ROLES];
	int has_bystander;
};

static struct line lines[LINES_MAX];
static int n_lines;
static const int users[USERS] = { 0, 65534 };
static int *refused; /* shared: the errno of each newcomer's bind() in the batch */

/* The number of bytes that it takes, 0: this is no side. */
static int side_read(struct side *s, const char *text)
{
	int len = 0;

	if (sscanf(text, "%7s %45s %23s %11s%n", s->family, s->address, s->options, s->state,
		   &len) != 4)
		return 0;
	return len;
}

static void plan_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[256];

	if (!file)
		die(path);
	while (fgets(text, sizeof(text), file)) {
		struct line *l = &lines[n_lines];
		int at = 0, role, len = 0;

		if (n_lines == LINES_MAX || sscanf(text, "%d %7s %d %7s%n", &l->port, l->proto,
						   &l->uid, l->order, &at) != 4)
			die("the plan");
		for (role = HOLDER; role < ROLES; role++, at += len) {
			len = side_read(&l->side[role], text + at);
			if (!len && role != BYSTANDER)
				die("the plan");
		}
		l->has_bystander = len > 0;
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

static const char *server_of(const struct side *s, enum role role)
{
	static const char *const servers[][ROLES] = {
		{ "127.0.0.8", "127.0.0.9", "127.0.0.10" },
		{ "::ffff:127.0.0.8", "::ffff:127.0.0.9", "::ffff:127.0.0.10" },
		{ "2001:db8::8", "2001:db8::9", "2001:db8::10" },
	};

	if (!strcmp(s->family, "ipv4"))
		return servers[0][role];
	return servers[strncmp(s->address, "::ffff:", 7) ? 2 : 1][role];
}

/* A socket of the batch that is open now. */
struct taken {
	int fd, bound, next; /* and the errnos of its two calls */
};

static struct taken side_take(const struct line *l, enum role role)
{
	const struct side *s = &l->side[role];
	struct taken t = { .fd = side_open(s, l->proto), .next = -1 };

	t.bound = try_bind(t.fd, s->address, l->port) ? errno : 0;
	return t;
}

/* The call after bind(), if that passed and the state needs one. */
static void side_go_on(const struct line *l, enum role role, struct taken *t)
{
	const struct side *s = &l->side[role];

	if (t->bound)
		return;
	if (!strcmp(s->state, "listening"))
		t->next = listen(t->fd, 1) ? errno : 0;
	else if (!strcmp(s->state, "connected"))
		t->next = try_connect(t->fd, server_of(s, role), SERVER) ? errno : 0;
}

static void taken_tell(char who, const struct line *l, const struct taken *t)
{
	fact("%c%d=%llu,%d,%d", who, l->port, cookie_of(t->fd), t->bound, t->next);
}

static int between(const struct line *l)
{
	return !strcmp(l->order, "between");
}

static int batch_end(int from)
{
	return from + BATCH < n_lines ? from + BATCH : n_lines;
}

/* What the holder's process has of one line. */
struct held {
	struct taken holder, bystander;
};

static void line_hold(const struct line *l, struct held *h)
{
	h->holder = side_take(l, HOLDER);
	if (!between(l))
		side_go_on(l, HOLDER, &h->holder);
	if (!l->has_bystander)
		return;
	h->bystander = side_take(l, BYSTANDER);
	side_go_on(l, BYSTANDER, &h->bystander);
	taken_tell('b', l, &h->bystander);
}

static void line_hold_on(const struct line *l, struct held *h, int newcomer_refused)
{
	if (between(l) && !newcomer_refused)
		side_go_on(l, HOLDER, &h->holder);
	taken_tell('h', l, &h->holder);
}

static void line_release(const struct line *l, const struct held *h)
{
	close(h->holder.fd);
	if (l->has_bystander)
		close(h->bystander.fd);
}

/* The holders of one user; told what to do next three times a batch. */
static void hold(int uid, int newcomer)
{
	struct held held[BATCH];
	int from, i;

	/* also the group: nothing of root is left */
	must(setresgid(uid, uid, uid), "setresgid");
	must(setresuid(uid, uid, uid), "setresuid");
	for (from = 0; from < n_lines; from += BATCH) {
		const struct line *l = &lines[from];
		int n = batch_end(from) - from;

		hear(newcomer);
		for (i = 0; i < n; i++)
			if (l[i].uid == uid)
				line_hold(&l[i], &held[i]);
		tell(newcomer, 0);
		hear(newcomer);
		for (i = 0; i < n; i++)
			if (l[i].uid == uid)
				line_hold_on(&l[i], &held[i], refused[i]);
		tell(newcomer, 0);
		hear(newcomer);
		for (i = 0; i < n; i++)
			if (l[i].uid == uid)
				line_release(&l[i], &held[i]);
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

/* The next step of the holders is done. */
static void holders_step(const int *holders)
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

/* Returns the number of conflicts that the kernel saw. */
static int newcomers_take(const struct line *l, int n, const int *holders, struct taken *taken)
{
	int conflicts = 0, i;

	for (i = 0; i < n; i++) {
		taken[i] = side_take(&l[i], NEWCOMER);
		refused[i] = taken[i].bound;
	}
	holders_step(holders);
	for (i = 0; i < n; i++) {
		side_go_on(&l[i], NEWCOMER, &taken[i]);
		taken_tell('n', &l[i], &taken[i]);
		conflicts += taken[i].bound == EADDRINUSE || taken[i].next == EADDRINUSE;
	}
	return conflicts;
}

int main(int argc, char **argv)
{
	struct taken taken[BATCH];
	int holders[USERS], server, from, i;

	if (argc != 2)
		return 2;
	plan_read(argv[1]);
	trigger_begin("newcomer");
	refused = mmap(NULL, BATCH * sizeof(*refused), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refused == MAP_FAILED)
		die("mmap");
	holders[0] = spawn("holder-same", hold_same, NULL);
	holders[1] = spawn("holder-other", hold_other, NULL);
	server = tcp(AF_INET6);
	must(try_bind(server, "::", SERVER), "bind of the server");
	must(listen(server, ROLES * BATCH), "listen of the server");
	must(fcntl(server, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	for (from = 0; from < n_lines; from += BATCH) {
		int n = batch_end(from) - from, conflicts;

		holders_step(holders);
		conflicts = newcomers_take(&lines[from], n, holders, taken);
		usleep(PAUSE_US + conflicts * PAUSE_CONFLICT_US);
		for (i = 0; i < n; i++)
			close(taken[i].fd);
		holders_step(holders);
		server_drain(server);
	}
	for (i = 0; i < USERS; i++)
		close(holders[i]);
	close(server);
	reap(0);
	return 0;
}
