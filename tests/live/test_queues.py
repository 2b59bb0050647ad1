# SPDX-License-Identifier: GPL-2.0-or-later
"""
Queues, leaks and limits of a namespace: what a finding says against what ss and the sysctls say at that moment. Each
test has a namespace of its own.
"""
import contextlib
import re
import subprocess
import time

import live
from live import check, equal, netns, netns_inode, wait_for


class Watch(live.Tracer):
    """A tracer of one namespace, with a capture that must replay to the same bytes."""

    def __init__(self, where, *options, **more):
        self.capture = live.new_path(".capture")
        self.where, self.inode = where, netns_inode(where)
        super().__init__("--netns", "/run/netns/" + where, "--capture", self.capture, *options, **more)

    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        if kind is None:
            again = live.socklife("replay", "--json", self.capture)
            equal(again.returncode, 0, "exit of replay (%s)" % again.stderr.decode("utf-8", "replace"))
            with open(self.path, "rb") as f:
                live.same_bytes(f.read(), again.stdout, "replay")
        return False

    def until(self, finding, status="open"):
        """Something happens all the time meanwhile: an idle namespace is looked at each 5 s only."""
        def test():
            live.run_alone("udp_bind", prefix=live.in_netns(self.where))
            time.sleep(0.2)
            return self.has(type="finding", finding=finding, status=status)
        return wait_for(test, "%s %s" % (finding, status), 20)

    def findings(self, name):
        return [r for r in self.records if r["type"] == "finding" and r["finding"] == name]

    def silent(self, *allowed):
        said = [r for r in self.records if r["type"] == "finding" and r["finding"] not in allowed]
        equal(said, [], "findings")


class Held(live.Held):
    """A trigger that runs inside the namespace."""

    def __init__(self, where, name, *args):
        self.path = live.new_path(".facts")
        env = dict(live.os.environ, TRIGGER_FACTS=self.path)
        self.process = subprocess.Popen(live.in_netns(where, live.program(name), *map(str, args)),
                                        stdin=subprocess.PIPE, env=env, preexec_fn=live.die_with_parent)
        self.facts = self.until("ready")


def ss(where, *args):
    """Lines of ss inside, without the header."""
    return live.sh(*live.in_netns(where, "ss", "-Hn", *args)).stdout.splitlines()


def sysctl(where, name, value=None):
    word = name if value is None else "%s=%s" % (name, value)
    return live.sh(*live.in_netns(where, "sysctl", "-n" if value is None else "-qw", word)).stdout.strip()


def common(finding, severity, watch, pid=None, comm=None):
    equal(finding["severity"], severity, "severity")
    equal(finding["netns"], watch.inode, "netns")
    for key in ("message", "advice", "key", "first", "last"):
        check(finding.get(key), "no %s: %r", key, finding)
    if pid:
        equal((finding["pid"], finding["comm"]), (pid, comm), "process")
        check(str(pid) in finding["message"] and comm in finding["message"], "message: %r", finding["message"])


def lives(watch, name):
    """One finding, opened and closed under one key."""
    found = watch.findings(name)
    equal([r["status"] for r in found if r["status"] != "update"], ["open", "closed"], "status of %s" % name)
    equal(len({r["key"] for r in found}), 1, "keys of %s" % name)
    equal(watch.records[-1]["findings"][name], 1, "count in stop")


# --- accept_queue_full ---

def listener_now(where, port):
    """Length, limit and drops as ss has them."""
    line = " ".join(ss(where, "-tlm", "sport", "=", ":%d" % port))
    length, limit = re.findall(r"\d+", line)[:2]
    return int(length), int(limit), int(re.search(r",d(\d+)\)", line)[1])


def queue_full(address, backlog, clients, **sysctls):
    with netns(**sysctls) as where, Watch(where) as watch:
        with Held(where, "accept_full", address, backlog, clients) as held:
            watch.until("accept_queue_full")
            facts = held.facts
            length, limit, drops = listener_now(where, facts["listener_lport"])
            somaxconn = int(sysctl(where, "net.core.somaxconn"))
            held.line("accepting")
            # no more drops or length: closed 10 s later, or with its listener
        watch.until("accept_queue_full", "closed")
    lives(watch, "accept_queue_full")
    found = watch.findings("accept_queue_full")[0]
    common(found, "error", watch, facts["slow_pid"], "slow")
    evidence = found["evidence"]
    equal((evidence["length"], evidence["limit"]), (length, limit), "length and limit, as ss has them")
    check(evidence["drops_new"] <= evidence["drops_total"] <= drops, "drops %r, ss has %d", evidence, drops)
    equal(evidence["somaxconn"], somaxconn, "somaxconn")
    check("slowest_wait_ms" not in evidence, "an accept() that was none: %r", evidence)
    equal([(h["sock"], h["pid"], h["comm"], h["state"], h["lport"]) for h in found["holders"]],
          [(str(facts["listener"]), facts["slow_pid"], "slow", "LISTEN", facts["listener_lport"])], "holders")
    return found, facts, length, limit


def test_accept_queue_full():
    """More wait than the backlog: at once, with the drops."""
    found, facts, length, limit = queue_full("127.0.0.1", 2, 8)
    equal((length, limit), (3, 2), "what was set up")
    check(found["evidence"]["drops_total"] > 0, "no drops: %r", found["evidence"])
    equal(found["evidence"]["capped_by_somaxconn"], False, "capped")
    check("strace -f -p %d" % facts["slow_pid"] in found["advice"], "advice: %r", found["advice"])
    check("backlog of 128 instead of 2" in found["advice"], "advice: %r", found["advice"])


def test_accept_queue_full_capped():
    """listen() asked for more than somaxconn of its namespace allows."""
    found, facts, _, _ = queue_full("::1", 4096, 7, net__core__somaxconn=5)
    equal(found["evidence"]["capped_by_somaxconn"], True, "capped")
    check("nsenter -t %d -n sysctl -w net.core.somaxconn=128 (now 5)" % facts["slow_pid"] in found["advice"],
          "advice: %r", found["advice"])


def test_accept_queue_backlog_zero():
    """One connection fills a backlog of 0: told when it stays so."""
    found, _, length, limit = queue_full("127.0.0.1", 0, 1)
    equal((length, limit, found["evidence"]["drops_total"]), (1, 0, 0), "what was set up")


def test_accept_queue_healthy():
    """A listen(1) server with one waiting for a moment, and a queue that is long but not full."""
    with netns() as where, Watch(where) as watch:
        with Held(where, "accept_full", "127.0.0.1", 1, 1) as short, Held(where, "accept_full", "127.0.0.1", 64, 60):
            time.sleep(0.4)
            short.line("accepting")
            time.sleep(2)
            equal(len(ss(where, "-tl")), 2, "listeners")
    watch.silent()


def test_accept_queue_slow():
    """It accepts, but slowly: how long the slowest waited, as the accept records have it."""
    with netns() as where, Watch(where) as watch, Held(where, "accept_full", "127.0.0.1", 2, 8, 250):
        watch.until("accept_queue_full")
    found = watch.findings("accept_queue_full")[0]
    waits = [r["queue_us"] for r in watch.records if r["type"] == "accept" and r["seq"] < found["seq"]]
    equal(found["evidence"]["slowest_wait_ms"], max(waits) // 1000, "slowest of %r" % waits)


def test_accept_queue_old_drops():
    """Drops from before the start are not news."""
    with netns() as where, Held(where, "accept_full", "127.0.0.1", 2, 8) as held:
        port = held.facts["listener_lport"]
        wait_for(lambda: listener_now(where, port)[2] >= 5, "drops")
        held.line("accepting")
        wait_for(lambda: not ss(where, "-t", "state", "syn-sent", "state", "syn-recv"), "all accepted")
        old = listener_now(where, port)[2]
        with Watch(where) as watch:
            time.sleep(2.5)
        equal(listener_now(where, port)[2], old, "drops while it was traced")
    watch.silent()


# --- close_wait_leak ---

def test_close_wait_leak():
    with netns() as where, Watch(where, "--close-wait", "1s") as watch:
        with Held(where, "close_wait", 5) as held:
            watch.until("close_wait_leak")
            lines = ss(where, "-t", "state", "close-wait")
            with_process = ss(where, "-tp", "state", "close-wait")
            facts = held.facts
            held.line("closed")
            watch.until("close_wait_leak", "closed")
    equal(len(lines), 6, "what was set up")
    lives(watch, "close_wait_leak")
    found = watch.findings("close_wait_leak")[0]
    common(found, "warning", watch, facts["leaky_pid"], "leaky")
    evidence = found["evidence"]
    equal(evidence["count"], len(lines), "count, as ss has it")
    equal(evidence["not_accepted"], len([line for line in with_process if "leaky" not in line]), "not accepted")
    check(1 <= evidence["oldest_s"] < 10, "oldest: %r", evidence)
    equal((evidence["peers"], evidence["peers_total"]), ("127.0.0.1 (6)", 1), "peers")
    port = found["holders"][0]["lport"]
    equal((evidence["lports"], evidence["lports_total"]), ("%d (6)" % port, 1), "local ports")
    check("leaves 6 connections of local port %d in CLOSE_WAIT" % port in found["message"], "%s", found["message"])
    equal([(p["pid"], p["comm"], p["sockets"]) for p in evidence["processes"]], [(facts["leaky_pid"], "leaky", 6)],
          "processes")
    equal(sorted((h["lport"], h["rport"]) for h in found["holders"]),
          sorted(tuple(int(end.rsplit(":", 1)[1]) for end in line.split()[2:4]) for line in lines),
          "holders, as ss has them")
    equal({(h["pid"], h["state"]) for h in found["holders"]}, {(facts["leaky_pid"], "CLOSE_WAIT")}, "holders")
    check(str(facts["first"]) in [h["sock"] for h in found["holders"]], "the first is no holder")


def test_close_wait_for_less():
    """A second of it is no leak yet, nor is a connection over which the other direction still talks."""
    with netns() as where, Watch(where) as watch, Held(where, "close_wait", 2):
        time.sleep(2.5)
        equal(len(ss(where, "-t", "state", "close-wait")), 3, "what was set up")
    watch.silent()
    with netns() as where, Watch(where, "--close-wait", "1s") as watch, Held(where, "close_wait", "talk"):
        time.sleep(3)
        equal(len(ss(where, "-t", "state", "close-wait")), 1, "what was set up")
    watch.silent()


def test_close_wait_from_before():
    """Leaked before the start: found at the first look, with the process that the snapshot found."""
    with netns() as where, Held(where, "close_wait", 3) as held:
        time.sleep(1.2)
        with Watch(where, "--close-wait", "1s") as watch:
            watch.until("close_wait_leak")
    found = watch.findings("close_wait_leak")[0]
    common(found, "warning", watch, held.facts["leaky_pid"], "leaky")
    equal(found["evidence"]["count"], 4, "count")


# --- time_wait_pressure ---

def time_wait_now(where):
    """As ss has it; -s tells of the namespace."""
    return len(ss(where, "-t", "state", "time-wait"))


def test_time_wait_pressure():
    with netns(net__ipv4__tcp_max_tw_buckets=100) as where, Watch(where) as watch:
        with Held(where, "time_wait", 85) as held:
            watch.until("time_wait_pressure")
            count = time_wait_now(where)
            sysctl(where, "net.ipv4.tcp_max_tw_buckets", 1000)
            watch.until("time_wait_pressure", "closed")
            facts = held.facts
    lives(watch, "time_wait_pressure")
    found = watch.findings("time_wait_pressure")[0]
    common(found, "warning", watch)
    evidence = found["evidence"]
    seen = evidence["count"]    # the look may have come while they still came
    check(80 <= seen <= count <= 85, "%d in TIME_WAIT, %d seen", count, seen)
    equal((evidence["limit"], evidence["percent"]), (100, seen), "limit")
    equal([(p["pid"], p["comm"]) for p in evidence["processes"]], [(facts["closer_pid"], "closer")], "who closes first")
    # nor has every record been read that was written when the kernel is asked
    check(80 <= evidence["processes"][0]["closed_first"] <= 85, "closed_first of %r", evidence)
    check("nsenter -t %d -n sysctl -w net.ipv4.tcp_max_tw_buckets=200" % facts["closer_pid"] in found["advice"],
          "advice: %r", found["advice"])


def test_time_wait_below():
    """79 % is none."""
    with netns(net__ipv4__tcp_max_tw_buckets=100) as where, Watch(where) as watch, Held(where, "time_wait", 79):
        time.sleep(2)
        equal(time_wait_now(where), 79, "what was set up")
    watch.silent()


# --- conntrack_full ---

CONNTRACK_MOST = 300000    # entries, of some 320 bytes, that a test may make


def conntrack(where):
    """Connections are tracked; the limit, which is one for all namespaces and not touched here."""
    live.need("nft")
    rules = "table inet t { chain out { type filter hook output priority 0; ct state invalid counter; }; }"
    done = live.sh(*live.in_netns(where, "nft", rules), check_rc=False)
    if done.returncode:
        raise live.Skip("no connection tracking: %s" % done.stderr.strip())
    limit = int(sysctl(where, "net.netfilter.nf_conntrack_max"))
    if limit > CONNTRACK_MOST:
        raise live.Skip("nf_conntrack_max is %d here: to fill so much takes too long" % limit)
    for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
        sysctl(where, "net.netfilter." + name, 100)
    return limit


def test_conntrack_full():
    """And 94 % of it, before, is none."""
    with netns() as where:
        limit = conntrack(where)
        with Watch(where) as watch, Held(where, "conntrack_fill", limit * 94 // 100) as held:
            time.sleep(1.5)
            check(94 <= int(sysctl(where, "net.netfilter.nf_conntrack_count")) * 100 // limit < 95, "94 %")
        watch.silent()
        with Watch(where) as watch, Held(where, "conntrack_fill", limit * 96 // 100) as held:
            watch.until("conntrack_full")
            count = int(sysctl(where, "net.netfilter.nf_conntrack_count"))
            facts = held.facts
    lives(watch, "conntrack_full")
    found = watch.findings("conntrack_full")[0]
    common(found, "error", watch)
    evidence = found["evidence"]
    equal((evidence["limit"], evidence["namespace"]), (limit, watch.inode), "limit and namespace")
    check(limit * 95 // 100 <= evidence["count"] <= count, "count %r, nf_conntrack_count is %d", evidence, count)
    check((facts["filler_pid"], "filler", 2) in [(p["pid"], p["comm"], p["connections"])
                                                 for p in evidence["processes"]], "processes: %r", evidence)


# --- port_in_ephemeral_range ---

@contextlib.contextmanager
def listening(where, *args):
    with Held(where, "hold", *args) as held:
        yield held.facts["listener_lport"], held


def test_port_in_ephemeral_range():
    """The command in the advice puts it right, and keeps what was reserved."""
    with netns(net__ipv4__ip_local_port_range="30000 50000", net__ipv4__ip_local_reserved_ports="31000,40000-40010") \
            as where, Watch(where) as watch, listening(where, 45678) as (port, held):
        found = watch.until("port_in_ephemeral_range")
        live.sh("sh", "-c", re.search(r"reserve it: (.*?) \(", found["advice"])[1])
        equal(sysctl(where, "net.ipv4.ip_local_reserved_ports"), "31000,40000-40010,45678", "after the command")
        watch.until("port_in_ephemeral_range", "closed")
    lives(watch, "port_in_ephemeral_range")
    common(found, "info", watch, held.facts["server_pid"], "server")
    equal(found["sock"], str(held.facts["listener"]), "sock")
    equal(found["evidence"], {"count": 1, "port": 45678, "range_low": 30000, "range_high": 50000,
                              "sysctl": "net.ipv4.ip_local_reserved_ports", "reserved": "31000,40000-40010"}, "evidence")


def test_port_in_ephemeral_range_several():
    """The commands of several advices do not take back each other, whichever is run first, nothing being reserved yet."""
    with netns() as where, Watch(where) as watch, listening(where, 45678), listening(where, 45680):
        found = [wait_for(lambda port=port: watch.has(type="finding", lport=port), "a finding of %d" % port)
                 for port in (45680, 45678)]
        for one in found:
            live.sh("sh", "-c", re.search(r"reserve it: (.*?) \(the line", one["advice"])[1])
        equal(sysctl(where, "net.ipv4.ip_local_reserved_ports"), "45678,45680", "after the commands")


def test_port_in_ephemeral_range_many_reserved():
    """More than a command line can take, and more than stdio reads at once: the command takes it from the sysctl."""
    ports = ",".join(str(port) for port in range(33000, 33600, 2))
    with netns(net__ipv4__ip_local_reserved_ports=ports) as where, Watch(where) as watch, \
            listening(where, 45678), listening(where, 33598):
        found = watch.until("port_in_ephemeral_range")
        command = re.search(r"reserve it: (.*?) \(the line", found["advice"])[1]
        live.sh("sh", "-c", command)
        equal(sysctl(where, "net.ipv4.ip_local_reserved_ports"), ports + ",45678", "after the command")
    check("reserved" not in found["evidence"], "evidence: %r", found["evidence"])
    equal({r["evidence"]["port"] for r in watch.findings("port_in_ephemeral_range")}, {45678}, "ports")


def test_port_in_ephemeral_range_not():
    """Reserved, outside of the range, chosen by the kernel, never bound."""
    with netns(net__ipv4__ip_local_reserved_ports="45678") as where, Watch(where) as watch, \
            listening(where, 45678), listening(where, 32767), listening(where, 0):
        live.run_alone("listen_no_bind", prefix=live.in_netns(where))
        time.sleep(0.2)
    watch.silent()


def test_port_in_ephemeral_range_from_before():
    with netns() as where, listening(where, 45678) as (port, held), listening(where, 0), listening(where, 8080):
        with Watch(where) as watch:
            watch.until("port_in_ephemeral_range")
    found = watch.findings("port_in_ephemeral_range")
    equal([(r["evidence"]["port"], r["pid"]) for r in found if r["status"] == "open"],
          [(port, held.facts["server_pid"])], "ports")


# --- port_shared ---

def shared(where, *args, by, relation):
    with Watch(where) as watch, Held(where, "share_port", *args) as held:
        found = watch.until("port_shared")
        port = held.facts["first_lport"]
        pids = {int(pid) for line in ss(where, "-tulp", "sport", "=", ":%d" % port)
                for pid in re.findall(r"pid=(\d+)", line)}
        facts = held.facts
        held.line("left")
        watch.until("port_shared", "closed")
    lives(watch, "port_shared")
    watch.silent("port_shared")
    common(found, "info", watch, facts["second_pid"], "second")
    equal(found["sock"], str(facts["second"]), "sock")
    equal([(h["sock"], h["pid"], h["comm"], h["lport"]) for h in found["holders"]],
          [(str(facts["first"]), facts["first_pid"], "first", port)], "holders")
    equal({found["pid"], found["holders"][0]["pid"]}, pids, "processes on the port, as ss has them")
    equal((found["evidence"]["by"], found["evidence"]["relation"]), (by, relation), "how")
    check("estimated" not in found["evidence"], "estimated: %r", found["evidence"])


def test_port_shared():
    with netns() as where:
        shared(where, "tcp", "reuseport", 8080, "0.0.0.0", "0.0.0.0", by="reuseport", relation="same-address")
        shared(where, "tcp", "reuseport", 8080, "::", "127.0.0.1", by="reuseport", relation="more-specific")


def test_port_shared_udp():
    with netns() as where:
        shared(where, "udp", "reuseaddr", 5300, "0.0.0.0", "127.0.0.1", by="reuseaddr", relation="more-specific")
        shared(where, "udp", "reuseaddr", 5300, "127.0.0.1", "0.0.0.0", by="reuseaddr", relation="less-specific")


def test_port_shared_not():
    """Workers of one program, and the same port on two addresses."""
    with netns() as where, Watch(where) as watch:
        with Held(where, "share_port", "tcp", "reuseport", 8080, "0.0.0.0", "0.0.0.0", "first") as held:
            held.line("left")
        with Held(where, "share_port", "tcp", "reuseport", 8080, "127.0.0.1", "127.0.0.2") as held:
            held.line("left")
    watch.silent()
    equal(len([r for r in watch.records if r["type"] == "listen"]), 4, "listeners")
