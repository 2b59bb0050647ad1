// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz.c - what the fuzz targets share: files in memory, a captured stdout, and independent checks of text,
 * JSON and HTML.
 */
#include <json-c/json.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fuzz.h"

/* Messages name user input in local time and by locale: neither may depend on who runs this. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("TZ", "UTC0", 1);
	unsetenv("TERM");
	return 0;
}

/* --- files and streams --- */

struct fuzz_file fuzz__file(const void *data, size_t size)
{
	struct fuzz_file f = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	CHECK(f.fd >= 0);
	for (size_t at = 0; at < size;) {
		ssize_t n = write(f.fd, (const char *)data + at, size - at);

		CHECK(n > 0);
		at += (size_t)n;
	}
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

char *fuzz__read(const struct fuzz_file *f, size_t *size)
{
	struct stat st;
	char *data;

	CHECK(!fstat(f->fd, &st));
	*size = (size_t)st.st_size;
	data = calloc(1, *size + 1);
	CHECK(data && pread(f->fd, data, *size, 0) == (ssize_t)*size);
	return data;
}

void fuzz__close(struct fuzz_file *f)
{
	close(f->fd);
}

/* libFuzzer and the sanitizers write to what they had before: only the program's streams change. */
void fuzz__begin(struct fuzz_said *s)
{
	*s = (struct fuzz_said){ .kept = { stdout, stderr } };
	s->streams[0] = open_memstream(&s->out, &s->out_len);
	s->streams[1] = open_memstream(&s->err, &s->err_len);
	CHECK(s->streams[0] && s->streams[1]);
	stdout = s->streams[0];
	stderr = s->streams[1];
}

void fuzz__end(struct fuzz_said *s)
{
	stdout = s->kept[0];
	stderr = s->kept[1];
	CHECK(!fclose(s->streams[0]) && !fclose(s->streams[1]));
}

void fuzz__free(struct fuzz_said *s)
{
	free(s->out);
	free(s->err);
}

/* --- text --- */

/* The code point at s, its length in *len; -1: not UTF-8. */
static long code_point(const unsigned char *s, size_t n, size_t *len)
{
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	long c;

	*len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (!*len || *len > n || s[0] >= 0xf8)
		return -1;
	c = *len == 1 ? s[0] : s[0] & (0x7f >> *len);
	for (size_t i = 1; i < *len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[*len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? -1 : c;
}

void fuzz__check_text(const char *s, size_t n)
{
	size_t len;

	CHECK(!n || s[n - 1] == '\n');
	for (; n; s += len, n -= len) {
		long c = code_point((const unsigned char *)s, n, &len);

		CHECK(c >= 0);
		CHECK(c >= 0x20 || c == '\n');
		CHECK(c < 0x7f || c > 0x9f);
		CHECK(c < 0x200e || c > 0x200f);
		CHECK(c < 0x2028 || c > 0x202e);
		CHECK(c < 0x2066 || c > 0x2069);
	}
}

/* --- JSON --- */

static struct json_object *parse(const char *s, size_t n)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;
	size_t len;

	CHECK(t);
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, s, (int)n);
	if (!o || json_tokener_get_parse_end(t) != n)
		dprintf(2, "%s: %.*s\n", json_tokener_error_desc(json_tokener_get_error(t)), (int)n,
			s);
	CHECK(o && json_tokener_get_parse_end(t) == n);
	CHECK(json_object_is_type(o, json_type_object));
	json_tokener_free(t);
	/* json-c lets both pass inside a string. */
	for (; n; s += len, n -= len)
		CHECK(code_point((const unsigned char *)s, n, &len) >= 0x20);
	return o;
}

static size_t each_line(const char *s, size_t n, void (*look)(struct json_object *o, size_t line))
{
	size_t lines = 0;

	CHECK(!n || s[n - 1] == '\n');
	while (n) {
		size_t len = (size_t)((const char *)memchr(s, '\n', n) - s);
		struct json_object *o = parse(s, len);

		lines++;
		if (look)
			look(o, lines);
		json_object_put(o);
		s += len + 1;
		n -= len + 1;
	}
	return lines;
}

size_t fuzz__check_json(const char *s, size_t n)
{
	return each_line(s, n, NULL);
}

static void check_seq(struct json_object *o, size_t line)
{
	struct json_object *seq;

	CHECK(json_object_object_get_ex(o, "seq", &seq));
	CHECK((size_t)json_object_get_int64(seq) == line);
	CHECK(json_object_object_get_ex(o, "type", NULL));
}

void fuzz__check_records(const char *s, size_t n)
{
	each_line(s, n, check_seq);
}

/* --- the page --- */

void fuzz__check_page(const char *s, size_t n)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	static const char end[] = "</script>";
	const char *from = memmem(s, n, begin, strlen(begin)), *to, *at;
	size_t ends = 0;

	CHECK(from && n == strlen(s));
	from += strlen(begin);
	to = strstr(from, end);
	CHECK(to);
	CHECK(!memchr(from, '<', (size_t)(to - from)) && !memchr(from, '>', (size_t)(to - from)) &&
	      !memchr(from, '&', (size_t)(to - from)));
	CHECK(to > from && to[-1] == '\n');
	json_object_put(parse(from, (size_t)(to - from - 1)));
	for (at = s; (at = strstr(at, "</script")); at++)
		ends++;
	CHECK(ends == 2);
}
