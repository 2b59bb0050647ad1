// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * accept_queue_full - connections come faster than the process accepts them: the kernel drops what has
 * no room in the listener's queue (sk_acceptq_is_full: more than the backlog wait).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

#define SECOND 1000000000ull

#define ANSWER_MAX    1024 /* listeners asked for; the fullest ones come first */
#define LISTENERS_MAX 2048 /* remembered; a power of two */
#define PROBES        8
#define LOOK_AGAIN_NS (120 * SECOND) /* a namespace not looked at for so long is a new one */
#define QUIET_NS      (10 * SECOND)
#define WAIT_SECONDS  10
#define SLOW_US       1000000 /* a wait that no burst explains */
#define BACKLOG_LEAST 128     /* advised */

extern const struct detector accept_queue_full;

struct listener {
	uint64_t cookie; /* 0: free */
	uint64_t touched_ns;
	uint64_t at_limit_ns; /* the look at which its queue was at its limit, 0: the last one was not */
	uint64_t second;      /* the newest of waits_us */
	uint32_t waits_us[WAIT_SECONDS]; /* the longest of each second, plus 1; 0: no accept() */
	uint32_t drops;
	bool drops_known;
};

struct queues {
	struct finding_set open; /* subject: the cookie of the listener */
	struct listener *listeners;
	bool forgot; /* a listener had to go: one that is new may not be */
	struct looks looks;
	struct listener_queue *answer;
};

static size_t home(uint64_t cookie)
{
	return cookie * 0x9e3779b97f4a7c15ull >> 32;
}

static struct listener *listener__find(const struct queues *q, uint64_t cookie)
{
	size_t i;

	for (i = 0; q->listeners && i < PROBES; i++) {
		struct listener *l = &q->listeners[(home(cookie) + i) & (LISTENERS_MAX - 1)];

		if (l->cookie == cookie)
			return l;
	}
	return NULL;
}

/* Found or made, in place of the one nearby that was touched longest ago. NULL: no memory. */
static struct listener *listener__note(struct queues *q, uint64_t cookie, uint64_t now_ns)
{
	struct listener *l = listener__find(q, cookie);
	size_t i;

	if (!q->listeners)
		q->listeners = calloc(LISTENERS_MAX, sizeof(*q->listeners));
	if (!q->listeners)
		return NULL;
	for (i = 0; !l || (i && i < PROBES); i++) {
		struct listener *at = &q->listeners[(home(cookie) + i) & (LISTENERS_MAX - 1)];

		if (!l || at->touched_ns < l->touched_ns)
			l = at;
	}
	if (l->cookie != cookie) {
		q->forgot |= l->cookie != 0;
		*l = (struct listener){ .cookie = cookie };
	}
	l->touched_ns = now_ns;
	return l;
}

static void listener__wait(struct listener *l, uint64_t now_ns, uint64_t since_ns)
{
	uint64_t us = since_ns && now_ns > since_ns ? (now_ns - since_ns) / 1000 : 0, i;
	uint64_t second = now_ns / SECOND;
	uint32_t *slot;

	for (i = l->second + 1; i <= second && i <= l->second + WAIT_SECONDS; i++)
		l->waits_us[i % WAIT_SECONDS] = 0;
	if (second > l->second)
		l->second = second;
	slot = &l->waits_us[second % WAIT_SECONDS];
	us = us < UINT32_MAX ? us + 1 : UINT32_MAX;
	if (us > *slot)
		*slot = us;
}

/* The slowest accept() of the last ten seconds in us, plus 1. 0: there was none. */
static uint32_t listener__slowest(const struct listener *l, uint64_t now_ns)
{
	uint64_t second = now_ns / SECOND, i;
	uint32_t most = 0;

	for (i = 0; i < WAIT_SECONDS && i <= l->second; i++)
		if (l->second - i + WAIT_SECONDS > second &&
		    l->waits_us[(l->second - i) % WAIT_SECONDS] > most)
			most = l->waits_us[(l->second - i) % WAIT_SECONDS];
	return most;
}

static void accept_queue_full__on_record(void *state, struct detect *d, const struct record *r)
{
	struct queues *q = state;
	struct open_finding *o;
	struct listener *l;

	if (r->type == RECORD_LISTEN && !r->error && (r->sock->facts & FACT_CREATED)) {
		l = listener__find(q, r->sock->cookie);
		l = l ? NULL : listener__note(q, r->sock->cookie, r->boot_ns);
		if (l)
			l->drops_known = true; /* none so far */
	} else if (r->type == RECORD_ACCEPT && !r->error && r->u.accept->listener) {
		l = listener__note(q, r->u.accept->listener, r->boot_ns);
		if (l)
			listener__wait(l, r->boot_ns, r->u.accept->established_ns);
	} else if (r->type == RECORD_CLOSE && r->u.life->role == ROLE_LISTENER) {
		l = listener__find(q, r->sock->cookie);
		if (l)
			*l = (struct listener){ 0 };
		o = finding_set__of_subject(&q->open, r->sock->cookie);
		if (o)
			finding_set__close(&q->open, d, o, r->boot_ns);
	}
}

/* When this namespace was looked at before, 0: not, or too long ago. Now it is. */
static uint64_t look(struct queues *q, const struct netns_ref *net, uint64_t now_ns)
{
	uint64_t *at = looks__at(&q->looks, net), before;

	if (!at)
		return 0;
	before = *at && now_ns < *at + LOOK_AGAIN_NS ? *at : 0;
	*at = now_ns;
	return before;
}

/*
 * One listener at one look. `before` is the last look, 0: there is none to compare with. *grown: drops
 * since then. A listener that was not in the last answer had none: those that have any always are.
 */
static bool judge(const struct queues *q, const struct watched *w, struct listener *l,
		  const struct listener_queue *now, uint64_t before, uint64_t now_ns,
		  uint32_t *grown)
{
	bool at_limit = now->length && now->length >= now->limit, stays;

	if (l->drops_known)
		*grown = now->drops - l->drops;
	else
		*grown = before && !q->forgot ? now->drops : 0;
	/* sk_drops counts stray resets too, which are not for it: tcp_listendrop() counts ListenDrops */
	if (!w->dropped)
		*grown = 0;
	l->drops = now->drops;
	l->drops_known = true;
	stays = at_limit && before && l->at_limit_ns == before;
	l->at_limit_ns = at_limit ? now_ns : 0;
	/* a backlog of 0 is full with the first connection: as healthy as 1 of 1 for a moment */
	return *grown || stays || (now->limit && now->length > now->limit);
}

/* What was seen of the listeners on one address: several with SO_REUSEPORT. */
struct seen {
	uint32_t grown;
	uint32_t slowest; /* as listener__slowest() */
	uint64_t drops;
	bool capped;
};

static uint32_t backlog_to_try(uint32_t limit)
{
	uint32_t n = BACKLOG_LEAST;

	while (n < 2 * (limit + 1ull) && n < 1u << 20)
		n *= 2;
	return n;
}

static void tell(struct finding *f, const struct listener_queue *l, const struct seen *s,
		 const struct watched *w)
{
	uint32_t pid = f->actor.proc.tgid, backlog = backlog_to_try(l->limit);
	struct phrase m = phrase__message(f), a = phrase__advice(f);

	phrase__add(&m, "the accept queue of ");
	phrase__address(&m, f->sock.laddr, f->sock.lport);
	phrase__add(&m, "/tcp, ");
	if (pid)
		phrase__owner(&m, &f->actor.proc);
	else
		phrase__add(&m, "of an unknown process of uid %u", l->uid);
	phrase__add(&m,
		    l->length > l->limit || (l->length && l->length == l->limit) ?
			    ", is full: %u waiting, limit %u" :
			    ", was full: %u waiting now, limit %u",
		    l->length, l->limit);
	if (s->grown)
		phrase__add(&m,
			    "; %u connection attempt%s dropped since the last look, %" PRIu64
			    " in all",
			    s->grown, phrase__plural(s->grown), s->drops);
	if (s->slowest)
		phrase__add(&m, "; the slowest accept() of the last 10 s came after %u ms",
			    (s->slowest - 1) / 1000);
	else
		phrase__add(&m, "; no accept() seen in the last 10 s");

	if (!s->slowest || s->slowest > SLOW_US) {
		phrase__add(&a, "it does not accept fast enough: see what it does instead");
		if (pid)
			phrase__add(&a, " (cat /proc/%u/stack; strace -f -p %u)", pid, pid);
		phrase__add(&a, "; to take bursts as well, ");
	}
	if (w->facts.somaxconn < backlog) {
		phrase__add(&a, s->capped ? "raise the cap on its backlog: " :
					    "raise net.core.somaxconn: ");
		phrase__inside(&a, &w->facts, pid ? pid : w->net.tgid);
		phrase__add(&a, "sysctl -w net.core.somaxconn=%u (now %u); ", backlog,
			    w->facts.somaxconn);
	}
	phrase__add(&a, "have it call listen() with a backlog of %u%s", backlog,
		    s->capped ? " or more" : "");
	if (!s->capped)
		phrase__add(&a, " instead of %u", l->limit);
}

static void met(struct queues *q, struct detect *d, struct finding *f,
		const struct listener_queue *l, const struct seen *s, const struct watched *w)
{
	struct open_finding *o;

	f->key = finding__key(f, &w->net);
	f->key = detect__hash(f->key, f->sock.laddr, sizeof(f->sock.laddr));
	f->key = detect__hash(f->key, &f->sock.lport, sizeof(f->sock.lport));
	finding__number(f, "length", l->length);
	finding__number(f, "limit", l->limit);
	finding__number(f, "drops_new", s->grown);
	finding__number(f, "drops_total", s->drops);
	if (s->slowest)
		finding__number(f, "slowest_wait_ms", (s->slowest - 1) / 1000);
	finding__flag(f, "capped_by_somaxconn", s->capped);
	finding__number(f, "somaxconn", w->facts.somaxconn);
	tell(f, l, s, w);
	o = finding_set__met(&q->open, d, f);
	if (o)
		o->subject = f->sock.cookie;
}

static bool same_address(const struct listener_queue *a, const struct listener_queue *b)
{
	return a->sock.lport == b->sock.lport &&
	       !memcmp(a->sock.laddr, b->sock.laddr, sizeof(a->sock.laddr));
}

/* The full one at `from`, and those after it on the same address, which are taken out of `full`. */
static void tell_group(struct queues *q, struct detect *d, const struct watched *w, size_t from,
		       size_t n, bool *full, const uint32_t *grown, uint64_t now_ns)
{
	const struct listener_queue *first = &q->answer[from], *told = NULL;
	struct seen s = { .capped = first->limit && first->limit == w->facts.somaxconn };
	struct finding f;
	size_t i;

	finding__begin(&f, &accept_queue_full, now_ns);
	for (i = from; i < n; i++) {
		const struct listener_queue *l = &q->answer[i];
		const struct ask_socket ask = { .cookie = l->sock.cookie,
						.netns_cookie = w->net.cookie,
						.inode = (uint32_t)l->sock.inode };
		const struct listener *own = listener__find(q, l->sock.cookie);
		struct known_socket known;
		uint32_t slowest;

		if (!full[i] || !same_address(first, l))
			continue;
		full[i] = false;
		if (!known__socket(d, &ask, &known) && detect__config(d)->chosen)
			continue;
		if (!told) {
			told = l;
			f.sock = l->sock;
			f.sock.owner = known.actor.proc;
			f.actor = known.actor;
		}
		if (f.n_holders < HOLDERS_MAX)
			f.holders[f.n_holders++] = known__holder(d, &l->sock, l->uid, &known);
		f.holders_total++;
		slowest = own ? listener__slowest(own, now_ns) : 0;
		s.slowest = slowest > s.slowest ? slowest : s.slowest;
		s.grown += grown[i];
		s.drops += l->drops;
	}
	if (told)
		met(q, d, &f, told, &s, w);
}

static void accept_queue_full__poll(void *state, struct detect *d, const struct watched *w,
				    uint64_t now_ns)
{
	const struct ask_netns ask = { .net = w->net };
	uint64_t before = look(state, &w->net, now_ns);
	uint32_t grown[ANSWER_MAX];
	struct queues *q = state;
	bool full[ANSWER_MAX];
	ssize_t bytes;
	size_t n, i;

	if (!q->answer)
		q->answer = calloc(ANSWER_MAX, sizeof(*q->answer));
	if (!q->answer)
		return;
	bytes = kernel__ask(detect__kernel(d), ASK_LISTENERS, &ask, sizeof(ask), q->answer,
			    ANSWER_MAX * sizeof(*q->answer));
	n = bytes > 0 ? bytes / sizeof(*q->answer) : 0;
	if (n >= ANSWER_MAX) {
		n = ANSWER_MAX;
		before = 0; /* who was not in the last answer may only have had no room in it */
	}
	for (i = 0; i < n; i++) {
		struct listener *l = listener__note(q, q->answer[i].sock.cookie, now_ns);

		full[i] = l && judge(q, w, l, &q->answer[i], before, now_ns, &grown[i]);
	}
	for (i = 0; i < n; i++)
		if (full[i])
			tell_group(q, d, w, i, n, full, grown, now_ns);
}

static void accept_queue_full__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct queues *q = state;

	finding_set__tick(&q->open, d, now_ns, QUIET_NS);
}

static void accept_queue_full__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct queues *q = state;

	finding_set__end(&q->open, d, now_ns);
	free(q->listeners);
	looks__free(&q->looks);
	free(q->answer);
	*q = (struct queues){ 0 };
}

const struct detector accept_queue_full = {
	.id = "accept_queue_full",
	.severity = SEVERITY_ERROR,
	.summary =
		"a listener's accept queue is at its limit, or connection attempts were dropped: "
		"names listener and process, the slowest accept() and what caps the backlog",
	.evidence =
		"count: looks, one a second, at which it was so; length: connections that wait; limit: the "
		"effective backlog, which the queue passes by one; drops_new: connection attempts dropped since "
		"the look before; drops_total: since the listener was made; slowest_wait_ms: the longest wait "
		"in the queue of what was accepted in the last 10 s, absent where nothing was; "
		"capped_by_somaxconn: the limit is net.core.somaxconn; somaxconn; holders_total: the "
		"listeners on the address that are full",
	.state_size = sizeof(struct queues),
	.on_record = accept_queue_full__on_record,
	.tick = accept_queue_full__tick,
	.poll = accept_queue_full__poll,
	.end = accept_queue_full__end,
};
