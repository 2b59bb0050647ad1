/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - messages on stderr. Names in them come from processes and command lines: control bytes and
 * invalid UTF-8 are escaped, so that a message is one line and cannot drive a terminal.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "log.h"

#define TEXT_MAX   4096
#define ESCAPE_LEN 4 /* \xNN */

static int verbose;

void log__set_verbose(int level)
{
	verbose = level;
}

/* Bytes of the printable UTF-8 character at s, 0: escape one byte. U+0080 to U+009F are controls. */
static size_t printable_len(const unsigned char *s)
{
	static const unsigned int least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned int c;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	c = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

__attribute__((format(printf, 1, 0))) static void print_line(const char *fmt, va_list args)
{
	static const char prefix[] = "socklife: ";
	static const char hex[] = "0123456789abcdef";
	char line[sizeof(prefix) + ESCAPE_LEN * TEXT_MAX + 1];
	char text[TEXT_MAX];
	size_t used = sizeof(prefix) - 1, n;

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		return;
	memcpy(line, prefix, used);
	for (const unsigned char *s = (const unsigned char *)text; *s; s += n) {
		n = printable_len(s);
		if (n) {
			memcpy(line + used, s, n);
			used += n;
			continue;
		}
		n = 1;
		line[used++] = '\\';
		line[used++] = 'x';
		line[used++] = hex[*s >> 4];
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
