// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics.c - counts records into the numbers that are served, with atomic stores of one thread. */
#include "metrics.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"

#define COMM_CACHE    256 /* a power of two */
#define PROBES        8
#define NOTE_LISTENER 0x80 /* of a note: it is among the listeners. The rest: */
#define NOTE_OTHER    127 /* counted in `other`; 1 to METRICS_COMMS: in this slot; 0: not counted */

#define US 1000ull
#define MS (1000 * US)
#define S  (1000 * MS)

static const struct metrics_bucket waits[] = {
	{ "0.0001", 100 * US }, { "0.00025", 250 * US }, { "0.0005", 500 * US },
	{ "0.001", 1 * MS },    { "0.0025", 2500 * US }, { "0.005", 5 * MS },
	{ "0.01", 10 * MS },    { "0.025", 25 * MS },    { "0.05", 50 * MS },
	{ "0.1", 100 * MS },    { "0.25", 250 * MS },    { "0.5", 500 * MS },
	{ "1.0", 1 * S },       { "2.5", 2500 * MS },    { "5.0", 5 * S },
	{ "10.0", 10 * S },     { "30.0", 30 * S },      { "+Inf", UINT64_MAX },
};

static const struct metrics_bucket durations[] = {
	{ "0.001", 1 * MS },    { "0.01", 10 * MS },      { "0.1", 100 * MS },
	{ "0.5", 500 * MS },    { "1.0", 1 * S },         { "5.0", 5 * S },
	{ "10.0", 10 * S },     { "30.0", 30 * S },       { "60.0", 60 * S },
	{ "300.0", 300 * S },   { "600.0", 600 * S },     { "1800.0", 1800 * S },
	{ "3600.0", 3600 * S }, { "21600.0", 21600 * S }, { "86400.0", 86400 * S },
	{ "+Inf", UINT64_MAX },
};
_Static_assert(sizeof(waits) / sizeof(waits[0]) <= METRICS_BUCKETS, "room in metrics_counts");
_Static_assert(sizeof(durations) / sizeof(durations[0]) <= METRICS_BUCKETS, "the same");

/*
 * A process name and its open sockets. It is given to another name once it has none, so the reader must know that the
 * name that it has read is one: `seq` is odd while it changes.
 */
struct comm_slot {
	uint32_t seq;
	uint64_t open;
	uint64_t name[COMM_LEN / sizeof(uint64_t)];
};

struct listener_slot {
	uint64_t cookie; /* 0: free */
	uint8_t note;
};

struct metrics {
	struct metrics_counts counts;
	struct comm_slot comms[METRICS_COMMS];
	struct listener_slot listeners[METRICS_LISTENERS];
	uint8_t cache[COMM_CACHE]; /* where a name was found: a note, or 0 */
};
_Static_assert(sizeof(struct metrics_counts) % sizeof(uint64_t) == 0, "copied word by word");

const struct metrics_bucket *metrics__buckets(enum metrics_histogram h)
{
	return h == HISTOGRAM_CLIENT || h == HISTOGRAM_SERVER ? durations : waits;
}

/* One thread writes: what is read here is its own. So this is a plain addition, that another may look at. */
static void set(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static void count(uint64_t *to, uint64_t n)
{
	set(to, *to + n);
}

static uint64_t get(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

struct metrics *metrics__new(void)
{
	return calloc(1, sizeof(struct metrics));
}

void metrics__free(struct metrics *m)
{
	free(m);
}

/* --- records --- */

static void measure(struct metrics *m, enum metrics_histogram h, uint64_t from_ns, uint64_t to_ns)
{
	const struct metrics_bucket *b = metrics__buckets(h);
	uint64_t ns, i = 0;

	if (!from_ns || to_ns < from_ns)
		return;
	ns = to_ns - from_ns;
	while (ns > b[i].ns)
		i++;
	count(&m->counts.histograms[h].buckets[i], 1);
	count(&m->counts.histograms[h].sum_ns, ns);
}

static void failed(struct metrics *m, enum metrics_call call, int error)
{
	unsigned int number = error < 0 ? 0u - (unsigned int)error : (unsigned int)error;

	if (number)
		count(&m->counts.failures[call][number < METRICS_ERRNOS ? number : 0], 1);
}

static void on_bind(struct metrics *m, const struct record *r)
{
	failed(m, CALL_BIND, r->error);
}

static void on_listen(struct metrics *m, const struct record *r)
{
	failed(m, CALL_LISTEN, r->error);
}

static void on_connect(struct metrics *m, const struct record *r)
{
	failed(m, CALL_CONNECT, r->error);
	if (r->u.connect->abandoned)
		count(&m->counts.abandoned, 1);
	else if (!r->error && sock__is_tcp(r->sock))
		measure(m, HISTOGRAM_CONNECT, r->u.connect->started_ns, r->boot_ns);
}

static void on_accept(struct metrics *m, const struct record *r)
{
	failed(m, CALL_ACCEPT, r->error);
	if (!r->error)
		measure(m, HISTOGRAM_ACCEPT, r->u.accept->established_ns, r->boot_ns);
}

static void on_close(struct metrics *m, const struct record *r)
{
	const struct life *life = r->u.life;

	count(&m->counts.closes[life->reason], 1);
	if (!sock__is_tcp(r->sock))
		return;
	count(&m->counts.tx_bytes, life->tx_bytes);
	count(&m->counts.rx_bytes, life->rx_bytes);
	count(&m->counts.retrans, life->retrans);
	if (life->role == ROLE_CLIENT)
		measure(m, HISTOGRAM_CLIENT, life->established_ns, life->ended_ns);
	else if (life->role == ROLE_SERVER)
		measure(m, HISTOGRAM_SERVER, life->established_ns, life->ended_ns);
}

static void on_finding(struct metrics *m, const struct record *r)
{
	size_t i;

	for (i = 0; i < METRICS_DETECTORS && detectors[i]; i++)
		if (!strcmp(detectors[i]->id, r->u.finding->id))
			count(&m->counts.findings[i][r->u.finding->status], 1);
}

static void on_lost(struct metrics *m, const struct record *r)
{
	count(&m->counts.lost[r->u.lost->reason], r->u.lost->count);
}

void metrics__record(void *metrics, const struct record *r)
{
	static void (*const more[RECORD_TYPES])(struct metrics * m, const struct record *r) = {
		[RECORD_BIND] = on_bind,       [RECORD_LISTEN] = on_listen,
		[RECORD_CONNECT] = on_connect, [RECORD_ACCEPT] = on_accept,
		[RECORD_CLOSE] = on_close,     [RECORD_FINDING] = on_finding,
		[RECORD_LOST] = on_lost,
	};
	struct metrics *m = metrics;

	count(&m->counts.events[r->type], 1);
	if (more[r->type])
		more[r->type](m, r);
}

/* --- whose sockets are open --- */

static bool slot__is(const struct comm_slot *s, const uint64_t name[2])
{
	return s->name[0] == name[0] && s->name[1] == name[1];
}

static void slot__rename(struct comm_slot *s, const uint64_t name[2])
{
	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	set(&s->name[0], name[0]);
	set(&s->name[1], name[1]);
	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
}

static uint8_t find_slot(struct metrics *m, const uint64_t name[2])
{
	struct comm_slot *free = NULL;
	size_t i;

	for (i = 0; i < METRICS_COMMS; i++) {
		struct comm_slot *s = &m->comms[i];

		if (s->open && slot__is(s, name))
			return i + 1;
		if (!s->open && !free)
			free = s;
	}
	if (!free)
		return NOTE_OTHER;
	slot__rename(free, name);
	return free - m->comms + 1;
}

/* Where sockets of this name are counted: a slot and 1, or NOTE_OTHER. */
static uint8_t slot_for(struct metrics *m, const uint64_t name[2])
{
	static const char other[COMM_LEN] = METRICS_OTHER;
	uint8_t *cached = &m->cache[(name[0] ^ name[1]) * 0x9e3779b97f4a7c15ull >> 56];

	/* also one without open sockets by now: had the name another slot, that would be the cached one */
	if (*cached && slot__is(&m->comms[*cached - 1], name))
		return *cached;
	if (!memcmp(name, other, COMM_LEN))
		return NOTE_OTHER; /* a process of that name: one series must not come twice */
	*cached = find_slot(m, name);
	if (*cached != NOTE_OTHER)
		return *cached;
	*cached = 0;
	return NOTE_OTHER;
}

static void move(struct metrics *m, uint8_t slot, int by)
{
	uint64_t *to = slot == NOTE_OTHER ? &m->counts.open_other : &m->comms[slot - 1].open;

	count(to, by);
	count(&m->counts.open, by);
}

/* A free one for this cookie where `as` is 0. */
static struct listener_slot *listener__find(struct metrics *m, uint64_t cookie, uint64_t as)
{
	size_t i, home = cookie * 0x9e3779b97f4a7c15ull >> 32;

	for (i = 0; i < PROBES; i++) {
		struct listener_slot *l = &m->listeners[(home + i) & (METRICS_LISTENERS - 1)];

		if (get(&l->cookie) == as)
			return l;
	}
	return NULL;
}

/* Where there is no room nearby the listener has no name. */
static bool listener__add(struct metrics *m, uint64_t cookie, uint8_t slot)
{
	struct listener_slot *l = listener__find(m, cookie, cookie);

	if (!l)
		l = listener__find(m, cookie, 0);
	if (!l)
		return false;
	__atomic_store_n(&l->note, slot, __ATOMIC_RELAXED);
	__atomic_store_n(&l->cookie, cookie, __ATOMIC_RELEASE);
	return true;
}

static void listener__remove(struct metrics *m, uint64_t cookie)
{
	struct listener_slot *l = listener__find(m, cookie, cookie);

	if (l)
		set(&l->cookie, 0);
}

uint8_t metrics__note(void *metrics, const struct ev_sock *s, uint8_t before, bool gone)
{
	uint8_t slot = before & ~NOTE_LISTENER, now;
	struct metrics *m = metrics;
	uint64_t name[2] = { 0 };
	bool listens;

	if (gone) {
		if (before & NOTE_LISTENER)
			listener__remove(m, s->cookie);
		if (slot)
			move(m, slot, -1);
		return 0;
	}
	memcpy(name, s->owner.comm, strnlen(s->owner.comm, COMM_LEN - 1));
	if (slot && slot != NOTE_OTHER && slot__is(&m->comms[slot - 1], name)) {
		now = slot;
	} else {
		now = slot_for(m, name);
		move(m, now, 1);
		if (slot)
			move(m, slot, -1);
	}
	listens = s->proto == IPPROTO_TCP && s->state == TCP_LISTEN;
	if (listens && (now != slot || !(before & NOTE_LISTENER)))
		listens = listener__add(m, s->cookie, now);
	else if (!listens && (before & NOTE_LISTENER))
		listener__remove(m, s->cookie);
	return listens ? now | NOTE_LISTENER : now;
}

/* --- how it fares --- */

void metrics__beat(struct metrics *m, uint64_t now_ns)
{
	set(&m->counts.beat_ns, now_ns);
}

void metrics__output(struct metrics *m, int error, uint64_t stalled_ns)
{
	set(&m->counts.error, error < 0 ? -(int64_t)error : error);
	set(&m->counts.stalled_ns, stalled_ns);
}

void metrics__set_lost(struct metrics *m, enum lost_reason reason, uint64_t total)
{
	set(&m->counts.lost[reason], total);
}

void metrics__set_journal(struct metrics *m, uint64_t dropped)
{
	set(&m->counts.journal_dropped, dropped);
}

void metrics__scraped(struct metrics *m, bool whole)
{
	count(whole ? &m->counts.scrapes : &m->counts.scrapes_failed, 1);
}

/* --- reading --- */

void metrics__read(const struct metrics *m, struct metrics_counts *c)
{
	const uint64_t *from = (const uint64_t *)&m->counts;
	uint64_t *to = (uint64_t *)c;
	size_t i;

	for (i = 0; i < sizeof(*c) / sizeof(*to); i++)
		to[i] = get(&from[i]);
}

/* False: it was being renamed. */
static bool slot__read(const struct comm_slot *s, struct metrics_comm *c)
{
	uint32_t seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);
	uint64_t name[2] = { get(&s->name[0]), get(&s->name[1]) };

	c->open = get(&s->open);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(c->comm, name, COMM_LEN);
	return !(seq & 1) && __atomic_load_n(&s->seq, __ATOMIC_RELAXED) == seq;
}

static void read_whole(const struct comm_slot *s, struct metrics_comm *c)
{
	while (!slot__read(s, c))
		sched_yield();
}

size_t metrics__comms(const struct metrics *m, struct metrics_comm *list)
{
	size_t n = 0, i, k;

	for (i = 0; i < METRICS_COMMS; i++) {
		struct metrics_comm *c = &list[n];

		read_whole(&m->comms[i], c);
		/* a name that was given up here may have been taken up in another slot meanwhile */
		for (k = 0; k < n && memcmp(list[k].comm, c->comm, COMM_LEN) != 0; k++)
			;
		n += c->open && k == n;
	}
	return n;
}

bool metrics__listener(struct metrics *m, uint64_t cookie, char comm[COMM_LEN])
{
	const struct listener_slot *l = cookie ? listener__find(m, cookie, cookie) : NULL;
	struct metrics_comm c;
	uint8_t note;

	if (!l || __atomic_load_n(&l->cookie, __ATOMIC_ACQUIRE) != cookie)
		return false;
	note = __atomic_load_n(&l->note, __ATOMIC_RELAXED);
	if (note == NOTE_OTHER) {
		memset(comm, 0, COMM_LEN);
		memcpy(comm, METRICS_OTHER, sizeof(METRICS_OTHER));
	} else if (note && note <= METRICS_COMMS) {
		read_whole(&m->comms[note - 1], &c);
		memcpy(comm, c.comm, COMM_LEN);
	}
	return __atomic_load_n(&l->cookie, __ATOMIC_ACQUIRE) == cookie;
}
