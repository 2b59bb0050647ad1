/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_life.h - report --socket: one socket's life, a line a record, as it is read.
 */
#ifndef SOCKLIFE_REPORT_LIFE_H
#define SOCKLIFE_REPORT_LIFE_H

#include "json.h"
#include "options.h"
#include "report_record.h"

struct report_life;

struct report_life *report_life__new(const struct options *o); /* NULL: ENOMEM */
/* A quick look at a line: may it be about the socket? */
bool report_life__wants(const struct report_life *l, const char *line, size_t len);
/* `line` is the record as it stands in the log. */
void report_life__take(struct report_life *l, const struct report_record *r, const char *line,
		       size_t len);
/* What has been put together, as text or, with --json, an object. */
void report_life__write(struct report_life *l, struct buf *b);
bool report_life__found(const struct report_life *l);
void report_life__free(struct report_life *l);

#endif
