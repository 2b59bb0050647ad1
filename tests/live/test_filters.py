# SPDX-License-Identifier: GPL-2.0-or-later
"""Filters: those that choose sockets admit their whole later life, those that choose records choose records."""
import contextlib
import os
import socket
import struct
import subprocess
import time

import live
from live import check, equal, netns, trigger


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def selected(run, *names):
    """Exactly these sockets have records, each through its close."""
    run.only(*names)
    for name in names:
        check(run.id(name) in run.socks, "no records of %s", name)
        equal(run.socks[run.id(name)][-1]["type"], "close", "last record of %s" % name)


def hold(*options, port=None, **more):
    port = port or free_port()
    return trigger("hold", str(port), options=[o.format(port=port, next=port + 1) for o in options], text=False,
                   **more)


def test_none():
    selected(hold(), "listener", "client", "child", "dgram")


def test_port():
    for form in ("{port}", "1-2,{port}", "{port}-{next}", "7,{port}"):
        selected(hold("--port", form), "listener", "client", "child")
    selected(hold("-P", "{port}"), "listener", "client", "child")


def test_lport():
    selected(hold("--lport", "{port}"), "listener", "child")


def test_rport():
    selected(hold("--rport", "{port}"), "client")


def test_two_filters_must_both_match():
    selected(hold("--port", "{port}", "--comm", "server"), "listener", "child")
    selected(hold("--port", "{port}", "--proto", "udp"))


def test_proto():
    selected(hold("--proto", "udp"), "dgram")
    selected(hold("--proto", "tcp"), "listener", "client", "child")
    selected(hold("--proto", "tcp,udp"), "listener", "client", "child", "dgram")


def test_comm():
    selected(hold("--comm", "client"), "client")
    selected(hold("--comm", "nobody-has-it"))


def test_family():
    both = ["server4", "client4"], ["server6", "client6"]
    selected(trigger("udp_connect", options=["-4"], text=False), *both[0])
    selected(trigger("udp_connect", options=["-6"], text=False), *both[1])


def test_addr():
    selected(trigger("bind_no_port", options=["--addr", "127.0.0.2"], text=False), "client", "child")
    selected(trigger("bind_no_port", options=["--laddr", "127.0.0.2/32"], text=False), "client")
    selected(trigger("bind_no_port", options=["--raddr", "127.0.0.2/32"], text=False), "child")
    selected(trigger("bind_no_port", options=["--addr", "10.0.0.0/8"], text=False))
    selected(trigger("bind_no_port", options=["--addr", "127.0.0.0/8"], text=False), "client", "child", "listener")
    selected(trigger("udp_connect", options=["--addr", "::1/128"], text=False), "server6", "client6")


def test_addr_mapped():
    """An IPv4 CIDR also matches v4-mapped IPv6."""
    selected(trigger("tcp_dual_stack", options=["--addr", "127.0.0.0/8"], text=False), "plain", "mapped", "first",
             "second")


def test_uid():
    for value in ("65534", "nobody"):
        selected(trigger("bind_privileged", options=["--uid", value], text=False), "bound")
    selected(trigger("bind_privileged", options=["-u", "0"], text=False))


def test_netns():
    """By path and by number; the same trigger runs in the host's namespace before."""
    with netns() as name:
        path = "/run/netns/%s" % name
        for value in (path, str(os.stat(path).st_ino)):
            facts = live.new_path(".facts")
            script = "%s && ip netns exec %s %s" % (live.program("bind_unused"), name, live.program("bind_unused"))
            output, _ = live.traced(["sh", "-c", script], options=["--netns", value], facts=facts)
            records = live.parse(output)
            live.check_stream(records)
            groups = live.by_sock(records)
            equal(list(groups), [str(live.read_facts(facts)["bound"])], "sockets")
            equal([r["netns"] for r in list(groups.values())[0]], [netns_inode(path)] * 2, "netns")


def netns_inode(path):
    return os.stat(path).st_ino


CAPTURE_EVENT, EV_PROCESS = 2, 11    # src/capture.h, include/events.h


def processes_captured(path):
    """Names of the processes that the kernel side told of: more than the output has, which leaves out who has no record."""
    with open(path, "rb") as f:
        data = f.read()
    names, at = set(), 12
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        if kind == CAPTURE_EVENT and struct.unpack_from("=H", data, at + 8)[0] == EV_PROCESS:
            names.add(data[at + 40:at + 56].partition(b"\0")[0].decode())    # ev_head, then ev_owner
        at += 8 + size
    return names


def test_processes_of_other_sockets():
    """Programs with no socket that matches are not told of: bound, connected, accepted, sent, closed elsewhere."""
    with netns() as here, netns() as there:
        with live.Held(where=here) as held:
            port = held.facts["listener_lport"]
            for options in (["--netns", "/run/netns/" + here], ["--port", "1"], ["--lport", "1"], ["--rport", "1"],
                            ["--addr", "198.51.100.0/24"], ["--laddr", "::1"], ["--raddr", "198.51.100.7"],
                            ["--netns", "/run/netns/" + here, "--port", str(port), "--uid", "0"]):
                capture = live.new_path(".capture")
                with live.Tracer("--capture", capture, *options) as tracer:
                    for name, *args in (("short_lives", "5"), ("tcp_local_close",), ("udp_autobind",)):
                        live.run_alone(name, *args, prefix=["ip", "netns", "exec", there])
                mine = {held.facts["server_pid"], held.facts["client_pid"]}
                others = [r for r in tracer.records if r["type"] not in ("start", "stop") and r.get("pid") not in mine]
                equal(others, [], "records with %r" % options)
                equal(processes_captured(capture), set(), "processes told of with %r" % options)


def test_processes_of_selected_sockets():
    """Who has a record is told first-hand, whichever filter admits the socket, at whichever call."""
    for options, names in ((["--rport", "{port}"], {"client"}), (["--lport", "{port}"], {"server"}),
                           (["--port", "{port}"], {"client", "server"}), (["--addr", "127.0.0.1"], {"client", "server"}),
                           (["--laddr", "127.0.0.0/8", "--proto", "tcp"], {"client", "server"})):
        told = {r["comm"]: r for r in hold(*options).of("process")}
        equal(set(told), names, "processes with %r" % options)
        for name, record in told.items():
            check("inferred" not in record, "with %r %s is not first-hand: %r", options, name, record)


@contextlib.contextmanager
def gated(*cmd):
    """A process that waits at a gate before it becomes CMD: its pid is known before it does anything."""
    facts = live.new_path(".facts")
    process = subprocess.Popen(["sh", "-c", 'read gate; exec "$@"', "sh", *cmd], stdin=subprocess.PIPE,
                               env=dict(os.environ, TRIGGER_FACTS=facts), preexec_fn=live.die_with_parent)

    def go():
        process.stdin.write(b"\n")
        process.stdin.close()
        equal(process.wait(timeout=live.PATIENCE), 0, "exit")
        return live.read_facts(facts)
    try:
        yield process.pid, go
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def by_pid(follow, *names):
    with gated(live.program("tcp_local_close")) as (pid, go):
        with live.Tracer("--pid", str(pid), *follow) as tracer:
            facts = go()
            live.wait_for(lambda: tracer.has(type="close", sock=str(facts["listener"])), "close of the listener")
            live.wait_for(lambda: all(tracer.has(type="close", sock=str(facts[n])) for n in names), "closes")
    equal(set(tracer.socks), {str(facts[name]) for name in names}, "sockets")


def test_pid():
    by_pid([], "listener", "child")


def test_pid_follow():
    by_pid(["-f"], "listener", "child", "client")


@contextlib.contextmanager
def cgroup(name):
    """A cgroup of this name below the cgroup2 root, as long as the with block lasts; its directory."""
    mount = next((line.split()[1] for line in open("/proc/self/mounts") if line.split()[2] == "cgroup2"), None)
    if not mount:
        raise live.Skip("cgroup2 is not mounted")
    path = os.path.join(mount, name)
    os.mkdir(path)
    try:
        yield path
    finally:
        os.rmdir(path)


def by_cgroup(name, *options):
    """Only what runs in the cgroup is told, with its path; the records of its socket."""
    with cgroup(name) as path:
        with live.Tracer(*options) as tracer:
            live.run_alone("bind_unused")
            facts = live.run_alone("bind_unused", prefix=["sh", "-c", 'echo $$ >%s/cgroup.procs; exec "$@"' % path,
                                                          "sh"])
            live.wait_for(lambda: tracer.has(type="close", sock=str(facts["bound"])), "close")
    equal(list(tracer.socks), [str(facts["bound"])], "sockets")
    for record in tracer.socks[str(facts["bound"])]:
        equal(record["cgroup"], "/" + name, "cgroup")
    return tracer.socks[str(facts["bound"])]


def test_cgroup():
    name = "socklife-live-%d" % os.getpid()
    by_cgroup(name, "--cgroup", "/" + name)


def test_container():
    """The id is in the cgroup's name, as Docker and others have it; its first 12 digits are enough."""
    container = ("%064x" % (0x50c41ee << 224 | os.getpid()))
    for record in by_cgroup("docker-%s.scope" % container, "--container", container[:12]):
        equal(record["container"], container, "container")


def test_unit():
    name = "socklife-live-%d.service" % os.getpid()
    by_cgroup(name, "--unit", name)
    by_cgroup(name, "--unit", name[:-len(".service")])


@contextlib.contextmanager
def cgroups(parent, names):
    """Cgroups of these names below one; a name can have one level more."""
    paths = [os.path.join(parent, name) for name in names]
    try:
        for path in paths:
            os.makedirs(path)
        yield paths
    finally:
        for path in paths:
            while path != parent:
                with contextlib.suppress(OSError):
                    os.rmdir(path)
                path = os.path.dirname(path)


def test_unit_that_comes_and_goes():
    """Of more cgroups, one after the other, than a filter has room for, the last is seen like the first."""
    unit = "socklife-live-%d.service" % os.getpid()
    with cgroup("socklife-live-%d" % os.getpid()) as path:
        with live.Tracer("--unit", unit) as tracer:
            for turn in range(2):
                with cgroups(path, ["%d-%d/%s" % (turn, i, unit) for i in range(3000)]):
                    time.sleep(2.5 * live.SLOW)    # it looks once a second
            with cgroups(path, ["last/" + unit]) as (last,):
                time.sleep(2.5 * live.SLOW)
                facts = live.run_alone("bind_unused", prefix=["sh", "-c", 'echo $$ >%s/cgroup.procs; exec "$@"' % last,
                                                              "sh"])
                live.wait_for(lambda: tracer.has(type="close", sock=str(facts["bound"])), "close")


def types(run):
    return [r["type"] for r in run.of(*live.SOCKET_TYPES)]


def test_event():
    run = trigger("tcp_local_close", options=["--event", "connect"], whole=False, text=False)
    equal(types(run), ["connect"], "records")
    run = trigger("tcp_local_close", options=["--event", "bind,accept"], whole=False)
    equal(types(run), ["bind", "accept"], "records")
    run = trigger("tcp_local_close", options=["--event", "close"], whole=False, text=False)
    equal(types(run), ["close"] * 3, "records")


def test_failed():
    run = trigger("connect_retry", options=["--failed"], whole=False)
    equal([(r["type"], r.get("error")) for r in run.of(*live.SOCKET_TYPES)], [("connect", "ECONNREFUSED")], "records")
    run = trigger("tcp_local_close", options=["--failed"], whole=False, text=False)
    equal(types(run), [], "records")


def test_errno():
    run = trigger("connect_retry", options=["--errno", "ECONNREFUSED"], whole=False, text=False)
    equal([(r["type"], r.get("error")) for r in run.of(*live.SOCKET_TYPES)], [("connect", "ECONNREFUSED")], "records")
    run = trigger("connect_retry", options=["--errno", "ETIMEDOUT,EADDRINUSE"], whole=False, text=False)
    equal(types(run), [], "records")


def test_slower():
    with netns(blackhole=True) as where:
        run = trigger("connect_abandoned", "198.18.0.2", where=where, options=["--slower", "100ms"], whole=False,
                      text=False)
        equal(types(run), ["connect"], "records")
        run = trigger("connect_abandoned", "198.18.0.2", where=where, options=["--slower", "5s"], whole=False,
                      text=False)
        equal(types(run), [], "records")


def test_finding_names_a_holder_that_the_filter_hides():
    run = trigger("bind_in_use", "127.0.0.1", "127.0.0.1", options=["--comm", "newcomer"], text=False)
    selected(run, "newcomer")
    equal([h["pid"] for h in run.findings("port_conflict")[0]["holders"]], [run.facts["holder_pid"]], "holders")


def test_event_close_of_unbound_sender():
    """The close of a UDP socket whose first send chose its port, where that send is not asked for."""
    run = trigger("udp_autobind", options=["--event", "close"], whole=False, text=False)
    for name in ("udp4", "udp6"):
        life = run.socks.get(run.id(name), [])
        equal([(r["type"], r.get("role"), r.get("reason")) for r in life], [("close", "datagram", "closed")],
              "records of " + name)
        equal(life[0]["lport"], run.facts[name + "_lport"], "port of " + name)
    run.only("udp4", "udp6")
    with live.Tracer("--event", "close", "--comm", "udp") as tracer:
        facts = live.run_alone("udp_autobind")
        for name in ("udp4", "udp6"):
            live.wait_for(lambda: tracer.has(type="close", sock=str(facts[name])), "close of " + name)
    equal(types(live.Run(tracer.records, facts)), ["close", "close"], "records")
