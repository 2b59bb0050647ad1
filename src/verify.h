/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.h - is this audit log as the recorder wrote it? Fed with its lines in order, it finds the first
 * that is wrong and tells what kind of wrong. It reads no file and prints nothing.
 */
#ifndef SOCKLIFE_VERIFY_H
#define SOCKLIFE_VERIFY_H

#include "audit_reader.h"
#include "seal.h"

enum verify_kind {
	VERIFY_WHOLE,
	VERIFY_CHANGED,
	VERIFY_REMOVED,
	VERIFY_INSERTED,
	VERIFY_REORDERED,
	VERIFY_CUT, /* the end is missing */
	VERIFY_SEGMENT_MISSING,
	VERIFY_WRONG_KEY,
	VERIFY_ROLLED_BACK,
	VERIFY_VERSION,    /* of the format: not ours */
	VERIFY_UNREADABLE, /* a file could not be read: nothing is known */
	VERIFY_KINDS
};
/* For programs, and as text says it. */
extern const char *const verify_kind_names[VERIFY_KINDS], *const verify_kind_words[VERIFY_KINDS];

struct verify_config {
	const struct seal_key *key; /* NULL: hashes only */
	const uint8_t *head;        /* SEAL_HASH bytes that must be the sha256 of a seal, or NULL */
	bool directory;             /* a whole log: it has to begin somewhere */
};

struct verify_result {
	enum verify_kind kind;
	/* the first record that is wrong: */
	const char *file; /* of the reader, NULL: there is no file */
	uint64_t line;
	uint64_t seq; /* 0: it has none */
	char text[512];
	int error; /* VERIFY_UNREADABLE: -errno */
	/* what is whole: up to the last right seal */
	uint64_t records, segments, seals;
	char from[AUDIT_TS + 1], to[AUDIT_TS + 1]; /* "": there are no records */
	uint8_t head[SEAL_HASH];
	uint64_t first_segment;
	uint64_t unsealed;  /* whole records after it, until the first wrong one */
	bool torn;          /* and a part of one */
	bool keyed;         /* seals have macs */
	bool stopped;       /* the last record before the last seal is `stop` */
	uint64_t retention; /* the last segment that retention removed, 0: none */
	uint64_t crashes;   /* times that the recorder ended without a stop and was started again */
	bool head_seen;
	uint64_t after_head; /* seals after the one that the head is of */
};

struct verify;

/* *config is copied, what it points at is not. NULL: ENOMEM. */
struct verify *verify__new(const struct verify_config *config);
void verify__line(struct verify *v, const struct audit_line *line);
void verify__problem(struct verify *v, const struct audit_problem *problem);
/* Nothing that follows can change the verdict: no need to read on. */
bool verify__decided(const struct verify *v);
/* `running`: a recorder is at work on this log. */
void verify__end(struct verify *v, bool running, struct verify_result *result);
void verify__free(struct verify *v);

#endif
