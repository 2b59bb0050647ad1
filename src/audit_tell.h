/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_tell.h - what of a log could not be read, said to people: the first ten lines and the first ten files, the
 * others counted.
 */
#ifndef SOCKLIFE_AUDIT_TELL_H
#define SOCKLIFE_AUDIT_TELL_H

#include "audit_reader.h"

struct audit_tell {
	uint64_t lines, files, not_told; /* messages */
	uint64_t bad_lines, bad_files, torn;
	bool *on_line; /* something stands in the terminal's last line, to be wiped; or NULL */
};

void audit_tell__problem(struct audit_tell *t, const struct audit_problem *p);
void audit_tell__bad_line(struct audit_tell *t, const struct audit_line *line, const char *why);
/* Files in the directory that are not part of the log. */
void audit_tell__others(const struct audit_reader *r);
/* At the end: how many more there were. */
void audit_tell__rest(const struct audit_tell *t);

#endif
