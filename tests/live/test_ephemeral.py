# SPDX-License-Identifier: GPL-2.0-or-later
"""ephemeral_exhausted and ephemeral_pressure: no free port, and few left, compared with what ss and the sysctls say."""
import contextlib
import json
import os
import subprocess
import time

import live
from live import ABSENT, at_least, check, differs, equal, one_of, wait_for

IDS = ("ephemeral_exhausted", "ephemeral_pressure")
LOW, HIGH = 40000, 40099
SERVER = 7000    # ports_fill's, and one more


class Filled(live.Held):
    """ports_fill in a namespace of 100 ports, beside a tracer of the whole machine."""

    def __init__(self, where, *args):
        self.path = live.new_path(".facts")
        self.process = subprocess.Popen(live.in_netns(where, live.program("ports_fill"), *map(str, args)),
                                        stdin=subprocess.PIPE, env=dict(os.environ, TRIGGER_FACTS=self.path),
                                        preexec_fn=live.die_with_parent)
        self.facts = self.until("ready")


def findings(tracer, where, name=None, status=None):
    """What was said of this namespace until now."""
    inode = live.netns_inode(where)
    with open(tracer.path, "rb") as f:
        records = [json.loads(line) for line in f.read().split(b"\n")[:-1]]
    return [r for r in records if r["type"] == "finding" and r["finding"] in ((name,) if name else IDS)
            and r["netns"] == inode and (not status or r["status"] == status)]


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


def to_server(ip="127.0.0.1"):
    return ("-t", "dst", "[%s]:%d" % (ip, SERVER) if ":" in ip else "%s:%d" % (ip, SERVER))


@contextlib.contextmanager
def traced(*args, **sysctls):
    """(tracer, namespace, filler), the filler holding what it has."""
    settings = {"net__ipv4__ip_local_port_range": "%d %d" % (LOW, HIGH), "net__ipv4__tcp_tw_reuse": 0}
    settings.update({"net__ipv4__" + key: value for key, value in sysctls.items()})
    with live.netns(**settings) as where, live.Tracer() as tracer, Filled(where, *args, "hold") as filler:
        yield tracer, where, filler


def expect(tracer, where, name, evidence, status="open", **fields):
    """Waits for the finding, and compares."""
    found = wait_for(lambda: findings(tracer, where, name, status), "%s %s" % (name, status))[-1]
    severity = "error" if name == "ephemeral_exhausted" else "warning"
    lines = differs({"severity": severity, "rule": ABSENT, "holders": [], "evidence": evidence, **fields}, found)
    check(not lines, "%s\n%s", "\n".join(lines), json.dumps(found))
    return found


def told_process(found, filler, **counts):
    process = found["evidence"]["processes"][0]
    lines = differs({"pid": filler.facts["filler_pid"], "comm": "filler", "uid": 0, **counts}, process)
    check(not lines, "%s in %r", lines, process)
    check("filler (pid %d)" % process["pid"] in found["message"] + found["advice"], "nobody is named: %r", found)


def exhausted(cure, then, what, *options, n=100, ip="127.0.0.1", proto="tcp", error=None, call=None, listing=None,
              evidence=None, counts=None, **sysctls):
    """N ports filled with `what`, then one more: the finding, whose numbers are those of ss."""
    connect = then == "connect"
    with traced(what, n, then, "ip=" + ip, *options, **sysctls) as (tracer, where, filler):
        wanted = {"call": call or then, "error": error or ("EADDRNOTAVAIL" if connect else "EADDRINUSE"),
                  "count": 1, "range": "%d-%d" % (LOW, HIGH), "reserved": 0, "capacity": n, "used": n, "percent": 100,
                  "bound": 0, "cure": cure, "estimated": ABSENT, "laddr": ip}
        if connect:
            wanted.update(raddr=ip, rport=SERVER, rate=at_least(1))
        wanted.update(counted(where, *(listing or to_server(ip))))
        wanted.update(evidence or {})
        found = expect(tracer, where, "ephemeral_exhausted", wanted, proto=proto, pid=filler.facts["filler_pid"],
                       sock=str(filler.facts["wanted"]))
        equal(wanted["live"] + wanted["time_wait"] + wanted["bound"], n, "ports that ss knows")
        told_process(found, filler, **(counts or {}))
        return found


def silent(*args, **sysctls):
    with traced(*args, **sysctls) as (tracer, where, filler):
        time.sleep(1.3)    # a tick, and what it looks at
        equal(findings(tracer, where), [], "findings")


# --- exhausted ---

def test_time_wait():
    found = exhausted("pool", "connect", "time-wait", counts={"live": 0, "bound": 0, "opened": 100},
                      evidence={"tw_reuse": 0, "reusable": 0})
    check("100 in TIME_WAIT" in found["message"], "message: %r", found["message"])
    check("sysctl -w net.ipv4.tcp_tw_reuse=1" in found["advice"], "advice: %r", found["advice"])


def test_live():
    found = exhausted("widen", "connect", "live", counts={"live": 100, "bound": 0, "opened": 100})
    check('ip_local_port_range="1024 65535" gives 64512 ports instead of 100' in found["advice"], "advice: %r",
          found["advice"])


def test_live_ipv6():
    exhausted("widen", "connect", "live", ip="::1", counts={"live": 100, "opened": 100})


def test_bound():
    exhausted("close", "bind", "bind", listing=("-t", "state", "all"), evidence={"bound": 100, "live": 0},
              counts={"live": 100, "bound": 0, "opened": 0})


def test_bound_keep_connect_out():
    """Sockets that are bound and nothing else: in no listing of ss, and no connect() gets their ports."""
    exhausted("close", "connect", "bind", evidence={"bound": 100, "live": 0, "laddr": ABSENT, "rate": ABSENT},
              counts={"live": 100, "opened": 0})


def test_bind_before_connect():
    found = exhausted("bind_no_port", "bind", "bind-live", listing=("-t",), evidence={"bound_first": 100},
                      counts={"live": 100, "bound": 100, "opened": 100})
    check("IP_BIND_ADDRESS_NO_PORT before bind() in filler" in found["advice"], "advice: %r", found["advice"])


def test_bind_before_connect_closed():
    found = exhausted("bind_no_port", "bind", "bind-closed", listing=("-t",),
                      counts={"live": 0, "bound": 0, "opened": 100})
    check("which binds before it connects" in found["advice"], "advice: %r", found["advice"])


def test_listen():
    exhausted("widen", "listen", "live", listing=("-t",), evidence={"laddr": "0.0.0.0"})


def test_udp():
    for then, error, addr in (("udp-bind", "EADDRINUSE", "127.0.0.1"), ("udp-connect", "EAGAIN", "0.0.0.0"),
                              ("udp-send", "EAGAIN", "0.0.0.0")):
        exhausted("close", then, "udp", proto="udp", error=error, call=then[4:], listing=("-u",),
                  evidence={"laddr": addr}, counts={"live": 100, "opened": 0})


def test_reserved():
    exhausted("widen", "connect", "live", n=90, ip_local_reserved_ports="40000-40008,40099", evidence={"reserved": 10})


def test_socket_range():
    found = exhausted("widen", "connect", "live", "range=40010-40029", n=20,
                      evidence={"range": "40010-40029", "socket_range": True})
    check("IP_LOCAL_PORT_RANGE than the 20 ports of 40010-40029" in found["advice"], "advice: %r", found["advice"])


def test_replays():
    """The answers of the kernel are kept in the capture."""
    with live.netns(net__ipv4__ip_local_port_range="%d %d" % (LOW, HIGH), net__ipv4__tcp_tw_reuse=0) as where:
        run = live.trigger("ports_fill", "time-wait", "100", "connect", where=where, text=False)
    statuses = [r["status"] for r in run.findings("ephemeral_exhausted")]
    equal(statuses, ["open", "closed"], "statuses")


# --- near misses of exhausted ---

def test_another_destination_fits():
    """All ports to one destination are in use, and the other has its own: nothing failed, nothing is said of it."""
    with traced("live", 100, "other") as (tracer, where, filler):
        wait_for(lambda: findings(tracer, where, "ephemeral_pressure"), "ephemeral_pressure")
        time.sleep(1.2)
        equal({(r["finding"], r["evidence"]["rport"]) for r in findings(tracer, where)},
              {("ephemeral_pressure", SERVER)}, "findings")


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

def pressure(tracer, where, filler, used, level, status="open", **evidence):
    found = expect(tracer, where, "ephemeral_pressure",
                   {"laddr": "127.0.0.1", "raddr": "127.0.0.1", "rport": SERVER, "range": "%d-%d" % (LOW, HIGH),
                    "reserved": 0, "capacity": 100, "used": used, "percent": used, "level": level, "bound": 0,
                    "call": ABSENT, "error": ABSENT, "rate": at_least(1), "estimated": ABSENT, **evidence}, status)
    check("127.0.0.1:%d from 127.0.0.1 use %d %% of the 100 ports" % (SERVER, used) in found["message"],
          "message: %r", found["message"])
    return found


def test_pressure():
    """Silent at 79 %; told at 80 %, and at once again at 95 %."""
    with traced("time-wait", 79, "none", "more=1") as (tracer, where, filler):
        time.sleep(1.3)
        equal(findings(tracer, where), [], "findings at 79 %")
        filler.line("more")
        found = pressure(tracer, where, filler, 80, 80, cure="pool", **counted(where, *to_server()))
        told_process(found, filler, live=0, opened=80)


def test_pressure_rises():
    with traced("live", 80, "none", "more=15") as (tracer, where, filler):
        first = pressure(tracer, where, filler, 80, 80, cure="widen", **counted(where, *to_server()))
        told_process(first, filler, live=80)
        filler.line("more")
        second = pressure(tracer, where, filler, 95, 95, status="update", cure="widen", **counted(where, *to_server()))
        equal(second["key"], first["key"], "key")
        check(live.ns_of(second["ts"]) - live.ns_of(first["ts"]) < 9 * 10**9, "the update waited")


def test_pressure_seconds_left():
    """Slowly enough to see it come."""
    with traced("time-wait", 85, "none", "pause=20000") as (tracer, where, filler):
        found = pressure(tracer, where, filler, one_of(80, 81), 80, cure="pool", seconds_left=one_of(0, 1),
                         rate=live.between(20, 50)) if False else \
            expect(tracer, where, "ephemeral_pressure", {"level": 80, "used": live.between(80, 85),
                                                         "rate": live.between(15, 50), "seconds_left": one_of(0, 1)})
        check(" new ones a second the other " in found["message"], "message: %r", found["message"])


def test_pressure_reserved():
    """90 ports are left of 100: 71 are 79 % of them, 72 are 80 %."""
    silent("live", 71, "none", ip_local_reserved_ports="40000-40009")
    with traced("live", 72, "none", ip_local_reserved_ports="40000-40009") as (tracer, where, filler):
        expect(tracer, where, "ephemeral_pressure", {"capacity": 90, "used": 72, "percent": 80, "reserved": 10})


def test_tw_reuse():
    """TIME_WAIT that tcp_tw_reuse gives away again uses nothing."""
    with traced("time-wait", 70, "none", "more=25", tcp_tw_reuse=1) as (tracer, where, filler):
        time.sleep(2.2)    # it may after a second
        filler.line("more")
        time.sleep(1.5)
        equal(findings(tracer, where), [], "findings")


def test_default_range():
    """The whole way with the 28 232 ports of everybody: 80 %, 95 %, none left; another destination is silent."""
    with traced("time-wait", 28232, "connect", ip_local_port_range="32768 60999") as (tracer, where, filler):
        found = expect(tracer, where, "ephemeral_exhausted",
                       {"capacity": 28232, "used": 28232, "time_wait": 28232, "live": 0, "cure": "pool"})
        equal(len(ss(where, *to_server())), 28232, "ports that ss knows")
        told_process(found, filler, opened=28232)
        said = [(r["evidence"]["level"], r["evidence"]["percent"]) for r in
                findings(tracer, where, "ephemeral_pressure") if r["status"] != "closed"]
        equal([level for level, _ in said], [80, 95], "levels")
        check(80 <= said[0][1] < 90 and 95 <= said[1][1], "percent: %r", said)


test_default_range.limit = 120
