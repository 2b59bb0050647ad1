// SPDX-License-Identifier: GPL-2.0-or-later
/* live_log.c - carries lines to the log's writer, and does what that asks of the event loop. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "command.h"
#include "host.h"
#include "live_log.h"
#include "log.h"

#define TELL_NS      10000000ull /* how long a step may tell open sockets */
#define TELL_AT_ONCE 64
#define TELL_FILL    50 /* percent of the queue that they may fill: the rest is for what happens */
#define WAIT_FILL    80 /* percent of the queue, when it is better to wait, */
#define WAIT_MS      30000 /* so long in all: a disk that hangs must not keep us from watching */
#define SETTLE_MS    2000

struct live_log {
	const struct log_options *options;
	struct audit_log *log;
	struct audit_writer *writer;
	struct pipeline *pipeline;
	struct line_taker taker;
	bool rotate;
	bool telling;
	unsigned int waited_ms;
	int error, gzip, keep; /* said already */
	uint64_t lost;
	uint64_t rounds, stalled_ns; /* of the writer, for health() */
};

static void take_line(void *arg, const struct record *r, const char *line, size_t n)
{
	enum audit_kind kind = r->type == RECORD_SEGMENT ? AUDIT_SEGMENT :
			       r->type == RECORD_STOP    ? AUDIT_STOP :
							   AUDIT_RECORD;
	struct live_log *g = arg;

	audit_writer__put(g->writer, kind, r->boot_ns, line, n);
}

struct live_log *live_log__new(struct audit_log *log, const struct log_options *o)
{
	struct live_log *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->options = o;
	g->log = log;
	g->taker = (struct line_taker){ .take = take_line, .arg = g };
	g->writer = audit_writer__new(log, o->queue_size);
	if (g->writer)
		return g;
	free(g);
	errno = ENOMEM;
	return NULL;
}

void live_log__free(struct live_log *g)
{
	if (!g)
		return;
	audit_writer__free(g->writer);
	free(g);
}

const struct line_taker *live_log__taker(const struct live_log *g)
{
	return &g->taker;
}

int live_log__fd(const struct live_log *g)
{
	return audit_writer__fd(g->writer);
}

static void begin_segment(struct live_log *g, const struct segment *s)
{
	pipeline__segment(g->pipeline, s, host__now());
	g->telling = true;
}

int live_log__start(struct live_log *g, struct pipeline *p, uint64_t now_ns)
{
	const struct audit_past *past = audit_log__past(g->log);
	int64_t wall = (int64_t)now_ns + pipeline__wall(p)->offset_ns;
	struct segment s = { .has_gap = past->last_ns != 0 };

	if (wall > past->last_ns)
		s.gap_ms = (uint64_t)(wall - past->last_ns) / 1000000;
	g->pipeline = p;
	pipeline__segment(p, &s, now_ns);
	g->telling = true;
	return audit_writer__start(g->writer);
}

void live_log__rotate(struct live_log *g)
{
	g->rotate = true;
}

/* As much as fits in a while, so that the event loop is never late. */
static void tell_open(struct live_log *g)
{
	uint64_t until = host__now() + TELL_NS;

	while (g->telling && live_log__busy(g) && host__now() < until)
		g->telling = pipeline__tell_open(g->pipeline, TELL_AT_ONCE);
	if (!g->telling)
		audit_writer__put(g->writer, AUDIT_OPENED, 0, NULL, 0);
}

static void hear(struct live_log *g, const struct audit_status *s)
{
	if (s->error && s->error != g->error && !s->stopped)
		log__warn("the log in '%s' cannot be written: %s: records are counted, not kept, "
			  "until it can",
			  g->options->dir, log__errno(s->error));
	if (!s->error && g->error)
		log__warn(
			"the log in '%s' can be written again: a lost record says what is missing",
			g->options->dir);
	if (s->gzip && s->gzip != g->gzip)
		log__warn("a segment in '%s' cannot be gzipped: %s: it stays as it is",
			  g->options->dir, log__errno(s->gzip));
	g->error = s->error;
	g->gzip = s->gzip;
	if (s->keep && s->keep != g->keep)
		log__warn(
			"the oldest segment in '%s' cannot be removed: %s: it stays beyond the limit",
			g->options->dir, log__errno(s->keep));
	g->keep = s->keep;
	g->lost = s->lost;
}

void live_log__health(struct live_log *g, uint64_t now_ns, struct live_log_health *h)
{
	if (audit_writer__goes_on(g->writer, &g->rounds))
		g->stalled_ns = 0;
	else if (!g->stalled_ns)
		g->stalled_ns = now_ns;
	*h = (struct live_log_health){ .error = g->error,
				       .lost = g->lost,
				       .stalled_ns = g->stalled_ns };
}

bool live_log__step(struct live_log *g)
{
	struct audit_status status;
	struct lost lost;

	if (audit_writer__overflow(g->writer, &lost))
		pipeline__lost(g->pipeline, &lost);
	g->rotate |= audit_writer__wants_segment(g->writer);
	if (g->rotate && !g->telling) {
		g->rotate = false;
		begin_segment(g, &(struct segment){ 0 });
	}
	if (g->telling)
		tell_open(g);
	audit_writer__publish(g->writer);
	audit_writer__status(g->writer, &status);
	hear(g, &status);
	return !status.stopped;
}

bool live_log__busy(const struct live_log *g)
{
	return g->telling && audit_writer__fill(g->writer) < TELL_FILL;
}

void live_log__publish(struct live_log *g)
{
	audit_writer__publish(g->writer);
}

bool live_log__wait(struct live_log *g)
{
	if (audit_writer__fill(g->writer) < WAIT_FILL || g->waited_ms >= WAIT_MS)
		return false;
	audit_writer__publish(g->writer);
	poll(NULL, 0, 1);
	g->waited_ms++;
	return true;
}

void live_log__before_end(struct live_log *g)
{
	struct audit_status status;

	audit_writer__publish(g->writer);
	audit_writer__status(g->writer, &status);
	if (status.error) {
		/* it only counts what comes: so this does not take long */
		audit_writer__settle(g->writer, SETTLE_MS);
		audit_writer__status(g->writer, &status);
	}
	live_log__step(g);
	pipeline__count_lost(g->pipeline, LOST_DISK, status.lost);
}

int live_log__end(struct live_log *g)
{
	int err = audit_writer__finish(g->writer);
	const struct audit_status *s = audit_log__status(g->log);

	if (s->lost)
		log__warn(
			"%llu records could not be written: the log says so where they are missing",
			(unsigned long long)s->lost);
	if (!err)
		return EXIT_FINE;
	log__error("the log in '%s' cannot be written: %s", g->options->dir, log__errno(err));
	return EXIT_OUTPUT;
}
