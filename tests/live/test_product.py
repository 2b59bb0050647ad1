# SPDX-License-Identifier: GPL-2.0-or-later
"""
port_conflict against the kernel itself: every combination of two sockets on one port. The kernel decides, and there is
a finding exactly when it says EADDRINUSE, naming the socket that this test opened.
"""
import collections
import errno
import itertools
import json
import sys

import live
from live import NOBODY, check, equal, netns, trigger

FAMILIES = ("ipv4", "ipv6", "v6only")
ADDRESSES = ("wildcard", "specific", "other", "mapped")
OPTIONS = ("none", "reuseaddr", "reuseport", "reuseaddr+reuseport")
STATES = ("bound", "listening", "connected")
UIDS = (0, NOBODY)    # of the holder; the newcomer's is 0

ADDRESS = {("ipv4", "wildcard"): "0.0.0.0", ("ipv4", "specific"): "127.0.0.1", ("ipv4", "other"): "127.0.0.2",
           ("ipv6", "wildcard"): "::", ("ipv6", "specific"): "::1", ("ipv6", "other"): "2001:db8::2"}
MAPPED = "::ffff:127.0.0.1"
REFUSED = {("ipv4", "mapped"): errno.EAFNOSUPPORT, ("v6only", "mapped"): errno.EINVAL}
SERVERS = ("2001:db8::8", "2001:db8::9")    # of the trigger; those of IPv4 are within 127.0.0.0/8

FIRST_PORT = 2000
STATE_NAMES = {"bound": "CLOSE", "listening": "LISTEN", "connected": "ESTABLISHED"}
SHOWN = 40    # mismatches told in full

Side = collections.namedtuple("Side", "family address options state")


def sides(families, states):
    return [Side(*each) for each in itertools.product(families, ADDRESSES, OPTIONS, states)]


def word(side):
    """As the trigger reads it."""
    family = "v6only" if side.family == "v6only" else side.family
    address = MAPPED if side.address == "mapped" else ADDRESS[("ipv4" if family == "ipv4" else "ipv6", side.address)]
    return "%s %s %s %s" % (family, address, side.options, side.state)


def refusal(side):
    """Why the kernel takes no such socket, whoever else is there."""
    return REFUSED.get((side.family, side.address), 0)


def numbers(text):
    return [int(n) for n in text.split(",")]


def judge(proto, uid, holder, newcomer, facts, port, opened, binds):
    """What is wrong in one combination, as lines, and whether the kernel saw a conflict."""
    lines = []
    held, held_error = numbers(facts["h%d" % port])
    sock, bound, after = numbers(facts["n%d" % port])
    calls = [call for call, error in (("bind", bound), ("listen", after)) if error == errno.EADDRINUSE]
    found = opened.get(str(sock), [])

    if held_error != refusal(holder):
        lines.append("the holder's bind: %s" % errno.errorcode.get(held_error, held_error))
    if bound != (refusal(newcomer) or bound) or (bound and bound != refusal(newcomer) and bound != errno.EADDRINUSE):
        lines.append("the newcomer's bind: %s" % errno.errorcode.get(bound, bound))
    if after > 0 and not (after == errno.EADDRINUSE and newcomer.state == "listening"):
        lines.append("the newcomer's %s: %s" % (newcomer.state, errno.errorcode[after]))
    told = [r.get("error") for r in binds.get(str(sock), [])]
    kernel = [errno.errorcode[bound] if bound else None]
    if after >= 0 and newcomer.state == "listening":
        kernel.append(errno.errorcode[after] if after else None)
    if told != kernel:
        lines.append("errors of the records %r, of the kernel %r" % (told, kernel))
    if len(found) != len(calls):
        lines.append("the kernel says EADDRINUSE %d times, socklife %d: %s" % (len(calls), len(found),
                                                                              json.dumps(found)))
    for finding in found[:1] if calls else []:
        want = {"evidence": {"call": calls[0], "count": 1, "holders_total": 1, "req_port": port},
                "rule": live.PRESENT}
        lines += live.differs(want, finding)
        want = {"sock": str(held), "uid": uid, "pid": facts["holder-%s_pid" % ("other" if uid else "same")],
                "proto": live.ABSENT, "state": "CLOSE" if proto == "udp" else STATE_NAMES[holder.state],
                "lport": port}
        if len(finding["holders"]) != 1:
            lines.append("%d holders: %s" % (len(finding["holders"]), json.dumps(finding["holders"])))
        else:
            lines += live.differs(want, finding["holders"][0], "holder")
    return lines, bool(calls)


def run_part(proto, uid, combinations, where):
    """One trace; returns its mismatches and how many conflicts and estimated findings it had."""
    plan = live.new_path(".plan")
    with open(plan, "w") as f:
        for port, (holder, newcomer) in enumerate(combinations, FIRST_PORT):
            f.write("%d %s %d %s %s\n" % (port, proto, uid, word(holder), word(newcomer)))
    # every record there is would be a hundred thousand lines
    run = trigger("bind_product", plan, where=where, options=("--event", "bind,listen,finding"), whole=False,
                  text=False)
    opened, binds = collections.defaultdict(list), collections.defaultdict(list)
    for record in run.findings("port_conflict"):
        if record["status"] == "open":
            opened[record["sock"]].append(record)
    for record in run.of("bind", "listen"):
        binds[record["sock"]].append(record)
    wrong, conflicts = [], 0
    for port, (holder, newcomer) in enumerate(combinations, FIRST_PORT):
        lines, conflict = judge(proto, uid, holder, newcomer, run.facts, port, opened, binds)
        conflicts += conflict
        if lines:
            wrong.append("%s, uid %d, %s, wanted by %s: %s" % (proto, uid, word(holder), word(newcomer),
                                                              "; ".join(lines)))
    equal(len(run.findings("port_conflict")), 2 * sum(map(len, opened.values())), "findings, opened and closed")
    return wrong, conflicts, sum(1 for f in opened.values() if f[0]["evidence"].get("estimated"))


def product(proto, states, parts):
    """All combinations, in traces of which each has one family and one user of the holder."""
    live.need("ip")
    total = taken = conflicts = estimated = 0
    wrong = []
    with netns(net__ipv4__ip_local_port_range="60000 65000") as where:
        for address in (ADDRESS[("ipv6", "other")], *SERVERS):
            live.sh("ip", "-n", where, "addr", "add", address + "/128", "dev", "lo", "nodad")
        for family, uid in parts:
            combinations = list(itertools.product(sides([family], states), sides(FAMILIES, states)))
            part_wrong, part_conflicts, part_estimated = run_part(proto, uid, combinations, where)
            total += len(combinations)
            taken += sum(1 for pair in combinations if not any(map(refusal, pair)))
            conflicts += part_conflicts
            estimated += part_estimated
            wrong += part_wrong
            live.forget_tmp()
    side = len(FAMILIES) * len(ADDRESSES) * len(OPTIONS) * len(states)
    equal(total, side * side * len(UIDS), "combinations")
    # stdout is kept from the results
    print("   %s: %d combinations of holder and newcomer, of which %d have two sockets that the kernel takes; "
          "%d conflicts, %d findings estimated" % (proto, total, taken, conflicts, estimated), file=sys.stderr, flush=True)
    check(not wrong, "%d of %d combinations are wrong:\n%s", len(wrong), total, "\n".join(wrong[:SHOWN]))


def test_tcp():
    product("tcp", STATES, list(itertools.product(FAMILIES, UIDS)))


def test_udp():
    product("udp", ("bound",), list(itertools.product(FAMILIES, UIDS)))


test_tcp.limit = 300
