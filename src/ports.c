// SPDX-License-Identifier: GPL-2.0-or-later
/* ports.c - joins sockets that share a port, sorts them, and keeps what each namespace's ports are used for. */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "json.h"

const char *const ports_role_names[] = {
	[PORTS_LISTENER] = "listener", [PORTS_IDLE] = "idle",     [PORTS_DATAGRAM] = "datagram",
	[PORTS_SERVER] = "server",     [PORTS_CLIENT] = "client",
};

/* What sock_diag told of a socket, until it is joined with what the iterator did. */
struct ports_seen {
	struct diag_sock diag;
	uint32_t netns;
};

/* One more element, zeroed, at the end of a growing array. NULL: ENOMEM. */
static void *add(void *array, size_t *n, size_t *room, size_t size)
{
	size_t want = *room ? *room * 2 : 256;
	void **list = array, *new;

	if (*n == *room || !*list) {
		new = *n < PORTS_NONE - 1 ? reallocarray(*list, want, size) : NULL;
		if (!new)
			return NULL;
		*list = new;
		*room = want;
	}
	new = (char *)*list + (*n)++ *size;
	return memset(new, 0, size);
}

struct ports *ports__new(void)
{
	return calloc(1, sizeof(struct ports));
}

void ports__free(struct ports *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->n_netns; i++)
		free(p->netns[i].reserved);
	free(p->netns);
	for (i = 0; i < p->n_processes; i++)
		free(p->processes[i].cgroup);
	free(p->processes);
	cgroup_cache__free(p->cgroups);
	free(p->uses);
	free(p->socks);
	free(p->order);
	free(p->seen);
	free(p);
}

/* --- the sources --- */

uint32_t ports__add_netns(struct ports *p, const struct netns_ref *ref, const char *name)
{
	struct ports_netns *n = add(&p->netns, &p->n_netns, &p->room_netns, sizeof(*n));

	if (!n)
		return PORTS_NONE;
	n->ref = *ref;
	n->process = PORTS_NONE;
	snprintf(n->name, sizeof(n->name), "%s", name ? name : "");
	return p->n_netns - 1;
}

void ports__add_diag(struct ports *p, uint32_t netns, const struct diag_sock *d)
{
	struct ports_seen *seen;

	if (!d->sock.lport)
		return;
	seen = add(&p->seen, &p->n_seen, &p->room_seen, sizeof(*seen));
	if (!seen) {
		p->diag_incomplete = true;
		return;
	}
	seen->diag = *d;
	seen->netns = netns;
}

/* The iterator goes from process to process: nearly always it is the last one. */
static uint32_t find_process(struct ports *p, const struct ev_actor *a)
{
	const struct ports_process *last = p->n_processes ? &p->processes[p->n_processes - 1] :
							    NULL;
	struct ports_process *new;

	if (last && last->proc.tgid == a->proc.tgid && last->proc.start_ns == a->proc.start_ns)
		return p->n_processes - 1;
	new = add(&p->processes, &p->n_processes, &p->room_processes, sizeof(*new));
	if (!new)
		return PORTS_NONE;
	new->proc = a->proc;
	new->uid = a->uid;
	new->nspid = a->nspid;
	new->cgroup_id = a->cgroup_id;
	return p->n_processes - 1;
}

/*
 * A TCP socket in CLOSE may show a port that it holds no more (tcp_set_state() gives it back after a
 * connection), or hold one because it was bound: then a bind() keeps it from connect() too.
 */
static bool holds_port(const struct ev_sock *s)
{
	return s->lport &&
	       (s->proto != IPPROTO_TCP || s->state != TCP_CLOSE || (s->facts & FACT_PORT_KEPT));
}

/* Each (process, descriptor) becomes an entry: joined with others of the same socket by finish. */
void ports__add_snapshot(struct ports *p, const struct ev_snapshot *e)
{
	const struct ev_sock *s = &e->base.sock;
	struct ports_sock *new;
	struct ports_use *use;
	uint32_t process;

	if (!holds_port(s))
		return;
	process = find_process(p, &e->base.actor);
	use = add(&p->uses, &p->n_uses, &p->room_uses, sizeof(*use));
	new = add(&p->socks, &p->n_socks, &p->room_socks, sizeof(*new));
	if (process == PORTS_NONE || !use || !new) {
		p->n_socks -= new != NULL;
		p->incomplete = true;
		return;
	}
	*use = (struct ports_use){ .process = process, .fd = e->fd, .next = PORTS_NONE };
	new->sock = *s;
	new->uses = p->n_uses - 1;
	new->uid = e->base.actor.uid;
	new->options_known = true;
	new->state = s->state;
	new->listener = PORTS_NONE;
	new->mptcp = s->proto == PROTO_MPTCP;
	if (new->mptcp)
		new->sock.proto = IPPROTO_TCP;
}

uint32_t ports__add_process(struct ports *p, const struct ports_process *process)
{
	struct ports_process *new =
		add(&p->processes, &p->n_processes, &p->room_processes, sizeof(*new));

	if (!new)
		return PORTS_NONE;
	*new = *process;
	return p->n_processes - 1;
}

bool ports__add_told(struct ports *p, const struct ports_sock *told, uint32_t process, int32_t fd)
{
	struct ports_use *use = NULL;
	struct ports_sock *new;

	if (!told->time_wait && !holds_port(&told->sock))
		return true;
	if (process != PORTS_NONE)
		use = add(&p->uses, &p->n_uses, &p->room_uses, sizeof(*use));
	new = add(&p->socks, &p->n_socks, &p->room_socks, sizeof(*new));
	if (!new || (process != PORTS_NONE && !use)) {
		p->n_socks -= new != NULL;
		return false;
	}
	if (use)
		*use = (struct ports_use){ .process = process, .fd = fd, .next = PORTS_NONE };
	*new = *told;
	new->uses = use ? p->n_uses - 1 : PORTS_NONE;
	new->listener = PORTS_NONE;
	return true;
}

/* --- joining --- */

/* Cookies, or inode numbers, to indexes of socks: open addressing, a power of two with room to spare. */
struct index {
	uint32_t *slots;
	size_t mask;
	bool of_inodes;
};

static int index__make(struct index *x, size_t n)
{
	size_t size = 64;

	while (size < n * 2)
		size *= 2;
	x->slots = malloc(size * sizeof(*x->slots));
	if (!x->slots)
		return -ENOMEM;
	memset(x->slots, 0xff, size * sizeof(*x->slots));
	x->mask = size - 1;
	return 0;
}

static uint64_t index__key(const struct index *x, const struct ports_sock *s)
{
	return x->of_inodes ? s->sock.inode : s->sock.cookie;
}

static uint32_t *index__slot(const struct index *x, const struct ports *p, uint64_t key)
{
	/* both are handed out in rising order: their low bits spread well */
	size_t at = key & x->mask;

	while (x->slots[at] != PORTS_NONE && index__key(x, &p->socks[x->slots[at]]) != key)
		at = (at + 1) & x->mask;
	return &x->slots[at];
}

/* Adds the process of `from` to the uses of `to`; a second descriptor in one process says no more. */
static void add_use(struct ports *p, struct ports_sock *to, uint32_t use)
{
	const struct ports_process *process = &p->processes[p->uses[use].process];
	uint32_t *at = &to->uses;

	while (*at != PORTS_NONE) {
		if (p->processes[p->uses[*at].process].proc.tgid == process->proc.tgid)
			return;
		at = &p->uses[*at].next;
	}
	*at = use;
}

/* One entry a socket. The first of its processes that the iterator met is the oldest pid's. */
static void join_processes(struct ports *p, struct index *x)
{
	size_t i, kept = 0;

	for (i = 0; i < p->n_socks; i++) {
		struct ports_sock *s = &p->socks[i];
		uint32_t *slot = index__slot(x, p, s->sock.cookie);

		if (*slot != PORTS_NONE) {
			if (s->uses != PORTS_NONE)
				add_use(p, &p->socks[*slot], s->uses);
			continue;
		}
		*slot = kept;
		if (kept != i)
			p->socks[kept] = *s;
		kept++;
	}
	p->n_socks = kept;
}

static void take_diag(struct ports_sock *s, const struct ports_seen *seen)
{
	const struct diag_sock *d = &seen->diag;

	s->in_diag = true;
	s->netns = seen->netns;
	s->sock.state = d->sock.state;
	s->state = d->state;
	s->uid = d->uid;
	s->queue = d->rqueue;
	s->limit = d->wqueue;
	s->drops = d->drops;
}

/* The sockets that sock_diag has: with what it alone knows, and those that no process holds. */
static void join_diag(struct ports *p, struct index *x)
{
	size_t i;

	for (i = 0; i < p->n_seen; i++) {
		const struct ports_seen *seen = &p->seen[i];
		uint32_t *slot = seen->diag.time_wait || !seen->diag.sock.cookie ?
					 NULL :
					 index__slot(x, p, seen->diag.sock.cookie);
		struct ports_sock *new;

		if (slot && *slot != PORTS_NONE) {
			take_diag(&p->socks[*slot], seen);
			continue;
		}
		new = add(&p->socks, &p->n_socks, &p->room_socks, sizeof(*new));
		if (!new) {
			p->incomplete = true;
			return;
		}
		new->sock = seen->diag.sock;
		new->uses = new->listener = PORTS_NONE;
		new->time_wait = seen->diag.time_wait;
		new->expires_ms = seen->diag.expires_ms;
		take_diag(new, seen);
		if (slot)
			*slot = p->n_socks - 1;
	}
}

/* The first subflow, which has the port, carries the inode of the MPTCP socket that a process holds. */
static void join_subflow(struct ports *p, const struct index *x, const struct ports_sock *mptcp)
{
	uint32_t found = *index__slot(x, p, mptcp->sock.inode);
	struct ports_sock *s;

	if (found == PORTS_NONE || !mptcp->sock.inode)
		return;
	s = &p->socks[found];
	s->uses = mptcp->uses;
	s->mptcp = true;
	s->sock.options |= mptcp->sock.options;
	s->sock.facts |= mptcp->sock.facts;
	s->options_known = true;
}

/* The MPTCP sockets give their processes to their subflows; they themselves have no port. */
static int join_mptcp(struct ports *p)
{
	struct index x = { .of_inodes = true };
	size_t i, n = 0, kept = 0;

	for (i = 0; i < p->n_socks; i++)
		n += p->socks[i].mptcp;
	if (!n)
		return 0;
	if (index__make(&x, p->n_socks))
		return -ENOMEM;
	for (i = 0; i < p->n_socks; i++)
		if (!p->socks[i].mptcp && p->socks[i].uses == PORTS_NONE && p->socks[i].sock.inode)
			*index__slot(&x, p, p->socks[i].sock.inode) = i;
	for (i = 0; i < p->n_socks; i++)
		if (p->socks[i].mptcp && !p->socks[i].in_diag)
			join_subflow(p, &x, &p->socks[i]);
	free(x.slots);
	for (i = 0; i < p->n_socks; i++) {
		if (p->socks[i].mptcp && !p->socks[i].in_diag)
			continue;
		if (kept != i)
			p->socks[kept] = p->socks[i];
		kept++;
	}
	p->n_socks = kept;
	return 0;
}

/* --- namespaces --- */

static int netns__compare(const void *a, const void *b)
{
	const struct ports_netns *x = a, *y = b;

	if (x->own != y->own)
		return x->own ? -1 : 1;
	return x->ref.inode < y->ref.inode ? -1 : x->ref.inode > y->ref.inode;
}

static uint32_t find_netns(const struct ports *p, uint32_t inode)
{
	uint32_t i;

	for (i = 0; i < p->n_netns; i++)
		if (p->netns[i].ref.inode == inode)
			return i;
	return PORTS_NONE;
}

/* A namespace that no process is in and that has no name, but that a socket keeps. */
static uint32_t add_hidden_netns(struct ports *p, const struct ev_sock *s)
{
	struct netns_ref ref = { .cookie = s->netns_cookie, .inode = s->netns };
	uint32_t n = ports__add_netns(p, &ref, NULL);

	if (n != PORTS_NONE)
		p->netns[n].error = -ENOENT;
	return n;
}

/* Gives every socket the index of its namespace in the sorted list, and its numbers. 0, or -ENOMEM: there is none. */
static int settle_netns(struct ports *p)
{
	uint32_t last = PORTS_NONE, found = UINT32_MAX;
	size_t i;

	for (i = 0; i < p->n_socks; i++) {
		struct ports_sock *s = &p->socks[i];

		if (s->in_diag) {
			s->sock.netns = p->netns[s->netns].ref.inode;
			s->sock.netns_cookie = p->netns[s->netns].ref.cookie;
		} else if (s->sock.netns != found && find_netns(p, s->sock.netns) == PORTS_NONE) {
			add_hidden_netns(p, &s->sock);
		}
		found = s->sock.netns;
	}
	if (!p->n_netns)
		return -ENOMEM;
	qsort(p->netns, p->n_netns, sizeof(*p->netns), netns__compare);
	for (i = 0; i < p->n_socks; i++) {
		struct ports_sock *s = &p->socks[i];

		if (last == PORTS_NONE || p->netns[last].ref.inode != s->sock.netns)
			last = find_netns(p, s->sock.netns);
		if (last == PORTS_NONE)
			last = 0; /* no memory for its own: `incomplete` */
		s->netns = last;
		p->netns[last].sockets++;
		if (s->uses != PORTS_NONE && p->netns[last].process == PORTS_NONE)
			p->netns[last].process = p->uses[s->uses].process;
	}
	return 0;
}

/* --- order --- */

static unsigned int rank(const struct ports_sock *s)
{
	if (s->time_wait)
		return 4;
	if (s->sock.proto == IPPROTO_UDP)
		return 2;
	return s->sock.state == TCP_LISTEN ? 0 : s->sock.state == TCP_CLOSE ? 1 : 3;
}

struct sort {
	uint64_t key;
	const struct ports_sock *s;
};

static int by_key(const void *a, const void *b)
{
	const struct sort *x = a, *y = b;
	int order;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	order = memcmp(x->s->sock.laddr, y->s->sock.laddr, ADDR_LEN);
	if (order)
		return order;
	order = memcmp(x->s->sock.raddr, y->s->sock.raddr, ADDR_LEN);
	if (order)
		return order;
	if (x->s->sock.rport != y->s->sock.rport)
		return x->s->sock.rport - y->s->sock.rport;
	return x->s->sock.cookie < y->s->sock.cookie ? -1 : x->s->sock.cookie > y->s->sock.cookie;
}

static int sort_socks(struct ports *p)
{
	struct sort *list = malloc((p->n_socks + 1) * sizeof(*list));
	uint32_t i, first = 0;

	p->order = malloc((p->n_socks + 1) * sizeof(*p->order));
	if (!list || !p->order) {
		free(list);
		return -ENOMEM;
	}
	for (i = 0; i < p->n_socks; i++) {
		const struct ports_sock *s = &p->socks[i];

		list[i].s = s;
		list[i].key = (uint64_t)s->netns << 32 | (uint32_t)s->sock.lport << 8 |
			      (s->sock.proto == IPPROTO_UDP) << 4 | rank(s);
	}
	qsort(list, p->n_socks, sizeof(*list), by_key);
	for (i = 0; i < p->n_socks; i++)
		p->order[i] = list[i].s - p->socks;
	free(list);
	for (i = 0; i < p->n_netns; i++) {
		p->netns[i].first = first;
		first += p->netns[i].sockets;
	}
	return 0;
}

void ports__of_port(const struct ports *p, uint32_t netns, uint16_t port, uint32_t *from,
		    uint32_t *to)
{
	uint32_t low = p->netns[netns].first, high = low + p->netns[netns].sockets;

	*to = high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (p->socks[p->order[middle]].sock.lport < port)
			low = middle + 1;
		else
			high = middle;
	}
	*from = low;
	while (low < *to && p->socks[p->order[low]].sock.lport == port)
		low++;
	*to = low;
}

/* --- listeners and their connections --- */

static bool accepts(const struct ports_sock *l, const struct ports_sock *s)
{
	bool v4 = addr__is_ipv4(s->sock.laddr, s->sock.family);

	if (l->sock.ifindex && s->sock.ifindex && l->sock.ifindex != s->sock.ifindex)
		return false;
	if (!memcmp(l->sock.laddr, s->sock.laddr, ADDR_LEN))
		return true;
	if (!addr__is_wildcard(l->sock.laddr))
		return false;
	if (l->sock.family == AF_INET)
		return v4;
	return !v4 || !(l->sock.options & OPT_V6ONLY);
}

/* How well a listener fits: 0 not at all; of a specific address better; of the same process best. */
static int fits(const struct ports *p, const struct ports_sock *l, const struct ports_sock *s)
{
	if (!accepts(l, s))
		return 0;
	return 1 + !addr__is_wildcard(l->sock.laddr) +
	       2 * (l->uses != PORTS_NONE && s->uses != PORTS_NONE &&
		    p->uses[l->uses].process == p->uses[s->uses].process);
}

/* order[from..to) is one port, order[from..connections) its listeners. */
static uint32_t find_listener(const struct ports *p, const struct ports_sock *s, uint32_t from,
			      uint32_t connections)
{
	uint32_t i, found = PORTS_NONE;
	int best = 0;

	for (i = from; i < connections; i++) {
		int how = fits(p, &p->socks[p->order[i]], s);

		if (how > best) {
			best = how;
			found = p->order[i];
		}
	}
	return found;
}

static void settle_connection(struct ports *p, struct ports_sock *s, uint32_t from, uint32_t to)
{
	struct ports_sock *l;

	s->role = PORTS_CLIENT;
	if (s->sock.facts & (FACT_SYN_SENT | FACT_CONNECTED))
		return;
	s->listener = find_listener(p, s, from, to);
	/* nobody can tell of what no process holds: it looks like a server's unless its port is ephemeral */
	if (s->listener != PORTS_NONE || (s->sock.facts & FACT_PASSIVE) ||
	    !ports__in_range(&p->netns[s->netns], s->sock.lport))
		s->role = PORTS_SERVER;
	if (s->listener == PORTS_NONE)
		return;
	l = &p->socks[s->listener];
	if (s->sock.state == TCP_SYN_RECV && s->uses == PORTS_NONE)
		l->half_open++;
	else if (s->time_wait)
		l->time_waits++;
	else
		l->connections++;
	/* a child that nobody has accepted yet is a copy of its listener (sk_clone_lock) */
	if (s->uses == PORTS_NONE && !s->time_wait && !s->sock.inode && l->options_known &&
	    (s->sock.state == TCP_ESTABLISHED || s->sock.state == TCP_CLOSE_WAIT)) {
		s->sock.options |= l->sock.options & (OPT_REUSEADDR | OPT_REUSEPORT);
		s->options_known = true;
	}
}

static void settle_roles(struct ports *p)
{
	uint32_t i, from = 0, listeners = 0;

	for (i = 0; i < p->n_socks; i++) {
		struct ports_sock *s = &p->socks[p->order[i]], *first = &p->socks[p->order[from]];

		if (s->netns != first->netns || s->sock.lport != first->sock.lport)
			from = listeners = i;
		if (s->sock.proto == IPPROTO_UDP) {
			s->role = PORTS_DATAGRAM;
		} else if (s->sock.state == TCP_LISTEN) {
			s->role = PORTS_LISTENER;
			listeners = i + 1;
		} else if (s->sock.state == TCP_CLOSE && !s->time_wait) {
			s->role = PORTS_IDLE;
		} else {
			settle_connection(p, s, from, listeners);
		}
	}
}

int ports__finish(struct ports *p)
{
	struct index x = { 0 };
	int err = index__make(&x, p->n_socks + p->n_seen);

	if (err)
		return err;
	join_processes(p, &x);
	join_diag(p, &x);
	free(x.slots);
	free(p->seen);
	p->seen = NULL;
	p->n_seen = p->room_seen = 0;
	err = join_mptcp(p);
	if (err)
		return err;
	err = settle_netns(p);
	if (!err)
		err = sort_socks(p);
	if (err)
		return err;
	settle_roles(p);
	return ports__count_budget(p);
}

/* --- words --- */

bool ports__in_range(const struct ports_netns *n, uint16_t port)
{
	return port >= n->facts.range_low && port <= n->facts.range_high;
}

const char *ports__class(const struct ports_netns *n, uint16_t port)
{
	if (port < PRIVILEGED_END)
		return "well-known";
	return ports__in_range(n, port) ? "ephemeral" : "registered";
}
