/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_open.h - sockets of a log that are open at the moment that is read: what must be remembered of each.
 * By boot and cookie; bounded.
 */
#ifndef SOCKLIFE_REPORT_OPEN_H
#define SOCKLIFE_REPORT_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPEN_ADMITTED (1u << 0) /* a filter matched: its records are wanted until its close */
#define OPEN_CLIENT   (1u << 1) /* counted as an open connection of a client */
#define OPEN_SERVER   (1u << 2)

struct report_open;

struct report_open *report_open__new(size_t max); /* NULL: ENOMEM */
/* Its flags; made if it is not there, NULL where there is no room. */
uint32_t *report_open__get(struct report_open *t, const char *boot, uint64_t sock);
/* It is closed. */
void report_open__remove(struct report_open *t, const char *boot, uint64_t sock);
/* The recorder was gone for a while: calls `gone` for each and clears what it had. Admitted ones stay so. */
void report_open__restart(struct report_open *t, void (*gone)(void *arg, uint32_t flags),
			  void *arg);
void report_open__free(struct report_open *t);

#endif
