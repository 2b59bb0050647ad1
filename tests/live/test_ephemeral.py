# SPDX-License-Identifier: GPL-2.0-or-later
"""ephemeral_exhausted and ephemeral_pressure: no free port, and few left, compared with what ss and the sysctls say."""
import contextlib
import json
import os
import subprocess
import time

import live
from live import ABSENT, at_least, between, check, differs, equal, wait_for

IDS = ("ephemeral_exhausted", "ephemeral_pressure")
LOW, HIGH = 40000, 40099
SERVER = 7000    # ports_fill's, and one more


class Filler(live.Held):
    """ports_fill in a namespace, holding what it has."""

    def __init__(self, where, *args, seconds=15):
        self.path, self.seconds = live.new_path(".facts"), seconds
        self.process = subprocess.Popen(live.in_netns(where, live.program("ports_fill"), *map(str, args), "hold"),
                                        stdin=subprocess.PIPE, env=dict(os.environ, TRIGGER_FACTS=self.path),
                                        preexec_fn=live.die_with_parent)
        self.facts = wait_for(lambda: live.read_facts(self.path) if "ready" in live.read_facts(self.path) else None,
                              "ready", seconds)


def few_ports(low=LOW, high=HIGH, **sysctls):
    """
    A namespace of 100 ports. No reset ends a TIME_WAIT there (tcp_rfc1337): one connection in some hundred has its last
    ACK a second time, which the listener, where the connection is gone, resets.
    """
    settings = {"ip_local_port_range": "%d %d" % (low, high), "tcp_tw_reuse": 0, "tcp_rfc1337": 1, **sysctls}
    return live.netns(**{"net__ipv4__" + key: value for key, value in settings.items()})


@contextlib.contextmanager
def traced(*ports, **sysctls):
    """(tracer, namespace): few_ports(), and only it is traced."""
    with few_ports(*ports, **sysctls) as where, \
            live.Tracer("--netns", "/run/netns/" + where, "--event", "finding") as tracer:
        yield tracer, where


def findings(tracer, name=None, status=None, where=None):
    """What was said until now of these ends."""
    with open(tracer.path, "rb") as f:
        records = [json.loads(line) for line in f.read().split(b"\n")[:-1]]
    return [r for r in records if r["type"] == "finding" and r["finding"] in ((name,) if name else IDS)
            and status in (None, r["status"])
            and (not where or all(r["evidence"].get(key) == value for key, value in where.items()))]


def ss(where, *args):
    """(local port, state) of what ss lists."""
    lines = live.sh("ip", "netns", "exec", where, "ss", "-anH", *args).stdout.splitlines()
    return [(int(line.split()[3].rsplit(":", 1)[1]), line.split()[0]) for line in lines]


def counted(where, *args):
    """Ports of the range by what ss says of them: {live, time_wait}."""
    ports = {}
    for port, state in ss(where, *args):
        if LOW <= port <= HIGH:
            ports.setdefault("time_wait" if state == "TIME-WAIT" else "live", set()).add(port)
    return {name: len(ports.get(name, ())) for name in ("live", "time_wait")}


def from_here(proto, laddr):
    return ("-" + proto[0], *(() if laddr == "0.0.0.0" else ("src", laddr)))


def to_server(ip="127.0.0.1"):
    return ("-t", "dst", "[%s]:%d" % (ip, SERVER) if ":" in ip else "%s:%d" % (ip, SERVER))


def expect(tracer, name, evidence, status="open", **fields):
    """Waits for the finding, and compares."""
    ends = {key: evidence[key] for key in ("laddr", "raddr") if isinstance(evidence.get(key), str)}
    found = wait_for(lambda: findings(tracer, name, status, ends), "%s %s of %s" % (name, status, ends))[-1]
    severity = "error" if name == "ephemeral_exhausted" else "warning"
    lines = differs({"severity": severity, "rule": ABSENT, "holders": [], "evidence": evidence, **fields}, found)
    check(not lines, "%s\n%s", "\n".join(lines), json.dumps(found))
    return found


def told_process(found, filler, **counts):
    process = found["evidence"]["processes"][0]
    lines = differs({"pid": filler.facts["filler_pid"], "comm": "filler", "uid": 0, **counts}, process)
    check(not lines, "%s in %r", lines, process)
    check("filler (pid %d)" % process["pid"] in found["message"] + found["advice"], "nobody is named: %r", found)


def exhausted(traced_in, cure, then, what, *options, n=100, ip="127.0.0.1", asked=None, proto="tcp", error=None,
              call=None, evidence=None, counts=None):
    """N ports filled with `what`, then one more: the finding, whose numbers are those of ss."""
    tracer, where = traced_in
    connect = then == "connect"
    with Filler(where, what, n, then, "ip=" + ip, *options) as filler:
        wanted = {"call": call or then, "error": error or ("EADDRNOTAVAIL" if connect else "EADDRINUSE"),
                  "count": 1, "range": "%d-%d" % (LOW, HIGH), "reserved": 0, "capacity": n, "used": n, "percent": 100,
                  "bound": 0, "cure": cure, "estimated": ABSENT}
        if connect:
            wanted.update(raddr=ip, rport=SERVER, rate=at_least(1), laddr=ip if ":" in ip else "127.0.0.1")
        else:
            wanted.update(laddr=asked or ip, req_addr=ABSENT, req_port=ABSENT, holders_total=ABSENT)
        wanted.update(counted(where, *(to_server(ip) if connect else from_here(proto, asked or ip))))
        wanted.update(evidence or {})
        equal(wanted["live"] + wanted["time_wait"] + wanted["bound"], n, "ports that ss knows")
        found = expect(tracer, "ephemeral_exhausted", wanted, proto=proto, pid=filler.facts["filler_pid"],
                       sock=str(filler.facts["wanted"]))
        told_process(found, filler, **(counts or {}))
        return found


def says(found, key, text):
    check(text in found[key], "%r is not in the %s: %r", text, key, found[key])


# --- exhausted ---

def test_connect():
    """Each address has its own ports."""
    with traced() as here:
        found = exhausted(here, "pool", "connect", "time-wait", counts={"live": 0, "bound": 0, "opened": 100},
                          evidence={"tw_reuse": 0, "reusable": 0})
        says(found, "message", "all 100 ports of 40000-40099 are in use: 100 in TIME_WAIT")
        says(found, "advice", "sysctl -w net.ipv4.tcp_tw_reuse=1")
        found = exhausted(here, "widen", "connect", "live", ip="127.0.0.2", counts={"live": 100, "opened": 100})
        says(found, "advice", 'ip_local_port_range="1024 65535" gives 64512 ports instead of 100')
        exhausted(here, "widen", "connect", "live", ip="::1", counts={"live": 100, "opened": 100})


def test_capacity():
    """Reserved ports, and the socket's own range."""
    with traced(ip_local_reserved_ports="40000-40008,40099") as here:
        exhausted(here, "widen", "connect", "live", n=90, evidence={"reserved": 10})
        found = exhausted(here, "widen", "connect", "live", "range=40010-40029", n=20, ip="127.0.0.2",
                          evidence={"range": "40010-40029", "socket_range": True})
        says(found, "advice", "IP_LOCAL_PORT_RANGE than the 20 ports of 40010-40029")


def test_bind():
    bound = {"live": 0, "time_wait": 0, "bound": 100}    # ss lists none of these
    with traced() as here:
        exhausted(here, "close", "bind", "bind", evidence=bound, counts={"live": 100, "opened": 0})
        exhausted(here, "widen", "listen", "live", ip="127.0.0.2", asked="0.0.0.0", counts={"live": 100})


def test_bound_keep_connect_out():
    with traced() as (tracer, where), Filler(where, "bind", 100, "connect") as filler:
        found = expect(tracer, "ephemeral_exhausted", {"bound": 100, "used": 100, "live": 0, "laddr": ABSENT,
                                                       "raddr": "127.0.0.1", "cure": "close", "estimated": ABSENT})
        told_process(found, filler, live=100, opened=0)


def test_bind_before_connect():
    with traced() as here:
        found = exhausted(here, "bind_no_port", "bind", "bind-live", evidence={"bound_first": 100},
                          counts={"live": 100, "bound": 100, "opened": 100})
        says(found, "advice", "IP_BIND_ADDRESS_NO_PORT before bind() in filler")
        found = exhausted(here, "bind_no_port", "bind", "bind-closed", ip="127.0.0.2",
                          counts={"live": 0, "bound": 0, "opened": 100})
        says(found, "advice", "which binds before it connects")


def test_udp():
    with traced() as here:
        for then, error, asked in (("udp-bind", "EADDRINUSE", "127.0.0.1"), ("udp-connect", "EAGAIN", "0.0.0.0")):
            exhausted(here, "close", then, "udp", proto="udp", error=error, call=then[4:], asked=asked,
                      counts={"live": 100, "opened": 0})


def test_udp_send():
    with traced() as here:
        exhausted(here, "close", "udp-send", "udp", proto="udp", error="EAGAIN", call="send", asked="0.0.0.0",
                  counts={"live": 100, "opened": 0})


def test_replays():
    """The answers of the kernel are kept in the capture."""
    with few_ports() as where:
        run = live.trigger("ports_fill", "time-wait", "100", "connect", where=where, text=False)
    equal([r["status"] for r in run.findings("ephemeral_exhausted")], ["open", "closed"], "statuses")


# --- near misses of exhausted ---

def test_other_errors():
    """EADDRNOTAVAIL and EADDRINUSE that have other causes."""
    code = """
import errno, socket
def fails(error, call, *args):
    try: call(*args)
    except OSError as e: assert e.errno == error, e
    else: raise SystemExit("%s fits" % call)
def new(port, reuse=True):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    s.bind(("127.0.0.1", port))
    return s
fails(errno.EADDRNOTAVAIL, socket.socket(socket.AF_INET6).connect, ("::1", 7000))
server = new(7000)
server.listen()
one, two = new(6000), new(6000)
one.connect(("127.0.0.1", 7000))
fails(errno.EADDRNOTAVAIL, two.connect, ("127.0.0.1", 7000))
fails(errno.EADDRNOTAVAIL, socket.socket().bind, ("192.0.2.1", 0))
fails(errno.EADDRINUSE, socket.socket().bind, ("127.0.0.1", 7000))
"""
    with live.netns(net__ipv6__conf__lo__disable_ipv6=1) as where:
        stream, _ = live.traced(live.in_netns(where, "python3", "-c", code))
    records = live.parse(stream)
    equal([r["error"] for r in records if r["type"] == "connect" and "error" in r], ["EADDRNOTAVAIL"] * 2, "errors")
    equal([r["finding"] for r in records if r["type"] == "finding" and r["finding"] in IDS], [], "findings")


# --- pressure ---

def pressure(tracer, where, used, level, status="open", **evidence):
    """The finding, whose numbers are those of ss."""
    wanted = {"laddr": "127.0.0.1", "raddr": "127.0.0.1", "rport": SERVER, "range": "%d-%d" % (LOW, HIGH),
              "reserved": 0, "capacity": 100, "used": used, "percent": used, "level": level, "bound": 0, "call": ABSENT,
              "error": ABSENT, "rate": at_least(1), "estimated": ABSENT, **counted(where, *to_server()), **evidence}
    equal(wanted["live"] + wanted["time_wait"], used, "ports that ss knows")
    found = expect(tracer, "ephemeral_pressure", wanted, status)
    says(found, "message", "to 127.0.0.1:%d from 127.0.0.1 use %d %% of the 100 ports" % (SERVER, used))
    return found


def silent(tracer):
    time.sleep(1.3)    # a tick, and what it looks at
    equal(findings(tracer), [], "findings")


def test_pressure():
    """Silent at 79 %, told at 80 %."""
    with traced() as (tracer, where), Filler(where, "time-wait", 79, "none", "more=1") as filler:
        silent(tracer)
        filler.line("more")
        found = pressure(tracer, where, 80, 80, cure="pool")
        told_process(found, filler, live=0, opened=between(79, 80))    # the kernel may be ahead


def test_tw_reuse():
    """What is in TIME_WAIT for a second uses nothing where tcp_tw_reuse gives it away again."""
    with traced(tcp_tw_reuse=1) as (tracer, where), Filler(where, "time-wait", 70, "none", "more=25") as filler:
        time.sleep(2)
        filler.line("more")
        silent(tracer)


def test_pressure_rises():
    """At 95 % it is told at once, not 10 s later. What goes to another destination is its own matter."""
    with traced() as (tracer, where), Filler(where, "live", 80, "other", "more=15") as filler:
        first = pressure(tracer, where, 80, 80, cure="widen")
        told_process(first, filler, live=80)
        filler.line("more")
        second = pressure(tracer, where, 95, 95, status="update", cure="widen")
        equal(second["key"], first["key"], "key")
        check(live.ns_of(second["ts"]) - live.ns_of(first["ts"]) < 9 * 10**9, "the update waited")
        equal({r["evidence"]["rport"] for r in findings(tracer)}, {SERVER}, "destinations")


def test_pressure_grows():
    """90 ports are left of 100, and 72 are 80 % of them; slowly enough to say how long the others last."""
    with traced(ip_local_reserved_ports="40000-40009") as (tracer, where), \
            Filler(where, "time-wait", 75, "none", "pause=10000"):
        found = expect(tracer, "ephemeral_pressure",
                       {"capacity": 90, "reserved": 10, "used": between(72, 75), "percent": between(80, 83),
                        "level": 80, "rate": between(20, 100), "seconds_left": between(0, 3)})
        says(found, "message", " new ones a second the other ")


def test_default_range():
    """
    The whole way with everybody's 28 232 ports: 80 %, 95 %, none. IP_LOCAL_PORT_RANGE, with the same range, spares the
    kernel to try every second port in vain for each connect() beyond the half.
    """
    with traced(32768, 60999) as (tracer, where), \
            Filler(where, "time-wait", 28232, "connect", "range=32768-60999", "pause=50", seconds=20) as filler:
        found = expect(tracer, "ephemeral_exhausted",
                       {"capacity": 28232, "used": 28232, "time_wait": 28232, "live": 0, "cure": "pool"})
        equal(len(ss(where, *to_server())), 28232, "ports that ss knows")
        told_process(found, filler, opened=28232)
        said = [(r["evidence"]["level"], r["evidence"]["percent"]) for r in findings(tracer, "ephemeral_pressure")
                if r["status"] != "closed"]
        equal([level for level, _ in said], [80, 95], "levels")
        check(80 <= said[0][1] < 95 and 95 <= said[1][1], "percent: %r", said)
