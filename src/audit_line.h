/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_line.h - what all who read or write an audit log must agree on: the names of its files and the
 * fields at the front of each line, read without a JSON parser.
 */
#ifndef SOCKLIFE_AUDIT_LINE_H
#define SOCKLIFE_AUDIT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_LINE_MAX ((size_t)16 << 20) /* with its "\n" */

enum audit_name {
	AUDIT_OTHER,   /* not socklife's */
	AUDIT_PLAIN,   /* socklife-NNNNNN.ndjson */
	AUDIT_GZIP,    /* socklife-NNNNNN.ndjson.gz */
	AUDIT_TORN,    /* socklife-NNNNNN.torn-N: cut off after a crash, not part of the log */
	AUDIT_PRIVATE, /* "lock", and what begins with a dot: the recorder's own, of the moment */
};
/* *segment is set for all that have a number; a name has the one form that we write. */
enum audit_name audit__name(const char *name, uint64_t *segment);

/* Strings without their quotes, still escaped as JSON. Not NUL-terminated. */
struct audit_head {
	uint64_t seq, boot_ns;
	const char *ts; /* AUDIT_TS characters */
	const char *boot, *host, *type;
	size_t boot_len, host_len, type_len;
	size_t len; /* of all this: where the own fields begin, with "," or "}" */
};
#define AUDIT_TS 30 /* 2026-11-22T23:48:24.123456789Z */

/* false: not as socklife writes a record of version 1. */
bool audit__head(const char *line, size_t len, struct audit_head *head);
/* Is it a record of another version of the format? Then *version says which. */
bool audit__other_version(const char *line, size_t len, uint64_t *version);
bool audit__is(const struct audit_head *head, const char *type);

/*
 * Own fields with a simple value, at the line's top level or below: the first "key": there is. For
 * records that are known to have it only once.
 */
bool audit__u64(const char *line, size_t len, const char *key, uint64_t *value);
/* The string without its quotes, still escaped. */
bool audit__string(const char *line, size_t len, const char *key, const char **s, size_t *n);

#endif
