/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h - tells a service manager how far we are (sd_notify(3)). One datagram: no library for that.
 */
#ifndef SOCKLIFE_NOTIFY_H
#define SOCKLIFE_NOTIFY_H

/* "READY=1", "STOPPING=1". Nothing happens where nobody wants to know. */
void notify__send(const char *state);

#endif
