/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_help.c - help pages, made of the tables of commands, options and detectors, and the version.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include "command.h"
#include "detect.h"
#include "log.h"

#define HELP_WIDTH 80

/* A word ends at a space outside brackets: "[-o FILE]" and "[default: any]" stay whole. */
static size_t word_len(const char *s)
{
	int depth = 0;
	size_t n;

	for (n = 0; s[n] && (s[n] != ' ' || depth > 0); n++)
		depth += (s[n] == '[') - (s[n] == ']');
	return n;
}

void help__wrap(unsigned int column, unsigned int indent, const char *text)
{
	bool first = true;
	size_t n;

	if (column && column + 1 > indent) {
		putchar('\n');
		column = 0;
	}
	for (; *text; text += n + strspn(text + n, " ")) {
		n = word_len(text);
		if (!first && column + 1 + n > HELP_WIDTH) {
			putchar('\n');
			column = 0;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		for (; column < indent; column++)
			putchar(' ');
		fwrite(text, 1, n, stdout);
		column += (unsigned int)n;
		first = false;
	}
	putchar('\n');
}

static void print_usage(const struct command *cmd)
{
	unsigned int n;

	n = (unsigned int)printf("usage: socklife%s%s", *cmd->name ? " " : "", cmd->name);
	if (*cmd->synopsis)
		help__wrap(n, n + 1, cmd->synopsis);
	else
		putchar('\n');
}

static void print_commands(void)
{
	puts("\nCommands:");
	for (const struct command *cmd = commands; cmd->name; cmd++) {
		int n = printf("  %s", cmd->name);

		help__wrap((unsigned int)n, 12, cmd->summary);
	}
	puts("\n'socklife help COMMAND' explains one, 'socklife help findings' what it finds.");
}

static void print_exit_codes(void)
{
	puts("\nExit codes (except trace -- CMD):");
	puts("  0  fine");
	puts("  1  failed while running");
	puts("  2  usage");
	puts("  3  this kernel or these privileges cannot run it");
	puts("  4  verify found the log broken");
	puts("  5  output could not be written");
}

static void print_filter_rules(bool records)
{
	putchar('\n');
	help__wrap(0, 0,
		   records ?
			   "An option that chooses sockets may be given twice: it adds values. One "
			   "match admits a socket's later records through its close; only what "
			   "chooses records may leave a close out. Filters limit what is printed, "
			   "never which holders and counts a finding may use." :
			   "An option that chooses sockets may be given twice: it adds values. "
			   "Filters limit what is printed, never which sockets are counted.");
	putchar('\n');
	help__wrap(0, 0,
		   records ? "T is a duration: 500us 500ms 10s 5m 2h 30d. SIZE takes K M G (1024). "
			     "CIDR is an IPv4 or IPv6 address, with or without /LENGTH." :
			     "CIDR is an IPv4 or IPv6 address, with or without /LENGTH.");
}

void help__page(const struct command *cmd)
{
	if (!*cmd->name)
		printf("socklife: %s\n\n", cmd->summary);
	print_usage(cmd);
	if (*cmd->name) {
		putchar('\n');
		help__wrap(0, 0, cmd->summary);
		if (cmd->about) {
			putchar('\n');
			help__wrap(0, 0, cmd->about);
		}
	} else {
		print_commands();
	}
	options__help(cmd);
	if (cmd->options & OPTS_FILTERS)
		print_filter_rules(cmd->options & OPTS_RECORDS);
	if (!*cmd->name)
		print_exit_codes();
}

static void print_findings(void)
{
	puts("What socklife finds. A finding says what is wrong, who is involved, the evidence,\n"
	     "and what to do about it. Below each: the keys of its `evidence` in JSON.\n"
	     "\n"
	     "In all of them: finding, key (the same for the same subject), status (open, update at\n"
	     "most each 10 s, closed), severity, message, advice, first, last (when it was met),\n"
	     "holders (below), and in evidence: count (how often it was met), processes (proc, pid,\n"
	     "comm, uid, and counts), estimated (true: not all of it is the kernel's own word of\n"
	     "that moment).\n"
	     "\n"
	     "holders: sock, proc, pid, comm, uid, user, family, mapped, laddr, lport, raddr, rport,\n"
	     "state, since, options, ifindex. What is not known is left out.");
	for (const struct detector *const *d = detectors; *d; d++) {
		printf("\n%s (%s)\n", (*d)->id, severity_names[(*d)->severity]);
		help__wrap(0, 2, (*d)->summary);
		if ((*d)->evidence)
			help__wrap(0, 2, (*d)->evidence);
	}
}

void help__short(void)
{
	fprintf(stderr, "usage: socklife %s\ncommands:", program.synopsis);
	for (const struct command *cmd = commands; cmd->name; cmd++)
		fprintf(stderr, " %s", cmd->name);
	fprintf(stderr, "\ntry 'socklife help'\n");
}

int cmd_help(struct options *o)
{
	const char *topic = o->operands[0], *similar;
	const struct command *cmd;

	if (!topic) {
		help__page(&program);
		return EXIT_FINE;
	}
	if (!strcmp(topic, "findings")) {
		print_findings();
		return EXIT_FINE;
	}
	cmd = command__find(topic);
	if (cmd) {
		help__page(cmd);
		return EXIT_FINE;
	}
	similar = command__similar(topic);
	if (similar)
		log__error("no help about '%s', did you mean %s? try 'socklife help'", topic,
			   similar);
	else
		log__error("no help about '%s': try 'socklife help'", topic);
	return EXIT_USAGE;
}

int cmd_version(struct options *o)
{
	const char *libbpf = libbpf_version_string();

	(void)o;
	printf("socklife %s\nlibbpf %s\n", SOCKLIFE_VERSION, libbpf + (*libbpf == 'v'));
	return EXIT_FINE;
}
