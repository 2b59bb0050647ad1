/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes whose names hold escape codes, a newline, quotes, and bytes that are no UTF-8. */
#include "trigger.h"

static void bind_one(const char *sock, const char *name)
{
	int fd;

	must(prctl(PR_SET_NAME, name), "prctl");
	fd = tcp(AF_INET);
	must(try_bind(fd, "127.0.0.1", 0), "bind");
	fact_sock(sock, fd);
	close(fd);
}

int main(void)
{
	trigger_begin("hostile");
	bind_one("escape", "\"\x1b[31m\n\",\"x");
	bind_one("binary", "\xff\xfe\x80"
			   "a\xc3");
	bind_one("control", "\r\t\x01\x7f\xc2\x9b"
			    "0m\\");
	return 0;
}
