// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * close_wait_leak - the peer has closed, the process has not, for a minute: it has lost sight of the
 * descriptor, or does not read.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

#define SECOND 1000000000ull

/* A leak of more is told as "at least so many"; an answer has to fit into a capture's chunk. */
#define ANSWER_MAX   16384
#define PROGRAMS_MAX 64 /* of one look at one namespace */
#define ENDS_TOLD    4
/*
 * A look walks the whole hash of connections: seldom. What leaks was a connection before, so that there
 * were records; where the last is long ago, the FIN of a quiet remote peer makes none.
 */
#define LOOK_NS      (10 * SECOND)
#define LOOK_IDLE_NS (60 * SECOND)
#define IDLE_NS      (20 * SECOND) /* since the last record, past --close-wait */
#define LOOKS_MAX    2             /* a second, in all namespaces: the hash is that of all */

extern const struct detector close_wait_leak;

struct leaks {
	struct finding_set open; /* subject: the namespace */
	struct looks looks;
	struct due {
		struct watched w;
		uint64_t since_ns;
	} due[LOOKS_MAX]; /* since the last tick, the first to be looked at first */
	size_t n_due;
};

/* One look at one namespace. */
struct catch
{
	struct detect *d;
	const struct watched *w;
	struct close_waiter *list;
	uint64_t *programs; /* of each: the key of its finding, 0: not to be told of */
	size_t n;
	bool more; /* than there was room for */
};

/* A peer, or, without address, a local port; and how many of the sockets have it. */
struct end {
	uint8_t addr[ADDR_LEN];
	uint32_t port; /* 0: any, of a server's clients */
	uint32_t n;
};

struct ends {
	struct end *list; /* room for the whole look */
	size_t n;
};

static uint64_t namespace_of(const struct netns_ref *net)
{
	uint64_t h = detect__hash(0, &net->inode, sizeof(net->inode));

	return detect__hash(h, &net->cookie, sizeof(net->cookie));
}

/* When it was looked at last, for the order; UINT64_MAX: its time has not come. */
static uint64_t due_since(struct leaks *all, const struct watched *w, uint64_t over_ns,
			  uint64_t now_ns)
{
	const bool open = finding_set__of_subject(&all->open, namespace_of(&w->net));
	const uint64_t *at = looks__at(&all->looks, &w->net);
	uint64_t every_ns = over_ns < LOOK_NS ? over_ns : LOOK_NS;

	if (!at)
		return UINT64_MAX;
	if (w->last_ns + over_ns + IDLE_NS < now_ns && !open)
		every_ns = LOOK_IDLE_NS;
	if (*at && now_ns < *at + every_ns)
		return UINT64_MAX;
	return open ? 0 : *at;
}

/* Keeps those for the tick that were looked at longest ago. */
static void close_wait_leak__poll(void *state, struct detect *d, const struct watched *w,
				  uint64_t now_ns)
{
	struct leaks *all = state;
	uint64_t since_ns = due_since(all, w, detect__config(d)->close_wait_ns, now_ns);
	size_t at = all->n_due;

	if (since_ns == UINT64_MAX)
		return;
	while (at > 0 && all->due[at - 1].since_ns > since_ns)
		at--;
	if (at == LOOKS_MAX)
		return;
	if (all->n_due < LOOKS_MAX)
		all->n_due++;
	memmove(&all->due[at + 1], &all->due[at], (all->n_due - 1 - at) * sizeof(all->due[0]));
	all->due[at] = (struct due){ .w = *w, .since_ns = since_ns };
}

static bool whose(const struct catch *c, const struct close_waiter *w, struct known_socket *k)
{
	const struct ask_socket q = { .cookie = w->cookie,
				      .netns_cookie = c->w->net.cookie,
				      .queued_on = w->queued ? w->lport : 0 };

	return known__socket(c->d, &q, k) && k->actor.proc.tgid;
}

/* One finding a program; what no process is known of, one a user. */
static void find_programs(struct catch *c)
{
	struct finding f = { .id = close_wait_leak.id };
	const uint64_t here = finding__key(&f, &c->w->net);
	struct known_socket k;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (whose(c, &c->list[i], &k))
			c->programs[i] = finding__key_program(here, &k.actor);
		else if (!detect__config(c->d)->chosen)
			c->programs[i] = detect__hash(here, &c->list[i].uid, sizeof(uint32_t));
	}
}

static int by_address(const void *a, const void *b)
{
	const struct end *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, sizeof(x->addr));

	return order ? order : (x->port > y->port) - (x->port < y->port);
}

static int most_first(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	return x->n != y->n ? (x->n > y->n ? -1 : 1) : by_address(a, b);
}

/* The same ones become one, the most frequent first. */
static void count_ends(struct ends *e)
{
	size_t from, to, kept = 0;
	struct end *p = e->list;

	qsort(p, e->n, sizeof(*p), by_address);
	for (from = 0; from < e->n; from = to) {
		for (to = from + 1; to < e->n && !by_address(&p[from], &p[to]); to++)
			;
		p[kept] = p[from];
		p[kept++].n = to - from;
	}
	qsort(p, kept, sizeof(*p), most_first);
	e->n = kept;
}

static void name_more(struct phrase *text, const struct ends *e)
{
	if (e->n > ENDS_TOLD)
		phrase__add(text, " and %zu more", e->n - ENDS_TOLD);
}

static void name_peers(struct phrase *text, const struct ends *peers)
{
	const struct end *p = peers->list;
	size_t i;

	for (i = 0; i < peers->n && i < ENDS_TOLD; i++) {
		phrase__add(text, i ? ", " : "");
		if (p[i].port)
			phrase__address(text, p[i].addr, p[i].port);
		else
			phrase__host(text, p[i].addr);
		phrase__add(text, " (%u)", p[i].n);
	}
	name_more(text, peers);
}

static void name_ports(struct phrase *text, const struct ends *ports)
{
	size_t i;

	for (i = 0; i < ports->n && i < ENDS_TOLD; i++)
		phrase__add(text, "%s%u (%u)", i ? ", " : "", ports->list[i].port,
			    ports->list[i].n);
	name_more(text, ports);
}

static void count_process(struct finding *f, const struct known_socket *k, uint32_t uid)
{
	const struct ev_owner *proc = &k->actor.proc;
	struct finding_process *p = f->processes;

	while (p < f->processes + f->n_processes &&
	       (p->proc.tgid != proc->tgid || p->proc.start_ns != proc->start_ns))
		p++;
	if (p == f->processes + f->n_processes) {
		if (!proc->tgid || f->n_processes == FINDING_PROCESSES)
			return;
		p = finding__process(f, proc, k->uid_known ? k->actor.uid : uid);
	}
	p->counts[0]++;
}

static int most_involved(const void *a, const void *b)
{
	const struct finding_process *x = a, *y = b;

	if (x->counts[0] != y->counts[0])
		return x->counts[0] > y->counts[0] ? -1 : 1;
	return (x->proc.tgid > y->proc.tgid) - (x->proc.tgid < y->proc.tgid);
}

static struct ev_sock sock_of(const struct catch *c, const struct close_waiter *w)
{
	struct ev_sock s = { .cookie = w->cookie,
			     .netns = c->w->net.inode,
			     .netns_cookie = c->w->net.cookie,
			     .family = w->family,
			     .proto = IPPROTO_TCP,
			     .state = TCP_CLOSE_WAIT,
			     .lport = w->lport,
			     .rport = w->rport };

	memcpy(s.laddr, w->laddr, sizeof(s.laddr));
	memcpy(s.raddr, w->raddr, sizeof(s.raddr));
	return s;
}

static void add_waiter(const struct catch *c, struct finding *f, const struct close_waiter *w,
		       struct ends *peers, struct ends *ports)
{
	struct end *peer = &peers->list[peers->n++];
	struct ev_sock s = sock_of(c, w);
	struct known_socket k;

	whose(c, w, &k);
	if (!f->count)
		f->actor = k.actor;
	f->count++;
	count_process(f, &k, w->uid);
	if (f->n_holders < HOLDERS_MAX)
		f->holders[f->n_holders++] = known__holder(c->d, &s, w->uid, &k);
	f->holders_total++;
	ports->list[ports->n++] = (struct end){ .port = w->lport };
	*peer = (struct end){ .port = k.sock.facts & FACT_CONNECTED ? w->rport : 0 };
	memcpy(peer->addr, w->raddr, sizeof(peer->addr));
}

struct total {
	uint32_t queued, oldest_ms, uid;
};

static void say(const struct catch *c, struct finding *f, const struct total *t,
		const struct ends *peers, const struct ends *ports)
{
	struct phrase m = phrase__message(f), a = phrase__advice(f);
	const struct ev_owner *proc = &f->actor.proc;
	const char *s = phrase__plural(f->count);

	if (proc->tgid)
		phrase__owner(&m, proc);
	else
		phrase__add(&m, "a process of uid %u", t->uid);
	phrase__add(&m, " leaves %s%" PRIu64 " connection%s of local port%s ",
		    c->more ? "at least " : "", f->count, s, phrase__plural(ports->n));
	if (ports->n == 1)
		phrase__add(&m, "%u", ports->list[0].port);
	else
		name_ports(&m, ports);
	phrase__add(&m, " in CLOSE_WAIT, the oldest for %u s or more: ", t->oldest_ms / 1000);
	name_peers(&m, peers);
	phrase__add(&m, " closed, it did not");
	if (t->queued)
		phrase__add(&m, "; accept() never took %u of them", t->queued);

	phrase__add(
		&a,
		"in %.*s, close() a connection when read() returns 0, also on the paths of errors; ",
		COMM_LEN, proc->tgid ? proc->comm : "the program");
	phrase__inside(&a, &c->w->facts, proc->tgid ? proc->tgid : c->w->net.tgid);
	phrase__add(&a, "ss -tnpo state close-wait lists them");
	if (proc->tgid)
		phrase__add(&a, ", strace -p %u shows whether it still reads; a restart frees them",
			    proc->tgid);
}

/* A text of the evidence, to be written. */
static struct phrase evidence(struct finding *f, const char *key)
{
	finding__text(f, key, "%s", "");
	return (struct phrase){ .s = f->evidence[f->n_evidence - 1].text,
				.size = EVIDENCE_TEXT_MAX };
}

/* All of one program, from its first on: the list has the oldest first. `room` for both ends of all. */
static void tell_program(struct leaks *all, struct catch *c, size_t first, struct end *room,
			 uint64_t now_ns)
{
	struct ends peers = { .list = room }, ports = { .list = room + c->n };
	const uint64_t key = c->programs[first];
	struct total t = { .oldest_ms = c->list[first].age_ms, .uid = c->list[first].uid };
	struct open_finding *o;
	struct phrase text;
	struct finding f;
	size_t i;

	finding__begin(&f, &close_wait_leak, now_ns);
	f.gauge = true;
	f.count = 0;
	f.count_keys[0] = "sockets";
	for (i = first; i < c->n; i++) {
		if (c->programs[i] != key)
			continue;
		c->programs[i] = 0;
		t.queued += c->list[i].queued;
		add_waiter(c, &f, &c->list[i], &peers, &ports);
	}
	qsort(f.processes, f.n_processes, sizeof(f.processes[0]), most_involved);
	count_ends(&peers);
	count_ends(&ports);
	f.key = key;
	f.sock.netns = c->w->net.inode;
	f.sock.netns_cookie = c->w->net.cookie;
	f.estimated = c->more;
	finding__number(&f, "oldest_s", t.oldest_ms / 1000);
	finding__number(&f, "not_accepted", t.queued);
	text = evidence(&f, "lports");
	name_ports(&text, &ports);
	finding__number(&f, "lports_total", ports.n);
	text = evidence(&f, "peers");
	name_peers(&text, &peers);
	finding__number(&f, "peers_total", peers.n);
	say(c, &f, &t, &peers, &ports);
	o = finding_set__met(&all->open, c->d, &f);
	if (o)
		o->subject = namespace_of(&c->w->net);
}

/* What this look did not find any more is over. */
static void close_others(struct leaks *all, const struct catch *c, uint64_t now_ns)
{
	const uint64_t here = namespace_of(&c->w->net);
	size_t i = 0;

	while (i < all->open.n) {
		struct open_finding *o = all->open.list[i];

		if (o->subject == here && o->f.last_ns < now_ns)
			finding_set__close(&all->open, c->d, o, now_ns);
		else
			i++;
	}
}

static void tell_all(struct leaks *all, struct catch *c, uint64_t now_ns)
{
	struct end *room = calloc(c->n ? 2 * c->n : 1, sizeof(*room));
	size_t i, told = 0;

	c->programs = calloc(c->n ? c->n : 1, sizeof(*c->programs));
	if (room && c->programs) {
		find_programs(c);
		for (i = 0; i < c->n && told < PROGRAMS_MAX; i++) {
			if (!c->programs[i])
				continue;
			tell_program(all, c, i, room, now_ns);
			told++;
		}
		/* one that had no room in this look is not over */
		if (!c->more && told < PROGRAMS_MAX)
			close_others(all, c, now_ns);
	}
	free(c->programs);
	free(room);
}

static void look_at(struct leaks *all, struct detect *d, const struct watched *w, uint64_t now_ns)
{
	const uint64_t over_ms = detect__config(d)->close_wait_ns / 1000000;
	struct ask_close_wait q = { .net = w->net,
				    .over_ms = over_ms < UINT32_MAX ? over_ms : UINT32_MAX };
	struct catch c = { .d = d, .w = w, .list = calloc(ANSWER_MAX, sizeof(*c.list)) };
	ssize_t bytes;

	if (!c.list)
		return;
	bytes = kernel__ask(detect__kernel(d), ASK_CLOSE_WAIT, &q, sizeof(q), c.list,
			    ANSWER_MAX * sizeof(*c.list));
	if (bytes >= 0) {
		c.n = bytes / sizeof(*c.list);
		c.more = c.n >= ANSWER_MAX;
		tell_all(all, &c, now_ns);
	}
	free(c.list);
}

static void close_wait_leak__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct leaks *all = state;
	uint64_t *at;
	size_t i;

	for (i = 0; i < all->n_due; i++) {
		look_at(all, d, &all->due[i].w, now_ns);
		at = looks__at(&all->looks, &all->due[i].w.net);
		if (at)
			*at = now_ns;
	}
	all->n_due = 0;
	/* a namespace that is gone is not polled any more */
	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void close_wait_leak__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct leaks *all = state;

	finding_set__end(&all->open, d, now_ns);
	looks__free(&all->looks);
	*all = (struct leaks){ 0 };
}

const struct detector close_wait_leak = {
	.id = "close_wait_leak",
	.severity = SEVERITY_WARNING,
	.summary =
		"sockets stay in CLOSE_WAIT for longer than --close-wait: the peer has closed, the process has "
		"not; names process and peers",
	.evidence =
		"count: the program's sockets in CLOSE_WAIT for so long; oldest_s: for how many seconds at "
		"least, since the last segment that acknowledged something; not_accepted: how many of them no "
		"accept() has taken; lports: the most frequent local ports, with how many sockets; lports_total; peers: the most frequent ones, with how many sockets; peers_total; "
		"holders_total: as count (the oldest are listed); processes: with their sockets; estimated: "
		"there are more than were counted",
	.state_size = sizeof(struct leaks),
	.tick = close_wait_leak__tick,
	.poll = close_wait_leak__poll,
	.end = close_wait_leak__end,
};
