// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * port_shared - another program gets a part of what is sent to a port: by SO_REUSEPORT or by SO_REUSEADDR; over TCP by the
 * latter only beside a socket that does not listen yet. Without one of these the kernel refuses (inet_csk_bind_conflict,
 * inet_rcv_saddr_equal).
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

#define SECOND 1000000000ull

#define ANSWER_MAX 1024
#define ASK_AGAIN_NS                                                                               \
	(10 * SECOND)  /* a program on a port: the answer costs a walk over all descriptors */
#define ASKS_MAX    4  /* a second */
#define ASKED_MAX   64 /* programs on ports remembered */
#define WAITING_MAX 64 /* that could not be asked about at once */

extern const struct detector port_shared;

struct newcomer {
	struct ev_sock sock;
	struct ev_actor actor;
	uint64_t at_ns;
};

struct sharing {
	struct finding_set open;
	struct members newcomers, others; /* it is over when one of the two sides is gone */
	struct holder *answer;            /* ANSWER_MAX, from the first use on */
	struct {
		uint64_t what, at_ns;
	} asked[ASKED_MAX];
	size_t next_asked;
	struct newcomer *waiting; /* WAITING_MAX, from the first use on */
	size_t n_waiting;
	size_t asks; /* since the last tick */
};

/* Many listen to a group by design: mDNS, SSDP. */
static bool is_multicast(const uint8_t *addr)
{
	return addr__is_mapped(addr) ? addr[12] >> 4 == 14 : addr[0] == 0xff;
}

static bool covers(const struct ev_sock *wide, const struct ev_sock *s)
{
	if (!addr__is_wildcard(wide->laddr))
		return false;
	if (addr__is_mapped(wide->laddr) == addr__is_mapped(s->laddr))
		return true;
	return !addr__is_mapped(wide->laddr) && !(wide->options & OPT_V6ONLY);
}

enum relation { APART, SAME_ADDRESS, MORE_SPECIFIC, LESS_SPECIFIC };

static const char *const relation_names[] = {
	[SAME_ADDRESS] = "same-address",
	[MORE_SPECIFIC] = "more-specific",
	[LESS_SPECIFIC] = "less-specific",
};

/* Of the newcomer's address to that of a holder. */
static enum relation relate(const struct ev_sock *s, const struct ev_sock *h)
{
	if (s->ifindex && h->ifindex && s->ifindex != h->ifindex)
		return APART;
	if (!memcmp(s->laddr, h->laddr, sizeof(s->laddr)))
		return SAME_ADDRESS;
	if (covers(h, s))
		return MORE_SPECIFIC;
	return covers(s, h) ? LESS_SPECIFIC : APART;
}

/* Takes part in what is sent to the port by anybody: no connection does. */
static bool receives(const struct ev_sock *s)
{
	if (s->rport || !s->cookie)
		return false;
	return s->proto == IPPROTO_UDP || s->state == TCP_LISTEN || s->state == TCP_CLOSE;
}

/* As most servers over TCP are: worth no walk through all descriptors, the table has who binds beside them. */
static bool by_address_only(const struct ev_sock *s)
{
	return s->proto != IPPROTO_UDP && !(s->options & OPT_REUSEPORT);
}

static bool can_share(const struct ev_sock *s)
{
	if (by_address_only(s) && addr__is_wildcard(s->laddr))
		return false;
	return (s->options & (OPT_REUSEPORT | OPT_REUSEADDR)) && receives(s) &&
	       !is_multicast(s->laddr);
}

/* A restart of the same program, or one more worker of it, is no news. */
static bool same_program(const struct newcomer *new, const struct holder *h)
{
	if (h->proc.tgid == new->actor.proc.tgid)
		return true;
	if (strncmp(h->proc.comm, new->actor.proc.comm, COMM_LEN))
		return false;
	return !h->uid_known || h->uid == new->actor.uid || h->sock_uid == new->actor.uid;
}

static enum relation shares_with(const struct newcomer *new, const struct holder *h)
{
	enum relation relation;

	if (!h->proc.tgid || !receives(&h->sock) ||
	    sock__port_proto(&h->sock) != sock__port_proto(&new->sock) ||
	    h->sock.created_ns > new->at_ns || same_program(new, h))
		return APART;
	relation = relate(&new->sock, &h->sock);
	return by_address_only(&new->sock) && relation != MORE_SPECIFIC ? APART : relation;
}

static void name(struct phrase *p, const struct ev_owner *proc, const char *user, uint32_t uid)
{
	phrase__add(p, "%.*s (pid %u, ", COMM_LEN, proc->comm, proc->tgid);
	if (*user)
		phrase__add(p, "%s)", user);
	else
		phrase__add(p, "uid %u)", uid);
}

static void say(struct finding *f, enum relation relation, bool reuseport, const char *user)
{
	struct phrase m = phrase__message(f), a = phrase__advice(f);
	const struct holder *h = &f->holders[0];
	const char *proto = f->sock.proto == IPPROTO_UDP ? "udp" : "tcp";
	const char *option = reuseport ? "SO_REUSEPORT" : "SO_REUSEADDR";
	const char *comm = f->actor.proc.comm;

	name(&m, &f->actor.proc, user, f->actor.uid);
	phrase__add(&m, relation == SAME_ADDRESS ? " shares " : " takes ");
	phrase__address(&m, f->sock.laddr, f->sock.lport);
	phrase__add(&m, "/%s%s", proto, relation == SAME_ADDRESS ? " with " : " beside ");
	name(&m, &h->proc, h->user, h->uid);
	if (f->holders_total > 1)
		phrase__add(&m, " and %zu more socket%s", f->holders_total - 1,
			    phrase__plural(f->holders_total - 1));
	if (relation != SAME_ADDRESS) {
		phrase__add(&m, " on ");
		phrase__address(&m, h->sock.laddr, h->sock.lport);
	}
	phrase__add(&m, " by %s: ", option);
	if (relation == MORE_SPECIFIC)
		phrase__add(&m, "what is sent to this address goes to %.*s only", COMM_LEN, comm);
	else if (relation == LESS_SPECIFIC)
		phrase__add(&m, "what is sent to that address still goes to %.*s only", COMM_LEN,
			    h->proc.comm);
	else if (reuseport)
		phrase__add(&m, "the kernel spreads %s over both",
			    f->sock.proto == IPPROTO_UDP ? "datagrams" : "connections");
	else
		phrase__add(&m, "only one of the two gets each datagram");

	phrase__add(
		&a,
		"if that is not meant, stop one of the two (kill %u or kill %u), give %.*s another "
		"port than %u, or leave out %s in it",
		f->actor.proc.tgid, h->proc.tgid, COMM_LEN, comm, f->sock.lport, option);
}

static uint64_t key_of(const struct finding *f, const struct netns_ref *net)
{
	uint64_t h = finding__key(f, net);

	h = detect__hash(h, &f->sock.proto, sizeof(f->sock.proto));
	h = detect__hash(h, f->sock.laddr, sizeof(f->sock.laddr));
	h = detect__hash(h, &f->sock.lport, sizeof(f->sock.lport));
	return finding__key_program(h, &f->actor);
}

static void begin(struct finding *f, const struct newcomer *new)
{
	const struct netns_ref net = finding__netns(&new->sock, &new->actor);

	finding__begin(f, &port_shared, new->at_ns);
	f->sock = new->sock;
	f->actor = new->actor;
	f->gauge = true;
	f->key = key_of(f, &net);
}

static void tell(struct sharing *all, struct detect *d, struct finding *f, enum relation relation)
{
	const struct holder *h = &f->holders[0];
	bool reuseport = f->sock.options & OPT_REUSEPORT;
	char user[32] = "";
	size_t i;

	kernel__ask(detect__kernel(d), ASK_USER, &f->actor.uid, sizeof(f->actor.uid), user,
		    sizeof(user) - 1);
	if (h->options_known)
		reuseport = reuseport && (h->sock.options & OPT_REUSEPORT);
	finding__text(f, "by", "%s", reuseport ? "reuseport" : "reuseaddr");
	finding__text(f, "relation", "%s", relation_names[relation]);
	say(f, relation, reuseport, user);
	if (!members__add(&all->newcomers, f->sock.cookie, f->key))
		return;
	for (i = 0; i < f->n_holders; i++)
		members__add(&all->others, f->holders[i].sock.cookie, f->key);
	finding_set__met(&all->open, d, f);
}

/* Who has the port, in `answer`; how many. */
static size_t holders(struct sharing *all, const struct detect *d, const struct newcomer *new,
		      bool table_only)
{
	const struct ask_holders q = { .net = finding__netns(&new->sock, &new->actor),
				       .except = new->sock.cookie,
				       .port = new->sock.lport,
				       .proto = sock__port_proto(&new->sock),
				       .table_only = table_only };
	ssize_t bytes = kernel__ask(detect__kernel(d), ASK_HOLDERS, &q, sizeof(q), all->answer,
				    ANSWER_MAX * sizeof(*all->answer));
	size_t n = bytes > 0 ? bytes / sizeof(*all->answer) : 0;

	return n < ANSWER_MAX ? n : ANSWER_MAX;
}

static bool any_shares(const struct sharing *all, const struct newcomer *new, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (shares_with(new, &all->answer[i]) != APART)
			return true;
	return false;
}

static void ask(struct sharing *all, struct detect *d, const struct newcomer *new)
{
	enum relation relation = APART;
	struct finding f;
	size_t n, i;

	if (!all->answer)
		all->answer = calloc(ANSWER_MAX, sizeof(*all->answer));
	if (!all->answer)
		return;
	if (by_address_only(&new->sock) && !any_shares(all, new, holders(all, d, new, true)))
		return;
	all->asks++;
	n = holders(all, d, new, false);
	begin(&f, new);
	for (i = 0; i < n; i++) {
		const struct holder *h = &all->answer[i];
		enum relation r = shares_with(new, h);

		if (r == APART)
			continue;
		if (!f.holders_total)
			relation = r;
		if (f.n_holders < HOLDERS_MAX)
			f.holders[f.n_holders++] = *h;
		f.holders_total++;
		f.estimated |= h->estimated;
	}
	if (f.holders_total)
		tell(all, d, &f, relation);
}

/* Asked about this program on this port not long ago? Now it is. */
static bool asked_lately(struct sharing *all, uint64_t what, uint64_t now_ns)
{
	size_t i;

	for (i = 0; i < ASKED_MAX; i++)
		if (all->asked[i].what == what && now_ns < all->asked[i].at_ns + ASK_AGAIN_NS)
			return true;
	all->asked[all->next_asked].what = what;
	all->asked[all->next_asked].at_ns = now_ns;
	all->next_asked = (all->next_asked + 1) % ASKED_MAX;
	return false;
}

static void wait_for_a_tick(struct sharing *all, const struct newcomer *new)
{
	if (!all->waiting)
		all->waiting = calloc(WAITING_MAX, sizeof(*all->waiting));
	if (all->waiting && all->n_waiting < WAITING_MAX)
		all->waiting[all->n_waiting++] = *new;
}

/* As same_program() tells programs apart: an executable may run under several names, by several users. */
static uint64_t who_asks(const struct finding *f)
{
	const struct ev_actor *a = &f->actor;
	uint64_t h = detect__hash(f->key, a->proc.comm, strnlen(a->proc.comm, COMM_LEN));

	return detect__hash(h, &a->uid, sizeof(a->uid));
}

/* One more socket of a program that shares its port already joins the finding. */
static void came(struct sharing *all, struct detect *d, const struct newcomer *new)
{
	struct open_finding *o;
	struct finding f;

	begin(&f, new);
	o = finding_set__of_key(&all->open, f.key);
	if (o && members__add(&all->newcomers, new->sock.cookie, f.key)) {
		o->f.count++;
		return;
	}
	if (o || asked_lately(all, who_asks(&f), new->at_ns))
		return;
	if (all->asks < ASKS_MAX)
		ask(all, d, new);
	else
		wait_for_a_tick(all, new);
}

static void left(struct sharing *all, struct detect *d, struct members *side, uint64_t cookie,
		 uint64_t now_ns)
{
	uint64_t key;
	struct open_finding *o;

	while ((key = members__key(side, cookie))) {
		o = finding_set__of_key(&all->open, key);
		if (members__leave(side, cookie, key)) {
			if (o && side == &all->newcomers)
				o->f.count--;
			continue;
		}
		members__forget(&all->newcomers, key);
		members__forget(&all->others, key);
		if (o)
			finding_set__close(&all->open, d, o, now_ns);
	}
}

static void closed(struct sharing *all, struct detect *d, const struct record *r)
{
	size_t i;

	left(all, d, &all->newcomers, r->sock->cookie, r->boot_ns);
	left(all, d, &all->others, r->sock->cookie, r->boot_ns);
	for (i = 0; i < all->n_waiting; i++)
		if (all->waiting[i].sock.cookie == r->sock->cookie)
			all->waiting[i--] = all->waiting[--all->n_waiting];
}

static void port_shared__on_record(void *state, struct detect *d, const struct record *r)
{
	struct sharing *all = state;
	struct newcomer new;

	if (r->type == RECORD_CLOSE) {
		closed(all, d, r);
		return;
	}
	if ((r->type != RECORD_BIND && r->type != RECORD_LISTEN) || r->error || !r->actor ||
	    !r->sock->lport || !(r->sock->facts & FACT_PORT_FIXED) || !can_share(r->sock) ||
	    members__key(&all->newcomers, r->sock->cookie))
		return;
	new = (struct newcomer){ .sock = *r->sock, .actor = *r->actor, .at_ns = r->boot_ns };
	came(all, d, &new);
}

static void port_shared__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct sharing *all = state;

	all->asks = 0;
	while (all->n_waiting && all->asks < ASKS_MAX) {
		const struct newcomer new = all->waiting[0];

		memmove(&all->waiting[0], &all->waiting[1], --all->n_waiting * sizeof(new));
		ask(all, d, &new);
	}
	finding_set__tick(&all->open, d, now_ns, 0);
}

static void port_shared__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct sharing *all = state;

	finding_set__end(&all->open, d, now_ns);
	members__free(&all->newcomers);
	members__free(&all->others);
	free(all->answer);
	free(all->waiting);
	*all = (struct sharing){ 0 };
}

const struct detector port_shared = {
	.id = "port_shared",
	.severity = SEVERITY_INFO,
	.summary =
		"another program or user joins a port by SO_REUSEPORT (over UDP also SO_REUSEADDR), or "
		"takes a more specific address of it (over TCP also by SO_REUSEADDR): names both",
	.evidence =
		"count: sockets of the newcomer on the port; by: reuseport or reuseaddr; relation: of the "
		"newcomer's address to the first holder's, same-address, more-specific or less-specific; "
		"holders_total: the others' sockets (at most 16 are listed); estimated: not all of the "
		"kernel's sources could be asked",
	.state_size = sizeof(struct sharing),
	.on_record = port_shared__on_record,
	.tick = port_shared__tick,
	.end = port_shared__end,
};
