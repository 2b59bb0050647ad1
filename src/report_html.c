/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_html.c - the page: src/html/report.html with its style, its script and the report as JSON in their
 * places. The assembler puts the three files into the program, so the page can be edited as what it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "report.h"

/* The Makefile names these files as what this one is made from. Each is a string: a NUL follows it. */
__asm__(".pushsection .rodata\n"
	"report_page: .incbin \"src/html/report.html\"\n.byte 0\n"
	"report_style: .incbin \"src/html/report.css\"\n.byte 0\n"
	"report_script: .incbin \"src/html/report.js\"\n.byte 0\n"
	".popsection\n");
extern const char report_page[], report_style[], report_script[];

/* Inside <script> nothing may look like a tag or a comment, whatever a process calls itself. */
static void put_escaped(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0, from = 0; i <= len; i++) {
		const char *code = i == len    ? "" :
				   s[i] == '<' ? "\\u003c" :
				   s[i] == '>' ? "\\u003e" :
				   s[i] == '&' ? "\\u0026" :
						 NULL;

		if (!code)
			continue;
		buf__put(b, s + from, i - from);
		buf__str(b, code);
		from = i + 1;
	}
}

static void put_page(struct buf *b, const struct buf *json)
{
	const char *at = report_page, *mark;

	while ((mark = strchr(at, '@'))) {
		buf__put(b, at, (size_t)(mark - at));
		at = mark;
		if (!strncmp(mark, "@CSS@", 5)) {
			buf__str(b, report_style);
			at += 5;
		} else if (!strncmp(mark, "@JS@", 4)) {
			buf__str(b, report_script);
			at += 4;
		} else if (!strncmp(mark, "@DATA@", 6)) {
			put_escaped(b, json->data, json->len);
			at += 6;
		} else {
			buf__char(b, *at++);
		}
	}
	buf__str(b, at);
}

static int write_file(int fd, const struct buf *b)
{
	struct stat st;
	int err = 0;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && ftruncate(fd, 0))
		return -errno;
	for (size_t at = 0; at < b->len && !err;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno != EINTR)
			err = -errno;
	}
	return err;
}

int report_html__write(struct report *r, int fd)
{
	struct buf json = { 0 }, page = { 0 };
	int err = -ENOMEM;

	report_json__write(r, &json, true);
	if (!json.failed)
		put_page(&page, &json);
	if (!json.failed && !page.failed)
		err = write_file(fd, &page);
	buf__free(&json);
	buf__free(&page);
	return err;
}
