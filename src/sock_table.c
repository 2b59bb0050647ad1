// SPDX-License-Identifier: GPL-2.0-or-later
/* sock_table.c - the table of events that change a socket, and the records that they become. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "life.h"
#include "sock_table.h"

#define NONE      UINT32_MAX
#define MIN_SLOTS 1024
/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_LISTEN      10

#define SUBFLOWS_KEPT 64 /* of one connection, the first ones */

/* Of an MPTCP connection, ended ones too. */
struct subflows {
	size_t n;
	__u64 cookies[SUBFLOWS_KEPT];
};

/* One open socket. Entries live in one growing array and are linked by index, oldest first. */
struct entry {
	struct ev_sock sock;   /* as the last event had it */
	struct ev_actor actor; /* the last one of the owner */
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t bound_ns;
	uint64_t listening_ns;
	uint64_t established_ns;
	uint32_t older, newer; /* by coming; `newer` links the free ones */
	uint32_t next_listener, prev_listener;
	uint32_t inferred;
	uint32_t unseen; /* accepts that are not in the kernel's count */
	bool listener;
	bool options_known;
	bool told; /* equals the table's: told, or come since then */
	uint8_t note;
	struct subflows *subflows; /* NULL: none told */
};

struct sock_table {
	struct entry *entries;
	uint32_t used; /* entries ever handed out */
	uint32_t room;
	uint32_t max;
	uint32_t count;
	uint32_t free; /* first of the free list */
	uint32_t oldest, newest;
	uint32_t listeners;
	uint32_t *slots; /* open addressing: index of an entry, or NONE */
	uint32_t mask;
	uint64_t evicted;
	bool told;
	uint32_t tell;              /* the next entry to be told */
	struct ev_actor tell_actor; /* of the last one told */
	struct entry gone;          /* what the last removed record points into */
	struct sock_noter noter;
};

static uint32_t hash(uint64_t cookie)
{
	return (cookie * 0x9e3779b97f4a7c15ull) >> 32;
}

/* An index that is not NONE has been handed out, so there are entries. */
static struct entry *at(const struct sock_table *t, uint32_t index)
{
	if (!t->entries)
		__builtin_unreachable();
	return &t->entries[index];
}

static void clear_slots(uint32_t *slots, uint32_t n)
{
	memset(slots, 0xff, (size_t)n * sizeof(*slots));
}

struct sock_table *sock_table__new(size_t max)
{
	struct sock_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->max = max < 1 ? 1 : max > NONE / 4 ? NONE / 4 : max;
	t->free = t->oldest = t->newest = t->listeners = NONE;
	t->mask = MIN_SLOTS - 1;
	t->slots = malloc(MIN_SLOTS * sizeof(*t->slots));
	if (!t->slots) {
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	clear_slots(t->slots, MIN_SLOTS);
	return t;
}

void sock_table__free(struct sock_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; i < t->used; i++)
		free(at(t, i)->subflows);
	free(t->gone.subflows);
	free(t->entries);
	free(t->slots);
	free(t);
}

static uint32_t slot_of(const struct sock_table *t, uint64_t cookie)
{
	uint32_t i = hash(cookie) & t->mask;

	while (t->slots[i] != NONE && at(t, t->slots[i])->sock.cookie != cookie)
		i = (i + 1) & t->mask;
	return i;
}

static struct entry *find(const struct sock_table *t, uint64_t cookie)
{
	uint32_t index = t->slots[slot_of(t, cookie)];

	return index == NONE ? NULL : at(t, index);
}

static int grow_slots(struct sock_table *t)
{
	uint32_t n = (t->mask + 1) * 2, i, old_mask = t->mask;
	uint32_t *old = t->slots, *slots = malloc((size_t)n * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	clear_slots(slots, n);
	t->slots = slots;
	t->mask = n - 1;
	for (i = 0; i <= old_mask; i++)
		if (old[i] != NONE)
			slots[slot_of(t, at(t, old[i])->sock.cookie)] = old[i];
	free(old);
	return 0;
}

/* Deletion that leaves no tombstone: what follows in the run moves up. */
static void empty_slot(struct sock_table *t, uint32_t hole)
{
	uint32_t i = hole;

	for (;;) {
		uint32_t home;

		i = (i + 1) & t->mask;
		if (t->slots[i] == NONE)
			break;
		home = hash(at(t, t->slots[i])->sock.cookie) & t->mask;
		if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = NONE;
}

static void unlink_listener(struct sock_table *t, struct entry *e)
{
	if (!e->listener)
		return;
	if (e->prev_listener != NONE)
		at(t, e->prev_listener)->next_listener = e->next_listener;
	else
		t->listeners = e->next_listener;
	if (e->next_listener != NONE)
		at(t, e->next_listener)->prev_listener = e->prev_listener;
	e->listener = false;
}

static void link_listener(struct sock_table *t, struct entry *e)
{
	uint32_t index = e - t->entries;

	if (e->listener)
		return;
	e->listener = true;
	e->prev_listener = NONE;
	e->next_listener = t->listeners;
	if (t->listeners != NONE)
		at(t, t->listeners)->prev_listener = index;
	t->listeners = index;
}

void sock_table__set_noter(struct sock_table *t, const struct sock_noter *n)
{
	t->noter = *n;
}

static void note(const struct sock_table *t, struct entry *e, bool gone)
{
	if (t->noter.note)
		e->note = t->noter.note(t->noter.arg, &e->sock, e->note, gone);
}

/* Keeps a copy in t->gone for the record that is being made of it. */
static void remove_entry(struct sock_table *t, struct entry *e)
{
	uint32_t index = e - t->entries;

	note(t, e, true);
	unlink_listener(t, e);
	empty_slot(t, slot_of(t, e->sock.cookie));
	if (e->older != NONE)
		at(t, e->older)->newer = e->newer;
	else
		t->oldest = e->newer;
	if (e->newer != NONE)
		at(t, e->newer)->older = e->older;
	else
		t->newest = e->older;
	free(t->gone.subflows);
	t->gone = *e;
	e->subflows = NULL;
	e->sock.cookie = 0; /* no socket's */
	e->newer = t->free;
	t->free = index;
	t->count--;
}

static struct entry *new_entry(struct sock_table *t)
{
	struct entry *e;

	if (t->count >= t->max) {
		remove_entry(t, at(t, t->oldest));
		t->evicted++;
	}
	if ((t->count + 1) * 4 > (t->mask + 1) * 3 && grow_slots(t))
		return NULL;
	if (t->free != NONE) {
		e = at(t, t->free);
		t->free = e->newer;
		return e;
	}
	if (t->used == t->room) {
		uint32_t room = t->room ? t->room + t->room / 2 : MIN_SLOTS;

		e = reallocarray(t->entries, room, sizeof(*e));
		if (!e)
			return NULL;
		t->entries = e;
		t->room = room;
	}
	return at(t, t->used++);
}

/* NULL, and counted, when there is no memory for it. */
static struct entry *add(struct sock_table *t, const struct ev_sock *s, uint64_t now_ns)
{
	struct entry *e = new_entry(t);

	if (!e) {
		t->evicted++;
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->sock = *s;
	e->told = t->told;
	e->first_ns = s->created_ns ? s->created_ns : now_ns;
	e->older = t->newest;
	e->newer = NONE;
	if (t->newest != NONE)
		at(t, t->newest)->newer = e - t->entries;
	else
		t->oldest = e - t->entries;
	t->newest = e - t->entries;
	t->slots[slot_of(t, s->cookie)] = e - t->entries;
	t->count++;
	return e;
}

static bool same_process(const struct ev_owner *a, const struct ev_owner *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns;
}

/* The listener that a child without one belongs to, NULL where none or several could be it. */
static struct entry *listener_for(const struct sock_table *t, const struct ev_sock *child)
{
	struct entry *only = NULL;
	uint32_t i;

	for (i = t->listeners; i != NONE; i = at(t, i)->next_listener) {
		struct entry *l = at(t, i);

		if (l->sock.lport != child->lport || l->sock.netns_cookie != child->netns_cookie)
			continue;
		if (only && !same_process(&only->sock.owner, &l->sock.owner))
			return NULL;
		only = l;
	}
	return only;
}

/*
 * Who acted and who owns. A record without an acting process gets the owner's, marked as inferred;
 * a child that nobody accepted gets its listener's.
 */
static void attribute(const struct sock_table *t, struct entry *e, union event *ev,
		      struct record *r)
{
	struct ev_sock *s = &ev->base.sock;
	struct ev_actor *a = &ev->base.actor;

	if (!s->owner.tgid && (s->facts & FACT_PASSIVE) && !(s->facts & FACT_ACCEPTED)) {
		const struct entry *l = listener_for(t, s);

		if (l) {
			s->owner = l->sock.owner;
			s->facts |= FACT_LISTENER_OWNER;
			if (!e->actor.proc.tgid)
				e->actor = l->actor;
		}
	}
	if (s->facts & FACT_LISTENER_OWNER)
		r->inferred |= INFERRED_OWNER;
	if (s->owner.tgid &&
	    (!a->proc.tgid || (s->facts & FACT_KERNEL_CLOSED && ev->head.type == EV_CLOSE))) {
		bool known = same_process(&e->actor.proc, &s->owner);

		if (!(s->facts & FACT_KERNEL_CLOSED))
			r->inferred |= INFERRED_PROCESS;
		*a = known ? e->actor : (struct ev_actor){ .proc = s->owner };
		memcpy(a->thread, a->proc.comm, COMM_LEN);
	}
	if (a->proc.tgid && (!s->owner.tgid || same_process(&a->proc, &s->owner)))
		e->actor = *a;
	r->actor = a->proc.tgid ? a : NULL;
	r->owner = r->actor && s->owner.tgid && !same_process(&a->proc, &s->owner) ? &s->owner :
										     NULL;
}

/* A connection that a listener made has its first subflow's cookie. */
static void fill_subflows(const struct entry *e, const struct ev_sock *s, struct life *life)
{
	if (e->subflows) {
		life->subflows = e->subflows->cookies;
		life->n_subflows = e->subflows->n;
	} else if (s->proto == PROTO_MPTCP && (s->facts & FACT_PASSIVE) &&
		   !(s->facts & FACT_EXISTED)) {
		life->subflows = &s->cookie;
		life->n_subflows = 1;
	}
}

/* Not counted where there is no room for another: the list says of itself that it has the first ones. */
static void keep_subflow(struct subflows *list, uint64_t cookie)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->cookies[i] == cookie)
			return;
	if (list->n < SUBFLOWS_KEPT)
		list->cookies[list->n++] = cookie;
}

static void apply_subflows(struct sock_table *t, struct entry *e, const struct ev_subflows *ev)
{
	size_t i;

	if (!e->subflows)
		e->subflows = calloc(1, sizeof(*e->subflows));
	if (!e->subflows) {
		t->evicted++;
		return;
	}
	for (i = 0; i < SUBFLOWS; i++)
		if (ev->cookies[i])
			keep_subflow(e->subflows, ev->cookies[i]);
}

static void fill_life(const struct entry *e, const union event *ev, struct life *life)
{
	const struct ev_close *c = &ev->close;
	uint32_t facts = c->base.sock.facts;

	*life = (struct life){
		.role = life__role(&c->base.sock),
		.reason = life__reason(c),
		.created_ns = c->base.sock.created_ns,
		.bound_ns = e->bound_ns,
		.listening_ns = e->listening_ns,
		.established_ns = c->established_ns,
		.released_ns = c->released_ns,
		.ended_ns = ev->head.boot_ns,
		.first_ns = e->first_ns,
		.tx_bytes = c->tx_bytes,
		.rx_bytes = c->rx_bytes,
		.unacked_bytes = c->unacked_bytes,
		.unread_bytes = c->unread_bytes,
		.accepted = c->accepted + e->unseen,
		.retrans = c->retrans,
		.srtt_us = c->srtt_us,
		.time_wait = facts & FACT_TIME_WAIT,
		.closed_by_exit = facts & FACT_EXITING,
		.closed_by_kernel = facts & FACT_KERNEL_CLOSED,
		.closed_by_known = (facts & (FACT_RELEASED | FACT_LISTENER_OWNER)) &&
				   c->base.actor.proc.tgid,
	};
	fill_subflows(e, &c->base.sock, life);
}

static void apply_snapshot(struct entry *e, union event *ev, struct record *r)
{
	ev->base.sock.facts |= FACT_EXISTED;
	r->type = RECORD_SNAPSHOT;
	r->fd = ev->snapshot.fd;
	r->u.snapshot = &ev->snapshot;
	if (!ev->base.sock.created_ns)
		e->first_ns = ev->head.boot_ns;
}

static void apply_bind(struct entry *e, union event *ev, struct record *r)
{
	r->type = RECORD_BIND;
	r->error = ev->bind.error;
	r->u.bind = &ev->bind;
	if (!r->error)
		e->bound_ns = r->boot_ns;
}

static void apply_listen(struct entry *e, union event *ev, struct record *r)
{
	r->type = RECORD_LISTEN;
	r->error = ev->listen.error;
	r->u.listen = &ev->listen;
	if (!r->error && !e->listening_ns)
		e->listening_ns = r->boot_ns;
}

static void apply_connect(struct entry *e, union event *ev, struct record *r)
{
	r->type = RECORD_CONNECT;
	r->error = ev->connect.error;
	r->u.connect = &ev->connect;
	if (!r->error && !ev->connect.abandoned)
		e->established_ns = r->boot_ns;
}

/* accept() by io_uring: the listener is found by its port, and counts it. */
static void conclude_accept(struct sock_table *t, union event *ev, struct record *r)
{
	struct entry *l = listener_for(t, &ev->base.sock);

	r->inferred |= INFERRED_PROCESS | INFERRED_TIME;
	ev->base.sock.state = TCP_ESTABLISHED;
	if (!l)
		return;
	r->inferred |= INFERRED_LISTENER;
	ev->accept.listener = l->sock.cookie;
	l->unseen++;
}

static void apply_accept(struct entry *e, union event *ev, struct record *r)
{
	r->type = RECORD_ACCEPT;
	r->error = ev->accept.error;
	r->fd = ev->accept.fd;
	r->u.accept = &ev->accept;
	if (!r->error && ev->accept.established_ns) {
		e->established_ns = ev->accept.established_ns;
		if (!e->bound_ns && e->first_ns > ev->accept.established_ns)
			e->first_ns = ev->accept.established_ns;
	}
}

static void apply_peer(struct entry *e, union event *ev, struct record *r)
{
	(void)e;
	r->type = RECORD_PEER;
	r->u.peer = &ev->peer;
}

static void apply_state(struct entry *e, union event *ev, struct record *r)
{
	(void)e;
	r->type = RECORD_STATE;
	r->u.state = &ev->state;
}

/* What each event does to the table; a close is done by its caller, which holds the life. */
static void (*const appliers[EV_TYPES])(struct entry *e, union event *ev, struct record *r) = {
	[EV_BIND] = apply_bind,         [EV_LISTEN] = apply_listen, [EV_CONNECT] = apply_connect,
	[EV_ACCEPT] = apply_accept,     [EV_PEER] = apply_peer,     [EV_STATE] = apply_state,
	[EV_SNAPSHOT] = apply_snapshot,
};

/* A child that was never accepted has been alive since its handshake. */
static void first_seen(struct entry *e, const union event *ev)
{
	if (ev->head.type == EV_CLOSE && !ev->base.sock.created_ns && ev->close.established_ns &&
	    ev->close.established_ns < e->first_ns)
		e->first_ns = ev->close.established_ns;
}

/* Only three kinds of event read the socket's options; the others go by the last of those. */
static void keep_options(struct entry *e, union event *ev)
{
	if (ev->head.type == EV_BIND || ev->head.type == EV_LISTEN || ev->head.type == EV_SNAPSHOT)
		e->options_known = true;
	else
		ev->base.sock.options = e->sock.options;
}

bool sock_table__apply(struct sock_table *t, union event *ev, struct record *r, struct life *life)
{
	struct ev_sock *s = &ev->base.sock;
	struct entry lone, *e;

	if (ev->head.type == EV_TREE || ev->head.type == EV_PROCESS)
		return false;
	lone = (struct entry){ .sock = *s,
			       .first_ns = s->created_ns ? s->created_ns : ev->head.boot_ns };
	e = find(t, s->cookie);
	if (e && ev->head.type == EV_SNAPSHOT)
		return false;
	if (ev->head.type == EV_SUBFLOWS) {
		if (e)
			apply_subflows(t, e, &ev->subflows);
		return false;
	}
	if (!e)
		e = ev->head.type == EV_CLOSE ? NULL : add(t, s, ev->head.boot_ns);
	if (!e)
		e = &lone; /* a close that ends nothing known needs no place in the table */
	/* CPUs write in parallel: what a socket's records say of time must still be in order */
	if (ev->head.boot_ns < e->last_ns)
		ev->head.boot_ns = e->last_ns;
	e->last_ns = ev->head.boot_ns;
	*r = (struct record){ .boot_ns = ev->head.boot_ns, .fd = -1, .sock = s };
	if (!s->owner.tgid && e->sock.owner.tgid) {
		s->owner = e->sock.owner;
		s->facts |= e->sock.facts & FACT_LISTENER_OWNER;
	}
	if (ev->head.type != EV_STATE)
		attribute(t, e, ev, r);
	keep_options(e, ev);
	e->sock = *s;
	if (ev->head.type == EV_ACCEPT && ev->accept.fd < 0 && !ev->accept.error)
		conclude_accept(t, ev, r);
	if (ev->head.type != EV_CLOSE) {
		appliers[ev->head.type](e, ev, r);
		if (e != &lone && s->state == TCP_LISTEN)
			link_listener(t, e);
		if (e != &lone)
			note(t, e, false);
		return true;
	}
	first_seen(e, ev);
	r->type = RECORD_CLOSE;
	fill_life(e, ev, life);
	r->u.life = life;
	if (e != &lone)
		remove_entry(t, e);
	return true;
}

bool sock_table__missing(struct sock_table *t, uint64_t cookie, uint64_t now_ns, struct record *r,
			 struct life *life)
{
	struct entry *e = find(t, cookie);

	if (!e)
		return false;
	remove_entry(t, e);
	e = &t->gone;
	*r = (struct record){
		.type = RECORD_CLOSE,
		.boot_ns = now_ns > e->last_ns ? now_ns : e->last_ns,
		.fd = -1,
		.sock = &e->sock,
		.actor = e->actor.proc.tgid ? &e->actor : NULL,
		.inferred = INFERRED_ENDED,
		.u.life = life,
	};
	*life = (struct life){
		.role = life__role(&e->sock),
		.created_ns = e->sock.created_ns,
		.bound_ns = e->bound_ns,
		.listening_ns = e->listening_ns,
		.established_ns = e->established_ns,
		.ended_ns = r->boot_ns,
		.first_ns = e->first_ns,
	};
	fill_subflows(e, &e->sock, life);
	return true;
}

void sock_table__tell_begin(struct sock_table *t)
{
	t->told = !t->told;
	t->tell = 0;
}

static void tell(struct sock_table *t, struct entry *e, uint64_t at_ns, struct record *r,
		 struct retold *retold)
{
	const struct ev_owner *owner = &e->sock.owner;

	e->told = t->told;
	t->tell_actor = e->actor;
	if (owner->tgid && !same_process(&e->actor.proc, owner)) {
		t->tell_actor = (struct ev_actor){ .proc = *owner };
		memcpy(t->tell_actor.thread, owner->comm, COMM_LEN);
	}
	*retold = (struct retold){ .created_ns = e->sock.created_ns,
				   .bound_ns = e->bound_ns,
				   .listening_ns = e->listening_ns,
				   .established_ns = e->established_ns,
				   .options_known = e->options_known };
	*r = (struct record){
		.type = RECORD_SNAPSHOT,
		.boot_ns = at_ns > e->last_ns ? at_ns : e->last_ns,
		.sock = &e->sock,
		.actor = t->tell_actor.proc.tgid ? &t->tell_actor : NULL,
		.inferred = e->sock.facts & FACT_LISTENER_OWNER ? INFERRED_PROCESS : 0,
		.fd = -1,
		.retold = retold,
	};
}

bool sock_table__tell_next(struct sock_table *t, uint64_t at_ns, struct record *r,
			   struct retold *retold)
{
	while (t->tell < t->used) {
		struct entry *e = at(t, t->tell++);

		if (!e->sock.cookie || e->told == t->told)
			continue;
		tell(t, e, at_ns, r, retold);
		return true;
	}
	return false;
}

bool sock_table__tell_first(struct sock_table *t, uint64_t cookie, uint64_t at_ns, struct record *r,
			    struct retold *retold)
{
	struct entry *e = find(t, cookie);

	if (!e || e->told == t->told)
		return false;
	tell(t, e, at_ns, r, retold);
	return true;
}

size_t sock_table__count(const struct sock_table *t)
{
	return t->count;
}

uint64_t sock_table__evicted(const struct sock_table *t)
{
	return t->evicted;
}

uint64_t sock_table__since(const struct sock_table *t, uint64_t cookie)
{
	const struct entry *e = find(t, cookie);

	if (!e)
		return 0;
	if (e->listening_ns)
		return e->listening_ns;
	if (e->established_ns)
		return e->established_ns;
	return e->bound_ns ? e->bound_ns : e->first_ns;
}

static void fill_known(const struct sock_table *t, const struct entry *e,
		       struct known_socket *known)
{
	known->actor.proc = e->sock.owner;
	if (same_process(&e->actor.proc, &e->sock.owner)) {
		known->actor = e->actor;
		known->uid_known = 1;
	}
	known->sock = e->sock;
	known->since_ns = sock_table__since(t, e->sock.cookie);
	known->options_known = e->options_known;
}

/* The MPTCP listener with this inode: its subflow has it too, and the queue. */
static const struct entry *mptcp_listener(const struct sock_table *t, const struct ask_socket *q)
{
	uint32_t i;

	for (i = q->inode ? t->listeners : NONE; i != NONE; i = at(t, i)->next_listener) {
		const struct ev_sock *s = &at(t, i)->sock;

		if (s->proto == PROTO_MPTCP && s->inode == q->inode &&
		    s->netns_cookie == q->netns_cookie)
			return at(t, i);
	}
	return NULL;
}

/* Nothing tells of a connection before accept() takes it: it is its listener's. */
bool sock_table__known(const struct sock_table *t, const struct ask_socket *q,
		       struct known_socket *known)
{
	const struct ev_sock child = { .lport = q->queued_on, .netns_cookie = q->netns_cookie };
	const struct entry *e = find(t, q->cookie);

	if (!e)
		e = mptcp_listener(t, q);
	if (e) {
		fill_known(t, e, known);
		return true;
	}
	e = q->queued_on ? listener_for(t, &child) : NULL;
	if (!e)
		return false;
	fill_known(t, e, known);
	memset(&known->sock, 0, sizeof(known->sock));
	known->since_ns = known->options_known = 0;
	return true;
}

void sock_table__holders(const struct sock_table *t, const struct ask_holders *q,
			 void (*fn)(void *arg, const struct holder *h), void *arg)
{
	uint32_t i;

	for (i = t->oldest; i != NONE; i = at(t, i)->newer) {
		const struct entry *e = at(t, i);
		struct holder h = { .sock = e->sock,
				    .proc = e->sock.owner,
				    .options_known = e->options_known };

		if (e->sock.lport != q->port || e->sock.netns_cookie != q->net.cookie ||
		    sock__port_proto(&e->sock) != q->proto || e->sock.cookie == q->except)
			continue;
		if (same_process(&e->actor.proc, &e->sock.owner)) {
			h.uid_known = true;
			h.uid = h.sock_uid = e->actor.uid;
		}
		fn(arg, &h);
	}
}

void sock_table__each(const struct sock_table *t, void (*fn)(void *arg, uint64_t cookie), void *arg)
{
	uint32_t i;

	for (i = t->oldest; i != NONE; i = at(t, i)->newer)
		fn(arg, at(t, i)->sock.cookie);
}
