/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resync.h - after a loss: the table is compared with the kernel, and made the same.
 */
#ifndef SOCKLIFE_RESYNC_H
#define SOCKLIFE_RESYNC_H

#include "pipeline.h"
#include "tracer.h"

/*
 * `drain` reads all that is in the ring into the pipeline; false: it could not. False: nothing was
 * done, to be tried again.
 */
bool resync__run(struct tracer *t, struct pipeline *p, bool (*drain)(void *arg), void *arg);

#endif
