/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - messages to people, on stderr: one line each, "socklife: " first. Only the edge logs.
 */
#ifndef SOCKLIFE_LOG_H
#define SOCKLIFE_LOG_H

#include <stdarg.h>

void log__set_verbose(int level);
void log__error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends with what was done instead. */
void log__warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with -v. */
void log__info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "ECONNREFUSED" for 111 or -111; "errno 4711" where there is no name. Static storage. */
const char *log__errno(int error);

#endif
