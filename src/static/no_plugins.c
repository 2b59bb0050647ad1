// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * no_plugins.c - only in the static binary: glibc and OpenSSL load nothing from the host.
 *
 * The host's plugins belong to its own libc: in a program that has another one linked in, they can crash it. So names
 * of users and services come from /etc/passwd and /etc/services only, and no openssl.cnf is read.
 */
#include <nss.h>
#include <openssl/crypto.h>
#include <stddef.h>

__attribute__((constructor)) static void load_nothing(void)
{
	static const char *const databases[] = { "passwd", "group", "initgroups", "services" };
	size_t i;

	for (i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		__nss_configure_lookup(databases[i], "files");
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}
