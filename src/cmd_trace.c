// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_trace.c - follow socket events live, on stdout or in a file.
 */
#include "command.h"
#include "live.h"
#include "log.h"
#include "output.h"

int cmd_trace(struct options *o)
{
	struct live_config config = { .options = o };
	struct output output;
	struct live *live;
	int code;

	code = output__open(&output, o);
	if (code)
		return o->command ? EXIT_SELF_FAILED : code;
	config.out = output.out;
	config.color = output.color;
	config.columns = output.columns;
	live = live__open(&config, &code);
	if (live) {
		output__begin(&output);
		code = live__run(live);
	} else if (o->command) {
		code = EXIT_SELF_FAILED;
	}
	live__free(live);
	output__close(&output);
	return code;
}
