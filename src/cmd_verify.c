// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_verify.c - reads logs, has verify.c judge them, says what it found.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit_dir.h"
#include "audit_reader.h"
#include "audit_tell.h"
#include "command.h"
#include "log.h"
#include "privileges.h"
#include "verify.h"

struct job {
	const struct options *options;
	struct verify_config config;
	struct seal_key key;
	uint8_t head[SEAL_HASH];
	struct audit_reader *reader;
	struct verify *verify;
	char *dir; /* that the logs are in, NULL: stdin */
	bool running;
	struct verify_result result;
};

/* --- the answer --- */

static void put_place(struct buf *b, const struct verify_result *r)
{
	if (!r->file)
		return;
	buf__str(b, ": ");
	buf__safe(b, r->file, strlen(r->file), false);
	if (r->line) {
		buf__str(b, ", line ");
		buf__u64(b, r->line);
	}
	if (r->seq) {
		buf__str(b, ", seq ");
		buf__u64(b, r->seq);
	}
}

/* N records, M segments, from ... to ..., head HASH */
static void put_whole(struct buf *b, const struct verify_result *r)
{
	char hex[SEAL_HEX];

	buf__count(b, r->records, "record");
	buf__str(b, ", ");
	buf__count(b, r->segments, "segment");
	if (r->seals) {
		buf__str(b, ", from ");
		buf__str(b, r->from);
		buf__str(b, " to ");
		buf__str(b, r->to);
		buf__str(b, ", head ");
		seal__hex(hex, r->head);
		buf__put(b, hex, sizeof(hex));
	}
	buf__char(b, '\n');
}

static void put_retention(struct buf *b, const struct job *j)
{
	const struct verify_result *r = &j->result;

	if (r->first_segment <= 1)
		return;
	buf__str(b, r->first_segment == 2 ? "  segment 1" : "  segments 1 to ");
	if (r->first_segment > 2)
		buf__u64(b, r->first_segment - 1);
	buf__str(b, r->first_segment == 2 ? " was" : " were");
	buf__str(b, r->retention + 1 >= r->first_segment ? " removed by retention\n" :
							   " not looked at\n");
}

static void put_crashes(struct buf *b, const struct verify_result *r)
{
	if (!r->crashes)
		return;
	buf__str(b, "  the recorder ended without a stop ");
	buf__count(b, r->crashes, "time");
	buf__str(b, ": what it had not written then is not in the log\n");
}

static void put_end(struct buf *b, const struct job *j)
{
	const struct verify_result *r = &j->result;

	if (r->kind != VERIFY_WHOLE)
		return;
	if (r->unsealed || r->torn) {
		buf__str(b, "  ");
		buf__count(b, r->unsealed, "record");
		buf__str(b, " after the last seal: not sealed yet\n");
	}
	if (j->running)
		buf__str(b, "  the log is still being written\n");
	else if (!r->stopped)
		buf__str(b, "  the log goes on in the next segment, which was not looked at\n");
}

static void put_proof(struct buf *b, const struct job *j)
{
	const struct verify_result *r = &j->result;

	if (j->config.head && r->head_seen && r->after_head) {
		buf__str(b, "  ");
		buf__count(b, r->after_head, "seal");
		buf__str(b, " since the one that --head gives\n");
	}
	if (j->config.key || !r->seals)
		return;
	buf__str(b,
		 r->keyed ?
			 "  the hashes only: it is sealed with a key, give --key to check that\n" :
			 "  the hashes only: it is sealed without a key, whoever can write to it "
			 "can also make it anew\n");
}

static void put_text(struct buf *b, const struct job *j)
{
	const struct verify_result *r = &j->result;

	if (r->kind == VERIFY_WHOLE) {
		buf__str(b, "whole, ");
		put_whole(b, r);
	} else {
		buf__str(b, verify_kind_words[r->kind]);
		put_place(b, r);
		buf__str(b, ": ");
		buf__safe(b, r->text, strlen(r->text), false);
		buf__str(b, "\n  whole up to there: ");
		put_whole(b, r);
	}
	put_retention(b, j);
	put_crashes(b, r);
	put_end(b, j);
	put_proof(b, j);
}

static void put_json_place(struct buf *b, const struct verify_result *r)
{
	if (!r->file)
		return;
	json__put_string(b, "file", r->file);
	if (r->line)
		json__put_u64(b, "line", r->line);
	if (r->seq)
		json__put_u64(b, "seq", r->seq);
}

static void put_json(struct buf *b, const struct job *j)
{
	const struct verify_result *r = &j->result;
	char hex[SEAL_HEX];

	json__open(b, '{');
	json__put_u64(b, "v", 1);
	json__put_bool(b, "ok", r->kind == VERIFY_WHOLE);
	json__put_string(b, "kind", verify_kind_names[r->kind]);
	if (r->kind != VERIFY_WHOLE) {
		put_json_place(b, r);
		json__put_string(b, "message", r->text);
	}
	json__put_u64(b, "records", r->records);
	json__put_u64(b, "segments", r->segments);
	json__put_u64(b, "seals", r->seals);
	if (r->seals) {
		json__put_string(b, "from", r->from);
		json__put_string(b, "to", r->to);
		seal__hex(hex, r->head);
		json__key(b, "head");
		json__bytes(b, hex, sizeof(hex));
	}
	json__put_u64(b, "first_segment", r->first_segment);
	json__put_u64(b, "unsealed", r->unsealed);
	json__put_u64(b, "crashes", r->crashes);
	json__put_bool(b, "running", j->running);
	json__put_bool(b, "stopped", r->stopped && !r->unsealed && !r->torn);
	json__put_bool(b, "sealed_with_key", r->keyed);
	json__put_bool(b, "key_checked", j->config.key && r->seals);
	if (j->config.head && r->head_seen)
		json__put_u64(b, "seals_after_head", r->after_head);
	json__close(b, '}');
	buf__char(b, '\n');
}

static int say(const struct job *j)
{
	struct buf b = { 0 };

	if (j->options->json)
		put_json(&b, j);
	else
		put_text(&b, j);
	if (b.failed) {
		log__error("out of memory");
		return EXIT_FAILED;
	}
	fwrite(b.data, 1, b.len, stdout); /* main() looks whether it was written */
	buf__free(&b);
	return j->result.kind == VERIFY_WHOLE ? EXIT_FINE : EXIT_BROKEN_LOG;
}

/* --- reading --- */

/*
 * The recorder holds a lock on DIR/lock for as long as it runs. Ours is there for a moment only, and
 * shared, so that two verify do not take each other for a recorder.
 */
static bool is_running(const char *dir)
{
	bool held = false;
	char *path;
	int fd;

	if (!dir || asprintf(&path, "%s/lock", dir) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	free(path);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

/* Where the lock of this log is: the directory, or that of the last file. */
static char *directory_of(const char *path, bool is_directory)
{
	const char *slash = strrchr(path, '/');

	if (is_directory)
		return strdup(path);
	if (!strcmp(path, "-"))
		return NULL;
	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A segment with another one after it is written to no more. */
static bool is_last_segment(const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[AUDIT_NAME_MAX];
	uint64_t number;
	int fd, gzipped;
	bool last;

	if (audit__name(slash ? slash + 1 : path, &number) != AUDIT_PLAIN)
		return false;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	last = fd >= 0;
	for (gzipped = 0; last && gzipped < 2; gzipped++) {
		audit_dir__name(name, number + 1, gzipped);
		last = faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	}
	if (fd >= 0)
		close(fd);
	return last;
}

/* What is looked at last may still be written to. */
static bool is_being_written(const struct job *j)
{
	const char *last = j->options->operands[j->options->n_operands - 1];

	return is_running(j->dir) && (j->config.directory || is_last_segment(j->dir, last));
}

static int unreadable(const struct verify_result *r)
{
	if (r->error == -ENOMSG)
		log__error("%s: a directory without segments of an audit log", r->file);
	else
		log__error("%s: %s", r->file, r->text);
	return EXIT_FAILED;
}

static void read_all(struct job *j)
{
	struct audit_problem problem;
	struct audit_line line;
	int ret;

	while (!verify__decided(j->verify) &&
	       (ret = audit_reader__next(j->reader, &line, &problem))) {
		if (ret > 0)
			verify__line(j->verify, &line);
		else
			verify__problem(j->verify, &problem);
	}
}

static int run(struct job *j)
{
	const struct options *o = j->options;
	int code;

	j->dir = directory_of(o->operands[o->n_operands - 1], j->config.directory);
	j->running =
		is_being_written(j); /* before the first file is opened: it may end meanwhile */
	j->reader = audit_reader__new(o->operands, (size_t)o->n_operands);
	j->verify = verify__new(&j->config);
	if (!j->reader || !j->verify) {
		log__error("out of memory");
		return EXIT_FAILED;
	}
	audit_tell__others(j->reader);
	read_all(j);
	j->running |= is_being_written(j);
	verify__end(j->verify, j->running, &j->result);
	if (j->result.kind != VERIFY_UNREADABLE)
		return say(j);
	code = unreadable(&j->result);
	if (o->json)
		say(j);
	return code;
}

/* --- the command line --- */

static int read_key(struct job *j)
{
	const char *path = j->options->key;
	int fd, err;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : seal_key__read(&j->key, fd);
	if (fd >= 0)
		close(fd);
	if (err == -EBADMSG)
		log__error("--key: '%s' is not a key of socklife keygen", path);
	else if (err)
		log__error("--key: '%s' cannot be read: %s", path, log__errno(err));
	j->config.key = err ? NULL : &j->key;
	return err;
}

/* One directory, or files: two directories are two logs. */
static int look_at_operands(struct job *j)
{
	const struct options *o = j->options;
	struct stat st;

	for (int i = 0; i < o->n_operands; i++) {
		const char *path = o->operands[i];
		bool is_dir = strcmp(path, "-") != 0 && !stat(path, &st) && S_ISDIR(st.st_mode);

		if (is_dir && o->n_operands > 1) {
			log__error("verify: '%s' is a directory: give one directory, or files",
				   path);
			return EXIT_USAGE;
		}
		j->config.directory = is_dir;
	}
	return 0;
}

int cmd_verify(struct options *o)
{
	struct job j = { .options = o };
	int code = look_at_operands(&j);

	if (code)
		return code;
	if (o->head && seal__unhex(j.head, o->head))
		j.config.head = j.head;
	code = read_key(&j) ? EXIT_FAILED : 0;
	if (!code) {
		privileges__drop(PRIVILEGES_OFFLINE,
				 privileges__to_read(o->operands, (size_t)o->n_operands));
		code = run(&j);
	}
	verify__free(j.verify);
	audit_reader__free(j.reader);
	free(j.dir);
	seal_key__wipe(&j.key);
	return code;
}
