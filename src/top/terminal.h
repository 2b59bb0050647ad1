/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * terminal.h - the terminal of `socklife top`, by ncurses: taken, painted, and always given back as it was,
 * also when the program crashes. One at a time; all but terminal__check() and the last by one thread.
 */
#ifndef SOCKLIFE_TOP_TERMINAL_H
#define SOCKLIFE_TOP_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "top/grid.h"

/* 0; or why stdin and stdout are no terminal for a screen, in *why: a sentence. Changes nothing. */
int terminal__check(char *why, size_t size);

/* 0 or -errno. stderr is kept until the terminal is given back: a message would spoil the screen. */
int terminal__take(void);
void terminal__give_back(void); /* any number of times */

/* Between Ctrl-Z and fg. */
void terminal__suspend(void);
void terminal__resume(void);

/* The size that the terminal has now. */
void terminal__size(unsigned int *width, unsigned int *height);
bool terminal__is_utf8(void);
/* Paints what has changed since the last call; `anew`: everything. */
void terminal__paint(const struct top_grid *g, bool anew);
/* The next key: a character, or enum top_key (view.h). False: there is none, or it is none of those. */
bool terminal__key(uint32_t *key);
/* What the terminal has not taken by now is dropped: for a thread that writes to one that is stopped. */
void terminal__release(void);

#endif
