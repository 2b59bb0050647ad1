# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels and hosts differ in: io_uring, TCP Fast Open, one address family only, cgroup hierarchies."""
import os
import subprocess

import live
from live import ABSENT, ANY, TIME, accept, bind, check, connect, equal, in_netns, listen, netns, sh, trigger


# --- io_uring ---

def test_io_uring():
    """Whole lives of both ends and the listener; the accept is concluded when its socket is let go (README)."""
    try:
        with open("/proc/sys/kernel/io_uring_disabled") as f:
            if f.read().strip() == "2":
                raise live.Skip("io_uring is off")
    except FileNotFoundError:
        pass
    run = trigger("io_uring")
    run.life("client", run.ends("client"), connect(**run.who("client")),
             run.close("local-close", "client", "client", tx_bytes=5, rx_bytes=7, time_wait=True))
    run.life("child", run.ends("child"),
             accept(run.id("listener"), **{**run.who("server"), "fd": ABSENT, "queue_us": ABSENT, "state": "ESTABLISHED",
                                           "inferred": ["owner", "proc", "pid", "comm", "listener", "ts", "boot_ns"]}),
             run.close("remote-close", "server", "server", tx_bytes=7, rx_bytes=5, inferred=["owner"]))
    common = {**run.ends("listener"), "raddr": ABSENT, "rport": ABSENT}
    run.life("listener", common, bind(req_addr="127.0.0.1", **run.who("server")), listen(8, **run.who("server")),
             run.close("closed", "listener", "server", created=TIME, bound=TIME, listening=TIME, released=TIME,
                       accepted=1))
    run.only("client", "child", "listener")
    run.no_findings()


# --- TCP Fast Open ---

def fast_open(*args, setup=lambda where: None):
    """Two connections, the second with its data in the SYN: their lives are whole, however early accept() returned."""
    with netns(net__ipv4__tcp_fastopen=3) as where:
        setup(where)
        run = trigger("fast_open", *args, where=where)
        equal(run.facts["second_child_syn_data"], 1, "whether the second connection's data came in the SYN")
        early = 0
        for number in ("first", "second"):
            client, child = number + "_client", number + "_child"
            run.life(client, run.ends(client), connect(**run.who("client")),
                     run.close("local-close", "client", "client", tx_bytes=5, rx_bytes=7, time_wait=True))
            run.life(child, run.ends(child), accept(run.id("listener"), **run.who("server")),
                     run.close("remote-close", "server", "server", tx_bytes=7, rx_bytes=5))
            early += run.socks[run.id(child)][0]["state"] == "SYN_RECV"
        run.only("listener", "first_client", "first_child", "second_client", "second_child")
        equal(run.socks[run.id("listener")][-1]["accepted"], 2, "accepted")
        run.no_findings()
        return early


def test_fast_open():
    fast_open()


def test_fast_open_connect():
    """TCP_FASTOPEN_CONNECT: the second connect() returns before anything is sent."""
    fast_open("connect")


def test_fast_open_early():
    """The second SYN-ACK is dropped, so accept() returns a second before the handshake is over."""
    live.need("nft")

    def drop(where):
        nft = ("ip", "netns", "exec", where, "nft")
        if sh(*nft, "add", "table", "ip", "early", check_rc=False).returncode:
            raise live.Skip("this kernel has no nf_tables")
        sh(*nft, "add", "chain", "ip", "early", "out", "{ type filter hook output priority 0; }")
        sh(*nft, "add", "rule", "ip", "early", "out",
           "tcp flags & (syn|ack) == (syn|ack) limit rate over 1/second burst 1 packets drop")

    equal(fast_open(setup=drop), 1, "connections that were accepted before their handshake was over")


# --- hosts of one address family: socklife itself is inside ---

CONNECTION = {"client": ["connect", "close"], "server": ["accept", "close"], "listener": ["bind", "listen", "close"]}


def inside(where, program, family):
    """A trigger's whole run with socklife in the namespace too."""
    out, facts = live.new_path(".out"), live.new_path(".facts")
    done = subprocess.run(in_netns(where, live.binary(), "trace", "--json", "-o", out, "--", live.program(program)),
                          env=dict(os.environ, TRIGGER_FACTS=facts), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=live.PATIENCE)
    equal(done.returncode, 0, "exit (%r)" % done.stderr)
    with open(out, "rb") as f:
        records = live.parse(f.read())
    live.check_stream(records, live.read_facts(facts))
    lives = {life[-1]["role"]: life for life in live.by_sock(records).values()}
    equal({role: [r["type"] for r in life] for role, life in lives.items()}, CONNECTION, "records")
    equal({r["family"] for life in lives.values() for r in life}, {family}, "families")
    return records


def test_ipv6_only():
    """No IPv4 address at all, not even 127.0.0.1."""
    with netns() as where:
        sh("ip", "-n", where, "addr", "del", "127.0.0.1/8", "dev", "lo")
        records = inside(where, "tcp6", "ipv6")
        equal([r for r in records if r["type"] == "finding"], [], "findings")


def test_ipv4_only():
    """disable_ipv6 everywhere in the namespace."""
    with netns(net__ipv6__conf__all__disable_ipv6=1, net__ipv6__conf__default__disable_ipv6=1,
               net__ipv6__conf__lo__disable_ipv6=1) as where:
        records = inside(where, "tcp_local_close", "ipv4")
        equal([r for r in records if r["type"] == "finding"], [], "findings")


# --- cgroup hierarchies ---

V2_GONE = """while read -r _ path type _; do [ "$type" != cgroup2 ] || umount -l "$path"; done </proc/mounts"""
HYBRID = """mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/named /sys/fs/cgroup/unified &&
mount -t cgroup -o none,name=socklife none /sys/fs/cgroup/named && mount -t cgroup2 none /sys/fs/cgroup/unified"""


def with_cgroups(mounts):
    """A trigger's run in a mount namespace with such mounts; its records."""
    live.need("unshare")
    out = live.new_path(".out")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", mounts + '\nexec "$@"', "sh", live.binary(), "trace", "--json",
                           "-o", out, "--", live.program("tcp_local_close")], stdin=subprocess.DEVNULL,
                          env=dict(os.environ, TRIGGER_FACTS=live.new_path(".facts")), capture_output=True,
                          timeout=live.PATIENCE)
    equal(done.returncode, 0, "exit (%r)" % done.stderr)
    with open(out, "rb") as f:
        records = live.parse(f.read())
    lives = {life[-1]["role"]: [r["type"] for r in life] for life in live.by_sock(records).values()}
    equal(lives, CONNECTION, "records")
    return records


def test_cgroup_none():
    """No cgroup2 is mounted anywhere: every event is there all the same, and the cgroup's id."""
    for record in with_cgroups(V2_GONE):
        if record["type"] in live.SOCKET_TYPES:
            check(record.get("cgroup_id", "").isdigit(), "cgroup_id in %r", record)


def test_cgroup_hybrid():
    """cgroup v1 with its own named hierarchy, and cgroup2 beside it: the path is the one in cgroup2."""
    path, inode = live.cgroup2()
    for record in with_cgroups(HYBRID):
        if record["type"] in live.SOCKET_TYPES:
            equal(record.get("cgroup"), path, "cgroup")
            if inode:
                equal(record.get("cgroup_id"), str(inode), "cgroup_id")
