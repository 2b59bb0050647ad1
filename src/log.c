/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - messages on stderr. Names in them come from processes and command lines: control bytes and
 * invalid UTF-8 are escaped, so that a message is one line and cannot drive a terminal.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "log.h"

#define TEXT_MAX   4096
#define ESCAPE_LEN 4 /* \xNN */

static int verbose;

void log__set_verbose(int level)
{
	verbose = level;
}

__attribute__((format(printf, 1, 0))) static void print_line(const char *fmt, va_list args)
{
	static const char prefix[] = "socklife: ";
	static const char hex[] = "0123456789abcdef";
	char line[sizeof(prefix) + ESCAPE_LEN * TEXT_MAX + 1];
	char text[TEXT_MAX];
	const char *end;
	size_t used = sizeof(prefix) - 1, n;

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		return;
	memcpy(line, prefix, used);
	end = text + strlen(text);
	for (const char *s = text; s < end; s += n) {
		n = utf8__printable(s, (size_t)(end - s));
		if (n) {
			memcpy(line + used, s, n);
			used += n;
			continue;
		}
		n = 1;
		line[used++] = '\\';
		line[used++] = 'x';
		line[used++] = hex[(unsigned char)*s >> 4];
		line[used++] = hex[*s & 15];
	}
	line[used++] = '\n';
	fwrite(line, 1, used, stderr); /* unbuffered: one write() a line */
}

void log__error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(fmt, args);
	va_end(args);
}

void log__warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(fmt, args);
	va_end(args);
}

void log__info(const char *fmt, ...)
{
	va_list args;

	if (verbose <= 0)
		return;
	va_start(args, fmt);
	print_line(fmt, args);
	va_end(args);
}

const char *log__errno(int error)
{
	static _Thread_local char unnamed[24];
	unsigned int number = error < 0 ? 0u - (unsigned int)error : (unsigned int)error;
	const char *name = number && number < 4096 ? strerrorname_np((int)number) : NULL;

	if (name)
		return name;
	snprintf(unnamed, sizeof(unnamed), "errno %u", number);
	return unnamed;
}
