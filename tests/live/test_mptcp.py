# SPDX-License-Identifier: GPL-2.0-or-later
"""MPTCP: a connection is one life at each end, whatever its subflows do; they have no records of their own."""
import socket

import live
from live import ABSENT, TIME, Held, accept, between, bind, check, close, connect, equal, listen, trigger

MPTCP = {"proto": "mptcp"}
LIFE = {"established": TIME, "released": TIME}


def need_mptcp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError:
        raise live.Skip("this kernel has no MPTCP, or it is off")


def play(scene, **options):
    need_mptcp()
    return trigger("mptcp", scene, **options)


def subflows(run, sock, count, own=False):
    """The close of this socket lists so many, which have no records; a listener made it where the first is its id."""
    listed = run.socks[sock][-1]["subflows"]
    equal(len(set(listed)), count, "subflows in %r" % listed)
    check(not (set(listed) - {sock}) & set(run.socks), "a subflow of %s has records: %r", sock, listed)
    equal(listed[0] == sock, own, "%s has the cookie of its first subflow, of %r" % (sock, listed))


def child_of(run):
    """An accepted MPTCP socket has its listener's cookie: it goes by its first subflow's."""
    children = [sock for sock, life in run.socks.items() if life[-1].get("role") == "server"]
    equal(len(children), 1, "children")
    check(children[0] != run.id("listener"), "the child has its listener's id")
    return children[0]


def pair(run, client, server, how=None, addr="127.0.0.1", who="server", count=1):
    """Client, child and listener, all MPTCP, of one process. `client` and `server`: (reason, fields of the close)."""
    child = child_of(run)
    run.life("client", {**run.ends("client"), **MPTCP}, connect(**{**run.who("server"), **(how or {})}),
             run.close(client[0], "client", "server", **{**LIFE, "created": TIME, **client[1]}))
    run.life(child, {**run.ends("child"), **MPTCP}, accept(run.id("listener"), **run.who("server")),
             run.close(server[0], "server", "server", **{**LIFE, **server[1]}))
    run.listener(addr=addr, **MPTCP)
    equal(set(run.socks), {run.id("client"), child, run.id("listener")}, "sockets with records")
    subflows(run, run.id("client"), count)
    subflows(run, child, count, own=True)
    run.no_findings()
    return child


def test_remote_close():
    run = play("remote_close")
    pair(run, ("remote-close", {"tx_bytes": 100, "rx_bytes": 200}), ("local-close", {"tx_bytes": 200, "rx_bytes": 100}))


def test_unread_reset():
    """close() with data unread resets the connection (MP_FASTCLOSE)."""
    run = play("unread_reset")
    pair(run, ("local-reset", {"tx_bytes": 100, "rx_bytes": between(200, 500), "unread_bytes": live.ANY}),
         ("remote-reset", {"tx_bytes": between(200, 500), "unacked_bytes": live.ANY, "rx_bytes": 100}))
    last = run.socks[child_of(run)][-1]
    equal(last["tx_bytes"] + last.get("unacked_bytes", 0), 500, "bytes sent")


def test_nonblock():
    run = play("nonblock")
    pair(run, ("remote-close", {"tx_bytes": 0, "rx_bytes": 0}), ("local-close", {"tx_bytes": 0, "rx_bytes": 0}),
         how={"async": True})


def refused(scene, nonblocking):
    run = play(scene)
    life = run.socks[run.id("client")]
    run.life("client", {**MPTCP, "raddr": "127.0.0.1", "rport": run.facts["port"]},
             connect(error="ECONNREFUSED", syn_sent=True, **{**run.who("server"), "async": nonblocking}),
             run.close("refused", "client", "server", created=TIME, released=TIME, established=ABSENT))
    check("subflows" not in life[-1], "a subflow that never was: %r", life[-1])


def test_refused():
    refused("refused", False)


def test_nonblock_refused():
    refused("nonblock_refused", True)


def test_to_tcp():
    """The peer has no MPTCP: the client's socket stays an MPTCP socket, and its one subflow is all there is."""
    run = play("to_tcp")
    child = child_of(run)
    run.life("client", {**run.ends("client"), **MPTCP}, connect(**run.who("server")),
             run.close("local-close", "client", "server", tx_bytes=100, rx_bytes=200, created=TIME, time_wait=live.maybe(True),
                      **LIFE))
    run.life(child, run.ends("child"), accept(run.id("listener"), **run.who("server")),
             run.close("remote-close", "server", "server", tx_bytes=200, rx_bytes=100, **LIFE))
    run.listener()
    equal(len(run.socks), 3, "sockets with records")


def test_from_tcp():
    """The client has no MPTCP: accept() of an MPTCP listener returns a TCP socket."""
    run = play("from_tcp")
    run.life("client", run.ends("client"), connect(**run.who("server")),
             run.close("local-close", "client", "server", tx_bytes=100, rx_bytes=200, created=TIME, time_wait=True, **LIFE))
    run.life("child", run.ends("child"), accept(run.id("listener"), **run.who("server")),
             run.close("remote-close", "server", "server", tx_bytes=200, rx_bytes=100, **LIFE))
    run.listener(**MPTCP)
    run.only("client", "child", "listener")


def test_queued():
    """The listener closes before accept(): its child dies with it, and is its owner's."""
    run = play("queued")
    child = child_of(run)
    run.life(child, MPTCP, close(live.one_of("local-reset", "remote-reset"), "server", inferred=["owner"],
                                 rx_bytes=10, unread_bytes=live.maybe(10)))
    run.life("client", {**run.ends("client"), **MPTCP}, connect(**run.who("server")),
             run.close("remote-reset", "client", "server", tx_bytes=between(0, 10), unacked_bytes=live.ANY, created=TIME,
                       **LIFE))
    equal(len(run.socks), 3, "sockets with records")


def test_conflict():
    """An MPTCP listener holds a TCP port, and is held off by one."""
    run = play("conflict")
    found = run.findings("port_conflict")
    found = {f["sock"]: f for f in found if f["status"] == "open"}
    equal({sock: (f["proto"], [h["sock"] for h in f["holders"]]) for sock, f in found.items()},
          {run.id("tcp_asks"): ("tcp", [run.id("listener")]), run.id("mptcp_asks"): ("mptcp", [run.id("plain")])},
          "who asks and who holds")


def test_reconnect():
    """connect(AF_UNSPEC) and connect() again: two connections of one life, its counters summed."""
    run = play("reconnect")
    client = run.socks[run.id("client")]
    equal([r["type"] for r in client], ["connect", "connect", "close"], "records of the client")
    equal([client[-1][k] for k in ("tx_bytes", "rx_bytes", "reason")], [200, 400, "local-close"], "the client's close")
    children = [life[-1] for life in run.socks.values() if life[-1]["role"] == "server"]
    equal(sorted((c["reason"], c["tx_bytes"], c["rx_bytes"]) for c in children),
          [("remote-close", 200, 100), ("remote-reset", 200, 100)], "the children")
    equal(len(run.socks), 4, "sockets with records")


def test_unused():
    """socket() and close(): no records, as with TCP."""
    equal(play("unused").socks, {}, "records")


def test_holding():
    """The process ends with all of them open."""
    run = play("holding")
    child = child_of(run)
    for sock in (run.id("client"), child, run.id("listener")):
        life = run.socks[sock]
        equal(life[-1]["closed_by"].get("exit"), True, "closed by exit in %r" % life[-1])
    equal([run.socks[s][-1]["tx_bytes"] for s in (run.id("client"), child)], [100, 200], "bytes")


def test_second_subflow():
    """A second address joins a connection: still one life an end, with two subflows."""
    live.need("ip")
    with live.netns() as where:
        ip = ("ip", "-n", where)
        live.sh(*ip, "addr", "add", "10.7.0.1/32", "dev", "lo")
        live.sh(*ip, "addr", "add", "10.7.0.2/32", "dev", "lo")
        need_mptcp()
        live.sh(*ip, "mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
        live.sh(*ip, "mptcp", "endpoint", "add", "10.7.0.2", "dev", "lo", "subflow")
        run = play("subflow", where=where)
    equal(run.facts["more"], 1, "subflows that joined")
    pair(run, ("local-close", {"tx_bytes": 200, "rx_bytes": 400}),
         ("remote-close", {"tx_bytes": 400, "rx_bytes": 200}), addr="0.0.0.0", count=2)
    check("subflows 2" in run.text, "the text: %s", run.text)


def test_states():
    """The connection's states, each once, none of a subflow's. Where the kernel skipped some, once more."""
    for _ in range(3):
        run = play("remote_close", options=("--states",), lost=("missed",))
        if not run.of("lost"):
            break
    check(not run.of("lost"), "lost three times: %r", run.of("lost"))
    seen = {}
    for sock, life in run.socks.items():
        seen[life[-1]["role"]] = [(r["old"], r["new"]) for r in life if r["type"] == "state"]
    equal(seen["client"][:2], [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED")], "states of the client")
    equal(seen["client"][-1], ("LAST_ACK", "CLOSE"), "the client's last")
    equal(seen["server"][0], ("ESTABLISHED", "FIN_WAIT1"), "the first of the child since its accept()")
    equal(seen["listener"], [("CLOSE", "LISTEN"), ("LISTEN", "CLOSE")], "states of the listener")


def test_filter():
    """--proto tcp takes MPTCP too, udp does not."""
    equal(len(play("remote_close", options=("--proto", "tcp")).socks), 3, "sockets with --proto tcp")
    equal(play("remote_close", options=("--proto", "udp")).socks, {}, "records with --proto udp")


def test_port_filter():
    """A filter that chooses by a port admits each end's whole life."""
    run = play("remote_close", options=("--comm", "server"))
    equal(sorted(len(life) for life in run.socks.values()), [2, 2, 3], "records with --comm")


def test_before():
    """What was there before the start: all three, and the subflows that they have at their end."""
    need_mptcp()
    live.need("ss")
    with Held("hold", name="mptcp") as held:
        live.sh("ss", "-tn")    # gives each subflow its cookie
        with live.Tracer("--port", str(held.facts["listener_lport"])) as tracer:
            held.release()
            live.wait_for(lambda: tracer.has(type="close", role="listener"), "the listener's close")
    lives = {}
    for life in tracer.socks.values():
        equal({r["proto"] for r in life}, {"mptcp"}, "proto")
        equal([r["type"] for r in life], ["snapshot", "close"], "records")
        lives[life[-1]["role"]] = life
    equal(set(lives), {"client", "server", "listener"}, "roles")
    equal(lives["client"][0]["sock"], str(held.facts["client"]), "the client's id")
    equal(lives["listener"][0]["sock"], str(held.facts["listener"]), "the listener's id")
    equal([lives[role][-1]["tx_bytes"] for role in ("client", "server")], [100, 200], "bytes")
    equal([lives[role][-1]["reason"] for role in ("client", "server")], ["local-close", "remote-close"], "reasons")
    for role in ("client", "server"):
        equal(len(lives[role][-1]["subflows"]), 1, "subflows of the %s" % role)
