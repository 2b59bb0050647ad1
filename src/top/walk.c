// SPDX-License-Identifier: GPL-2.0-or-later
/* walk.c - the thread, its share of the time, and what sock_diag says into the model. */
#include "top/walk.h"

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "ask_answers.h"
#include "cgroup.h"
#include "facts.h"
#include "host.h"
#include "netns.h"
#include "ports.h"
#include "privileges.h"
#include "top/frame.h"
#include "tracer.h"

#define BATCH     2048                /* sockets that the model gets at once */
#define SHARE     5                   /* of the time one part in so many */
#define NETNS_NS  (5 * 1000000000ull) /* namespaces are looked for so often */
#define NETNS_MAX 4096
/* TIME_WAIT: the table has none of them, and there can be ten times more than all others */
#define LIVE_STATES (DIAG_ALL_STATES & ~(1u << BPF_TCP_TIME_WAIT))

struct place {
	struct netns_ref ref;
	char name[PORTS_NAME];
};

struct top_walk {
	struct top_walk_config config;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	enum top_walk_kind want; /* under the lock */
	bool stop;
	/* the thread's own: */
	struct ask *ask;
	struct place *places;
	size_t n_places;
	uint64_t places_ns;
	struct netns_ref here;
	struct diag_sock batch[BATCH];
	size_t n_batch;
	uint32_t unknown[BATCH];
	uint64_t cgroups[FILTER_SET_MAX]; /* that --cgroup, --container and --unit mean */
	size_t n_cgroups;
	struct top_mptcp *mptcp;
	size_t n_mptcp;
	struct ports *ports; /* WALK_PORTS */
	uint32_t netns;      /* index in it */
	struct top_ports *last_ports;
};

/* --- who has a socket that no record has told of --- */

static bool matches(const struct top_walk *w, const struct diag_sock *d,
		    const struct ev_actor *actor)
{
	struct ports_process process = { .proc = actor->proc,
					 .uid = actor->uid,
					 .cgroup_id = actor->cgroup_id };
	struct ports_use use = { .next = PORTS_NONE };
	struct ports_sock sock = { .sock = d->sock };
	struct ports_netns netns = { 0 };
	struct ports one = { .netns = &netns,
			     .n_netns = 1,
			     .processes = &process,
			     .n_processes = 1,
			     .uses = &use,
			     .n_uses = 1,
			     .socks = &sock,
			     .n_socks = 1 };

	ports__select(&one, 0, w->config.filter, w->cgroups, w->n_cgroups);
	return sock.shown;
}

static void add_unknown(struct top_walk *w, const struct diag_sock *d)
{
	const bool filtered = w->config.filtered;
	bool passive;
	struct ev_actor actor;
	struct facts facts;

	if (!tracer__facts(w->config.tracer, d->sock.cookie, &facts)) {
		if (!filtered || !d->sock.inode)
			top_model__add(w->config.model, d, NULL, 0);
		return;
	}
	if (facts.flags & FACT_IGNORED)
		return;
	passive = (facts.flags & FACT_PASSIVE) && !facts.owner.tgid;
	actor = facts.actor;
	if (!actor.proc.tgid)
		actor.proc = facts.owner;
	if (!passive && filtered && !(facts.flags & FACT_ADMITTED) && !matches(w, d, &actor))
		return;
	top_model__add(w->config.model, d, passive || !actor.proc.tgid ? NULL : &actor,
		       facts.established_ns ? facts.established_ns : facts.connect_ns);
}

/* --- one namespace --- */

static void flush(struct top_walk *w)
{
	size_t n = top_model__walked(w->config.model, w->batch, w->n_batch, w->unknown), i;

	for (i = 0; i < n; i++)
		add_unknown(w, &w->batch[w->unknown[i]]);
	w->n_batch = 0;
}

static void found_sock(void *arg, const struct diag_sock *d)
{
	struct top_walk *w = arg;
	struct diag_sock *new;

	if (d->time_wait || !d->sock.cookie)
		return;
	if (w->n_batch == BATCH)
		flush(w);
	new = &w->batch[w->n_batch++];
	*new = *d;
	new->sock.netns = w->here.inode;
	new->sock.netns_cookie = w->here.cookie;
	top_model__join_mptcp(w->mptcp, w->n_mptcp, new);
}

static void found_port(void *arg, const struct diag_sock *d)
{
	struct top_walk *w = arg;

	ports__add_diag(w->ports, w->netns, d);
}

/* After those of TCP, which gave `err`. What was found so far is taken also where one fails. */
static int walk_datagrams(struct top_walk *w, int err)
{
	const struct diag_query q = { .proto = IPPROTO_UDP, .states = UINT32_MAX, .memory = true };

	if (!err)
		err = diag__list(&q, found_sock, w);
	flush(w);
	return err;
}

static int walk_socks(void *arg)
{
	struct diag_query q = {
		.proto = IPPROTO_TCP, .states = LIVE_STATES, .info = true, .memory = true
	};
	struct top_walk *w = arg;
	int err = 0;

	netns__cookie(&w->here.cookie);
	if (diag__has_tcp())
		err = diag__list(&q, found_sock, w);
	return walk_datagrams(w, err);
}

static int walk_listeners(void *arg)
{
	struct diag_query q = { .proto = IPPROTO_TCP,
				.states = 1u << BPF_TCP_LISTEN,
				.memory = true };
	struct top_walk *w = arg;
	int err;

	netns__cookie(&w->here.cookie);
	err = diag__list(&q, found_sock, w);
	return walk_datagrams(w, err);
}

static int walk_ports(void *arg)
{
	struct diag_query q = { .proto = IPPROTO_TCP, .states = DIAG_ALL_STATES };
	struct top_walk *w = arg;
	struct ports_netns *n = &w->ports->netns[w->netns];
	struct ask_netns question;
	int err = 0;

	netns__cookie(&n->ref.cookie);
	question = (struct ask_netns){ .net = n->ref };
	if (ask__answer(w->ask, ASK_NETNS, &question, sizeof(question), &n->facts,
			sizeof(n->facts)) < 0)
		memset(&n->facts, 0, sizeof(n->facts));
	n->reserved = calloc(1, sizeof(*n->reserved));
	if (n->reserved)
		sysctl__reserved_ports(n->reserved);
	if (diag__has_tcp())
		err = diag__list(&q, found_port, w);
	q.proto = IPPROTO_UDP;
	q.states = UINT32_MAX;
	return err ? err : diag__list(&q, found_port, w);
}

/* --- all namespaces --- */

static void found_place(void *arg, const struct netns_ref *ref, const char *name)
{
	struct top_walk *w = arg;
	struct place *p;

	if (w->n_places == NETNS_MAX)
		return;
	p = &w->places[w->n_places++];
	*p = (struct place){ .ref = *ref };
	if (name)
		memcpy(p->name, name, strnlen(name, sizeof(p->name) - 1));
}

/* To look for them costs a visit to each process in /proc. */
static void find_places(struct top_walk *w)
{
	uint64_t now = host__now();

	if (w->places_ns && now - w->places_ns < NETNS_NS)
		return;
	w->n_places = 0;
	netns__each(found_place, w);
	w->places_ns = now;
}

static bool is_wanted(const struct socket_filter *f, const struct netns_ref *ref)
{
	size_t i;

	if (!(f->on & FILTER_NETNS))
		return true;
	for (i = 0; i < f->n_netns; i++)
		if (f->netns[i] == ref->inode)
			return true;
	return false;
}

static void find_cgroups(struct top_walk *w)
{
	const struct tracer *tracer = w->config.tracer;
	const char *missing;
	ssize_t n = 0;

	if (w->config.filter->on & FILTER_CGROUP)
		n = cgroup__filter_ids(tracer__cgroup_fd(tracer), w->config.filter, w->cgroups,
				       FILTER_SET_MAX, &missing);
	w->n_cgroups = n > 0 ? n : 0;
}

static void walk_model(struct top_walk *w, enum top_walk_kind kind)
{
	bool whole = kind == WALK_SOCKS;
	size_t i;

	find_cgroups(w);
	w->n_mptcp = top_model__mptcp(w->config.model, &w->mptcp);
	top_model__walk_begin(w->config.model, host__now(), whole);
	for (i = 0; i < w->n_places; i++) {
		w->here = w->places[i].ref;
		if (is_wanted(w->config.filter, &w->here))
			netns__within(&w->places[i].ref, whole ? walk_socks : walk_listeners, w);
	}
	top_model__walk_end(w->config.model, host__now());
	free(w->mptcp);
	w->mptcp = NULL;
	w->n_mptcp = 0;
}

static void walk_all_ports(struct top_walk *w)
{
	uint32_t own = netns__own();
	struct top_ports *new;
	size_t i;

	w->ports = ports__new();
	for (i = 0; w->ports && i < w->n_places; i++) {
		const struct place *p = &w->places[i];

		if (!is_wanted(w->config.filter, &p->ref))
			continue;
		w->netns = ports__add_netns(w->ports, &p->ref, *p->name ? p->name : NULL);
		if (w->netns == PORTS_NONE)
			break;
		w->ports->netns[w->netns].own = p->ref.inode == own;
		w->ports->netns[w->netns].error = netns__within(&p->ref, walk_ports, w);
	}
	if (w->ports && w->ports->n_netns)
		top_model__tell_ports(w->config.model, w->ports);
	if (w->ports && w->ports->n_netns && !ports__finish(w->ports)) {
		new = top_ports__make(w->ports, w->last_ports, host__now());
		top_ports__put(w->last_ports);
		w->last_ports = new;
		top_model__set_ports(w->config.model, top_ports__get(new));
	}
	ports__free(w->ports);
	w->ports = NULL;
}

/* --- the thread --- */

/* Until `until_ns`, another kind is wanted, or the end; that says false. */
static bool sleep_until(struct top_walk *w, uint64_t until_ns, enum top_walk_kind *kind)
{
	bool go_on;

	pthread_mutex_lock(&w->lock);
	while (!w->stop && (w->want == WALK_NOTHING || w->want == *kind)) {
		uint64_t now = host__now(), left;
		struct timespec to;

		if (w->want != WALK_NOTHING && now >= until_ns)
			break;
		/* CLOCK_BOOTTIME cannot be waited for: a suspend makes it longer once */
		left = w->want == WALK_NOTHING ? 3600 * 1000000000ull : until_ns - now;
		clock_gettime(CLOCK_MONOTONIC, &to);
		left += to.tv_nsec;
		to.tv_sec += left / 1000000000;
		to.tv_nsec = left % 1000000000;
		pthread_cond_timedwait(&w->wake, &w->lock, &to);
	}
	*kind = w->want;
	go_on = !w->stop;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct top_walk *w = arg;
	enum top_walk_kind kind = WALK_NOTHING;
	uint64_t next_ns = 0, began_ns, cost_ns;

	privileges__drop_thread(PRIVILEGES_LIVE, 0);
	while (sleep_until(w, next_ns, &kind)) {
		began_ns = host__now();
		find_places(w);
		if (kind == WALK_PORTS)
			walk_all_ports(w);
		else
			walk_model(w, kind);
		cost_ns = host__now() - began_ns;
		next_ns = began_ns + (cost_ns * SHARE > w->config.interval_ns ?
					      cost_ns * SHARE :
					      w->config.interval_ns);
	}
	return NULL;
}

struct top_walk *top_walk__start(const struct top_walk_config *c)
{
	const struct ask_config ask = { .cgroup_fd = -1 };
	struct top_walk *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int err = ENOMEM;

	if (!w)
		return NULL;
	w->config = *c;
	w->ask = ask__new(&ask);
	w->places = calloc(NETNS_MAX, sizeof(*w->places));
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (w->ask && w->places)
		err = pthread_create(&w->thread, NULL, run, w);
	if (!err)
		return w;
	ask__free(w->ask);
	free(w->places);
	free(w);
	errno = err;
	return NULL;
}

void top_walk__want(struct top_walk *w, enum top_walk_kind kind)
{
	pthread_mutex_lock(&w->lock);
	w->want = kind;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void top_walk__stop(struct top_walk *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	top_ports__put(w->last_ports);
	ask__free(w->ask);
	free(w->places);
	free(w);
}
