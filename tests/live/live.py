# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the live tests share: running triggers under socklife, reading its records, the invariants that hold for every
output, and the comparer for the whole sequence of records of one socket.
"""
import contextlib
import ctypes
import datetime
import ipaddress
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, "tests"))
import schema  # noqa: E402

SOCKLIFE = os.path.abspath(os.environ.get("SOCKLIFE", os.path.join(TOP, "socklife")))
TRIGGERS = os.path.abspath(os.environ.get("TRIGGERS", os.path.join(TOP, "build/tests/triggers")))
SLOW = int(os.environ.get("SOCKLIFE_TEST_SLOW", "1"))    # how many times slower than a machine this one is
PATIENCE = 25 * SLOW    # seconds that one socklife run may take
NOBODY = 65534

SOCKET_TYPES = {"snapshot", "bind", "listen", "connect", "accept", "peer", "state", "close"}
OTHER_TYPES = {"start", "stop", "process", "finding", "lost", "clock"}
ROLES = {"client", "server", "listener", "datagram", "idle"}
REASONS = {"local-close", "remote-close", "local-reset", "remote-reset", "timeout", "refused", "unreachable",
           "abandoned", "aborted", "bind-failed", "listen-failed", "connect-failed", "unused", "closed", "unknown"}
FINDINGS = {"port_conflict", "privileged_port", "address_not_local", "ephemeral_exhausted", "ephemeral_pressure",
            "accept_queue_full", "close_wait_leak", "time_wait_pressure", "fd_exhausted", "connect_failing",
            "conntrack_full", "port_in_ephemeral_range", "port_shared"}
STATES = {"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
          "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}
LIFE_TIMES = ["created", "bound", "listening", "established", "released", "ended"]

TS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
PROC = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")
DECIMAL = re.compile(r"^\d+$")
ERRNO = re.compile(r"^E[A-Z0-9]+$")


class Skip(Exception):
    """The test cannot run here; the text says why."""


# --- matchers: what stands for a value that is not known exactly ---

class Match:
    def __init__(self, text, test, absent=False):
        self.text, self.test, self.absent = text, test, absent

    def __repr__(self):
        return "<%s>" % self.text


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


ABSENT = Match("absent", lambda v: False, absent=True)
ANY = Match("anything", lambda v: True, absent=True)
PRESENT = Match("present", lambda v: True)
PORT = Match("a port", lambda v: is_int(v) and 0 < v < 65536)
TIME = Match("a time", lambda v: isinstance(v, str) and bool(TS.match(v)))
NONEMPTY_LIST = Match("a list that is not empty", lambda v: isinstance(v, list) and bool(v))
NO_OPTIONS = Match("no options", lambda v: not v, absent=True)


def at_least(low):
    return Match("at least %d" % low, lambda v: is_int(v) and v >= low)


def between(low, high):
    return Match("%d to %d" % (low, high), lambda v: is_int(v) and low <= v <= high)


def maybe(value):
    """This value, or no such field."""
    return Match("%r or absent" % (value,), lambda v: v == value and type(v) is type(value), absent=True)


def one_of(*values):
    return Match("one of %r" % (values,), lambda v: v in values)


def has_options(*names):
    return Match("options %s" % ", ".join(names), lambda v: isinstance(v, list) and sorted(v) == sorted(names))


def differs(want, got, path=""):
    """The differences between what is expected and what came, as lines. A dict needs only its own keys."""
    if isinstance(want, Match):
        return [] if want.test(got) else ["%s: expected %r, got %r" % (path, want, got)]
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return ["%s: expected an object, got %r" % (path, got)]
        lines = []
        for key, value in want.items():
            where = "%s.%s" % (path, key) if path else key
            if key not in got:
                if not (isinstance(value, Match) and value.absent):
                    lines.append("%s: expected %r, but it is absent" % (where, value))
            else:
                lines += differs(value, got[key], where)
        return lines
    if type(want) is not type(got) or want != got:
        return ["%s: expected %r, got %r" % (path, want, got)]
    return []


def check(condition, text, *args):
    if not condition:
        raise AssertionError(text % args if args else text)


def equal(got, want, what):
    check(got == want, "%s: expected %r, got %r", what, want, got)


# --- expected records: every field that the type always or never has ---

def _record(kind, defaults, fields):
    record = {"type": kind, "error": ABSENT, "inferred": ABSENT, "owner": ABSENT}
    record.update(defaults)
    record.update(fields)
    return record


def bind(**fields):
    return _record("bind", {"auto": ABSENT, "req_port": 0}, fields)


def auto_bind(**fields):
    return _record("bind", {"auto": True, "lport": PORT}, fields)


def listen(backlog, **fields):
    return _record("listen", {"backlog": backlog, "raddr": ABSENT, "rport": ABSENT}, fields)


def connect(**fields):
    return _record("connect", {"async": False, "syn_sent": True, "abandoned": ABSENT, "latency_us": at_least(0)},
                   fields)


def accept(listener, **fields):
    return _record("accept", {"listener": listener, "queue_us": at_least(0), "fd": at_least(0)}, fields)


def peer(raddr, rport, **fields):
    return _record("peer", {"raddr": raddr, "rport": rport}, fields)


def close(reason, role, **fields):
    return _record("close", {"reason": reason, "role": role, "unacked_bytes": ABSENT, "unread_bytes": ABSENT,
                             "time_wait": ABSENT, "ended": TIME, "duration_us": at_least(0)}, fields)


# --- namespaces and their sysctls ---

_names = itertools.count()


def sh(*cmd, check_rc=True, **options):
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, **options)
    if check_rc and done.returncode:
        raise AssertionError("%s: exit %d: %s" % (" ".join(cmd), done.returncode, done.stderr.strip()))
    return done


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip("%s is not installed" % program)


@contextlib.contextmanager
def netns(blackhole=False, **sysctls):
    """
    A network namespace of the test's own, gone after it. With blackhole: 198.18.0.1 is local, 198.18.0.2 swallows
    everything, 198.18.0.9 answers no ARP, 192.0.2.0/24 is unreachable, and nothing else has a route.
    """
    name = "sl-%s-%d-%d" % (os.environ.get("SOCKLIFE_LIVE_RUN", "x"), os.getpid(), next(_names))
    sh("ip", "netns", "add", name)
    try:
        ip = ("ip", "-n", name)
        sh(*ip, "link", "set", "lo", "up")
        if blackhole:
            sh(*ip, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
            sh(*ip, "addr", "add", "198.18.0.1/24", "dev", "v0")
            sh(*ip, "link", "set", "v0", "up")
            sh(*ip, "link", "set", "v1", "up")
            sh(*ip, "neigh", "add", "198.18.0.2", "lladdr", "02:00:00:00:00:99", "dev", "v0", "nud", "permanent")
            sh(*ip, "route", "add", "unreachable", "192.0.2.0/24")
        for key, value in sysctls.items():
            sh("ip", "netns", "exec", name, "sysctl", "-qw", "%s=%s" % (key.replace("__", "."), value))
        yield name
    finally:
        sh("ip", "netns", "del", name, check_rc=False)


def netns_inode(name=None):
    return os.stat("/run/netns/%s" % name if name else "/proc/self/ns/net").st_ino


def somaxconn():
    with open("/proc/sys/net/core/somaxconn") as f:
        return int(f.read())


# --- files of one test ---

_tmp = None


def tmp():
    """A directory that the runner removes after the test."""
    global _tmp
    if _tmp is None:
        _tmp = tempfile.mkdtemp(prefix="socklife-live-")
    return _tmp


def forget_tmp():
    global _tmp
    if _tmp is not None:
        shutil.rmtree(_tmp, ignore_errors=True)
        _tmp = None


def new_path(suffix):
    return os.path.join(tmp(), "%d%s" % (next(_names), suffix))


def read_facts(path):
    facts = {}
    if os.path.exists(path):
        with open(path) as f:
            for word in f.read().split():
                key, _, value = word.partition("=")
                facts[key] = int(value) if DECIMAL.match(value) else value
    return facts


def wait_for(test, what, seconds=10):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("%s: not within %d s" % (what, seconds))


# --- the records of one output ---

def parse(data):
    check(data.endswith(b"\n") or not data, "the last line is not complete")
    records = []
    for line in data.split(b"\n")[:-1]:
        check(not re.search(rb"[\x00-\x1f\x7f]", line), "control bytes in the line %r", line)
        line.decode("utf-8")
        record = json.loads(line)
        check(isinstance(record, dict), "not an object: %r", line)
        records.append(record)
    return records


def ns_of(ts):
    check(isinstance(ts, str) and TS.match(ts), "not a time with nanoseconds in UTC: %r", ts)
    whole = datetime.datetime.strptime(ts[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return int(whole.timestamp()) * 10**9 + int(ts[20:29])


def by_sock(records):
    groups = {}
    for record in records:
        if record["type"] in SOCKET_TYPES:
            groups.setdefault(record["sock"], []).append(record)
    return groups


def check_process(record, facts, seen):
    proc = PROC.match(record["proc"])
    check(proc, "proc %r is not PID.START.EXEC", record["proc"])
    equal(int(proc[1]), record["pid"], "pid inside proc")
    check(isinstance(record["comm"], str), "comm is %r", record["comm"])
    equal(seen.setdefault(record["pid"], proc[2]), proc[2], "start time of pid %d" % record["pid"])
    start = facts.get("start_%d" % record["pid"])
    if start is not None:
        ticks = int(proc[2]) * os.sysconf("SC_CLK_TCK") // 10**9
        check(abs(ticks - start) <= 1, "pid %d started at tick %d, proc says %d", record["pid"], start, ticks)


def check_told(record, told):
    """A `process` record: once in an output."""
    check(record["proc"] not in told, "a second record of the process %s", record["proc"])
    told[record["proc"]] = record
    equal(int(PROC.match(record["proc"])[1]), record["pid"], "pid inside proc")
    start = ns_of(record["started"]) - (ns_of(record["ts"]) - record["boot_ns"])
    equal(start, int(PROC.match(record["proc"])[2]), "started")
    if "parents" in record:
        equal(record["ppid"], record["parents"][0]["pid"] if record["parents"] else 0, "ppid")
    if "exe" in record:
        check(record["exe"].startswith(("/", ".../")), "exe is %r", record["exe"])


def check_known(record, told):
    """Who acts and who owns have had their `process` record."""
    for who in (record, record.get("owner", {}), record.get("closed_by", {})):
        check("proc" not in who or who["proc"] in told, "no process record before %s", json.dumps(record))


def check_address(record, side):
    addr, port = record.get(side + "addr"), record.get(side + "port")
    if addr is not None:
        ip = ipaddress.ip_address(addr)
        version = 6 if record["family"] == "ipv6" and not record.get("mapped") else 4
        equal(ip.version, version, "address version of %s" % addr)
        equal(addr, str(ip), "spelling of an address")
    if port is not None:
        check(is_int(port) and 0 < port < 65536, "%sport is %r", side, port)


def check_socket_record(record, facts, seen):
    check(isinstance(record["sock"], str) and DECIMAL.match(record["sock"]), "sock is %r", record["sock"])
    check(isinstance(record["netns_cookie"], str) and DECIMAL.match(record["netns_cookie"]), "netns_cookie is %r",
          record["netns_cookie"])
    check(is_int(record["netns"]) and record["netns"] > 0, "netns is %r", record["netns"])
    check(record["proto"] in ("tcp", "udp", "mptcp"), "proto is %r", record["proto"])
    check(record["family"] in ("ipv4", "ipv6"), "family is %r", record["family"])
    check("mapped" not in record or record["mapped"] is True, "mapped is %r", record.get("mapped"))
    check("state" not in record or record["state"] in STATES, "state is %r", record.get("state"))
    check_address(record, "l")
    check_address(record, "r")
    check("error" not in record or ERRNO.match(record["error"]), "error is %r", record.get("error"))
    check("inferred" not in record or (isinstance(record["inferred"], list) and record["inferred"]),
          "inferred is %r", record.get("inferred"))
    if "proc" in record:
        check_process(record, facts, seen)
    else:
        check("pid" not in record and "comm" not in record, "a pid without a proc: %r", record)
    for key in ("owner", "closed_by"):
        if "proc" in record.get(key, {}):
            check_process(record[key], facts, seen)
    for key in ("abandoned", "auto", "time_wait"):
        check(key not in record or record[key] is True, "%s is %r", key, record.get(key))
    for key in ("uid", "tid", "nspid", "inode", "fd"):
        check(key not in record or is_int(record[key]), "%s is %r", key, record.get(key))
    check("cgroup_id" not in record or (isinstance(record["cgroup_id"], str) and DECIMAL.match(record["cgroup_id"])),
          "cgroup_id is %r", record.get("cgroup_id"))


def check_close(record):
    check(record["role"] in ROLES, "role is %r", record["role"])
    check(record["reason"] in REASONS, "reason is %r", record["reason"])
    times = [(key, ns_of(record[key])) for key in LIFE_TIMES if key in record]
    check("ended" in record, "a close without ended")
    for (first, one), (second, two) in zip(times, times[1:]):
        # listen() and connect() may each come first; an orphan's end may precede nothing else
        check(one <= two or {first, second} <= {"bound", "listening", "established"}, "%s (%d) is after %s (%d)",
              first, one, second, two)
    if "created" in record:
        life = (ns_of(record["ended"]) - ns_of(record["created"])) // 1000
        check(abs(life - record["duration_us"]) <= 1, "duration_us is %d, created to ended %d", record["duration_us"],
              life)
    closed_by = record.get("closed_by")
    if closed_by is not None:
        check("exit" not in closed_by or closed_by["exit"] is True, "closed_by is %r", closed_by)
        if closed_by.get("kernel"):
            equal(closed_by, {"kernel": True}, "closed_by")
        elif "proc" in record:
            equal(closed_by["proc"], record["proc"], "closed_by and the acting process")
            equal(closed_by["pid"], record["pid"], "closed_by and the acting process")
            equal(closed_by["comm"], record["comm"], "closed_by and the acting process")


def no_nulls(value, where):
    check(value is not None, "%s is null", where)
    if isinstance(value, dict):
        for key, item in value.items():
            no_nulls(item, "%s.%s" % (where, key))
    elif isinstance(value, list):
        for item in value:
            no_nulls(item, where)


def check_stream(records, facts=None, lost=(), whole=True):
    """What holds for every output. `whole`: no --event or --failed has taken records out."""
    facts = facts or {}
    seen = {}
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read().strip()
    check(len(records) >= 2, "no start and stop: %r", records)
    offsets = []
    told = {}
    for number, record in enumerate(records, 1):
        no_nulls(record, record.get("type"))
        schema.valid(record)
        equal(record["v"], 1, "v")
        equal(record["seq"], number, "seq")
        equal(record["boot"], boot, "boot")
        equal(record["host"], socket.gethostname(), "host")
        check(is_int(record["boot_ns"]) and record["boot_ns"] > 0, "boot_ns is %r", record["boot_ns"])
        check(record["type"] in SOCKET_TYPES | OTHER_TYPES, "type is %r", record["type"])
        offsets.append(ns_of(record["ts"]) - record["boot_ns"])
        if record["type"] == "process":
            check_told(record, told)
        else:
            check_known(record, told)
        if record["type"] in SOCKET_TYPES:
            try:
                check_socket_record(record, facts, seen)
                if record["type"] == "close":
                    check_close(record)
            except (AssertionError, KeyError) as error:
                raise AssertionError("%s in %s" % (error, json.dumps(record)))
        elif record["type"] == "finding":
            check(record["finding"] in FINDINGS, "finding is %r", record["finding"])
        elif record["type"] == "lost":
            check(record["reason"] in lost, "lost: %r", record)
            check(is_int(record["count"]) and record["count"] > 0, "lost count: %r", record)
            check("from" in record and "to" in record, "lost without a time span: %r", record)
    check(max(offsets) - min(offsets) < 10**9, "ts and boot_ns drift apart by %d ns", max(offsets) - min(offsets))
    equal([i for i, r in enumerate(records) if r["type"] == "start"], [0], "places of start")
    equal([i for i, r in enumerate(records) if r["type"] == "stop"], [len(records) - 1], "places of stop")
    equal(records[0]["kernel"], os.uname().release, "kernel in start")
    for key in ("version", "machine_id", "args", "hooks", "blind"):
        check(key in records[0], "start has no %s", key)
    for key in ("events", "lost", "findings"):
        check(key in records[-1], "stop has no %s", key)
    for sock, life in by_sock(records).items():
        stamps = [record["boot_ns"] for record in life]
        equal(stamps, sorted(stamps), "boot_ns of %s" % sock)
        for key in ("proto", "family", "netns", "netns_cookie"):
            equal(len({record[key] for record in life}), 1, "number of %s of %s" % (key, sock))
        if whole and not lost:
            equal([r["type"] for r in life].count("close"), 1, "closes of %s (%s)" % (sock, [r["type"] for r in life]))
            equal(life[-1]["type"], "close", "last record of %s" % sock)


class Run:
    """One finished `socklife trace --json`: its records and the trigger's facts."""

    def __init__(self, records, facts, status=0, stderr="", where=None):
        self.records, self.facts, self.status, self.stderr = records, facts, status, stderr
        self.netns = netns_inode(where)
        self.socks = by_sock(records)

    def of(self, *types):
        return [r for r in self.records if r["type"] in types]

    def id(self, name):
        return str(self.facts[name])

    def who(self, name):
        """Fields of a record in which this process acted."""
        pid = self.facts[name + "_pid"]
        return {"pid": pid, "tid": pid, "comm": name, "uid": 0, "thread": ABSENT, "nspid": ABSENT}

    def closed_by(self, name, **more):
        return dict({"pid": self.facts[name + "_pid"], "comm": name, "exit": ABSENT, "kernel": ABSENT}, **more)

    def close(self, reason, role, name, **fields):
        """A close by the owner itself."""
        return close(reason, role, **{**self.who(name), "closed_by": self.closed_by(name), **fields})

    def sent(self, name):
        """After a reset the acknowledged part lags behind: both parts together are what the program sent."""
        last = self.socks[self.id(name)][-1]
        return last["tx_bytes"] + last.get("unacked_bytes", 0)

    def listener(self, name="listener", who="server", addr="127.0.0.1", backlog=8, accepted=1, **common):
        """The life of an ordinary listener."""
        self.life(name, {**self.ends(name), "raddr": ABSENT, "rport": ABSENT, **common},
                  bind(req_addr=addr, **self.who(who)), listen(backlog, **self.who(who)),
                  self.close("closed", "listener", who, accepted=accepted, created=TIME, bound=TIME, listening=TIME,
                             released=TIME, established=ABSENT))

    def ends(self, name, remote=True):
        """The ends that the trigger read from the socket itself."""
        fields = {}
        for side in ("l", "r") if remote else ("l",):
            key = "%s_%saddr" % (name, side)
            if key not in self.facts:
                continue
            addr = self.facts[key]
            if addr.startswith("::ffff:"):
                addr = addr[7:]
                fields["mapped"] = True
            fields[side + "addr"] = addr
            fields[side + "port"] = self.facts["%s_%sport" % (name, side)]
        return fields

    def life(self, name, common, *expected):
        """The whole sequence of records of one socket, every one with the common fields and its own."""
        sock = self.id(name) if name in self.facts else name
        got = self.socks.get(sock, [])
        text = "\n".join("    " + json.dumps(r) for r in got)
        equal([r["type"] for r in got], [r["type"] for r in expected], "records of %s (%s)\n%s\n" % (name, sock, text))
        base = {"proto": "tcp", "family": "ipv4", "mapped": ABSENT, "netns": self.netns,
                "netns_cookie": str(self.facts["netns_cookie"])}
        lines = []
        for number, (record, want) in enumerate(zip(got, expected), 1):
            want = {**base, **common, **want}
            lines += ["%s, record %d (%s): %s" % (name, number, want["type"], line) for line in differs(want, record)]
        check(not lines, "%s\n%s", "\n".join(lines), text)

    def process(self, name):
        """The `process` record of a trigger's process."""
        found = [r for r in self.of("process") if r["pid"] == self.facts[name + "_pid"]]
        equal(len(found), 1, "process records of %s" % name)
        return found[0]

    def only(self, *names):
        """No socket but these has records."""
        known = {self.id(name): name for name in names}
        extra = {sock: [r["type"] for r in life] for sock, life in self.socks.items() if sock not in known}
        check(not extra, "records of sockets that should have none: %r", extra)

    def no_findings(self):
        equal(self.of("finding"), [], "findings")

    def findings(self, name):
        return [r for r in self.of("finding") if r["finding"] == name]


# --- running socklife ---

def binary():
    if not os.access(SOCKLIFE, os.X_OK):
        raise Skip("%s is not built" % SOCKLIFE)
    return SOCKLIFE


def program(name):
    path = os.path.join(TRIGGERS, name)
    if not os.access(path, os.X_OK):
        raise Skip("%s is not built" % path)
    return path


def socklife(*args, timeout=PATIENCE, **options):
    """Run it to its end; returns the finished process, its outputs in bytes."""
    return subprocess.run([binary(), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=timeout, **options)


def said(stderr):
    """What it said, without the line about a hook that this kernel cannot have: sock_send_length came with Linux 6.3."""
    if tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (6, 3):
        return stderr
    return re.sub(r"(?m)^socklife: this kernel does not take tp_btf/sock_send_length: .*\n", "", stderr)


def in_netns(name, *cmd):
    return ["ip", "netns", "exec", name, *cmd] if name else list(cmd)


def same_bytes(live, replayed, what):
    if live == replayed:
        return
    for number, (one, two) in enumerate(zip(live.split(b"\n"), replayed.split(b"\n")), 1):
        check(one == two, "%s, line %d: live\n    %r\nreplayed\n    %r", what, number, one, two)
    raise AssertionError("%s: live has %d bytes, replayed %d" % (what, len(live), len(replayed)))


def traced(cmd, options=(), as_json=True, facts=None, status=0, env=None, capture=None):
    """`trace [--json] -o FILE --capture FILE OPTIONS -- CMD`, and its replay must give the same bytes."""
    out, capture = new_path(".out"), capture or new_path(".capture")
    form = ["--json"] if as_json else []
    environment = dict(os.environ, **(env or {}))
    if facts:
        environment["TRIGGER_FACTS"] = facts
    done = socklife("trace", *form, "-o", out, "--capture", capture, *options, "--", *cmd, env=environment)
    stderr = done.stderr.decode("utf-8", "replace")
    check(done.returncode == status, "exit %d, expected %d: %s", done.returncode, status, stderr)
    with open(out, "rb") as f:
        live = f.read()
    again = socklife("replay", *form, capture, env=environment)
    equal(again.returncode, 0, "exit of replay (%s)" % again.stderr.decode("utf-8", "replace").strip())
    same_bytes(live, again.stdout, "replay %s" % " ".join(form))
    return live, stderr


def check_text(text):
    check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text), "control bytes in the text output: %r", text)
    check(not re.search("[\x80-\x9f]", text.decode("utf-8")), "C1 control characters in the text output: %r", text)
    check(text.startswith(b"TIME "), "the text has no header: %r", text[:80])


def trigger(name, *args, where=None, options=(), status=0, lost=(), whole=True, text=True):
    """Run a trigger under socklife, with JSON, and its capture once more as text; returns the JSON run."""
    path, capture = new_path(".facts"), new_path(".capture")
    output, stderr = traced(in_netns(where, program(name), *args), options, True, path, status, capture=capture)
    records = parse(output)
    run = Run(records, read_facts(path), status, stderr, where)
    check_stream(records, run.facts, lost, whole)
    if not lost:    # else what is there is looked up again
        equal(run.of("snapshot"), [], "snapshots under trace -- CMD")
    if text:
        done = socklife("replay", capture)
        equal(done.returncode, 0, "exit of replay (%s)" % done.stderr.decode("utf-8", "replace").strip())
        check_text(done.stdout)
        run.text = done.stdout.decode()
    return run


def cgroup2():
    """Path of this process in the cgroup2 hierarchy, and that directory's inode (None if not mounted)."""
    with open("/proc/self/cgroup") as f:
        path = next(line.split(":", 2)[2].rstrip("\n") for line in f if line.startswith("0::"))
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    return path, os.stat(mounts[0] + path).st_ino if mounts else None


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)    # PR_SET_PDEATHSIG


class Tracer:
    """A `socklife trace --json` without CMD, for as long as the with block lasts; then `records` has its output."""

    def __init__(self, *options, lost=(), whole=True, stop=signal.SIGINT):
        self.options, self.lost, self.whole, self.stop = options, lost, whole, stop
        self.path = new_path(".out")
        self.records = self.run = None

    def __enter__(self):
        self.process = subprocess.Popen([binary(), "trace", "--json", "-o", self.path, *self.options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=die_with_parent)
        try:
            wait_for(self.ready, "start record")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError("socklife ended at once, exit %d: %s" % (self.process.returncode,
                                 self.process.stderr.read().decode("utf-8", "replace")))
        return os.path.exists(self.path) and os.path.getsize(self.path) > 0

    def finish(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop)
        _, self.stderr = self.process.communicate(timeout=PATIENCE)
        with open(self.path, "rb") as f:
            self.records = parse(f.read())

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.finish()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        if kind is None:
            equal(self.process.returncode, 0, "exit of socklife (%s)" % self.stderr.decode("utf-8", "replace"))
            check_stream(self.records, {}, self.lost, whole=False)
            self.socks = by_sock(self.records)
        return False

    def written(self):
        """The records by now, one after the other."""
        with open(self.path, "rb") as f:
            lines = f.read().split(b"\n")[:-1]
        return map(json.loads, lines)

    def has(self, **fields):
        """Has a record with these fields been written by now?"""
        for record in self.written():
            if all(record.get(key) == value for key, value in fields.items()):
                return record
        return None


class Held:
    """A trigger that waits for its stdin, outside of any trace -- CMD: holding its sockets until release()."""

    def __init__(self, *args, name="hold", where=None):
        self.path = new_path(".facts")
        env = dict(os.environ, TRIGGER_FACTS=self.path)
        self.process = subprocess.Popen(in_netns(where, program(name), *map(str, args)), stdin=subprocess.PIPE,
                                        env=env, preexec_fn=die_with_parent)
        self.facts = self.until("ready")

    def until(self, fact):
        return wait_for(lambda: read_facts(self.path) if fact in read_facts(self.path) else None, fact)

    def line(self, fact):
        """One line to it, and its answer."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.facts = self.until(fact)

    def release(self):
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None
            equal(self.process.wait(timeout=PATIENCE), 0, "exit of the trigger")
            self.facts = read_facts(self.path)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.release()
        elif self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return False


def run_alone(name, *args, prefix=()):
    """Run a trigger without socklife around it; returns its facts."""
    path = new_path(".facts")
    done = subprocess.run([*prefix, program(name), *args], env=dict(os.environ, TRIGGER_FACTS=path),
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE)
    equal(done.returncode, 0, "exit of %s (%s)" % (name, done.stderr.decode("utf-8", "replace")))
    return read_facts(path)
