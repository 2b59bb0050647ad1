// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * no_tls.c - only in the static binary: what libmicrohttpd would call for TLS, which nobody asks it for here.
 *
 * Its archive names these functions of GnuTLS, of which Debian has no whole static set (p11-kit). Only the first two are
 * called where a daemon is made without MHD_USE_TLS: when the program begins and ends.
 */
#include <stdlib.h>

int gnutls_global_init(void);
void gnutls_global_deinit(void);

int gnutls_global_init(void)
{
	return 0;
}

void gnutls_global_deinit(void)
{
}

void *(*gnutls_malloc)(size_t) = malloc;

static int refuse(void)
{
	return -1; /* each of them fails by any negative number */
}

int gnutls_alpn_set_protocols(void) __attribute__((alias("refuse")));
int gnutls_bye(void) __attribute__((alias("refuse")));
int gnutls_certificate_allocate_credentials(void) __attribute__((alias("refuse")));
int gnutls_certificate_free_credentials(void) __attribute__((alias("refuse")));
int gnutls_certificate_server_set_request(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_dh_params(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_retrieve_function2(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_retrieve_function3(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_x509_key_mem(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_x509_key_mem2(void) __attribute__((alias("refuse")));
int gnutls_certificate_set_x509_trust_mem(void) __attribute__((alias("refuse")));
int gnutls_cipher_get(void) __attribute__((alias("refuse")));
int gnutls_credentials_set(void) __attribute__((alias("refuse")));
int gnutls_deinit(void) __attribute__((alias("refuse")));
int gnutls_dh_params_deinit(void) __attribute__((alias("refuse")));
int gnutls_dh_params_import_pkcs3(void) __attribute__((alias("refuse")));
int gnutls_dh_params_init(void) __attribute__((alias("refuse")));
int gnutls_handshake(void) __attribute__((alias("refuse")));
int gnutls_init(void) __attribute__((alias("refuse")));
int gnutls_priority_deinit(void) __attribute__((alias("refuse")));
int gnutls_priority_init(void) __attribute__((alias("refuse")));
int gnutls_priority_set(void) __attribute__((alias("refuse")));
int gnutls_protocol_get_version(void) __attribute__((alias("refuse")));
int gnutls_psk_allocate_server_credentials(void) __attribute__((alias("refuse")));
int gnutls_psk_free_server_credentials(void) __attribute__((alias("refuse")));
int gnutls_psk_set_server_credentials_function(void) __attribute__((alias("refuse")));
int gnutls_record_check_pending(void) __attribute__((alias("refuse")));
int gnutls_record_get_direction(void) __attribute__((alias("refuse")));
int gnutls_record_recv(void) __attribute__((alias("refuse")));
int gnutls_record_send(void) __attribute__((alias("refuse")));
int gnutls_session_get_ptr(void) __attribute__((alias("refuse")));
int gnutls_session_set_ptr(void) __attribute__((alias("refuse")));
int gnutls_strerror(void) __attribute__((alias("refuse")));
int gnutls_transport_set_int2(void) __attribute__((alias("refuse")));
