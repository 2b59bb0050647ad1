// SPDX-License-Identifier: GPL-2.0-or-later
/* json.c - the growing buffer, and strings, numbers, times and addresses written onto it. */
#include <netinet/in.h>
#include <stdlib.h>
#include "json.h"

/* --- the buffer --- */

bool buf__grow(struct buf *b, size_t n)
{
	size_t need, cap = b->cap ? b->cap : 1024;
	char *data;

	if (b->failed || __builtin_add_overflow(b->len, n, &need))
		goto fail;
	while (cap < need)
		if (__builtin_mul_overflow(cap, 2, &cap))
			goto fail;
	data = realloc(b->data, cap);
	if (!data)
		goto fail;
	b->data = data;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

void buf__free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf__u64(struct buf *b, uint64_t v)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	char text[20], *p = text + sizeof(text);

	while (v >= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, pairs + v * 2, 2);
	} else {
		*--p = (char)('0' + v);
	}
	buf__put(b, p, (size_t)(text + sizeof(text) - p));
}

void buf__count(struct buf *b, uint64_t n, const char *what)
{
	buf__u64(b, n);
	buf__char(b, ' ');
	buf__str(b, what);
	if (n != 1)
		buf__char(b, 's');
}

void buf__pad(struct buf *b, size_t to)
{
	static const char spaces[] = "                                ";

	while (b->len < to && !b->failed) {
		size_t n = to - b->len;

		buf__put(b, spaces, n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1);
	}
}

/* --- UTF-8 --- */

size_t utf8__len(const char *str, size_t n)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/*
 * C1 controls, line and paragraph separators, and what turns the direction of writing: valid UTF-8,
 * but it changes what a terminal shows of the rest of the line.
 */
static bool is_unsafe(const unsigned char *s, size_t len)
{
	if (len == 2)
		return (s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xd8 && s[1] == 0x9c);
	if (len != 3 || s[0] != 0xe2)
		return false;
	return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
	       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

size_t utf8__printable(const char *str, size_t n)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t len = utf8__len(str, n);

	return s[0] < 0x20 || s[0] == 0x7f || is_unsafe(s, len) ? 0 : len;
}

static void put_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };

	buf__put(b, text, sizeof(text));
}

void buf__safe(struct buf *b, const char *s, size_t n, bool word)
{
	size_t len;

	for (; n; s += len, n -= len) {
		len = utf8__printable(s, n);
		if (len && !(word && (*s == ' ' || *s == '\\'))) {
			buf__put(b, s, len);
		} else {
			put_escaped(b, (unsigned char)*s);
			len = 1;
		}
	}
}

/* --- addresses --- */

bool addr__is_ipv4(const uint8_t addr[16], int family)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return family == AF_INET || !memcmp(addr, mapped, sizeof(mapped));
}

static char *ipv4_text(char *s, const uint8_t addr[4])
{
	int i;

	for (i = 0; i < 4; i++) {
		unsigned int v = addr[i];

		if (i)
			*s++ = '.';
		if (v >= 100)
			*s++ = (char)('0' + v / 100);
		if (v >= 10)
			*s++ = (char)('0' + v / 10 % 10);
		*s++ = (char)('0' + v % 10);
	}
	return s;
}

static char *group_text(char *s, unsigned int v)
{
	static const char hex[] = "0123456789abcdef";
	int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*s++ = hex[v >> shift & 15];
	return s;
}

/* The first of the longest runs of two or more zero groups becomes "::". */
static char *ipv6_text(char *s, const uint8_t addr[16])
{
	int i, run = 0, best = 0, at = -1;
	unsigned int group[8];

	for (i = 0; i < 8; i++) {
		group[i] = (unsigned int)(addr[2 * i] << 8 | addr[2 * i + 1]);
		run = group[i] ? 0 : run + 1;
		if (run > 1 && run > best) {
			best = run;
			at = i - run + 1;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == at) {
			*s++ = ':';
			*s++ = ':';
			i += best - 1;
			continue;
		}
		if (i && i != at + best)
			*s++ = ':';
		s = group_text(s, group[i]);
	}
	return s;
}

size_t addr__text(char *s, const uint8_t addr[16], int family)
{
	if (addr__is_ipv4(addr, family))
		return (size_t)(ipv4_text(s, addr + 12) - s);
	return (size_t)(ipv6_text(s, addr) - s);
}

/* --- time --- */

static void two_digits(char *s, unsigned int v)
{
	s[0] = (char)('0' + v / 10 % 10);
	s[1] = (char)('0' + v % 10);
}

/* Days since 1970 to the calendar, with years that begin in March (Hinnant's civil_from_days). */
static void date_text(char *s, uint64_t days)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	unsigned int yoe = (unsigned int)((doe - doe / 1460 + doe / 36524 - doe / 146096) / 365);
	unsigned int doy = (unsigned int)doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned int mp = (5 * doy + 2) / 153;
	unsigned int month = mp < 10 ? mp + 3 : mp - 9;
	unsigned int year = (unsigned int)(era * 400) + yoe + (month <= 2);

	two_digits(s, year / 100);
	two_digits(s + 2, year % 100);
	s[4] = '-';
	two_digits(s + 5, month);
	s[7] = '-';
	two_digits(s + 8, doy - (153 * mp + 2) / 5 + 1);
	s[10] = 'T';
}

const char *stamp__seconds(struct stamp *t, uint64_t sec)
{
	uint64_t day = sec / 86400;
	unsigned int rest = (unsigned int)(sec % 86400);

	if (t->text[0] && t->sec == sec)
		return t->text;
	if (!t->text[0] || t->day != day)
		date_text(t->text, day);
	two_digits(t->text + 11, rest / 3600);
	t->text[13] = ':';
	two_digits(t->text + 14, rest / 60 % 60);
	t->text[16] = ':';
	two_digits(t->text + 17, rest % 60);
	t->sec = sec;
	t->day = day;
	return t->text;
}

void stamp__fraction(char *s, uint32_t ns, int digits)
{
	int i;

	for (i = 9; i > digits; i--)
		ns /= 10;
	while (digits--) {
		s[digits] = (char)('0' + ns % 10);
		ns /= 10;
	}
}

/* --- JSON --- */

void json__open(struct buf *b, char bracket)
{
	json__comma(b);
	buf__char(b, bracket);
}

void json__close(struct buf *b, char bracket)
{
	buf__char(b, bracket);
}

void json__u64(struct buf *b, uint64_t v)
{
	json__comma(b);
	buf__u64(b, v);
}

void json__i64(struct buf *b, int64_t v)
{
	json__comma(b);
	if (v < 0)
		buf__char(b, '-');
	buf__u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json__id(struct buf *b, uint64_t v)
{
	json__comma(b);
	buf__char(b, '"');
	buf__u64(b, v);
	buf__char(b, '"');
}

void json__bool(struct buf *b, bool v)
{
	json__comma(b);
	buf__str(b, v ? "true" : "false");
}

/* What is copied as it is. */
static const bool plain[256] = {
	[' ' ... '!'] = true, /* all printable ASCII but " */
	['#' ... '['] = true, /* and \ */
	[']' ... '~'] = true,
};

static void put_control(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	buf__put(b, text, sizeof(text));
}

/* One character that cannot be copied as it is; returns its length. */
static size_t put_special(struct buf *b, const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];
	size_t len = utf8__len(s, n);

	if (c == '"' || c == '\\') {
		buf__char(b, '\\');
		buf__char(b, s[0]);
	} else if (c < 0x80) {
		put_control(b, c);
	} else if (!len) {
		buf__str(b, "\xef\xbf\xbd"); /* U+FFFD */
		return 1;
	} else if (c == 0xc2 && (unsigned char)s[1] < 0xa0) {
		put_control(b, (unsigned char)s[1]); /* C1: U+0080 to U+009F */
	} else {
		buf__put(b, s, len);
	}
	return len;
}

void json__bytes(struct buf *b, const char *s, size_t n)
{
	size_t i = 0, from;

	json__comma(b);
	buf__char(b, '"');
	while (i < n) {
		for (from = i; i < n && plain[(unsigned char)s[i]];)
			i++;
		buf__put(b, s + from, i - from);
		if (i < n)
			i += put_special(b, s + i, n - i);
	}
	buf__char(b, '"');
}

void json__string(struct buf *b, const char *s)
{
	json__bytes(b, s, strlen(s));
}

void json__time(struct buf *b, struct stamp *t, uint64_t ns)
{
	char text[32] = "\"";

	memcpy(text + 1, stamp__seconds(t, ns / 1000000000), 19);
	text[20] = '.';
	stamp__fraction(text + 21, (uint32_t)(ns % 1000000000), 9);
	text[30] = 'Z';
	text[31] = '"';
	json__comma(b);
	buf__put(b, text, sizeof(text));
}

void json__addr(struct buf *b, const uint8_t addr[16], int family)
{
	char text[ADDR_TEXT + 2] = "\"";
	size_t n = addr__text(text + 1, addr, family) + 1;

	text[n++] = '"';
	json__comma(b);
	buf__put(b, text, n);
}
