/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_log.h - the audit log as it is written: numbers, hashes, seals, segments, and what to do when it cannot
 * be written. One thread's. Life: open, segment, then record, flush, segment and keep_time, end, free.
 */
#ifndef SOCKLIFE_AUDIT_LOG_H
#define SOCKLIFE_AUDIT_LOG_H

#include "audit_dir.h"
#include "audit_queue.h"
#include "options.h"
#include "record.h"

struct audit_log;

/* All must live as long as the log. */
struct audit_config {
	const struct log_options *options;
	const char *key; /* file, NULL: none */
	const char *boot_id, *host;
};

struct audit_status {
	int error;     /* -errno: nothing can be written since; 0: all is well */
	bool stopped;  /* ... and it will not be tried again */
	int keep;      /* -errno: why a segment was not removed that had to go; 0: all could */
	int gzip;      /* -errno: why the last one was not packed that could not be; 0: all could */
	uint64_t lost; /* records that could not be written, in all */
};

/* Recovers and seals what is there, and makes the next segment's file. NULL with *why set. */
struct audit_log *audit_log__open(const struct audit_config *c, struct audit_error *why);
void audit_log__free(struct audit_log *l);
/* What the recorder before left. */
const struct audit_past *audit_log__past(const struct audit_log *l);
/* The key file was further than the log: seals are missing, or it is another log's key. */
bool audit_log__key_ahead(const struct audit_log *l);

/* Tries again where writing was not possible: what is missing is told first. Before any record. */
void audit_log__ready(struct audit_log *l);
/* It is written with a batch, at flush() at the latest, or counted as lost. False: flush now. */
bool audit_log__record(struct audit_log *l, const struct audit_item *item);
void audit_log__flush(struct audit_log *l);
/* The first line of the next segment; the one before is sealed and closed. */
void audit_log__segment(struct audit_log *l, const struct audit_item *item);
/* All that a segment begins with has been given. */
void audit_log__opened(struct audit_log *l);
/* The last line (a length of 0: none) and the last seal. 0 or -errno. */
int audit_log__end(struct audit_log *l, const struct audit_item *item);

/* Seals what is due. True: it is time for the next segment; once. */
bool audit_log__keep_time(struct audit_log *l);
/* A slice of the work to pack rotated segments. False: there is none. */
bool audit_log__pack(struct audit_log *l);
/* When keep_time() or ready() has something to do, CLOCK_BOOTTIME; UINT64_MAX: never. */
uint64_t audit_log__due(const struct audit_log *l);

const struct audit_status *audit_log__status(const struct audit_log *l);

#endif
