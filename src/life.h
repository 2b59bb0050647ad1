/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * life.h - from what the kernel remembers of a dead socket to the words of its close record.
 */
#ifndef SOCKLIFE_LIFE_H
#define SOCKLIFE_LIFE_H

#include "record.h"

enum role life__role(const struct ev_sock *s);
enum reason life__reason(const struct ev_close *e);

#endif
