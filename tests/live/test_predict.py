# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `socklife ports PORT` says of a bind(), against that bind(): every kind of holder on a port of its own, each port
asked about, then every bind() really tried.
"""
import concurrent.futures
import errno
import itertools
import json
import sys

import live
from live import NOBODY, Held, check, equal, netns, netns_inode
from test_ports import ports

FAMILIES = ("ipv4", "ipv6", "v6only")
ADDRESSES = ("wildcard", "specific", "other", "mapped")
OPTIONS = ("none", "reuseaddr", "reuseport", "reuseaddr+reuseport")
STATES = ("bound", "listening", "connected")
UIDS = (0, NOBODY)    # of the holder; who asks and who tries are root
ADDRESS = {("ipv4", "wildcard"): "0.0.0.0", ("ipv4", "specific"): "127.0.0.1", ("ipv4", "other"): "127.0.0.2",
           ("ipv6", "wildcard"): "::", ("ipv6", "specific"): "::1", ("ipv6", "other"): "2001:db8::2"}
MAPPED = "::ffff:127.0.0.1"
SERVERS = ("2001:db8::8",)    # of the trigger; those of IPv4 are within 127.0.0.0/8
FIRST_PORT = 2000
TRIES = [("ipv4", "0.0.0.0"), ("ipv4", "127.0.0.1"), ("ipv4", "127.0.0.2"), ("ipv6", "::"), ("ipv6", "::1"),
         ("ipv6", "2001:db8::2"), ("ipv6", "::ffff:127.0.0.1"), ("v6only", "::"), ("v6only", "::1"),
         ("v6only", "2001:db8::2")]    # as in predict_product.c
SETS = ([], ["reuseaddr"], ["reuseport"], ["reuseaddr", "reuseport"])
SHOWN = 30


def holders():
    for proto, states in (("tcp", STATES), ("udp", ("bound",))):
        for family, address, options, state, uid in itertools.product(FAMILIES, ADDRESSES, OPTIONS, states, UIDS):
            if address == "mapped":
                text = MAPPED
            else:
                text = ADDRESS[("ipv4" if family == "ipv4" else "ipv6", address)]
            if address == "mapped" and family != "ipv6":
                continue    # the kernel takes no such socket
            yield proto, uid, family, text, options, state


def find(predictions, proto, family, address, options):
    """What was said of this bind(): by its address, or by any other one."""
    mapped = address.startswith("::ffff:")
    options = sorted(options + (["v6only"] if family == "v6only" else []))
    of_set = [p for p in predictions if p["proto"] == proto and sorted(p["options"]) == options and
              p["family"] == ("ipv4" if family == "ipv4" else "ipv6")]
    named = [p for p in of_set if p.get("laddr") == (address[7:] if mapped else address) and
             p.get("mapped", False) == mapped]
    return named or ([] if mapped else [p for p in of_set if p.get("other")])


def judge(plan, facts, port, predictions):
    proto = plan[0]
    errors = [int(e) for e in str(facts["t%d" % port]).split(",")]
    lines = []
    compared = 0
    for (family, address), (options, error) in zip(
            [t for t in TRIES for _ in SETS], zip(list(SETS) * len(TRIES), errors)):
        said = find(predictions, proto, family, address, options)
        if not said and address == MAPPED:
            continue    # told only where somebody has it so
        if len(said) != 1:
            lines.append("%d predictions for %s %s %s" % (len(said), family, address, options))
            continue
        compared += 1
        kernel = errno.errorcode[error] if error else "succeed"
        if said[0]["would"] != kernel or said[0].get("estimated"):
            told = {key: said[0].get(key) for key in ("laddr", "other", "would", "rule", "estimated")}
            lines.append("%s %s %s: the kernel says %s, ports %s" % (family, address, options, kernel, json.dumps(told)))
        elif (said[0]["holders_total"], "rule" in said[0]) != (1 if error else 0, bool(error)):
            lines.append("%s %s %s: %s" % (family, address, options, json.dumps(said[0])))
    return ["%s holds: %s" % (" ".join(map(str, plan)), line) for line in lines], compared


def test_product():
    live.need("ip", "nsenter")
    plans = list(holders())
    with netns(net__ipv4__ip_local_port_range="60000 65000") as where:
        for address in (ADDRESS[("ipv6", "other")], *SERVERS):
            live.sh("ip", "-n", where, "addr", "add", address + "/128", "dev", "lo", "nodad")
        path = live.new_path(".plan")
        with open(path, "w") as f:
            for port, plan in enumerate(plans, FIRST_PORT):
                f.write("%d %s\n" % (port, " ".join(map(str, plan))))
        with Held(path, name="predict_product", where=where) as held:
            for port, plan in enumerate(plans, FIRST_PORT):
                equal(held.facts["h%d" % port], 0, "bind of the holder %s" % (plan,))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                told = list(pool.map(lambda port: ports(port, where=where)["prediction"],
                                     range(FIRST_PORT, FIRST_PORT + len(plans))))
            held.line("tried")
            facts = held.facts
        wrong, compared = [], 0
        inode = netns_inode(where)
        for port, plan in enumerate(plans, FIRST_PORT):
            predictions = [p for p in told[port - FIRST_PORT] if p["netns"] == inode]
            equal({p["lport"] for p in predictions}, {port}, "port")
            equal({p["uid"] for p in predictions}, {0}, "uid")
            lines, n = judge(plan, facts, port, predictions)
            wrong += lines
            compared += n
    print("   %d kinds of holders, %d predictions compared with a bind()" % (len(plans), compared), file=sys.stderr,
          flush=True)
    check(not wrong, "%d of %d predictions are wrong:\n%s", len(wrong), compared, "\n".join(wrong[:SHOWN]))


test_product.limit = 180
