// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * time_wait_pressure - nearly as many closed connections wait as the namespace allows. Past the limit the
 * kernel drops the state at once (tcp_time_wait), and late segments meet the next connection.
 */
#include <inttypes.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "phrase.h"
#include "tally.h"

#define OPEN_PERCENT  80
#define CLOSE_PERCENT 70

extern const struct detector time_wait_pressure;

struct pressure {
	struct finding_set open;
	struct tally closers; /* who closed first, so that TIME_WAIT is on this side */
};

static void time_wait_pressure__on_record(void *state, struct detect *d, const struct record *r)
{
	struct pressure *p = state;

	(void)d;
	if (r->type == RECORD_CLOSE && r->u.life->time_wait)
		tally__count(&p->closers, r);
}

static void say(struct finding *f, const struct watched *w)
{
	const struct netns_facts *n = &w->facts;
	const struct finding_process *top = f->processes;
	struct phrase m = phrase__message(f), a = phrase__advice(f);

	phrase__add(&m,
		    "%u connections are in TIME_WAIT, %" PRIu64 " %% of the %u that "
		    "net.ipv4.tcp_max_tw_buckets allows in network namespace %u",
		    n->time_wait, (uint64_t)n->time_wait * 100 / n->max_time_wait, n->max_time_wait,
		    w->net.inode);
	if (f->n_processes) {
		phrase__add(&m, "; ");
		phrase__owner(&m, &top->proc);
		phrase__add(&m, " closed %" PRIu64 " of them first in the last minute",
			    top->counts[0]);
		phrase__add(
			&a,
			"keep connections open in %.*s (keep-alive, a connection pool), or let the "
			"other end close first; ",
			COMM_LEN, top->proc.comm);
	} else {
		phrase__add(&a, "keep connections open (keep-alive, a connection pool); ");
	}
	phrase__add(&a, "if there is memory for more, ");
	phrase__inside(&a, n, f->n_processes ? top->proc.tgid : w->net.tgid);
	phrase__add(&a, "sysctl -w net.ipv4.tcp_max_tw_buckets=%" PRIu64,
		    (uint64_t)n->max_time_wait * 2);
}

static void time_wait_pressure__poll(void *state, struct detect *d, const struct watched *w,
				     uint64_t now_ns)
{
	const struct fill fill = { .used = w->facts.time_wait,
				   .max = w->facts.max_time_wait,
				   .open_percent = OPEN_PERCENT,
				   .close_percent = CLOSE_PERCENT };
	struct pressure *p = state;
	struct finding f;

	finding__begin(&f, &time_wait_pressure, now_ns);
	if (!finding_set__fills(&p->open, d, &f, &w->net, &fill))
		return;
	finding__number(&f, "limit", fill.max);
	finding__number(&f, "percent", fill.used * 100 / fill.max);
	finding__number(&f, "closed_first",
			tally__tell(&p->closers, &w->net, now_ns, &f, "closed_first"));
	say(&f, w);
	finding_set__met(&p->open, d, &f);
}

/* A namespace that is gone is not polled any more. */
static void time_wait_pressure__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct pressure *p = state;

	finding_set__tick(&p->open, d, now_ns, FINDING_QUIET_NS);
}

static void time_wait_pressure__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct pressure *p = state;

	finding_set__end(&p->open, d, now_ns);
	tally__free(&p->closers);
}

const struct detector time_wait_pressure = {
	.id = "time_wait_pressure",
	.severity = SEVERITY_WARNING,
	.summary =
		"80 % of net.ipv4.tcp_max_tw_buckets of a network namespace are in TIME_WAIT: names who closes "
		"first (over below 70 %)",
	.evidence =
		"count: sockets in TIME_WAIT; limit: net.ipv4.tcp_max_tw_buckets; percent; closed_first: "
		"connections that a process here closed first in the last minute, and left in TIME_WAIT; "
		"processes: the programs that closed most of them, each with its closed_first",
	.state_size = sizeof(struct pressure),
	.on_record = time_wait_pressure__on_record,
	.tick = time_wait_pressure__tick,
	.poll = time_wait_pressure__poll,
	.end = time_wait_pressure__end,
};
