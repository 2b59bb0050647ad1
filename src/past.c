// SPDX-License-Identifier: GPL-2.0-or-later
/* past.c - follows sockets through the records before a moment, and connections through their TIME_WAIT. */
#include "past.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "past_parts.h"
#include "sink.h"

#define STATES 13

struct past *past__new(uint64_t at_ns, struct socket_filter *f, size_t max)
{
	struct past *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->at_ns = at_ns;
	p->filter = f;
	if (!idmap__init(&p->socks, sizeof(struct past_sock), max) &&
	    !idmap__init(&p->closed, sizeof(struct past_sock), max) &&
	    !idmap__init(&p->processes, sizeof(struct past_process), PAST_PROCESSES_MAX) &&
	    !idmap__init(&p->netns, sizeof(struct past_netns), PAST_NETNS_MAX))
		return p;
	past__free(p);
	errno = ENOMEM;
	return NULL;
}

void past__free(struct past *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->processes.n; i++)
		free(((struct past_process *)idmap__at(&p->processes, i))->process.cgroup);
	for (size_t i = 0; i < p->netns.n; i++)
		free(((struct past_netns *)idmap__at(&p->netns, i))->reserved);
	idmap__free(&p->socks);
	idmap__free(&p->closed);
	idmap__free(&p->processes);
	idmap__free(&p->netns);
	free(p);
}

int64_t past__offset_ns(const struct past *p)
{
	return p->offset_ns;
}

uint64_t past__left_out(const struct past *p)
{
	return p->left_out;
}

void past__restart(struct past *p, uint64_t ts_ns, bool reboot)
{
	if (ts_ns > p->at_ns) {
		p->over = true;
		return;
	}
	p->run_ns = ts_ns;
	idmap__clear(&p->socks);
	if (reboot)
		idmap__clear(&p->closed);
}

/* --- sockets --- */

static uint64_t boot_of(const struct report_record *r, const char *time)
{
	uint64_t ns = time ? report__time_ns(time, strlen(time)) : 0;
	uint64_t offset = r->ts_ns - r->boot_ns;

	return ns > offset ? ns - offset : 0;
}

/* Never 0, which is no number of an element. */
static uint64_t tuple_id(const struct ev_sock *s)
{
	uint64_t words[4], h = s->netns_cookie;

	memcpy(words, s->laddr, ADDR_LEN);
	memcpy(words + 2, s->raddr, ADDR_LEN);
	for (int i = 0; i < 4; i++)
		h = past__mix(h ^ words[i]);
	h = past__mix(h ^ ((uint64_t)s->lport << 16 | s->rport));
	return h ? h : 1;
}

static bool parse_addr(const char *text, uint8_t addr[ADDR_LEN])
{
	memset(addr, 0, ADDR_LEN);
	if (text && strchr(text, ':'))
		return inet_pton(AF_INET6, text, addr) == 1;
	memset(addr + 10, 0xff, 2);
	return text && inet_pton(AF_INET, text, addr + 12) == 1;
}

static void set_end(uint8_t addr[ADDR_LEN], const char *text, int family)
{
	if (text && parse_addr(text, addr))
		return;
	memset(addr, 0, ADDR_LEN);
	if (family == AF_INET)
		memset(addr + 10, 0xff, 2);
}

static uint8_t state_of(const char *name)
{
	for (unsigned int i = 1; name && i < STATES; i++)
		if (!strcmp(sink__state_name(i), name))
			return (uint8_t)i;
	return TCP_CLOSE;
}

static uint32_t options_of(struct json_object *list)
{
	uint32_t options = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		for (unsigned int k = 0; k < SINK_OPTIONS; k++)
			if (json_object_is_type(o, json_type_string) &&
			    !strcmp(json_object_get_string(o), sink_option_names[k]))
				options |= 1u << k;
	}
	return options;
}

/* What every record says of its socket; what it does not say stays as it was. */
static void describe(struct past_sock *s, const struct report_record *r)
{
	struct ev_sock *e = &s->sock;

	e->cookie = r->sock;
	e->proto = strcmp(r->proto, "udp") ? IPPROTO_TCP : IPPROTO_UDP;
	e->family = strcmp(r->family, "ipv6") ? AF_INET : AF_INET6;
	e->netns = (uint32_t)r->netns;
	e->netns_cookie = r->netns_cookie;
	e->state = state_of(r->state);
	if (r->inode)
		e->inode = r->inode;
	if (r->laddr || !e->lport) {
		set_end(e->laddr, r->laddr, e->family);
		e->lport = (uint16_t)r->lport;
	}
	set_end(e->raddr, r->rport ? r->raddr : NULL, e->family);
	e->rport = (uint16_t)r->rport;
	if (!r->options)
		return;
	e->options = options_of(r->options);
	e->ifindex = (uint32_t)r->ifindex;
	s->options_known = true;
}

/* Who owns it: who acts, unless the record says otherwise. */
static void attribute(struct past_sock *s, const struct report_record *r)
{
	struct ev_owner o;

	if (r->owner) {
		if (!past__owner(&o, report__member_string(r->owner, "proc"),
				 report__member_string(r->owner, "comm")))
			return;
		if (past__process_id(&o) != past__process_id(&s->sock.owner))
			s->uid = UINT32_MAX;
	} else {
		if (!past__owner(&o, r->proc, r->comm))
			return;
		s->uid = r->has_uid ? (uint32_t)r->uid : UINT32_MAX;
		if (r->has_fd && r->fd <= INT32_MAX)
			s->fd = (int32_t)r->fd;
	}
	s->sock.owner = o;
}

/* NULL: no room. */
static struct past_sock *open_sock(struct past *p, const struct report_record *r)
{
	struct past_sock *s = idmap__put(&p->socks, r->sock);

	if (!s) {
		p->left_out++;
		return NULL;
	}
	if (!s->sock.cookie) {
		s->fd = -1;
		s->uid = UINT32_MAX;
	}
	describe(s, r);
	return s;
}

/* A connection that begins where another waits ends that (tcp_timewait_state_process, tcp_twsk_unique). */
static void connected(struct past *p, struct past_sock *s, uint64_t boot_ns)
{
	s->established_ns = boot_ns;
	if (s->sock.proto == IPPROTO_TCP)
		idmap__remove(&p->closed, tuple_id(&s->sock));
}

static void take_snapshot(struct past *p, struct past_sock *s, const struct report_record *r)
{
	s->sock.created_ns = boot_of(r, r->created);
	s->listening_ns = boot_of(r, r->listening);
	s->bound_ns = boot_of(r, r->bound);
	if (r->established)
		connected(p, s, boot_of(r, r->established));
	/* bound only: one that was connected still shows its peer */
	if (s->sock.lport && (s->bound_ns || (s->sock.state == TCP_CLOSE && !s->sock.rport)))
		s->sock.facts |= FACT_PORT_KEPT;
}

static void take_bind(struct past *p, struct past_sock *s, const struct report_record *r)
{
	(void)p;
	if (r->error || !s->sock.lport)
		return;
	s->bound_ns = r->boot_ns;
	s->sock.facts |= FACT_PORT_KEPT | (r->req_port ? FACT_PORT_FIXED : 0);
}

static void take_listen(struct past *p, struct past_sock *s, const struct report_record *r)
{
	(void)p;
	if (!r->error)
		s->listening_ns = r->boot_ns;
}

/* A connect() that failed gives the port back, unless bind() asked for it by number (tcp_set_state). */
static void take_connect(struct past *p, struct past_sock *s, const struct report_record *r)
{
	if (!r->error && !r->abandoned) {
		s->sock.facts |= FACT_CONNECTED;
		connected(p, s, r->boot_ns);
		return;
	}
	s->sock.rport = 0;
	set_end(s->sock.raddr, NULL, s->sock.family);
	if (!(s->sock.facts & FACT_PORT_FIXED) && s->sock.proto == IPPROTO_TCP) {
		s->sock.lport = 0;
		s->sock.facts &= ~FACT_PORT_KEPT;
	}
}

static void take_accept(struct past *p, struct past_sock *s, const struct report_record *r)
{
	uint64_t waited_ns = r->has_queue ? r->queue_us * 1000 : 0;

	s->sock.facts |= FACT_PASSIVE;
	connected(p, s, r->boot_ns > waited_ns ? r->boot_ns - waited_ns : 0);
}

static void take_state(struct past *p, struct past_sock *s, const struct report_record *r)
{
	(void)p;
	s->sock.state = state_of(r->new_state);
}

static void take_close(struct past *p, const struct report_record *r)
{
	uint64_t ended_ns = report__time_ns(r->ended, strlen(r->ended));
	struct past_sock *s, closed = { 0 };

	idmap__remove(&p->socks, r->sock);
	describe(&closed, r);
	if (closed.sock.proto != IPPROTO_TCP || !closed.sock.lport || !closed.sock.rport)
		return;
	closed.id = tuple_id(&closed.sock);
	idmap__remove(&p->closed, closed.id);
	if (!r->time_wait || ended_ns + PAST_TIME_WAIT_NS <= p->at_ns)
		return;
	s = idmap__put(&p->closed, closed.id);
	if (!s) {
		p->left_out++;
		return;
	}
	closed.ended_ns = ended_ns < p->at_ns ? ended_ns : p->at_ns;
	closed.established_ns = boot_of(r, r->established);
	closed.sock.state = TCP_TIME_WAIT;
	if (r->role && !strcmp(r->role, "server"))
		closed.sock.facts = FACT_PASSIVE;
	else if (r->role && r->created)
		closed.sock.facts = FACT_CONNECTED; /* else its role is a guess */
	*s = closed;
}

static void (*const takers[LOG_TYPES])(struct past *p, struct past_sock *s,
				       const struct report_record *r) = {
	[LOG_SNAPSHOT] = take_snapshot, [LOG_BIND] = take_bind,     [LOG_LISTEN] = take_listen,
	[LOG_CONNECT] = take_connect,   [LOG_ACCEPT] = take_accept, [LOG_STATE] = take_state,
};

static void take_now(struct past *p, const struct report_record *r)
{
	struct past_sock *s;

	p->offset_ns = (int64_t)(r->ts_ns - r->boot_ns);
	if (r->type == LOG_PROCESS) {
		past__take_process(p, r);
		return;
	}
	past__take_netns(p, r);
	if (r->type == LOG_CLOSE) {
		take_close(p, r);
		return;
	}
	/* accept() that failed tells of its listener */
	if (r->type == LOG_PEER || (r->type == LOG_ACCEPT && r->error))
		return;
	s = open_sock(p, r);
	if (!s)
		return;
	if (r->type != LOG_STATE)
		attribute(s, r);
	takers[r->type](p, s, r);
}

/* --- after the moment: what records of then still say of it --- */

static bool was_before(const struct past *p, uint64_t ts_ns, uint64_t us)
{
	return us < UINT64_MAX / 1000 && us * 1000 <= ts_ns && ts_ns - us * 1000 <= p->at_ns;
}

static uint64_t time_of(const char *s)
{
	return s ? report__time_ns(s, strlen(s)) : 0;
}

/* An accept queue holds what accept() returns later, or what dies without it. */
static void add_queued(struct past *p, const struct report_record *r, uint64_t boot_ns)
{
	struct past_sock *s = idmap__find(&p->socks, r->sock) ? NULL : open_sock(p, r);

	if (!s)
		return;
	s->sock.state = TCP_ESTABLISHED;
	s->sock.facts |= FACT_PASSIVE;
	connected(p, s, boot_ns);
}

static void take_later_close(struct past *p, const struct report_record *r)
{
	uint64_t established_ns = time_of(r->established), released_ns = time_of(r->released);
	struct past_sock *s = idmap__find(&p->socks, r->sock);

	if (s && released_ns && released_ns <= p->at_ns)
		s->sock.owner = (struct ev_owner){ 0 };
	if (!s && established_ns && established_ns <= p->at_ns && r->role &&
	    !strcmp(r->role, "server"))
		add_queued(p, r, boot_of(r, r->established));
}

static void take_later_connect(struct past *p, const struct report_record *r)
{
	struct past_sock *s = idmap__find(&p->socks, r->sock);

	if (!r->syn_sent || !r->has_latency || !was_before(p, r->ts_ns, r->latency_us) ||
	    (s && s->established_ns))
		return;
	s = open_sock(p, r);
	if (!s)
		return;
	attribute(s, r);
	s->sock.state = TCP_SYN_SENT;
	s->sock.facts |= FACT_SYN_SENT;
}

/* Told late, of a socket that was there before the recorder. */
static void take_later_snapshot(struct past *p, const struct report_record *r)
{
	struct past_sock *s;

	if (r->created || r->bound || r->established || idmap__find(&p->socks, r->sock) ||
	    p->run_ns + PAST_LATER_NS < p->at_ns)
		return;
	s = open_sock(p, r);
	if (!s)
		return;
	attribute(s, r);
	take_snapshot(p, s, r);
}

static void take_later(struct past *p, const struct report_record *r)
{
	switch (r->type) {
	case LOG_PROCESS:
		past__take_process(p, r);
		return;
	case LOG_SNAPSHOT:
		take_later_snapshot(p, r);
		break;
	case LOG_CONNECT:
		take_later_connect(p, r);
		break;
	case LOG_ACCEPT:
		if (!r->error && r->has_queue && was_before(p, r->ts_ns, r->queue_us))
			add_queued(p, r, r->boot_ns - r->queue_us * 1000);
		break;
	case LOG_CLOSE:
		take_later_close(p, r);
		break;
	default:
		return;
	}
	if (idmap__find(&p->socks, r->sock) && !idmap__find(&p->netns, r->netns & UINT32_MAX))
		past__take_netns(p, r);
}

void past__take(struct past *p, const struct report_record *r)
{
	if (r->type != LOG_PROCESS && (!log_type__of_socket(r->type) || !r->sock))
		return;
	if (r->ts_ns <= p->at_ns)
		take_now(p, r);
	else if (r->ts_ns - p->at_ns <= PAST_LATER_NS && !p->over)
		take_later(p, r);
}
