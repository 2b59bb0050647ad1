/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports_past.h - `socklife ports --at`: the model of ports.h from a log in place of the kernel.
 */
#ifndef SOCKLIFE_PORTS_PAST_H
#define SOCKLIFE_PORTS_PAST_H

#include "past_read.h"

/*
 * What was open at r->at_ns, with what PORT and the filter choose marked as to be shown. NULL: ENOMEM. Empty
 * where the moment is not covered.
 */
struct ports *ports_past__read(struct past_read *r, uint16_t port);

#endif
