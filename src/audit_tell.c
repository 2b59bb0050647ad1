// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_tell.c - says on stderr what of a log could not be read, ten lines and ten files of it, and counts the
 * rest.
 */
#include "audit_tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "log.h"

#define MESSAGES_MAX                                                                               \
	10 /* about lines, and as many about files: damaged gzip has bad lines before its end */
#define TEXT_MAX 224

/* *told: how many there were of its kind. */
static void say(struct audit_tell *t, uint64_t *told, const char *file, uint64_t line,
		const char *why)
{
	struct buf b = { 0 };

	if ((*told)++ >= MESSAGES_MAX) {
		t->not_told++;
		return;
	}
	if (t->on_line && *t->on_line) {
		fputs("\r\033[K", stderr);
		*t->on_line = false;
	}
	buf__safe(&b, file, strlen(file), false);
	buf__char(&b, '\0');
	if (line)
		log__warn("%s, line %llu: %s", b.failed ? "?" : b.data, (unsigned long long)line,
			  why);
	else
		log__warn("%s: %s", b.failed ? "?" : b.data, why);
	buf__free(&b);
}

void audit_tell__problem(struct audit_tell *t, const struct audit_problem *p)
{
	switch (p->error) {
	case -EFBIG:
		t->bad_lines++;
		say(t, &t->lines, p->file, p->line, "longer than 16 MB, left out");
		return;
	case -EBADMSG:
		say(t, &t->files, p->file, p->line,
		    "the gzip is damaged here, the rest of this file is left out");
		break;
	case -ENODATA:
		say(t, &t->files, p->file, p->line,
		    "the gzip is cut off here, the rest of this file is left out");
		break;
	case -ENOMSG:
		say(t, &t->files, p->file, 0,
		    "a directory without segments of an audit log, left out");
		break;
	default: {
		char why[64];

		snprintf(why, sizeof(why), "cannot be read: %s", log__errno(p->error));
		say(t, &t->files, p->file, 0, why);
	}
	}
	t->bad_files++;
}

void audit_tell__bad_line(struct audit_tell *t, const struct audit_line *line, const char *why)
{
	char text[TEXT_MAX];

	if (line->torn) {
		t->torn++;
		say(t, &t->lines, line->file, line->line,
		    "the file ends inside this line, left out");
		return;
	}
	t->bad_lines++;
	snprintf(text, sizeof(text), "%s, left out", why);
	say(t, &t->lines, line->file, line->line, text);
}

void audit_tell__others(const struct audit_reader *r)
{
	size_t i;

	for (i = 0; audit_reader__other(r, i); i++)
		log__warn("%s: not part of the log, not looked at", audit_reader__other(r, i));
	if (audit_reader__others(r) > i)
		log__warn("%zu more files that are not part of the log, not looked at",
			  audit_reader__others(r) - i);
}

void audit_tell__rest(const struct audit_tell *t)
{
	if (t->not_told)
		log__warn("and %llu more that could not be read, left out",
			  (unsigned long long)t->not_told);
}
