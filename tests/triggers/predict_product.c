/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * predict_product PLAN: holds the port of each line of the file PLAN, waits for a line on stdin, then tries every
 * bind() on each of these ports, as root, and closes what it got at once: nobody else was refused or admitted by it.
 * A line is `PORT PROTO UID FAMILY ADDRESS OPTIONS STATE`, as in bind_product. Facts: `hPORT=ERRNO`, that of the
 * holder's bind(), and `tPORT=ERRNO,ERRNO,...` in the order of tries[] below, options none, reuseaddr, reuseport, both
 * for each.
 */
#include "trigger.h"

#define LINES_MAX    1000
#define SERVER       1024 /* its port: below all ports of the plan */
#define HOLD_SECONDS 170  /* each port is asked about, one after the other */

struct line {
	int port, uid;
	char proto[8], family[8], address[INET6_ADDRSTRLEN], options[24], state[12];
};

static struct line lines[LINES_MAX];
static int n_lines;

static const struct {
	const char *family, *address;
} tries[] = {
	{ "ipv4", "0.0.0.0" },
	{ "ipv4", "127.0.0.1" },
	{ "ipv4", "127.0.0.2" },
	{ "ipv6", "::" },
	{ "ipv6", "::1" },
	{ "ipv6", "2001:db8::2" },
	{ "ipv6", "::ffff:127.0.0.1" },
	{ "v6only", "::" },
	{ "v6only", "::1" },
	{ "v6only", "2001:db8::2" },
};

static void plan_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[256];

	if (!file)
		die(path);
	while (fgets(text, sizeof(text), file)) {
		struct line *l = &lines[n_lines++];

		if (n_lines > LINES_MAX ||
		    sscanf(text, "%d %7s %d %7s %45s %23s %11s", &l->port, l->proto, &l->uid,
			   l->family, l->address, l->options, l->state) != 7)
			die("the plan");
	}
	fclose(file);
}

static int open_one(const char *proto, const char *family, int reuseaddr, int reuseport)
{
	int af = strcmp(family, "ipv4") ? AF_INET6 : AF_INET;
	int fd = strcmp(proto, "udp") ? tcp(af) : udp(af);

	if (af == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !strcmp(family, "v6only"));
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, reuseaddr);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, reuseport);
	if (strcmp(proto, "udp"))
		reset_on_close(fd);
	return fd;
}

static const char *server_of(const struct line *l)
{
	if (!strcmp(l->family, "ipv4"))
		return "127.0.0.8";
	return strncmp(l->address, "::ffff:", 7) ? "2001:db8::8" : "::ffff:127.0.0.8";
}

/* All holders of one user, until the other end is closed. */
static void hold(int uid, int newcomer)
{
	int i;

	alarm(HOLD_SECONDS);
	must(setresgid(uid, uid, uid), "setresgid");
	must(setresuid(uid, uid, uid), "setresuid");
	hear(newcomer); /* the server is there */
	for (i = 0; i < n_lines; i++) {
		const struct line *l = &lines[i];
		int fd, error;

		if (l->uid != uid)
			continue;
		fd = open_one(l->proto, l->family, !!strstr(l->options, "reuseaddr"),
			      !!strstr(l->options, "reuseport"));
		error = try_bind(fd, l->address, l->port) ? errno : 0;
		fact("h%d=%d", l->port, error);
		if (!error && !strcmp(l->state, "listening"))
			must(listen(fd, 1), "listen");
		if (!error && !strcmp(l->state, "connected"))
			must(try_connect(fd, server_of(l), SERVER), "connect");
	}
	tell(newcomer, 0);
	hear(newcomer);
}

static void hold_same(int newcomer)
{
	hold(0, newcomer);
}

static void hold_other(int newcomer)
{
	hold(65534, newcomer);
}

static void try_all(const struct line *l)
{
	char text[512];
	size_t i, len = 0;
	int options;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		for (options = 0; options < 4; options++) {
			int fd = open_one(l->proto, tries[i].family, options & 1, options & 2);
			int error = try_bind(fd, tries[i].address, l->port) ? errno : 0;

			/* who walks through this process's files holds the last try's for a moment */
			if (error == EADDRINUSE) {
				usleep(500);
				error = try_bind(fd, tries[i].address, l->port) ? errno : 0;
			}
			close(fd);
			len += snprintf(text + len, sizeof(text) - len, "%s%d", len ? "," : "",
					error);
		}
	fact("t%d=%s", l->port, text);
}

int main(int argc, char **argv)
{
	int same, other, server, i;
	char byte;

	if (argc != 2)
		return 2;
	plan_read(argv[1]);
	trigger_begin("newcomer");
	alarm(HOLD_SECONDS);
	same = spawn("same", hold_same, NULL);
	other = spawn("other", hold_other, NULL);
	server = tcp(AF_INET6);
	must(try_bind(server, "::", SERVER), "bind of the server");
	must(listen(server, LINES_MAX), "listen of the server");
	tell(same, 0);
	tell(other, 0);
	hear(same);
	hear(other);
	fact("ready=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	for (i = 0; i < n_lines; i++)
		try_all(&lines[i]);
	fact("tried=1");
	if (read(STDIN_FILENO, &byte, 1) < 0)
		die("read stdin");
	tell(same, 0);
	tell(other, 0);
	reap(0);
	return 0;
}
