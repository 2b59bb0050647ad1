/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h - a file that holds everything the pipeline was given: raw events, ticks, losses and the
 * kernel's answers, in order. Replaying it gives the live output again, byte for byte.
 *
 * Layout: the 8 bytes "SLCAPTUR", a u32 CAPTURE_FORMAT, then chunks: u32 kind, u32 length, payload.
 * Integers are in the byte order of the machine that wrote it; a file from another order is refused.
 */
#ifndef SOCKLIFE_CAPTURE_H
#define SOCKLIFE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "events.h"

/* Of the chunks, and of the events in them (events.h). */
#define CAPTURE_VERSION   4
#define CAPTURE_FORMAT    (CAPTURE_VERSION << 16 | EVENTS_VERSION)
#define CAPTURE_CHUNK_MAX (1u << 20)

enum capture_kind {
	CAPTURE_START =
		1, /* what pipeline__new() was given: struct capture_tick, and the configuration (pipeline_config.c) */
	CAPTURE_EVENT,   /* one raw event */
	CAPTURE_LOST,    /* struct lost */
	CAPTURE_TICK,    /* struct capture_tick */
	CAPTURE_MISSING, /* struct capture_missing */
	CAPTURE_ANSWER,  /* struct capture_answer, then the answer */
	CAPTURE_STOP,    /* struct ending (pipeline.h) */
	CAPTURE_CLOCK,   /* struct capture_clock */
	CAPTURE_KINDS
};

/* Also what CAPTURE_START begins with. */
struct capture_tick {
	uint64_t now_ns;
	int64_t gmtoff_s;
};

/* The wall clock was stepped. */
struct capture_clock {
	uint64_t now_ns;
	int64_t offset_ns; /* struct wall, from now on */
};

struct capture_missing {
	uint64_t cookie;
	uint64_t now_ns;
};

struct capture_answer {
	uint64_t question;
	int64_t result; /* of kernel__ask() */
};

struct capture_writer;

/* Creates or truncates the file, mode 0600. NULL with errno set. */
struct capture_writer *capture__create(const char *path);
/* Never fails; what went wrong is told by capture__flush(). */
void capture__put(struct capture_writer *w, enum capture_kind kind, const void *a, size_t a_len,
		  const void *b, size_t b_len);
int capture__flush(struct capture_writer *w);  /* 0 or -errno */
void capture__close(struct capture_writer *w); /* flushes; accepts NULL */

struct capture_chunk {
	enum capture_kind kind;
	uint32_t len;
	unsigned char *data; /* valid until the next read; 8-byte aligned */
	uint64_t offset;     /* of the chunk in the file, for messages */
};

struct capture_reader;

/* NULL with errno set: EBADMSG where it is no capture of this version. */
struct capture_reader *capture__open(const char *path);
/* 1: a chunk; 0: the end; -EBADMSG: damaged or cut off, chunk->offset says where. */
int capture__next(struct capture_reader *r, struct capture_chunk *chunk);
void capture__free(struct capture_reader *r);

#endif
