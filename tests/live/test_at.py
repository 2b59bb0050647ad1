# SPDX-License-Identifier: GPL-2.0-or-later
"""
socklife ports --at: what the log of a recorder says of a moment is what ports said in that moment; where nobody recorded
it says so; what of a log cannot be read is named.
"""
import gzip
import json
import os
import shutil
import signal
import subprocess
import time

import audit
import live
import logs
from live import check, equal

# Everything that has a port, as it is when the program says "ready"; a line more, and some of it goes, some comes.
WORK = r"""
import os, socket, sys
def tcp(family=socket.AF_INET):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s
def listener(family, addr, port):
    s = tcp(family)
    s.bind((addr, port))
    s.listen(16)
    return s
def pair(l, port, addr="127.0.0.1"):
    c = socket.create_connection((addr, port))
    return c, l.accept()[0]
def ready(word):
    with open(sys.argv[1], "a") as f:
        f.write(word + "=1\n")
    sys.stdin.readline()
ready("before")
web = listener(socket.AF_INET, "0.0.0.0", 80)
six = listener(socket.AF_INET6, "::", 8443)
keep = [pair(web, 80) for _ in range(4)] + [pair(six, 8443), pair(six, 8443, "::1")]
for first in (0, 1, 0):
    ends = pair(web, 80)
    ends[first].close()
    ends[1 - first].close()
only = tcp()
only.bind(("127.0.0.1", 7777))
client = socket.socket()
client.bind(("127.0.0.1", 6666))
client.connect(("127.0.0.1", 80))
keep.append((client, web.accept()[0]))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("0.0.0.0", 5353))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
v.connect(("127.0.0.1", 5353))
w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
w.sendto(b"x", ("127.0.0.1", 5353))
failed = socket.socket()
try:
    failed.connect(("127.0.0.1", 9))
except OSError:
    pass
gone = listener(socket.AF_INET, "127.0.0.1", 8888)
gone.close()
ready("first")
for ends in keep[:2]:
    for s in ends:
        s.close()
u.close()
late = listener(socket.AF_INET, "127.0.0.1", 9090)
keep.append(pair(late, 9090))
ready("second")
"""

SAME = ("sock", "inode", "proto", "family", "mapped", "laddr", "lport", "raddr", "rport", "state", "netns", "netns_cookie",
        "role", "service", "class", "options", "connections", "time_wait", "inferred")
SAME_PROCESS = ("proc", "pid", "comm", "uid", "user", "cgroup", "container")
SAME_NETNS = ("netns", "netns_cookie", "sockets", "range_low", "range_high", "reserved", "capacity", "tcp_used", "tcp_bound",
              "udp_used", "time_wait", "max_time_wait", "tw_reuse", "unprivileged_start", "tightest")


class Work:
    """The program in a namespace, and what is asked of it."""

    def __init__(self, where):
        self.path = live.new_path(".facts")
        script = live.new_path(".py")
        with open(script, "w", encoding="ascii") as f:
            f.write(WORK)
        self.process = subprocess.Popen(live.in_netns(where, "python3", script, self.path), stdin=subprocess.PIPE,
                                             preexec_fn=live.die_with_parent)
        self.until("before")

    def until(self, word):
        live.wait_for(lambda: word in live.read_facts(self.path), word)

    def go(self, word):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.until(word)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(live.PATIENCE)
        return False


def ports(*args, status=0):
    """Records of `ports --json` by type."""
    done = live.socklife("ports", "--json", *map(str, args))
    equal(done.returncode, status, "exit of ports (%s)" % done.stderr.decode())
    records = live.parse(done.stdout)
    for number, record in enumerate(records, 1):
        equal(record["seq"], number, "seq")
        live.schema.valid(record, live.schema.PORTS)
    return {kind: [r for r in records if r["type"] == kind] for kind in ("at", "port", "netns", "prediction")}


def text(*args, status=0):
    done = live.socklife("ports", *map(str, args))
    equal(done.returncode, status, "exit of ports (%s)" % done.stderr.decode())
    return done.stdout.decode()


def tuple_of(record):
    return tuple(record.get(k) for k in ("proto", "laddr", "lport", "raddr", "rport"))


def comparable(record):
    """What a log knows. The kernel gives what is left of a connection in TIME_WAIT another cookie."""
    waits = record["state"] == "TIME_WAIT"
    same = {k: record[k] for k in SAME if k in record and not (waits and k in ("sock", "inode", "options", "listener"))}
    same["processes"] = [{k: p[k] for k in SAME_PROCESS if k in p} for p in record["processes"]]
    if "rport" in record:
        same.pop("options", None)    # only bind() and listen() tell them
    return same


def compare(now, then):
    equal(then["at"][0]["covered"], True, "covered")
    mine, theirs = ({tuple_of(r): r for r in answer["port"]} for answer in (then, now))
    equal(sorted(mine, key=str), sorted(theirs, key=str), "sockets")
    check(len(theirs) > 10, "hardly anything to compare: %r", theirs)
    for key, record in theirs.items():
        equal(comparable(mine[key]), comparable(record), "socket %r" % (key,))
        if "expires_ms" in record:
            check(abs(mine[key]["expires_ms"] - record["expires_ms"]) < 5000, "TIME_WAIT: %r, %r", mine[key], record)
    listeners = lambda answer: {tuple_of(r): tuple_of(l) for r in answer["port"] for l in answer["port"]
                                if r.get("listener") == l["sock"]}
    equal(listeners(then), listeners(now), "listeners of connections")
    equal([{k: n.get(k) for k in SAME_NETNS} for n in then["netns"]],
          [{k: n.get(k) for k in SAME_NETNS} for n in now["netns"]], "budget")


def moment(where):
    """What ports says now, of a moment in which nothing changes."""
    inode = live.netns_inode(where)
    now = ports("--netns", inode)
    time.sleep(0.05)    # the records of before are in the log, and those after it later than this
    return now, now["port"][0]["ts"], inode


def two_moments(directory, where, *options, rotate=True):
    """(what was, when) twice, of one recorder and one program. Other load of this host is not to fill the log."""
    only = ("--netns", str(live.netns_inode(where)))
    with Work(where) as work, logs.Recorder(directory, *only, *options) as recorder:
        work.go("first")
        first = moment(where)
        if rotate:
            recorder.process.send_signal(signal.SIGHUP)
            live.wait_for(lambda: len(logs.segments(directory)) > 1, "a second segment")
        time.sleep(0.2)
        work.go("second")
        second = moment(where)
        logs.until_sealed(directory)
        recorder.stop()
    return first, second


def test_same_as_then():
    directory = live.new_path(".log")
    with live.netns() as where:
        moments = two_moments(directory, where)
        for now, ts, inode in moments:
            compare(now, ports("--at", ts, directory, "--netns", inode))
            check(any(r["state"] == "TIME_WAIT" for r in now["port"]), "nothing in TIME_WAIT")
    logs.Log(directory).stands_alone()
    log = logs.Log(directory)
    for records in log.segments:
        check(any("settings" in r for r in records), "no settings of a namespace in a segment")
    now, ts, inode = moments[0]
    # the same from its files, in whatever order, and from a pipe
    paths = [path for _, path in logs.segments(directory)]
    paths = [path if os.path.exists(path) else path + ".gz" for path in paths]
    compare(now, ports("--at", ts, *reversed(paths), "--netns", inode))
    data = b"".join(logs.read_bytes(path) for path in paths)
    done = subprocess.run([live.binary(), "ports", "--json", "--at", ts, "-", "--netns", str(inode)], input=data,
                          stdout=subprocess.PIPE, timeout=live.PATIENCE)
    equal(len([r for r in live.parse(done.stdout) if r["type"] == "port"]), len(now["port"]), "sockets, from stdin")


def test_one_segment():
    """The second segment says by itself what is open; of TIME_WAIT it knows its own."""
    directory, alone = live.new_path(".log"), live.new_path(".alone")
    with live.netns() as where:
        _, (now, ts, inode) = two_moments(directory, where)
    os.mkdir(alone)
    last = logs.segments(directory)[-1][1]
    shutil.copy(last if os.path.exists(last) else last + ".gz", alone)
    then = ports("--at", ts, alone, "--netns", inode)
    begun = then["at"][0]["time_wait_since"]
    of_log = lambda answer: {tuple_of(r) for r in answer["port"] if r["state"] != "TIME_WAIT"}
    equal(of_log(then), of_log(now), "sockets")
    check(begun < ts, "the segment began at %s", begun)


def test_text_and_filters():
    directory = live.new_path(".log")
    with live.netns() as where:
        _, (now, ts, inode) = two_moments(directory, where, rotate=False)
    said = text("--at", ts, directory, "--utc")
    check(said.startswith("At %s %s" % (ts[:10], ts[11:23])), "first line: %r", said)
    for word in ("8443", "TIME_WAIT", "Ephemeral ports:", "Outgoing, by destination and process:", "python3"):
        check(word in said, "no %r in %r", word, said)
    check("bind() succeed" not in said, "a prediction: %r", said)
    pid = next(r for r in now["port"] if r["lport"] == 80)["processes"][0]["pid"]
    story = text(80, "--at", ts, directory)
    for word in ("Port 80 (http): well-known", "below 1024", "LISTEN", "Connections: ", "python3 %d" % pid):
        check(word in story, "no %r in %r", word, story)
    check("Nobody has it." in text(12345, "--at", ts, directory), "nobody has port 12345")
    count = lambda *args: len(ports("--at", ts, directory, *args)["port"])
    equal(count("--netns", inode), len(now["port"]), "of the namespace")
    equal(len(ports(9090, "--at", ts, directory)["port"]), 2, "of a port")
    equal(count("--lport", "80", "--netns", inode), len([r for r in now["port"] if r["lport"] == 80]), "--lport")
    equal(count("--pid", pid), len([r for r in now["port"] if r["processes"]]), "--pid")
    equal(count("--comm", "nobody"), 0, "--comm")
    equal(count("--proto", "udp", "--netns", inode), len([r for r in now["port"] if r["proto"] == "udp"]), "--proto")
    equal(count("-6", "--netns", inode), len([r for r in now["port"] if r["family"] == "ipv6"]), "-6")
    equal(count("--uid", 0, "--cgroup", "/", "--netns", inode), count("--pid", pid), "--cgroup")
    equal(count("--cgroup", "/none"), 0, "--cgroup")


def test_not_covered():
    """Two recorders with a pause, the second killed, a third: each gap is named."""
    directory = live.new_path(".log")
    stamps = []

    def now():
        time.sleep(0.1)
        ns = time.time_ns()    # read once: a second that ends between two reads would be a second too early
        stamps.append(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + ".%09dZ" % (ns % 10**9))
        time.sleep(0.1)

    with live.netns() as where, Work(where) as work:
        only = ("--netns", str(live.netns_inode(where)))
        now()
        with logs.Recorder(directory, *only) as recorder:
            now()
            recorder.stop()
        work.go("first")
        now()
        with logs.Recorder(directory, *only) as recorder:
            now()
            work.go("second")
            logs.until_sealed(directory)
            recorder.kill()
        now()
        with logs.Recorder(directory, *only) as recorder:
            now()
            recorder.stop()
        now()
        inode = live.netns_inode(where)
    reasons = ["before-log", None, "stopped", None, "no-stop", None, "after-log"]
    for ts, reason in zip(stamps, reasons):
        answer = ports("--at", ts, directory, status=1 if reason else 0)
        at = answer["at"][0]
        equal(at["at"], ts, "the moment")
        equal(at["covered"], reason is None, "covered at %s" % ts)
        equal(at.get("gap", {}).get("reason"), reason, "reason")
        said = text("--at", ts, directory, status=1 if reason else 0)
        equal("not covered" in said, reason is not None, "not covered in %r" % said)
        if reason:
            equal(answer["port"] + answer["netns"], [], "sockets at %s" % ts)
            gap = at["gap"]
            check(gap.get("from", "0") <= ts <= gap.get("to", "9"), "%s lies in %r", ts, gap)
    # what the second recorder found was told by its snapshot
    found = {r["lport"] for r in ports("--at", stamps[3], directory, "--netns", inode)["port"]}
    check({80, 8443, 7777, 5353} <= found and 9090 not in found, "ports: %r", found)


def test_damaged():
    directory = live.new_path(".log")
    with live.netns() as where:
        (now, ts, inode), (_, later, _) = two_moments(directory, where)
    (_, first), (_, second) = logs.segments(directory)
    lines = logs.read_bytes(first).split(b"\n")
    at = next(i for i, line in enumerate(lines) if b'"type":"bind"' in line and b'"lport":7777' in line)

    def asked(name, data, moment, status, *words, packed=False):
        other = live.new_path(".log")
        os.mkdir(other)
        path = os.path.join(other, "socklife-000001.ndjson" + (".gz" if packed else ""))
        with open(path, "wb") as f:
            f.write(data)
        done = live.socklife("ports", "--json", "--at", moment, other, "--netns", str(inode))
        message = done.stderr.decode()
        equal(done.returncode, status, "exit, %s (%s)" % (name, message))
        for word in words:
            check(word in message, "%s: no %r in %r", name, word, message)
        check("Sanitizer" not in message, "%s", message)
        return {r["lport"] for r in live.parse(done.stdout) if r["type"] == "port"}

    whole = b"\n".join(lines)
    equal(asked("whole", whole, ts, 0), {r["lport"] for r in now["port"]}, "ports")
    for name, junk in (("junk", b"\xff\x00zork"), ("not JSON", lines[at][:-9]), ("wrong type", lines[at].replace(
            b'"netns_cookie":"', b'"netns_cookie":7,"x":"')), ("another version", b'{"v":2,"type":"bind"}')):
        broken = b"\n".join(lines[:at] + [junk] + lines[at + 1:])
        # the front of a line can be all right: then its number is not missing
        found = asked(name, broken, ts, 1, "socklife-000001.ndjson, line %d" % (at + 1))
        check(7777 not in found and 8443 in found, "%s: ports %r", name, found)
    packed = gzip.compress(whole)
    asked("cut gzip", packed[:len(packed) // 2], ts, 1, "is cut off", packed=True)
    asked("damaged gzip", packed[:300] + b"\0" * 50 + packed[350:], ts, 1, "damaged", packed=True)
    asked("binary", os.urandom(200000), ts, 1, "no records")
    asked("empty", b"", ts, 1, "no records")
    found = asked("long line", b"\n".join(lines[:at] + [b"x" * (17 << 20)] + lines[at + 1:]), ts, 1, "16 MB")
    check(8443 in found, "long line: ports %r", found)
    # the first segment is gone: nothing is known before the second
    os.unlink(first if os.path.exists(first) else first + ".gz")
    equal(ports("--at", ts, directory, status=1)["at"][0]["gap"]["reason"], "before-log", "reason")
    check(ports("--at", later, directory)["port"], "nothing in the second segment")


def test_filtered_recorder():
    directory = live.new_path(".log")
    with live.netns() as where:
        _, (_, ts, _) = two_moments(directory, where, "--lport", "80", rotate=False)
    at = ports("--at", ts, directory)
    equal(at["at"][0]["filtered"], True, "filtered")
    equal({r["lport"] for r in at["port"]}, {80}, "ports")
    check("--lport 80" in text("--at", ts, directory), "the filter is not told")


def test_usage():
    rows = [(["80", "81"], "unexpected '81'"), (["--at", "03:12"], "no log"), (["80", "--at", "03:12"], "no log"),
            (["--at", "zork", "/tmp"], "'zork' is not a time"), (["70000", "--at", "now", "/tmp"], "'70000' is not a port"),
            (["--at", "now", "/tmp", "/tmp"], "give one"), (["--at", "now", "-", "x"], "give one")]
    for args, words in rows:
        done = live.socklife("ports", *args)
        equal(done.returncode, 2, "exit of %r" % args)
        check(words in done.stderr.decode(), "%r: no %r in %r", args, words, done.stderr.decode())
    done = live.socklife("ports", "--at", "now", "/nonexistent")
    equal(done.returncode, 1, "exit")
    check("ENOENT" in done.stderr.decode(), "%r", done.stderr.decode())


def test_no_privilege():
    """A log is read by whoever may read its files."""
    directory = live.new_path(".log")
    with live.netns() as where:
        (now, ts, inode), _ = two_moments(directory, where, rotate=False)
    os.chmod(live.tmp(), 0o755)
    os.chmod(directory, 0o755)
    path = logs.segments(directory)[0][1]
    os.chmod(path, 0o644)
    binary = live.new_path(".bin")
    shutil.copy(live.binary(), binary)
    done = live.sh("setpriv", "--reuid=%d" % live.NOBODY, "--clear-groups", "--bounding-set=-all", binary, "ports", "--json",
                   "--at", ts, path, "--netns", str(inode))
    equal(len([r for r in map(json.loads, done.stdout.splitlines()) if r["type"] == "port"]), len(now["port"]), "sockets")


def test_hostile_words():
    """What a log says of a user or a container is not what a terminal does."""
    log = audit.Log()
    log.segments.append([])
    log.record("segment", version="0.1.0", kernel="6", args=[], segment=1, prev=log.head)
    log.record("start", version="0.1.0", kernel="6", args=[])
    who = {"proc": "100.5.1", "pid": 100, "comm": "web"}
    at = {"sock": "1", "proto": "tcp", "family": "ipv4", "laddr": "127.0.0.1", "lport": 80, "netns": 5, "netns_cookie": "1"}
    log.record("process", **who, uid=7, user="\x1b]0;own\x07\nroot", container="\x1b[31m\u202e\u00e9\u00e9\u00e9", runtime="docker",
               exe="/bin/web", args=["web"])
    log.record("bind", **at, **who, uid=7, state="CLOSE", req_port=80, options=[])
    log.record("listen", **at, **who, uid=7, state="LISTEN", backlog=5)
    log.stop()
    path = log.write(live.new_path(".log"))
    for port in ([], ["80"]):
        done = live.socklife("ports", *port, "--at", "2026-11-22T23:48:24.000000005Z", path)
        equal(done.returncode, 0, "exit (%r)" % done.stderr)
        check(b"\\x1b]0;own" in done.stdout, "the user's name: %r", done.stdout)
        live.check_text(b"TIME " + done.stdout)
        check("\u202e" not in done.stdout.decode(), "it turns the line round: %r", done.stdout)
