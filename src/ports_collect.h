/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_collect.h - fills the model of ports.h from the kernel: the socket iterator tells who holds what
 * in all namespaces, sock_diag inside each namespace the rest. No tracing, nothing changed.
 */
#ifndef SOCKLIFE_PORTS_COLLECT_H
#define SOCKLIFE_PORTS_COLLECT_H

#include "ports.h"
#include "tracer.h"

struct ports_config {
	const struct socket_filter *filter; /* its --cgroup, --container and --unit */
	uint16_t port;                      /* the one asked about, 0: none */
};

/* NULL with *why set: the caller ends with EXIT_CANNOT_RUN. */
struct ports *ports__collect(const struct ports_config *c, struct tracer_error *why);

#endif
