/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - finds the subcommand, reads its options, runs it. The table is in command.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "command.h"
#include "log.h"

/*
 * A standard descriptor that is closed would become a map or a log file. Opened the wrong way round,
 * so that using it fails as it should.
 */
static int fill_standard_fds(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			return -errno;
	return 0;
}

static const struct command *find_command(const char *name)
{
	const struct command *cmd = command__find(name);
	const char *similar;

	if (cmd)
		return cmd;
	similar = command__similar(name);
	if (similar)
		log__error("unknown command '%s', did you mean %s? try 'socklife help'", name,
			   similar);
	else
		log__error("unknown command '%s': try 'socklife help'", name);
	return NULL;
}

/* trace -- CMD: whoever started it takes other numbers for CMD's. */
static int usage_error(const struct command *cmd, int argc, char **argv, int code)
{
	int i;

	for (i = 0; i + 1 < argc && cmd->options & OPTS_TRACE; i++)
		if (!strcmp(argv[i], "--"))
			return EXIT_SELF_FAILED;
	return code;
}

static int run(int argc, char **argv)
{
	static struct options o;
	const struct command *cmd;
	int verbose, err, n;
	char **args;

	err = options__parse(&o, &program, argc, argv);
	if (err)
		return err < 0 ? EXIT_FINE : err;
	if (!o.n_operands) {
		help__short();
		return EXIT_USAGE;
	}
	cmd = find_command(o.operands[0]);
	if (!cmd)
		return EXIT_USAGE;
	verbose = o.verbose;
	n = o.n_operands;
	args = o.operands;
	err = options__parse(&o, cmd, n, args);
	if (err)
		return err < 0 ? EXIT_FINE : usage_error(cmd, n, args, err);
	o.verbose += verbose;
	log__set_verbose(o.verbose);
	return cmd->run(&o);
}

int main(int argc, char **argv)
{
	int status, err;

	err = fill_standard_fds();
	if (err) {
		log__error("a standard descriptor that is closed cannot be filled: %s",
			   log__errno(err));
		return EXIT_FAILED;
	}
	status = run(argc, argv);
	err = fflush(stdout) ? errno : 0;
	if (!err && ferror(stdout))
		err = EIO;        /* an earlier write failed: which way is not known any more */
	if (!err || err == EPIPE) /* the reader has seen enough */
		return status;
	log__error("stdout: %s", log__errno(err));
	return status ? status : EXIT_OUTPUT;
}
