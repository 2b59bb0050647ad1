/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * services.h - names of ports, as /etc/services has them (getservent). Read once, whole.
 */
#ifndef SOCKLIFE_SERVICES_H
#define SOCKLIFE_SERVICES_H

#include <stdint.h>

struct services;

struct services *services__new(void); /* NULL: ENOMEM; without /etc/services nothing has a name */
/* NULL: none. Lives as long as `s`. */
const char *services__name(const struct services *s, uint8_t proto, uint16_t port);
void services__free(struct services *s); /* accepts NULL */

#endif
