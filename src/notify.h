/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h - tells a service manager how far we are (sd_notify(3)). One datagram: no library for that.
 */
#ifndef SOCKLIFE_NOTIFY_H
#define SOCKLIFE_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1". Nothing happens where nobody wants to know. */
void notify__send(const char *state);

/* What WatchdogSec= of a unit asks for: a sign of life, twice as often as it says. Zeroed: nobody asks. */
struct watchdog {
	uint64_t every_ns, due_ns;
};

struct watchdog watchdog__wanted(uint64_t now_ns);
/* Sends it when it is due. To be called by what has to be alive. */
void watchdog__beat(struct watchdog *w, uint64_t now_ns);

#endif
