// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_log.c - what the writer thread does with records: number, hash, seal, change the segment, and bear a
 * full disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "audit_file.h"
#include "audit_keep.h"
#include "audit_line.h"
#include "audit_log.h"
#include "audit_pack.h"
#include "host.h"
#include "json_fields.h"
#include "log.h"

#define SECOND       1000000000ull
#define BATCH        ((size_t)256 << 10) /* written at once */
#define SEAL_RECORDS 10000
#define SEAL_IDLE    (60 * SECOND) /* a seal without records proves life */
#define RETRY        SECOND        /* to write, when it is not possible */
#define SHARE        8 /* with drop-oldest a segment is at most this part of the file system */

#define WHY(why, ...) snprintf((why)->text, sizeof((why)->text), __VA_ARGS__)

struct audit_log {
	struct audit_config config;
	struct audit_status status;
	struct audit_past past;
	bool key_ahead;
	uint64_t rotate_size;
	struct audit_dir *dir;
	struct seal_chain *chain;
	int key_fd;
	struct audit_file file, next; /* fd -1: there is none */
	uint64_t segment;             /* number of `file` */
	struct audit_first first;     /* where it begins */
	uint64_t began_ns;
	uint64_t opened;              /* bytes of what it began with */
	bool opening;                 /* that is still being told */
	bool asked;                   /* for the next one */
	uint64_t seq;                 /* of the last record written */
	uint64_t seals;               /* index of the last one */
	uint64_t records;             /* since the last seal */
	uint64_t since_ns, sealed_ns; /* the first of these, the last seal */
	struct buf batch, line;
	uint64_t batched;              /* records in the batch */
	uint64_t batch_from, batch_to; /* their times */
	struct lost lost;              /* not told yet */
	struct audit_gone gone;        /* segments that went and are not told yet */
	uint64_t told_to;              /* the last one that was told to go */
	bool failing;
	uint64_t retry_ns; /* not before */
	struct audit_pack pack;
	struct buf common; /* fields of lines of its own */
	struct stamp stamp;
};

/* --- lines of its own --- */

static int64_t wall_now(void)
{
	return (int64_t)host__now() + host__wall(true).offset_ns;
}

/* The common fields of the next record. */
static void begin_line(struct audit_log *l, uint64_t boot_ns, const char *type)
{
	struct wall wall = host__wall(true);

	l->line.len = 0;
	l->line.failed = false;
	fields__head(&l->line, &l->common, &l->stamp, &wall, l->seq + 1, boot_ns, type);
}

static void put_time(struct audit_log *l, const char *key, int64_t ns)
{
	json__key(&l->line, key);
	json__time(&l->line, &l->stamp, ns > 0 ? (uint64_t)ns : 0);
}

/* A whole line into the file and the chain; it is not in the batch's way, which is empty. */
static int write_line(struct audit_log *l, bool last)
{
	int err = l->line.failed ? -ENOMEM : 0;

	if (!err)
		err = audit_file__append(&l->file, l->line.data, l->line.len, last);
	if (err)
		return err;
	seal_chain__add(l->chain, l->line.data, l->line.len, 1);
	l->seq++;
	if (!l->records++)
		l->since_ns = host__now();
	return 0;
}

static void begin_lost(struct audit_log *l, uint64_t boot_ns, enum lost_reason reason,
		       uint64_t count, int64_t from_ns, int64_t to_ns)
{
	struct buf *b = &l->line;

	begin_line(l, boot_ns, record_names[RECORD_LOST]);
	json__put_string(b, "reason", lost_names[reason]);
	json__put_u64(b, "count", count);
	if (to_ns <= 0)
		to_ns = wall_now();
	put_time(l, "from", from_ns > 0 ? from_ns : to_ns); /* where it is not known */
	put_time(l, "to", to_ns);
}

static int end_lost(struct audit_log *l, bool last)
{
	buf__put(&l->line, "}\n", 2);
	return write_line(l, last);
}

static int tell_gone(struct audit_log *l, const struct audit_gone *g, bool last)
{
	begin_lost(l, host__now(), LOST_RETENTION, g->records, g->from_ns, g->to_ns);
	json__put_u64(&l->line, "last_segment", g->last_segment);
	return end_lost(l, last);
}

/* Of the same moment as the segment that it opens. */
static int tell_crash(struct audit_log *l, uint64_t boot_ns)
{
	begin_lost(l, boot_ns, LOST_CRASH, 0, l->past.last_ns, l->first.ns);
	if (l->past.torn)
		json__put_u64(&l->line, "torn_bytes", l->past.torn);
	return end_lost(l, true);
}

static int tell_lost(struct audit_log *l, bool last)
{
	int64_t offset = host__wall(true).offset_ns;
	int err;

	begin_lost(l, host__now(), LOST_DISK, l->lost.count, (int64_t)l->lost.from_ns + offset,
		   (int64_t)l->lost.to_ns + offset);
	err = end_lost(l, last);
	if (!err)
		l->lost.count = 0;
	return err;
}

/* --- seals --- */

/* `end`: of the segment. Its place is in the reserve if nowhere else. */
static int append_seal(struct audit_log *l, bool end)
{
	int err;

	begin_line(l, host__now(), "seal");
	err = seal_chain__make(l->chain, &l->line, end);
	if (!err)
		err = audit_file__append(&l->file, l->line.data, l->line.len, true);
	if (err)
		return err;
	l->seq++;
	audit__u64(l->line.data, l->line.len, "index", &l->seals);
	l->records = 0;
	l->sealed_ns = host__now();
	return 0;
}

/* What is left to do when the seal is in the file. */
static int settle_seal(struct audit_log *l)
{
	int sync_err = l->config.options->no_sync ? 0 : audit_file__sync(&l->file);
	int err = seal_chain__done(l->chain, l->key_fd);

	return err ? err : sync_err;
}

static int write_seal(struct audit_log *l)
{
	int err = append_seal(l, false);

	return err ? err : settle_seal(l);
}

/* --- segments that have to go --- */

static int remove_oldest(struct audit_log *l)
{
	const struct audit_segment *s = audit_dir__segment(l->dir, 0);
	int err;

	audit_pack__forget(&l->pack, s->number);
	err = audit_dir__remove_oldest(l->dir);
	l->status.keep = err;
	return err;
}

/* Those that were told to go. False: one cannot be removed. It is tried again, and not told again. */
static bool remove_told(struct audit_log *l)
{
	const struct audit_segment *s;
	bool any = false;

	while ((s = audit_dir__segment(l->dir, 0)) && s->number <= l->told_to) {
		if (remove_oldest(l))
			return false;
		any = true;
	}
	if (any && !l->config.options->no_sync)
		audit_dir__sync(l->dir);
	return true;
}

/* What has to go is told before this seal and removed after it: nothing goes without a word. */
static int seal(struct audit_log *l)
{
	const struct audit_limits limits = { .size = l->config.options->keep_size,
					     .time_ns = l->config.options->keep_ns };
	struct audit_gone gone = { 0 };
	size_t n = 0;
	int err;

	if (!l->failing && remove_told(l))
		n = audit_keep__expired(l->dir, &limits, l->file.size, wall_now());
	audit_keep__gone(l->dir, n, &l->first, &gone);
	if (n && tell_gone(l, &gone, false))
		n = 0;
	err = write_seal(l);
	if (n && !err) {
		l->told_to = gone.last_segment;
		remove_told(l);
	}
	return err;
}

/* --- when it cannot be written --- */

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

static void lose(struct audit_log *l, uint64_t n, uint64_t from_ns, uint64_t to_ns)
{
	if (!l->lost.count)
		l->lost.from_ns = from_ns;
	l->lost.count += n;
	l->lost.to_ns = to_ns;
	l->status.lost += n;
}

/* What is there is sealed while there is a reserve, and the policy decides how it goes on. */
static void fail(struct audit_log *l, int err)
{
	bool first = !l->failing;

	l->failing = true;
	l->retry_ns = host__now() + RETRY;
	if (!l->config.options->drop_oldest)
		l->status.stopped = true;
	if (first && l->records && l->file.fd >= 0)
		write_seal(l);
	l->status.error = err;
}

/*
 * Makes room: the oldest complete segment goes. That is told in the log first, from the reserve, where there is
 * one; else as soon as possible. False: there is none that could go.
 */
static bool drop_oldest(struct audit_log *l)
{
	const struct audit_segment *s = audit_dir__segment(l->dir, 0);
	struct audit_gone gone;

	if (!l->config.options->drop_oldest || !s)
		return false;
	audit_keep__gone(l->dir, 1, &l->first, &gone);
	if (s->number > l->told_to && !l->gone.last_segment && l->file.fd >= 0 &&
	    audit_file__has_reserve(&l->file) && !tell_gone(l, &gone, true) && !write_seal(l))
		l->told_to = gone.last_segment;
	if (remove_oldest(l))
		return false;
	if (!l->config.options->no_sync)
		audit_dir__sync(l->dir);
	if (gone.last_segment <= l->told_to)
		return true;
	if (l->gone.last_segment) { /* they are told together */
		gone.records += l->gone.records;
		gone.from_ns = l->gone.from_ns;
	}
	l->gone = gone;
	return true;
}

static int make_room(struct audit_log *l)
{
	int err;

	do
		err = audit_file__room(&l->file, BATCH + AUDIT_QUEUE_LINE);
	while (is_full(err) && drop_oldest(l));
	return err;
}

/* Segments that went without a word, records that could not be written. */
static int tell_what_is_missing(struct audit_log *l, bool last)
{
	int err = l->gone.last_segment ? tell_gone(l, &l->gone, last) : 0;

	if (err)
		return err;
	l->gone.last_segment = 0;
	return l->lost.count ? tell_lost(l, last) : 0;
}

void audit_log__ready(struct audit_log *l)
{
	int err;

	if (l->file.fd < 0 || l->status.stopped || (l->failing && host__now() < l->retry_ns))
		return;
	err = make_room(l);
	if (!err)
		err = tell_what_is_missing(l, false);
	if (err) {
		fail(l, err);
		return;
	}
	l->failing = false;
	l->status.error = 0;
}

/* --- records --- */

void audit_log__flush(struct audit_log *l)
{
	int err;

	if (!l->batched)
		return;
	err = l->batch.failed ? -ENOMEM :
				audit_file__append(&l->file, l->batch.data, l->batch.len, false);
	if (err) {
		l->seq -= l->batched;
		lose(l, l->batched, l->batch_from, l->batch_to);
		fail(l, err);
	} else {
		seal_chain__add(l->chain, l->batch.data, l->batch.len, l->batched);
		if (!l->records)
			l->since_ns = host__now();
		l->records += l->batched;
	}
	l->batch.len = 0;
	l->batch.failed = false;
	l->batched = 0;
}

bool audit_log__record(struct audit_log *l, const struct audit_item *item)
{
	if (l->file.fd < 0 || l->failing) {
		lose(l, 1, item->boot_ns, item->boot_ns);
		return true;
	}
	if (!l->batched++)
		l->batch_from = item->boot_ns;
	l->batch_to = item->boot_ns;
	buf__put(&l->batch, "{\"v\":1,\"seq\":", 13);
	buf__u64(&l->batch, ++l->seq);
	buf__char(&l->batch, ',');
	buf__put(&l->batch, item->line, item->len);
	return l->batch.len < BATCH && l->records + l->batched < SEAL_RECORDS;
}

/* The event loop's line, or a part of it, by itself. */
static void begin_item(struct audit_log *l, const char *line, size_t len)
{
	struct buf *b = &l->line;

	b->len = 0;
	b->failed = false;
	buf__str(b, "{\"v\":1,\"seq\":");
	buf__u64(b, l->seq + 1);
	buf__char(b, ',');
	buf__put(b, line, len);
}

/* --- segments --- */

static void remove_next(struct audit_log *l)
{
	char name[AUDIT_NAME_MAX];

	audit_dir__name(name, l->segment + 1, false);
	unlinkat(audit_dir__fd(l->dir), name, 0);
}

static int open_next(struct audit_log *l)
{
	int fd, err;

	do {
		fd = audit_dir__create(l->dir, l->segment + 1);
		err = fd < 0 ? fd : audit_file__open(&l->next, fd, 0);
		if (fd >= 0 && err)
			remove_next(l);
	} while (is_full(err) && drop_oldest(l));
	return err;
}

/* The end of the segment that is being written: nothing may follow its last seal, be that synced or not. */
static int close_segment(struct audit_log *l, int *unsynced)
{
	int err;

	*unsynced = 0;
	if (l->file.fd < 0)
		return 0;
	err = append_seal(l, true);
	if (err)
		return err;
	*unsynced = settle_seal(l);
	audit_file__close(&l->file);
	/* without memory it is not packed, nor deleted by retention, before the next start */
	audit_dir__ended(l->dir, l->segment, l->file.size);
	return 0;
}

/* The event loop's line lacks what only the writer knows. */
static int write_first_line(struct audit_log *l, const struct audit_item *item)
{
	char prev[SEAL_HEX];
	struct buf *b = &l->line;
	int err;

	seal__hex(prev, seal_chain__head(l->chain));
	begin_item(l, item->line, item->len - 2); /* without its "}\n" */
	json__put_u64(b, "segment", l->segment);
	json__key(b, "prev");
	json__bytes(b, prev, SEAL_HEX);
	json__put_u64(b, "seals", l->seals);
	buf__put(b, "}\n", 2);
	l->first.seq = l->seq + 1;
	l->first.ns = (int64_t)item->boot_ns + host__wall(true).offset_ns;
	err = write_line(l, true);
	if (err || l->past.clean)
		return err;
	l->past.clean = true; /* said once */
	return tell_crash(l, item->boot_ns);
}

void audit_log__segment(struct audit_log *l, const struct audit_item *item)
{
	int err, unsynced = 0;

	audit_log__flush(l);
	l->asked = false;
	l->opening = true;
	l->began_ns = host__now();
	err = l->next.fd < 0 ? open_next(l) : 0;
	if (!err)
		err = close_segment(l, &unsynced);
	if (!err) {
		l->file = l->next;
		l->next.fd = -1;
		l->segment++;
		l->sealed_ns = l->began_ns;
		err = write_first_line(l, item);
		/* nothing can follow where the first line is missing */
		l->status.stopped |= err != 0;
	}
	if (!err && !l->config.options->no_sync)
		err = audit_dir__sync(l->dir);
	if (!err)
		err = unsynced;
	if (err)
		fail(l, err);
	else
		audit_log__ready(l);
}

void audit_log__opened(struct audit_log *l)
{
	l->opening = false;
	l->opened = l->file.size + l->batch.len;
}

int audit_log__end(struct audit_log *l, const struct audit_item *item)
{
	int err, unsynced = 0;

	audit_log__flush(l);
	if (l->file.fd < 0)
		return l->status.error;
	err = tell_what_is_missing(l, true);
	if (!err && item->len) {
		begin_item(l, item->line, item->len);
		err = write_line(l, true);
	}
	if (!err)
		err = close_segment(l, &unsynced);
	if (!err)
		err = unsynced;
	if (err)
		l->status.error = err;
	return l->status.stopped ? l->status.error : err;
}

/* --- by the clock --- */

static uint64_t seal_due(const struct audit_log *l)
{
	if (l->file.fd < 0 || l->status.stopped)
		return UINT64_MAX;
	if (l->failing)
		return l->records ? l->retry_ns : UINT64_MAX;
	if (l->records >= SEAL_RECORDS)
		return 0;
	if (l->records)
		return l->since_ns + l->config.options->seal_ns;
	return l->sealed_ns + SEAL_IDLE;
}

static bool may_rotate(const struct audit_log *l)
{
	return l->file.fd >= 0 && !l->opening && !l->asked && !l->failing;
}

/* What a segment begins with may be much: it gets at least as much again. */
static bool segment_due(const struct audit_log *l, uint64_t now)
{
	uint64_t size = l->opened * 2 > l->rotate_size ? l->opened * 2 : l->rotate_size;

	return may_rotate(l) &&
	       (l->file.size >= size || now - l->began_ns >= l->config.options->rotate_ns);
}

bool audit_log__keep_time(struct audit_log *l)
{
	uint64_t now = host__now();
	int err;

	if (seal_due(l) <= now) {
		err = seal(l);
		if (err)
			fail(l, err);
	}
	if (!segment_due(l, now))
		return false;
	l->asked = true;
	return true;
}

uint64_t audit_log__due(const struct audit_log *l)
{
	uint64_t due = seal_due(l), age = l->config.options->rotate_ns;

	if (l->failing && !l->status.stopped && (l->lost.count || l->gone.last_segment) &&
	    l->retry_ns < due)
		due = l->retry_ns;
	if (may_rotate(l) && age < UINT64_MAX - l->began_ns && l->began_ns + age < due)
		due = l->began_ns + age;
	return due;
}

bool audit_log__pack(struct audit_log *l)
{
	bool more = !l->failing && audit_pack__step(&l->pack, l->dir, !l->config.options->no_sync);

	l->status.gzip = l->pack.error;
	return more;
}

/* --- what was there before --- */

static int open_key(struct audit_log *l, struct seal_key *key, struct audit_error *why)
{
	int err;

	l->key_fd = open(l->config.key, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	err = l->key_fd < 0 ? -errno : seal_key__read(key, l->key_fd);
	if (err == -EBADMSG)
		WHY(why, "--key: '%s' is not a key: make one with socklife keygen", l->config.key);
	else if (err)
		WHY(why, "--key: '%s' cannot be used: %s", l->config.key, log__errno(err));
	return err;
}

static void add_unsealed(void *arg, const char *line, size_t len)
{
	struct audit_log *l = arg;

	seal_chain__add(l->chain, line, len, 1);
}

static int open_chain(struct audit_log *l, struct audit_error *why)
{
	struct seal_key key = { 0 };
	int err = l->config.key ? open_key(l, &key, why) : 0;

	if (err)
		return err;
	l->chain = seal_chain__new(l->past.head, l->config.key ? &key : NULL);
	err = l->chain ? 0 : -errno;
	seal_key__wipe(&key);
	if (!err)
		err = seal_chain__next_index(l->chain, l->past.seals);
	l->key_ahead = err > 0;
	if (err >= 0)
		err = audit_dir__unsealed(l->dir, add_unsealed, l);
	if (err)
		WHY(why, "the log cannot be sealed: %s", log__errno(err));
	return err;
}

/* What a recorder that did not end well left unsealed. The chain knows these records already. */
static int seal_past(struct audit_log *l)
{
	int fd, err;

	do {
		fd = audit_dir__reopen(l->dir);
		err = fd < 0 ? fd : audit_file__open(&l->file, fd, l->past.size);
	} while (is_full(err) && audit_dir__segment(l->dir, 1) && drop_oldest(l));
	if (err)
		return err;
	l->records = l->past.unsealed;
	err = append_seal(l, true);
	if (!err)
		err = settle_seal(l);
	audit_file__close(&l->file);
	return err;
}

static int recover(struct audit_log *l, struct audit_error *why)
{
	struct statvfs fs;
	int err;

	do /* what is torn is copied, which a full disk has no room for */
		err = audit_dir__recover(l->dir, l->config.key != NULL, &l->past, why);
	while (is_full(err) && audit_dir__segment(l->dir, 1) && drop_oldest(l));
	if (!err)
		l->segment = l->past.segment;
	l->seq = l->past.seq;
	l->seals = l->past.seals;
	l->rotate_size = l->config.options->rotate_size;
	if (l->config.options->drop_oldest && !fstatvfs(audit_dir__fd(l->dir), &fs) &&
	    fs.f_blocks * fs.f_frsize / SHARE < l->rotate_size)
		l->rotate_size = fs.f_blocks * fs.f_frsize / SHARE;
	if (!err)
		err = open_chain(l, why);
	if (err)
		return err;
	if (!l->past.ended)
		err = seal_past(l);
	if (!err)
		err = open_next(l);
	if (err)
		WHY(why, "--dir: '%s' cannot be written: %s", l->config.options->dir,
		    log__errno(err));
	return err;
}

struct audit_log *audit_log__open(const struct audit_config *c, struct audit_error *why)
{
	struct audit_log *l = calloc(1, sizeof(*l));

	WHY(why, "out of memory");
	if (!l)
		return NULL;
	l->config = *c;
	l->key_fd = l->file.fd = l->next.fd = -1;
	fields__common(&l->common, c->boot_id, c->host);
	if (!l->common.failed)
		l->dir = audit_dir__open(c->options->dir, why);
	if (l->dir && !recover(l, why))
		return l;
	audit_log__free(l);
	return NULL;
}

void audit_log__free(struct audit_log *l)
{
	if (!l)
		return;
	audit_pack__free(&l->pack);
	if (l->next.fd >= 0) {
		audit_file__close(&l->next);
		remove_next(l);
	}
	audit_file__close(&l->file);
	seal_chain__free(l->chain);
	audit_dir__free(l->dir);
	buf__free(&l->batch);
	buf__free(&l->line);
	buf__free(&l->common);
	if (l->key_fd >= 0)
		close(l->key_fd);
	free(l);
}

const struct audit_past *audit_log__past(const struct audit_log *l)
{
	return &l->past;
}

bool audit_log__key_ahead(const struct audit_log *l)
{
	return l->key_ahead;
}

const struct audit_status *audit_log__status(const struct audit_log *l)
{
	return &l->status;
}
