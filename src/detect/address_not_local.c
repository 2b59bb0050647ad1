// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * address_not_local - bind() failed with EADDRNOTAVAIL: the namespace does not have the address that was
 * asked for, or not yet. Ports have nothing to do with it: bind() says EADDRINUSE when there are none.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "addr.h"
#include "finding.h"
#include "finding_set.h"
#include "known.h"
#include "phrase.h"

extern const struct detector address_not_local;

struct not_local {
	struct finding_set open;
};

/* Why the kernel refused it, the most telling first. */
enum cause {
	CAUSE_UNKNOWN, /* the namespace could not be asked */
	CAUSE_LOOPBACK_DOWN,
	CAUSE_IPV6_DISABLED,
	CAUSE_DAD_FAILED,
	CAUSE_TENTATIVE,
	CAUSE_OTHER_DEVICE,
	CAUSE_CAME_LATE,
	CAUSE_ABSENT,
	CAUSES
};

static const struct {
	const char *name;
	const char *why; /* completes "... cannot bind ADDRESS: " */
	const char *advice;
	const char *command; /* behind it, to be run in the namespace */
} causes[CAUSES] = {
	[CAUSE_UNKNOWN] = { .name = "unknown",
			    .why = "its network namespace has no such address",
			    .advice =
				    "bind one of the addresses that `ip addr` lists there, or 0.0.0.0 or ::" },
	[CAUSE_LOOPBACK_DOWN] = { .name = "loopback-down",
				  .why = "the loopback interface of its network namespace is down",
				  .advice = "",
				  .command = "ip link set lo up" },
	[CAUSE_IPV6_DISABLED] = { .name = "ipv6-disabled",
				  .why = "IPv6 is disabled in its network namespace",
				  .advice = "bind an IPv4 address, or ",
				  .command = "sysctl -w net.ipv6.conf.all.disable_ipv6=0 "
					     "net.ipv6.conf.lo.disable_ipv6=0" },
	[CAUSE_DAD_FAILED] = { .name = "dad-failed",
			       .why = "duplicate address detection failed, another host has the address",
			       .advice =
				       "take the address from the other host, then delete it here and add it again" },
	[CAUSE_TENTATIVE] = { .name = "tentative",
			      .why = "the address is still tentative, duplicate address detection is not done",
			      .advice =
				      "start it when the network is up (After=network-online.target in its unit), set "
				      "IPV6_FREEBIND before bind(), or add the address with nodad" },
	[CAUSE_OTHER_DEVICE] = { .name = "other-device",
				 .why = "the address is on another interface than the one that the socket is bound to",
				 .advice =
					 "drop SO_BINDTODEVICE or the scope id, or name the interface that has the address" },
	[CAUSE_CAME_LATE] = { .name = "came-late",
			      .why = "the address was not there yet, now it is",
			      .advice =
				      "start it again, after the network is up (After=network-online.target in its unit), "
				      "or set IP_FREEBIND before bind()" },
	[CAUSE_ABSENT] = { .name = "absent",
			   .why = "no interface of its network namespace has that address" },
};

static enum cause find_cause(const struct ev_sock *s, const struct address_facts *a)
{
	if (addr__is_loopback(s->laddr) && !a->loopback_up)
		return CAUSE_LOOPBACK_DOWN;
	if (!addr__is_mapped(s->laddr) && a->ipv6_disabled && !a->ifindex)
		return CAUSE_IPV6_DISABLED;
	if (!a->ifindex)
		return CAUSE_ABSENT;
	if (a->dad_failed)
		return CAUSE_DAD_FAILED;
	if (a->tentative)
		return CAUSE_TENTATIVE;
	return s->ifindex && s->ifindex != a->ifindex ? CAUSE_OTHER_DEVICE : CAUSE_CAME_LATE;
}

/* `in` NULL: its namespace could not be asked. */
static void advise(struct finding *f, enum cause cause, const struct netns_facts *in)
{
	const uint32_t pid = f->actor.proc.tgid;
	bool ipv4 = addr__is_mapped(f->sock.laddr);
	struct phrase p = phrase__advice(f);

	if (cause != CAUSE_ABSENT) {
		phrase__add(&p, "%s", causes[cause].advice);
		if (causes[cause].command) {
			phrase__inside(&p, in, pid);
			phrase__add(&p, "%s", causes[cause].command);
		}
		return;
	}
	phrase__add(&p, "correct the address in %.*s (`", COMM_LEN, f->actor.proc.comm);
	phrase__inside(&p, in, pid);
	phrase__add(&p, "ip addr` lists those there are), or bind %s", ipv4 ? "0.0.0.0" : "::");
	phrase__add(&p, "; where it comes later (keepalived, DHCP), %s before bind(), or ",
		    ipv4 ? "IP_FREEBIND" : "IPV6_FREEBIND");
	phrase__inside(&p, in, pid);
	phrase__add(&p, "sysctl -w net.%s.ip_nonlocal_bind=1", ipv4 ? "ipv4" : "ipv6");
}

static void say(struct finding *f, enum cause cause, const struct address_facts *a,
		const struct netns_facts *in)
{
	struct phrase p = phrase__message(f);

	phrase__owner(&p, &f->actor.proc);
	phrase__add(&p, " cannot bind ");
	phrase__address(&p, f->sock.laddr, f->sock.lport);
	phrase__add(&p, "/%s: %s", f->sock.proto == IPPROTO_UDP ? "udp" : "tcp", causes[cause].why);
	if (a->device[0])
		phrase__add(&p, " (%s)", a->device);
	phrase__add(&p, "; this is no exhaustion of ports");
	advise(f, cause, in);
}

/* The port is left out: whatever it wants there, it is the address that is missing. */
static uint64_t subject(const struct finding *f, const struct netns_ref *net)
{
	uint64_t key = finding__key_program(finding__key(f, net), &f->actor);

	key = detect__hash(key, f->sock.laddr, ADDR_LEN);
	return detect__hash(key, &f->sock.ifindex, sizeof(f->sock.ifindex));
}

static void learn(struct finding *f, struct detect *d, const struct netns_ref *net)
{
	struct ask_address q = { .net = *net };
	struct address_facts a = { 0 };
	enum cause cause = CAUSE_UNKNOWN;
	struct netns_facts in;

	memcpy(q.addr, f->sock.laddr, ADDR_LEN);
	if (kernel__ask(detect__kernel(d), ASK_ADDRESS, &q, sizeof(q), &a, sizeof(a)) == sizeof(a))
		cause = find_cause(&f->sock, &a);
	else
		f->estimated = true;
	finding__text(f, "cause", "%s", causes[cause].name);
	if (a.device[0])
		finding__text(f, "device", "%s", a.device);
	if (!f->estimated)
		finding__number(f, "ip_nonlocal_bind", a.nonlocal_bind);
	say(f, cause, &a, known__netns(d, net, 0, &in) ? &in : NULL);
}

static void address_not_local__on_record(void *state, struct detect *d, const struct record *r)
{
	struct not_local *all = state;
	struct open_finding *o;
	struct netns_ref net;
	struct finding f;

	if (r->type != RECORD_BIND || r->error != -EADDRNOTAVAIL || !r->sock || !r->actor ||
	    !r->u.bind->req_known)
		return;
	finding__begin(&f, &address_not_local, r->boot_ns);
	finding__met_by(&f, r);
	f.call = "bind";
	memcpy(f.sock.laddr, r->u.bind->req_addr, ADDR_LEN);
	f.sock.lport = r->u.bind->req_port;
	net = finding__netns(r->sock, r->actor);
	f.key = subject(&f, &net);
	o = finding_set__of_key(&all->open, f.key);
	if (o && r->boot_ns < o->asked_ns + FINDING_UPDATE_NS) {
		finding_set__again(o, d, r->boot_ns);
		return;
	}
	learn(&f, d, &net);
	o = finding_set__met(&all->open, d, &f);
	if (o)
		o->asked_ns = r->boot_ns;
}

static void address_not_local__tick(void *state, struct detect *d, uint64_t now_ns)
{
	struct not_local *all = state;

	finding_set__tick(&all->open, d, now_ns, FINDING_QUIET_NS);
}

static void address_not_local__end(void *state, struct detect *d, uint64_t now_ns)
{
	struct not_local *all = state;

	finding_set__end(&all->open, d, now_ns);
}

const struct detector address_not_local = {
	.id = "address_not_local",
	.severity = SEVERITY_ERROR,
	.summary =
		"bind() fails with EADDRNOTAVAIL: its namespace does not have that address; no exhaustion of ports",
	.evidence =
		"call: bind; error: EADDRNOTAVAIL; req_addr, req_port: what was asked for; "
		"cause: absent, came-late, tentative, dad-failed, other-device, ipv6-disabled, loopback-down or unknown; "
		"device: the interface that has the address; "
		"ip_nonlocal_bind: the sysctl of the address's family in its namespace; "
		"estimated: the namespace could not be asked",
	.state_size = sizeof(struct not_local),
	.on_record = address_not_local__on_record,
	.tick = address_not_local__tick,
	.end = address_not_local__end,
};
