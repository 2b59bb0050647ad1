/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_reader.h - the lines of audit logs: files, directories (their segments by number), "-" for
 * stdin; plain or gzip, told apart by the first bytes. What cannot be read is told and stepped over.
 */
#ifndef SOCKLIFE_AUDIT_READER_H
#define SOCKLIFE_AUDIT_READER_H

#include "audit_line.h"

struct audit_line {
	const char *file; /* as it is to be named to people; lives as long as the reader */
	uint64_t segment; /* by the file's name, 0: it has none */
	uint64_t line;    /* from 1 in each file */
	uint64_t offset;  /* of its first byte in the unpacked file */
	const char *data; /* until the next call, but see `more` */
	size_t len;       /* with its "\n", which only a torn one lacks */
	bool torn;        /* the file ends inside this line */
	bool more;        /* the next line follows in memory, and this one is still there then */
};

/* Why something could not be read; what follows it is read on. */
struct audit_problem {
	const char *file;
	uint64_t line; /* the one that it is about, or the next after the last that was read */
	/*
	 * -EFBIG: a line above AUDIT_LINE_MAX, it was left out. -EBADMSG: damaged gzip, -ENODATA: cut off
	 * gzip, the rest of the file is left out. -ENOMSG: a directory without segments. Else of open() or
	 * read().
	 */
	int error;
};

struct audit_reader;

/*
 * `paths` must live as long as the reader. Files stay in the order given, unless all of them have names of
 * segments: then by number. NULL: ENOMEM.
 */
struct audit_reader *audit_reader__new(char *const *paths, size_t n);
/* 1: a line, 0: the end, -1: a problem; call it again after one. */
int audit_reader__next(struct audit_reader *r, struct audit_line *line,
		       struct audit_problem *problem);
/* Files in the order in which they are read, a directory that has none included. */
size_t audit_reader__files(const struct audit_reader *r);
/* Goes on with the first line of file i, from 0, also back. Not with "-" among them. */
void audit_reader__go_to(struct audit_reader *r, size_t i);
/* How far it is, for a progress bar: bytes as they lie on the disk. *total 0: not known (stdin). */
void audit_reader__progress(const struct audit_reader *r, uint64_t *done, uint64_t *total);
/* Files in the directories that are not part of the log: the i-th, NULL after the last (at most 16). */
const char *audit_reader__other(const struct audit_reader *r, size_t i);
size_t audit_reader__others(const struct audit_reader *r); /* how many there are in all */
void audit_reader__free(struct audit_reader *r);

#endif
