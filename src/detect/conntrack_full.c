// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conntrack_full - the table of tracked connections has hardly a place left. When it has none, packets of
 * new connections are dropped (__nf_conntrack_alloc). The limit is one for all namespaces, each counts
 * for itself.
 */
#include <inttypes.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "phrase.h"
#include "tally.h"

#define OPEN_PERCENT  95
#define CLOSE_PERCENT 90
#define ENTRY_BYTES   320 /* struct nf_conn with its extensions, about */

extern const struct detector conntrack_full;

struct tracking {
	struct finding_set open;
	struct tally users; /* who makes and takes connections */
};

static void conntrack_full__on_record(void *state, struct detect *d, const struct record *r)
{
	struct tracking *t = state;

	(void)d;
	if ((r->type == RECORD_CONNECT && !(r->error && !r->u.connect->syn_sent)) ||
	    (r->type == RECORD_ACCEPT && !r->error) || r->type == RECORD_PEER)
		tally__count(&t->users, r);
}

static void say(struct finding *f, const struct watched *w)
{
	const struct netns_facts *n = &w->facts;
	const struct finding_process *top = f->processes;
	struct phrase m = phrase__message(f), a = phrase__advice(f);
	uint64_t more = (uint64_t)n->max_conntrack * 2;

	phrase__add(
		&m,
		"connection tracking in network namespace %u has %u of nf_conntrack_max=%u entries "
		"(%" PRIu64 " %%); when it is full, packets of new connections are dropped",
		w->net.inode, n->conntrack, n->max_conntrack,
		(uint64_t)n->conntrack * 100 / n->max_conntrack);
	if (f->n_processes) {
		phrase__add(&m, "; ");
		phrase__owner(&m, &top->proc);
		phrase__add(&m, " made most connections here in the last minute, %" PRIu64,
			    top->counts[0]);
	}
	phrase__add(&a,
		    "sysctl -w net.netfilter.nf_conntrack_max=%" PRIu64 "%s (%" PRIu64
		    " MB of memory "
		    "when full); see what fills it: ",
		    more, n->foreign ? " in the host's own namespace" : "",
		    more * ENTRY_BYTES >> 20);
	phrase__inside(&a, n, f->n_processes ? top->proc.tgid : w->net.tgid);
	phrase__add(&a, "conntrack -L; exempt what needs no tracking by an nft rule with notrack");
}

static void conntrack_full__poll(void *state, struct detect *d, const struct watched *w,
				 uint64_t now_ns)
{
	const struct fill fill = { .used = w->facts.conntrack,
				   .max = w->facts.has_conntrack ? w->facts.max_conntrack : 0,
				   .open_percent = OPEN_PERCENT,
				   .close_percent = CLOSE_PERCENT };
	struct tracking *t = state;
	struct finding f;

	finding__begin(&f, &conntrack_full, now_ns);
	if (!finding_set__fills(&t->open, d, &f, &w->net, &fill) || !fill.max)
		return;
	finding__number(&f, "namespace", w->net.inode);
	finding__number(&f, "limit", fill.max);
	finding__number(&f, "percent", fill.used * 100 / fill.max);
	finding__number(&f, "connections",
			tally__tell(&t->users, &w->net, now_ns, &f, "connections"));
	say(&f, w);
	finding_set__met(&t->open, d, &f);
}

/* A namespace that is gone is not polled any more. */
static void conntrack_full__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct tracking *t = state;

	finding_set__tick(&t->open, d, now_ns, FINDING_QUIET_NS);
}

static void conntrack_full__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct tracking *t = state;

	finding_set__end(&t->open, d, now_ns);
	tally__free(&t->users);
}

const struct detector conntrack_full = {
	.id = "conntrack_full",
	.severity = SEVERITY_ERROR,
	.summary =
		"95 % of nf_conntrack_max are in use in a network namespace: names who makes the connections "
		"(over below 90 %)",
	.evidence =
		"count: nf_conntrack_count; namespace: its inode number; limit: nf_conntrack_max; percent; "
		"connections: made and accepted by processes here in the last minute, UDP destinations "
		"included; processes: the programs with most of them, each with its connections",
	.state_size = sizeof(struct tracking),
	.on_record = conntrack_full__on_record,
	.tick = conntrack_full__tick,
	.poll = conntrack_full__poll,
	.end = conntrack_full__end,
};
