/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c - the loop over the tables of options (option_rows*.c): it reads a command line, says in one
 * line what is wrong with it, and prints the help.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "command.h"
#include "detect.h"
#include "log.h"
#include "options.h"
#include "parse.h"

#define ITEM_MAX    256 /* longest value in a comma list */
#define ROW_BASE    256 /* getopt's value of row i: above every letter */
#define HELP_COLUMN 30

struct getopt_tables {
	char letters[3 + 2 * OPTION_ROWS_MAX];
	struct option longs[OPTION_ROWS_MAX + 1];
};

/* A command's own help page, or that of the program: how to go on after an error. */
static const char *help_of(const struct command *cmd)
{
	static char hint[64];

	snprintf(hint, sizeof(hint), "try 'socklife help%s%s'", *cmd->name ? " " : "", cmd->name);
	return hint;
}

static bool takes(const struct command *cmd, const struct option_row *row)
{
	return !row->groups || (row->groups & cmd->options);
}

const struct option_row *options__row(size_t i)
{
	static const struct option_row *const tables[] = { option_rows, option_rows_log,
							   option_rows_report,
							   option_rows_metrics };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct option_row *row = tables[t]; row->name; row++)
			if (!i--)
				return row;
	return NULL;
}

/* "+" stops at the first operand, needed where a command line follows; ":" tells a missing argument apart. */
static void fill_getopt(struct getopt_tables *t, const struct command *cmd)
{
	bool in_order = !*cmd->name || cmd->options & OPTS_TRACE;
	const struct option_row *row;
	struct option *l = t->longs;
	char *s = t->letters;

	if (in_order)
		*s++ = '+';
	*s++ = ':';
	for (int i = 0; i < OPTION_ROWS_MAX && (row = options__row(i)); i++) {
		if (!takes(cmd, row))
			continue;
		l->name = row->name;
		l->has_arg = row->arg ? required_argument : no_argument;
		l->val = ROW_BASE + i;
		l++;
		if (!row->letter)
			continue;
		*s++ = row->letter;
		if (row->arg)
			*s++ = ':';
	}
}

/* NULL: no such option. */
static const struct option_row *find_row(int value)
{
	const struct option_row *row;

	if (value >= ROW_BASE)
		return options__row(value - ROW_BASE);
	for (size_t i = 0; (row = options__row(i)); i++)
		if (row->letter && row->letter == value)
			return row;
	return NULL;
}

static int wrong_value(const struct option_row *row, const char *value, int err)
{
	if (err == -E2BIG)
		log__error("--%s: '%s' is one value too many", row->name, value);
	else
		log__error("--%s: '%s' %s", row->name, value, row->wrong);
	return EXIT_USAGE;
}

/* 0, EXIT_USAGE after a message, or -OPTION_*. */
static int take_value(struct options *o, const struct option_row *row, const char *value)
{
	const char *rest = value;
	char item[ITEM_MAX];
	int err;

	o->sockets.on |= row->filter;
	if (!row->list) {
		err = row->parse(o, row, value);
		return err < 0 ? wrong_value(row, value, err) : -err;
	}
	while ((err = parse__next(&rest, item, sizeof(item))) > 0) {
		err = row->parse(o, row, item);
		if (err)
			return wrong_value(row, item, err);
	}
	return err ? wrong_value(row, value, err) : 0;
}

/* The one name among a command's options that was perhaps meant, NULL: none. */
static const char *similar(const struct command *cmd, const char *name)
{
	const struct option_row *row;
	const char *best = NULL;
	unsigned int least = 3;

	for (size_t i = 0; (row = options__row(i)); i++) {
		unsigned int d = takes(cmd, row) ? parse__distance(name, row->name) : least;

		if (d < least && d < strlen(name)) {
			least = d;
			best = row->name;
		}
	}
	return best;
}

/* `arg` is "--name" or "--name=value": unknown, or short for several. */
static int unknown_long(const struct command *cmd, const char *arg)
{
	int len = (int)strcspn(arg, "=");
	const char *first = NULL, *second = NULL, *meant;
	const struct option_row *row;
	bool elsewhere = false;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", len - 2, arg + 2);
	for (size_t i = 0; (row = options__row(i)); i++) {
		if (!takes(cmd, row)) {
			elsewhere |= !strcmp(row->name, name);
		} else if (!strncmp(row->name, name, strlen(name))) {
			second = first ? row->name : NULL;
			first = first ? first : row->name;
		}
		if (second)
			break;
	}
	meant = similar(cmd, name);
	if (second)
		log__error("option '%.*s' can be --%s or --%s: %s", len, arg, first, second,
			   help_of(cmd));
	else if (elsewhere)
		log__error("option '%.*s' is not one of %s: %s", len, arg,
			   *cmd->name ? cmd->name : "those before COMMAND", help_of(cmd));
	else if (meant)
		log__error("unknown option '%.*s', did you mean --%s? %s", len, arg, meant,
			   help_of(cmd));
	else
		log__error("unknown option '%.*s': %s", len, arg, help_of(cmd));
	return EXIT_USAGE;
}

/* getopt_long() returned ':' or '?'. */
static int wrong_option(const struct command *cmd, int result, char **argv)
{
	const struct option_row *row = find_row(optopt);

	if (result == ':' && row)
		log__error("--%s: needs %s: %s", row->name, row->arg, help_of(cmd));
	else if (!optopt)
		return unknown_long(cmd, argv[optind - 1]);
	else if (row && optopt >= ROW_BASE)
		log__error("--%s: takes no value: %s", row->name, help_of(cmd));
	else if (row)
		log__error("option '-%c' is not one of %s: %s", optopt,
			   *cmd->name ? cmd->name : "those before COMMAND", help_of(cmd));
	else
		log__error("unknown option '-%c': %s", optopt, help_of(cmd));
	return EXIT_USAGE;
}

static int take_operands(struct options *o, const struct command *cmd, bool dashes)
{
	if (cmd->options & OPTS_TRACE && dashes) {
		if (!o->n_operands) {
			log__error("no command after '--': %s", help_of(cmd));
			return EXIT_USAGE;
		}
		o->command = o->operands;
		o->operands += o->n_operands;
		o->n_operands = 0;
	}
	if (cmd->max_operands >= 0 && o->n_operands > cmd->max_operands) {
		log__error("%s: unexpected '%s': %s%s", cmd->name, o->operands[cmd->max_operands],
			   cmd->options & OPTS_TRACE ? "a command to run goes after '--', " : "",
			   help_of(cmd));
		return EXIT_USAGE;
	}
	if (o->n_operands < cmd->min_operands) {
		log__error("%s: something is missing, usage: socklife %s %s", cmd->name, cmd->name,
			   cmd->synopsis);
		return EXIT_USAGE;
	}
	return 0;
}

/* What one option says about another. */
static int check_together(struct options *o, const struct command *cmd)
{
	const char *wrong = NULL;

	if (o->command && o->sockets.n_pids)
		wrong = "--pid: not together with a command, whose processes are the ones followed";
	else if (o->sockets.follow && !o->sockets.n_pids && !o->command)
		wrong = "--follow: needs --pid";
	else if (o->user && !o->command)
		wrong = "--user: needs a command to run, after '--'";
	if (wrong) {
		log__error("%s: %s", wrong, help_of(cmd));
		return EXIT_USAGE;
	}
	if (!o->sockets.tcp && !o->sockets.udp)
		o->sockets.tcp = o->sockets.udp = true;
	if (!o->sockets.ipv4 && !o->sockets.ipv6)
		o->sockets.ipv4 = o->sockets.ipv6 = true;
	return 0;
}

int options__parse(struct options *o, const struct command *cmd, int argc, char **argv)
{
	struct getopt_tables tables = { 0 };
	int c, before, err;

	memset(o, 0, sizeof(*o));
	o->ring_size = RING_SIZE_DEFAULT;
	o->table_size = TABLE_SIZE_DEFAULT;
	o->close_wait_ns = CLOSE_WAIT_DEFAULT_NS;
	o->interval_ns = INTERVAL_NS_DEFAULT;
	o->log = (struct log_options){ .dir = LOG_DIR_DEFAULT,
				       .rotate_size = ROTATE_SIZE_DEFAULT,
				       .rotate_ns = ROTATE_NS_DEFAULT,
				       .seal_ns = SEAL_NS_DEFAULT,
				       .queue_size = QUEUE_SIZE_DEFAULT };
	fill_getopt(&tables, cmd);
	opterr = 0;
	optind = 0; /* glibc: start anew, also after a run with another ordering */
	for (;;) {
		before = optind ? optind : 1;
		c = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
		if (c < 0)
			break;
		if (c == '?' || c == ':')
			return wrong_option(cmd, c, argv);
		err = take_value(o, find_row(c), optarg);
		if (err == -OPTION_HELP)
			help__page(cmd);
		else if (err == -OPTION_VERSION)
			cmd_version(o);
		if (err)
			return err < 0 ? -1 : err;
	}
	o->operands = argv + optind;
	o->n_operands = argc - optind;
	/* An operand stops getopt_long() where it is; "--" it steps over. */
	err = take_operands(o, cmd, optind == before + 1);
	return err ? err : check_together(o, cmd);
}

static void print_row(const struct option_row *row)
{
	char text[256];
	int n;

	n = printf("  %c%c%c --%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
		   row->letter ? ',' : ' ', row->name, row->arg ? " " : "",
		   row->arg ? row->arg : "");
	if (n < 0)
		return;
	snprintf(text, sizeof(text), "%s%s%s%s", row->help, row->fallback ? " [default: " : "",
		 row->fallback ? row->fallback : "", row->fallback ? "]" : "");
	help__wrap((unsigned int)n, HELP_COLUMN, text);
}

void options__help(const struct command *cmd)
{
	static const char *const titles[SECTIONS] = {
		[SECTION_SOCKETS] = "Which sockets (all that is given must match):",
		[SECTION_RECORDS] = "Which of their records:",
		[SECTION_LOG] = "The log:",
		[SECTION_REPORT] = "What of the log:",
		[SECTION_OUTPUT] = "Output:",
		[SECTION_TRACE] = "Tracing:",
		[SECTION_GENERAL] = "Everywhere:",
	};

	for (unsigned int section = 0; section < SECTIONS; section++) {
		const struct option_row *row;
		bool titled = false;

		for (size_t i = 0; (row = options__row(i)); i++) {
			if (row->section != section || !takes(cmd, row))
				continue;
			if (!titled) {
				printf("\n%s\n", titles[section]);
				titled = true;
			}
			print_row(row);
		}
	}
}
