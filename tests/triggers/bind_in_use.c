/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind_in_use HOLDER-ADDRESS NEWCOMER-ADDRESS [reuseaddr] [holder-reuseport] [reuseport] [nobody] [hurry]:
 * another process listens on a port, and bind() of the same port (as another user with `nobody`) fails with EADDRINUSE.
 * The holder stays for a moment, unless `hurry`.
 */
#include "trigger.h"

static const char *held, *wanted;
static int options;
static char **option;

static int has(const char *name)
{
	int i;

	for (i = 0; i < options; i++)
		if (!strcmp(option[i], name))
			return 1;
	return 0;
}

static void holder(int newcomer)
{
	int fd = tcp(family_of(held));

	if (has("reuseaddr"))
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (has("holder-reuseport"))
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	must(try_bind(fd, held, 0), "bind");
	must(listen(fd, 8), "listen");
	fact_sock("holder", fd);
	tell(newcomer, local_port(fd));
	hear(newcomer);
	close(fd);
}

int main(int argc, char **argv)
{
	int peer, fd, port;

	if (argc < 3)
		return 2;
	held = argv[1];
	wanted = argv[2];
	option = argv + 3;
	options = argc - 3;
	trigger_begin("newcomer");
	peer = spawn("holder", holder, NULL);
	port = hear(peer);
	if (has("nobody"))
		must(setresuid(65534, 65534, 65534), "setresuid");
	fd = tcp(family_of(wanted));
	if (has("reuseaddr"))
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (has("reuseport"))
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	must_fail(try_bind(fd, wanted, port), EADDRINUSE, "bind");
	fact_sock("newcomer", fd);
	close(fd);
	if (!has("hurry"))
		settle();
	tell(peer, 0);
	reap(0);
	return 0;
}
