/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink.h - where records go. A sink prints what it is given and decides nothing; a new one is one
 * file in sink/. Output is buffered, one flush a batch.
 */
#ifndef SOCKLIFE_SINK_H
#define SOCKLIFE_SINK_H

#include "record.h"

/* A growing output buffer in front of a descriptor. */
struct out;
struct out *out__new(int fd); /* the descriptor stays the caller's. NULL: ENOMEM */
void out__put(struct out *o, const char *s, size_t n); /* never fails: out__flush reports */
int out__flush(
	struct out *o); /* 0 or -errno of the first failed write; -EPIPE when the reader left */
void out__fail(struct out *o,
	       int err); /* a record could not be made: err (-errno) as of a failed write */
void out__free(struct out *o);

/* The audit log: gets JSON lines without `{"v":1,"seq":N,`, since it numbers what it writes. */
struct line_taker {
	/* n 0: there was no memory for the line */
	void (*take)(void *arg, const struct record *r, const char *line, size_t n);
	void *arg;
};

struct sink_config {
	struct out *out;
	const struct line_taker *taker; /* JSON: in place of `out`, or NULL */
	const struct wall *wall;        /* may change between records */
	bool color;
	bool verbose;     /* text: a column with the socket's id */
	unsigned columns; /* terminal width, 0: not a terminal */
};

struct sink {
	void (*write)(struct sink *s, const struct record *r, uint64_t seq);
	void (*free)(struct sink *s);
};

/* What every sink says in the same way (out.c). */
#define SINK_OPTIONS 6
extern const char *const sink_option_names[SINK_OPTIONS]; /* by the bit of OPT_* */
const char *sink__state_name(unsigned state);             /* TCP_* without its prefix; "UNKNOWN" */
const char *sink__proto_name(unsigned proto);
bool sink__has_local(
	const struct ev_sock *s); /* bound at all: a failed bind() leaves no address and no port */
bool sink__has_counters(
	const struct record *r); /* a close of what was a TCP connection, or tried to be */

struct sink *sink_json__new(const struct sink_config *c, const char *boot_id, const char *host);
struct sink *sink_text__new(const struct sink_config *c);
/*
 * Before `inner`, which it takes over, also where it fails: findings and losses go to the journal besides, which stays
 * the caller's. `inner` may be NULL. NULL: ENOMEM.
 */
struct journal;
struct sink *sink_journal__new(struct sink *inner, struct journal *journal);

#endif
