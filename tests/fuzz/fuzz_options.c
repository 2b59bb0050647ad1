// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_options.c - command lines of every command; none is run. Asserted: 0 and nothing said, a usage error and one line
 * of clean text on stderr, or help or the version on stdout; what was parsed is within its bounds. Input:
 * the command's name and its arguments, each behind a newline.
 */
#include <string.h>
#include "command.h"
#include "fuzz.h"

#define ARGS_MAX 64

/* --netns opens what it is given, for reading; here it gets no file of the host. */
static void keep_from_host(char *arg)
{
	static const char own[] = "/proc/self/ns/";
	static const char before[] = "0123456789abcdefABCDEF:";

	for (char *s = arg; *s; s++) {
		if (!strncmp(s, own, strlen(own)))
			s += strlen(own) - 1;
		else if (*s == '/' && (s == arg || !strchr(before, s[-1])))
			*s = '_';
	}
}

static int split(char *text, char **argv)
{
	int argc = 0;

	while (text && argc < ARGS_MAX) {
		char *arg = strsep(&text, "\n");

		keep_from_host(arg);
		argv[argc++] = arg;
	}
	argv[argc] = NULL;
	return argc;
}

static void check_sockets(const struct socket_filter *f)
{
	CHECK(f->n_pids <= FILTER_SET_MAX && f->n_uids <= FILTER_SET_MAX);
	CHECK(f->n_netns <= FILTER_SET_MAX && f->n_comms <= FILTER_COMMS);
	for (size_t i = 0; i < f->n_comms; i++)
		CHECK(f->comms[i][0] && !f->comms[i][COMM_LEN - 1]);
	for (size_t i = 0; i < f->n_pids; i++)
		CHECK(f->pids[i]);
	for (int side = 0; side < SIDES; side++)
		CHECK(f->n_cidrs[side] <= FILTER_CIDRS);
	CHECK(f->n_cgroups <= OPTION_SET_MAX && f->n_containers <= OPTION_SET_MAX &&
	      f->n_units <= OPTION_SET_MAX);
	CHECK(f->tcp || f->udp);
	CHECK(f->ipv4 || f->ipv6);
}

static void check_options(const struct options *o, const struct command *cmd)
{
	CHECK(o->ring_size >= 4096 && !(o->ring_size & (o->ring_size - 1)));
	CHECK(o->table_size && o->interval_ns && o->close_wait_ns);
	CHECK(o->log.dir && o->log.rotate_size && o->log.seal_ns && o->log.queue_size);
	CHECK(!o->head || strlen(o->head) == 64);
	CHECK(o->records.n_errnos <= OPTION_SET_MAX);
	for (size_t i = 0; i < o->records.n_errnos; i++)
		CHECK(o->records.errnos[i] > 0);
	CHECK(o->operands && !o->operands[o->n_operands]);
	CHECK(o->n_operands >= cmd->min_operands);
	CHECK(cmd->max_operands < 0 || o->n_operands <= cmd->max_operands);
	CHECK(!o->command || o->command[0]);
	check_sockets(&o->sockets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGS_MAX + 1], *text = calloc(1, size + 1);
	static struct options o;
	const struct command *cmd;
	struct fuzz_said said;
	int argc, err;

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	argc = split(text, argv);
	cmd = command__find(argv[0]);
	if (!cmd)
		cmd = &program;
	fuzz__begin(&said);
	err = options__parse(&o, cmd, argc, argv);
	fuzz__end(&said);
	fuzz__check_text(said.err, said.err_len);
	fuzz__check_text(said.out, said.out_len);
	CHECK(err == 0 || err == EXIT_USAGE || err == -1);
	CHECK(!said.out_len == (err != -1));
	CHECK(!said.err_len == (err != EXIT_USAGE));
	if (err == EXIT_USAGE)
		CHECK(strchr(said.err, '\n') == said.err + said.err_len - 1);
	if (!err)
		check_options(&o, cmd);
	fuzz__free(&said);
	free(text);
	return 0;
}
