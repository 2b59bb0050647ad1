# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that fail: privileged ports, addresses that are not there, descriptors that are used up, connections."""
import contextlib
import errno
import json
import os
import re
import time

import live
from live import NOBODY, check, differs, equal, netns, sh, trigger


def life(run, name, severity, count, updates=0):
    """One finding, open to closed, with one key; its last record, as it has the final count."""
    found = run.findings(name)
    text = "\n".join(json.dumps(f) for f in found)
    equal([f["status"] for f in found], ["open"] + ["update"] * updates + ["closed"], "status\n%s\n" % text)
    equal({f["key"] for f in found}, {found[0]["key"]}, "keys")
    equal({f["severity"] for f in found}, {severity}, "severity")
    equal(found[-1]["evidence"]["count"], count, "count at the end")
    check(found[0]["message"] and found[0]["advice"], "no message or no advice")
    return found[0]


def evidence(finding, **fields):
    lines = differs(fields, finding["evidence"])
    check(not lines, "evidence: %s in %s", lines, json.dumps(finding))


def sysctl(where, name):
    return int(sh(*live.in_netns(where, "sysctl", "-n", name)).stdout)


# --- bind() ---

def refused_bind(where, address, port, number, *options, count=1):
    return trigger("bind_refused", address, str(port), str(number), *options, where=where, text=count == 2)


def test_privileged():
    """The limit is that of the namespace, whatever the family; two failures are one finding."""
    with netns(net__ipv4__ip_unprivileged_port_start=500) as where:
        for address, options, uid in (("127.0.0.1", ("nobody", "twice"), NOBODY), ("::1", ("nobody", "udp"), NOBODY),
                                      ("0.0.0.0", ("no-capability",), 0)):
            count = 2 if "twice" in options else 1
            run = refused_bind(where, address, 499, errno.EACCES, *options, count=count)
            first = life(run, "privileged_port", "error", count)
            evidence(first, call="bind", error="EACCES", req_addr=address, req_port=499, uid=uid,
                     unprivileged_port_start=sysctl(where, "net.ipv4.ip_unprivileged_port_start"),
                     capability="CAP_NET_BIND_SERVICE", estimated=live.ABSENT)
            equal((first["pid"], first["comm"], first["uid"]), (run.facts["binder_pid"], "binder", uid), "who")
            equal(first["netns"], live.netns_inode(where), "netns")
            for word in ("port 499/", "uid %d" % uid, "below 500", "CAP_NET_BIND_SERVICE"):
                check(word in first["message"], "the message has no %r: %s", word, first["message"])
            check("ip_unprivileged_port_start=499" in first["advice"], "advice: %s", first["advice"])
            equal(len(run.of("finding")), 2, "findings")


def test_privileged_near_misses():
    with netns(net__ipv4__ip_unprivileged_port_start=500) as where:
        refused_bind(where, "127.0.0.1", 500, 0, "nobody").no_findings()
        refused_bind(where, "127.0.0.1", 499, 0).no_findings()
        refused_bind(where, "127.0.0.1", 499, errno.EPERM, "forbidden").no_findings()
        refused_bind(where, "127.0.0.1", 8080, errno.EACCES, "forbidden").no_findings()
    with netns(net__ipv4__ip_unprivileged_port_start=0) as where:
        refused_bind(where, "127.0.0.1", 1, 0, "nobody").no_findings()


def not_local(where, address, cause, *options, port=8099, count=1, **fields):
    run = refused_bind(where, address, port, errno.EADDRNOTAVAIL, *options, count=count)
    first = life(run, "address_not_local", "error", count)
    evidence(first, call="bind", error="EADDRNOTAVAIL", req_addr=address, req_port=port, cause=cause,
             estimated=live.ABSENT, **fields)
    equal((first["pid"], first["comm"]), (run.facts["binder_pid"], "binder"), "who")
    check(address in first["message"] and "no exhaustion" in first["message"], "message: %s", first["message"])
    equal(len(run.of("finding")), 2, "findings")
    return first


def test_address_absent():
    with netns() as where:
        not_local(where, "192.0.2.77", "absent", "twice", count=2, device=live.ABSENT,
                  ip_nonlocal_bind=sysctl(where, "net.ipv4.ip_nonlocal_bind"))
        not_local(where, "192.0.2.77", "absent", "udp", port=0)
        not_local(where, "2001:db8::77", "absent", ip_nonlocal_bind=sysctl(where, "net.ipv6.ip_nonlocal_bind"))


def test_address_loopback_down():
    with netns() as where:
        sh("ip", "-n", where, "link", "set", "lo", "down")
        sh("ip", "-n", where, "addr", "flush", "dev", "lo")    # as in a namespace that is new
        not_local(where, "127.0.0.1", "loopback-down")


def test_address_ipv6_disabled():
    with netns(net__ipv6__conf__all__disable_ipv6=1) as where:
        not_local(where, "::1", "ipv6-disabled")


def test_address_tentative():
    """Duplicate address detection runs as long as the test."""
    with netns(blackhole=True, net__ipv6__conf__v0__dad_transmits=20) as where:
        sh("ip", "-n", where, "addr", "add", "2001:db8::5/64", "dev", "v0")
        listed = sh("ip", "-n", where, "-o", "addr", "show", "dev", "v0").stdout
        check(re.search("2001:db8::5/64 .* tentative", listed), "not tentative: %s", listed)
        first = not_local(where, "2001:db8::5", "tentative", device="v0")
        check("(v0)" in first["message"], "message: %s", first["message"])


def test_address_near_misses():
    with netns() as where:
        refused_bind(where, "192.0.2.77", 8099, 0, "freebind").no_findings()
        refused_bind(where, "2001:db8::77", 8099, 0, "freebind").no_findings()
        refused_bind(where, "127.0.0.9", 8099, 0).no_findings()
        refused_bind(where, "fe80::1", 8099, errno.EINVAL).no_findings()    # no scope
    with netns(net__ipv4__ip_nonlocal_bind=1) as where:
        refused_bind(where, "192.0.2.77", 8099, 0).no_findings()
    with netns(net__ipv4__ip_local_port_range="40000 40001") as where:    # EADDRNOTAVAIL of a connect()
        run = trigger("connect_no_ports", "2", where=where, text=False)
        equal(run.findings("address_not_local") + run.findings("connect_failing"), [], "findings")


# --- descriptors ---

def descriptors(pid):
    """What /proc and ss say of it now."""
    with open("/proc/%d/limits" % pid) as f:
        hard = int(re.search(r"Max open files +\d+ +(\d+)", f.read())[1])
    links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
    states = {}
    for line in sh("ss", "-Htanp").stdout.splitlines():
        if "pid=%d," % pid in line:
            states[line.split()[0]] = states.get(line.split()[0], 0) + 1
    return hard, links, states


def full(what, error, limit=64):
    """The trigger under a tracer, its finding while it lasts, and what /proc and ss say at the same time."""
    with live.Held(what, name="fd_full") as held:
        pid = held.facts["server_pid"]
        with live.Tracer("--comm", "server") as tracer:
            held.line("full")
            first = live.wait_for(lambda: tracer.has(type="finding", finding="fd_exhausted"), "finding")
            hard, links, states = descriptors(pid)
            held.release()
            live.wait_for(lambda: not os.path.exists("/proc/%d" % pid), "end of the trigger")
    equal((first["status"], first["severity"], first["pid"], first["comm"]), ("open", "error", pid, "server"), "who")
    limit = limit or first["evidence"]["fd_limit"]
    evidence(first, error=error, fd_limit=limit, fd_hard_limit=hard, fd_open=len(links), estimated=live.ABSENT,
             tcp_established=states.get("ESTAB", live.ABSENT), tcp_close_wait=states.get("CLOSE-WAIT", live.ABSENT),
             tcp_listen=states.get("LISTEN", live.ABSENT), req_addr=live.ABSENT)
    e = first["evidence"]
    equal(e["tcp"], sum(n for key, n in e.items() if key.startswith("tcp_")), "TCP sockets by state")
    sockets = sum(link.startswith("socket:") for link in links)
    # the socket pair of the trigger and its client is neither TCP nor UDP
    check(sockets - 1 <= e["tcp"] + e["udp"] <= sockets, "%d sockets, told of %d and %d", sockets, e["tcp"], e["udp"])
    equal(e["other"], e["fd_open"] - e["tcp"] - e["udp"], "other descriptors")
    return first, tracer, held


def test_fd_accept():
    """A thousand failures: one finding, one look at the process; the port is told."""
    first, tracer, held = full("accept", "EMFILE")
    equal(first["evidence"]["call"], "accept", "call")
    check("127.0.0.1:%d" % held.facts["listener_lport"] in first["message"], "message: %s", first["message"])
    check("in ESTABLISHED" in first["message"], "message: %s", first["message"])
    check("prlimit --pid %d --nofile=128:128" % first["pid"] in first["advice"], "advice: %s", first["advice"])
    run = live.Run(tracer.records, held.facts)
    life(run, "fd_exhausted", "error", len([r for r in run.of("accept") if r.get("error") == "EMFILE"]))
    check(run.findings("fd_exhausted")[-1]["evidence"]["count"] > 1000, "too few failures")


def test_fd_close_wait():
    first, _, _ = full("close-wait", "EMFILE")
    check("CLOSE_WAIT" in first["message"] and "leak" in first["advice"], "%s", json.dumps(first))


def test_fd_socket():
    first, tracer, _ = full("socket", "EMFILE")
    equal(first["evidence"]["call"], "socket", "call")
    check(first["evidence"]["udp"] > 10 and first["evidence"]["tcp_close"] > 20, "%s", json.dumps(first))
    check("sock" not in first and first["netns"] == live.netns_inode(), "%s", json.dumps(first))
    run = live.Run(tracer.records, {})
    life(run, "fd_exhausted", "error", 2)


def test_fd_files():
    first, _, _ = full("files", "EMFILE")
    check("files, pipes" in first["message"] and "/proc/%d/fd" % first["pid"] in first["advice"], "%s",
          json.dumps(first))


def test_fd_at_start():
    """Its first call: under a trace that was there before, and as the command that is traced."""
    first, _, _ = full("at-start", "EMFILE", limit=None)
    run = trigger("fd_full", "at-start")
    again = life(run, "fd_exhausted", "error", 1)
    evidence(again, fd_limit=first["evidence"]["fd_limit"], fd_hard_limit=128, call="socket", estimated=live.ABSENT)
    equal(again["pid"], run.facts["server_pid"], "pid")


def test_fd_gone():
    """It ends at once: where nobody can be asked any more, the limit stays, and that it is all is told."""
    run = trigger("fd_full", "gone")
    first = life(run, "fd_exhausted", "error", 1)
    e = first["evidence"]
    check(e["fd_limit"] >= 3 and ("fd_open" in e) != e.get("estimated", False), "%s", json.dumps(first))
    equal(first["comm"], "server", "comm")


def test_fd_whole_system():
    first, tracer, held = full("enfile", "ENFILE")
    with open("/proc/sys/fs/file-max") as f:
        limit = int(f.read())
    equal(first["evidence"]["system_limit"], limit, "fs.file-max")
    check(0 < first["evidence"]["system_open"] < limit, "system_open")
    check("fs.file-max %d" % limit in first["message"], "message: %s", first["message"])
    check("sysctl -w fs.file-max=%d" % (2 * limit) in first["advice"], "advice: %s", first["advice"])
    life(live.Run(tracer.records, held.facts), "fd_exhausted", "error", 2)


def test_fd_nearly():
    run = trigger("fd_full", "nearly")
    run.no_findings()


def test_fd_filters():
    """enfile fails in socket() once and in accept() once; only the latter has ends that a filter can match."""
    with live.Held("enfile", name="fd_full") as held, contextlib.ExitStack() as stack:
        pid = str(held.facts["server_pid"])
        wanted = [(2, "-p", pid), (2, "--comm", "server"), (2, "-p", pid, "--uid", "0"),
                  (2, "-p", pid, "--netns", "/proc/self/ns/net"), (1, "-p", pid, "--lport", "1-65535"),
                  (0, "--comm", "client"), (0, "-p", "1"), (0, "--uid", str(NOBODY)),
                  (0, "-p", pid, "--rport", "1-65535")]
        tracers = [(calls, options, stack.enter_context(live.Tracer(*options))) for calls, *options in wanted]
        held.line("full")
        held.release()
        time.sleep(0.3)
    for calls, options, tracer in tracers:
        counts = [r["evidence"]["count"] for r in tracer.records
                  if r["type"] == "finding" and r["status"] == "closed" and r["pid"] == int(pid)]
        equal(counts, [calls] if calls else [], "calls told of with %s" % options)


# --- connect() ---

def failing(where, steps, total, *address, updates=0, **fields):
    run = trigger("connect_failing", steps, *address, where=where, text=len(steps) == 5)
    first = life(run, "connect_failing", "warning", total)
    last = run.findings("connect_failing")[-1]
    kinds = dict.fromkeys(("refused", "unanswered", "unreachable", "abandoned", "local"), 0)
    evidence(last, call="connect", **{**kinds, **fields})
    failures = [r for r in run.of("connect") if r["rport"] == last["evidence"]["rport"] and r["comm"] == "client" and
                (r.get("error") or r.get("abandoned"))]
    equal(first["evidence"]["count"], 5, "count at its opening")
    # what is the fifth of them opens it, at once
    opening = [r for r in failures if r["seq"] < first["seq"]]
    check(len(opening) >= 5, "it stands before its cause")
    equal(last["first"], failures[-total]["ts"], "first")
    equal(last["last"], failures[-1]["ts"], "last")
    equal((first["pid"], first["comm"]), (run.facts["client_pid"], "client"), "who")
    return run, first, last


def test_connect_refused():
    with netns(blackhole=True) as where:
        _, first, last = failing(where, "rrrrrrr", 7, refused=7, errors="ECONNREFUSED 7", raddr="127.0.0.1",
                                 rport=4321, error="ECONNREFUSED", listening=False, recovered=live.ABSENT)
        check("nothing listens on port 4321" in first["message"], "message: %s", first["message"])
        check("7 failures" in last["message"] and "7 refused" in last["message"], "message: %s", last["message"])
        failing(where, "rrrrr", 5, "198.18.0.1", refused=5, raddr="198.18.0.1", listening=False)
        failing(where, "rrrrr", 5, "::1", refused=5, raddr="::1", listening=False)


def test_connect_refused_beside_a_listener():
    with netns() as where:
        _, first, _ = failing(where, "bbbbb", 5, refused=5, listening=False)
        check("listens, at 127.0.0.9:4321" in first["message"], "message: %s", first["message"])
        check("pid %d" % first["pid"] in first["message"], "message: %s", first["message"])


def test_connect_recovers():
    with netns() as where:
        run, _, last = failing(where, "rrrrrrs", 6, refused=6, recovered=True)
        check("again" in last["message"], "message: %s", last["message"])
        success = next(r for r in run.of("connect") if "error" not in r)
        check(success["seq"] < last["seq"] < run.of("stop")[0]["seq"] - 1, "it did not close with the success")


def test_connect_kinds():
    with netns(blackhole=True) as where:
        _, first, _ = failing(where, "uuuuu", 5, unreachable=5, errors="EHOSTUNREACH 5")
        check("ip route get 192.0.2.1" in first["advice"], "advice: %s", first["advice"])
        _, first, _ = failing(where, "aaaaa", 5, abandoned=5, errors="", abandoned_after_ms=live.between(19, 2000))
        check("ms at most" in first["advice"], "advice: %s", first["advice"])
        _, first, _ = failing(where, "eeeee", 5, local=5, errors="EINVAL 5")
        check("EINVAL" in first["advice"], "advice: %s", first["advice"])
        _, first, _ = failing(where, "aaaat", 5, abandoned=4, unanswered=1, errors="ETIMEDOUT 1",
                              error="ETIMEDOUT")
        check("4 abandoned" in first["message"] and "1 unanswered" in first["message"], "%s", first["message"])


def test_connect_near_misses():
    with netns(blackhole=True) as where:
        for steps in ("rrrr", "rrrrsrrrr", "rrrrwwww", "rrrroooo", "ddddddd"):
            trigger("connect_failing", steps, where=where, text=False).no_findings()


def test_connect_other_destination():
    """The success of another program, and another port's failures, change nothing for this one."""
    with netns(blackhole=True) as where:
        failing(where, "rrrwoowrr", 5, refused=5, rport=4321)
