// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_take.c - frames: the model as it is at one moment.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "top/model_inside.h"

#define RATE_NS (1000000000ull * 9 / 10) /* rates are of no shorter time */

/* False: they were taken a moment ago. */
static bool take_rates(struct top_model *m, uint64_t now_ns)
{
	struct rate *const rates[] = { &m->events, &m->opened, &m->ended };
	uint32_t i;

	m->rated_for_ns = now_ns > m->rated_ns ? now_ns - m->rated_ns : 0;
	if (m->rated_for_ns < RATE_NS)
		return false;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		rates[i]->per_second =
			top_model__rate(rates[i]->before, rates[i]->total, m->rated_for_ns);
		rates[i]->before = rates[i]->total;
	}
	m->rated_ns = now_ns;
	return true;
}

static void rate_listener(struct top_model *m, uint32_t i)
{
	struct top_sock *s = &m->table.socks[i];

	s->accept_rate = top_model__rate(m->table.more[i].accepted, s->accepted, m->rated_for_ns);
	m->table.more[i].accepted = s->accepted;
}

/* Calls fn() for each socket, in portions. */
static void each_sock(struct top_model *m, struct top_frame *f,
		      void (*fn)(struct top_model *m, struct top_frame *f, uint32_t i))
{
	uint32_t i;

	for (i = 0; i < m->table.used; i++) {
		if (i % TOP_PORTION == TOP_PORTION - 1)
			top_model__let_others(m);
		if (m->table.socks[i].sock.cookie)
			fn(m, f, i);
	}
}

static void forget_connections(struct top_model *m, struct top_frame *f, uint32_t i)
{
	(void)f;
	m->table.socks[i].connections = 0;
}

static void count_connection(struct top_model *m, struct top_frame *f, uint32_t i)
{
	struct top_sock *s = &m->table.socks[i];
	const struct top_sock *l;
	uint32_t from;

	(void)f;
	if (s->closed_ns || !sock__is_tcp(&s->sock) || !s->sock.rport ||
	    (s->sock.facts & (FACT_SYN_SENT | FACT_CONNECTED)))
		return;
	if (!s->listener && !m->table.more[i].sought) {
		l = listeners__of(&m->listeners, m->table.socks, m->table.used, &s->sock);
		s->listener = l ? l->sock.cookie : 0;
		m->table.more[i].sought = true;
	}
	from = s->listener ? top_table__find(&m->table, s->listener) : TABLE_NONE;
	if (from != TABLE_NONE)
		m->table.socks[from].connections++;
}

static bool is_shown(const struct top_model *m, uint32_t i)
{
	const struct top_sock *s = &m->table.socks[i];

	/* once could be one that was just closed: its last record came while the walk was on its way */
	return (!s->from_kernel || m->table.more[i].sightings >= 2) && s->chosen;
}

static void count_sock(struct top_frame *f, const struct top_sock *s)
{
	if (s->closed_ns)
		return;
	f->open++;
	f->queued += s->queued;
	if (s->sock.proto == IPPROTO_UDP)
		f->udp++;
	else if (s->state < TOP_STATES)
		f->states[s->state]++;
}

static bool make_room(struct top_frame *f, uint32_t n)
{
	struct top_sock *more;

	if (n <= f->room_socks)
		return true;
	n = n < 1024 ? 1024 : n + n / 2;
	more = reallocarray(f->socks, n, sizeof(*more));
	if (!more)
		return false;
	f->socks = more;
	f->room_socks = n;
	return true;
}

static void take_sock(struct top_model *m, struct top_frame *f, uint32_t i)
{
	const struct top_sock *s = &m->table.socks[i];
	bool listener = top_sock__is_listener(s);

	if (f->rates_taken && listener)
		rate_listener(m, i);
	if (!is_shown(m, i))
		return;
	count_sock(f, s);
	if (!(f->what & (listener ? TOP_TAKE_LISTENERS : TOP_TAKE_SOCKS)))
		return;
	if (make_room(f, f->n_socks + 1))
		f->socks[f->n_socks++] = *s;
	else
		f->incomplete = true;
}

static void take_socks(struct top_model *m, struct top_frame *f)
{
	f->open = f->udp = f->queued = 0;
	memset(f->states, 0, sizeof(f->states));
	f->n_socks = 0;
	if (f->what & TOP_TAKE_LISTENERS) {
		each_sock(m, f, forget_connections);
		each_sock(m, f, count_connection);
	}
	each_sock(m, f, take_sock);
}

static void drop_findings(struct top_frame *f)
{
	size_t i;

	for (i = 0; i < f->n_findings; i++)
		top_finding__put(f->findings[i]);
	f->n_findings = 0;
}

static int newer_first(const void *a, const void *b)
{
	const struct top_finding *x = *(const struct top_finding *const *)a,
				 *y = *(const struct top_finding *const *)b;

	return x->seq > y->seq ? -1 : x->seq < y->seq;
}

static void take_findings(struct top_model *m, struct top_frame *f)
{
	uint32_t i;

	drop_findings(f);
	memset(f->open_findings, 0, sizeof(f->open_findings));
	if (!f->findings)
		f->findings = calloc(TOP_FINDINGS_MAX, sizeof(void *));
	f->incomplete |= !f->findings;
	for (i = 0; i < m->n_findings; i++) {
		struct top_finding *one = m->findings[i];

		f->open_findings[one->f.severity] += one->f.status != FINDING_CLOSED;
		if (!f->findings)
			continue;
		atomic_fetch_add(&one->refs, 1);
		f->findings[f->n_findings++] = one;
	}
	if (f->findings && f->n_findings)
		qsort(f->findings, f->n_findings, sizeof(void *), newer_first);
}

void top_model__take(struct top_model *m, struct top_frame *f, uint64_t now_ns, uint32_t what)
{
	top_model__lock(m);
	f->incomplete = false;
	top_model__forget_old(m, now_ns);
	f->what = what;
	f->rates_taken = take_rates(m, now_ns);
	take_socks(m, f);
	take_findings(m, f);
	f->seq = ++m->frames;
	f->now_ns = now_ns;
	f->started_ns = m->started_ns;
	f->walked_ns = m->walked_ns;
	f->events_rate = m->events.per_second;
	f->opened_rate = m->opened.per_second;
	f->closed_rate = m->ended.per_second;
	memcpy(f->lost, m->lost, sizeof(f->lost));
	memcpy(f->host, m->host, sizeof(f->host));
	top_ports__put(f->ports);
	f->ports = top_ports__get(m->ports);
	pthread_mutex_unlock(&m->lock);
}

void top_model__tell_story(struct top_model *m, struct top_story *s)
{
	uint32_t index;

	top_model__lock(m);
	index = s->cookie ? top_table__find(&m->table, s->cookie) : TABLE_NONE;
	/* who is still looking at it when it goes keeps what was told */
	s->found = index != TABLE_NONE || (s->found && s->sock.sock.cookie == s->cookie);
	if (index != TABLE_NONE) {
		const struct history_list *l = &m->table.more[index].history;

		s->sock = m->table.socks[index];
		s->n = history__read(&m->history, l, s->events, TOP_EVENTS_SOCK);
		s->left_out = l->left_out;
		s->left_out_after = s->n < HISTORY_FIRST ? s->n : HISTORY_FIRST;
		s->has_process = s->sock.sock.owner.tgid &&
				 told__find(m->told, &s->sock.sock.owner, &s->process);
	}
	pthread_mutex_unlock(&m->lock);
}

void top_frame__free(struct top_frame *f)
{
	drop_findings(f);
	free(f->findings);
	free(f->socks);
	top_ports__put(f->ports);
	memset(f, 0, sizeof(*f));
}
