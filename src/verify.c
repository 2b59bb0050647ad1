// SPDX-License-Identifier: GPL-2.0-or-later
/* verify.c - goes through numbers, hashes, seals and segments, and names the first thing that is wrong. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "log.h"
#include "verify.h"

const char *const verify_kind_names[VERIFY_KINDS] = {
	[VERIFY_WHOLE] = "whole",
	[VERIFY_CHANGED] = "changed",
	[VERIFY_REMOVED] = "removed",
	[VERIFY_INSERTED] = "inserted",
	[VERIFY_REORDERED] = "reordered",
	[VERIFY_CUT] = "cut",
	[VERIFY_SEGMENT_MISSING] = "segment-missing",
	[VERIFY_WRONG_KEY] = "wrong-key",
	[VERIFY_ROLLED_BACK] = "rolled-back",
	[VERIFY_VERSION] = "version",
	[VERIFY_UNREADABLE] = "unreadable",
};

const char *const verify_kind_words[VERIFY_KINDS] = {
	[VERIFY_WHOLE] = "whole",
	[VERIFY_CHANGED] = "changed",
	[VERIFY_REMOVED] = "removed",
	[VERIFY_INSERTED] = "inserted",
	[VERIFY_REORDERED] = "reordered",
	[VERIFY_CUT] = "cut off",
	[VERIFY_SEGMENT_MISSING] = "segment missing",
	[VERIFY_WRONG_KEY] = "wrong key",
	[VERIFY_ROLLED_BACK] = "rolled back",
	[VERIFY_VERSION] = "version",
	[VERIFY_UNREADABLE] = "unreadable",
};

struct place {
	const char *file;
	uint64_t line, seq;
};

/*
 * A line whose number is not the next one. What is wrong with it shows only in what follows: is the
 * expected one there, does this one come again?
 */
struct suspect {
	struct place at;          /* seq: that it has */
	uint64_t expected;        /* seq */
	uint64_t number;          /* with `segment`: which */
	uint64_t next;            /* with `followed`: its seq, 0: junk */
	uint64_t highest;         /* seq of what followed */
	struct place expected_at; /* with `expected_later` */
	bool on;
	bool junk;           /* it has no number at all */
	bool torn;           /* the file ends inside it */
	bool segment;        /* it is a segment record */
	bool followed;       /* another line came */
	bool expected_later; /* the expected one came */
	bool again;          /* the same seq came again */
};

struct verify {
	struct verify_config config;
	struct verify_result result;
	bool decided; /* result.kind and the place are final */
	struct seal_chain *chain;
	struct suspect suspect;

	uint64_t expected;        /* seq of the next line, 0: this is the first */
	uint64_t segment;         /* that we are in, 0: none yet */
	struct place first, last; /* lines */
	struct place torn;        /* the part of a line at the end of a file, line 0: none */
	size_t before_len; /* of the last line, while it lies right before the next in memory */

	/* the block: since the last seal */
	struct place block; /* its first line */
	uint64_t records;   /* of it, without the seal */
	uint64_t segments, retention, crashes;
	bool stop;           /* its last record is `stop` */
	bool ended;          /* the seal before it closed a segment */
	char from[AUDIT_TS]; /* of its first line */
	/* A field that contradicts another: it is told if its block's hash is right, else the block is. */
	enum verify_kind doubt;
	struct place doubt_at;
	char doubt_text[256];

	/* lines that lie one after the other in memory and are not hashed yet */
	const char *pending;
	size_t pending_len;
	uint64_t pending_records;
};

/* --- verdicts --- */

__attribute__((format(printf, 4, 5))) static void
decide(struct verify *v, enum verify_kind kind, const struct place *at, const char *fmt, ...)
{
	struct verify_result *r = &v->result;
	va_list args;

	if (v->decided)
		return;
	v->decided = true;
	r->kind = kind;
	r->file = at->file;
	r->line = at->line;
	r->seq = at->seq;
	r->unsealed = v->records;
	va_start(args, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
	va_end(args);
}

__attribute__((format(printf, 4, 5))) static void
doubt(struct verify *v, enum verify_kind kind, const struct place *at, const char *fmt, ...)
{
	va_list args;

	if (v->doubt != VERIFY_WHOLE)
		return;
	v->doubt = kind;
	v->doubt_at = *at;
	va_start(args, fmt);
	vsnprintf(v->doubt_text, sizeof(v->doubt_text), fmt, args);
	va_end(args);
}

/* --- a line out of order --- */

static void suspect_line(struct verify *v, const struct place *at, bool junk)
{
	v->suspect = (struct suspect){
		.on = true,
		.junk = junk,
		.at = *at,
		.expected = v->expected,
	};
}

static void look_on(struct suspect *s, const struct audit_line *line)
{
	struct audit_head head;
	uint64_t seq = !line->torn && audit__head(line->data, line->len, &head) ? head.seq : 0;

	if (!s->followed) {
		s->followed = true;
		s->next = seq;
	}
	if (seq && seq == s->expected && !s->expected_later) {
		s->expected_later = true;
		s->expected_at = (struct place){ line->file, line->line, seq };
	}
	if (!s->junk && seq == s->at.seq)
		s->again = true;
	if (seq > s->highest)
		s->highest = seq;
}

static void judge_junk(struct verify *v, const struct suspect *s)
{
	struct place at = s->at;

	if (s->expected_later) {
		decide(v, VERIFY_INSERTED, &at, "this line is no record of socklife");
		return;
	}
	at.seq = s->expected;
	if (s->torn && s->next != s->expected + 1)
		decide(v, VERIFY_REMOVED, &at,
		       "the file ends inside this record, and others follow");
	else if (s->torn)
		decide(v, VERIFY_CHANGED, &at, "the file ends inside this record");
	else
		decide(v, VERIFY_CHANGED, &at, "this line is not as socklife writes a record");
}

static void judge_earlier(struct verify *v, const struct suspect *s)
{
	if (!s->expected_later && (s->next == s->expected + 1 || s->highest > s->expected))
		decide(v, VERIFY_CHANGED, &s->at, "this record stands in the place of seq %" PRIu64,
		       s->expected);
	else
		decide(v, VERIFY_INSERTED, &s->at,
		       "a record of this seq has been already, seq %" PRIu64 " was to follow",
		       s->expected);
}

static void judge_missing(struct verify *v, const struct suspect *s)
{
	struct place at = { s->at.file, s->at.line, s->expected };
	uint64_t n = s->at.seq - s->expected;

	if (s->segment && s->number > v->segment + 1)
		decide(v, VERIFY_SEGMENT_MISSING, &at,
		       s->number - v->segment == 2 ? "segment %06" PRIu64
						     " is missing before this line, %" PRIu64
						     " record%s up to seq %" PRIu64 :
						     "segments from %06" PRIu64
						     " on are missing before this line, %" PRIu64
						     " record%s up to seq %" PRIu64,
		       v->segment + 1, n, n == 1 ? "" : "s", s->at.seq - 1);
	else if (n == 1)
		decide(v, VERIFY_REMOVED, &at, "the record before this line is missing");
	else
		decide(v, VERIFY_REMOVED, &at,
		       "%" PRIu64 " records before this line are missing, seq %" PRIu64
		       " to %" PRIu64,
		       n, s->expected, s->at.seq - 1);
}

static void judge_later(struct verify *v, const struct suspect *s)
{
	if (!s->expected_later && s->next == s->expected + 1)
		decide(v, VERIFY_CHANGED, &s->at, "this record stands in the place of seq %" PRIu64,
		       s->expected);
	else if (!s->expected_later)
		judge_missing(v, s);
	else if (s->again || s->at.seq > s->highest + 1)
		decide(v, VERIFY_INSERTED, &s->at, "seq %" PRIu64 " was to follow here",
		       s->expected);
	else
		decide(v, VERIFY_REORDERED, &s->at,
		       "seq %" PRIu64 " was to follow here and stands in %s, line %" PRIu64,
		       s->expected, s->expected_at.file, s->expected_at.line);
}

static void judge(struct verify *v)
{
	const struct suspect *s = &v->suspect;

	if (s->junk)
		judge_junk(v, s);
	else if (s->at.seq < s->expected)
		judge_earlier(v, s);
	else
		judge_later(v, s);
}

/* --- the chain --- */

static void flush(struct verify *v)
{
	if (v->pending_len)
		seal_chain__add(v->chain, v->pending, v->pending_len, v->pending_records);
	v->pending_len = 0;
	v->pending_records = 0;
}

static void add(struct verify *v, const struct audit_line *line)
{
	if (!v->pending_len)
		v->pending = line->data;
	v->pending_len += line->len;
	v->pending_records++;
	v->records++;
	if (!line->more)
		flush(v);
}

static void block_changed(struct verify *v, const struct place *seal, const char *what)
{
	struct place at = v->records ? v->block : *seal;

	if (!v->records)
		decide(v, VERIFY_CHANGED, &at, "%s", what);
	else if (at.file == seal->file)
		decide(v, VERIFY_CHANGED, &at,
		       "%s: it is this record or one of those up to the seal in line %" PRIu64
		       ", seq %" PRIu64,
		       what, seal->line, seal->seq);
	else
		decide(v, VERIFY_CHANGED, &at,
		       "%s: it is this record or one of those up to the seal in %s, line %" PRIu64
		       ", seq %" PRIu64,
		       what, seal->file, seal->line, seal->seq);
}

static void wrong_seal(struct verify *v, enum seal_verdict verdict, const struct place *at,
		       const struct seal *seal)
{
	switch (verdict) {
	case SEAL_RIGHT:
		break;
	case SEAL_FORM:
		decide(v, VERIFY_CHANGED, at, "this line is not as socklife writes a seal");
		break;
	case SEAL_SHA256:
		block_changed(v, at, "the bytes are not those that were sealed");
		break;
	case SEAL_PREV:
		decide(v, VERIFY_CHANGED, at, "prev is not the sha256 of the seal before");
		break;
	case SEAL_RECORDS:
		decide(v, VERIFY_CHANGED, at,
		       "records is %" PRIu64 ", but %" PRIu64 " stand before this seal",
		       seal->records, v->records);
		break;
	case SEAL_INDEX:
		decide(v, VERIFY_REMOVED, at,
		       "index is %" PRIu64 ": it is not the seal after the one before, others were "
		       "made in between and are missing",
		       seal->index);
		break;
	case SEAL_NO_MAC:
		decide(v, VERIFY_WRONG_KEY, at, "sealed without a key");
		break;
	case SEAL_MAC:
		decide(v, VERIFY_WRONG_KEY, at, "sealed with another key");
		break;
	case SEAL_OLD_KEY:
		decide(v, VERIFY_WRONG_KEY, at,
		       "sealed with key %" PRIu64 ", but the key given begins later: it takes the "
		       "verification key",
		       seal->index);
		break;
	case SEAL_FAILED:
		decide(v, VERIFY_UNREADABLE, at, "libcrypto failed");
		v->result.error = -EIO;
		break;
	}
}

static void check_head(struct verify *v, const uint8_t sha256[SEAL_HASH])
{
	struct verify_result *r = &v->result;

	if (r->head_seen)
		r->after_head++;
	else if (v->config.head && !memcmp(v->config.head, sha256, SEAL_HASH))
		r->head_seen = true;
}

/* Everything up to this seal is right. */
static void commit(struct verify *v, const struct audit_head *head, const struct seal *seal)
{
	struct verify_result *r = &v->result;

	if (!r->records)
		memcpy(r->from, v->records ? v->from : head->ts, AUDIT_TS);
	memcpy(r->to, head->ts, AUDIT_TS);
	memcpy(r->head, seal->sha256, SEAL_HASH);
	r->records += v->records + 1;
	r->segments += v->segments;
	r->seals++;
	r->keyed = seal->has_mac;
	r->stopped = v->stop || (!v->records && r->stopped);
	if (v->retention > r->retention)
		r->retention = v->retention;
	r->crashes += v->crashes;
	check_head(v, seal->sha256);
	v->records = v->segments = v->retention = v->crashes = 0;
	v->stop = false;
	v->ended = seal->end;
}

static void take_seal(struct verify *v, const struct audit_line *line,
		      const struct audit_head *head, const struct place *at)
{
	enum seal_verdict verdict;
	struct seal seal;

	flush(v);
	verdict = seal_chain__check(v->chain, line->data, line->len, head->len, &seal);
	if (verdict != SEAL_RIGHT)
		wrong_seal(v, verdict, at, &seal);
	else if (v->doubt != VERIFY_WHOLE)
		decide(v, v->doubt, &v->doubt_at, "%s", v->doubt_text);
	else
		commit(v, head, &seal);
}

/* --- records that say something about the log itself --- */

static const uint8_t zeros[SEAL_HASH];

static void begin_chain(struct verify *v, const struct place *at, const uint8_t prev[SEAL_HASH])
{
	v->chain = seal_chain__new(prev, v->config.key);
	if (!v->chain) {
		v->result.error = -errno;
		decide(v, VERIFY_UNREADABLE, at, "libcrypto failed");
		return;
	}
	if (memcmp(prev, zeros, SEAL_HASH) != 0) /* else it is no seal's */
		check_head(v, prev);
}

static void take_segment(struct verify *v, const struct audit_line *line,
			 const struct audit_head *head, const struct place *at)
{
	const char *own = line->data + head->len, *hex;
	size_t len = line->len - head->len, n;
	uint8_t prev[SEAL_HASH] = { 0 };
	uint64_t number = 0;

	if (!audit__u64(own, len, "segment", &number) || !number ||
	    !audit__string(own, len, "prev", &hex, &n) || n != SEAL_HEX || !seal__unhex(prev, hex))
		doubt(v, VERIFY_CHANGED, at, "segment or prev is not as socklife writes it");
	if (!v->chain) {
		v->first = *at;
		v->result.first_segment = number;
		begin_chain(v, at, prev);
		if (number == 1 && memcmp(prev, zeros, SEAL_HASH) != 0)
			doubt(v, VERIFY_CHANGED, at, "prev of the first segment is not zero");
	} else if (number <= v->segment) {
		doubt(v, VERIFY_REORDERED, at, "segment %" PRIu64 " stands behind %" PRIu64, number,
		      v->segment);
	} else if (memcmp(prev, seal_chain__head(v->chain), SEAL_HASH) != 0) {
		doubt(v, VERIFY_CHANGED, at, "prev is not the sha256 of the last seal before");
	}
	v->segment = number;
	v->segments++;
	v->ended = false;
}

static bool is_string(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && !memcmp(s, word, n);
}

static void take_lost(struct verify *v, const struct audit_line *line,
		      const struct audit_head *head)
{
	const char *own = line->data + head->len, *s;
	size_t len = line->len - head->len, n;
	uint64_t last;

	if (!audit__string(own, len, "reason", &s, &n))
		return;
	v->crashes += is_string(s, n, "crash");
	if (is_string(s, n, "retention") && audit__u64(own, len, "last_segment", &last) &&
	    last > v->retention)
		v->retention = last;
}

/* --- lines --- */

static void no_segment(struct verify *v, const struct audit_line *line, const struct place *at)
{
	uint64_t number;

	if (at->seq == 1 || audit__u64(line->data, line->len, "segment", &number))
		decide(v, VERIFY_CHANGED, at, "the log does not begin with a segment record");
	else
		decide(v, VERIFY_REMOVED, at,
		       "the log does not begin with a segment record: what stood before is missing");
}

static void first_line_is_junk(struct verify *v, const struct audit_line *line,
			       const struct place *at)
{
	uint64_t version;

	if (audit__other_version(line->data, line->len, &version))
		decide(v, VERIFY_VERSION, at,
		       "a log of version %" PRIu64 " of the format, this socklife knows version 1",
		       version);
	else
		decide(v, VERIFY_CHANGED, at, "this line is not as socklife writes a record");
}

static void out_of_order(struct verify *v, const struct audit_line *line,
			 const struct audit_head *head, const struct place *at)
{
	suspect_line(v, at, false);
	v->suspect.segment = audit__is(head, "segment") &&
			     audit__u64(line->data, line->len, "segment", &v->suspect.number);
}

/* Its newline was changed: two records in one line. It still lies before this one in memory. */
static bool two_in_one(struct verify *v, const struct audit_line *line)
{
	static const char front[] = "{\"v\":1,\"seq\":";

	return v->before_len &&
	       memmem(line->data - v->before_len + 1, v->before_len - 1, front, sizeof(front) - 1);
}

static void take_record(struct verify *v, const struct audit_line *line,
			const struct audit_head *head, const struct place *at)
{
	if (!v->records) {
		v->block = *at;
		memcpy(v->from, head->ts, AUDIT_TS);
	}
	v->stop = audit__is(head, "stop");
	if (audit__is(head, "segment"))
		take_segment(v, line, head, at);
	else if (audit__is(head, "lost"))
		take_lost(v, line, head);
	if (!v->decided)
		add(v, line);
}

/* A line with the right number. */
static void take_line(struct verify *v, const struct audit_line *line,
		      const struct audit_head *head, const struct place *at)
{
	bool segment = audit__is(head, "segment");

	if (!v->chain && !segment) {
		no_segment(v, line, at);
		return;
	}
	if (v->ended && !segment)
		doubt(v, VERIFY_INSERTED, at,
		      "the seal before this line closed the segment, but it goes on");
	if (audit__is(head, "seal"))
		take_seal(v, line, head, at);
	else
		take_record(v, line, head, at);
	if (line->segment && line->line == 1 && line->segment != v->segment)
		doubt(v, VERIFY_REORDERED, at,
		      "the file has the name of segment %" PRIu64 ", but holds %" PRIu64,
		      line->segment, v->segment);
}

static bool looks_right(const struct audit_line *line, struct audit_head *head)
{
	return audit__head(line->data, line->len, head) &&
	       !memcmp(line->data + line->len - 2, "}\n", 2);
}

/* Where nothing was wrong so far. */
static void check_line(struct verify *v, const struct audit_line *line)
{
	struct place at = { line->file, line->line, 0 };
	struct audit_head head;

	if (!looks_right(line, &head)) {
		v->last = at;
		if (v->expected)
			suspect_line(v, &at, true);
		else
			first_line_is_junk(v, line, &at);
		return;
	}
	at.seq = head.seq;
	if (!v->expected || head.seq == v->expected) {
		v->expected = head.seq + 1;
		take_line(v, line, &head, &at);
	} else if (two_in_one(v, line)) {
		decide(v, VERIFY_CHANGED, &v->last, "two records stand in this line");
	} else {
		out_of_order(v, line, &head, &at);
	}
	v->last = at;
	v->before_len = line->more ? line->len : 0;
}

void verify__line(struct verify *v, const struct audit_line *line)
{
	if (v->decided)
		return;
	if (v->torn.line && !v->suspect.on) {
		suspect_line(v, &v->torn, true);
		v->suspect.torn = true;
	}
	if (v->suspect.on) {
		look_on(&v->suspect, line);
	} else if (line->torn) {
		v->torn = (struct place){ line->file, line->line, 0 };
		v->result.torn = true;
	} else {
		check_line(v, line);
	}
}

/* A line that is too long for a record stands for one that is not ours. */
static void take_long_line(struct verify *v, const struct place *at)
{
	struct audit_line none = { .torn = true };

	if (v->suspect.on)
		look_on(&v->suspect, &none);
	else
		suspect_line(v, at, true);
}

void verify__problem(struct verify *v, const struct audit_problem *problem)
{
	struct place at = { problem->file, problem->line, 0 };

	if (v->decided)
		return;
	if (problem->error == -EFBIG) {
		take_long_line(v, &at);
		return;
	}
	if (v->suspect.on)
		judge(v);
	if (problem->error == -EBADMSG)
		decide(v, VERIFY_CHANGED, &at, "the gzip file is damaged before this line ends");
	else if (problem->error == -ENODATA)
		decide(v, VERIFY_CUT, &at, "the gzip file is cut off before this line ends");
	else
		decide(v, VERIFY_UNREADABLE, &at, "cannot be read: %s", log__errno(problem->error));
	if (v->result.kind == VERIFY_UNREADABLE)
		v->result.error = problem->error;
}

bool verify__decided(const struct verify *v)
{
	return v->decided;
}

/* --- the end --- */

static void check_cut(struct verify *v)
{
	const struct verify_result *r = &v->result;
	const struct place *at = v->torn.line ? &v->torn : &v->last;

	if (!at->line)
		decide(v, VERIFY_CUT, at, "there are no records");
	else if (v->torn.line)
		decide(v, VERIFY_CUT, at,
		       "the log ends inside this record, without a stop; %" PRIu64
		       " record%s before it %s not sealed",
		       v->records, v->records == 1 ? "" : "s", v->records == 1 ? "is" : "are");
	else if (v->records)
		decide(v, VERIFY_CUT, at,
		       "the log ends here without a stop; the last %" PRIu64
		       " record%s %s not sealed",
		       v->records, v->records == 1 ? "" : "s", v->records == 1 ? "is" : "are");
	else if (!r->stopped && (v->config.directory || !v->ended))
		decide(v, VERIFY_CUT, at, "the log ends with this seal, without a stop");
}

static void check_whole_log(struct verify *v, bool running)
{
	const struct verify_result *r = &v->result;

	if (v->config.directory && r->first_segment > 1 && r->retention + 1 < r->first_segment)
		decide(v, VERIFY_SEGMENT_MISSING, &v->first,
		       "the log begins with segment %06" PRIu64
		       ", and no record tells that those before it were removed by retention",
		       r->first_segment);
	else if (v->config.head && !r->head_seen)
		decide(v, VERIFY_ROLLED_BACK, &v->last,
		       "no seal has the hash that --head gives: this is an older state of the log, "
		       "or another log");
	else if (!running)
		check_cut(v);
}

void verify__end(struct verify *v, bool running, struct verify_result *result)
{
	if (v->suspect.on)
		judge(v);
	if (v->doubt != VERIFY_WHOLE)
		decide(v, v->doubt, &v->doubt_at, "%s", v->doubt_text);
	if (!v->decided)
		check_whole_log(v, running);
	if (!v->decided)
		v->result.unsealed = v->records;
	*result = v->result;
}

/* --- */

struct verify *verify__new(const struct verify_config *config)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v)
		v->config = *config;
	return v;
}

void verify__free(struct verify *v)
{
	if (!v)
		return;
	seal_chain__free(v->chain);
	free(v);
}
