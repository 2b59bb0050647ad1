/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_print.h - what `socklife ports` prints, for people or as JSON: docs/ports.md.
 */
#ifndef SOCKLIFE_PORTS_PRINT_H
#define SOCKLIFE_PORTS_PRINT_H

#include "past_read.h"
#include "ports.h"
#include "services.h"
#include "sink.h"

struct ports_print {
	const struct ports *ports;
	const struct services *services;
	struct out *out;
	const struct wall *wall;
	uint64_t now_ns; /* when it was so */
	uint16_t port;   /* the one asked about, 0: none */
	const struct socket_filter *filter;
	uint32_t uid;     /* who would bind: effective */
	const char *user; /* its name, "": none */
	bool privileged;  /* CAP_NET_BIND_SERVICE */
	const char *boot_id, *host;
	bool color;
	unsigned int columns;       /* 0: no terminal */
	const struct past_read *at; /* of a log; NULL: it is so now */
};

void ports_text__print(const struct ports_print *c);
void ports_json__print(const struct ports_print *c);

/* With `at` (ports_at.c): the moment, the log, and what it does not tell. All that there is where not covered. */
void ports_at__print(const struct ports_print *c);

/*
 * Whether to tell of a namespace (ports_text.c): of those that --netns means the ones with something to
 * show, without PORT and other filters all, with PORT the own one too.
 */
bool ports_print__wants(const struct ports_print *c, const struct ports_netns *n);

#endif
