/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live.h - a live session: tracer, pipeline and one epoll loop that also hears signals, the clock and
 * the end of a command. Life: open, run, free.
 */
#ifndef SOCKLIFE_LIVE_H
#define SOCKLIFE_LIVE_H

#include "options.h"
#include "sink.h"

struct live;
struct tracer;
struct audit_log;

/* top: records go to a screen, and who sits before it ends the session. */
struct live_screen {
	struct sink *(*sink)(void *arg); /* makes the session's; NULL: ENOMEM */
	void (*over)(
		void *arg); /* it has ended, whatever ended it; what is left is read after that */
	int quit;           /* becomes readable when it is to end */
	void *arg;
};

struct live_config {
	const struct options *options;
	struct audit_log *log;            /* record: everything goes there; else NULL, and: */
	const struct live_screen *screen; /* top, else NULL, and: */
	struct out *out;
	bool color;
	unsigned columns;
};

/* NULL after one line on stderr; *exit_code says with what to end. */
struct live *live__open(const struct live_config *c, int *exit_code);
/* Until a signal, --timeout, --count, or the command's end. Returns the exit code. */
int live__run(struct live *l);
void live__free(struct live *l);
/* To ask it from another thread, until live__free(). */
const struct tracer *live__tracer(const struct live *l);

#endif
