# SPDX-License-Identifier: GPL-2.0-or-later
"""bind() and listen(): what was asked, what the kernel gave, who stood in the way."""
import json
import sys

import live
from live import (ABSENT, ANY, NO_OPTIONS, NOBODY, PORT, TIME, accept, bind, check, connect, equal, has_options, listen,
                  trigger)


def test_unused():
    """A socket bound and never used; one that is not even bound leaves no record."""
    run = trigger("bind_unused")
    run.life("bound", {**run.ends("bound"), **run.who("idler"), "raddr": ABSENT, "rport": ABSENT},
             bind(req_addr="127.0.0.1", options=NO_OPTIONS),
             run.close("unused", "idle", "idler", created=TIME, bound=TIME, released=TIME, established=ABSENT,
                       listening=ABSENT))
    run.only("bound")


def test_port_zero():
    run = trigger("bind_port_zero")
    for name, proto, family, addr in (("tcp4", "tcp", "ipv4", "0.0.0.0"), ("udp4", "udp", "ipv4", "127.0.0.1"),
                                      ("tcp6", "tcp", "ipv6", "::1"), ("udp6", "udp", "ipv6", "::")):
        end = ("unused", "idle") if proto == "tcp" else ("closed", "datagram")
        reason, role = live.one_of(end[0], "unused"), live.one_of(end[1], "idle")
        run.life(name, {**run.ends(name), "proto": proto, "family": family, **run.who("binder")},
                 bind(req_addr=addr, req_port=0, lport=PORT), run.close(reason, role, "binder", bound=TIME))
    run.only("tcp4", "udp4", "tcp6", "udp6")


def test_options():
    run = trigger("bind_options")
    for name in ("reuseaddr", "reuseport", "transparent", "freebind"):
        run.life(name, {**run.ends(name), **run.who("binder")},
                 bind(req_addr="127.0.0.1", options=has_options(name)), run.close("unused", "idle", "binder"))
    run.life("v6only", {**run.ends("v6only"), "family": "ipv6", **run.who("binder")},
             bind(req_addr="::1", options=has_options("v6only")), run.close("unused", "idle", "binder"))
    run.life("plain", run.ends("plain"), bind(req_addr="127.0.0.1", options=NO_OPTIONS),
             run.close("unused", "idle", "binder"))
    run.life("device", run.ends("device"), bind(req_addr="127.0.0.1"), run.close("unused", "idle", "binder"))
    record = run.socks[run.id("device")][0]
    options = record.get("options")
    device = record.get("device", options.get("device") if isinstance(options, dict) else options)
    check(device in ("lo", 1, ["device"]) or "lo" in str(device), "device is not told: %r", record)
    run.only("plain", "reuseaddr", "reuseport", "v6only", "transparent", "freebind", "device")


def test_address_no_port():
    run = trigger("bind_no_port")
    run.life("client", {**run.who("client"), "laddr": "127.0.0.2"},
             bind(req_addr="127.0.0.2", req_port=0, lport=ABSENT, raddr=ABSENT, rport=ABSENT,
                  options=has_options("bind_address_no_port")),
             connect(**run.ends("client")),
             run.close("local-close", "client", "client", time_wait=True, **run.ends("client")))
    run.life("child", {**run.ends("child"), **run.who("server")}, accept(run.id("listener")),
             run.close("remote-close", "server", "server"))
    run.listener()
    run.only("client", "child", "listener")


def test_not_local():
    run = trigger("bind_not_local")
    run.life("bound", {**run.who("binder"), "raddr": ABSENT, "lport": ABSENT},
             bind(req_addr="192.0.2.77", req_port=8099, error="EADDRNOTAVAIL"),
             run.close("bind-failed", "idle", "binder", bound=ABSENT))
    run.only("bound")


def test_privileged():
    run = trigger("bind_privileged")
    run.life("bound", {**run.who("binder"), "uid": NOBODY, "lport": ABSENT},
             bind(req_addr="127.0.0.1", req_port=81, error="EACCES"),
             run.close("bind-failed", "idle", "binder", uid=NOBODY, bound=ABSENT))
    run.only("bound")


def test_listen_without_bind():
    run = trigger("listen_no_bind")
    run.life("listener", {**run.ends("listener"), **run.who("server"), "laddr": "0.0.0.0", "lport": PORT},
             listen(3), run.close("closed", "listener", "server", accepted=0, listening=TIME))
    run.only("listener")


def test_listen_again():
    """A second listen() with another backlog is a second record; somaxconn caps it."""
    run = trigger("listen_again")
    run.life("listener", {**run.ends("listener"), **run.who("server")}, bind(req_addr="127.0.0.1"), listen(5),
             listen(10), listen(live.somaxconn()), run.close("closed", "listener", "server", accepted=0))
    run.only("listener")


def conflict(run, rule, holder="holder", holder_who=None, **fields):
    """One finding that names the holder, from its opening right after the failure to its closing."""
    found = run.findings("port_conflict")
    check(found, "no port_conflict")
    equal({r["key"] for r in found}, {found[0]["key"]}, "key")
    equal([r["status"] for r in found], ["open", "closed"], "status")
    first = found[0]
    equal(first["severity"], "error", "severity")
    equal(first.get("rule"), rule, "rule in %s" % json.dumps(first))
    for key in ("message", "advice", "evidence", "holders", "first", "last"):
        check(key in first, "the finding has no %s", key)
    failure = next(r for r in run.of("bind", "listen") if r.get("error") == "EADDRINUSE")
    check(failure["seq"] < first["seq"], "the finding stands before its cause")
    if holder is None:
        return first
    equal(len(first["holders"]), 1, "number of holders: %r" % first["holders"])
    lines = live.differs({"pid": run.facts[(holder_who or holder) + "_pid"], "comm": holder_who or holder, "uid": 0,
                          **fields}, first["holders"][0])
    check(not lines, "holder: %s in %r", lines, first["holders"][0])
    check(str(run.facts[(holder_who or holder) + "_pid"]) in first["message"], "the message names no pid: %r",
          first["message"])
    return first


def in_use(held, wanted, rule, *options):
    run = trigger("bind_in_use", held, wanted, *options)
    port = run.facts["holder_lport"]
    uid = NOBODY if "nobody" in options else 0
    shared = [o for o in ("reuseaddr", "reuseport") if o in options]
    run.life("newcomer", {**run.who("newcomer"), "family": "ipv6" if ":" in wanted else "ipv4", "lport": ABSENT,
                          "raddr": ABSENT, "uid": uid},
             bind(req_addr=wanted, req_port=port, error="EADDRINUSE",
                  options=has_options(*shared) if shared else NO_OPTIONS),
             run.close("bind-failed", "idle", "newcomer", uid=uid, bound=ABSENT))
    run.life("holder", {**run.ends("holder"), **run.who("holder"), "family": "ipv6" if ":" in held else "ipv4"},
             bind(req_addr=held), listen(8), run.close("closed", "listener", "holder"))
    run.only("newcomer", "holder")
    conflict(run, rule)


def test_in_use_same_address():
    in_use("127.0.0.1", "127.0.0.1", "same-address")


def test_in_use_wildcard_held():
    in_use("0.0.0.0", "127.0.0.1", "wildcard")


def test_in_use_wildcard_wanted():
    in_use("127.0.0.1", "0.0.0.0", "wildcard")


def test_in_use_dual_stack():
    in_use("::", "0.0.0.0", "dual-stack")


def test_in_use_ipv6():
    in_use("::1", "::1", "same-address")


def test_in_use_listening():
    in_use("127.0.0.1", "127.0.0.1", "listening", "reuseaddr")


def test_in_use_reuseport_missing():
    in_use("127.0.0.1", "127.0.0.1", "reuseport-missing", "holder-reuseport")


def test_in_use_holder_lacks_reuseport():
    in_use("127.0.0.1", "127.0.0.1", "reuseport-missing", "reuseport")


SETEUID = """
import os, socket
def reusing():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return s
holder = reusing()
holder.bind(("127.0.0.1", 0))
holder.listen()
os.seteuid(65534)
try: reusing().bind(holder.getsockname())
except OSError as e: assert e.errno == 98
"""


def test_in_use_reuseport_euid():
    """The kernel goes by the socket's user, which is the effective one of its making."""
    output, _ = live.traced([sys.executable, "-c", SETEUID])
    found = [r for r in live.parse(output) if r["type"] == "finding" and r["status"] == "open"]
    equal([(r["finding"], r["rule"], len(r["holders"])) for r in found], [("port_conflict", "reuseport-uid", 1)], "findings")


def test_in_use_reuseport_uid():
    in_use("127.0.0.1", "127.0.0.1", "reuseport-uid", "holder-reuseport", "reuseport", "nobody")


def test_in_use_client_port():
    run = trigger("bind_client_port")
    run.life("newcomer", {**run.who("server"), "lport": ABSENT},
             bind(req_addr="127.0.0.1", req_port=run.facts["client_lport"], error="EADDRINUSE"),
             run.close("bind-failed", "idle", "server"))
    conflict(run, "client-port", "client")


def test_in_use_time_wait():
    """Nobody alive holds the port, only a TIME_WAIT connection."""
    run = trigger("bind_time_wait")
    run.life("newcomer", {**run.who("server"), "lport": ABSENT},
             bind(req_addr="127.0.0.1", req_port=run.facts["child_lport"], error="EADDRINUSE"),
             run.close("bind-failed", "idle", "server"))
    conflict(run, "time-wait", None)


def test_listen_fails():
    run = trigger("listen_fails")
    port = run.facts["first_lport"]
    run.life("first", {**run.ends("first"), **run.who("first")},
             bind(req_addr="127.0.0.1", options=has_options("reuseaddr")), listen(8),
             run.close("closed", "listener", "first"))
    run.life("second", {**run.who("second"), "laddr": "127.0.0.1", "lport": ANY},
             bind(req_addr="127.0.0.1", req_port=port, lport=port, options=has_options("reuseaddr")),
             listen(ANY, error="EADDRINUSE"),
             run.close("listen-failed", live.one_of("idle", "listener"), "second", listening=ABSENT))
    run.only("first", "second")
    conflict(run, "listening", "first")


def test_holder_gone_at_once():
    """The holder closes right after the failure: what the trace has just seen of it is enough to name it."""
    in_use("127.0.0.1", "127.0.0.1", "same-address", "hurry")


def test_holder_outside():
    """Filters limit what is printed, never which holders a finding may name: also one that was there before."""
    with live.Held() as held:
        run = live.Run(*outside(held.facts["listener_lport"]))
        found = run.findings("port_conflict")
        check(found, "no port_conflict")
        # the accepted connection holds the port as well as its listener
        equal({(h["pid"], h["comm"]) for h in found[0]["holders"]}, {(held.facts["server_pid"], "server")}, "holders")
        check("LISTEN" in [h["state"] for h in found[0]["holders"]], "no listener: %r", found[0]["holders"])
        run.only()


def outside(port):
    code = "import socket; s = socket.socket()\ntry: s.bind(('127.0.0.1', %d))\nexcept OSError: pass" % port
    live_bytes, stderr = live.traced(["python3", "-c", code])
    records = live.parse(live_bytes)
    live.check_stream(records)
    mine = [r["sock"] for r in records if r["type"] == "bind" and r.get("error") == "EADDRINUSE"]
    equal(len(mine), 1, "failed binds")
    return [r for r in records if r["type"] == "finding" or r.get("sock") != mine[0]], {}, 0, stderr
