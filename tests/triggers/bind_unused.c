/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket is bound and closed without any use; another is not even bound and must leave no record. */
#include "trigger.h"

int main(void)
{
	int bound, bare;

	trigger_begin("idler");
	bound = tcp(AF_INET);
	must(try_bind(bound, "127.0.0.1", 0), "bind");
	fact_sock("bound", bound);
	bare = tcp(AF_INET);
	fact_sock("bare", bare);
	close(bound);
	close(bare);
	return 0;
}
