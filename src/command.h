/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command.h - the table of subcommands: a row owns name, synopsis, options and function.
 */
#ifndef SOCKLIFE_COMMAND_H
#define SOCKLIFE_COMMAND_H

#include <stdint.h>
#include "options.h"

/* Exit codes (docs/usage.md). */
enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CANNOT_RUN = 3,
	EXIT_BROKEN_LOG = 4,
	EXIT_OUTPUT = 5,
	EXIT_SELF_FAILED = 125, /* trace -- CMD: as env(1), nice(1) and timeout(1) do */
};

/* Groups of options a command takes (options.c). */
#define OPTS_FILTERS (1u << 0) /* which sockets */
#define OPTS_OUTPUT  (1u << 1) /* --json, -o */
#define OPTS_TRACE   (1u << 2)
#define OPTS_CHECK   (1u << 3) /* --json only */
#define OPTS_RECORDS (1u << 4) /* which records of them */
#define OPTS_UTC     (1u << 5)
#define OPTS_VERIFY  (1u << 6)  /* --json, --key, --head */
#define OPTS_LOG     (1u << 7)  /* record: where and how the audit log is kept */
#define OPTS_REPORT  (1u << 8)  /* --json, and what of a log */
#define OPTS_AT      (1u << 9)  /* --at */
#define OPTS_TOP     (1u << 10) /* --interval, and bounds */

struct command {
	const char *name;
	const char *synopsis; /* after the name */
	const char *summary;  /* one line */
	const char *about;    /* a paragraph for its help page, or NULL */
	uint32_t options;     /* OPTS_* */
	int max_operands;     /* -1: any number */
	int min_operands;
	int (*run)(struct options *o); /* returns the exit code */
};

extern const struct command commands[]; /* ends with a NULL name */

const struct command *command__find(const char *name); /* NULL: no such command */
const char *command__similar(const char *name); /* the name that was perhaps meant, or NULL */

/* The program itself, for what stands before COMMAND: name "", synopsis "[-v] COMMAND [OPTIONS]". */
extern const struct command program;

/* Help pages on stdout: of one command, or of `program`. */
void help__page(const struct command *cmd);
/* For a command line without COMMAND: a few lines on stderr. */
void help__short(void);
/* Text broken at spaces (not inside brackets) to 80 columns; the cursor is at `column` already. */
void help__wrap(unsigned int column, unsigned int indent, const char *text);

int cmd_trace(struct options *o);
int cmd_top(struct options *o);
int cmd_ports(struct options *o);
int cmd_record(struct options *o);
int cmd_replay(struct options *o);
int cmd_check(struct options *o);
int cmd_verify(struct options *o);
int cmd_keygen(struct options *o);
int cmd_report(struct options *o);
int cmd_version(struct options *o);
int cmd_help(struct options *o);

#endif
