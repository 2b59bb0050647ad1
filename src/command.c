/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command.c - the table of subcommands. Apart from main.c, so that the unit tests can link it.
 */
#include <string.h>
#include "command.h"
#include "parse.h"

const struct command program = {
	.name = "",
	.synopsis = "[-v] COMMAND [OPTIONS]",
	.summary = "follow every TCP and UDP socket of this host from birth to death",
	.max_operands = -1,
};

const struct command commands[] = {
	{
		.name = "trace",
		.synopsis =
			"[FILTERS] [--json] [-o FILE] [--states] [--timeout T] [--count N] "
			"[--no-snapshot] [--utc] [--capture FILE] [--metrics [ADDR:]PORT] [--user NAME] "
			"[-- CMD ARG...]",
		.summary = "Follow socket events live, one line each, findings in place.",
		.about = "With CMD: only that command and all its descendants, until the last one "
			 "ends and its sockets are dead (1 s at most). It exits with CMD's status "
			 "(128 + signal), or 125 when socklife itself failed, 126 when CMD cannot "
			 "be run, 127 when there is no such CMD. Without -o, CMD and socklife "
			 "share stdout.",
		.options = OPTS_FILTERS | OPTS_RECORDS | OPTS_OUTPUT | OPTS_UTC | OPTS_TRACE,
		.run = cmd_trace,
	},
	{
		.name = "top",
		.synopsis = "[FILTERS] [--interval T]",
		.summary = "Full-screen live view: connections, listeners, port space, findings.",
		.about =
			"Keys 1 to 4 and Tab choose the view, arrows a row, Enter opens it: of a socket "
			"its whole life as a timeline, of a finding its evidence. < > and r sort, / "
			"filters by any text, g groups, p pauses, ? explains, q quits. Filters that "
			"choose records show the sockets that had such a record. It needs a terminal; "
			"with NO_COLOR set it has no colours.",
		.options = OPTS_FILTERS | OPTS_RECORDS | OPTS_TOP,
		.run = cmd_top,
	},
	{
		.name = "ports",
		.synopsis = "[PORT] [FILTERS] [--json] [-o FILE] [--utc] [--at TIME LOG...]",
		.summary = "Show who holds which port, and what is left of the ephemeral ports.",
		.about =
			"Every port in use in every network namespace, also those that are only "
			"bound, with the processes that have it; outgoing connections are summed up "
			"by process and destination, and --json has every socket. STARTED is when "
			"the oldest of the processes began: the kernel does not keep when a port was "
			"bound. Below: the ephemeral ports of each "
			"namespace, and the local addresses and destinations that have used most of "
			"them. With PORT: all about it, and whether a bind() to it would succeed now "
			"for a plain socket, with SO_REUSEADDR, and with SO_REUSEPORT. Nothing is "
			"traced, and nothing is tried. With --at: how it was at that time, as an audit "
			"log has it, for which no privilege is needed. LOG is a directory of record, "
			"files of one log, or - for stdin; gzip or not. A first operand that is a "
			"number is PORT (a file of that name: ./80). Where nothing was recorded at "
			"that time, it says 'not covered' and exits with 1.",
		.options = OPTS_FILTERS | OPTS_OUTPUT | OPTS_UTC | OPTS_AT,
		.max_operands = -1,
		.run = cmd_ports,
	},
	{
		.name = "record",
		.synopsis =
			"[FILTERS] [--dir DIR] [--rotate-size SIZE] [--rotate-time T] "
			"[--keep-size SIZE] [--keep-time T] [--sync none|seal] [--seal-every T] "
			"[--on-full stop|drop-oldest] [--key FILE] [--no-args] [--metrics [ADDR:]PORT]",
		.summary = "Write the audit log, for a service.",
		.about = "The log is JSON, one object a line, the same records as trace --json, in "
			 "segments DIR/socklife-NNNNNN.ndjson, gzipped when they are full. Seals "
			 "in it let socklife verify prove that it is whole. SIGHUP begins a new "
			 "segment; SIGTERM and SIGINT end it with a stop record and a last seal. "
			 "One recorder a directory.",
		.options = OPTS_FILTERS | OPTS_RECORDS | OPTS_LOG,
		.run = cmd_record,
	},
	{
		.name = "report",
		.synopsis = "[FILTERS] [--since TIME] [--until TIME] [--socket ID] [--findings] "
			    "[--json] [--html FILE] LOG...",
		.summary = "Read a log: coverage, summary, lifecycles, findings, charts.",
		.about = "LOG is a directory of record, files of one or of trace --json, or - for "
			 "stdin; gzip or not. It first says how much of the time was watched, with "
			 "every gap and loss. What cannot be read is named and the rest is still "
			 "read; it exits with 1 then.",
		.options = OPTS_FILTERS | OPTS_RECORDS | OPTS_REPORT,
		.min_operands = 1,
		.max_operands = -1,
		.run = cmd_report,
	},
	{
		.name = "verify",
		.synopsis = "[--key FILE] [--head HASH] [--json] LOG...",
		.summary = "Prove that a log is whole, or say at which record it is not and how.",
		.about = "LOG is a directory of record, files of one, or - for stdin; gzip or not. "
			 "Exits with 0 where it is whole and with 4 where it is not: changed, "
			 "removed, inserted, reordered, cut off (no stop at its end), segment "
			 "missing, wrong key, rolled back (--head) or version (of the format). "
			 "While a recorder is at work on it, an end without stop is not wrong.",
		.options = OPTS_VERIFY,
		.min_operands = 1,
		.max_operands = -1,
		.run = cmd_verify,
	},
	{
		.name = "keygen",
		.synopsis = "DIR",
		.summary = "Make the pair for --key: the start key, and the verification key.",
		.about =
			"Writes DIR/start.key, for the machine that records, and DIR/verify.key, to "
			"be kept elsewhere. It takes a new pair for each log directory.",
		.min_operands = 1,
		.max_operands = 1,
		.run = cmd_keygen,
	},
	{
		.name = "replay",
		.synopsis = "[--json] [-o FILE] FILE",
		.summary = "Run a capture through the same pipeline: the same output.",
		.about = "FILE is what trace --capture wrote. The output is that of the live run, "
			 "byte for byte, in either format. No root needed.",
		.options = OPTS_OUTPUT,
		.min_operands = 1,
		.max_operands = 1,
		.run = cmd_replay,
	},
	{
		.name = "check",
		.synopsis = "[--json]",
		.summary = "Say what this kernel offers and what is lost without the rest.",
		.about = "Lists what this kernel offers, which hooks will be used, and what is not "
			 "seen without the missing ones.",
		.options = OPTS_CHECK,
		.run = cmd_check,
	},
	{
		.name = "help",
		.synopsis = "[COMMAND|findings]",
		.summary = "Explain a command, or all findings.",
		.max_operands = 1,
		.run = cmd_help,
	},
	{
		.name = "version",
		.synopsis = "",
		.summary = "Print the version of socklife and of libbpf.",
		.run = cmd_version,
	},
	{ .name = NULL },
};

const struct command *command__find(const char *name)
{
	for (const struct command *cmd = commands; cmd->name; cmd++)
		if (!strcmp(cmd->name, name))
			return cmd;
	return NULL;
}

const char *command__similar(const char *name)
{
	const char *best = NULL;
	unsigned int least = 3;

	for (const struct command *cmd = commands; cmd->name; cmd++) {
		unsigned int d = parse__distance(name, cmd->name);

		if (d < least && d < strlen(name)) {
			least = d;
			best = cmd->name;
		}
	}
	return best;
}
