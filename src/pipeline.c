// SPDX-License-Identifier: GPL-2.0-or-later
/* pipeline.c - what is done with an event, a loss and a tick, in their fixed order. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup_cache.h"
#include "netns_told.h"
#include "pipeline.h"
#include "processes.h"
#include "sock_table.h"

#define PROCESSES_MAX 16384 /* with its strings some 400 bytes each */

struct pipeline {
	struct pipeline_config config;
	struct kernel source; /* who answers */
	struct kernel kernel; /* the same, kept in the capture and completed from the table */
	struct capture_writer *capture;
	struct sock_table *table;
	struct detect *detect;
	struct cgroup_cache *cgroups;
	struct processes *processes;
	struct sink *sink;
	uint64_t seq;
	uint64_t shown;  /* events, for --count */
	uint64_t now_ns; /* the newest time that arrived */
	struct stop totals;
	struct lost inner[LOST_REASONS]; /* lost in here, not yet told */
	uint64_t evicted;
	bool in_log, telling; /* the open sockets, at the beginning of: */
	struct segment segment;
	uint64_t segment_ns;
	struct netns_told *netns; /* NULL: not of an audit log */
	struct pipeline_watch watch;
};

/* The kernel's answer, and what joins it from the table. */
struct holders {
	struct pipeline *p;
	struct holder *list;
	size_t n, from_kernel, max;
	bool names; /* of users are wanted */
};

static void add_holder(void *arg, const struct holder *h)
{
	struct holders *all = arg;
	struct holder *new;
	size_t i;

	for (i = 0; i < all->from_kernel; i++)
		if (all->list[i].sock.cookie == h->sock.cookie)
			return;
	if (all->n == all->max)
		return;
	new = &all->list[all->n++];
	*new = *h;
	if (h->uid_known && all->names)
		kernel__ask(&all->p->kernel, ASK_USER, &h->uid, sizeof(h->uid), new->user,
			    sizeof(new->user) - 1);
}

static void terminate(char *text, size_t size)
{
	text[size - 1] = '\0';
}

/* A replayed answer comes from a file: what is not a bool, or not terminated, must not get further. */
static void tame(struct holder *h)
{
	static const size_t bools[] = { offsetof(struct holder, uid_known),
					offsetof(struct holder, options_known),
					offsetof(struct holder, estimated) };
	unsigned char *bytes = (unsigned char *)h;
	size_t i;

	for (i = 0; i < sizeof(bools) / sizeof(bools[0]); i++)
		bytes[bools[i]] = bytes[bools[i]] != 0;
	terminate(h->user, sizeof(h->user));
	terminate(h->proc.comm, sizeof(h->proc.comm));
	terminate(h->sock.owner.comm, sizeof(h->sock.owner.comm));
}

/*
 * The answer comes some milliseconds after the event. A socket whose close is still to be read held
 * the port then, though the kernel has let it go: the table has it. Since when, only the table knows.
 */
static ssize_t complete_holders(struct pipeline *p, const struct ask_holders *q,
				struct holder *list, ssize_t n, size_t max)
{
	struct holders all = { .p = p,
			       .list = list,
			       .max = max / sizeof(*list),
			       .names = !q->table_only || q->failed };
	size_t i;

	all.n = all.from_kernel = n > 0 ? n / sizeof(*list) : 0;
	for (i = 0; i < all.n; i++)
		tame(&list[i]);
	sock_table__holders(p->table, q, add_holder, &all);
	for (i = 0; i < all.n; i++)
		list[i].since_ns = sock_table__since(p->table, list[i].sock.cookie);
	return all.n ? (ssize_t)(all.n * sizeof(*list)) : n;
}

/* Of the table alone: no capture needs to keep it. */
static ssize_t answer_socket(const struct pipeline *p, const void *question, size_t len, void *buf,
			     size_t max)
{
	struct known_socket known = { 0 };
	struct known *k;

	if (len != sizeof(struct ask_socket) || max < sizeof(known))
		return -EINVAL;
	if (!sock_table__known(p->table, question, &known))
		return -ENOENT;
	k = known.actor.proc.tgid ? processes__find(p->processes, &known.actor.proc, NULL) : NULL;
	if (k)
		known.actor.mark = processes__program(k);
	memcpy(buf, &known, sizeof(known));
	return sizeof(known);
}

static void tame_users(struct port_use *use)
{
	uint32_t i;

	if (use->n_users > PORT_USERS)
		use->n_users = PORT_USERS;
	for (i = 0; i < use->n_users; i++)
		terminate(use->users[i].proc.comm, sizeof(use->users[i].proc.comm));
}

static ssize_t answer(void *arg, enum question q, const void *question, size_t len, void *buf,
		      size_t max)
{
	struct capture_answer head = { .question = q };
	struct pipeline *p = arg;
	ssize_t n;

	if (q == ASK_SOCKET)
		return answer_socket(p, question, len, buf, max);
	/* of the table alone too */
	if (q == ASK_HOLDERS && ((const struct ask_holders *)question)->table_only)
		return complete_holders(p, question, buf, 0, max);
	n = kernel__ask(&p->source, q, question, len, buf, max);
	head.result = n;
	if (p->capture)
		capture__put(p->capture, CAPTURE_ANSWER, &head, sizeof(head), buf, n > 0 ? n : 0);
	if (q == ASK_HOLDERS)
		n = complete_holders(p, question, buf, n, max);
	if (q == ASK_PORT_USE && n == sizeof(struct port_use))
		tame_users(buf);
	if (q == ASK_ADDRESS && n == sizeof(struct address_facts))
		terminate(((struct address_facts *)buf)->device,
			  sizeof(((struct address_facts *)buf)->device));
	return n;
}

/* A latency that --slower can look at. */
static bool slow_enough(const struct record *r, uint64_t limit_ns)
{
	uint64_t from = 0;

	if (r->type == RECORD_CONNECT)
		from = r->u.connect->started_ns;
	else if (r->type == RECORD_ACCEPT)
		from = r->u.accept->established_ns;
	return from && r->boot_ns >= from && r->boot_ns - from >= limit_ns;
}

static bool has_errno(const struct record_filter *f, int error)
{
	size_t i;

	for (i = 0; i < f->n_errnos; i++)
		if (f->errnos[i] == -error)
			return true;
	return false;
}

static bool always_told(enum record_type type)
{
	return type == RECORD_START || type == RECORD_STOP || type == RECORD_LOST ||
	       type == RECORD_CLOCK || type == RECORD_SEGMENT;
}

bool pipeline__chosen(const struct record_filter *f, const struct record *r)
{
	if (always_told(r->type))
		return true;
	if (f->events && !(f->events & (1u << r->type)))
		return false;
	if (r->type == RECORD_FINDING)
		return true;
	if (f->failed && !r->error && !(r->type == RECORD_CONNECT && r->u.connect->abandoned))
		return false;
	if (f->n_errnos && !has_errno(f, r->error))
		return false;
	return !f->slower_ns || slow_enough(r, f->slower_ns);
}

static bool is_event(enum record_type type)
{
	return type > RECORD_SNAPSHOT && type < RECORD_FINDING;
}

static void count(struct pipeline *p, const struct record *r)
{
	p->totals.events[r->type]++;
	if (p->watch.record)
		p->watch.record(p->watch.arg, r);
}

static void write_process(struct pipeline *p, const struct ev_owner *o, uint64_t now_ns)
{
	struct known *k = o && o->tgid ? processes__find(p->processes, o, NULL) : NULL;
	struct process process;
	struct record r = {
		.type = RECORD_PROCESS, .boot_ns = now_ns, .fd = -1, .u.process = &process
	};

	if (!k || !processes__due(p->processes, k))
		return;
	r.inferred = processes__describe(p->processes, k, now_ns, &process);
	if (p->config.no_args) {
		process.args = NULL;
		r.inferred &= ~INFERRED_ARGS;
	}
	if (process.cgroup_id)
		r.workload = cgroup_cache__find(p->cgroups, process.cgroup_id, p->now_ns, &r.cgroup,
						&r.container);
	count(p, &r);
	p->sink->write(p->sink, &r, ++p->seq);
}

/*
 * Who acts and who owns, before the first record that names them. They accompany what is written,
 * whatever was chosen; chosen themselves, they come where a record is not.
 */
static void tell_processes(struct pipeline *p, const struct record *r)
{
	write_process(p, r->actor ? &r->actor->proc : NULL, r->boot_ns);
	write_process(p, r->owner, r->boot_ns);
}

static void write_with_settings(struct pipeline *p, const struct record *r)
{
	struct record with;

	if (p->netns && r->type >= RECORD_SNAPSHOT && r->type <= RECORD_CLOSE) {
		with = *r;
		with.settings = netns_told__due(p->netns, r);
		r = &with;
	}
	p->sink->write(p->sink, r, ++p->seq);
}

static void write_record(struct pipeline *p, const struct record *r)
{
	const struct record_filter *f = &p->config.filter;
	bool write = pipeline__chosen(f, r);

	count(p, r);
	if (pipeline__full(p) && r->type != RECORD_STOP)
		return;
	if (write || (f->events & 1u << RECORD_PROCESS))
		tell_processes(p, r);
	if (!write)
		return;
	if (is_event(r->type))
		p->shown++;
	write_with_settings(p, r);
}

/* `actor` becomes the record's: a copy that has what is known of its program, for the detectors. */
static void complete_process(struct pipeline *p, struct record *r, struct ev_actor *actor)
{
	struct known *k = processes__find(p->processes, &r->actor->proc, r->actor);

	if (!k)
		return;
	r->exe = processes__exe(k);
	*actor = *r->actor;
	actor->mark = processes__program(k);
	r->actor = actor;
}

/* `actor` is room for one that lives as long as the record. */
static void complete(struct pipeline *p, struct record *r, struct ev_actor *actor)
{
	if (r->actor && r->actor->proc.tgid)
		complete_process(p, r, actor);
	if (r->actor && r->actor->cgroup_id)
		r->workload = cgroup_cache__find(p->cgroups, r->actor->cgroup_id, p->now_ns,
						 &r->cgroup, &r->container);
	if (r->type == RECORD_CONNECT && !r->u.connect->started_ns)
		r->inferred |= INFERRED_LATENCY;
}

/* Into `name`, which has room for NETNS_NAME_MAX bytes and a NUL. NULL: it has none. */
static const char *netns_name(struct pipeline *p, const struct ev_sock *sock, char *name)
{
	const struct netns_ref n = { .cookie = sock->netns_cookie, .inode = sock->netns };
	ssize_t len = 0;

	if (n.inode)
		len = kernel__ask(&p->kernel, ASK_NETNS_NAME, &n, sizeof(n), name, NETNS_NAME_MAX);
	if (len <= 0 || len > NETNS_NAME_MAX)
		return NULL;
	name[len] = '\0';
	return name;
}

static void on_finding(void *arg, const struct finding *f)
{
	struct record r = { .type = RECORD_FINDING, .fd = -1, .sock = &f->sock, .u.finding = f };
	char name[NETNS_NAME_MAX + 1];
	struct pipeline *p = arg;
	struct ev_actor actor;

	r.actor = f->actor.proc.tgid ? &f->actor : NULL;
	r.boot_ns = f->last_ns;
	if (f->status != FINDING_OPEN && p->now_ns > r.boot_ns)
		r.boot_ns = p->now_ns;
	complete(p, &r, &actor);
	r.netns_name = netns_name(p, &f->sock, name);
	write_record(p, &r);
}

struct pipeline *pipeline__new(const struct pipeline_config *c, const struct kernel *kernel,
			       struct capture_writer *capture)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = *c;
	p->source = *kernel;
	p->kernel = (struct kernel){ .ask = answer, .arg = p };
	p->capture = capture;
	p->table = sock_table__new(c->table_size);
	p->cgroups = cgroup_cache__new(&p->kernel);
	p->processes = processes__new(&p->kernel, PROCESSES_MAX);
	p->detect = detect__new(&p->kernel, &p->config.wall, on_finding, p);
	if (p->detect)
		detect__configure(p->detect, &c->detect);
	if (p->table && p->cgroups && p->processes && p->detect)
		return p;
	pipeline__free(p);
	errno = ENOMEM;
	return NULL;
}

void pipeline__free(struct pipeline *p)
{
	if (!p)
		return;
	if (p->sink)
		p->sink->free(p->sink);
	detect__free(p->detect);
	netns_told__free(p->netns);
	processes__free(p->processes);
	cgroup_cache__free(p->cgroups);
	sock_table__free(p->table);
	free(p);
}

const struct wall *pipeline__wall(const struct pipeline *p)
{
	return &p->config.wall;
}

int pipeline__set_sink(struct pipeline *p, struct sink *s)
{
	p->sink = s;
	return s ? 0 : -ENOMEM;
}

void pipeline__watch(struct pipeline *p, const struct pipeline_watch *w)
{
	p->watch = *w;
	sock_table__set_noter(p->table, &w->noter);
}

void pipeline__start(struct pipeline *p, uint64_t now_ns)
{
	struct record r = {
		.type = RECORD_START, .boot_ns = now_ns, .fd = -1, .u.start = &p->config.start
	};
	struct capture_tick tick = { .now_ns = now_ns };
	unsigned char buf[16384];

	p->now_ns = now_ns;
	r.segment = p->in_log ? &p->segment : NULL;
	if (p->capture) {
		size_t n = pipeline_config__pack(&p->config, buf, sizeof(buf));

		capture__put(p->capture, CAPTURE_START, &tick, sizeof(tick), buf, n);
	}
	write_record(p, &r);
}

static void count_inner(struct pipeline *p, enum lost_reason reason, uint64_t n)
{
	struct lost *l = &p->inner[reason];

	if (!l->count)
		l->from_ns = p->now_ns;
	l->reason = reason;
	l->count += n;
	l->to_ns = p->now_ns;
}

static void write_and_detect(struct pipeline *p, struct record *r)
{
	const struct ev_actor *from_event = r->actor;
	struct ev_actor actor;

	complete(p, r, &actor);
	write_record(p, r);
	detect__record(p->detect, r);
	r->actor = from_event; /* `actor` ends here */
}

/* The record was counted when it was told the first time. */
static void tell_again(struct pipeline *p, struct record *r)
{
	const struct ev_actor *from_event = r->actor;
	struct ev_actor actor;

	if (!pipeline__chosen(&p->config.filter, r))
		return;
	complete(p, r, &actor);
	tell_processes(p, r);
	write_with_settings(p, r);
	r->actor = from_event; /* `actor` ends here */
}

/* While a segment's open sockets are being told: this one's turn comes with its next record. */
static void tell_before(struct pipeline *p, uint64_t cookie, uint64_t boot_ns)
{
	uint64_t at_ns = boot_ns < p->segment_ns ? boot_ns : p->segment_ns;
	struct retold retold;
	struct record r;

	if (p->telling && sock_table__tell_first(p->table, cookie, at_ns, &r, &retold))
		tell_again(p, &r);
}

void pipeline__segment(struct pipeline *p, const struct segment *s, uint64_t now_ns)
{
	struct record r = { .type = RECORD_SEGMENT,
			    .fd = -1,
			    .segment = &p->segment,
			    .u.start = &p->config.start };

	if (now_ns > p->now_ns)
		p->now_ns = now_ns;
	p->in_log = p->telling = true;
	p->segment = *s;
	r.boot_ns = p->segment_ns = p->now_ns;
	sock_table__tell_begin(p->table);
	if (!p->netns)
		p->netns = netns_told__new(&p->kernel);
	if (p->netns)
		netns_told__begin(p->netns);
	processes__tell_again(p->processes);
	p->sink->write(p->sink, &r, ++p->seq);
}

bool pipeline__tell_open(struct pipeline *p, size_t max)
{
	struct retold retold;
	struct record r;

	while (p->telling && max--) {
		p->telling = sock_table__tell_next(p->table, p->segment_ns, &r, &retold);
		if (p->telling)
			tell_again(p, &r);
	}
	return p->telling;
}

/* No record of its own: what it means is a finding. */
static void detect_no_fd(struct pipeline *p, const struct ev_no_fd *e)
{
	struct record r = { .type = RECORD_NO_FD,
			    .boot_ns = e->head.boot_ns,
			    .actor = &e->actor,
			    .error = e->error,
			    .fd = -1,
			    .u.no_fd = e };
	struct ev_actor actor;

	complete(p, &r, &actor);
	detect__record(p->detect, &r);
}

static void apply_event(struct pipeline *p, union event *e)
{
	struct record r;
	struct life life;

	if (e->head.type != EV_TREE)
		tell_before(p, e->base.sock.cookie, e->head.boot_ns);
	if (sock_table__apply(p->table, e, &r, &life))
		write_and_detect(p, &r);
}

void pipeline__event(struct pipeline *p, const void *data, size_t size)
{
	union event e;

	if (p->capture)
		capture__put(p->capture, CAPTURE_EVENT, data, size, NULL, 0);
	cgroup_cache__tidy(p->cgroups);
	if (decode__event(&e, data, size)) {
		count_inner(p, LOST_RECORD, 1);
		return;
	}
	if (e.head.boot_ns > p->now_ns)
		p->now_ns = e.head.boot_ns;
	if (e.head.type == EV_PROCESS)
		processes__event(p->processes, &e.process);
	else if (e.head.type == EV_NO_FD)
		detect_no_fd(p, &e.no_fd);
	else
		apply_event(p, &e);
	if (sock_table__evicted(p->table) != p->evicted) {
		count_inner(p, LOST_TABLE, sock_table__evicted(p->table) - p->evicted);
		p->evicted = sock_table__evicted(p->table);
	}
}

static void write_lost(struct pipeline *p, const struct lost *l)
{
	struct record r = { .type = RECORD_LOST, .boot_ns = l->to_ns, .fd = -1, .u.lost = l };

	p->totals.lost[l->reason] += l->count;
	write_record(p, &r);
}

void pipeline__lost(struct pipeline *p, const struct lost *l)
{
	if (p->capture)
		capture__put(p->capture, CAPTURE_LOST, l, sizeof(*l), NULL, 0);
	write_lost(p, l);
}

void pipeline__count_lost(struct pipeline *p, enum lost_reason reason, uint64_t count)
{
	p->totals.lost[reason] += count;
}

static void write_inner_losses(struct pipeline *p)
{
	int i;

	for (i = 0; i < LOST_REASONS; i++) {
		if (p->inner[i].count)
			write_lost(p, &p->inner[i]);
		p->inner[i].count = 0;
	}
}

void pipeline__missing(struct pipeline *p, uint64_t cookie, uint64_t now_ns)
{
	struct capture_missing chunk = { .cookie = cookie, .now_ns = now_ns };
	struct record r;
	struct life life;

	if (p->capture)
		capture__put(p->capture, CAPTURE_MISSING, &chunk, sizeof(chunk), NULL, 0);
	tell_before(p, cookie, now_ns);
	if (sock_table__missing(p->table, cookie, now_ns, &r, &life))
		write_and_detect(p, &r);
}

void pipeline__tick(struct pipeline *p, uint64_t now_ns, int32_t gmtoff_s)
{
	struct capture_tick tick = { .now_ns = now_ns, .gmtoff_s = gmtoff_s };

	if (p->capture)
		capture__put(p->capture, CAPTURE_TICK, &tick, sizeof(tick), NULL, 0);
	if (now_ns > p->now_ns)
		p->now_ns = now_ns;
	p->config.wall.gmtoff_s = gmtoff_s;
	cgroup_cache__tidy(p->cgroups);
	write_inner_losses(p);
	detect__tick(p->detect, now_ns);
}

void pipeline__clock(struct pipeline *p, uint64_t now_ns, int64_t offset_ns)
{
	struct capture_clock chunk = { .now_ns = now_ns, .offset_ns = offset_ns };
	struct record r = { .type = RECORD_CLOCK, .fd = -1 };

	if (p->capture)
		capture__put(p->capture, CAPTURE_CLOCK, &chunk, sizeof(chunk), NULL, 0);
	if (now_ns > p->now_ns)
		p->now_ns = now_ns;
	r.boot_ns = p->now_ns;
	/* the offsets of a capture may be any */
	r.u.step_us = (int64_t)((uint64_t)offset_ns - (uint64_t)p->config.wall.offset_ns) / 1000;
	p->config.wall.offset_ns = offset_ns;
	write_record(p, &r);
}

struct cookies {
	uint64_t *list;
	size_t n;
};

static void collect(void *arg, uint64_t cookie)
{
	struct cookies *c = arg;

	c->list[c->n++] = cookie;
}

static void finish_open(struct pipeline *p)
{
	struct cookies open = { .list = calloc(sock_table__count(p->table) + 1, sizeof(uint64_t)) };
	struct record r;
	struct life life;
	size_t i;

	if (!open.list) {
		count_inner(p, LOST_TABLE, sock_table__count(p->table));
		return;
	}
	sock_table__each(p->table, collect, &open);
	for (i = 0; i < open.n; i++)
		if (sock_table__missing(p->table, open.list[i], p->now_ns, &r, &life))
			write_and_detect(p, &r);
	free(open.list);
}

static void finding_totals(struct pipeline *p, const char **ids, size_t max)
{
	size_t i;

	for (i = 0; detectors[i] && i + 1 < max; i++)
		ids[i] = detectors[i]->id;
	ids[i] = NULL;
	p->totals.finding_ids = ids;
	p->totals.finding_counts = detect__counts(p->detect);
}

void pipeline__end(struct pipeline *p, const struct ending *e)
{
	struct record r = { .type = RECORD_STOP, .fd = -1, .u.stop = &p->totals };
	const char *ids[64];

	if (p->capture)
		capture__put(p->capture, CAPTURE_STOP, e, sizeof(*e), NULL, 0);
	if (e->now_ns > p->now_ns)
		p->now_ns = e->now_ns;
	if (e->finish_open)
		finish_open(p);
	write_inner_losses(p);
	detect__end(p->detect, p->now_ns);
	finding_totals(p, ids, sizeof(ids) / sizeof(ids[0]));
	p->totals.signal = e->signal;
	p->totals.by_pid = e->by_pid;
	p->totals.by_uid = e->by_uid;
	memcpy(p->totals.by_comm, e->by_comm, COMM_LEN);
	p->totals.by_comm[COMM_LEN - 1] = '\0';
	r.boot_ns = p->now_ns;
	write_record(p, &r);
}

bool pipeline__full(const struct pipeline *p)
{
	return p->config.count && p->shown >= p->config.count;
}

const struct sock_table *pipeline__table(const struct pipeline *p)
{
	return p->table;
}

const uint64_t *pipeline__losses(const struct pipeline *p)
{
	return p->totals.lost;
}
