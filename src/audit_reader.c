// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit_reader.c - opens files, directories and stdin one after the other, plain or packed, and hands out
 * their lines.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "array.h"
#include "audit_reader.h"

#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define BUFFER_STEP ((size_t)1 << 20)
#define PACKED_MAX  ((size_t)256 << 10)
#else /* lines reach over several reads */
#define BUFFER_STEP ((size_t)4 << 10)
#define PACKED_MAX  ((size_t)1 << 10)
#endif
#define OTHERS_MAX  16
#define WINDOW_BITS (15 + 16) /* zlib: the largest window, a gzip header */

struct file {
	char *path;
	uint64_t segment;
	bool gzip;   /* by its name */
	bool in_dir; /* found in a directory: must be a regular file */
	int error;   /* found while listing, such as a directory without files: told in its turn */
};

struct audit_reader {
	struct file *files;
	size_t n_files, cap_files, next_file;
	char *others[OTHERS_MAX];
	size_t n_others;
	uint64_t done, total;

	/* the open file */
	const struct file *file; /* NULL: none */
	uint64_t line, offset;
	char *data; /* lines: [at, end) is not read yet, [at, scanned) has no newline */
	size_t at, scanned, end, cap;
	z_stream z;
	uint8_t *in; /* PACKED_MAX */
	int fd;
	int damaged;         /* told when the whole lines before it are read; -errno */
	bool eof;            /* nothing more will come into `data` */
	bool skipping;       /* inside a line that is too long */
	bool packed, member; /* gzip; inside a member of it */
	bool in_eof;

	bool numbered; /* every file so far was given by name and has the name of a segment */
	bool total_unknown;
};

/* --- which files --- */

static struct file *add_file(struct audit_reader *r, const char *dir, const char *name)
{
	struct file *files = array__grown(r->files, r->n_files, &r->cap_files, 64, sizeof(*files));
	struct file *f;

	if (!files)
		return NULL;
	r->files = files;
	f = &r->files[r->n_files];
	*f = (struct file){ 0 };
	if (dir ? asprintf(&f->path, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name) <
			    0 :
		  !(f->path = strdup(name)))
		return NULL;
	r->n_files++;
	return f;
}

static int by_segment(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return (int)x->gzip - (int)y->gzip;
}

/*
 * Both forms of one segment: the recorder was stopped between the renaming of the one and the removal of
 * the other. They are the same bytes.
 */
static void drop_twins(struct audit_reader *r, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < r->n_files; i++) {
		if (kept > from && r->files[kept - 1].segment == r->files[i].segment)
			free(r->files[i].path);
		else
			r->files[kept++] = r->files[i];
	}
	r->n_files = kept;
}

static void add_other(struct audit_reader *r, const char *dir, const char *name)
{
	char *path;

	if (r->n_others < OTHERS_MAX && asprintf(&path, "%s/%s", dir, name) >= 0)
		r->others[r->n_others] = path;
	r->n_others++;
}

static int add_entry(struct audit_reader *r, const char *dir, const char *name)
{
	uint64_t segment = 0;
	enum audit_name kind = audit__name(name, &segment);
	struct file *f;

	if (kind == AUDIT_PRIVATE)
		return 0;
	if (kind != AUDIT_PLAIN && kind != AUDIT_GZIP) {
		add_other(r, dir, name);
		return 0;
	}
	f = add_file(r, dir, name);
	if (!f)
		return -ENOMEM;
	f->segment = segment;
	f->gzip = kind == AUDIT_GZIP;
	f->in_dir = true;
	return 0;
}

/* An entry that only says why there are no files of it. */
static int add_failed_dir(struct audit_reader *r, const char *path, int error)
{
	struct file *f = add_file(r, NULL, path);

	if (!f)
		return -ENOMEM;
	f->error = error;
	return 0;
}

static int add_dir(struct audit_reader *r, const char *path)
{
	size_t from = r->n_files;
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return add_failed_dir(r, path, -errno);
	while (!err && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = add_entry(r, path, entry->d_name);
	if (!err && errno)
		err = add_failed_dir(r, path, -errno);
	closedir(dir);
	if (err)
		return err;
	if (r->n_files == from)
		return add_failed_dir(r, path, -ENOMSG);
	qsort(r->files + from, r->n_files - from, sizeof(*r->files), by_segment);
	drop_twins(r, from);
	return 0;
}

static int add_path(struct audit_reader *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	enum audit_name kind;
	struct stat st;
	struct file *f;

	if (strcmp(path, "-") != 0 && !stat(path, &st) && S_ISDIR(st.st_mode)) {
		r->numbered = false;
		return add_dir(r, path);
	}
	f = add_file(r, NULL, path);
	if (!f)
		return -ENOMEM;
	kind = audit__name(slash ? slash + 1 : path, &f->segment);
	f->gzip = kind == AUDIT_GZIP;
	if (kind != AUDIT_PLAIN && kind != AUDIT_GZIP) {
		f->segment = 0;
		r->numbered = false;
	}
	return 0;
}

static void sum_sizes(struct audit_reader *r)
{
	struct stat st;

	for (size_t i = 0; i < r->n_files; i++) {
		const struct file *f = &r->files[i];

		if (f->error)
			continue;
		if (!strcmp(f->path, "-") || stat(f->path, &st) || !S_ISREG(st.st_mode))
			r->total_unknown = true;
		else
			r->total += (uint64_t)st.st_size;
	}
}

struct audit_reader *audit_reader__new(char *const *paths, size_t n)
{
	struct audit_reader *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return NULL;
	r->fd = -1;
	r->numbered = true;
	for (size_t i = 0; i < n && !err; i++)
		err = add_path(r, paths[i]);
	r->cap = BUFFER_STEP;
	r->data = malloc(r->cap);
	r->in = malloc(PACKED_MAX);
	if (err || !r->data || !r->in) {
		audit_reader__free(r);
		errno = ENOMEM;
		return NULL;
	}
	if (!r->files)
		return r;
	if (r->numbered)
		qsort(r->files, r->n_files, sizeof(*r->files), by_segment);
	sum_sizes(r);
	return r;
}

void audit_reader__progress(const struct audit_reader *r, uint64_t *done, uint64_t *total)
{
	*done = r->done;
	*total = r->total_unknown ? 0 : r->total;
}

const char *audit_reader__other(const struct audit_reader *r, size_t i)
{
	return i < OTHERS_MAX ? r->others[i] : NULL;
}

size_t audit_reader__others(const struct audit_reader *r)
{
	return r->n_others;
}

/* --- the open file --- */

static void close_file(struct audit_reader *r)
{
	if (r->packed)
		inflateEnd(&r->z);
	if (r->fd > STDIN_FILENO)
		close(r->fd);
	r->packed = r->member = false;
	r->file = NULL;
	r->fd = -1;
}

/* What was a plain file when the directory was read may be a packed one now. */
static int open_packed(const char *path)
{
	char *packed;
	int fd;

	if (asprintf(&packed, "%s.gz", path) < 0)
		return -ENOMEM;
	fd = open(packed, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(packed);
	return fd < 0 ? -ENOENT : fd;
}

static int open_path(const struct file *f)
{
	struct stat st;
	int fd;

	if (!f->in_dir && !strcmp(f->path, "-"))
		return STDIN_FILENO;
	/* A FIFO that somebody put into the directory would wait for a writer. */
	fd = open(f->path, O_RDONLY | O_CLOEXEC | (f->in_dir ? O_NONBLOCK : 0));
	if (fd < 0)
		fd = errno == ENOENT && f->in_dir && !f->gzip ? open_packed(f->path) : -errno;
	if (fd >= 0 && f->in_dir && !fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static ssize_t read_fd(struct audit_reader *r, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read(r->fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->done += (uint64_t)n;
	if (!n)
		r->in_eof = true;
	return n;
}

/* gzip begins with 1f 8b, which no line of ours does. */
static int look_at_first_bytes(struct audit_reader *r)
{
	size_t len = 0;

	while (len < 2 && !r->in_eof) {
		ssize_t n = read_fd(r, r->in + len, PACKED_MAX - len);

		if (n < 0)
			return (int)n;
		len += (size_t)n;
	}
	r->packed = len >= 2 && r->in[0] == 0x1f && r->in[1] == 0x8b;
	if (!r->packed) {
		memcpy(r->data, r->in, len);
		r->end = len;
		r->eof = r->in_eof;
		return 0;
	}
	r->z = (z_stream){ .next_in = r->in, .avail_in = (uInt)len };
	if (inflateInit2(&r->z, WINDOW_BITS) != Z_OK) {
		r->packed = false;
		return -ENOMEM;
	}
	return 0;
}

static int open_next(struct audit_reader *r)
{
	const struct file *f = &r->files[r->next_file++];
	int err = f->error;

	r->at = r->scanned = r->end = 0;
	r->eof = r->in_eof = r->skipping = false;
	r->line = r->offset = 0;
	r->damaged = 0;
	r->file = f;
	if (!err) {
		r->fd = open_path(f);
		err = r->fd < 0 ? r->fd : look_at_first_bytes(r);
	}
	return err;
}

/* --- filling the buffer --- */

/* Makes room behind `end`: what was read goes, a long line gets a larger buffer. */
static int make_room(struct audit_reader *r)
{
	char *data;

	if (r->at) {
		memmove(r->data, r->data + r->at, r->end - r->at);
		r->scanned -= r->at;
		r->end -= r->at;
		r->at = 0;
	}
	if (r->end < r->cap)
		return 0;
	data = realloc(r->data, r->cap + BUFFER_STEP);
	if (!data)
		return -ENOMEM;
	r->data = data;
	r->cap += BUFFER_STEP;
	return 0;
}

/* More packed bytes, where there are none left. 0 or -errno. */
static int read_packed(struct audit_reader *r)
{
	ssize_t n;

	if (r->z.avail_in || r->in_eof)
		return 0;
	n = read_fd(r, r->in, PACKED_MAX);
	if (n < 0)
		return (int)n;
	r->z.next_in = r->in;
	r->z.avail_in = (uInt)n;
	return 0;
}

/* One member may follow another. */
static int begin_member(struct audit_reader *r)
{
	if (r->z.total_in && (r->z.next_in[0] != 0x1f || inflateReset(&r->z) != Z_OK))
		return -EBADMSG;
	r->member = true;
	return 0;
}

static int inflate_some(struct audit_reader *r)
{
	int ret;

	r->z.next_out = (uint8_t *)r->data + r->end;
	r->z.avail_out = (uInt)(r->cap - r->end);
	ret = inflate(&r->z, Z_NO_FLUSH);
	r->end = r->cap - r->z.avail_out;
	if (ret == Z_STREAM_END)
		r->member = false;
	else if (ret == Z_BUF_ERROR && r->in_eof)
		return -ENODATA;
	else if (ret != Z_OK && ret != Z_BUF_ERROR)
		return ret == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	return 0;
}

/* Some unpacked bytes, or eof. */
static int fill_packed(struct audit_reader *r)
{
	size_t before = r->end;
	int err = 0;

	while (!err && r->end == before && !r->eof) {
		err = read_packed(r);
		if (!err && !r->member && !r->z.avail_in)
			r->eof = true;
		else if (!err && !r->member)
			err = begin_member(r);
		if (!err && r->member)
			err = inflate_some(r);
	}
	return err;
}

static int fill(struct audit_reader *r)
{
	ssize_t n = make_room(r);

	if (n)
		return (int)n;
	if (r->packed)
		return fill_packed(r);
	n = read_fd(r, r->data + r->end, r->cap - r->end);
	if (n < 0)
		return (int)n;
	r->end += (size_t)n;
	r->eof = !n;
	return 0;
}

/* --- lines --- */

/* Length of the whole line at `at`, 0: it is not all there. */
static size_t whole_line(struct audit_reader *r)
{
	const char *newline = memchr(r->data + r->scanned, '\n', r->end - r->scanned);

	if (!newline) {
		r->scanned = r->end;
		return 0;
	}
	return (size_t)(newline + 1 - r->data) - r->at;
}

static void step(struct audit_reader *r, size_t len)
{
	r->at += len;
	r->scanned = r->at;
	r->offset += len;
}

static void give(struct audit_reader *r, struct audit_line *line, size_t len, bool torn)
{
	const char *newline;

	*line = (struct audit_line){
		.file = r->file->path,
		.segment = r->file->segment,
		.line = ++r->line,
		.offset = r->offset,
		.data = r->data + r->at,
		.len = len,
		.torn = torn,
	};
	step(r, len);
	newline = memchr(r->data + r->at, '\n', r->end - r->at);
	r->scanned = newline ? (size_t)(newline - r->data) : r->end;
	line->more = newline;
}

static int tell(struct audit_reader *r, struct audit_problem *problem, int error)
{
	*problem = (struct audit_problem){
		.file = r->file->path,
		.line = r->line + (error != -EFBIG),
		.error = error,
	};
	return -1;
}

/* Leaves out a line that is too long, as far as it is there. */
static int skip(struct audit_reader *r, size_t len, struct audit_problem *problem)
{
	bool first = !r->skipping;

	r->skipping = !len;
	step(r, len ? len : r->end - r->at);
	if (!first)
		return 0;
	r->line++;
	return tell(r, problem, -EFBIG);
}

/* 1: a line, -1: a problem, 0: more must be read first, or the file is at its end. */
static int next_line(struct audit_reader *r, struct audit_line *line, struct audit_problem *problem)
{
	size_t len = whole_line(r);

	if (r->skipping || len > AUDIT_LINE_MAX || (!len && r->end - r->at >= AUDIT_LINE_MAX))
		return skip(r, len, problem);
	if (len) {
		give(r, line, len, false);
		return 1;
	}
	if (r->eof && !r->damaged && r->at < r->end) {
		give(r, line, r->end - r->at, true);
		return 1;
	}
	return 0;
}

static int finish_file(struct audit_reader *r, struct audit_problem *problem)
{
	int ret = r->damaged ? tell(r, problem, r->damaged) : 0;

	close_file(r);
	return ret;
}

int audit_reader__next(struct audit_reader *r, struct audit_line *line,
		       struct audit_problem *problem)
{
	int ret = 0;

	while (!ret) {
		if (!r->file) {
			if (r->next_file == r->n_files)
				return 0;
			r->damaged = open_next(r);
			r->eof |= r->damaged != 0;
		}
		ret = next_line(r, line, problem);
		if (ret || r->scanned < r->end)
			continue;
		if (r->eof) {
			ret = finish_file(r, problem);
			continue;
		}
		r->damaged = fill(r);
		r->eof |= r->damaged != 0;
	}
	return ret;
}

size_t audit_reader__files(const struct audit_reader *r)
{
	return r->n_files;
}

void audit_reader__go_to(struct audit_reader *r, size_t i)
{
	if (r->file)
		close_file(r);
	r->next_file = i;
}

void audit_reader__free(struct audit_reader *r)
{
	if (!r)
		return;
	close_file(r);
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i].path);
	for (size_t i = 0; i < OTHERS_MAX; i++)
		free(r->others[i]);
	free(r->files);
	free(r->data);
	free(r->in);
	free(r);
}
