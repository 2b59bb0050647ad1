/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind_refused ADDRESS PORT ERRNO [udp] [nobody] [no-capability] [freebind] [forbidden] [twice]: one bind(), as it is or as
 * another user, without CAP_NET_BIND_SERVICE, with IP_FREEBIND, or forbidden as an LSM does. ERRNO 0: it passes.
 */
#include "refuse.h"

#include <linux/capability.h>

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

static void drop_capability(int capability)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &head, data), "capget");
	data[capability / 32].effective &= ~(1u << (capability % 32));
	must(syscall(SYS_capset, &head, data), "capset");
}

static void bind_once(const char *name, const char *address, int port, int error)
{
	int family = family_of(address);
	int fd = has("udp") ? udp(family) : tcp(family);

	if (has("freebind"))
		set_option(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			   family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, 1);
	if (error)
		must_fail(try_bind(fd, address, port), error, "bind");
	else
		must(try_bind(fd, address, port), "bind");
	fact_sock(name, fd);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	option = argv + 4;
	options = argc - 4;
	trigger_begin("binder");
	if (has("nobody")) {
		must(setresgid(65534, 65534, 65534), "setresgid");
		must(setresuid(65534, 65534, 65534), "setresuid");
	}
	if (has("no-capability"))
		drop_capability(CAP_NET_BIND_SERVICE);
	if (has("forbidden"))
		refuse(SYS_bind, atoi(argv[3]));
	bind_once("bound", argv[1], atoi(argv[2]), atoi(argv[3]));
	if (has("twice"))
		bind_once("again", argv[1], atoi(argv[2]), atoi(argv[3]));
	return 0;
}
