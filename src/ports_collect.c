// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ports_collect.c - two threads: one loads the iterator and walks all descriptors of the host, the other
 * goes through the namespaces.
 */
#include "ports_collect.h"

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "cgroup.h"
#include "cgroup_cache.h"
#include "log.h"
#include "netns.h"
#include "privileges.h"

/* --- namespaces: settings, and sockets as sock_diag lists them --- */

struct visit {
	struct ports *ports;
	struct ask *ask;
	uint16_t port;
	uint32_t netns; /* the one being visited */
};

static void found_sock(void *arg, const struct diag_sock *d)
{
	struct visit *v = arg;

	ports__add_diag(v->ports, v->netns, d);
}

static void read_settings(struct visit *v, struct ports_netns *n)
{
	const struct ask_netns q = { .net = n->ref, .port = v->port };

	if (ask__answer(v->ask, ASK_NETNS, &q, sizeof(q), &n->facts, sizeof(n->facts)) < 0)
		memset(&n->facts, 0, sizeof(n->facts));
	n->no_ipv6 = access("/proc/thread-self/net/if_inet6", F_OK) != 0;
	n->reserved = calloc(1, sizeof(*n->reserved));
	if (n->reserved)
		sysctl__reserved_ports(n->reserved);
}

/* Runs inside the namespace. */
static int look_inside(void *arg)
{
	struct visit *v = arg;
	struct ports_netns *n = &v->ports->netns[v->netns];
	/* half-open connections too, as `ss` shows them; UDP knows no states but two */
	struct diag_query q = { .proto = IPPROTO_TCP, .states = UINT32_MAX, .memory = true };
	int err = 0;

	netns__cookie(&n->ref.cookie);
	read_settings(v, n);
	if (diag__has_tcp())
		err = diag__list(&q, found_sock, v);
	q.proto = IPPROTO_UDP;
	return err ? err : diag__list(&q, found_sock, v);
}

static void found_netns(void *arg, const struct netns_ref *ref, const char *name)
{
	struct visit *v = arg;

	v->netns = ports__add_netns(v->ports, ref, name);
	if (v->netns == PORTS_NONE)
		return;
	v->ports->netns[v->netns].own = ref->inode == netns__own();
	v->ports->netns[v->netns].error = netns__within(ref, look_inside, v);
}

static void *look_into_all(void *arg)
{
	privileges__drop_thread(PRIVILEGES_LIVE, 0);
	netns__each(found_netns, arg);
	return NULL;
}

/* --- processes --- */

static void found_holder(void *arg, const void *data, size_t size)
{
	struct ev_snapshot e;

	if (size != sizeof(e))
		return;
	memcpy(&e, data, sizeof(e));
	ports__add_snapshot(arg, &e);
}

/* --- what closed connections share a port by --- */

struct unknown {
	uint64_t cookie;
	struct ports_sock *sock;
};

struct options_visit {
	struct tracer *tracer;
	uint16_t port;
	struct unknown *list;
	size_t n;
};

static int by_cookie(const void *a, const void *b)
{
	const struct unknown *x = a, *y = b;

	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static void found_options(void *arg, const struct port_options *o)
{
	const struct unknown key = { .cookie = o->cookie };
	struct options_visit *v = arg;
	struct unknown *found = bsearch(&key, v->list, v->n, sizeof(key), by_cookie);

	if (!found || !o->cookie)
		return;
	found->sock->sock.options |= o->options;
	found->sock->options_known = true;
}

static int ask_options(void *arg)
{
	struct options_visit *v = arg;

	return tracer__tcp_options(v->tracer, v->port, found_options, v);
}

/* Where the kernel has no such iterator, predictions say that they are estimates. */
static void learn_options(struct ports *p, struct tracer *t, uint16_t port)
{
	struct options_visit v = { .tracer = t, .port = port };
	uint32_t n, from, to;

	for (n = 0; n < p->n_netns; n++) {
		ports__of_port(p, n, port, &from, &to);
		v.list = calloc(to - from + 1, sizeof(*v.list));
		if (!v.list)
			return;
		for (v.n = 0; from < to; from++) {
			struct ports_sock *s = &p->socks[p->order[from]];

			if (!s->options_known && s->sock.proto == IPPROTO_TCP)
				v.list[v.n++] = (struct unknown){ s->sock.cookie, s };
		}
		qsort(v.list, v.n, sizeof(*v.list), by_cookie);
		if (v.n)
			netns__within(&p->netns[n].ref, ask_options, &v);
		free(v.list);
	}
}

/* --- names --- */

static void name_processes(struct ports *p, struct ask *ask)
{
	const struct kernel kernel = { .ask = ask__answer, .arg = ask };
	const char *path, *container;
	size_t i;

	p->cgroups = cgroup_cache__new(&kernel);
	for (i = 0; i < p->n_processes; i++) {
		struct ports_process *process = &p->processes[i], *before = i ? process - 1 : NULL;

		if (before && before->uid == process->uid)
			memcpy(process->user, before->user, sizeof(process->user));
		else
			kernel__ask(&kernel, ASK_USER, &process->uid, sizeof(process->uid),
				    process->user, sizeof(process->user) - 1);
		if (!p->cgroups)
			continue;
		process->workload =
			cgroup_cache__find(p->cgroups, process->cgroup_id, 0, &path, &container);
		process->cgroup = path ? strdup(path) : NULL;
		snprintf(process->container, sizeof(process->container), "%s",
			 container ? container : "");
	}
}

/* --- both --- */

static int read_all(struct ports *p, struct tracer *t, struct visit *v, struct tracer_error *why)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, look_into_all, v), joined;

	if (err) {
		snprintf(why->text, sizeof(why->text), "no second thread: %s", log__errno(err));
		return -err;
	}
	err = tracer__start(t, why);
	if (!err) {
		privileges__drop(PRIVILEGES_LIVE, 0);
		err = tracer__snapshot(t, SNAPSHOT_PORTS, 0, 0, found_holder, p);
		if (err)
			snprintf(why->text, sizeof(why->text), "the sockets cannot be read: %s",
				 log__errno(err));
	}
	joined = pthread_join(thread, NULL);
	return err ? err : -joined;
}

static int collect(struct ports *p, const struct ports_config *c, struct tracer *t, int root,
		   struct tracer_error *why)
{
	const struct ask_config config = { .cgroup_fd = root < 0 ? -1 : root };
	struct visit v = { .ports = p, .port = c->port, .ask = ask__new(&config) };
	int err = v.ask ? 0 : -ENOMEM;

	if (!err)
		err = read_all(p, t, &v, why);
	if (!err) {
		err = ports__finish(p);
		if (err)
			snprintf(why->text, sizeof(why->text), "out of memory");
	}
	if (!err)
		name_processes(p, v.ask);
	if (!err && c->port)
		learn_options(p, t, c->port);
	ask__free(v.ask);
	return err;
}

/* `root` is the cgroup hierarchy's, where the filter needs it. */
static int select_socks(struct ports *p, const struct ports_config *c, int root,
			struct tracer_error *why)
{
	static uint64_t ids[FILTER_SET_MAX];
	const char *missing = "";
	ssize_t n = 0;

	if (c->filter->on & FILTER_CGROUP)
		n = root < 0 ? root :
			       cgroup__filter_ids(root, c->filter, ids, FILTER_SET_MAX, &missing);
	if (n < 0) {
		why->usage = n == -ENOENT;
		cgroup__say_missing(why->text, sizeof(why->text), missing, n);
		return n;
	}
	ports__select(p, c->port, c->filter, ids, n);
	return 0;
}

struct ports *ports__collect(const struct ports_config *c, struct tracer_error *why)
{
	const struct tracer_config config = { .filter = c->filter,
					      .only_snapshot = true,
					      .tcp_options = c->port != 0 };
	struct tracer *t = tracer__open(&config, why);
	struct ports *p;
	int err, root;

	if (!t)
		return NULL;
	root = cgroup__open_root(); /* paths are left out where there is none */
	snprintf(why->text, sizeof(why->text), "out of memory");
	p = ports__new();
	err = p ? collect(p, c, t, root, why) : -ENOMEM;
	if (!err)
		err = select_socks(p, c, root, why);
	if (root >= 0)
		close(root);
	tracer__free(t);
	if (!err)
		return p;
	ports__free(p);
	return NULL;
}
