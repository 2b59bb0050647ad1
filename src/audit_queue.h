/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_queue.h - lines on their way from the event loop to the audit log's writer: one thread puts, one
 * takes, neither waits for the other. Bounded: what does not fit is the putter's to count.
 */
#ifndef SOCKLIFE_AUDIT_QUEUE_H
#define SOCKLIFE_AUDIT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum audit_kind {
	AUDIT_RECORD,
	AUDIT_SEGMENT, /* the first line of a segment: the writer begins the next file */
	AUDIT_OPENED,  /* no line: all that a segment begins with has been told */
	AUDIT_STOP,    /* the last line; a length of 0: none */
};

struct audit_item {
	uint32_t kind; /* enum audit_kind */
	uint32_t len;
	uint64_t boot_ns;
	const char *line; /* behind `{"v":1,"seq":N,`, with its "\n"; until the next call of take() */
};

#define AUDIT_QUEUE_LINE ((size_t)256 << 10) /* longer ones do not fit */

struct audit_queue;

/* At most about `size` bytes. NULL: ENOMEM. */
struct audit_queue *audit_queue__new(size_t size);
void audit_queue__free(struct audit_queue *q);

/*
 * By the one thread. 0, -ENOBUFS: full, -EMSGSIZE, -ENOMEM. All but AUDIT_RECORD fit a little longer.
 * Others see what was put only after publish().
 */
int audit_queue__put(struct audit_queue *q, enum audit_kind kind, uint64_t boot_ns,
		     const char *line, size_t len);
bool audit_queue__publish(struct audit_queue *q); /* false: there is nothing new */
/* Percent in use. */
unsigned int audit_queue__fill(const struct audit_queue *q);

/* By the other: false, there is nothing. The item before is done with. */
bool audit_queue__take(struct audit_queue *q, struct audit_item *item);
/* By either: everything published has been taken. */
bool audit_queue__empty(const struct audit_queue *q);

#endif
