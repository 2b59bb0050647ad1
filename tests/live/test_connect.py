# SPDX-License-Identifier: GPL-2.0-or-later
"""connect(): one record with the final outcome, blocking or not."""
import sys

import live
from live import (ABSENT, ANY, TIME, accept, at_least, between, bind, connect, equal, listen, maybe, netns,
                  trigger)

PROHIBITED = """
import errno, socket, time
def fails(s):
    try: s.connect(("::1", 4321))
    except OSError as e: return e.errno
blocking, polled = socket.socket(socket.AF_INET6), socket.socket(socket.AF_INET6)
assert fails(blocking) == errno.EACCES, "not prohibited"
polled.setblocking(False)
assert fails(polled) == errno.EINPROGRESS
time.sleep(1.5)    # the SYN goes again after 1 s: an answer to the first finds the socket in use
assert fails(polled) == errno.EACCES
"""
NO_DATA = {"tx_bytes": maybe(0), "rx_bytes": maybe(0), "established": ABSENT, "released": TIME}
FAILED = {"laddr": ANY, "lport": ANY}    # a failed connect() clears the socket's own end, its close may lack it


def failed(run, reason, raddr, rport, laddr=ANY, lport=None, name="client", **outcome):
    """A client whose connect() failed; the port it had used stays readable with getsockname()."""
    if lport is None:
        lport = run.facts[name + "_lport"]
    run.life(name, {"raddr": raddr, "rport": rport, **run.who("client")},
             connect(laddr=laddr, lport=lport, **outcome),
             run.close(reason, "client", "client", **FAILED, **NO_DATA))


def holder(run):
    run.life("holder", {**run.ends("holder"), **run.who("client")}, bind(req_addr="127.0.0.1"),
             run.close("unused", "idle", "client"))


def test_refused():
    run = trigger("connect_refused")
    failed(run, "refused", "127.0.0.1", run.facts["holder_lport"], "127.0.0.1", error="ECONNREFUSED")
    holder(run)
    run.only("client", "holder")


def test_nonblock_refused():
    run = trigger("connect_nonblock_refused")
    failed(run, "refused", "127.0.0.1", run.facts["holder_lport"], "127.0.0.1", error="ECONNREFUSED",
           **{"async": True})
    holder(run)
    run.only("client", "holder")


def test_nonblock_established():
    run = trigger("connect_nonblock")
    run.life("client", {**run.ends("client"), **run.who("client")}, connect(**{"async": True}),
             run.close("local-close", "client", "client", time_wait=True, established=TIME))
    run.life("child", {**run.ends("child"), **run.who("server")}, accept(run.id("listener")),
             run.close("remote-close", "server", "server", established=TIME))
    run.listener()
    run.only("client", "child", "listener")


def test_timeout():
    with netns(blackhole=True) as where:
        run = trigger("connect_timeout", "198.18.0.2", where=where, text=False)
        failed(run, "timeout", "198.18.0.2", 4321, "198.18.0.1", error="ETIMEDOUT",
               latency_us=between(900000, 5000000))
        run.only("client")


def test_abandoned():
    with netns(blackhole=True) as where:
        run = trigger("connect_abandoned", "198.18.0.2", where=where)
        failed(run, "abandoned", "198.18.0.2", 4321, "198.18.0.1", error=ABSENT,
               abandoned=True, latency_us=between(190000, 2000000), **{"async": True})
        run.only("client")


def unreachable(address, number, error, reason="unreachable", text=True, **outcome):
    with netns(blackhole=True) as where:
        run = trigger("connect_unreachable", address, str(number), where=where, text=text)
        failed(run, reason, address, 4321, error=error, **outcome)
        run.only("client")


def test_no_route_host():
    unreachable("192.0.2.1", 113, "EHOSTUNREACH", syn_sent=False, lport=ABSENT)


def test_no_route_network():
    unreachable("203.0.113.1", 101, "ENETUNREACH", syn_sent=False, lport=ABSENT)


def test_arp_fails():
    """The SYN waits for an ARP answer that never comes: the error arrives from the network, not from the call."""
    unreachable("198.18.0.9", 113, "EHOSTUNREACH", text=False, latency_us=at_least(900000))


def test_reset_in_connect():
    with netns(blackhole=True) as where:
        run = trigger("connect_reset", "198.18.0.1", "198.18.0.2", where=where)
        run.life("client", {**run.who("client")},
                 bind(req_addr="198.18.0.1", req_port=7001, laddr="198.18.0.1", lport=7001),
                 connect(laddr="198.18.0.1", lport=7001, raddr="198.18.0.2", rport=7002, error="ECONNRESET"),
                 run.close("remote-reset", "client", "client", raddr="198.18.0.2", rport=7002, **NO_DATA))
        run.only("client")


def test_no_ports():
    with netns(net__ipv4__ip_local_port_range="40000 40001") as where:
        run = trigger("connect_no_ports", "2", where=where, text=False)    # its TIME_WAIT would stop a second run
        failed(run, "connect-failed", "127.0.0.1", 7000, lport=ABSENT, name="failed", error="EADDRNOTAVAIL",
               syn_sent=False)
        for i in range(2):
            run.life("client%d" % i, {**run.ends("client%d" % i), **run.who("client")}, connect(),
                     run.close("local-close", "client", "client", time_wait=True))
            run.life("child%d" % i, {**run.ends("child%d" % i), **run.who("server")}, accept(run.id("listener")),
                     run.close("remote-close", "server", "server"))
        run.only("failed", "client0", "client1", "child0", "child1", "listener")


def test_retry():
    """Two connects of one socket, and one close of the second life."""
    run = trigger("connect_retry")
    run.life("client", {**run.who("client"), "raddr": "127.0.0.1", "rport": run.facts["listener_lport"]},
             connect(laddr="127.0.0.1", lport=run.facts["first_lport"], error="ECONNREFUSED"),
             connect(laddr="127.0.0.1", lport=run.facts["client_lport"]),
             run.close("local-close", "client", "client", tx_bytes=3, rx_bytes=0, time_wait=True, established=TIME,
                       laddr="127.0.0.1", lport=run.facts["client_lport"]))
    run.life("listener", {**run.ends("listener"), **run.who("server")}, bind(req_addr="127.0.0.1"), listen(8),
             run.close("closed", "listener", "server", accepted=1))
    run.life("child", {**run.ends("child"), **run.who("server")}, accept(run.id("listener")),
             run.close("remote-close", "server", "server", tx_bytes=0, rx_bytes=3))
    run.only("client", "child", "listener")
    equal(run.of("lost"), [], "losses")


def test_prohibited():
    """What an ICMPv6 answer has failed already is returned by a connect() later, which is no second failure."""
    live.need("nft")
    with netns() as where:
        rules = ("add table ip6 no; add chain ip6 no in { type filter hook input priority 0; }; "
                 "add rule ip6 no in tcp dport 4321 reject with icmpv6 type admin-prohibited")
        if live.sh(*live.in_netns(where, "nft", rules), check_rc=False).returncode:
            raise live.Skip("this kernel has no nf_tables that rejects")
        output, _ = live.traced(live.in_netns(where, sys.executable, "-c", PROHIBITED))
    connects = [(r.get("error"), r["async"]) for r in live.parse(output) if r["type"] == "connect"]
    equal(connects, [("EACCES", False), ("EACCES", True)], "connects")
