/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_filter.h - the filters of the command line, applied to the records of a log. The kernel applies
 * them to sockets (bpf/emit.bpf.h) and the pipeline to records: what is here must mean the same.
 */
#ifndef SOCKLIFE_REPORT_FILTER_H
#define SOCKLIFE_REPORT_FILTER_H

#include "options.h"
#include "report_record.h"

struct report_filter;

struct report_filter *report_filter__new(const struct options *o); /* NULL: ENOMEM */
/* Are sockets chosen at all? */
bool report_filter__chooses(const struct report_filter *f);
/* With --follow: a process that may be a descendant of those that are followed. */
void report_filter__process(struct report_filter *f, const struct report_record *r);
/* A record of a socket, or a finding: does it match by itself? */
bool report_filter__match(const struct report_filter *f, const struct report_record *r);
/* Of an admitted socket's: is this record wanted? */
bool report_filter__wants(const struct report_filter *f, const struct report_record *r);
/* Do --cgroup, --unit and --container mean a process in this cgroup? NULL: not known, or none. */
bool report_filter__cgroup(const struct socket_filter *s, const char *cgroup,
			   const char *container);
void report_filter__free(struct report_filter *f);

#endif
