// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_log.c - an audit log as verify, report and ports --at read it, gzip or not. Asserted: each ends with one of its exit
 * codes and says something; what it prints is clean text or JSON; the reader gives each byte of a plain file once,
 * in order. Input: a byte that says how (bit 0: the lines are sealed anew, so that more than the first seal
 * can be right; bit 1: with a key; bit 2: JSON; bits 3 and 4: verify, report, report of one socket, ports --at), then
 * the log.
 */
#include <string.h>
#include "audit_reader.h"
#include "command.h"
#include "fuzz.h"
#include "report_record.h"
#include "seal.h"

#define SEALED  1
#define KEYED   2
#define JSON    4
#define COMMAND 3 /* bits 3 and 4 */

static const struct seal_key key = { .index = 1, .bytes = "a key that everybody may know" };

/* Lines as they are, but for the own fields of the seals, which are made right. */
static struct fuzz_file seal(const uint8_t *data, size_t size, bool keyed)
{
	static const uint8_t zeros[SEAL_HASH];
	struct seal_chain *chain = seal_chain__new(zeros, keyed ? &key : NULL);
	struct buf log = { 0 }, line = { 0 };
	const char *s = (const char *)data;
	struct fuzz_file file;

	CHECK(chain && !seal_chain__next_index(chain, 0));
	while (size) {
		const char *newline = memchr(s, '\n', size);
		size_t len = newline ? (size_t)(newline + 1 - s) : size;
		struct audit_head head;

		line.len = 0;
		if (audit__head(s, len, &head) && audit__is(&head, "seal")) {
			buf__put(&line, s, head.len);
			CHECK(!seal_chain__make(chain, &line, memmem(s, len, "\"end\"", 5)));
			CHECK(!seal_chain__done(chain, -1));
		} else {
			buf__put(&line, s, len);
			seal_chain__add(chain, s, len, 1);
		}
		buf__put(&log, line.data, line.len);
		s += len;
		size -= len;
	}
	file = fuzz__file(log.data, log.len);
	buf__free(&line);
	buf__free(&log);
	seal_chain__free(chain);
	return file;
}

static void read_all(const struct fuzz_file *log)
{
	char *paths[] = { (char *)log->path };
	struct audit_reader *r = audit_reader__new(paths, 1);
	struct audit_problem problem;
	struct audit_line line;
	size_t size, at = 0;
	char *all = fuzz__read(log, &size);
	bool packed = size > 1 && !memcmp(all, "\x1f\x8b", 2);
	int ret;

	CHECK(r);
	while ((ret = audit_reader__next(r, &line, &problem))) {
		if (ret < 0) {
			CHECK(packed && problem.error < 0);
			continue;
		}
		CHECK(line.len && line.torn == (line.data[line.len - 1] != '\n'));
		CHECK(packed || (line.offset == at && line.len <= size - at &&
				 !memcmp(line.data, all + at, line.len)));
		at += line.len;
	}
	CHECK(packed || at == size);
	audit_reader__free(r);
	free(all);
}

static void run(const char *name, struct options *o, struct fuzz_file *log)
{
	char *operands[] = { log->path, NULL };
	struct fuzz_file output = fuzz__file(NULL, 0);
	struct fuzz_said said;
	size_t len;
	char *text;
	int code;

	o->operands = operands;
	o->n_operands = 1;
	o->output = output.path;
	o->utc = true;
	o->sockets.tcp = o->sockets.udp = o->sockets.ipv4 = o->sockets.ipv6 = true;
	fuzz__begin(&said);
	code = command__find(name)->run(o);
	fuzz__end(&said);
	text = fuzz__read(&output, &len);
	CHECK(code == EXIT_FINE || code == EXIT_FAILED || code == EXIT_BROKEN_LOG);
	CHECK(said.out_len || said.err_len || len);
	fuzz__check_text(said.err, said.err_len);
	if (o->json) {
		fuzz__check_json(said.out, said.out_len);
		fuzz__check_json(text, len);
	} else {
		fuzz__check_text(said.out, said.out_len);
		fuzz__check_text(text, len);
	}
	free(text);
	fuzz__free(&said);
	fuzz__close(&output);
}

static void verify(struct fuzz_file *log, bool keyed, bool json)
{
	char text[SEAL_KEY_TEXT];
	struct fuzz_file file = fuzz__file(text, seal_key__text(&key, text));
	struct options o = { .json = json, .key = keyed ? file.path : NULL };

	run("verify", &o, log);
	fuzz__close(&file);
}

/* What follows the last `before` in the log: asked about is what is there. */
static const char *last(const uint8_t *data, size_t size, const char *before)
{
	const char *s = (const char *)data, *found = NULL, *at;
	size_t n = strlen(before);

	while ((at = memmem(s, size, before, n))) {
		size -= (size_t)(at + n - s);
		found = s = at + n;
	}
	return found && size > AUDIT_TS ? found : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o = { .json = size && data[0] & JSON };
	struct fuzz_file log;
	const char *ts;
	bool keyed;

	if (!size)
		return 0;
	keyed = data[0] & KEYED;
	log = data[0] & SEALED ? seal(data + 1, size - 1, keyed) : fuzz__file(data + 1, size - 1);
	switch (data[0] >> COMMAND & 3) {
	case 0:
		read_all(&log);
		verify(&log, keyed, o.json);
		break;
	case 1:
		run("report", &o, &log);
		break;
	case 2:
		o.report.sock = strtoull(last(data, size, "\"sock\":\""), NULL, 10);
		o.report.sock += !o.report.sock;
		run("report", &o, &log);
		break;
	case 3:
		ts = last(data, size, "\"ts\":\"");
		o.report.at_ns = *ts ? report__time_ns(ts, AUDIT_TS) : 0;
		o.report.at_ns += !o.report.at_ns;
		run("ports", &o, &log);
		break;
	}
	fuzz__close(&log);
	return 0;
}
