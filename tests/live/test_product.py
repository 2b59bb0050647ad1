# SPDX-License-Identifier: GPL-2.0-or-later
"""
port_conflict against the kernel itself: every combination of two sockets on one port. The kernel decides, and there is
a finding exactly when it says EADDRINUSE, naming the socket that this test opened, and no other one on that port.
"""
import collections
import errno
import itertools
import json
import random
import sys

import live
from live import ABSENT, NOBODY, PRESENT, check, differs, equal, has_options, netns, trigger

FAMILIES = ("ipv4", "ipv6", "v6only")
ADDRESSES = ("wildcard", "specific", "other", "mapped")
OPTIONS = ("none", "reuseaddr", "reuseport", "reuseaddr+reuseport")
UIDS = (0, NOBODY)    # of the holder; the newcomer's is 0

ADDRESS = {("ipv4", "wildcard"): "0.0.0.0", ("ipv4", "specific"): "127.0.0.1", ("ipv4", "other"): "127.0.0.2",
           ("ipv4", "mapped"): "::ffff:127.0.0.1"}
ADDRESS6 = {"wildcard": "::", "specific": "::1", "other": "2001:db8::2", "mapped": "::ffff:127.0.0.1"}
ADDRESS.update({(family, kind): address for family in ("ipv6", "v6only") for kind, address in ADDRESS6.items()})
LOCAL = ("2001:db8::2", "2001:db8::8", "2001:db8::9", "2001:db8::10")    # the trigger connects to the last three
# What the kernel takes from nobody. They are walked like the others: nothing conflicts with them.
REFUSED = {("ipv4", "mapped"): errno.EAFNOSUPPORT, ("v6only", "mapped"): errno.EINVAL}

FIRST_PORT = 2000    # each combination of a trace has a port of its own, and so is a subject of its own
STATE = {("tcp", "bound"): "CLOSE", ("tcp", "listening"): "LISTEN", ("tcp", "connected"): "ESTABLISHED",
         ("udp", "bound"): "CLOSE", ("udp", "connected"): "ESTABLISHED"}
CONFLICTS = 1000    # of one trace, about: it has a time limit, which a busy machine is to keep as well
SHOWN = 40          # mismatches told in full

Side = collections.namedtuple("Side", "family address options state")
Taken = collections.namedtuple("Taken", "sock bound next")    # what the trigger tells of one side


class Combination(collections.namedtuple("Combination", "proto uid order holder newcomer bystander")):
    """One line of the trigger's plan; `order` says when the newcomer binds, see there."""

    def __str__(self):
        sides = ["%s %s %s %s" % (s.family, ADDRESS[s.family, s.address], s.options, s.state)
                 for s in (self.holder, self.newcomer, self.bystander) if s]
        return " ".join([self.proto, str(self.uid), self.order, *sides])

    def refused(self):
        return any((side.family, side.address) in REFUSED for side in (self.holder, self.newcomer))


def sides(states):
    return [Side(*each) for each in itertools.product(FAMILIES, ADDRESSES, OPTIONS, states)]


def product(proto, states):
    for uid, holder, newcomer in itertools.product(UIDS, sides(states), sides(states)):
        yield Combination(proto, uid, "after", holder, newcomer, None)
        # listen() is refused only where somebody began to listen after its bind() had passed
        if newcomer.state == "listening" and holder.state != "bound":
            yield Combination(proto, uid, "between", holder, newcomer, None)


def with_bystanders(proto, states, in_use):
    """
    Each conflict again, with a third socket on the port which the kernel lets be there beside the holder, and which
    alone would not be in the newcomer's way. in_use: was (uid, holder, newcomer) a conflict to the kernel?
    """
    chance = random.Random(1)
    for uid, holder, newcomer in itertools.product(UIDS, sides(states), sides(["bound"])):
        if not in_use[uid, holder, newcomer]:
            continue
        # bystander and holder are of one process
        others = [s for s in sides(states) if (s.family, s.address) not in REFUSED and
                  not in_use[0, holder, s] and not in_use[uid, s, newcomer]]
        if others:
            yield Combination(proto, uid, "after", holder, newcomer, chance.choice(others))


def options(side):
    """As a bound socket has them: __inet6_bind sets v6only with an address that has no IPv4 in it."""
    v6only = side.family == "v6only" or side.family == "ipv6" and side.address in ("specific", "other")
    return [o for o in side.options.split("+") if o != "none"] + ["v6only"] * v6only


def name(error):
    return errno.errorcode[error] if error else None


def unexpected(side, taken, is_newcomer, goes_on=True):
    """What a side's calls should not give. They give success, what nobody gets, and the newcomer EADDRINUSE."""
    refusal = REFUSED.get((side.family, side.address))
    in_use = (errno.EADDRINUSE,) if is_newcomer else ()
    if taken.bound not in ((refusal,) if refusal else (0, *in_use)):
        return ["bind() gave %s" % name(taken.bound)]
    if taken.bound or side.state == "bound" or not goes_on:
        return [] if taken.next == -1 else ["a call after bind()"]
    if taken.next not in ((0, *in_use) if side.state == "listening" else (0,)):
        return ["not %s: %s" % (side.state, name(taken.next))]
    return []


class Part:
    """One trace and what came of it."""

    def __init__(self, combinations, where):
        plan = live.new_path(".plan")
        with open(plan, "w") as f:
            for port, combination in enumerate(combinations, FIRST_PORT):
                f.write("%d %s\n" % (port, combination))
        # with every record the output would be five times as long
        self.run = trigger("bind_product", plan, where=where, options=("--event", "bind,listen,finding"), whole=False,
                           text=False)
        self.calls, self.opened = collections.defaultdict(list), collections.defaultdict(list)
        for record in self.run.of("bind", "listen"):
            self.calls[record["sock"]].append((record["type"], record.get("error")))
        for record in self.run.findings("port_conflict"):
            if record["status"] == "open":
                self.opened[record["sock"]].append(record)
        self.wrong, self.conflicts, self.in_use = [], collections.Counter(), {}
        known = set()
        for port, combination in enumerate(combinations, FIRST_PORT):
            lines = self.judge(port, combination)
            known.add(self.taken("n", port).sock)
            if lines:
                self.wrong.append("%s (port %d): %s" % (combination, port, "; ".join(lines)))
        equal(set(self.opened) - known, set(), "findings of sockets that are no newcomers")
        equal(len(known), len(combinations), "newcomers")

    def taken(self, who, port):
        sock, bound, after = self.run.facts["%s%d" % (who, port)].split(",")
        return Taken(sock, int(bound), int(after))

    def judge(self, port, c):
        """What is wrong in one combination, as lines."""
        held, got = self.taken("h", port), self.taken("n", port)
        refused = [call for call, error in (("bind", got.bound), ("listen", got.next)) if error == errno.EADDRINUSE]
        found = self.opened[got.sock]
        goes_on = c.order == "after" or not got.bound
        self.conflicts.update(refused)
        if c.order == "after":
            self.in_use[c.uid, c.holder, c.newcomer] = bool(refused)
        lines = ["holder: " + line for line in unexpected(c.holder, held, False, goes_on)]
        lines += ["newcomer: " + line for line in unexpected(c.newcomer, got, True)]
        if c.bystander:
            lines += ["bystander: " + line for line in unexpected(c.bystander, self.taken("b", port), False)]
        calls = [("bind", name(got.bound))]
        if c.newcomer.state == "listening" and got.next >= 0:
            calls.append(("listen", name(got.next)))
        if self.calls[got.sock] != calls:
            lines.append("the kernel did %r, the records say %r" % (calls, self.calls[got.sock]))
        if len(found) != len(refused):
            return lines + ["EADDRINUSE from %s, but findings: %s" % (refused or "no call", json.dumps(found))]
        for finding in found:
            lines += differs({"rule": PRESENT, "pid": self.run.facts["newcomer_pid"], "uid": 0, "proto": c.proto,
                              "evidence": {"call": refused[0], "count": 1, "holders_total": 1, "req_port": port}},
                             finding)
            state = c.holder.state if held.next == 0 else "bound"
            holder = {"sock": held.sock, "pid": self.run.facts["holder-%s_pid" % ("other" if c.uid else "same")],
                      "uid": c.uid, "lport": port, "state": STATE[c.proto, state],
                      "family": "ipv4" if c.holder.family == "ipv4" else "ipv6",
                      "mapped": True if c.holder.address == "mapped" else ABSENT,
                      "options": has_options(*options(c.holder))}
            if len(finding["holders"]) != 1:
                lines.append("not one holder: %s" % json.dumps(finding["holders"]))
            else:
                lines += differs(holder, finding["holders"][0], "holder")
        return lines


class Walk:
    """Combinations in as many traces as they need."""

    def __init__(self, proto, what, combinations, lines, where):
        self.estimated = 0
        self.in_use, self.conflicts, self.wrong = {}, collections.Counter(), []
        combinations = list(combinations)
        self.total = len(combinations)
        for at in range(0, self.total, lines):
            part = Part(combinations[at:at + lines], where)
            self.in_use.update(part.in_use)
            self.conflicts += part.conflicts
            self.wrong += part.wrong
            self.estimated += sum(f["evidence"].get("estimated", False) for f in itertools.chain(*part.opened.values()))
            live.forget_tmp()
        # The runner keeps stderr, also of a test that passes.
        print("   %s, %s: %d combinations (%d with an address that the kernel takes from nobody), %d refused by "
              "bind(), %d by listen(), %d findings estimated, %d wrong" %
              (proto, what, self.total, sum(c.refused() for c in combinations), self.conflicts["bind"],
               self.conflicts["listen"], self.estimated, len(self.wrong)), file=sys.stderr, flush=True)
        check(not self.wrong, "%d of %d combinations are wrong:\n%s", len(self.wrong), self.total,
              "\n".join(self.wrong[:SHOWN]))


def walk(proto, states):
    live.need("ip")
    with netns(net__ipv4__ip_local_port_range="60000 65000") as where:
        for address in LOCAL:
            live.sh("ip", "-n", where, "addr", "add", address + "/128", "dev", "lo", "nodad")
        pairs = Walk(proto, "two sockets", product(proto, states), 2 * CONFLICTS, where)
        threes = Walk(proto, "and a bystander", with_bystanders(proto, states, pairs.in_use), CONFLICTS, where)
    # Not all: the kernel is content with a socket that shares its SO_REUSEPORT, and asks no further: for UDP in
    # udp_lib_lport_inuse, for TCP where the bucket of the port remembers one (sk_reuseport_match).
    check(threes.conflicts["bind"] > threes.total * 9 // 10, "%d conflicts with a bystander", threes.conflicts["bind"])
    return pairs


def test_tcp():
    pairs = walk("tcp", ("bound", "listening", "connected"))
    side = len(FAMILIES) * len(ADDRESSES) * len(OPTIONS)
    equal(pairs.total, len(UIDS) * side ** 2 * (3 * 3 + 2), "combinations")
    check(pairs.conflicts["bind"] and pairs.conflicts["listen"], "no conflicts: %r", pairs.conflicts)


def test_udp():
    """UDP has no listen(), and a connection is only a remote address."""
    pairs = walk("udp", ("bound", "connected"))
    side = len(FAMILIES) * len(ADDRESSES) * len(OPTIONS)
    equal(pairs.total, len(UIDS) * side ** 2 * (2 * 2), "combinations")
    check(pairs.conflicts["bind"], "no conflicts")


test_tcp.limit = test_udp.limit = 600    # a minute where nothing else runs
