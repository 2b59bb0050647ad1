// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - opens the file of -o, or takes stdout, and decides about colour. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "command.h"
#include "log.h"
#include "output.h"

static bool is_stdout(const struct options *o)
{
	return !o->output || !strcmp(o->output, "-");
}

int output__open(struct output *output, const struct options *o)
{
	const char *no_color = getenv("NO_COLOR");
	struct winsize size = { 0 };

	*output = (struct output){ .fd = STDOUT_FILENO };
	if (!is_stdout(o)) {
		output->fd = open(o->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
		if (output->fd < 0) {
			log__error("--output: '%s' cannot be written: %s", o->output,
				   log__errno(errno));
			return EXIT_OUTPUT;
		}
	}
	output->out = out__new(output->fd);
	if (!output->out) {
		output__close(output);
		log__error("out of memory");
		return EXIT_FAILED;
	}
	if (!o->json && isatty(output->fd)) {
		output->color = !(no_color && *no_color);
		if (!ioctl(output->fd, TIOCGWINSZ, &size))
			output->columns = size.ws_col;
	}
	return 0;
}

void output__begin(struct output *output)
{
	struct stat st;

	if (!fstat(output->fd, &st) && S_ISREG(st.st_mode) && output->fd > STDERR_FILENO &&
	    ftruncate(output->fd, 0))
		log__warn("--output: what was in the file stays behind the new (%s)",
			  log__errno(errno));
}

int output__flush(const struct output *output, const struct options *o)
{
	int err = out__flush(output->out);

	if (!err || err == -EPIPE)
		return EXIT_FINE;
	log__error("the output '%s' cannot be written: %s", o->output ? o->output : "stdout",
		   log__errno(err));
	return EXIT_OUTPUT;
}

void output__close(struct output *output)
{
	out__free(output->out);
	output->out = NULL;
	if (output->fd > STDERR_FILENO)
		close(output->fd);
	output->fd = -1;
}
