// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * privileged_port - bind() for a port below ip_unprivileged_port_start failed with EACCES: the process
 * lacks CAP_NET_BIND_SERVICE.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

#define ASK_AGAIN_NS  1000000000ull
#define TELL_AGAIN_NS FINDING_UPDATE_NS /* nothing new is to be said before */
#define DEFAULT_START 1024              /* PROT_SOCK, where the namespace cannot be asked */

extern const struct detector privileged_port;

struct refusals {
	struct finding_set open;
	/* The limit of the namespace asked about last: a program that retries in a loop asks once. */
	struct netns_ref net;
	uint64_t asked_ns;
	struct netns_facts facts;
	bool estimated; /* it could not be asked */
};

static void learn_limit(struct refusals *all, struct detect *d, const struct netns_ref *net,
			uint64_t now_ns)
{
	if (all->asked_ns && now_ns < all->asked_ns + ASK_AGAIN_NS &&
	    all->net.inode == net->inode && all->net.cookie == net->cookie)
		return;
	all->net = *net;
	all->asked_ns = now_ns;
	all->estimated = !known__netns(d, net, 0, &all->facts);
	if (all->estimated)
		all->facts.unprivileged_start = DEFAULT_START;
}

/* The address is left out: [::]:80 and 0.0.0.0:80 of one server are one matter. */
static uint64_t subject(const struct finding *f, const struct netns_ref *net)
{
	uint64_t key = finding__key_program(finding__key(f, net), &f->actor);

	key = detect__hash(key, &f->sock.proto, sizeof(f->sock.proto));
	return detect__hash(key, &f->sock.lport, sizeof(f->sock.lport));
}

static void say(struct finding *f, struct detect *d, const struct refusals *all)
{
	const uint32_t start = all->facts.unprivileged_start;
	const struct ev_owner *proc = &f->actor.proc;
	struct phrase p = phrase__message(f);
	uint16_t port = f->sock.lport;
	char user[64];
	ssize_t n;

	n = kernel__ask(detect__kernel(d), ASK_USER, &f->actor.uid, sizeof(f->actor.uid), user,
			sizeof(user));
	phrase__owner(&p, proc);
	phrase__add(&p, ", uid %" PRIu32, f->actor.uid);
	if (n > 0)
		phrase__add(&p, " (%.*s)", (int)n, user);
	phrase__add(&p,
		    ", may not bind port %u/%s: ports below %" PRIu32 " need CAP_NET_BIND_SERVICE",
		    port, f->sock.proto == IPPROTO_UDP ? "udp" : "tcp", start);
	if (!f->actor.uid)
		phrase__add(&p, ", which this root process does not have in its network namespace");
	p = phrase__advice(f);
	if (f->actor.uid)
		phrase__add(
			&p,
			"grant it: AmbientCapabilities=CAP_NET_BIND_SERVICE in its systemd unit, or setcap cap_net_bind_service=+ep on the executable of %.*s; ",
			COMM_LEN, proc->comm);
	else
		phrase__add(
			&p,
			"keep CAP_NET_BIND_SERVICE in CapabilityBoundingSet= of its systemd unit, or give it to its container (--cap-add NET_BIND_SERVICE); ");
	phrase__add(&p, "or ");
	phrase__inside(&p, all->estimated ? NULL : &all->facts, proc->tgid);
	phrase__add(&p,
		    "sysctl -w net.ipv4.ip_unprivileged_port_start=%u; or use a port from %" PRIu32
		    " on",
		    port, start);
}

static void privileged_port__on_record(void *state, struct detect *d, const struct record *r)
{
	struct refusals *all = state;
	struct open_finding *o;
	struct netns_ref net;
	struct finding f;

	/* What an LSM refuses was not read by the kernel yet: then the port is not known. */
	if (r->type != RECORD_BIND || r->error != -EACCES || !r->sock || !r->actor ||
	    !r->u.bind->req_known || !r->u.bind->req_port)
		return;
	net = finding__netns(r->sock, r->actor);
	learn_limit(all, d, &net, r->boot_ns);
	if (r->u.bind->req_port >= all->facts.unprivileged_start)
		return;
	finding__begin(&f, &privileged_port, r->boot_ns);
	finding__met_by(&f, r);
	f.call = "bind";
	memcpy(f.sock.laddr, r->u.bind->req_addr, ADDR_LEN);
	f.sock.lport = r->u.bind->req_port;
	f.estimated = all->estimated;
	f.key = subject(&f, &net);
	o = finding_set__of_key(&all->open, f.key);
	if (o && r->boot_ns < o->asked_ns + TELL_AGAIN_NS) {
		finding_set__again(o, d, r->boot_ns);
		return;
	}
	finding__number(&f, "uid", r->actor->uid);
	finding__number(&f, "unprivileged_port_start", all->facts.unprivileged_start);
	finding__text(&f, "capability", "CAP_NET_BIND_SERVICE");
	say(&f, d, all);
	o = finding_set__met(&all->open, d, &f);
	if (o)
		o->asked_ns = r->boot_ns;
}

static void privileged_port__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct refusals *all = state;

	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void privileged_port__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct refusals *all = state;

	finding_set__end(&all->open, d, now_ns);
}

const struct detector privileged_port = {
	.id = "privileged_port",
	.severity = SEVERITY_ERROR,
	.summary =
		"bind() fails with EACCES below ip_unprivileged_port_start: the process lacks CAP_NET_BIND_SERVICE",
	.evidence =
		"call: bind; error: EACCES; req_addr, req_port: what was asked for; uid: real user id of the process; "
		"unprivileged_port_start: the sysctl of its namespace, the first port that needs no capability; "
		"capability: what is missing; "
		"estimated: the namespace could not be asked, the default of 1024 stands in",
	.state_size = sizeof(struct refusals),
	.on_record = privileged_port__on_record,
	.tick = privileged_port__tick,
	.end = privileged_port__end,
};
