// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_audit_log.c - a log as the writer thread writes it, without the thread: verify says that it is whole after
 * a clean end, after a crash at any byte, after rotation, packing and retention; and what is refused.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "audit_log.h"
#include "audit_writer.h"
#include "verify.h"

#define SECOND 1000000000ull

static char text[1 << 20];
static char dir[] = "/tmp/socklife-test-XXXXXX";
static struct log_options options;
static struct audit_config config = { .options = &options, .boot_id = "b-1", .host = "h" };
static struct audit_log *audit;

static const char *path_of(const char *name)
{
	static char path[2][512];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int setup(void **state)
{
	(void)state;
	memset(dir + sizeof(dir) - 7, 'X', 6);
	options = (struct log_options){ .dir = dir,
					.rotate_size = 1 << 20,
					.rotate_ns = 3600 * SECOND,
					.seal_ns = SECOND,
					.queue_size = 1 << 20,
					.no_sync = true };
	config.key = NULL;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	(void)state;
	while (d && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlink(path_of(entry->d_name));
	closedir(d);
	return rmdir(dir);
}

/* --- writing --- */

static void open_log(void)
{
	struct audit_error why = { 0 };

	audit = audit_log__open(&config, &why);
	if (!audit)
		fail_msg("%s", why.text);
}

/* A line as the JSON sink makes it for the log. */
static struct audit_item item(enum audit_kind kind, const char *type, const char *own)
{
	static char line[4096];
	int n = snprintf(line, sizeof(line),
			 "\"ts\":\"2026-11-22T23:48:24.000000000Z\",\"boot_ns\":5,\"boot\":\"b-1\","
			 "\"host\":\"h\",\"type\":\"%s\"%s}\n",
			 type, own);

	return (struct audit_item){ .kind = kind, .len = (uint32_t)n, .boot_ns = 5, .line = line };
}

static void segment(void)
{
	struct audit_item i = item(AUDIT_SEGMENT, "segment", ",\"version\":\"0.1\",\"blind\":[]");

	audit_log__segment(audit, &i);
	audit_log__opened(audit);
}

static void record(void)
{
	struct audit_item i = item(AUDIT_RECORD, "bind", ",\"sock\":\"1\"");

	audit_log__record(audit, &i);
}

static void records(int n)
{
	while (n--)
		record();
	audit_log__flush(audit);
}

/* As if it were later. */
static void seal_now(void)
{
	uint64_t every = options.seal_ns;

	options.seal_ns = 0;
	audit_log__keep_time(audit);
	options.seal_ns = every;
}

static void end_log(void)
{
	struct audit_item i = item(AUDIT_STOP, "stop", ",\"events\":{}");

	assert_int_equal(audit_log__end(audit, &i), 0);
	audit_log__free(audit);
}

/* --- reading --- */

static struct verify_result check(const struct seal_key *key, bool running)
{
	struct verify_config c = { .key = key, .directory = true };
	struct verify *v = verify__new(&c);
	char *const paths[] = { dir };
	struct audit_reader *r = audit_reader__new(paths, 1);
	struct audit_problem problem;
	struct verify_result result;
	struct audit_line line;
	int got;

	while ((got = audit_reader__next(r, &line, &problem)))
		if (got > 0)
			verify__line(v, &line);
		else
			verify__problem(v, &problem);
	verify__end(v, running, &result);
	verify__free(v);
	audit_reader__free(r);
	return result;
}

static struct verify_result want(enum verify_kind kind)
{
	struct verify_result r = check(NULL, false);

	if (r.kind != kind)
		fail_msg("%s, not %s: line %d: %s", verify_kind_names[r.kind],
			 verify_kind_names[kind], (int)r.line, r.text);
	return r;
}

static bool exists(const char *name)
{
	return !access(path_of(name), F_OK);
}

static size_t read_all(const char *name, char *buf, size_t max)
{
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, max - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	if (fd >= 0)
		close(fd);
	return (size_t)n;
}

static void write_all(const char *name, const char *buf, size_t n)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_int_equal(write(fd, buf, n), n);
	close(fd);
}

/* --- a clean life --- */

static void whole_and_stopped(void **state)
{
	struct verify_result r;
	struct stat st;

	(void)state;
	open_log();
	assert_true(audit_log__past(audit)->clean);
	assert_int_equal(audit_log__past(audit)->last_ns, 0);
	segment();
	records(10);
	seal_now();
	records(5);
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.records, 1 + 10 + 1 + 5 + 1 + 1);
	assert_int_equal(r.seals, 2);
	assert_int_equal(r.segments, 1);
	assert_true(r.stopped);
	read_all("socklife-000001.ndjson", text, sizeof(text));
	assert_memory_equal(text, "{\"v\":1,\"seq\":1,\"ts\":\"", 21);
	assert_non_null(strstr(text, ",\"blind\":[],\"segment\":1,\"prev\":\"00000000"));
	assert_non_null(strstr(text, "0000\",\"seals\":0}\n{\"v\":1,\"seq\":2,"));
	assert_null(strstr(text, "\"lost\""));
	assert_int_equal(stat(path_of("socklife-000001.ndjson"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640 & ~umask(umask(022)));
	assert_true(st.st_blocks * 512 < 65536); /* what was allocated in advance is given back */
}

static void goes_on_after_a_stop(void **state)
{
	struct verify_result r;

	(void)state;
	open_log();
	segment();
	end_log();
	open_log();
	assert_true(audit_log__past(audit)->clean);
	assert_int_equal(audit_log__past(audit)->seq, 3);
	assert_true(audit_log__past(audit)->last_ns > 0);
	segment();
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.segments, 2);
	assert_int_equal(r.records, 6);
	read_all("socklife-000002.ndjson", text, sizeof(text));
	assert_null(strstr(text, "crash"));
	assert_non_null(strstr(text, "\"seq\":4,"));
	assert_non_null(strstr(text, "\"seals\":1}"));
}

/* Opened and never told a segment: nothing stays behind. */
static void nothing_was_written(void **state)
{
	(void)state;
	open_log();
	assert_true(exists("socklife-000001.ndjson"));
	audit_log__free(audit);
	assert_false(exists("socklife-000001.ndjson"));
}

static void sealed_each_10000_records(void **state)
{
	struct verify_result r;
	int i;

	(void)state;
	open_log();
	segment();
	for (i = 0; i < 30000; i++) {
		struct audit_item it = item(AUDIT_RECORD, "bind", "");

		if (audit_log__record(audit, &it))
			continue;
		audit_log__flush(audit);
		audit_log__keep_time(audit);
	}
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.seals, 4);
	assert_int_equal(r.records, 1 + 30000 + 1 + 4);
}

/* --- segments --- */

static void pack_all(void)
{
	while (audit_log__pack(audit))
		;
}

static void rotated_and_packed(void **state)
{
	char name[AUDIT_NAME_MAX];
	struct verify_result r;
	int i;

	(void)state;
	open_log();
	segment();
	for (i = 0; i < 5; i++) {
		records(100);
		segment();
	}
	pack_all();
	assert_int_equal(audit_log__status(audit)->gzip, 0);
	for (i = 1; i <= 5; i++) {
		audit_dir__name(name, (uint64_t)i, true);
		assert_true(exists(name));
		audit_dir__name(name, (uint64_t)i, false);
		assert_false(exists(name));
	}
	assert_true(exists("socklife-000006.ndjson"));
	r = check(NULL, true); /* while it is being written */
	assert_int_equal(r.kind, VERIFY_WHOLE);
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.segments, 6);
	assert_int_equal(r.records, 6 + 500 + 1 + 6);
}

/* By size, once; not while the beginning is being told; and a large beginning makes a large segment. */
static void asks_for_the_next(void **state)
{
	struct audit_item begin = item(AUDIT_SEGMENT, "segment", ",\"blind\":[]");
	int n;

	(void)state;
	options.rotate_size = 64 << 10;
	open_log();
	audit_log__segment(audit, &begin);
	records(1000);
	assert_false(audit_log__keep_time(audit));
	audit_log__opened(audit);
	for (n = 0; !audit_log__keep_time(audit); n++) {
		assert_true(n < 1100);
		records(1);
	}
	assert_true(n > 900);
	assert_false(audit_log__keep_time(audit));
	segment();
	records(100);
	assert_false(audit_log__keep_time(audit));
	records(1000);
	assert_true(audit_log__keep_time(audit));
	options.rotate_ns = 0;
	segment();
	assert_true(audit_log__keep_time(audit)); /* by time */
	end_log();
	want(VERIFY_WHOLE);
}

static void kept_by_size(void **state)
{
	struct verify_result r;
	int i;

	(void)state;
	options.keep_size = 64 << 10;
	open_log();
	for (i = 0; i < 20; i++) {
		segment();
		records(100);
		seal_now();
		assert_int_equal(check(NULL, true).kind, VERIFY_WHOLE);
	}
	assert_false(exists("socklife-000012.ndjson"));
	assert_true(exists("socklife-000019.ndjson"));
	end_log();
	r = want(VERIFY_WHOLE);
	assert_true(r.segments >= 3 && r.segments <= 6);
	assert_int_equal(r.retention, r.first_segment - 1);
	read_all("socklife-000020.ndjson", text, sizeof(text));
	assert_non_null(strstr(text, "\"reason\":\"retention\",\"count\":10"));
}

static int retention_told(void)
{
	const char *p;
	char name[64];
	int i, n = 0;

	for (i = 1; i <= 40; i++) {
		snprintf(name, sizeof(name), "socklife-%06d.ndjson", i);
		read_all(name, text, sizeof(text));
		for (p = text; (p = strstr(p, "\"reason\":\"retention\"")); p++)
			n++;
	}
	return n;
}

static void fill_segments(int n)
{
	while (n--) {
		segment();
		records(100);
		seal_now();
	}
}

/* A segment that cannot be removed is told to go once, and goes as soon as it can; a directory stands for it. */
static void oldest_stays(void **state)
{
	(void)state;
	options.keep_size = 64 << 10;
	open_log();
	fill_segments(2);
	assert_int_equal(rename(path_of("socklife-000001.ndjson"), path_of("aside")), 0);
	assert_int_equal(mkdir(path_of("socklife-000001.ndjson"), 0700), 0);
	fill_segments(18);
	assert_int_equal(audit_log__status(audit)->keep, -EISDIR);
	assert_true(exists("socklife-000002.ndjson"));
	assert_int_equal(rmdir(path_of("socklife-000001.ndjson")), 0);
	assert_int_equal(retention_told(), 1);
	assert_int_equal(rename(path_of("aside"), path_of("socklife-000001.ndjson")), 0);
	fill_segments(1);
	assert_int_equal(audit_log__status(audit)->keep, 0);
	assert_false(exists("socklife-000001.ndjson"));
	assert_false(exists("socklife-000012.ndjson"));
	end_log();
	want(VERIFY_WHOLE);
}

static void kept_by_time(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	options.keep_ns = 60 * SECOND;
	open_log();
	segment();
	segment();
	pack_all();
	seal_now();
	assert_true(exists("socklife-000001.ndjson.gz"));
	end_log();
	assert_int_equal(utimensat(AT_FDCWD, path_of("socklife-000001.ndjson.gz"), old, 0), 0);
	open_log();
	segment();
	records(1);
	seal_now();
	assert_false(exists("socklife-000001.ndjson.gz"));
	assert_true(exists("socklife-000002.ndjson"));
	end_log();
	want(VERIFY_WHOLE);
}

/* --- crashes --- */

/* Without a stop, whatever was there: the next one goes on, and it is told. */
static void goes_on_after_a_crash(void **state)
{
	struct verify_result r;

	(void)state;
	open_log();
	segment();
	records(10);
	seal_now();
	records(7);
	audit_log__free(audit);
	assert_int_equal(check(NULL, false).kind, VERIFY_CUT);
	assert_int_equal(check(NULL, false).unsealed, 7);
	open_log();
	assert_false(audit_log__past(audit)->clean);
	assert_int_equal(audit_log__past(audit)->unsealed, 7);
	assert_int_equal(audit_log__past(audit)->torn, 0);
	segment();
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.segments, 2);
	read_all("socklife-000001.ndjson", text, sizeof(text));
	assert_non_null(strstr(text, "\"records\":7,\"index\":2,\"end\":true"));
	read_all("socklife-000002.ndjson", text, sizeof(text));
	assert_non_null(strstr(text, "\"seq\":22,\"ts\":\""));
	assert_non_null(
		strstr(text, "\"type\":\"lost\",\"reason\":\"crash\",\"count\":0,\"from\":\"2"));
	assert_null(strstr(text, "torn_bytes"));
}

/*
 * Cut at every byte of the last block, as a power cut might: what is whole stays, the rest is kept aside, and
 * the log is whole again afterwards.
 */
static void torn_anywhere(void **state)
{
	struct verify_result r;
	size_t n, cut, sealed, torn;
	static char whole[65536];

	(void)state;
	open_log();
	segment();
	records(3);
	seal_now();
	sealed = read_all("socklife-000001.ndjson", whole, sizeof(whole));
	records(2);
	seal_now();
	audit_log__free(audit);
	n = read_all("socklife-000001.ndjson", whole, sizeof(whole));
	for (cut = 0; cut <= n; cut += cut < sealed - 20 || cut > sealed + 200 ? 13 : 1) {
		write_all("socklife-000001.ndjson", whole, cut);
		open_log();
		torn = audit_log__past(audit)->torn;
		assert_true(torn <= cut && torn < 600);
		if (torn) {
			assert_int_equal(read_all(audit_log__past(audit)->torn_name, text,
						  sizeof(text)),
					 torn);
			assert_memory_equal(text, whole + cut - torn, torn);
			assert_int_equal(unlink(path_of(audit_log__past(audit)->torn_name)), 0);
		} else {
			assert_true(!cut || whole[cut - 1] == '\n');
		}
		segment();
		end_log();
		r = want(VERIFY_WHOLE);
		assert_int_equal(r.segments, cut - torn ? 2 : 1);
		unlink(path_of("socklife-000002.ndjson"));
		unlink(path_of("socklife-000001.ndjson"));
	}
}

/* Blocks of zeros where the file system had not written the data yet. */
static void zeros_at_the_end(void **state)
{
	static char whole[65536];
	size_t n;

	(void)state;
	open_log();
	segment();
	seal_now();
	records(5);
	audit_log__free(audit);
	n = read_all("socklife-000001.ndjson", whole, sizeof(whole));
	memset(whole + n - 250, 0, 100);
	write_all("socklife-000001.ndjson", whole, n);
	open_log();
	assert_in_range(audit_log__past(audit)->torn, 250, 400);
	assert_in_range(audit_log__past(audit)->unsealed, 1, 3);
	segment();
	end_log();
	want(VERIFY_WHOLE);
	assert_true(exists("socklife-000001.torn-1"));
	read_all("socklife-000002.ndjson", text, sizeof(text));
	assert_non_null(strstr(text, "\"torn_bytes\":"));
}

/* What is broken before a seal was whole when it was sealed: nothing is cut, verify says it. */
static void broken_before_a_seal(void **state)
{
	static char whole[65536];
	size_t n;

	(void)state;
	open_log();
	segment();
	records(5);
	seal_now();
	records(2);
	seal_now();
	audit_log__free(audit);
	n = read_all("socklife-000001.ndjson", whole, sizeof(whole));
	strstr(whole, "bind")[0] = '\0';
	write_all("socklife-000001.ndjson", whole, n);
	open_log();
	assert_int_equal(audit_log__past(audit)->torn, 0);
	assert_int_equal(audit_log__past(audit)->seals, 2);
	segment();
	end_log();
	assert_int_equal(check(NULL, false).kind, VERIFY_CHANGED);
}

/* Crash after crash, each before its first seal, some before the first line. */
static void crash_after_crash(void **state)
{
	struct verify_result r;
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		open_log();
		if (i != 3)
			segment();
		records(i == 3 ? 0 : i);
		if (i == 4)
			write_all("socklife-000099.ndjson", "", 0);
		audit_log__free(audit);
	}
	open_log();
	segment();
	end_log();
	r = want(VERIFY_WHOLE);
	assert_int_equal(r.segments, 6);
}

/* Ended while it packed. */
static void half_packed(void **state)
{
	char packed[65536];
	size_t n;

	(void)state;
	open_log();
	segment();
	records(100);
	n = read_all("socklife-000001.ndjson", text, sizeof(text));
	segment();
	n = read_all("socklife-000001.ndjson", text, sizeof(text));
	pack_all();
	end_log();
	assert_true(read_all("socklife-000001.ndjson.gz", packed, sizeof(packed)) > 100);
	write_all("socklife-000001.ndjson", text, n); /* renamed, the plain one not removed yet */
	write_all(".socklife-000002.ndjson.gz", "half", 4);
	open_log();
	assert_false(exists("socklife-000001.ndjson.gz"));
	assert_false(exists(".socklife-000002.ndjson.gz"));
	segment();
	pack_all();
	end_log();
	assert_true(exists("socklife-000001.ndjson.gz"));
	assert_true(exists("socklife-000002.ndjson.gz"));
	want(VERIFY_WHOLE);
}

/* --- keys --- */

static void write_key(const struct seal_key *key)
{
	char line[SEAL_KEY_TEXT];

	write_all("lock.key", line, seal_key__text(key, line));
}

static void sealed_with_a_key(void **state)
{
	struct seal_key key = { .index = 1, .bytes = { 7 } }, now, old;
	struct verify_result r;
	char name[512];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s", path_of("lock.key"));
	config.key = name;
	write_key(&key);
	open_log();
	assert_false(audit_log__key_ahead(audit));
	segment();
	records(5);
	fd = open(name, O_RDONLY);
	assert_int_equal(seal_key__read(&old, fd), 0);
	seal_now();
	assert_int_equal(seal_key__read(&now, fd), 0);
	assert_int_equal(now.index, 2);
	records(5);
	audit_log__free(audit);
	write_key(&old); /* the crash came between the seal and the key */
	open_log();
	assert_false(audit_log__key_ahead(audit));
	segment();
	end_log();
	close(fd);
	fd = open(name, O_RDONLY);
	assert_int_equal(seal_key__read(&now, fd), 0);
	assert_int_equal(now.index, 4);
	now.index += 5; /* of another log */
	write_key(&now);
	open_log();
	assert_true(audit_log__key_ahead(audit));
	audit_log__free(audit);
	close(fd);
	unlink(name);
	r = check(&key, false);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_true(r.keyed);
	assert_int_equal(r.seals, 3);
}

static int key_descriptor(const char *name)
{
	char link[64], target[512];
	ssize_t n;
	int fd;

	for (fd = 3; fd < 100; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (n > 0 && !strcmp(target, name))
			return fd;
	}
	fail_msg("the key is not open");
	return -1;
}

/* A segment whose last seal is written has ended, also where the key could not follow. */
static void key_cannot_be_written(void **state)
{
	struct seal_key key = { .index = 1, .bytes = { 7 } };
	char name[512];
	int fd, full;

	(void)state;
	options.drop_oldest = true;
	snprintf(name, sizeof(name), "%s", path_of("lock.key"));
	config.key = name;
	write_key(&key);
	open_log();
	segment();
	records(5);
	fd = key_descriptor(name);
	full = open("/dev/full", O_RDWR);
	assert_int_equal(dup2(full, fd), fd);
	segment();
	assert_int_equal(audit_log__status(audit)->error, -ENOSPC);
	record();
	close(full);
	full = open(name, O_RDWR);
	assert_int_equal(dup2(full, fd), fd);
	close(full);
	usleep(1100000);
	audit_log__ready(audit);
	assert_int_equal(audit_log__status(audit)->error, 0);
	records(5);
	end_log();
	unlink(name);
	assert_int_equal(check(&key, false).kind, VERIFY_WHOLE);
	assert_true(exists("socklife-000002.ndjson"));
	read_all("socklife-000002.ndjson", text, sizeof(text));
	assert_non_null(strstr(text, "\"reason\":\"disk\",\"count\":1"));
}

/* --- what is refused --- */

static void want_refused(const char *word)
{
	struct audit_error why = { 0 };

	if (audit_log__open(&config, &why))
		fail_msg("it was opened");
	if (!strstr(why.text, word))
		fail_msg("no '%s' in '%s'", word, why.text);
}

static void locked(void **state)
{
	char pid[32];

	(void)state;
	open_log();
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	want_refused(pid);
	audit_log__free(audit);
	open_log();
	audit_log__free(audit);
}

static void refused(void **state)
{
	(void)state;
	options.dir = "/tmp/no/such/dir";
	want_refused("'/tmp/no/such/dir' cannot be made: ENOENT");
	options.dir = "/dev/null";
	want_refused("ENOTDIR");
	options.dir = dir;
	config.key = "/tmp/no/such/key";
	want_refused("ENOENT");
	config.key = "/dev/null";
	want_refused("is not a key");
	config.key = NULL;
	/* what is no file is not followed and not written to */
	assert_int_equal(symlink("/etc/passwd", path_of("socklife-000001.ndjson")), 0);
	want_refused(
		"socklife-000001.ndjson' cannot be a segment of this log: it is a symbolic link");
	unlink(path_of("socklife-000001.ndjson"));
	unlink(path_of("lock"));
	assert_int_equal(symlink("/tmp/other", path_of("lock")), 0);
	want_refused("ELOOP");
}

/* Files that are not ours stay as they are. */
static void foreign_files(void **state)
{
	static const char *const names[] = { "notes", "socklife-1.ndjson", "socklife-000001.json",
					     ".socklife" };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		write_all(names[i], "x", 1);
	open_log();
	segment();
	end_log();
	for (i = 0; i < 4; i++) {
		assert_int_equal(read_all(names[i], text, sizeof(text)), 1);
		unlink(path_of(names[i]));
	}
	want(VERIFY_WHOLE);
}

static void makes_its_directory(void **state)
{
	char name[600];
	struct stat st;

	(void)state;
	snprintf(name, sizeof(name), "%s/log", dir);
	options.dir = name;
	open_log();
	audit_log__free(audit);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750 & ~umask(umask(022)));
	unlink(path_of("log/lock"));
	assert_int_equal(rmdir(name), 0);
}

/* --- the thread --- */

/* Everything that goes in comes out, or is counted. */
static void behind_the_queue(void **state)
{
	struct audit_writer *w;
	struct audit_item i = item(AUDIT_SEGMENT, "segment", ",\"blind\":[]");
	struct verify_result r;
	struct lost lost = { 0 };
	uint64_t told = 0;
	int n;

	(void)state;
	open_log();
	w = audit_writer__new(audit, options.queue_size);
	assert_int_equal(audit_writer__start(w), 0);
	audit_writer__put(w, AUDIT_SEGMENT, 5, i.line, i.len);
	audit_writer__put(w, AUDIT_OPENED, 5, NULL, 0);
	i = item(AUDIT_RECORD, "bind", "");
	for (n = 0; n < 100000; n++) {
		audit_writer__put(w, AUDIT_RECORD, (uint64_t)n, i.line, i.len);
		if (n % 500 == 0)
			audit_writer__publish(w);
		if (n % 500 == 0 && audit_writer__overflow(w, &lost)) {
			told += lost.count;
			assert_int_equal(lost.reason, LOST_QUEUE);
			assert_true(lost.from_ns <= lost.to_ns && lost.to_ns <= (uint64_t)n);
		}
	}
	audit_writer__publish(w);
	audit_writer__settle(w, 10000);
	if (audit_writer__overflow(w, &lost))
		told += lost.count;
	assert_int_equal(audit_writer__finish(w), 0);
	audit_writer__free(w);
	audit_log__free(audit);
	r = check(NULL, true);
	assert_int_equal(r.kind, VERIFY_WHOLE);
	assert_int_equal(r.records - r.seals - 1 + told, 100000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_and_stopped),
		TEST(goes_on_after_a_stop),
		TEST(nothing_was_written),
		TEST(sealed_each_10000_records),
		TEST(rotated_and_packed),
		TEST(asks_for_the_next),
		TEST(kept_by_size),
		TEST(oldest_stays),
		TEST(kept_by_time),
		TEST(goes_on_after_a_crash),
		TEST(torn_anywhere),
		TEST(zeros_at_the_end),
		TEST(broken_before_a_seal),
		TEST(crash_after_crash),
		TEST(half_packed),
		TEST(sealed_with_a_key),
		TEST(key_cannot_be_written),
		TEST(locked),
		TEST(refused),
		TEST(foreign_files),
		TEST(makes_its_directory),
		TEST(behind_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
