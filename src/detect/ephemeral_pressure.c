// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ephemeral_pressure - the connections from an address to a destination use most of the local ports that
 * they can. The kernel counts them; it is asked when the connections seen since its last answer could
 * have brought them to the next level, so that a host with many connections is not slowed down.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ephemeral.h"
#include "finding_set.h"

#define SECOND 1000000000ull

#define WARN_PERCENT   80
#define URGE_PERCENT   95
#define CALM_PERCENT   90           /* URGE_PERCENT is over */
#define OVER_PERCENT   75           /* WARN_PERCENT is over */
#define FIRST_PERCENT  5            /* how much of the capacity may be used before the first look */
#define LOOK_AGAIN_NS  (SECOND / 5) /* with the default range; sooner where a look costs less */
#define LOOK_SELDOM_NS (3 * SECOND) /* where it has come close and stayed below for long */
#define NO_ANSWER_NS   (10 * SECOND)
#define GROWTH_NS      (30 * SECOND) /* how old the last answer may be to tell the growth */
#define REFRESHES      2   /* of open findings, in one tick: these walk over descriptors */
#define NETS_MAX       256 /* namespaces whose capacity is remembered */

extern const struct detector ephemeral_pressure;

struct net {
	uint64_t cookie;
	uint64_t used_ns; /* the one longest not used goes */
	uint32_t inode;
	uint32_t capacity; /* 0: not known */
};

struct pressure {
	struct finding_set open; /* subject: id of the destination */
	struct destinations *all;
	struct ask_budget budget;
	struct net nets[NETS_MAX];
	size_t n_nets;
};

/* --- how many ports a namespace has --- */

static uint32_t capacity_of(const struct netns_facts *f)
{
	if (f->range_high < f->range_low || f->range_high - f->range_low + 1 < f->reserved)
		return 0;
	return f->range_high - f->range_low + 1 - f->reserved;
}

static struct net *net__find(struct pressure *p, const struct netns_ref *n)
{
	size_t i;

	for (i = 0; i < p->n_nets; i++)
		if (p->nets[i].inode == n->inode && p->nets[i].cookie == n->cookie)
			return &p->nets[i];
	return NULL;
}

static struct net *net__add(struct pressure *p, const struct netns_ref *n)
{
	struct net *new = &p->nets[0];
	size_t i;

	if (p->n_nets < NETS_MAX)
		new = &p->nets[p->n_nets++];
	for (i = 0; i < p->n_nets; i++)
		if (p->nets[i].used_ns < new->used_ns)
			new = &p->nets[i];
	*new = (struct net){ .inode = n->inode, .cookie = n->cookie };
	return new;
}

/* Asked once a namespace, and told by poll() from then on. */
static uint32_t net__capacity(struct pressure *p, const struct detect *d, const struct netns_ref *n,
			      uint64_t now_ns)
{
	struct net *net = net__find(p, n);
	struct ask_netns q = { .net = *n };
	struct netns_facts facts;

	if (!net) {
		net = net__add(p, n);
		if (kernel__ask(detect__kernel(d), ASK_NETNS, &q, sizeof(q), &facts,
				sizeof(facts)) == sizeof(facts))
			net->capacity = capacity_of(&facts);
	}
	net->used_ns = now_ns;
	return net->capacity;
}

static uint32_t ports_of(struct pressure *p, const struct destination *to)
{
	struct netns_ref n = destination__netns(to);
	const struct net *net = net__find(p, &n);

	return net && net->capacity ? net->capacity : ASK_PORTS_DEFAULT;
}

/* --- one look at one destination --- */

static uint32_t percent_of(uint32_t capacity, unsigned int percent)
{
	return ((uint64_t)capacity * percent + 99) / 100;
}

static struct ephemeral look_at(const struct pressure *p, const struct destination *to,
				uint64_t now_ns)
{
	struct ephemeral e = { .all = p->all, .to = to, .now_ns = now_ns };

	e.q = (struct ask_port_use){ .net = destination__netns(to),
				     .rport = to->key.rport,
				     .low = to->key.low,
				     .high = to->key.high,
				     .proto = IPPROTO_TCP };
	memcpy(e.q.laddr, to->key.laddr, ADDR_LEN);
	memcpy(e.q.raddr, to->key.raddr, ADDR_LEN);
	return e;
}

static unsigned int level_of(const struct destination *to, const struct port_use *use)
{
	unsigned int percent = ephemeral__percent(use), level = to->level;

	if (percent >= URGE_PERCENT || (level == URGE_PERCENT && percent >= CALM_PERCENT))
		return URGE_PERCENT;
	return percent >= WARN_PERCENT || (level && percent >= OVER_PERCENT) ? WARN_PERCENT : 0;
}

/*
 * How long what is left will last, by what the kernel counted before, else by what was opened.
 * UINT64_MAX: it is not growing.
 */
static uint64_t seconds_left(const struct ephemeral *e)
{
	const struct destination *to = e->to;
	double growth = (double)destination__rate(to, e->now_ns);

	if (to->looked_ns && e->now_ns > to->looked_ns && e->now_ns < to->looked_ns + GROWTH_NS)
		growth = ((double)e->use.used - to->looked_used) * 1e9 /
			 (double)(e->now_ns - to->looked_ns);
	if (growth < 1e-3 || e->use.used > e->use.capacity)
		return UINT64_MAX;
	return (uint64_t)((e->use.capacity - e->use.used) / growth);
}

/* When the connections to come could reach the next level. */
static void plan(struct destination *to, const struct port_use *use, uint64_t now_ns)
{
	uint32_t next = percent_of(use->capacity, to->level ? URGE_PERCENT : WARN_PERCENT);

	to->look_at = to->opened + (next > use->used ? next - use->used : 1);
	if (to->level == URGE_PERCENT)
		to->look_at = UINT64_MAX; /* the refreshing of its finding looks at it */
	to->looked_ns = now_ns;
	to->looked_used = use->used;
}

/* Opens its finding, or tells it as it is now. */
static void pressure__tell(struct pressure *p, struct detect *d, struct destination *to,
			   const struct ephemeral *e)
{
	unsigned int level = level_of(to, &e->use);
	struct open_finding *o;
	struct finding f;

	finding__begin(&f, &ephemeral_pressure, e->now_ns);
	f.sock = destination__sock(to);
	f.key = finding__key(&f, &e->q.net);
	f.key = detect__hash(f.key, &to->id, sizeof(to->id));
	ephemeral__tell_pressure(e, &f, level, seconds_left(e));
	o = finding_set__met(&p->open, d, &f);
	if (!o)
		return;
	if (level > to->level)
		finding_set__hurry(o, d, e->now_ns);
	o->subject = to->id;
	o->asked_ns = e->now_ns;
	to->level = level;
}

static void pressure__look(struct pressure *p, struct detect *d, struct destination *to,
			   uint64_t now_ns)
{
	struct ephemeral e = look_at(p, to, now_ns);
	uint32_t ports = ports_of(p, to);
	uint64_t again_ns = LOOK_AGAIN_NS * ports / ASK_PORTS_DEFAULT;

	to->look_after_ns = now_ns + again_ns;
	if (!ephemeral__may_ask(&p->budget, ports, now_ns))
		return;
	if (!ephemeral__ask(&e, d)) {
		to->look_after_ns = now_ns + NO_ANSWER_NS;
		return;
	}
	if (level_of(to, &e.use) > to->level) {
		e.q.users = 1;
		if (ephemeral__ask(&e, d) && level_of(to, &e.use) > to->level)
			pressure__tell(p, d, to, &e);
		to->look_interval_ns = 0;
	} else {
		/* it came close and went down again: it may do so all day */
		to->look_interval_ns = to->look_interval_ns ? to->look_interval_ns * 2 : again_ns;
		if (to->look_interval_ns > LOOK_SELDOM_NS)
			to->look_interval_ns = LOOK_SELDOM_NS;
		to->look_after_ns = now_ns + to->look_interval_ns;
	}
	if (e.known)
		plan(to, &e.use, now_ns);
}

static void first_look(struct pressure *p, const struct detect *d, struct destination *to,
		       uint64_t now_ns)
{
	struct netns_ref n = destination__netns(to);
	uint32_t capacity = net__capacity(p, d, &n, now_ns), own = to->key.high - to->key.low + 1u;

	if (to->key.low && to->key.high >= to->key.low && own < capacity)
		capacity = own;
	to->look_at = capacity ? percent_of(capacity, FIRST_PERCENT) : UINT64_MAX;
}

static bool is_due(const struct destination *to, uint64_t now_ns)
{
	return to->opened >= to->look_at && now_ns >= to->look_after_ns;
}

static void ephemeral_pressure__on_record(void *state, struct detect *d, const struct record *r)
{
	struct pressure *p = state;
	struct destination *to;

	if (!p->all)
		p->all = destinations__new();
	if (!p->all)
		return;
	to = destinations__count(p->all, r);
	if (!to)
		return;
	if (!to->look_at)
		first_look(p, d, to, r->boot_ns);
	if (is_due(to, r->boot_ns))
		pressure__look(p, d, to, r->boot_ns);
}

/* --- by the clock --- */

struct pass {
	struct pressure *p;
	struct detect *d;
	const struct net *net;
	uint64_t now_ns;
};

static void look_if_due(void *arg, struct destination *to)
{
	const struct pass *pass = arg;

	if (is_due(to, pass->now_ns))
		pressure__look(pass->p, pass->d, to, pass->now_ns);
}

/* Tells it again, or closes it; or leaves it for another time. False: it is closed. */
static bool refresh(struct pressure *p, struct detect *d, struct open_finding *o, uint64_t now_ns)
{
	struct destination *to = destinations__of_id(p->all, o->subject);
	struct ephemeral e;

	o->asked_ns = now_ns;
	if (to) {
		e = look_at(p, to, now_ns);
		e.q.users = 1;
		if (ephemeral__ask(&e, d) && level_of(to, &e.use)) {
			pressure__tell(p, d, to, &e);
			plan(to, &e.use, now_ns);
			return true;
		}
		if (e.busy)
			return true;
		to->level = 0;
		to->look_at = to->opened + 1;
		to->look_after_ns = now_ns;
	}
	finding_set__close(&p->open, d, o, now_ns);
	return false;
}

static void ephemeral_pressure__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct pressure *p = state;
	struct pass pass = { .p = p, .d = d, .now_ns = now_ns };
	unsigned int refreshed = 0;
	size_t i = 0;

	if (!p->all)
		return;
	destinations__each(p->all, look_if_due, &pass);
	while (i < p->open.n && refreshed < REFRESHES) {
		struct open_finding *o = p->open.list[i];

		if (now_ns < o->asked_ns + FINDING_UPDATE_NS) {
			i++;
			continue;
		}
		refreshed++;
		i += refresh(p, d, o, now_ns);
	}
}

static void look_anew(void *arg, struct destination *to)
{
	const struct pass *pass = arg;

	if (to->key.netns == pass->net->inode && to->key.netns_cookie == pass->net->cookie)
		to->look_at = to->opened + 1;
}

/* A setting was changed: what was planned by the capacity of before may come too late. */
static void ephemeral_pressure__poll(void *state, struct detect *d, const struct watched *w,
				     uint64_t now_ns)
{
	struct pressure *p = state;
	struct net *net = net__find(p, &w->net);
	uint32_t capacity = capacity_of(&w->facts);
	struct pass pass = { .p = p, .d = d, .net = net, .now_ns = now_ns };

	if (!net || net->capacity == capacity)
		return;
	net->capacity = capacity;
	destinations__each(p->all, look_anew, &pass);
}

static void look_at_last(void *arg, struct destination *to)
{
	const struct pass *pass = arg;

	if (to->opened >= to->look_at)
		pressure__look(pass->p, pass->d, to, pass->now_ns);
}

/* A command that used up its ports in a moment and ended: its last second was not looked at yet. */
static void ephemeral_pressure__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct pressure *p = state;
	struct pass pass = { .p = p, .d = d, .now_ns = now_ns };

	if (p->all && now_ns)
		destinations__each(p->all, look_at_last, &pass);
	finding_set__end(&p->open, d, now_ns);
	destinations__free(p->all);
	p->all = NULL;
}

const struct detector ephemeral_pressure = {
	.id = "ephemeral_pressure",
	.severity = SEVERITY_WARNING,
	.summary =
		"TCP connections to one destination use 80 % (told again at 95 %) of the local ports they can",
	.evidence =
		"level: 80 or 95; seconds_left: until none is free, if it goes on as of late; " EPHEMERAL_EVIDENCE,
	.state_size = sizeof(struct pressure),
	.on_record = ephemeral_pressure__on_record,
	.tick = ephemeral_pressure__tick,
	.poll = ephemeral_pressure__poll,
	.end = ephemeral_pressure__end,
};
