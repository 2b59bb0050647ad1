/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what the targets share: files in memory, what the code under test prints, and checks of output
 * that use nothing of socklife's own. A check that fails aborts: libFuzzer keeps the input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer calls them. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(2, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A file in memory, at `path` as long as it is open. */
struct fuzz_file {
	int fd;
	char path[32];
};
struct fuzz_file fuzz__file(const void *data, size_t size);
/* All that is in it, with a NUL behind; to be freed. */
char *fuzz__read(const struct fuzz_file *f, size_t *size);
void fuzz__close(struct fuzz_file *f);

/* What is printed on stdout and stderr between begin() and end() is kept here. */
struct fuzz_said {
	FILE *streams[2], *kept[2];
	char *out, *err;
	size_t out_len, err_len;
};
void fuzz__begin(struct fuzz_said *s);
void fuzz__end(struct fuzz_said *s);
void fuzz__free(struct fuzz_said *s);

/* Valid UTF-8, whole lines, and nothing that drives a terminal or turns the direction of writing. */
void fuzz__check_text(const char *s, size_t n);
/* Whole lines, each a JSON object in valid UTF-8 without raw control characters. Returns how many. */
size_t fuzz__check_json(const char *s, size_t n);
/* The same of trace --json and of a log: "seq" counts from 1. */
void fuzz__check_records(const char *s, size_t n);
/* Of a page of report --html: its data is JSON without <, > and &, so it ends where it should. */
void fuzz__check_page(const char *s, size_t n);

#endif
