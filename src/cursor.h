/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor.h - over text that must be exactly as we write it: each take moves over what it took, or says no.
 */
#ifndef SOCKLIFE_CURSOR_H
#define SOCKLIFE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const char *at, *end;
};

static inline bool take(struct cursor *c, const char *text)
{
	size_t n = strlen(text); /* known where it is compiled in */

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0)
		return false;
	c->at += n;
	return true;
}

/* Decimal; a leading zero only as the number 0: one way only to write a number. */
static inline bool take_u64(struct cursor *c, uint64_t *value)
{
	const char *from = c->at;
	uint64_t v = 0;

	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*c->at - '0'), &v))
			return false;
	if (c->at == from || (*from == '0' && c->at - from > 1))
		return false;
	*value = v;
	return true;
}

#endif
