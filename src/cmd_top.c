// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_top.c - the full-screen live view: records to the model, the kernel's own view beside them, a screen on top.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "command.h"
#include "live.h"
#include "log.h"
#include "privileges.h"
#include "top/screen.h"
#include "top/terminal.h"

struct top {
	struct top_model *model;
	struct top_walk *walk;
	struct top_screen *screen;
	struct live *live;
	int quit;
};

static struct sink *make_sink(void *arg)
{
	const struct top *t = arg;

	return top_model__sink(t->model);
}

static void on_over(void *arg)
{
	struct top *t = arg;

	top_screen__close(t->screen);
	t->screen = NULL;
}

static bool is_filtered(const struct socket_filter *f)
{
	return f->on || f->follow || !f->tcp || !f->udp || !f->ipv4 || !f->ipv6;
}

static int open_screen(struct top *t, const struct options *o)
{
	const struct top_walk_config walk = { .model = t->model,
					      .filter = &o->sockets,
					      .tracer = live__tracer(t->live),
					      .filtered = is_filtered(&o->sockets),
					      .interval_ns = o->interval_ns };
	struct top_screen_config screen = { .model = t->model,
					    .interval_ns = o->interval_ns,
					    .quit = t->quit };

	t->walk = screen.walk = top_walk__start(&walk);
	if (t->walk)
		t->screen = top_screen__open(&screen);
	if (t->screen)
		return 0;
	log__error("the screen cannot be made: %s", log__errno(errno));
	return EXIT_FAILED;
}

static int run(struct top *t, const struct options *o)
{
	const struct live_screen screen = {
		.sink = make_sink, .over = on_over, .quit = t->quit, .arg = t
	};
	const struct live_config config = { .options = o, .screen = &screen };
	int code;

	t->live = live__open(&config, &code);
	if (!t->live)
		return code;
	code = open_screen(t, o);
	privileges__drop_thread(PRIVILEGES_LIVE, 0);
	if (!code)
		code = live__run(t->live);
	top_screen__close(t->screen);
	top_walk__stop(t->walk);
	live__free(t->live);
	return code;
}

int cmd_top(struct options *o)
{
	const struct top_model_config model = { .max = o->table_size,
						.chosen = &o->records,
						.filtered = is_filtered(&o->sockets) };
	struct top t = { .quit = -1 };
	int code = EXIT_FAILED;
	char why[256];

	if (terminal__check(why, sizeof(why))) {
		log__error(
			"top: %s: for lines use 'socklife trace', for a snapshot 'socklife ports'",
			why);
		return EXIT_USAGE;
	}
	top_screen__block_signals();
	t.model = top_model__new(&model);
	t.quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t.model && t.quit >= 0)
		code = run(&t, o);
	else
		log__error("out of memory");
	if (t.quit >= 0)
		close(t.quit);
	top_model__free(t.model);
	return code;
}
