# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP connections: how they open, what they carry, and how they end, from both ends."""
import os
import socket

import live
from live import ABSENT, NONEMPTY_LIST, TIME, accept, between, bind, check, close, connect, equal, listen, maybe, trigger

LIFE = {"established": TIME, "released": TIME}
NO_DATA = {"tx_bytes": 0, "rx_bytes": 0}


def pair(run, client, server, family="ipv4", addr="127.0.0.1", how=None):
    """The four records of a connection, and its listener. `client` and `server`: (reason, fields of the close)."""
    run.life("client", {**run.ends("client"), "family": family},
             connect(**{**run.who("client"), **(how or {})}),
             run.close(client[0], "client", "client", **{**LIFE, "created": TIME, **client[1]}))
    run.life("child", {**run.ends("child"), "family": family},
             accept(run.id("listener"), fd=run.facts["child_fd"], **run.who("server")),
             run.close(server[0], "server", "server", **{**LIFE, **server[1]}))
    run.listener(addr=addr, family=family)
    run.only("client", "child", "listener")
    run.no_findings()


def test_local_close():
    run = trigger("tcp_local_close")
    pair(run, ("local-close", {"tx_bytes": 5, "rx_bytes": 7, "time_wait": True}),
         ("remote-close", {"tx_bytes": 7, "rx_bytes": 5}))


def test_remote_close():
    run = trigger("tcp_remote_close")
    pair(run, ("remote-close", {"tx_bytes": 11, "rx_bytes": 13}),
         ("local-close", {"tx_bytes": 13, "rx_bytes": 11, "time_wait": True}))


def test_linger_reset():
    run = trigger("tcp_linger_reset")
    pair(run, ("local-reset", {"tx_bytes": between(0, 100), "unacked_bytes": live.ANY, "rx_bytes": 0}),
         ("remote-reset", {"tx_bytes": 0, "rx_bytes": 100}))
    equal(run.sent("client"), 100, "bytes sent")


def test_unread_reset():
    run = trigger("tcp_unread_reset")
    pair(run, ("local-reset", {"tx_bytes": 0, "rx_bytes": 300, "unread_bytes": 290}),
         ("remote-reset", {"tx_bytes": between(0, 300), "unacked_bytes": live.ANY, "rx_bytes": 0}))
    equal(run.sent("child"), 300, "bytes sent")


def test_peer_reset():
    run = trigger("tcp_peer_reset")
    pair(run, ("remote-reset", {"tx_bytes": between(0, 20), "unacked_bytes": live.ANY, "rx_bytes": 0}),
         ("local-reset", {"tx_bytes": 0, "rx_bytes": 20}))
    equal(run.sent("client"), 20, "bytes sent")


def test_half_close():
    run = trigger("tcp_half_close")
    pair(run, ("local-close", {"tx_bytes": 17, "rx_bytes": 5000, "time_wait": True}),
         ("remote-close", {"tx_bytes": 5000, "rx_bytes": 17}))


def exact(to_server, to_client):
    run = trigger("tcp_bytes", str(to_server), str(to_client), text=False)
    pair(run, ("local-close", {"tx_bytes": to_server, "rx_bytes": to_client, "time_wait": True}),
         ("remote-close", {"tx_bytes": to_client, "rx_bytes": to_server}))


def test_exact_bytes():
    for to_server, to_client in ((0, 0), (1, 0), (0, 1), (1, 1), (65536, 131073), (1234567, 7654321), (33554432, 3)):
        exact(to_server, to_client)


def test_ipv6():
    run = trigger("tcp6")
    pair(run, ("local-close", {"tx_bytes": 6, "rx_bytes": 66, "time_wait": True}),
         ("remote-close", {"tx_bytes": 66, "rx_bytes": 6}), family="ipv6", addr="::1")


def test_dual_stack():
    """IPv4 clients of an IPv6 listener: mapped addresses print as IPv4."""
    run = trigger("tcp_dual_stack")
    run.listener(addr="::", family="ipv6", accepted=2)
    for name, family in (("plain", "ipv4"), ("mapped", "ipv6")):
        run.life(name, {**run.ends(name), "family": family}, connect(**run.who("client")),
                 run.close("local-close", "client", "client", time_wait=True, **NO_DATA, **LIFE))
    for name in ("first", "second"):
        run.life(name, {**run.ends(name), "family": "ipv6", "mapped": True, "laddr": "127.0.0.1"},
                 accept(run.id("listener"), fd=run.facts[name + "_fd"], **run.who("server")),
                 run.close("remote-close", "server", "server", **NO_DATA, **LIFE))
    run.only("listener", "plain", "mapped", "first", "second")


def test_self_connect():
    run = trigger("tcp_self_connect")
    run.life("self", {"laddr": "127.0.0.1", "lport": run.facts["self_lport"], **run.who("self")},
             bind(req_addr="127.0.0.1"),
             connect(raddr="127.0.0.1", rport=run.facts["self_lport"]),
             run.close("local-close", "client", "self", tx_bytes=9, rx_bytes=9, raddr="127.0.0.1",
                       rport=run.facts["self_lport"], time_wait=live.ANY, **LIFE))
    run.only("self")


def test_reconnect():
    """connect(AF_UNSPEC) is no event; one close with the sums of both lives."""
    run = trigger("tcp_reconnect")
    run.life("client", {"raddr": "127.0.0.1", "rport": run.facts["listener_lport"], **run.who("client")},
             connect(laddr="127.0.0.1", lport=run.facts["first_lport"]),
             connect(laddr="127.0.0.1", lport=run.facts["second_lport"]),
             run.close("local-close", "client", "client", time_wait=True, rx_bytes=4, tx_bytes=between(12, 42),
                       unacked_bytes=live.ANY, lport=run.facts["second_lport"], **LIFE))
    equal(run.sent("client"), 42, "bytes sent in both lives")
    for name, reason, got, sent in (("child1", "remote-reset", 30, 0), ("child2", "remote-close", 12, 4)):
        run.life(name, run.ends(name), accept(run.id("listener"), **run.who("server")),
                 run.close(reason, "server", "server", rx_bytes=got, tx_bytes=sent, **LIFE))
    run.listener(accepted=2)
    run.only("client", "child1", "child2", "listener")


def test_killed_holding():
    run = trigger("killed_holding")
    client = {"tx_bytes": 8, "rx_bytes": 0, "time_wait": True, "closed_by": run.closed_by("client", exit=True)}
    pair(run, ("local-close", client), ("remote-close", {"tx_bytes": 0, "rx_bytes": 8}))


def test_listener_close_queued():
    """Children that nobody accepted: the kernel resets them; their process is only the listener's."""
    run = trigger("listener_close_queued")
    run.listener(accepted=0)
    port = run.facts["listener_lport"]
    for name, sent in (("client1", 0), ("client2", 21)):
        run.life(name, run.ends(name), connect(**run.who("client")),
                 run.close("remote-reset", "client", "client", rx_bytes=0, unacked_bytes=live.ANY, **LIFE))
        equal(run.sent(name), sent, "bytes sent by " + name)
    children = {life[0].get("rport", 0): sock for sock, life in run.socks.items() if life[0].get("lport") == port
                and sock != run.id("listener")}
    equal(sorted(children), sorted([run.facts["client1_lport"], run.facts["client2_lport"]]), "peers of the children")
    server = {"pid": run.facts["server_pid"], "comm": "server"}
    for name, got in (("client1", 0), ("client2", 21)):
        run.life(children[run.facts[name + "_lport"]],
                 {"laddr": "127.0.0.1", "lport": port, "raddr": "127.0.0.1", "rport": run.facts[name + "_lport"]},
                 close("local-reset", "server", inferred=NONEMPTY_LIST, tx_bytes=0, rx_bytes=got,
                       unread_bytes=maybe(got), established=TIME, **server))
    equal(len(run.socks), 5, "number of sockets")


def test_accept_emfile():
    """A failed accept() is a record of the listener, and the connection is accepted later."""
    run = trigger("accept_emfile")
    listener = run.id("listener")
    run.life("listener", {**run.ends("listener"), **run.who("server"), "raddr": ABSENT, "rport": ABSENT},
             bind(req_addr="127.0.0.1"), listen(8),
             accept(listener, error="EMFILE", fd=ABSENT, queue_us=ABSENT),
             run.close("closed", "listener", "server", accepted=1))
    run.life("child", run.ends("child"),
             accept(listener, fd=run.facts["child_fd"], **run.who("server")),
             run.close("remote-close", "server", "server", **NO_DATA, **LIFE))
    run.life("client", run.ends("client"), connect(**run.who("client")),
             run.close("local-close", "client", "client", time_wait=True, **NO_DATA, **LIFE))
    run.only("listener", "child", "client")


def test_accept_after_reset():
    run = trigger("accept_after_reset")
    pair(run, ("local-reset", NO_DATA), ("remote-reset", NO_DATA))


def test_not_events():
    """accept() with EAGAIN and connect() with EISCONN leave no record."""
    run = trigger("accept_nothing")
    run.listener(accepted=0)
    run.life("client", run.ends("client"), connect(**run.who("server")),
             run.close("remote-reset", "client", "server", **NO_DATA, **LIFE))
    equal(len(run.socks), 3, "number of sockets")


def test_states():
    """--states adds the state changes of every socket, in order, and changes nothing else."""
    run = trigger("tcp_local_close", options=["--states"])
    life = run.socks[run.id("client")]
    changes = [(r["old"], r["new"]) for r in life if r["type"] == "state"]
    equal(changes[:3], [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("ESTABLISHED", "FIN_WAIT1")], "states")
    equal(changes[-1][1], "CLOSE", "last state")
    for (_, new), (old, _) in zip(changes, changes[1:]):
        equal(old, new, "chain of states")
    equal([r["type"] for r in life if r["type"] != "state"], ["connect", "close"], "other records")
    life = run.socks[run.id("listener")]
    equal([(r["old"], r["new"]) for r in life if r["type"] == "state"], [("CLOSE", "LISTEN"), ("LISTEN", "CLOSE")],
          "states of the listener")
    life = run.socks[run.id("child")]
    equal([(r["old"], r["new"]) for r in life if r["type"] == "state"][-3:],
          [("ESTABLISHED", "CLOSE_WAIT"), ("CLOSE_WAIT", "LAST_ACK"), ("LAST_ACK", "CLOSE")], "states of the child")


def test_states_of_child():
    """
    The child's life starts with SYN_RECV->ESTABLISHED, before its accept. (Which process it belongs to is only known at
    accept(): with a filter by process its states are told from then on.)
    """
    whole = [("SYN_RECV", "ESTABLISHED"), ("ESTABLISHED", "CLOSE_WAIT"), ("CLOSE_WAIT", "LAST_ACK"),
             ("LAST_ACK", "CLOSE")]
    for options in ([], ["--laddr", "127.0.0.1"]):
        with live.Tracer("--states", "--no-snapshot", *options, lost=("missed",)) as tracer:
            facts = live.run_alone("tcp_local_close")
            for name in ("client", "child", "listener"):
                live.wait_for(lambda: tracer.has(type="close", sock=str(facts[name])), "close of " + name)
        life = tracer.socks[str(facts["child"])]
        changes = [(r["old"], r["new"]) for r in life if r["type"] == "state"]
        missed = sum(r["count"] for r in tracer.records if r["type"] == "lost")
        check(changes == whole or (missed and set(changes) < set(whole)), "states of the child with %r: %r", options,
              changes)
        order = [r["type"] for r in life]
        check(missed or order.index("state") < order.index("accept"), "records of the child: %r", order)


def test_connection_in_namespace():
    with live.netns() as name:
        run = trigger("tcp_local_close", where=name)
        live.check(run.netns != live.netns_inode(), "not in another namespace")
        pair(run, ("local-close", {"tx_bytes": 5, "rx_bytes": 7, "time_wait": True}),
             ("remote-close", {"tx_bytes": 7, "rx_bytes": 5}))


def test_aborted():
    """`ss -K` ends a connection from outside."""
    live.need("ss")
    with live.Tracer("--no-snapshot", "--pid", str(os.getpid())) as tracer:
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            child, _ = server.accept()
            cookies = [str(int.from_bytes(s.getsockopt(socket.SOL_SOCKET, 57, 8), "little")) for s in (client, child)]
            live.sh("ss", "-K", "-t", "src", "127.0.0.1", "sport", "=", ":%d" % client.getsockname()[1])
            client.settimeout(1)
            try:
                client.recv(1)
            except ConnectionAbortedError:
                pass
            except socket.timeout:
                raise live.Skip("this kernel has no CONFIG_INET_DIAG_DESTROY")
            client.close()
            child.close()
        live.wait_for(lambda: all(tracer.has(type="close", sock=c) for c in cookies), "closes")
    for cookie, kind, reason in zip(cookies, ("connect", "accept"), ("aborted", "remote-reset")):
        life = tracer.socks[cookie]
        equal([(r["type"], r.get("reason")) for r in life], [(kind, None), ("close", reason)], "records")


def test_mptcp():
    """One life an end, with its subflows in the close and no records of their own; or `blind` says so."""
    try:
        with open("/proc/sys/net/mptcp/enabled") as f:
            if f.read().strip() != "1":
                raise live.Skip("MPTCP is off")
    except FileNotFoundError:
        raise live.Skip("this kernel has no MPTCP")
    run = trigger("mptcp")
    if "mptcp" in run.records[0]["blind"]:
        equal(run.socks, {}, "records of what start says is not seen")
        return
    lives = {}
    for life in run.socks.values():
        equal({r["proto"] for r in life}, {"mptcp"}, "proto")
        lives[life[-1].get("role")] = life
    equal({role: [r["type"] for r in life] for role, life in lives.items()},
          {"client": ["connect", "close"], "server": ["accept", "close"], "listener": ["bind", "listen", "close"]},
          "records")
    for role, end in (("client", "client"), ("server", "child")):
        for record in lives[role]:
            ends = {k: run.ends(end)[k] for k in ("lport", "rport")}
            check(not live.differs(ends, record), "%r: %s", record, live.differs(ends, record))
        check(lives[role][-1].get("subflows"), "no subflows in %r", lives[role][-1])
