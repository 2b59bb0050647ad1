/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h - a growing text buffer, and JSON written onto it without printf: commas come by themselves,
 * and whatever bytes a string has, they make valid UTF-8 on one line. Also times and addresses.
 */
#ifndef SOCKLIFE_JSON_H
#define SOCKLIFE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zeroed: empty. `len` may be set back at any time. */
struct buf {
	char *data;
	size_t len, cap;
	bool failed; /* ENOMEM: something is missing from data */
};

bool buf__grow(struct buf *b, size_t n);
void buf__free(struct buf *b);
void buf__u64(struct buf *b, uint64_t v);
/* "1 record", "2 records". */
void buf__count(struct buf *b, uint64_t n, const char *what);
void buf__pad(struct buf *b, size_t to); /* spaces until `len` is `to` */

static inline void buf__put(struct buf *b, const char *s, size_t n)
{
	if (b->cap - b->len < n && !buf__grow(b, n))
		return;
	if (n)
		memcpy(b->data + b->len, s, n);
	b->len += n;
}

static inline void buf__str(struct buf *b, const char *s)
{
	buf__put(b, s, strlen(s));
}

static inline void buf__char(struct buf *b, char c)
{
	buf__put(b, &c, 1);
}

/*
 * Length of the UTF-8 character at s (n >= 1 bytes left), 0 where it is not valid (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF).
 */
size_t utf8__len(const char *s, size_t n);
/* The same, 0 also where a terminal must not get it: controls, and what turns the direction of writing. */
size_t utf8__printable(const char *s, size_t n);

/*
 * For a terminal: control characters, invalid UTF-8 and what turns the direction of writing as
 * \xNN a byte. As one `word`, such as a name, its spaces and backslashes too: so it can be read back.
 */
void buf__safe(struct buf *b, const char *s, size_t n, bool word);

/* --- addresses: 16 bytes, IPv4 v4-mapped, as events.h has them --- */

#define ADDR_TEXT 46
/* To be printed as IPv4: of an AF_INET socket, or v4-mapped. */
bool addr__is_ipv4(const uint8_t addr[16], int family);
/* Writes the address as RFC 5952 wants it, at most ADDR_TEXT bytes, no NUL. Returns the length. */
size_t addr__text(char *s, const uint8_t addr[16], int family);

/* --- time: the date part is kept until the second changes --- */

struct stamp {
	uint64_t sec, day;
	char text[20]; /* 2026-11-22T23:48:24; "" before the first use */
};
/* 19 characters for seconds since 1970, before the year 10000. */
const char *stamp__seconds(struct stamp *t, uint64_t sec);
/* `digits` (at most 9) of the nanoseconds below a second. */
void stamp__fraction(char *s, uint32_t ns, int digits);

/* --- JSON: a value after a key, or in an array --- */

/* A comma is due after anything but the beginning of an object, an array, a line or a value. */
static inline void json__comma(struct buf *b)
{
	if (!b->len)
		return;
	switch (b->data[b->len - 1]) {
	case '{':
	case '[':
	case ':':
	case '\n':
		return;
	}
	buf__put(b, ",", 1);
}

/* `key` needs no escaping. */
static inline void json__key(struct buf *b, const char *key)
{
	json__comma(b);
	buf__put(b, "\"", 1);
	buf__put(b, key, strlen(key));
	buf__put(b, "\":", 2);
}

void json__open(struct buf *b, char bracket);  /* '{' or '[' */
void json__close(struct buf *b, char bracket); /* '}' or ']' */
void json__u64(struct buf *b, uint64_t v);
void json__i64(struct buf *b, int64_t v);
void json__id(struct buf *b, uint64_t v); /* a decimal string: for what may pass 2^53 */
void json__bool(struct buf *b, bool v);
void json__bytes(struct buf *b, const char *s, size_t n);
void json__string(struct buf *b, const char *s);
/* RFC 3339 in UTC, nanoseconds since 1970. */
void json__time(struct buf *b, struct stamp *t, uint64_t ns);
void json__addr(struct buf *b, const uint8_t addr[16], int family);

static inline void json__put_u64(struct buf *b, const char *key, uint64_t v)
{
	json__key(b, key);
	json__u64(b, v);
}

static inline void json__put_id(struct buf *b, const char *key, uint64_t v)
{
	json__key(b, key);
	json__id(b, v);
}

static inline void json__put_bool(struct buf *b, const char *key, bool v)
{
	json__key(b, key);
	json__bool(b, v);
}

static inline void json__put_string(struct buf *b, const char *key, const char *s)
{
	json__key(b, key);
	json__string(b, s);
}

#endif
