// SPDX-License-Identifier: GPL-2.0-or-later
/* live_journal.c - gives the journal its turn after each batch, and says what it did not take. */
#include <errno.h>
#include <stdlib.h>
#include "journal.h"
#include "live_journal.h"
#include "log.h"
#include "sink.h"

#define END_MS 500

struct live_journal {
	struct journal *journal;
	int error; /* said already */
};

struct live_journal *live_journal__new(void)
{
	struct live_journal *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->journal = journal__new();
	if (l->journal)
		return l;
	free(l);
	errno = ENOMEM;
	return NULL;
}

void live_journal__free(struct live_journal *l)
{
	if (!l)
		return;
	journal__free(l->journal);
	free(l);
}

struct sink *live_journal__sink(struct live_journal *l, struct sink *inner)
{
	return l ? sink_journal__new(inner, l->journal) : inner;
}

/* A journal that is only slow is no news: what waits is sent a little later. */
static void hear(struct live_journal *l, int err)
{
	if (err && err != -EAGAIN && err != l->error)
		log__warn(
			"--journal: the journal takes nothing (%s): the log has all; trying again",
			log__errno(err));
	if (!err && l->error)
		log__warn("--journal: the journal takes entries again, %llu were dropped so far",
			  (unsigned long long)journal__dropped(l->journal));
	if (err != -EAGAIN)
		l->error = err;
}

void live_journal__step(struct live_journal *l)
{
	if (l)
		hear(l, journal__step(l->journal));
}

void live_journal__end(struct live_journal *l)
{
	uint64_t dropped;

	if (!l)
		return;
	journal__finish(l->journal, END_MS);
	dropped = journal__dropped(l->journal);
	if (dropped)
		log__warn("--journal: %llu entries did not get to the journal: the log has them",
			  (unsigned long long)dropped);
}

uint64_t live_journal__dropped(const struct live_journal *l)
{
	return l ? journal__dropped(l->journal) : 0;
}
