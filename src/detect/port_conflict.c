// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * port_conflict - bind() or listen() for a given port failed with EADDRINUSE: who holds it, and why
 * that stands in the way.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "conflict.h"
#include "finding.h"
#include "finding_set.h"
#include "known.h"

#define SECOND 1000000000ull

#define ANSWER_MAX 1024 /* holders asked for; the nearest ones come first */
#define ASKS_A_SECOND                                                                              \
	200 /* each walks over all descriptors of the host; past it the table must do */
#define ASK_AGAIN_NS SECOND /* a newcomer that retries in a loop is counted in between */

extern const struct detector port_conflict;

struct conflicts {
	struct finding_set open; /* subject: the key without the holders */
	struct holder *answer;   /* ANSWER_MAX, from the first use on */
	struct ask_budget budget;
};

static bool holder__listens(const struct holder *h)
{
	return sock__is_tcp(&h->sock) && h->sock.state == TCP_LISTEN;
}

/*
 * Options that nobody could tell decide nothing: without `doubt` such a holder counts only where
 * every combination of them conflicts, with it as if it had none.
 */
static enum conflict_rule conflict__rule(const struct finding *f, const struct holder *h,
					 bool at_listen, bool doubt)
{
	struct holder plain = *h, all = *h;

	if (h->options_known)
		return conflict__judge(&f->sock, f->uid, h, at_listen);
	plain.sock.options &= ~(OPT_REUSEADDR | OPT_REUSEPORT);
	all.sock.options |= OPT_REUSEADDR | OPT_REUSEPORT;
	if (h->sock.family == AF_INET6)
		all.sock.options |= OPT_V6ONLY;
	if (!doubt && !conflict__judge(&f->sock, f->uid, &all, at_listen))
		return CONFLICT_NONE;
	return conflict__judge(&f->sock, f->uid, &plain, at_listen);
}

/* Of a connection that no process holds nobody ever tells. */
static bool lacks_options(const struct holder *h)
{
	return h->proc.tgid && !h->options_known;
}

/* Keeps those of `h` that stand in the way, and the rule of the first. Listeners come first. */
static size_t holders__keep(const struct finding *f, struct holder *h, size_t n, bool at_listen,
			    bool doubt, enum conflict_rule *first)
{
	size_t kept = 0, i;

	*first = CONFLICT_NONE;
	for (i = 0; i < n; i++) {
		enum conflict_rule rule;

		/* Made after the call that failed: it may hold the port now, it did not then. */
		if (h[i].sock.created_ns > f->last_ns)
			continue;
		rule = conflict__rule(f, &h[i], at_listen, doubt);
		if (!rule)
			continue;
		if (!kept)
			*first = rule;
		if (kept != i)
			h[kept] = h[i];
		kept++;
	}
	return kept;
}

/* Asks who has the port. Fills `answer` with the conflicting ones, the finding with all but text. */
static size_t conflict__ask(struct conflicts *all, struct detect *d, struct finding *f,
			    enum conflict_rule *rule)
{
	struct ask_holders q = {
		.net = { .cookie = f->sock.netns_cookie,
			 .inode = f->sock.netns,
			 .tgid = f->actor.proc.tgid },
		.except = f->sock.cookie,
		.port = f->sock.lport,
		.proto = sock__port_proto(&f->sock),
		.failed = true,
		.table_only = !ask_budget__take(&all->budget, 1, ASKS_A_SECOND, f->last_ns),
	};
	bool at_listen = !strcmp(f->call, "listen");
	size_t n = 0, kept, i;
	ssize_t bytes;

	bytes = kernel__ask(detect__kernel(d), ASK_HOLDERS, &q, sizeof(q), all->answer,
			    ANSWER_MAX * sizeof(*all->answer));
	if (bytes == -EBUSY) {
		q.table_only = true;
		bytes = kernel__ask(detect__kernel(d), ASK_HOLDERS, &q, sizeof(q), all->answer,
				    ANSWER_MAX * sizeof(*all->answer));
	}
	if (bytes > 0)
		n = (size_t)bytes / sizeof(*all->answer);
	if (n > ANSWER_MAX)
		n = ANSWER_MAX;
	if (n)
		qsort(all->answer, n, sizeof(*all->answer), conflict__holder_order);
	f->estimated = false;
	kept = holders__keep(f, all->answer, n, at_listen, false, rule);
	if (!kept) {
		/* `answer` is untouched: nothing was moved. */
		kept = holders__keep(f, all->answer, n, at_listen, true, rule);
		f->estimated = true;
	}
	f->estimated |= q.table_only;
	for (i = 0; i < kept; i++)
		f->estimated |= all->answer[i].estimated || lacks_options(&all->answer[i]);
	f->rule = conflict_names[*rule];
	f->holders_total = kept;
	f->n_holders = kept < HOLDERS_MAX ? kept : HOLDERS_MAX;
	memset(f->holders, 0, sizeof(f->holders));
	if (kept)
		memcpy(f->holders, all->answer, f->n_holders * sizeof(*f->holders));
	return kept;
}

/*
 * The set of holders as the key has it: the processes that listen, else those that hold. Their
 * connections come and go while the conflict stays the same one. The sum does not know order.
 */
static uint64_t holders__hash(const struct holder *h, size_t n)
{
	bool listening = n && holder__listens(&h[0]);
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t id[2] = { h[i].proc.tgid, h[i].proc.start_ns };

		if ((listening && !holder__listens(&h[i])) || conflict__process_seen(h, i))
			continue;
		sum += detect__hash(0, id, sizeof(id));
	}
	return sum;
}

static uint64_t subject__hash(const struct finding *f)
{
	const struct ev_sock *s = &f->sock;
	uint64_t h = detect__hash(0, port_conflict.id, strlen(port_conflict.id));

	h = detect__hash(h, &s->netns, sizeof(s->netns));
	h = detect__hash(h, &s->netns_cookie, sizeof(s->netns_cookie));
	h = finding__key_program(h, &f->actor);
	h = detect__hash(h, &s->proto, sizeof(s->proto));
	h = detect__hash(h, s->laddr, sizeof(s->laddr));
	return detect__hash(h, &s->lport, sizeof(s->lport));
}

static void conflicts__met(struct conflicts *all, struct detect *d, struct finding *f)
{
	uint64_t subject = subject__hash(f), now_ns = f->last_ns, holders;
	struct open_finding *o = finding_set__of_subject(&all->open, subject);
	enum conflict_rule rule;
	size_t n;

	if (o && now_ns < o->asked_ns + ASK_AGAIN_NS) {
		finding_set__again(o, d, now_ns);
		return;
	}
	if (!all->answer)
		all->answer = calloc(ANSWER_MAX, sizeof(*all->answer));
	if (!all->answer)
		return;
	n = conflict__ask(all, d, f, &rule);
	if (!n && o) { /* gone before it was looked for; it was there the last time */
		o->asked_ns = now_ns;
		finding_set__again(o, d, now_ns);
		return;
	}
	holders = holders__hash(all->answer, n);
	f->key = detect__hash(subject, &holders, sizeof(holders));
	conflict__tell(f, rule, all->answer, n, now_ns, detect__wall(d));
	o = finding_set__met(&all->open, d, f);
	if (o) {
		o->subject = subject;
		o->asked_ns = now_ns;
	}
}

/* Is this record a refused port that was asked for by number? Then fills who met it, and where. */
static bool finding__from_record(struct finding *f, const struct record *r)
{
	if (r->error != -EADDRINUSE || !r->sock || !r->actor)
		return false;
	memset(f, 0, sizeof(*f));
	f->sock = *r->sock;
	if (r->type == RECORD_BIND) {
		/* Port 0: there was none left at all, which is another finding. */
		if (!r->u.bind->req_known || !r->u.bind->req_port || r->u.bind->automatic)
			return false;
		f->call = "bind";
		memcpy(f->sock.laddr, r->u.bind->req_addr, ADDR_LEN);
		f->sock.lport = r->u.bind->req_port;
	} else if (r->type == RECORD_LISTEN && r->sock->lport) {
		f->call = "listen";
	} else {
		return false;
	}
	f->id = port_conflict.id;
	f->severity = port_conflict.severity;
	f->actor = *r->actor;
	f->uid = r->type == RECORD_BIND && r->u.bind->user ? r->u.bind->user - 1 : r->actor->uid;
	f->error = r->error;
	f->first_ns = r->boot_ns;
	f->last_ns = r->boot_ns;
	f->count = 1;
	return true;
}

static void port_conflict__on_record(void *state, struct detect *d, const struct record *r)
{
	struct finding f;

	if (finding__from_record(&f, r))
		conflicts__met(state, d, &f);
}

static void port_conflict__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct conflicts *all = state;

	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void port_conflict__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct conflicts *all = state;

	finding_set__end(&all->open, d, now_ns);
	free(all->answer);
	all->answer = NULL;
}

const struct detector port_conflict = {
	.id = "port_conflict",
	.severity = SEVERITY_ERROR,
	.summary =
		"bind() or listen() fails with EADDRINUSE for a given port: names every holder and the rule broken",
	.evidence =
		"call: bind or listen; error; req_addr, req_port: what was asked for; "
		"holders_total: sockets in the way (at most 16 are listed); "
		"rule (beside evidence): same-address, wildcard, dual-stack, listening, "
		"reuseport-missing, reuseport-uid, time-wait or client-port; "
		"estimated: the holder is gone already, or its namespace or options could not be read",
	.state_size = sizeof(struct conflicts),
	.on_record = port_conflict__on_record,
	.tick = port_conflict__tick,
	.end = port_conflict__end,
};
