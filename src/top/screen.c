// SPDX-License-Identifier: GPL-2.0-or-later
/* screen.c - the loop of the thread: a key or a second, a new view, a paint. */
#include "top/screen.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "privileges.h"
#include "top/frame.h"
#include "top/terminal.h"
#include "top/view.h"

#define REPAINT    0x0c /* Ctrl-L */
#define PATIENCE_S 1    /* a terminal that takes nothing is given up after so long */

struct top_screen {
	struct top_screen_config config;
	pthread_t thread;
	struct services *services;
	int signals, stop;
	struct top_view view;
	struct top_frame frame;
	struct top_grid grid;
	uint64_t next_ns; /* when the next frame is due */
	uint64_t story;   /* that the frame has */
	bool anew;        /* paint everything */
	bool over;
};

static sigset_t own_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	return set;
}

void top_screen__block_signals(void)
{
	const sigset_t set = own_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* --- frames --- */

static enum top_walk_kind worth_walking(const struct top_view *v)
{
	static const enum top_walk_kind kinds[PAGES] = { [PAGE_CONNECTIONS] = WALK_SOCKS,
							 [PAGE_LISTENERS] = WALK_LISTENERS,
							 [PAGE_PORTS] = WALK_PORTS,
							 [PAGE_FINDINGS] = WALK_NOTHING };

	return v->paused ? WALK_NOTHING : kinds[v->page];
}

static void take_story(struct top_screen *s)
{
	s->frame.story.cookie = s->view.sheet == SHEET_STORY ? s->view.story : 0;
	s->story = s->frame.story.cookie;
	top_model__tell_story(s->config.model, &s->frame.story);
}

static void take(struct top_screen *s)
{
	uint64_t now = host__now();

	top_model__take(s->config.model, &s->frame, now, top_view__takes(&s->view));
	s->frame.wall = host__wall(false);
	take_story(s);
	s->next_ns = now + s->config.interval_ns;
}

static void paint(struct top_screen *s)
{
	top_view__draw(&s->view, &s->frame, &s->grid);
	terminal__paint(&s->grid, s->anew);
	s->anew = false;
}

static void fit(struct top_screen *s)
{
	unsigned int width, height;

	terminal__size(&width, &height);
	if (width != s->grid.width || height != s->grid.height)
		top_grid__resize(&s->grid, width, height);
}

/* --- what comes in --- */

/* False: the user quits. */
static bool press(struct top_screen *s, uint32_t key)
{
	const uint32_t had = top_view__takes(&s->view);
	const bool paused = s->view.paused;

	if (key == REPAINT) {
		s->anew = true;
		return true;
	}
	if (!top_view__key(&s->view, &s->frame, key))
		return false;
	top_walk__want(s->config.walk, worth_walking(&s->view));
	/* what is looked at now was not in the frame; a pause begins with a frame that has all */
	if (paused != s->view.paused || (top_view__takes(&s->view) & ~had))
		take(s);
	if (s->view.sheet == SHEET_STORY && s->story != s->view.story)
		take_story(s);
	top_view__make_rows(&s->view, &s->frame, &s->grid);
	return true;
}

/* All keys that are there, then one painting. */
static void on_keys(struct top_screen *s)
{
	uint32_t key;

	while (terminal__key(&key)) {
		if (!press(s, key)) {
			s->over = true;
			return;
		}
	}
	paint(s);
}

/* Only now, so that who sits there sees the shell at once: the whole process stops in the call. */
static void stop_and_go_on(void)
{
	terminal__suspend();
	kill(getpid(), SIGSTOP);
}

static void on_signals(struct top_screen *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			stop_and_go_on();
		if (info.ssi_signo == SIGCONT) {
			terminal__resume();
			s->anew = true;
		}
	}
	fit(s);
	paint(s);
}

static int wait_ms(const struct top_screen *s)
{
	uint64_t now = host__now();

	if (s->view.paused)
		return -1;
	return now >= s->next_ns ? 0 : (int)((s->next_ns - now) / 1000000 + 1);
}

static void step(struct top_screen *s)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = s->signals, .events = POLLIN },
				{ .fd = s->stop, .events = POLLIN } };

	if (poll(fds, 3, wait_ms(s)) < 0 && errno != EINTR) {
		s->over = true;
		return;
	}
	if (fds[2].revents || (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))) {
		s->over = true;
		return;
	}
	if (fds[1].revents)
		on_signals(s);
	if (fds[0].revents & POLLIN)
		on_keys(s);
	if (!s->over && !s->view.paused && host__now() >= s->next_ns) {
		take(s);
		paint(s);
	}
}

/*
 * Real-time priority, the lowest, for this thread alone: whoever looks at a host does so when all its CPUs are
 * busy, and there a thread that slept until a key came waits up to 100 ms (docs/performance.md). It takes 10 to
 * 50 ms a second with 100 000 sockets. Not allowed (no CAP_SYS_NICE) is no harm.
 */
static void go_first(void)
{
	const struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_RR) };

	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest);
}

static void *run(void *arg)
{
	const uint64_t one = 1;
	struct top_screen *s = arg;

	go_first();
	privileges__drop_thread(PRIVILEGES_LIVE, 0);
	fit(s);
	take(s);
	paint(s);
	top_walk__want(s->config.walk, worth_walking(&s->view));
	while (!s->over)
		step(s);
	terminal__give_back();
	if (write(s->config.quit, &one, sizeof(one)) != sizeof(one))
		kill(getpid(), SIGTERM);
	return NULL;
}

/* --- life --- */

static void free_screen(struct top_screen *s)
{
	top_view__free(&s->view);
	top_frame__free(&s->frame);
	top_grid__free(&s->grid);
	services__free(s->services);
	if (s->signals >= 0)
		close(s->signals);
	if (s->stop >= 0)
		close(s->stop);
	free(s);
}

struct top_screen *top_screen__open(const struct top_screen_config *c)
{
	struct top_screen *s = calloc(1, sizeof(*s));
	const sigset_t set = own_signals();
	int err;

	if (!s)
		return NULL;
	s->config = *c;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->services = services__new();
	err = s->signals < 0 || s->stop < 0 || !s->services ? -errno : terminal__take();
	if (err)
		goto fail;
	s->grid.utf8 = terminal__is_utf8();
	top_view__init(&s->view, s->services);
	err = -pthread_create(&s->thread, NULL, run, s);
	if (!err)
		return s;
	terminal__give_back();
fail:
	free_screen(s);
	errno = -err;
	return NULL;
}

static bool join(struct top_screen *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	return !pthread_timedjoin_np(s->thread, NULL, &until);
}

void top_screen__close(struct top_screen *s)
{
	const uint64_t one = 1;

	if (!s)
		return;
	if (write(s->stop, &one, sizeof(one)) != sizeof(one))
		return;
	/* a terminal that was stopped (Ctrl-S), or whose other end is gone, holds the thread in its write() */
	while (!join(s))
		terminal__release();
	free_screen(s);
}
