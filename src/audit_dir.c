// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_dir.c - makes and locks the log's directory, numbers its segments, and mends what a recorder that was
 * killed left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "array.h"
#include "audit_dir.h"
#include "audit_file.h"
#include "audit_reader.h"
#include "log.h"

#define DIR_MODE 0750
#define TORN_MAX 1000 /* torn tails of one segment that are kept */

#define WHY(why, ...) snprintf((why)->text, sizeof((why)->text), __VA_ARGS__)

struct audit_dir {
	char *path;
	int fd, lock;
	struct audit_segment *segments;
	size_t n, room;
	uint64_t sealed_to; /* how far the last one is sealed, once recovered */
};

/* --- the directory --- */

static int open_dir(const char *path, struct audit_error *why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (mkdir(path, DIR_MODE) && errno != EEXIST) {
			WHY(why, "--dir: '%s' cannot be made: %s", path, log__errno(errno));
			return -errno;
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd >= 0)
		return fd;
	WHY(why, "--dir: '%s' cannot be opened: %s", path, log__errno(errno));
	return -errno;
}

/* The lock is the process's: it goes with it, however it ends. The number in it is for people. */
static int take_lock(struct audit_dir *d, struct audit_error *why)
{
	char text[32] = { 0 };
	ssize_t n;

	d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, AUDIT_FILE_MODE);
	if (d->lock < 0) {
		WHY(why, "--dir: '%s/lock' cannot be opened: %s", d->path, log__errno(errno));
		return -errno;
	}
	if (!flock(d->lock, LOCK_EX | LOCK_NB)) {
		n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
		fchmod(d->lock, AUDIT_FILE_MODE);
		/* a full disk must not keep it from going on: the lock holds without */
		if (!ftruncate(d->lock, 0) && pwrite(d->lock, text, (size_t)n, 0) != n)
			return 0;
		return 0;
	}
	if (errno != EWOULDBLOCK) {
		WHY(why, "--dir: '%s' cannot be locked: %s", d->path, log__errno(errno));
		return -errno;
	}
	n = pread(d->lock, text, sizeof(text) - 1, 0);
	text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
	WHY(why, "--dir: '%s' is being written by another recorder (pid %s)", d->path,
	    *text ? text : "not known");
	return -EBUSY;
}

void audit_dir__name(char name[AUDIT_NAME_MAX], uint64_t number, bool gzipped)
{
	snprintf(name, AUDIT_NAME_MAX, "socklife-%06" PRIu64 ".ndjson%s", number,
		 gzipped ? ".gz" : "");
}

/* What is read, cut and deleted must be a file of ours. */
static int check_file(const struct audit_dir *d, const char *name, struct stat *st)
{
	if (fstatat(d->fd, name, st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return S_ISLNK(st->st_mode) ? -ELOOP : -EINVAL;
	return st->st_uid == geteuid() ? 0 : -EPERM;
}

static int add_segment(struct audit_dir *d, const struct audit_segment *s)
{
	struct audit_segment *list = array__grown(d->segments, d->n, &d->room, 64, sizeof(*list));

	if (!list)
		return -ENOMEM;
	d->segments = list;
	d->segments[d->n++] = *s;
	return 0;
}

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

static int by_number(const void *a, const void *b)
{
	const struct audit_segment *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->gzipped - y->gzipped;
}

/* A gzip that was not finished: the plain file is still there. */
static bool is_half_done(const char *name)
{
	uint64_t number;

	return *name == '.' && audit__name(name + 1, &number) == AUDIT_GZIP;
}

static int look_at(struct audit_dir *d, const char *name, struct audit_error *why)
{
	struct audit_segment s = { 0 };
	enum audit_name kind = audit__name(name, &s.number);
	struct stat st;
	int err;

	if (is_half_done(name))
		unlinkat(d->fd, name, 0);
	if (kind != AUDIT_PLAIN && kind != AUDIT_GZIP)
		return 0;
	err = check_file(d, name, &st);
	if (err) {
		WHY(why, "--dir: '%s/%s' cannot be a segment of this log: %s", d->path, name,
		    err == -EPERM  ? "it belongs to another user" :
		    err == -ELOOP  ? "it is a symbolic link" :
		    err == -EINVAL ? "it is not a regular file" :
				     log__errno(err));
		return err;
	}
	s.size = (uint64_t)st.st_size;
	s.written_ns = ns_of(&st.st_mtim);
	s.gzipped = kind == AUDIT_GZIP;
	return add_segment(d, &s);
}

static void forget(struct audit_dir *d, size_t i)
{
	memmove(&d->segments[i], &d->segments[i + 1], (d->n - i - 1) * sizeof(*d->segments));
	d->n--;
}

static int list_segments(struct audit_dir *d, struct audit_error *why)
{
	char name[AUDIT_NAME_MAX];
	struct dirent *entry;
	int fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t i;

	if (!dir) {
		err = -errno;
		WHY(why, "--dir: '%s' cannot be read: %s", d->path, log__errno(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	rewinddir(dir);
	while (!err && (entry = readdir(dir)))
		err = look_at(d, entry->d_name, why);
	closedir(dir);
	if (err == -ENOMEM)
		WHY(why, "out of memory");
	if (err || !d->n)
		return err;
	qsort(d->segments, d->n, sizeof(*d->segments), by_number);
	/* both: it ended between the two; the plain one is the original */
	for (i = 0; i + 1 < d->n; i++) {
		if (d->segments[i].number != d->segments[i + 1].number)
			continue;
		audit_dir__name(name, d->segments[i].number, true);
		unlinkat(d->fd, name, 0);
		forget(d, i + 1);
	}
	return 0;
}

struct audit_dir *audit_dir__open(const char *path, struct audit_error *why)
{
	struct audit_dir *d = calloc(1, sizeof(*d));

	WHY(why, "out of memory");
	if (!d)
		return NULL;
	d->fd = d->lock = -1;
	d->path = strdup(path);
	if (!d->path)
		goto fail;
	d->fd = open_dir(path, why);
	if (d->fd < 0 || take_lock(d, why) || list_segments(d, why))
		goto fail;
	return d;
fail:
	audit_dir__free(d);
	return NULL;
}

void audit_dir__free(struct audit_dir *d)
{
	if (!d)
		return;
	if (d->lock >= 0)
		close(d->lock);
	if (d->fd >= 0)
		close(d->fd);
	free(d->segments);
	free(d->path);
	free(d);
}

int audit_dir__fd(const struct audit_dir *d)
{
	return d->fd;
}

int audit_dir__sync(const struct audit_dir *d)
{
	return fsync(d->fd) ? -errno : 0;
}

int audit_dir__create(const struct audit_dir *d, uint64_t number)
{
	char name[AUDIT_NAME_MAX];

	audit_dir__name(name, number, false);
	return audit_file__create(d->fd, name, O_RDWR);
}

int audit_dir__reopen(const struct audit_dir *d)
{
	char name[AUDIT_NAME_MAX];
	int fd;

	audit_dir__name(name, d->segments[d->n - 1].number, false);
	fd = openat(d->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int audit_dir__ended(struct audit_dir *d, uint64_t number, uint64_t size)
{
	struct audit_segment s = { .number = number, .size = size };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	s.written_ns = ns_of(&now);
	return add_segment(d, &s);
}

struct audit_segment *audit_dir__segment(struct audit_dir *d, size_t i)
{
	return i < d->n ? &d->segments[i] : NULL;
}

uint64_t audit_dir__size(const struct audit_dir *d)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < d->n; i++)
		size += d->segments[i].size;
	return size;
}

int audit_dir__remove_oldest(struct audit_dir *d)
{
	char name[AUDIT_NAME_MAX];

	if (!d->n)
		return -ENOENT;
	audit_dir__name(name, d->segments[0].number, d->segments[0].gzipped);
	if (unlinkat(d->fd, name, 0) && errno != ENOENT)
		return -errno;
	forget(d, 0);
	return 0;
}

/* --- reading what is there --- */

static struct audit_reader *read_segment(const struct audit_dir *d, size_t i, char **path)
{
	char name[AUDIT_NAME_MAX];
	struct audit_reader *r;

	audit_dir__name(name, d->segments[i].number, d->segments[i].gzipped);
	if (asprintf(path, "%s/%s", d->path, name) < 0) {
		*path = NULL;
		return NULL;
	}
	r = audit_reader__new(path, 1);
	if (!r) {
		free(*path);
		*path = NULL;
	}
	return r;
}

static int64_t time_of(const char *ts)
{
	char text[AUDIT_TS + 1] = { 0 };
	struct tm tm = { 0 };

	memcpy(text, ts, AUDIT_TS);
	if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return timegm(&tm) * 1000000000ll + strtol(text + 20, NULL, 10);
}

int audit_dir__first(struct audit_dir *d, size_t i, struct audit_first *first)
{
	struct audit_problem problem;
	struct audit_reader *r;
	struct audit_head head;
	struct audit_line line;
	int err = -EBADMSG, got;
	char *path;

	r = read_segment(d, i, &path);
	if (!r)
		return -ENOMEM;
	got = audit_reader__next(r, &line, &problem);
	if (got < 0) {
		err = problem.error;
	} else if (got && audit__head(line.data, line.len, &head) && audit__is(&head, "segment")) {
		*first = (struct audit_first){ .seq = head.seq, .ns = time_of(head.ts) };
		err = 0;
	}
	audit_reader__free(r);
	free(path);
	return err;
}

/* How far a segment is whole. */
struct tail {
	uint64_t seq; /* of the last whole record */
	int64_t last_ns;
	uint64_t whole;     /* bytes of whole records; what follows is torn */
	bool torn;          /* there is something */
	uint64_t seals;     /* up to here, in the whole log */
	uint64_t sealed_to; /* bytes */
	uint64_t unsealed;  /* records behind that */
	uint8_t head[SEAL_HASH];
	bool keyed;   /* that seal has a mac */
	bool ended;   /* by a seal that says so */
	bool stopped; /* the last record that is no seal is a stop */
};

/* The hash that is a field of a line. */
static bool hash_of(const struct audit_line *l, const char *key, uint8_t hash[SEAL_HASH])
{
	const char *hex;
	size_t n;

	return audit__string(l->data, l->len, key, &hex, &n) && n == SEAL_HEX &&
	       seal__unhex(hash, hex);
}

static void take_line(struct tail *t, const struct audit_line *l, const struct audit_head *head)
{
	t->seq = head->seq;
	t->last_ns = time_of(head->ts);
	t->whole = l->offset + l->len;
	t->unsealed++;
	t->ended = false;
	if (audit__is(head, "seal") && audit__u64(l->data, l->len, "index", &t->seals) &&
	    hash_of(l, "sha256", t->head)) {
		t->sealed_to = t->whole;
		t->unsealed = 0;
		t->keyed = memmem(l->data, l->len, ",\"mac\":\"", 8);
		t->ended = memmem(l->data, l->len, ",\"end\":true,", 12);
		return;
	}
	t->stopped = audit__is(head, "stop");
	if (audit__is(head, "segment") && hash_of(l, "prev", t->head) &&
	    !audit__u64(l->data, l->len, "seals", &t->seals))
		t->seals = 0;
}

static bool is_whole(const struct audit_line *l, struct audit_head *head, uint64_t last_seq)
{
	return !l->torn && l->len > 2 && l->data[l->len - 2] == '}' &&
	       audit__head(l->data, l->len, head) && (!last_seq || head->seq == last_seq + 1);
}

/*
 * Where whole records end. What is broken before a seal was whole when it was sealed: that is for verify to
 * say, nothing is cut there.
 */
static int read_tail(struct audit_dir *d, size_t i, struct tail *t, struct audit_error *why)
{
	struct audit_problem problem;
	struct audit_reader *r;
	struct audit_head head;
	struct audit_line line;
	bool seal;
	char *path;
	int got;

	*t = (struct tail){ 0 };
	r = read_segment(d, i, &path);
	if (!r) {
		WHY(why, "out of memory");
		return -ENOMEM;
	}
	while ((got = audit_reader__next(r, &line, &problem))) {
		if (got < 0) {
			if (problem.error != -EFBIG)
				break;
			t->torn = true;
			continue;
		}
		seal = is_whole(&line, &head, 0) && audit__is(&head, "seal");
		if (!seal && (t->torn || !is_whole(&line, &head, t->seq))) {
			t->torn = true;
			continue;
		}
		if (seal)
			t->torn = false;
		take_line(t, &line, &head);
	}
	if (got < 0)
		WHY(why, "%s cannot be read: %s", path, log__errno(problem.error));
	audit_reader__free(r);
	free(path);
	return got < 0 ? problem.error : 0;
}

/* --- what is torn --- */

static int copy_rest(int from, int to, uint64_t offset)
{
	char buf[65536];
	ssize_t n;

	while ((n = pread(from, buf, sizeof(buf), (off_t)offset)) > 0) {
		if (write(to, buf, (size_t)n) != n)
			return errno ? -errno : -EIO;
		offset += (uint64_t)n;
	}
	if (n < 0 || fsync(to))
		return -errno;
	return 0;
}

/* A new file beside it; its name goes to `name`. */
static int create_torn(struct audit_dir *d, uint64_t number, char name[AUDIT_NAME_MAX])
{
	int fd = -EEXIST, i;

	for (i = 1; i <= TORN_MAX && fd == -EEXIST; i++) {
		snprintf(name, AUDIT_NAME_MAX, "socklife-%06" PRIu64 ".torn-%d", number, i);
		fd = audit_file__create(d->fd, name, O_WRONLY);
	}
	return fd;
}

/* First the copy, then the cut: whenever it ends in between, nothing is gone. */
static int cut_off(struct audit_dir *d, const struct tail *t, struct audit_past *past,
		   struct audit_error *why)
{
	struct audit_segment *s = &d->segments[d->n - 1];
	int fd, torn = -1, err;
	char name[AUDIT_NAME_MAX];

	audit_dir__name(name, s->number, s->gzipped);
	errno = 0;
	fd = openat(d->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	if (!err && s->size > t->whole) {
		torn = create_torn(d, s->number, past->torn_name);
		err = torn < 0 ? torn : copy_rest(fd, torn, t->whole);
		if (torn >= 0 && err)
			unlinkat(d->fd, past->torn_name, 0);
	}
	if (!err && (ftruncate(fd, (off_t)t->whole) || fsync(fd)))
		err = -errno;
	if (!err && !t->whole && unlinkat(d->fd, name, 0))
		err = -errno;
	if (!err)
		err = audit_dir__sync(d);
	if (torn >= 0)
		close(torn);
	if (fd >= 0)
		close(fd);
	if (err) {
		WHY(why, "the torn end of '%s/%s' cannot be cut off: %s", d->path, name,
		    log__errno(err));
		return err;
	}
	past->torn += s->size - t->whole;
	s->size = t->whole;
	d->n -= !t->whole;
	return 0;
}

/* A log that is keyed in part only is one that verify takes for tampered with. */
static int check_keyed(const struct audit_dir *d, const struct tail *t, bool keyed,
		       struct audit_error *why)
{
	if (!t->sealed_to || t->keyed == keyed)
		return 0;
	if (keyed)
		WHY(why,
		    "--key: the log in '%s' is sealed without a key: begin another --dir with it",
		    d->path);
	else
		WHY(why, "--dir: the log in '%s' is sealed with a key: give it with --key",
		    d->path);
	return -EKEYREJECTED;
}

/* The last segment, as far as it is whole; one with no whole record never was one. */
static int recover_last(struct audit_dir *d, bool keyed, struct tail *t, struct audit_past *past,
			struct audit_error *why)
{
	int err;

	for (;;) {
		*t = (struct tail){ 0 };
		if (!d->n)
			return 0;
		err = read_tail(d, d->n - 1, t, why);
		if (!err)
			err = check_keyed(d, t, keyed, why);
		if (err)
			return err;
		if (d->segments[d->n - 1].gzipped || (t->whole && !t->torn))
			return 0;
		err = cut_off(d, t, past, why);
		if (err || t->whole)
			return err;
	}
}

int audit_dir__recover(struct audit_dir *d, bool keyed, struct audit_past *past,
		       struct audit_error *why)
{
	struct tail t;
	int err;

	*past = (struct audit_past){ 0 };
	err = recover_last(d, keyed, &t, past, why);
	if (err)
		return err;
	if (!d->n) {
		past->ended = true;
		past->clean = !past->torn;
		return 0;
	}
	past->segment = d->segments[d->n - 1].number;
	past->size = t.whole;
	past->seq = t.seq;
	past->seals = t.seals;
	memcpy(past->head, t.head, SEAL_HASH);
	past->last_ns = t.last_ns;
	past->unsealed = t.unsealed;
	past->ended = t.ended || d->segments[d->n - 1].gzipped;
	past->clean = past->ended && t.stopped && !past->torn;
	d->sealed_to = t.sealed_to;
	return 0;
}

int audit_dir__unsealed(struct audit_dir *d,
			void (*record)(void *arg, const char *line, size_t len), void *arg)
{
	struct audit_problem problem;
	struct audit_reader *r;
	struct audit_line line;
	char *path;
	int got;

	if (!d->n)
		return 0;
	r = read_segment(d, d->n - 1, &path);
	if (!r)
		return -ENOMEM;
	while ((got = audit_reader__next(r, &line, &problem)) > 0)
		if (line.offset >= d->sealed_to)
			record(arg, line.data, line.len);
	audit_reader__free(r);
	free(path);
	return got < 0 ? problem.error : 0;
}
