/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_http.h - /metrics and /healthz over HTTP (libmicrohttpd), on a thread of their own: a client that hangs
 * costs its connection and nothing else. Life: listen, start, free.
 */
#ifndef SOCKLIFE_METRICS_HTTP_H
#define SOCKLIFE_METRICS_HTTP_H

#include "metrics.h"
#include "options.h"

#define METRICS_CONNECTIONS 64 /* at once; more wait to be accepted */
#define METRICS_TIMEOUT_S   10 /* a connection on which nothing moves for so long is closed */

struct metrics_http;

/* Takes the address; nobody is answered yet. Needs the right to bind it. NULL with errno set. */
struct metrics_http *metrics_http__listen(const struct metrics_address *at);
/*
 * Answers from now on, with what `m` has; the filter is for metrics_look. Both live longer. The thread has the privileges of
 * the caller, who has given up what it can. 0 or -errno.
 */
int metrics_http__start(struct metrics_http *h, struct metrics *m, const struct socket_filter *f);
/* Accepts NULL. */
void metrics_http__free(struct metrics_http *h);

#endif
