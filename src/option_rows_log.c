/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * option_rows_log.c - the options of the audit log: where it is, how large, how safe, and its proof.
 */
#include <errno.h>
#include <string.h>
#include "command.h"
#include "options.h"
#include "parse.h"

#define SEGMENT_SIZE_MIN (64ull << 10)
#define QUEUE_SIZE_MIN   (1ull << 20)
#define QUEUE_SIZE_MAX   (16ull << 30)
#define SEAL_NS_MAX      60000000000ull

static int set_size(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t n;

	if (parse__size(value, &n) || n < SEGMENT_SIZE_MIN)
		return -EINVAL;
	*(uint64_t *)((char *)o + row->field) = n;
	return 0;
}

static int set_queue_size(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t n;

	(void)row;
	if (parse__size(value, &n) || n < QUEUE_SIZE_MIN || n > QUEUE_SIZE_MAX)
		return -EINVAL;
	o->log.queue_size = n;
	return 0;
}

static int set_seal_every(struct options *o, const struct option_row *row, const char *value)
{
	uint64_t ns;

	(void)row;
	if (parse__duration(value, &ns) || !ns || ns > SEAL_NS_MAX)
		return -EINVAL;
	o->log.seal_ns = ns;
	return 0;
}

static int set_sync(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (strcmp(value, "none") != 0 && strcmp(value, "seal") != 0)
		return -EINVAL;
	o->log.no_sync = !strcmp(value, "none");
	return 0;
}

static int set_on_full(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (strcmp(value, "stop") != 0 && strcmp(value, "drop-oldest") != 0)
		return -EINVAL;
	o->log.drop_oldest = !strcmp(value, "drop-oldest");
	return 0;
}

static int set_head(struct options *o, const struct option_row *row, const char *value)
{
	(void)row;
	if (strlen(value) != 64 || strspn(value, "0123456789abcdef") != 64)
		return -EINVAL;
	o->head = value;
	return 0;
}

#define WRONG_SIZE "is not a size: give a number of bytes, 64K or more, with K M or G for 1024s"

const struct option_row option_rows_log[] = {
	{ .name = "dir",
	  .arg = "DIR",
	  .fallback = LOG_DIR_DEFAULT,
	  .help = "directory of the log; made if its parent is there",
	  .wrong = "is not a directory: give the name of one to write the log to",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.dir),
	  .parse = option__set_string },
	{ .name = "rotate-size",
	  .arg = "SIZE",
	  .fallback = "64M",
	  .help = "begin a new segment when this one has SIZE",
	  .wrong = WRONG_SIZE,
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.rotate_size),
	  .parse = set_size },
	{ .name = "rotate-time",
	  .arg = "T",
	  .fallback = "1d",
	  .help = "or when it is T old",
	  .wrong = WRONG_TIME,
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.rotate_ns),
	  .parse = option__set_duration },
	{ .name = "keep-size",
	  .arg = "SIZE",
	  .fallback = "all",
	  .help = "delete the oldest segments so that the log stays below SIZE; recorded",
	  .wrong = WRONG_SIZE,
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.keep_size),
	  .parse = set_size },
	{ .name = "keep-time",
	  .arg = "T",
	  .fallback = "for ever",
	  .help = "delete segments whose last record is older than T; recorded",
	  .wrong = WRONG_TIME,
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.keep_ns),
	  .parse = option__set_duration },
	{ .name = "sync",
	  .arg = "none|seal",
	  .fallback = "seal",
	  .help = "seal: what is sealed is on the disk; none: when the kernel likes",
	  .wrong = "is not a way to sync: give none or seal",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .parse = set_sync },
	{ .name = "seal-every",
	  .arg = "T",
	  .fallback = "1s",
	  .help = "seal what was written at least so often; also each 10000 records, and an "
		  "empty seal each 60 s",
	  .wrong = "is not such a duration: give a number above 0 with its unit, such as 500ms, "
		   "at most 60s",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .parse = set_seal_every },
	{ .name = "on-full",
	  .arg = "stop|drop-oldest",
	  .fallback = "stop",
	  .help = "disk full: end with exit code 5, or delete the oldest segments and go on",
	  .wrong = "is not what can be done: give stop or drop-oldest",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .parse = set_on_full },
	{ .name = "key",
	  .arg = "FILE",
	  .fallback = "none, hashes only",
	  .help = "one of the pair that keygen made. record: the start key, which it rewrites with "
		  "each seal; verify: the verification key, it proves also who sealed",
	  .wrong = WRONG_FILE,
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG | OPTS_VERIFY,
	  .field = offsetof(struct options, key),
	  .parse = option__set_string },
	{ .name = "head",
	  .arg = "HASH",
	  .fallback = "none",
	  .help = "what verify printed earlier: the log must still have that seal",
	  .wrong = "is not a hash: give the 64 hexadecimal digits that verify printed, lower case",
	  .section = SECTION_LOG,
	  .groups = OPTS_VERIFY,
	  .parse = set_head },
	{ .name = "no-args",
	  .help = "leave out the arguments of processes",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.no_args),
	  .parse = option__set_flag },
	{ .name = "journal",
	  .help = "send findings and losses to the systemd journal too",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .field = offsetof(struct options, log.journal),
	  .parse = option__set_flag },
	{ .name = "queue-size",
	  .arg = "SIZE",
	  .fallback = "256M",
	  .help = "records that wait for a slow disk; beyond, they are lost and counted",
	  .wrong = "is not a queue's size: give 1M to 16G",
	  .section = SECTION_LOG,
	  .groups = OPTS_LOG,
	  .parse = set_queue_size },
	{ .name = NULL },
};
