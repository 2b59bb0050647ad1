# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP sockets: bind, connect, the first send, its peers, close."""
from live import ABSENT, ANY, TIME, auto_bind, bind, check, connect, equal, netns, peer, trigger

UDP = {"proto": "udp"}
NO_BYTES = {"tx_bytes": ABSENT, "rx_bytes": ABSENT, "released": ANY, "established": ANY}
UDP_CONNECT = {"async": ANY, "syn_sent": ANY}


def end(run, reason="closed", **fields):
    return run.close(reason, "datagram", "udp", created=TIME, **{**NO_BYTES, **fields})


def test_bind():
    run = trigger("udp_bind")
    run.life("receiver", {**UDP, **run.ends("receiver"), **run.who("udp"), "raddr": ABSENT, "rport": ABSENT},
             bind(req_addr="127.0.0.1"), end(run, bound=TIME))
    run.life("sender", {**UDP, **run.ends("sender"), **run.who("udp"), "laddr": "0.0.0.0"},
             bind(req_addr="0.0.0.0", raddr=ABSENT),
             peer("127.0.0.1", run.facts["receiver_lport"]), end(run, bound=TIME, raddr=ABSENT, rport=ABSENT))
    run.only("receiver", "sender")


def test_connect():
    run = trigger("udp_connect")
    for family, server, client in (("ipv4", "server4", "client4"), ("ipv6", "server6", "client6")):
        run.life(client, {**UDP, "family": family, **run.ends(client), **run.who("udp")}, connect(**UDP_CONNECT),
                 end(run))
        run.life(server, {**UDP, "family": family, **run.ends(server), **run.who("udp")},
                 bind(req_addr=run.facts[server + "_laddr"]), end(run, bound=TIME))
    run.only("client4", "server4", "client6", "server6")


def test_autobind():
    """The first send of an unbound socket chooses the port; the second changes nothing."""
    run = trigger("udp_autobind")
    for name, family, addr in (("udp4", "ipv4", "127.0.0.1"), ("udp6", "ipv6", "::1")):
        lport = run.facts[name + "_lport"]
        run.life(name, {**UDP, "family": family, "lport": lport, **run.who("udp")},
                 auto_bind(req_port=ANY, req_addr=ANY), peer(addr, 9), end(run, bound=TIME, raddr=ABSENT))
    run.only("udp4", "udp6")


def test_peers():
    run = trigger("udp_peers", "3")
    run.life("udp", {**UDP, "laddr": "127.0.0.1", "lport": run.facts["udp_lport"], **run.who("udp")},
             bind(req_addr="127.0.0.1"), *[peer("127.0.1.%d" % i, 2000 + i) for i in (1, 2, 3)], end(run))


def test_more_peers_than_remembered():
    run = trigger("udp_peers", "70", lost=("peers",))
    run.life("udp", {**UDP, "laddr": "127.0.0.1", "lport": run.facts["udp_lport"], **run.who("udp")},
             bind(req_addr="127.0.0.1"), *[peer("127.0.1.%d" % i, 2000 + i) for i in range(1, 65)], end(run))
    count = sum(r["count"] for r in run.of("lost"))
    check(count >= 6, "%d peers told as lost, expected at least 6", count)




def test_no_port_for_connect():
    with netns(net__ipv4__ip_local_port_range="40000 40001") as where:
        run = trigger("udp_no_ports", "connect", where=where)
        run.life("failed", {**UDP, **run.who("udp"), "lport": ABSENT},
                 connect(error="EAGAIN", raddr="127.0.0.1", rport=9, **UDP_CONNECT),
                 end(run, reason="connect-failed"))
        run.only("failed", "one", "two")


def test_no_port_for_send():
    with netns(net__ipv4__ip_local_port_range="40000 40001") as where:
        run = trigger("udp_no_ports", "send", where=where)
        run.life("failed", {**UDP, **run.who("udp"), "lport": ABSENT},
                 bind(auto=True, error="EAGAIN", req_port=ANY), end(run, reason="bind-failed"))
        run.only("failed", "one", "two")
        equal(run.of("peer"), [], "peers")
