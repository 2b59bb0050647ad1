/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - where `-o` says that records go, and whether a person looks at it.
 */
#ifndef SOCKLIFE_OUTPUT_H
#define SOCKLIFE_OUTPUT_H

#include "options.h"
#include "sink.h"

struct output {
	struct out *out;
	int fd;
	bool color;
	unsigned columns; /* 0: no terminal */
};

/* 0, or an exit code after one line on stderr. */
int output__open(struct output *output, const struct options *o);
/* Empties the file: only now, when it is known that there will be something to write. */
void output__begin(struct output *output);
/* All that was written goes out. 0, or an exit code after one line on stderr; a reader that has seen enough is no error. */
int output__flush(const struct output *output, const struct options *o);
void output__close(struct output *output);

#endif
