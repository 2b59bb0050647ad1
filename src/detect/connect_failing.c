// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connect_failing - one program fails to reach one destination again and again. A destination has its
 * failures counted from the first one on; a success, or 60 s without a failure, ends that.
 *
 * TCP only. connect() of UDP reaches nobody: it fails where there is no route, and getaddrinfo() tries
 * that with every address that it sorts (RFC 6724), so that a healthy host without IPv6 is full of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "log.h"
#include "phrase.h"

#define SECOND           1000000000ull
#define WINDOW_NS        (10 * SECOND)
#define FAILURES         5 /* in that time open a finding */
#define DESTINATIONS_MAX 4096
#define BUCKETS          4096
#define ERRORS_MAX       6  /* told apart by name; more are counted in the last */
#define LISTENERS_MAX    64 /* sockets of the port looked at, listeners come first */
#define ASKS_A_SECOND                                                                              \
	10 /* each walks over all descriptors of the host: not for every destination of a port scan */
#define NONE UINT16_MAX

extern const struct detector connect_failing;

enum kind { KIND_REFUSED, KIND_UNANSWERED, KIND_UNREACHABLE, KIND_ABANDONED, KIND_LOCAL, KINDS };
static const char *const kind_names[KINDS] = {
	[KIND_REFUSED] = "refused",
	[KIND_UNANSWERED] = "unanswered",
	[KIND_UNREACHABLE] = "unreachable",
	[KIND_ABANDONED] = "abandoned",
	[KIND_LOCAL] = "local",
};

/* Does somebody listen there? Only known where the destination is in the same namespace. */
enum listening { LISTENING_UNKNOWN, LISTENING_NOBODY, LISTENING_ELSEWHERE, LISTENING_THERE };

/* One program and one destination. */
struct target {
	uint64_t key;
	uint64_t first_ns, last_ns;
	uint64_t recent_ns[FAILURES]; /* the last ones; `count` % FAILURES is the oldest */
	uint64_t count, counts[KINDS];
	uint64_t waited_ns; /* the longest that was given up */
	struct {
		int error;
		uint64_t count;
	} errors[ERRORS_MAX];
	struct ev_sock sock; /* of the last failure */
	struct ev_actor actor;
	int error;
	uint64_t asked_ns;
	enum listening listening;
	struct ev_sock listener; /* where LISTENING_ELSEWHERE or _THERE */
	struct ev_owner listener_proc;
	struct netns_facts in; /* of its namespace, where in_known */
	bool in_known;
	bool changed;          /* since its finding was filled */
	uint16_t next;         /* in its bucket */
	uint16_t newer, older; /* by last failure */
};

struct table {
	struct target list[DESTINATIONS_MAX];
	uint16_t buckets[BUCKETS];
	uint16_t newest, oldest, free;
	size_t used; /* of the list, ever */
};

struct failing {
	struct finding_set open;
	struct table *table; /* from the first failure on */
	size_t n;
	struct ask_budget budget;
};

/* --- the table: by key in buckets, by age in a list --- */

static struct table *table__new(void)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	memset(t->buckets, 0xff, sizeof(t->buckets));
	t->newest = t->oldest = t->free = NONE;
	return t;
}

static uint16_t *table__find(struct table *t, uint64_t key)
{
	uint16_t *at = &t->buckets[key % BUCKETS];

	while (*at != NONE && t->list[*at].key != key)
		at = &t->list[*at].next;
	return at;
}

static void table__unlink(struct table *t, uint16_t i)
{
	struct target *e = &t->list[i];

	*(e->newer == NONE ? &t->newest : &t->list[e->newer].older) = e->older;
	*(e->older == NONE ? &t->oldest : &t->list[e->older].newer) = e->newer;
}

static void table__push(struct table *t, uint16_t i)
{
	struct target *e = &t->list[i];

	e->newer = NONE;
	e->older = t->newest;
	*(t->newest == NONE ? &t->oldest : &t->list[t->newest].newer) = i;
	t->newest = i;
}

static void failing__drop(struct failing *all, uint16_t i)
{
	struct table *t = all->table;
	uint16_t *at = table__find(t, t->list[i].key);

	*at = t->list[i].next;
	table__unlink(t, i);
	t->list[i].next = t->free;
	t->free = i;
	all->n--;
}

static struct target *failing__add(struct failing *all, uint64_t key)
{
	struct table *t = all->table;
	struct target *e;
	uint16_t i = t->free;

	if (i != NONE)
		t->free = t->list[i].next;
	else
		i = t->used++;
	e = &t->list[i];
	memset(e, 0, sizeof(*e));
	e->key = key;
	e->next = t->buckets[key % BUCKETS];
	t->buckets[key % BUCKETS] = i;
	table__push(t, i);
	all->n++;
	return e;
}

/* --- what a failure was --- */

static enum kind kind_of(const struct record *r)
{
	if (r->u.connect->abandoned)
		return KIND_ABANDONED;
	switch (-r->error) {
	case ECONNREFUSED:
	case ECONNRESET: /* the peer's word too, after a simultaneous open */
		return KIND_REFUSED;
	case ETIMEDOUT:
		return KIND_UNANSWERED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return KIND_UNREACHABLE;
	default:
		return KIND_LOCAL;
	}
}

static enum kind most(const struct target *e)
{
	enum kind best = KIND_REFUSED, k;

	for (k = KIND_REFUSED; k < KINDS; k++)
		if (e->counts[k] > e->counts[best])
			best = k;
	return best;
}

static void count_error(struct target *e, int error)
{
	size_t i = 0;

	while (i < ERRORS_MAX - 1 && e->errors[i].count && e->errors[i].error != error)
		i++;
	if (!e->errors[i].count)
		e->errors[i].error = error;
	e->errors[i].count++;
}

static void count_failure(struct target *e, const struct record *r)
{
	const struct ev_connect *c = r->u.connect;
	enum kind kind = kind_of(r);

	if (!e->count)
		e->first_ns = r->boot_ns;
	if (r->boot_ns > e->last_ns)
		e->last_ns = r->boot_ns;
	e->recent_ns[e->count++ % FAILURES] = r->boot_ns;
	e->counts[kind]++;
	if (kind != KIND_ABANDONED)
		count_error(e, r->error);
	else if (c->started_ns && r->boot_ns > c->started_ns + e->waited_ns)
		e->waited_ns = r->boot_ns - c->started_ns;
	e->sock = *r->sock;
	e->actor = *r->actor;
	e->error = r->error;
	e->changed = true;
}

static bool too_many(const struct target *e)
{
	return e->count >= FAILURES && e->last_ns - e->recent_ns[e->count % FAILURES] <= WINDOW_NS;
}

/* --- who listens there --- */

/* The kernel takes a local destination as the source too, unless the program chose another. */
static bool is_local(const struct ev_sock *s)
{
	return addr__is_loopback(s->raddr) || !memcmp(s->laddr, s->raddr, ADDR_LEN);
}

static bool covers(const struct ev_sock *listener, const uint8_t *addr)
{
	if (!addr__is_wildcard(listener->laddr))
		return !memcmp(listener->laddr, addr, ADDR_LEN);
	if (addr__is_mapped(addr))
		return addr__is_mapped(listener->laddr) || !(listener->options & OPT_V6ONLY);
	return !addr__is_mapped(listener->laddr);
}

static void find_listener(struct target *e, const struct holder *h, size_t n)
{
	size_t i;

	e->listening = LISTENING_NOBODY;
	for (i = 0; i < n && e->listening != LISTENING_THERE; i++) {
		bool there = covers(&h[i].sock, e->sock.raddr);

		if (h[i].sock.state != BPF_TCP_LISTEN ||
		    (e->listening && !there && e->listening != LISTENING_NOBODY))
			continue;
		e->listening = there ? LISTENING_THERE : LISTENING_ELSEWHERE;
		e->listener = h[i].sock;
		e->listener_proc = h[i].proc;
	}
}

static void ask_listener(struct failing *all, struct target *e, struct detect *d, uint64_t now_ns)
{
	struct ask_holders q = { .net = finding__netns(&e->sock, &e->actor),
				 .except = e->sock.cookie,
				 .port = e->sock.rport,
				 .proto = IPPROTO_TCP,
				 .failed = true };
	struct holder *answer;
	ssize_t n;

	e->listening = LISTENING_UNKNOWN;
	if (most(e) != KIND_REFUSED || !is_local(&e->sock) ||
	    !ask_budget__take(&all->budget, 1, ASKS_A_SECOND, now_ns))
		return;
	e->asked_ns = now_ns;
	answer = calloc(LISTENERS_MAX, sizeof(*answer));
	if (!answer)
		return;
	n = kernel__ask(detect__kernel(d), ASK_HOLDERS, &q, sizeof(q), answer,
			LISTENERS_MAX * sizeof(*answer));
	if (n >= 0)
		find_listener(e, answer, (size_t)n / sizeof(*answer));
	free(answer);
}

/* What is unreachable is looked for by commands in its namespace. */
static void ask_inside(struct failing *all, struct target *e, struct detect *d, uint64_t now_ns)
{
	const struct netns_ref net = finding__netns(&e->sock, &e->actor);

	if (most(e) == KIND_UNREACHABLE && !e->in_known &&
	    ask_budget__take(&all->budget, 1, ASKS_A_SECOND, now_ns))
		e->in_known = known__netns(d, &net, 0, &e->in);
}

/* --- what is said of it --- */

static void phrase_kinds(struct phrase *p, const struct target *e)
{
	const char *join = "";
	enum kind k;

	for (k = KIND_REFUSED; k < KINDS; k++) {
		if (!e->counts[k])
			continue;
		phrase__add(p, "%s%" PRIu64 " %s", join, e->counts[k], kind_names[k]);
		join = ", ";
	}
}

static void phrase_errors(struct phrase *p, const struct target *e)
{
	const char *join = "";
	size_t i;

	for (i = 0; i < ERRORS_MAX && e->errors[i].count; i++) {
		phrase__add(p, "%s%s %" PRIu64, join,
			    i == ERRORS_MAX - 1 ? "others" : log__errno(e->errors[i].error),
			    e->errors[i].count);
		join = ", ";
	}
}

static void phrase_target(struct phrase *p, const struct target *e)
{
	phrase__address(p, e->sock.raddr, e->sock.rport);
	phrase__add(p, "/tcp");
}

static void message(struct finding *f, const struct target *e)
{
	uint64_t seconds = (e->last_ns - e->first_ns) / SECOND;
	struct phrase p = phrase__message(f);

	phrase__owner(&p, &e->actor.proc);
	phrase__add(&p, " cannot connect to ");
	phrase_target(&p, e);
	phrase__add(&p, ": %" PRIu64 " failures in ", e->count);
	if (seconds)
		phrase__add(&p, "%" PRIu64 " s", seconds);
	else
		phrase__add(&p, "less than 1 s");
	phrase__add(&p, " and no success (");
	phrase_kinds(&p, e);
	phrase__add(&p, ")");
	if (e->listening == LISTENING_NOBODY)
		phrase__add(&p, "; nothing listens on port %u in its network namespace",
			    e->sock.rport);
	if (e->listening != LISTENING_ELSEWHERE)
		return;
	phrase__add(&p, "; on that port only ");
	phrase__owner(&p, &e->listener_proc);
	phrase__add(&p, " listens, at ");
	phrase__address(&p, e->listener.laddr, e->listener.lport);
}

static void advise_refused(struct phrase *p, const struct target *e)
{
	unsigned int port = e->sock.rport;

	switch (e->listening) {
	case LISTENING_NOBODY:
		phrase__add(
			p,
			"start the service that belongs on port %u, or correct the address in %.*s",
			port, COMM_LEN, e->actor.proc.comm);
		break;
	case LISTENING_ELSEWHERE:
		phrase__add(p, "let %.*s listen on ", COMM_LEN, e->listener_proc.comm);
		phrase__host(p, e->sock.raddr);
		phrase__add(p, " too, or let %.*s connect to the address it listens on", COMM_LEN,
			    e->actor.proc.comm);
		break;
	case LISTENING_THERE:
		phrase__owner(p, &e->listener_proc);
		phrase__add(
			p,
			" listens there by now: if this goes on, a firewall rejects it (nft list ruleset) or net.ipv4.tcp_abort_on_overflow is set");
		break;
	case LISTENING_UNKNOWN:
		phrase__add(
			p,
			"the host answers, but nothing listens there or a firewall rejects it: on that host look with ss -ltn 'sport = :%u' whether the service runs and at which address",
			port);
		break;
	}
}

static void advise_local(struct phrase *p, const struct target *e)
{
	switch (-e->error) {
	case EADDRNOTAVAIL:
		phrase__add(
			p,
			"no local port or address was to be had, no packet went out: ephemeral_exhausted tells where the ports are");
		break;
	case EPERM:
	case EACCES:
		phrase__add(
			p,
			"this host forbids it, no packet went out: look at the firewall's output rules (nft list ruleset) and at the audit log of SELinux or AppArmor");
		break;
	case EADDRINUSE:
		phrase__add(
			p,
			"the local port that it binds has this connection already: close the old one, or bind no port");
		break;
	default:
		phrase__add(
			p, "the call itself is refused with %s, no packet went out: see connect(2)",
			log__errno(e->error));
	}
}

static void advise(struct finding *f, const struct target *e)
{
	const struct netns_facts *in = e->in_known ? &e->in : NULL;
	struct phrase p = phrase__advice(f);

	switch (most(e)) {
	case KIND_REFUSED:
		advise_refused(&p, e);
		break;
	case KIND_UNANSWERED:
		phrase__add(
			&p,
			"the host is down or a firewall drops the packets: ping it, and look with tcpdump -ni any 'host ");
		phrase__host(&p, e->sock.raddr);
		phrase__add(&p, " and tcp port %u' whether an answer comes back", e->sock.rport);
		break;
	case KIND_UNREACHABLE:
		phrase__add(&p, "there is no route to it, or nobody on the way knows it: ");
		phrase__inside(&p, in, e->actor.proc.tgid);
		phrase__add(&p, "ip route get ");
		phrase__host(&p, e->sock.raddr);
		phrase__add(&p, " and ");
		phrase__inside(&p, in, e->actor.proc.tgid);
		phrase__add(&p, "ip neigh tell which");
		break;
	case KIND_ABANDONED:
		phrase__add(
			&p,
			"it gives up after %" PRIu64
			" ms at most, before there is an answer: raise its connect timeout, or find why ",
			e->waited_ns / 1000000);
		phrase__host(&p, e->sock.raddr);
		phrase__add(&p, " does not answer (tcpdump -ni any 'host ");
		phrase__host(&p, e->sock.raddr);
		phrase__add(&p, " and tcp port %u')", e->sock.rport);
		break;
	case KIND_LOCAL:
	case KINDS:
		advise_local(&p, e);
		break;
	}
}

static void add_evidence(struct finding *f, const struct target *e)
{
	struct evidence *errors;
	enum kind k;

	finding__address(f, "raddr", e->sock.raddr, e->sock.family);
	finding__number(f, "rport", e->sock.rport);
	for (k = KIND_REFUSED; k < KINDS; k++)
		finding__number(f, kind_names[k], e->counts[k]);
	if (e->waited_ns)
		finding__number(f, "abandoned_after_ms", e->waited_ns / 1000000);
	finding__text(f, "errors", "%s", "");
	errors = &f->evidence[f->n_evidence - 1];
	phrase_errors(&(struct phrase){ .s = errors->text, .size = sizeof(errors->text) }, e);
	if (e->listening)
		finding__flag(f, "listening", e->listening == LISTENING_THERE);
}

/* All but its key, as of now. */
static void fill(struct finding *f, const struct target *e)
{
	finding__begin(f, &connect_failing, e->last_ns);
	f->first_ns = e->first_ns;
	f->key = e->key;
	f->count = e->count;
	f->call = "connect";
	f->error = e->error;
	f->sock = e->sock;
	f->actor = e->actor;
	add_evidence(f, e);
	message(f, e);
	advise(f, e);
}

/* Its open finding says what is known by now; told by the set, when that is due. */
static void refresh(struct failing *all, struct detect *d, struct target *e, uint64_t now_ns)
{
	struct open_finding *o = e->changed ? finding_set__of_key(&all->open, e->key) : NULL;

	if (!o)
		return;
	if (now_ns >= e->asked_ns + FINDING_UPDATE_NS)
		ask_listener(all, e, d, now_ns);
	fill(&o->f, e);
	e->changed = false;
}

/* There is no room for another: the one that has not failed for longest goes, and its finding. */
static void evict(struct failing *all, struct detect *d, uint64_t now_ns)
{
	struct target *e = &all->table->list[all->table->oldest];
	struct open_finding *o = finding_set__of_key(&all->open, e->key);

	if (o) {
		fill(&o->f, e);
		finding_set__close(&all->open, d, o, now_ns);
	}
	failing__drop(all, all->table->oldest);
}

static void failed(struct failing *all, struct detect *d, uint64_t key, const struct record *r)
{
	struct target *e;
	struct finding f;
	uint16_t i;

	if (!all->table)
		all->table = table__new();
	if (!all->table)
		return;
	i = *table__find(all->table, key);
	if (i == NONE && all->n == DESTINATIONS_MAX)
		evict(all, d, r->boot_ns);
	e = i == NONE ? failing__add(all, key) : &all->table->list[i];
	if (i != NONE) {
		table__unlink(all->table, i);
		table__push(all->table, i);
	}
	count_failure(e, r);
	if (!too_many(e) || finding_set__of_key(&all->open, key))
		return;
	ask_listener(all, e, d, r->boot_ns);
	ask_inside(all, e, d, r->boot_ns);
	fill(&f, e);
	e->changed = false;
	finding_set__met(&all->open, d, &f);
}

static void say_recovered(struct finding *f, struct target *e, const struct ev_owner *proc)
{
	struct phrase p;

	e->listening = LISTENING_UNKNOWN; /* what was asked before holds no more */
	fill(f, e);
	finding__flag(f, "recovered", true);
	p = phrase__message(f);
	phrase__owner(&p, proc);
	phrase__add(&p, " reaches ");
	phrase_target(&p, e);
	phrase__add(&p, " again, after %" PRIu64 " failure%s (", e->count,
		    phrase__plural(e->count));
	phrase_kinds(&p, e);
	phrase__add(&p, ")");
	p = phrase__advice(f);
	phrase__add(&p, "nothing is left to do");
}

static void succeeded(struct failing *all, struct detect *d, uint64_t key, const struct record *r)
{
	uint16_t i = *table__find(all->table, key);
	struct open_finding *o;

	if (i == NONE)
		return;
	o = finding_set__of_key(&all->open, key);
	if (o) {
		say_recovered(&o->f, &all->table->list[i], &r->actor->proc);
		finding_set__close(&all->open, d, o, r->boot_ns);
	}
	failing__drop(all, i);
}

static uint64_t subject(const struct record *r)
{
	/* every connect() comes here: to zero a finding costs more than the hash */
	static const struct finding named = { .id = "connect_failing" };
	struct netns_ref net = finding__netns(r->sock, r->actor);
	uint64_t key = finding__key_program(finding__key(&named, &net), r->actor);

	key = detect__hash(key, r->sock->raddr, ADDR_LEN);
	return detect__hash(key, &r->sock->rport, sizeof(r->sock->rport));
}

static void connect_failing__on_record(void *state, struct detect *d, const struct record *r)
{
	if (r->type != RECORD_CONNECT || !r->sock || !r->actor || r->sock->proto == IPPROTO_UDP)
		return;
	if (r->error || r->u.connect->abandoned)
		failed(state, d, subject(r), r);
	else if (((struct failing *)state)->n)
		succeeded(state, d, subject(r), r);
}

static void connect_failing__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct failing *all = state;
	struct table *t = all->table;
	uint16_t i;

	for (i = all->n ? t->newest : NONE; all->open.n && i != NONE; i = t->list[i].older)
		refresh(all, d, &t->list[i], now_ns);
	while (all->n && now_ns >= t->list[t->oldest].last_ns + FINDING_QUIET_NS)
		failing__drop(all, t->oldest);
	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void connect_failing__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct failing *all = state;
	uint16_t i;

	for (i = all->n ? all->table->newest : NONE; i != NONE; i = all->table->list[i].older)
		refresh(all, d, &all->table->list[i], now_ns);
	finding_set__end(&all->open, d, now_ns);
	free(all->table);
	*all = (struct failing){ 0 };
}

const struct detector connect_failing = {
	.id = "connect_failing",
	.severity = SEVERITY_WARNING,
	.summary =
		"one executable fails to connect to one destination 5 times in 10 s with no success in between",
	.evidence =
		"call: connect; error: of the last one; raddr, rport: the destination; refused, unanswered (ETIMEDOUT), unreachable (EHOSTUNREACH, ENETUNREACH), "
		"abandoned (closed before an answer), local (all other errors): failures since `first`; "
		"abandoned_after_ms: the longest wait that was given up; errors: by name; "
		"listening: whether something listens there, where the destination is in the same namespace; "
		"recovered: closed by a success",
	.state_size = sizeof(struct failing),
	.on_record = connect_failing__on_record,
	.tick = connect_failing__tick,
	.end = connect_failing__end,
};
