/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen.h - the thread that reads keys and paints: `socklife top` answers within a moment whatever the
 * tracing does meanwhile. Life: open, until quit's descriptor becomes readable or the caller closes it.
 */
#ifndef SOCKLIFE_TOP_SCREEN_H
#define SOCKLIFE_TOP_SCREEN_H

#include "top/model.h"
#include "top/walk.h"

struct top_screen;

struct top_screen_config {
	struct top_model *model;
	struct top_walk *walk;
	uint64_t interval_ns;
	int quit; /* an eventfd, written to when the user quits or the terminal is gone */
};

/* The signals that the screen hears itself; to be called before any thread is made. */
void top_screen__block_signals(void);
/* Takes the terminal. NULL with errno. */
struct top_screen *top_screen__open(const struct top_screen_config *c);
/* Gives the terminal back; accepts NULL. */
void top_screen__close(struct top_screen *s);

#endif
