// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_line.c - finds the fixed fields at the front of a line without a JSON parser, and makes and takes
 * apart names of segments.
 */
#include <string.h>
#include "audit_line.h"
#include "cursor.h"

#define NAME_PREFIX  "socklife-"
#define NUMBER_WIDTH 6 /* at least */

/* Up to the closing quote, which is taken too. */
static inline bool take_string(struct cursor *c, const char **s, size_t *n)
{
	*s = c->at;
	for (; c->at < c->end && *c->at != '"'; c->at++)
		if (*c->at == '\\' && ++c->at == c->end)
			return false;
	if (c->at >= c->end)
		return false;
	*n = (size_t)(c->at - *s);
	c->at++;
	return true;
}

/* --- names of files --- */

enum audit_name audit__name(const char *name, uint64_t *segment)
{
	struct cursor c = { name, name + strlen(name) };
	enum audit_name kind;
	const char *number;
	uint64_t n = 0, torn;

	if (*name == '.' || !strcmp(name, "lock"))
		return AUDIT_PRIVATE;
	if (!take(&c, NAME_PREFIX))
		return AUDIT_OTHER;
	number = c.at;
	while (c.at < c.end && *c.at == '0')
		c.at++;
	if (!take_u64(&c, &n) || c.at - number < NUMBER_WIDTH ||
	    (c.at - number > NUMBER_WIDTH && *number == '0'))
		return AUDIT_OTHER;
	if (take(&c, ".torn-") && take_u64(&c, &torn))
		kind = AUDIT_TORN;
	else if (take(&c, ".ndjson"))
		kind = take(&c, ".gz") ? AUDIT_GZIP : AUDIT_PLAIN;
	else
		return AUDIT_OTHER;
	if (c.at != c.end)
		return AUDIT_OTHER;
	*segment = n;
	return kind;
}

/* --- the front of a line --- */

static bool is_time(const char *s)
{
	static const char form[AUDIT_TS + 1] = "0000-00-00T00:00:00.000000000Z";

	for (int i = 0; i < AUDIT_TS; i++)
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	return true;
}

bool audit__head(const char *line, size_t len, struct audit_head *head)
{
	struct cursor c = { line, line + len };

	if (!take(&c, "{\"v\":1,\"seq\":") || !take_u64(&c, &head->seq) || !head->seq ||
	    !take(&c, ",\"ts\":\"") || c.end - c.at < AUDIT_TS || !is_time(c.at))
		return false;
	head->ts = c.at;
	c.at += AUDIT_TS;
	if (!take(&c, "\",\"boot_ns\":") || !take_u64(&c, &head->boot_ns) ||
	    !take(&c, ",\"boot\":\"") || !take_string(&c, &head->boot, &head->boot_len) ||
	    !take(&c, ",\"host\":\"") || !take_string(&c, &head->host, &head->host_len) ||
	    !take(&c, ",\"type\":\"") || !take_string(&c, &head->type, &head->type_len))
		return false;
	head->len = (size_t)(c.at - line);
	return c.at < c.end && (*c.at == ',' || *c.at == '}');
}

bool audit__other_version(const char *line, size_t len, uint64_t *version)
{
	struct cursor c = { line, line + len };
	uint64_t v;

	if (!take(&c, "{\"v\":") || !take_u64(&c, &v) || v == 1 || !take(&c, ","))
		return false;
	*version = v;
	return true;
}

bool audit__is(const struct audit_head *head, const char *type)
{
	return head->type_len == strlen(type) && !memcmp(head->type, type, head->type_len);
}

/* --- single fields --- */

/* What follows `"key":`. A quote inside a string is escaped, so this cannot be part of a value. */
static bool find(const char *line, size_t len, const char *key, struct cursor *c)
{
	size_t n = strlen(key);

	c->at = line;
	c->end = line + len;
	while ((c->at = memmem(c->at, (size_t)(c->end - c->at), key, n))) {
		const char *before = c->at;

		c->at += n;
		if (before - line >= 2 && before[-1] == '"' &&
		    (before[-2] == ',' || before[-2] == '{') && take(c, "\":"))
			return true;
	}
	return false;
}

bool audit__u64(const char *line, size_t len, const char *key, uint64_t *value)
{
	struct cursor c;

	return find(line, len, key, &c) && take_u64(&c, value);
}

bool audit__string(const char *line, size_t len, const char *key, const char **s, size_t *n)
{
	struct cursor c;

	return find(line, len, key, &c) && take(&c, "\"") && take_string(&c, s, n);
}
