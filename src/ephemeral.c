// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ephemeral.c - counts the ports of a pair, chooses the cure, and fills the evidence that two findings have in
 * common.
 */
#include "ephemeral.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "pair.h"
#include "phrase.h"

#define SECOND     1000000000ull
#define MINUTE     (60 * SECOND)
#define SHARES_MAX 32 /* processes compared with each other */

#define WIDEST_LOW   1024
#define WIDEST_HIGH  65535
#define WIDEST_PORTS (WIDEST_HIGH - WIDEST_LOW + 1)

/* What one process has to do with it. */
struct share {
	struct ev_owner proc;
	uint32_t uid;
	uint32_t processes; /* of the same name, counted as one; `proc` is the last */
	uint64_t live, bound, opened, opened_bound;
};

struct shares {
	struct share list[SHARES_MAX]; /* the most involved first */
	size_t n;
	uint64_t opened, opened_bound;
	uint64_t opened_most; /* to one destination: */
	const struct destination *most;
};

enum cure { CURE_POOL, CURE_TW_REUSE, CURE_BIND_NO_PORT, CURE_WIDEN, CURE_CLOSE, CURES };

bool ephemeral__may_ask(struct ask_budget *b, uint32_t ports, uint64_t now_ns)
{
	return ask_budget__take(b, ASK_PORTS_EACH + ports, ASK_PORTS_A_SECOND, now_ns);
}

bool ephemeral__ask(struct ephemeral *e, const struct detect *d)
{
	ssize_t n = kernel__ask(detect__kernel(d), ASK_PORT_USE, &e->q, sizeof(e->q), &e->use,
				sizeof(e->use));

	e->known = n == sizeof(e->use) && e->use.capacity;
	e->busy = n == -EBUSY;
	if (!e->known)
		memset(&e->use, 0, sizeof(e->use));
	return e->known;
}

unsigned int ephemeral__percent(const struct port_use *use)
{
	return use->capacity ? (uint64_t)use->used * 100 / use->capacity : 0;
}

/* --- who --- */

static struct share *shares__of(struct shares *s, const struct ev_owner *proc, uint32_t uid)
{
	struct share *new;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->list[i].proc.tgid == proc->tgid &&
		    s->list[i].proc.start_ns == proc->start_ns)
			return &s->list[i];
	if (s->n == SHARES_MAX)
		return NULL;
	new = &s->list[s->n++];
	*new = (struct share){ .proc = *proc, .uid = uid, .processes = 1 };
	return new;
}

struct opened_by {
	struct shares *shares;
	const struct ephemeral *e;
};

static void add_openers(void *arg, struct destination *to)
{
	const struct opened_by *by = arg;
	const struct ask_port_use *q = &by->e->q;
	uint64_t opened = 0;
	size_t i;

	if (by->e->now_ns >= to->last_ns + 2 * MINUTE || to->key.netns != q->net.inode ||
	    to->key.netns_cookie != q->net.cookie)
		return;
	if (!addr__is_wildcard(q->laddr) && memcmp(to->key.laddr, q->laddr, ADDR_LEN))
		return;
	for (i = 0; i < to->n_openers; i++) {
		const struct opener *o = &to->openers[i];
		struct share *s = shares__of(by->shares, &o->proc, o->uid);

		opened += opener__opened(o);
		by->shares->opened_bound += opener__bound(o);
		if (!s)
			continue;
		s->opened += opener__opened(o);
		s->opened_bound += opener__bound(o);
		if (o->processes > s->processes)
			s->processes = o->processes;
	}
	by->shares->opened += opened;
	if (opened > by->shares->opened_most) {
		by->shares->opened_most = opened;
		by->shares->most = to;
	}
}

static uint64_t share__size(const struct share *s)
{
	return s->opened > s->live ? s->opened : s->live;
}

static int by_size(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (share__size(x) != share__size(y))
		return share__size(x) > share__size(y) ? -1 : 1;
	return x->proc.tgid < y->proc.tgid ? -1 : x->proc.tgid > y->proc.tgid;
}

static void shares__fill(struct shares *s, const struct ephemeral *e)
{
	struct opened_by by = { .shares = s, .e = e };
	uint32_t i;

	for (i = 0; i < e->use.n_users; i++) {
		const struct port_user *u = &e->use.users[i];
		struct share *one = shares__of(s, &u->proc, u->uid);

		if (!one)
			continue;
		one->live = u->live;
		one->bound = u->bound;
	}
	if (e->to)
		add_openers(&by, (struct destination *)e->to);
	else if (e->all && e->q.proto == IPPROTO_TCP && e->q.exclusive)
		destinations__each(e->all, add_openers, &by);
	qsort(s->list, s->n, sizeof(*s->list), by_size);
}

static void put_processes(const struct shares *s, struct finding *f)
{
	size_t i;

	f->count_keys[0] = "live";
	f->count_keys[1] = "bound";
	f->count_keys[2] = "opened";
	f->n_processes = 0;
	for (i = 0; i < s->n && i < FINDING_PROCESSES; i++) {
		const struct share *one = &s->list[i];
		struct finding_process *p;

		if (!share__size(one))
			break;
		p = finding__process(f, &one->proc, one->uid);
		p->counts[0] = one->live;
		p->counts[1] = one->bound;
		p->counts[2] = one->opened;
	}
}

/* --- which cure --- */

static bool reuse_is_off(const struct ephemeral *e)
{
	return !pair__reuses(e->use.tw_reuse, e->q.laddr, e->q.raddr);
}

static enum cure cure_for_connect(const struct ephemeral *e, const struct shares *s)
{
	const struct port_use *use = &e->use;
	const struct share *most = s->n ? &s->list[0] : NULL;

	if (use->bound * 2 > use->used)
		return use->bound_first * 2 >= use->bound ? CURE_BIND_NO_PORT : CURE_CLOSE;
	/* nothing left in TIME_WAIT: they were all open when the ports ran out */
	if (use->live > use->time_wait || !use->time_wait)
		return CURE_WIDEN;
	if (most && most->processes == 1 && most->opened && most->opened * 2 >= s->opened)
		return CURE_POOL;
	return reuse_is_off(e) ? CURE_TW_REUSE : CURE_WIDEN;
}

static enum cure choose(const struct ephemeral *e, const struct shares *s, const char *call)
{
	const struct port_use *use = &e->use;

	if (e->q.proto != IPPROTO_TCP)
		return CURE_CLOSE;
	if (!e->q.exclusive)
		return cure_for_connect(e, s);
	if (call && !strcmp(call, "listen"))
		return CURE_WIDEN;
	return use->bound * 2 > use->used ? CURE_CLOSE : CURE_BIND_NO_PORT;
}

/* --- the words --- */

struct telling {
	const struct ephemeral *e;
	struct finding *f;
	struct shares shares;
	enum cure cure;
	uint64_t rate;
};

static void say_share(struct phrase *p, const struct share *s)
{
	if (s->processes > 1)
		phrase__add(p, "%.*s (%u processes, the last one pid %u)", COMM_LEN, s->proc.comm,
			    s->processes, s->proc.tgid);
	else
		phrase__owner(p, &s->proc);
}

/* Who is to change: the most involved, else who met it. */
static void say_who(struct phrase *p, const struct telling *t)
{
	if (t->shares.n && share__size(&t->shares.list[0]))
		say_share(p, &t->shares.list[0]);
	else if (t->f->actor.proc.tgid)
		phrase__owner(p, &t->f->actor.proc);
	else
		phrase__add(p, "the program");
}

/* Run anywhere, it acts in the right namespace. */
static void say_sysctl(struct phrase *p, const struct telling *t)
{
	uint32_t pid = t->e->use.n_users ? t->e->use.users[0].proc.tgid : t->f->actor.proc.tgid;

	if (!pid && t->shares.n)
		pid = t->shares.list[0].proc.tgid;

	if (!t->e->use.own_netns && pid)
		phrase__add(p, "nsenter -t %u -n ", pid);
	else if (!t->e->use.own_netns)
		phrase__add(p, "in its network namespace: ");
	phrase__add(p, "sysctl -w ");
}

static void say_wider(struct phrase *p, const struct telling *t)
{
	const struct port_use *use = &t->e->use;

	if (t->e->q.low || t->e->q.high) {
		phrase__add(p, "give ");
		say_who(p, t);
		phrase__add(p, " a wider IP_LOCAL_PORT_RANGE than the %u ports of %u-%u",
			    use->capacity, use->low, use->high);
	} else if (!t->e->known) {
		phrase__add(
			p, "look at net.ipv4.ip_local_port_range in its network namespace: a wider "
			   "range gives more ports");
	} else if (use->high - use->low + 1 < WIDEST_PORTS) {
		say_sysctl(p, t);
		phrase__add(p,
			    "net.ipv4.ip_local_port_range=\"%u %u\" gives %u ports instead of %u",
			    WIDEST_LOW, WIDEST_HIGH, WIDEST_PORTS - use->reserved, use->capacity);
	} else {
		phrase__add(p, "the range is as wide as can be");
	}
}

static void say_tw_reuse(struct phrase *p, const struct telling *t)
{
	say_sysctl(p, t);
	phrase__add(
		p,
		"net.ipv4.tcp_tw_reuse=1 lets connect() take a port 1 s after its connection was "
		"closed, not 60 s");
}

static void advise_pool(struct phrase *p, const struct telling *t)
{
	phrase__add(p, "let ");
	say_who(p, t);
	phrase__add(p, " keep its connections open and use them again (pool, keep-alive)");
	if (t->rate)
		phrase__add(p, ": it opens %llu a second", (unsigned long long)t->rate);
	if (!reuse_is_off(t->e))
		return;
	phrase__add(p, "; until then, ");
	say_tw_reuse(p, t);
}

static void advise_tw_reuse(struct phrase *p, const struct telling *t)
{
	say_tw_reuse(p, t);
	phrase__add(p, "; or let the other side close first, so that TIME_WAIT is there");
}

static void advise_bind_no_port(struct phrase *p, const struct telling *t)
{
	const struct ev_owner *who = &t->f->actor.proc;
	size_t i;

	for (i = 0; i < t->shares.n; i++) {
		const struct share *s = &t->shares.list[i];

		if (!s->bound && !s->opened_bound)
			continue;
		phrase__add(p, "set IP_BIND_ADDRESS_NO_PORT before bind() in ");
		say_share(p, s);
		phrase__add(p, ", which binds before it connects");
		break;
	}
	if (i == t->shares.n) {
		phrase__add(p, "if ");
		phrase__owner(p, who);
		phrase__add(
			p, " binds in order to connect, set IP_BIND_ADDRESS_NO_PORT before bind()");
	}
	if (t->e->use.capacity)
		phrase__add(
			p, ": connect() then chooses the port, and each destination has its own %u",
			t->e->use.capacity);
	if (!t->shares.most || t->shares.opened_most * 10 < t->shares.opened * 9)
		return;
	phrase__add(p, "; to ");
	phrase__address(p, t->shares.most->key.raddr, t->shares.most->key.rport);
	phrase__add(p,
		    ", where nearly all of them go, also keep connections open and use them again");
}

static void advise_widen(struct phrase *p, const struct telling *t)
{
	say_wider(p, t);
	if (t->e->q.exclusive || !t->e->known)
		return;
	phrase__add(
		p,
		"; or use more addresses: each pair of a local and a remote address has its own "
		"%u ports",
		t->e->use.capacity);
}

static void advise_close(struct phrase *p, const struct telling *t)
{
	phrase__add(p, "let ");
	say_who(p, t);
	phrase__add(p, " close the %s sockets that it does not need",
		    t->e->q.proto == IPPROTO_TCP ? "bound" : "UDP");
	if (t->e->q.proto != IPPROTO_TCP)
		phrase__add(p, ", or send to many destinations from one");
	if (!t->e->known)
		return;
	phrase__add(p, "; ");
	say_wider(p, t);
}

static const struct {
	const char *name;
	void (*advise)(struct phrase *p, const struct telling *t);
} cures[CURES] = {
	[CURE_POOL] = { "pool", advise_pool },
	[CURE_TW_REUSE] = { "tw_reuse", advise_tw_reuse },
	[CURE_BIND_NO_PORT] = { "bind_no_port", advise_bind_no_port },
	[CURE_WIDEN] = { "widen", advise_widen },
	[CURE_CLOSE] = { "close", advise_close },
};

/* "connect() to 10.0.0.5:443 from 10.0.0.1", "bind() to port 0 on 0.0.0.0/udp" */
static void say_call(struct phrase *p, const struct telling *t)
{
	const struct ask_port_use *q = &t->e->q;

	phrase__add(p, "%s()", t->f->call);
	if (q->exclusive) {
		phrase__add(p, "%s on ", strcmp(t->f->call, "bind") ? "" : " to port 0");
		phrase__host(p, q->laddr);
		phrase__add(p, "/%s", q->proto == IPPROTO_TCP ? "tcp" : "udp");
		return;
	}
	phrase__add(p, " to ");
	phrase__address(p, q->raddr, q->rport);
	if (addr__is_wildcard(q->laddr))
		return;
	phrase__add(p, " from ");
	phrase__host(p, q->laddr);
}

static void say_range(struct phrase *p, const struct port_use *use)
{
	phrase__add(p, " %u ports of %u-%u", use->capacity, use->low, use->high);
	if (use->reserved)
		phrase__add(p, " (%u more are reserved)", use->reserved);
}

/* ": 12 by live connections, 80 in TIME_WAIT", without the zeros */
static void say_parts(struct phrase *p, const struct ephemeral *e)
{
	const struct {
		uint32_t n;
		const char *what;
	} parts[] = {
		{ e->use.live,
		  e->q.proto == IPPROTO_TCP ? "by live connections" : "by open sockets" },
		{ e->use.time_wait, "in TIME_WAIT" },
		{ e->use.bound, e->q.exclusive ? "by bound or listening sockets" :
						 "kept by bind() of other sockets" },
	};
	const char *sep = ": ";
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].n)
			continue;
		phrase__add(p, "%s%u %s", sep, parts[i].n, parts[i].what);
		sep = ", ";
	}
}

static void say_top(struct phrase *p, const struct telling *t)
{
	const struct share *s = &t->shares.list[0];

	if (!t->shares.n || !share__size(s))
		return;
	phrase__add(p, "; ");
	if (share__size(s) * 2 < t->e->use.used) {
		/* the kernel is ahead of the records, or others had it before the start */
		phrase__add(p, "seen opening them: ");
		say_share(p, s);
		return;
	}
	say_share(p, s);
	if (s->live >= s->opened)
		phrase__add(p, " has %llu of them", (unsigned long long)s->live);
	else
		phrase__add(p, " opened %llu in the last two minutes",
			    (unsigned long long)s->opened);
}

/* Within a port of all: __inet_hash_connect passes over one where the range has an odd number of ports. */
static bool is_full(const struct port_use *use)
{
	return use->used + 1 >= use->capacity;
}

static void say_exhausted(const struct telling *t)
{
	struct phrase p = phrase__message(t->f);
	const struct port_use *use = &t->e->use;

	phrase__add(&p, "no free port for ");
	say_call(&p, t);
	if (!t->e->known)
		return;
	if (is_full(use))
		phrase__add(&p, ": all");
	else
		phrase__add(&p, ": a moment later %u of the", use->used);
	say_range(&p, use);
	phrase__add(&p, " are in use");
	say_parts(&p, t->e);
	say_top(&p, t);
}

static void say_pressure(const struct telling *t, uint64_t seconds_left)
{
	struct phrase p = phrase__message(t->f);
	const struct port_use *use = &t->e->use;

	phrase__add(&p, "connections to ");
	phrase__address(&p, t->e->q.raddr, t->e->q.rport);
	phrase__add(&p, " from ");
	phrase__host(&p, t->e->q.laddr);
	phrase__add(&p, " use %u %% of the", ephemeral__percent(use));
	say_range(&p, use);
	say_parts(&p, t->e);
	if (seconds_left != UINT64_MAX && use->used < use->capacity) {
		phrase__add(&p, "; at %llu new ones a second the other %u last ",
			    (unsigned long long)t->rate, use->capacity - use->used);
		phrase__add(&p, seconds_left ? "%llu s" : "less than 1 s",
			    (unsigned long long)seconds_left);
	}
	say_top(&p, t);
}

/* --- evidence --- */

static void put_subject(const struct ask_port_use *q, struct finding *f)
{
	if (q->exclusive || !addr__is_wildcard(q->laddr))
		finding__address(f, "laddr", q->laddr, f->sock.family);
	if (q->exclusive)
		return;
	finding__address(f, "raddr", q->raddr, f->sock.family);
	finding__number(f, "rport", q->rport);
}

static void put_use(const struct telling *t)
{
	const struct port_use *use = &t->e->use;
	struct finding *f = t->f;

	finding__text(f, "range", "%u-%u", use->low, use->high);
	if (t->e->q.low || t->e->q.high)
		finding__flag(f, "socket_range", true);
	finding__number(f, "reserved", use->reserved);
	finding__number(f, "capacity", use->capacity);
	finding__number(f, "used", use->used);
	finding__number(f, "percent", ephemeral__percent(use));
	finding__number(f, "live", use->live);
	finding__number(f, "time_wait", use->time_wait);
	finding__number(f, "bound", use->bound);
	finding__number(f, "bound_first", use->bound_first);
	if (t->e->q.proto != IPPROTO_TCP)
		return;
	finding__number(f, "reusable", use->reusable);
	finding__number(f, "tw_reuse", use->tw_reuse);
}

static void begin_telling(struct telling *t, const struct ephemeral *e, struct finding *f)
{
	*t = (struct telling){ .e = e, .f = f };
	shares__fill(&t->shares, e);
	put_processes(&t->shares, f);
	put_subject(&e->q, f);
	if (e->known)
		put_use(t);
	t->cure = choose(e, &t->shares, f->call);
	if (e->to)
		t->rate = destination__rate(e->to, e->now_ns);
	f->estimated = !e->known || e->use.estimated;
}

static void end_telling(const struct telling *t)
{
	struct phrase advice = phrase__advice(t->f);

	cures[t->cure].advise(&advice, t);
	finding__text(t->f, "cure", "%s", cures[t->cure].name);
}

void ephemeral__tell_exhausted(const struct ephemeral *e, struct finding *f)
{
	struct telling t;

	begin_telling(&t, e, f);
	if (e->to)
		finding__number(f, "rate", t.rate);
	f->estimated |= e->known && !is_full(&e->use);
	say_exhausted(&t);
	end_telling(&t);
}

void ephemeral__tell_pressure(const struct ephemeral *e, struct finding *f, unsigned int level,
			      uint64_t seconds_left)
{
	struct telling t;

	begin_telling(&t, e, f);
	finding__number(f, "level", level);
	finding__number(f, "rate", t.rate);
	if (seconds_left != UINT64_MAX)
		finding__number(f, "seconds_left", seconds_left);
	say_pressure(&t, seconds_left);
	end_telling(&t);
}
