/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A double-forked grandchild, in a session of its own, binds after the command itself has ended. */
#include "trigger.h"

static void grandchild(void)
{
	int fd;

	setsid();
	usleep(200 * 1000);
	trigger_process("grandchild");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	fact_sock("late", fd);
	close(fd);
	_exit(0);
}

int main(void)
{
	trigger_begin("parent");
	if (must(fork(), "fork") == 0) {
		if (must(fork(), "fork") == 0)
			grandchild();
		_exit(0);
	}
	reap(0);
	return 7;
}
