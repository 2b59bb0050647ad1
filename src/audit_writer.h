/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_writer.h - the audit log's writer thread, behind a bounded queue, so that a slow disk never delays the
 * event loop. Life: new, start, then put and publish, finish, free; all called by the event loop.
 */
#ifndef SOCKLIFE_AUDIT_WRITER_H
#define SOCKLIFE_AUDIT_WRITER_H

#include "audit_log.h"
#include "audit_queue.h"

struct audit_writer;

/* The log is the thread's from start() to finish(), and stays the caller's. NULL with errno set. */
struct audit_writer *audit_writer__new(struct audit_log *log, size_t queue_size);
/* 0 or -errno. The signals that the event loop hears are to be blocked. */
int audit_writer__start(struct audit_writer *w);

/*
 * A line without its `{"v":1,"seq":N,`; the first one is AUDIT_SEGMENT, whose end the writer completes.
 * What does not fit, or could not be made (an empty line), is counted: overflow().
 */
void audit_writer__put(struct audit_writer *w, enum audit_kind kind, uint64_t boot_ns,
		       const char *line, size_t len);
/* What was put is written from now on. */
void audit_writer__publish(struct audit_writer *w);
/* Percent of the queue in use. */
unsigned int audit_writer__fill(const struct audit_writer *w);
/* What did not fit since the last time, once there is room to say so. */
bool audit_writer__overflow(struct audit_writer *w, struct lost *lost);

/* Readable when the next two have news; status() empties it. */
int audit_writer__fd(const struct audit_writer *w);
/* It is time for a new segment: true once, until that has begun. */
bool audit_writer__wants_segment(struct audit_writer *w);
void audit_writer__status(struct audit_writer *w, struct audit_status *s);

/*
 * The writer goes on, or sleeps because there is nothing to do; false: since the last call it has been at one thing,
 * such as a write() that does not return. *rounds is the caller's, 0 at first.
 */
bool audit_writer__goes_on(const struct audit_writer *w, uint64_t *rounds);

/* Waits until all that was published is written or counted as lost, at most ms. */
void audit_writer__settle(struct audit_writer *w, unsigned int ms);
/* Writes the rest, seals, ends the thread: 0, or -errno where the log's end could not be written. */
int audit_writer__finish(struct audit_writer *w);
void audit_writer__free(struct audit_writer *w);

#endif
