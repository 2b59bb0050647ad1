/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_report.c - reads logs line by line into the model (report.h) or the life of one socket (report_life.h), says
 * what could not be read, and prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "audit_tell.h"
#include "command.h"
#include "host.h"
#include "log.h"
#include "privileges.h"
#include "report.h"
#include "report_life.h"

#define LINES_A_LOOK 4096
#define PROGRESS_NS  200000000ull
#define WHY_MAX      160

struct job {
	const struct options *options;
	struct audit_reader *reader;
	struct report_reader *parser;
	struct report report;
	struct report_life *life; /* --socket, else NULL */
	int html;                 /* --html, else -1 */
	const char *file;         /* that the last line was in */
	struct audit_tell tell;
	uint64_t lines;
	bool progress, shown;
	uint64_t started_ns, shown_ns;
};

/* --- progress --- */

static void show_progress(struct job *j)
{
	uint64_t done, total, now = host__clock(CLOCK_MONOTONIC);
	char bar[31];
	unsigned int filled;

	if (now - j->shown_ns < PROGRESS_NS)
		return;
	j->shown_ns = now;
	j->shown = true;
	audit_reader__progress(j->reader, &done, &total);
	if (!total) {
		fprintf(stderr, "\r%llu MB, %llu records\033[K", (unsigned long long)(done >> 20),
			(unsigned long long)j->lines);
		return;
	}
	filled = done < total ? (unsigned int)(done * 1.0 / (double)total * 30) : 30;
	memset(bar, '.', sizeof(bar) - 1);
	memset(bar, '#', filled);
	bar[30] = '\0';
	fprintf(stderr, "\r[%s] %3u %%, %llu of %llu MB, %.0f MB/s\033[K", bar,
		(unsigned int)(done * 1.0 / (double)total * 100), (unsigned long long)(done >> 20),
		(unsigned long long)(total >> 20),
		(double)done / 1e6 / ((double)(now - j->started_ns + 1) / 1e9));
}

static void end_progress(struct job *j)
{
	if (j->shown)
		fputs("\r\033[K", stderr);
	j->shown = false;
}

/* --- lines --- */

/* The front of a line as socklife writes it says whether the rest is wanted. */
static bool wanted(struct job *j, const struct audit_line *line, bool *looked)
{
	struct audit_head h;
	uint64_t ts_ns;
	int type;
	bool gap;

	*looked = false;
	if (!audit__head(line->data, line->len, &h))
		return true;
	type = log_type__find(h.type, h.type_len);
	ts_ns = report__time_ns(h.ts, AUDIT_TS);
	if (type < 0 || !ts_ns)
		return true;
	*looked = true;
	gap = log_type__begins((enum log_type)type) &&
	      memmem(line->data, line->len, "\"gap_s\":", 8);
	if (!report__look(&j->report, (enum log_type)type, h.seq, ts_ns, h.boot, h.boot_len, gap))
		return false;
	return !j->life || report_life__wants(j->life, line->data, line->len);
}

static void on_line(struct job *j, const struct audit_line *line)
{
	struct report_record rec;
	char why[WHY_MAX];
	bool looked;

	if (j->file != line->file)
		report_span__file(&j->report.span);
	j->file = line->file;
	if (!wanted(j, line, &looked))
		return;
	if (report_reader__parse(j->parser, line->data, line->len, &rec, why, sizeof(why))) {
		audit_tell__bad_line(&j->tell, line, why);
		return;
	}
	if (!looked && !report__look(&j->report, rec.type, rec.seq, rec.ts_ns, rec.boot,
				     strlen(rec.boot), rec.has_gap))
		return;
	if (j->life)
		report_life__take(j->life, &rec, line->data, line->len);
	else
		report__take(&j->report, &rec);
}

static void read_all(struct job *j)
{
	struct audit_problem problem;
	struct audit_line line;
	int ret;

	while ((ret = audit_reader__next(j->reader, &line, &problem))) {
		if (ret < 0)
			audit_tell__problem(&j->tell, &problem);
		else
			on_line(j, &line);
		if (j->progress && !(++j->lines % LINES_A_LOOK))
			show_progress(j);
	}
	end_progress(j);
	report__end(&j->report);
	j->report.bad_lines = j->tell.bad_lines;
	j->report.bad_files = j->tell.bad_files;
	j->report.torn = j->tell.torn;
	audit_tell__rest(&j->tell);
}

/* --- the answer --- */

static int print(struct job *j)
{
	struct buf b = { 0 };

	if (j->life)
		report_life__write(j->life, &b);
	else if (j->options->json)
		report_json__write(&j->report, &b, false);
	else if (!j->options->report.html)
		report_text__write(&j->report, &b);
	if (b.failed) {
		log__error("out of memory");
		buf__free(&b);
		return EXIT_FAILED;
	}
	if (b.len)
		fwrite(b.data, 1, b.len, stdout); /* main() looks whether it was written */
	buf__free(&b);
	return EXIT_FINE;
}

static int answer(struct job *j)
{
	int code, err;

	if (!j->report.records) {
		log__error("report: no records of socklife in what was given");
		return EXIT_FAILED;
	}
	if (j->report.span.not_kept)
		log__warn("the log has more than %d interruptions: %llu of them are not told",
			  RUNS_MAX, (unsigned long long)j->report.span.not_kept);
	code = print(j);
	if (!code && j->html >= 0) {
		err = report_html__write(&j->report, j->html);
		if (close(j->html) && !err)
			err = -errno;
		j->html = -1;
		if (err)
			log__error("--html: '%s' cannot be written: %s", j->options->report.html,
				   log__errno(err));
		code = err ? EXIT_OUTPUT : EXIT_FINE;
	}
	if (!code && j->life && !report_life__found(j->life)) {
		log__error("--socket: no record of socket %llu in this log",
			   (unsigned long long)j->options->report.sock);
		code = EXIT_FAILED;
	}
	return code ? code : j->report.bad_lines || j->report.bad_files ? EXIT_FAILED : EXIT_FINE;
}

static int run(struct job *j)
{
	const struct options *o = j->options;

	if (report__init(&j->report, o) || !(j->parser = report_reader__new()) ||
	    !(j->reader = audit_reader__new(o->operands, (size_t)o->n_operands)) ||
	    (o->report.sock && !(j->life = report_life__new(o)))) {
		log__error("out of memory");
		return EXIT_FAILED;
	}
	audit_tell__others(j->reader);
	privileges__drop(PRIVILEGES_OFFLINE,
			 privileges__to_read(o->operands, (size_t)o->n_operands));
	read_all(j);
	return answer(j);
}

/* Emptied only when there is something to write. */
static int open_html(struct job *j)
{
	const char *path = j->options->report.html;

	if (!path)
		return EXIT_FINE;
	j->html = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (j->html >= 0)
		return EXIT_FINE;
	log__error("--html: '%s' cannot be written: %s", path, log__errno(errno));
	return EXIT_OUTPUT;
}

int cmd_report(struct options *o)
{
	static struct job j;
	int code;

	if (o->report.since_ns && o->report.until_ns && o->report.until_ns <= o->report.since_ns) {
		log__error("--until: must be later than --since");
		return EXIT_USAGE;
	}
	if (o->report.sock && (o->report.html || o->report.findings)) {
		log__error("--socket: not together with --html or --findings");
		return EXIT_USAGE;
	}
	j = (struct job){ .options = o,
			  .html = -1,
			  .progress = isatty(STDERR_FILENO) && getenv("TERM"),
			  .tell.on_line = &j.shown,
			  .started_ns = host__clock(CLOCK_MONOTONIC) };
	code = open_html(&j);
	if (!code)
		code = run(&j);
	if (j.html >= 0)
		close(j.html);
	report_life__free(j.life);
	report_reader__free(j.parser);
	audit_reader__free(j.reader);
	report__free(&j.report);
	return code;
}
