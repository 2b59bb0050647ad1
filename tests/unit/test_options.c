/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_options.c - the command line: the table has every option of the interface, each takes what it
 * should and refuses the rest in one line that names option and value, and the help tells of each.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "command.h"
#include "options.h"
#include "record.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ARGS_MAX      128
#define SAID_MAX      16384

static struct options o;
static char said[SAID_MAX]; /* on stderr by parse(), on stdout by help_says() */

static FILE *divert(int fd, int *kept)
{
	FILE *f = tmpfile();

	fflush(NULL);
	*kept = dup(fd);
	assert_true(f && *kept >= 0 && dup2(fileno(f), fd) == fd);
	return f;
}

static void restore(int fd, int kept, FILE *f)
{
	size_t n;

	fflush(NULL);
	assert_true(dup2(kept, fd) == fd);
	close(kept);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
}

/* Options as a command gets them; args end with NULL. */
static int parse_for(const char *command, const char *const *args)
{
	static char *argv[ARGS_MAX + 2];
	int argc = 0, kept, err;
	FILE *f;

	argv[argc++] = (char *)command;
	while (*args && argc < ARGS_MAX)
		argv[argc++] = (char *)*args++;
	argv[argc] = NULL;
	f = divert(STDERR_FILENO, &kept);
	err = options__parse(&o, *command ? command__find(command) : &program, argc, argv);
	restore(STDERR_FILENO, kept, f);
	return err;
}

#define PARSE(command, ...) parse_for(command, (const char *const[]){ __VA_ARGS__, NULL })

static void help_says(const struct command *cmd)
{
	int kept;
	FILE *f = divert(STDOUT_FILENO, &kept);

	help__page(cmd);
	restore(STDOUT_FILENO, kept, f);
}

/* What parse() said is one line, without control bytes, with all these words. */
static void assert_said(const char *first, ...)
{
	const char *end = strchr(said, '\n'), *word;
	va_list words;

	assert_true(end && !end[1]);
	assert_memory_equal(said, "socklife: ", 10);
	va_start(words, first);
	for (word = first; word; word = va_arg(words, const char *))
		if (!strstr(said, word))
			fail_msg("no \"%s\" in %s", word, said);
	va_end(words);
}

static const struct option_row *row_of(const char *name)
{
	const struct option_row *row;

	for (size_t i = 0; (row = options__row(i)); i++)
		if (!strcmp(row->name, name))
			return row;
	fail_msg("there is no --%s", name);
	return NULL;
}

static void test_there_is_room_for_all_rows(void **state)
{
	(void)state;
	assert_null(options__row(OPTION_ROWS_MAX));
}

/* A command that takes it. */
static const char *command_with(const struct option_row *row)
{
	const struct command *cmd = commands;

	while (cmd->name && row->groups && !(row->groups & cmd->options))
		cmd++;
	if (!cmd->name)
		fail_msg("no command takes --%s", row->name);
	return cmd->name;
}

static void test_table_has_the_interface(void **state)
{
	static const struct {
		const char *name;
		char letter;
	} interface[] = {
		{ "pid", 'p' },     { "follow", 'f' }, { "comm", 0 },        { "uid", 'u' },
		{ "port", 'P' },    { "lport", 0 },    { "rport", 0 },       { "addr", 0 },
		{ "laddr", 0 },     { "raddr", 0 },    { "proto", 0 },       { "ipv4", '4' },
		{ "ipv6", '6' },    { "netns", 0 },    { "cgroup", 0 },      { "container", 0 },
		{ "unit", 0 },      { "event", 0 },    { "failed", 0 },      { "errno", 0 },
		{ "slower", 0 },    { "json", 0 },     { "output", 'o' },    { "states", 0 },
		{ "timeout", 0 },   { "count", 0 },    { "no-snapshot", 0 }, { "utc", 0 },
		{ "capture", 0 },   { "user", 0 },     { "ring-size", 0 },   { "table-size", 0 },
		{ "verbose", 'v' }, { "help", 'h' },   { "version", 'V' },
	};
	static const char *const of_record[] = { "dir",        "rotate-size", "rotate-time",
						 "keep-size",  "keep-time",   "sync",
						 "seal-every", "on-full",     "key",
						 "no-args",    "pid",         "event" };
	uint32_t trace = command__find("trace")->options;
	uint32_t record = command__find("record")->options;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(interface); i++) {
		const struct option_row *row = row_of(interface[i].name);

		assert_int_equal(row->letter, interface[i].letter);
		assert_true(!row->groups || row->groups & trace);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_record); i++)
		assert_true(row_of(of_record[i])->groups & record);
}

static void test_rows_are_whole(void **state)
{
	const struct option_row *row, *other;

	(void)state;
	for (size_t i = 0; (row = options__row(i)); i++) {
		assert_non_null(row->help);
		assert_non_null(row->parse);
		assert_in_range(row->section, 0, SECTIONS - 1);
		assert_true(!row->arg == !row->fallback && !row->arg == !row->wrong);
		assert_false(row->list && !row->arg);
		for (size_t k = 0; k < i && (other = options__row(k)); k++) {
			assert_string_not_equal(row->name, other->name);
			assert_true(!row->letter || row->letter != other->letter);
		}
	}
}

static void test_help_has_every_option(void **state)
{
	const struct option_row *row;
	char words[128];

	(void)state;
	for (const struct command *cmd = commands; cmd->name; cmd++) {
		help_says(cmd);
		assert_non_null(strstr(said, cmd->name));
		for (size_t i = 0; (row = options__row(i)); i++) {
			bool takes = !row->groups || row->groups & cmd->options;

			snprintf(words, sizeof(words), " --%s %s", row->name,
				 row->arg ? row->arg : "");
			if (takes != !!strstr(said, words))
				fail_msg("%s: '%s' in the help", cmd->name, words);
			if (!takes || !row->fallback)
				continue;
			snprintf(words, sizeof(words), "[default: %s]", row->fallback);
			assert_non_null(strstr(strstr(said, row->name), words));
		}
	}
	help_says(&program);
	for (const struct command *cmd = commands; cmd->name; cmd++)
		assert_non_null(strstr(said, cmd->name));
}

static void test_help_is_80_columns(void **state)
{
	(void)state;
	for (const struct command *cmd = commands; cmd->name; cmd++) {
		help_says(cmd);
		for (const char *line = said; *line; line += strcspn(line, "\n") + 1) {
			size_t n = strcspn(line, "\n");

			assert_true(n <= 80);
			assert_true(!n || line[n - 1] != ' ');
		}
	}
}

static void test_help_lists_event_names(void **state)
{
	(void)state;
	for (int type = RECORD_SNAPSHOT; type <= RECORD_FINDING; type++) {
		assert_non_null(strstr(row_of("event")->help, record_names[type]));
		assert_non_null(strstr(row_of("event")->wrong, record_names[type]));
		assert_int_equal(PARSE("trace", "--event", record_names[type]), 0);
		assert_int_equal(o.records.events, 1u << type);
	}
}

/* `named`: what the message must quote, where it is not the whole value. */
static const struct sample {
	const char *option, *value, *named;
} good[] = {
	{ "pid", "1,4194304", NULL },
	{ "comm", "nginx", NULL },
	{ "comm", "a name longer than the kernel keeps,b", NULL },
	{ "uid", "0,root,4294967294", NULL },
	{ "port", "80,443,8000-8999,65535", NULL },
	{ "lport", "1-65535", NULL },
	{ "rport", "53", NULL },
	{ "addr", "10.0.0.0/8", NULL },
	{ "addr", "::1,127.0.0.1", NULL },
	{ "laddr", "0.0.0.0/0", NULL },
	{ "raddr", "2001:db8::/32", NULL },
	{ "proto", "tcp,udp", NULL },
	{ "netns", "4026531840", NULL },
	{ "netns", "/proc/self/ns/net", NULL },
	{ "cgroup", "/system.slice,with-a-comma", NULL },
	{ "container", "0123456789ab", NULL },
	{ "unit", "nginx.service", NULL },
	{ "event", "bind,close", NULL },
	{ "errno", "EADDRINUSE,eagain", NULL },
	{ "slower", "500ms", NULL },
	{ "output", "/tmp/a file", NULL },
	{ "timeout", "30d", NULL },
	{ "interval", "100ms", NULL },
	{ "interval", "1h", NULL },
	{ "close-wait", "5m", NULL },
	{ "count", "18446744073709551615", NULL },
	{ "capture", "x.cap", NULL },
	{ "ring-size", "1G", NULL },
	{ "table-size", "67108864", NULL },
	{ "dir", "a", NULL },
	{ "rotate-size", "64K", NULL },
	{ "rotate-time", "1h", NULL },
	{ "keep-size", "10G", NULL },
	{ "keep-time", "30d", NULL },
	{ "sync", "none", NULL },
	{ "sync", "seal", NULL },
	{ "seal-every", "60s", NULL },
	{ "on-full", "stop", NULL },
	{ "on-full", "drop-oldest", NULL },
	{ "key", "start.key", NULL },
	{ "head", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL },
	{ "queue-size", "1M", NULL },
	{ "since", "2026-05-03T03:12:00Z", NULL },
	{ "until", "yesterday", NULL },
	{ "at", "-2h", NULL },
	{ "socket", "89387", NULL },
	{ "socket", "sk:15d2b", NULL },
	{ "socket", "0xFFFFFFFFFFFFFFFF", NULL },
	{ "html", "report.html", NULL },
	{ "metrics", "9477", NULL },
	{ "metrics", "[::]:1", NULL },
}, bad[] = {
	{ "pid", "0", NULL },
	{ "pid", "4194305", NULL },
	{ "pid", "1,,2", "" },
	{ "pid", "1,", "" },
	{ "comm", "a,", "" },
	{ "uid", "no such user", NULL },
	{ "uid", "4294967295", NULL },
	{ "port", "65536", NULL },
	{ "port", "80,http", "http" },
	{ "lport", "90-80", NULL },
	{ "rport", "-1", NULL },
	{ "addr", "10.0.0.0/33", NULL },
	{ "addr", "::1,example.com", "example.com" },
	{ "laddr", "10.0.0", NULL },
	{ "raddr", "::/129", NULL },
	{ "proto", "mptcp", NULL },
	{ "proto", "tcp,sctp", "sctp" },
	{ "netns", "/dev/null", NULL },
	{ "cgroup", "", NULL },
	{ "container", "0123456789a", NULL },
	{ "container", "my-container-1", NULL },
	{ "unit", "a/b", NULL },
	{ "event", "stop", NULL },
	{ "event", "bind,open", "open" },
	{ "errno", "EADDRINUSE,ENOSUCH", "ENOSUCH" },
	{ "slower", "500", NULL },
	{ "output", "", NULL },
	{ "timeout", "0ms", NULL },
	{ "interval", "99ms", NULL },
	{ "interval", "61m", NULL },
	{ "interval", "1", NULL },
	{ "close-wait", "0s", NULL },
	{ "count", "0", NULL },
	{ "count", "18446744073709551616", NULL },
	{ "capture", "", NULL },
	{ "user", "no such user", NULL },
	{ "user", "0", NULL },
	{ "ring-size", "5000", NULL },
	{ "ring-size", "2G", NULL },
	{ "table-size", "0", NULL },
	{ "table-size", "67108865", NULL },
	{ "dir", "", NULL },
	{ "rotate-size", "65535", NULL },
	{ "rotate-time", "0s", NULL },
	{ "keep-size", "many", NULL },
	{ "keep-time", "30", NULL },
	{ "sync", "always", NULL },
	{ "seal-every", "61s", NULL },
	{ "on-full", "drop", NULL },
	{ "key", "", NULL },
	{ "head", "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", NULL },
	{ "queue-size", "1023K", NULL },
	{ "since", "2026-02-30", NULL },
	{ "since", "2h", NULL },
	{ "until", "25:00", NULL },
	{ "at", "zork", NULL },
	{ "socket", "15d2b", NULL },
	{ "socket", "0", NULL },
	{ "socket", "sk:", NULL },
	{ "socket", "sk:0", NULL },
	{ "socket", "sk:12345678901234567", NULL },
	{ "html", "", NULL },
	{ "metrics", "0", NULL },
	{ "metrics", "localhost:9477", NULL },
};

static void test_good_values(void **state)
{
	const struct command *cmd;
	char option[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(option, sizeof(option), "--%s", good[i].option);
		cmd = command__find(command_with(row_of(good[i].option)));
		if (PARSE(cmd->name, option, good[i].value, cmd->min_operands ? "x" : NULL) ||
		    said[0])
			fail_msg("%s '%s': %s", option, good[i].value, said);
		assert_true((o.sockets.on & row_of(good[i].option)->filter) == o.sockets.on);
	}
}

static void test_bad_values(void **state)
{
	char option[64], expected[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct option_row *row = row_of(bad[i].option);
		const char *named = bad[i].named ? bad[i].named : bad[i].value;

		snprintf(option, sizeof(option), "--%s", row->name);
		snprintf(expected, sizeof(expected), "socklife: --%s: '%s' %s\n", row->name, named,
			 row->wrong);
		if (PARSE(command_with(row), option, bad[i].value) != EXIT_USAGE)
			fail_msg("%s '%s' was taken", option, bad[i].value);
		assert_string_equal(said, expected);
		assert_true(strstr(row->wrong, "is not ") && strstr(row->wrong, ": give "));
	}
}

static void test_every_value_is_tried(void **state)
{
	const struct option_row *row;

	(void)state;
	for (size_t k = 0; (row = options__row(k)); k++) {
		size_t n_good = 0, n_bad = 0;

		for (size_t i = 0; i < ARRAY_SIZE(good); i++)
			n_good += !strcmp(good[i].option, row->name);
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			n_bad += !strcmp(bad[i].option, row->name);
		n_good += !strcmp(row->name, "user"); /* needs a command: tried elsewhere */
		if (row->arg && (!n_good || !n_bad))
			fail_msg("--%s has no sample", row->name);
	}
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(PARSE("trace", NULL), 0);
	assert_int_equal(o.ring_size, RING_SIZE_DEFAULT);
	assert_int_equal(o.table_size, 1000000);
	assert_true(o.sockets.tcp && o.sockets.udp && o.sockets.ipv4 && o.sockets.ipv6);
	assert_true(!o.json && !o.utc && !o.states && !o.no_snapshot && !o.verbose);
	assert_true(!o.output && !o.capture && !o.user && !o.command && !o.n_operands);
	assert_true(o.close_wait_ns == 60000000000);
	assert_true(!o.timeout_ns && !o.count && !o.sockets.on && !o.records.events);
	assert_null(o.operands[0]);
	/* What the help prints as default is what it is. */
	assert_int_equal(PARSE("trace", "--ring-size", row_of("ring-size")->fallback), 0);
	assert_int_equal(o.ring_size, RING_SIZE_DEFAULT);
	assert_int_equal(PARSE("trace", "--table-size", row_of("table-size")->fallback), 0);
	assert_int_equal(o.table_size, TABLE_SIZE_DEFAULT);
}

static void test_top_options(void **state)
{
	uint32_t trace = command__find("trace")->options, top = command__find("top")->options;

	(void)state;
	assert_int_equal(trace & (OPTS_FILTERS | OPTS_RECORDS),
			 top & (OPTS_FILTERS | OPTS_RECORDS));
	assert_int_equal(PARSE("top", NULL), 0);
	assert_true(o.interval_ns == 1000000000);
	assert_int_equal(PARSE("top", "--interval", row_of("interval")->fallback), 0);
	assert_true(o.interval_ns == 1000000000);
	assert_int_equal(PARSE("top", "--interval", "250ms", "--port", "80", "--failed"), 0);
	assert_true(o.interval_ns == 250000000 && o.sockets.on && o.records.failed);
	assert_int_equal(PARSE("top", "--json"), 2);
	assert_int_equal(PARSE("trace", "--interval", "1s"), 2);
}

static void test_log_options(void **state)
{
	static const char *const sizes[] = { "--rotate-size", "--queue-size", "--rotate-time",
					     "--seal-every" };
	const struct log_options *l = &o.log;
	struct log_options defaults;

	(void)state;
	assert_int_equal(PARSE("record", NULL), 0);
	assert_string_equal(l->dir, "/var/log/socklife");
	assert_true(!o.key && !l->keep_size && !l->keep_ns && !l->no_sync && !l->drop_oldest &&
		    !l->no_args);
	defaults = *l;
	/* What the help prints as default is what it is. */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(PARSE("record", sizes[i], row_of(sizes[i] + 2)->fallback), 0);
		assert_memory_equal(l, &defaults, sizeof(*l));
	}
	assert_int_equal(PARSE("record", "--dir", "d", "--rotate-size", "1M", "--rotate-time", "2h",
			       "--keep-size", "3G", "--keep-time", "4d", "--sync", "none",
			       "--seal-every", "500ms", "--on-full", "drop-oldest", "--key", "k",
			       "--no-args", "--queue-size", "2M", "--ring-size", "64K", "--failed"),
			 0);
	assert_string_equal(l->dir, "d");
	assert_string_equal(o.key, "k");
	assert_true(l->rotate_size == 1 << 20 && l->rotate_ns == 7200 * 1000000000ull);
	assert_true(l->keep_size == 3ull << 30 && l->keep_ns == 345600 * 1000000000ull);
	assert_true(l->no_sync && l->drop_oldest && l->no_args && o.records.failed);
	assert_true(l->seal_ns == 500000000 && l->queue_size == 2 << 20 && o.ring_size == 65536);
	assert_int_equal(PARSE("record", "--sync", "none", "--sync", "seal", "--on-full",
			       "drop-oldest", "--on-full", "stop"),
			 0);
	assert_true(!l->no_sync && !l->drop_oldest);
	assert_int_equal(PARSE("record", "x"), EXIT_USAGE);
	assert_int_equal(PARSE("record", "--json"), EXIT_USAGE);
	assert_int_equal(PARSE("trace", "--dir", "d"), EXIT_USAGE);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(PARSE("trace", "-vfp1", "-v", "--json", "--states", "--no-snapshot",
			       "--utc", "--failed", "--verbose"),
			 0);
	assert_int_equal(o.verbose, 3);
	assert_true(o.sockets.follow && o.json && o.states && o.no_snapshot && o.utc);
	assert_true(o.records.failed);
	assert_int_equal(PARSE("trace", "--event", "state"), 0);
	assert_true(o.states);
	assert_int_equal(PARSE("trace", "-6"), 0);
	assert_true(o.sockets.ipv6 && !o.sockets.ipv4);
	assert_int_equal(PARSE("trace", "-46"), 0);
	assert_true(o.sockets.ipv6 && o.sockets.ipv4);
	assert_int_equal(PARSE("trace", "--proto", "udp"), 0);
	assert_true(o.sockets.udp && !o.sockets.tcp);
}

static bool has_port(unsigned int side, unsigned int port)
{
	return o.sockets.ports[side][port / 64] >> (port % 64) & 1;
}

static void test_filters_add(void **state)
{
	struct socket_filter *f = &o.sockets;

	(void)state;
	assert_int_equal(PARSE("trace", "-p", "7,8", "--pid=9", "-p7", "--comm", "a", "--comm",
			       "b,c", "-uroot", "-u", "5", "--netns", "77", "--netns", "78"),
			 0);
	assert_int_equal(f->on, FILTER_PID | FILTER_COMM | FILTER_UID | FILTER_NETNS);
	assert_true(f->n_pids == 3 && f->pids[0] == 7 && f->pids[2] == 9);
	assert_true(f->n_comms == 3 && !strcmp(f->comms[2], "c"));
	assert_true(f->n_uids == 2 && f->uids[0] == 0 && f->uids[1] == 5);
	assert_true(f->n_netns == 2 && f->netns[1] == 78);
	assert_int_equal(
		PARSE("trace", "-P", "80,90-91", "--port", "1", "--lport", "2", "--rport", "3"), 0);
	assert_int_equal(f->on, FILTER_PORT | FILTER_LPORT | FILTER_RPORT);
	assert_true(has_port(SIDE_EITHER, 80) && has_port(SIDE_EITHER, 91));
	assert_true(has_port(SIDE_EITHER, 1) && !has_port(SIDE_EITHER, 2));
	assert_true(has_port(SIDE_LOCAL, 2) && has_port(SIDE_REMOTE, 3));
	assert_int_equal(
		PARSE("trace", "--addr", "10.0.0.1/8", "--addr", "::1", "--laddr", "1.2.3.4"), 0);
	assert_true(f->n_cidrs[SIDE_EITHER] == 2 && f->n_cidrs[SIDE_LOCAL] == 1);
	assert_int_equal(f->cidrs[SIDE_EITHER][0].addr[15], 0);
	assert_int_equal(PARSE("trace", "--proto", "tcp", "--proto", "udp", "--event", "bind",
			       "--event", "close", "--errno", "EPERM", "--errno", "EAGAIN"),
			 0);
	assert_true(f->tcp && f->udp && o.records.n_errnos == 2);
	assert_int_equal(o.records.errnos[0], EPERM);
	assert_int_equal(o.records.events, 1u << RECORD_BIND | 1u << RECORD_CLOSE);
	assert_int_equal(PARSE("trace", "--cgroup", "/a", "--cgroup", "/b,c", "--unit", "x",
			       "--container", "0123456789abcdef"),
			 0);
	assert_true(f->on == FILTER_CGROUP && f->n_cgroups == 2 && f->n_units == 1);
	assert_string_equal(f->cgroups[1], "/b,c");
	assert_string_equal(f->containers[0], "0123456789abcdef");
}

static void test_values(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(PARSE("trace", "--timeout", "5m", "--slower", "250us", "--count", "12",
			       "-o", "f", "--capture=g", "--ring-size", "64K", "--table-size",
			       "10"),
			 0);
	assert_true(o.timeout_ns == 300000000000 && o.records.slower_ns == 250000 && o.count == 12);
	assert_string_equal(o.output, "f");
	assert_string_equal(o.capture, "g");
	assert_true(o.ring_size == 65536 && o.table_size == 10);
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(PARSE("trace", "--netns", "/proc/self/ns/net"), 0);
	assert_int_equal(o.sockets.netns[0], st.st_ino);
	assert_int_equal(PARSE("trace", "--comm", "0123456789abcdefgh"), 0);
	assert_string_equal(o.sockets.comms[0], "0123456789abcde"); /* as the kernel cuts it */
}

/* One more than fits, in a list or by repetition. */
static void test_too_many(void **state)
{
	static const char *const names[] = { "--comm", "--addr", "--cgroup", "--errno" };
	static const char *const values[] = { "x", "::1", "/x", "EPERM" };
	static const size_t most[] = { FILTER_COMMS, FILTER_CIDRS, OPTION_SET_MAX, OPTION_SET_MAX };
	const char *args[2 * (OPTION_SET_MAX + 1) + 1];
	char *pids = malloc(8 * FILTER_SET_MAX + 16), *end = pids;

	(void)state;
	assert_non_null(pids);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = 0;

		while (n < most[i] + 1) {
			char *word = malloc(64);

			assert_non_null(word);
			snprintf(word, 64, "%s=%s", names[i], values[i]);
			args[n++] = word;
		}
		args[n] = NULL;
		assert_int_equal(parse_for("trace", args), EXIT_USAGE);
		assert_said(names[i], values[i], "too many", NULL);
		free((char *)args[--n]);
		args[n] = NULL;
		assert_int_equal(parse_for("trace", args), 0);
		while (n)
			free((char *)args[--n]);
	}
	for (int pid = 1; pid <= FILTER_SET_MAX; pid++)
		end += sprintf(end, "%s%d", pid > 1 ? "," : "", pid);
	assert_int_equal(PARSE("trace", "--pid", pids), 0);
	assert_int_equal(o.sockets.n_pids, FILTER_SET_MAX);
	memcpy(end, ",5000", 6);
	assert_int_equal(PARSE("trace", "--pid", pids), EXIT_USAGE);
	assert_said("--pid", "'5000'", "too many", NULL);
	free(pids);
}

static void test_command_after_dashes(void **state)
{
	(void)state;
	assert_int_equal(PARSE("trace", "--json", "--", "curl", "-s", "--json", "--", "x"), 0);
	assert_string_equal(o.command[0], "curl");
	assert_string_equal(o.command[4], "x");
	assert_null(o.command[5]);
	assert_true(o.json && o.n_operands == 0 && !o.operands[0]);
	assert_int_equal(PARSE("trace", "-o", "--", "--", "curl"), 0);
	assert_string_equal(o.output, "--");
	assert_string_equal(o.command[0], "curl");
	assert_int_equal(PARSE("trace", "-o", "--", "curl"), EXIT_USAGE);
	assert_said("'curl'", "after '--'", "socklife help trace", NULL);
	assert_int_equal(PARSE("trace", "curl", "--bogus"), EXIT_USAGE);
	assert_said("'curl'", "after '--'", NULL);
	assert_int_equal(PARSE("trace", "--"), EXIT_USAGE);
	assert_said("no command", NULL);
}

static void test_options_that_need_or_exclude(void **state)
{
	(void)state;
	assert_int_equal(PARSE("trace", "--user", "root", "--", "true"), 0);
	assert_string_equal(o.user, "root");
	assert_int_equal(PARSE("trace", "--user", "root"), EXIT_USAGE);
	assert_said("--user", "command", NULL);
	assert_int_equal(PARSE("trace", "-f"), EXIT_USAGE);
	assert_said("--follow", "--pid", NULL);
	assert_int_equal(PARSE("trace", "-p", "1", "--", "true"), EXIT_USAGE);
	assert_said("--pid", "command", NULL);
	assert_int_equal(PARSE("trace", "-f", "--", "true"), 0);
}

static void test_unknown_options(void **state)
{
	(void)state;
	assert_int_equal(PARSE("trace", "--bogus=1"), EXIT_USAGE);
	assert_said("unknown option '--bogus':", "try 'socklife help trace'", NULL);
	assert_int_equal(PARSE("trace", "--ports", "1"), EXIT_USAGE);
	assert_said("'--ports'", "did you mean --port?", "try 'socklife help trace'", NULL);
	assert_int_equal(PARSE("trace", "-vx"), EXIT_USAGE);
	assert_said("unknown option '-x':", "try 'socklife help trace'", NULL);
	assert_int_equal(PARSE("trace", "--bo\ngus\x1b"), EXIT_USAGE);
	assert_said("'--bo\\x0agus\\x1b'", NULL);
	assert_int_equal(PARSE("trace", "--r", "1"), EXIT_USAGE);
	assert_said("'--r'", "--rport", "--raddr", "try 'socklife help trace'", NULL);
	assert_int_equal(PARSE("trace", "--rp", "1"), 0);
	assert_int_equal(PARSE("trace", "--slower"), EXIT_USAGE);
	assert_said("--slower: needs T", "try 'socklife help trace'", NULL);
	assert_int_equal(PARSE("trace", "-p"), EXIT_USAGE);
	assert_said("--pid: needs N[,N]", NULL);
	assert_int_equal(PARSE("trace", "--json=yes"), EXIT_USAGE);
	assert_said("--json: takes no value", NULL);
	assert_int_equal(PARSE("check", "--port", "1"), EXIT_USAGE);
	assert_said("'--port'", "check", NULL);
	assert_int_equal(PARSE("check", "-P", "1"), EXIT_USAGE);
	assert_said("'-P'", "check", NULL);
	assert_int_equal(PARSE("", "--json", "trace"), EXIT_USAGE);
	assert_said("'--json'", "COMMAND", "try 'socklife help'", NULL);
}

static void test_operands(void **state)
{
	(void)state;
	assert_int_equal(PARSE("replay", "f", "--json"), 0);
	assert_string_equal(o.operands[0], "f");
	assert_true(o.json && o.n_operands == 1);
	assert_int_equal(PARSE("replay", "--", "-f"), 0);
	assert_string_equal(o.operands[0], "-f");
	assert_int_equal(PARSE("replay", "f", "g"), EXIT_USAGE);
	assert_said("replay", "'g'", NULL);
	assert_int_equal(PARSE("replay", "--json"), EXIT_USAGE);
	assert_said("replay", "FILE", NULL);
	assert_int_equal(PARSE("check", "x"), EXIT_USAGE);
	assert_said("check", "'x'", NULL);
	assert_int_equal(PARSE("", "-v", "trace", "--bogus"), 0);
	assert_true(o.verbose == 1 && o.n_operands == 2);
	assert_string_equal(o.operands[0], "trace");
}

static void test_help_and_version(void **state)
{
	static const char *const words[] = { "-h", "--help", "-V", "--version", "-vh" };
	int kept;
	FILE *f;

	(void)state;
	for (const struct command *cmd = commands; cmd->name; cmd++) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			char *argv[] = { (char *)cmd->name, (char *)words[i], NULL };

			f = divert(STDOUT_FILENO, &kept);
			assert_int_equal(options__parse(&o, cmd, 2, argv), -1);
			restore(STDOUT_FILENO, kept, f);
			assert_non_null(strstr(said, strchr(words[i], 'h') ? "usage: socklife " :
									     "libbpf "));
		}
	}
}

static void test_commands(void **state)
{
	static const char *const names[] = { "trace",  "top",    "ports",  "record",
					     "report", "verify", "keygen", "replay",
					     "check",  "help",   "version" };
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(command__find(names[i]));
	for (const struct command *cmd = commands; cmd->name; cmd++, n++)
		assert_true(cmd->synopsis && cmd->summary && cmd->run);
	assert_int_equal(n, ARRAY_SIZE(names));
	assert_null(command__find("tr"));
	assert_null(command__find(""));
	assert_string_equal(command__similar("trce"), "trace");
	assert_string_equal(command__similar("recrod"), "record");
	assert_null(command__similar(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_is_room_for_all_rows),
		cmocka_unit_test(test_table_has_the_interface),
		cmocka_unit_test(test_rows_are_whole),
		cmocka_unit_test(test_help_has_every_option),
		cmocka_unit_test(test_help_is_80_columns),
		cmocka_unit_test(test_help_lists_event_names),
		cmocka_unit_test(test_good_values),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_every_value_is_tried),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_top_options),
		cmocka_unit_test(test_log_options),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_filters_add),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_command_after_dashes),
		cmocka_unit_test(test_options_that_need_or_exclude),
		cmocka_unit_test(test_unknown_options),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
