// SPDX-License-Identifier: GPL-2.0-or-later
/* live_metrics.c - starts the metrics server, and shows it once a second that the event loop is alive. */
#include "live_metrics.h"

#include <errno.h>
#include <string.h>

#include "host.h"
#include "log.h"

int live_metrics__open(struct live_metrics *l, const struct options *o)
{
	int err;

	if (!o->metrics.family)
		return 0;
	l->http = metrics_http__listen(&o->metrics);
	if (!l->http) {
		err = -errno;
		log__error("--metrics: '%s' cannot be listened on: %s%s", o->metrics.text,
			   log__errno(err),
			   err == -EADDRINUSE ? ", see socklife ports for who has it" : "");
		return err;
	}
	l->metrics = metrics__new();
	if (l->metrics)
		return 0;
	log__error("--metrics: %s", log__errno(-ENOMEM));
	return -ENOMEM;
}

void live_metrics__watch(struct live_metrics *l, struct pipeline *p)
{
	const struct pipeline_watch watch = {
		.record = metrics__record,
		.arg = l->metrics,
		.noter = { .note = metrics__note, .arg = l->metrics },
	};

	if (l->metrics)
		pipeline__watch(p, &watch);
}

void live_metrics__start(struct live_metrics *l, const struct options *o)
{
	int err;

	if (!l->metrics)
		return;
	metrics__beat(l->metrics, host__now());
	err = metrics_http__start(l->http, l->metrics, &o->sockets);
	if (!err)
		return;
	log__warn("--metrics: the thread that serves them cannot be started: %s: going on without",
		  log__errno(err));
	metrics_http__free(l->http); /* nobody is to connect and wait */
	l->http = NULL;
}

void live_metrics__beat(struct live_metrics *l, struct live_log *log,
			const struct live_journal *journal, int err)
{
	struct live_log_health health = { .error = err };
	uint64_t now = host__now();

	if (!l->metrics)
		return;
	if (log) {
		live_log__health(log, now, &health);
		metrics__set_lost(l->metrics, LOST_DISK, health.lost);
	}
	metrics__set_journal(l->metrics, live_journal__dropped(journal));
	metrics__output(l->metrics, health.error, health.stalled_ns);
	metrics__beat(l->metrics, now);
}

void live_metrics__close(struct live_metrics *l)
{
	metrics_http__free(l->http);
	metrics__free(l->metrics);
	*l = (struct live_metrics){ 0 };
}
