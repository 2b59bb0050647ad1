/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detect.h - findings: what is wrong, from the records of the stream. A detector is one file in
 * detect/ and one row in detect.c's registry; it returns findings as data and never prints, reads a
 * clock or opens a file: time arrives in records and ticks, facts through struct kernel.
 */
#ifndef SOCKLIFE_DETECT_H
#define SOCKLIFE_DETECT_H

#include "kernel.h"
#include "record.h"

struct detect;

/* A namespace, and what was read in it just now. */
struct watched {
	struct netns_ref net;
	struct netns_facts facts;
	uint64_t last_ns;   /* of its newest record */
	uint64_t polled_ns; /* when the facts were read */
	bool dropped;       /* its ListenDrops grew since the facts before; true at the first */
};

/* What the user chose. Part of a capture: nothing but fixed-width numbers. */
struct detect_config {
	uint64_t close_wait_ns; /* --close-wait: CLOSE_WAIT for so long is a leak */
	uint64_t chosen;        /* 1: filters choose sockets, and the others are not told of */
};

#define CLOSE_WAIT_DEFAULT_NS (60 * 1000000000ull)

struct detector {
	const char *id;
	enum severity severity;
	const char *summary;  /* one line for `help findings` */
	const char *evidence; /* the keys of its evidence and what they mean, for the same page */
	size_t state_size;    /* zeroed memory that each hook gets; 0: none */
	void (*on_record)(void *state, struct detect *d, const struct record *r);
	/* Once a second. */
	void (*tick)(void *state, struct detect *d, uint64_t now_ns);
	/* A namespace that sockets were seen in: once a second while there are records of it, else every 5 s. */
	void (*poll)(void *state, struct detect *d, const struct watched *w, uint64_t now_ns);
	void (*end)(void *state, struct detect *d, uint64_t now_ns); /* close what is open, free */
};

extern const struct detector *const detectors[]; /* NULL-terminated */

typedef void finding_fn(void *arg, const struct finding *f);

/* Detectors with their state. Findings go to `emit`; the finding is only valid during the call. NULL: ENOMEM. */
struct detect *detect__new(const struct kernel *k, const struct wall *wall, finding_fn *emit,
			   void *arg);
/* Before the first record; else the defaults hold. */
void detect__configure(struct detect *d, const struct detect_config *c);
void detect__record(struct detect *d, const struct record *r);
void detect__tick(struct detect *d, uint64_t now_ns);
void detect__end(struct detect *d, uint64_t now_ns);
void detect__free(struct detect *d);
/* How many findings of detectors[i] were opened: for the stop record. */
const uint64_t *detect__counts(const struct detect *d);

/* For detectors: */
const struct kernel *detect__kernel(const struct detect *d);
const struct wall *detect__wall(const struct detect *d);
const struct detect_config *detect__config(const struct detect *d);
void detect__emit(struct detect *d, const struct finding *f);
/* FNV-1a, to build keys: start from detect__hash(0, ...) */
uint64_t detect__hash(uint64_t h, const void *data, size_t len);

#endif
