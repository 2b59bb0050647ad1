# SPDX-License-Identifier: GPL-2.0-or-later
"""
--metrics: what is counted against what happened, as promtool and a real Prometheus read it; scrapers that hang, hostile
names, more of them than are told apart, a disk that is full; and the watchdog.
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import live
import logs
import metrics
import test_privileges
from live import check, equal, netns, wait_for
from logs import Recorder, flood
from metrics import free_port, get, scrape, until
from test_record_faults import fill

COMMS = 126    # METRICS_COMMS
BUCKETS_OF = "socklife_connect_latency_seconds"


def directory():
    return os.path.join(live.tmp(), "log")


@contextlib.contextmanager
def recorder(where, *options, **more):
    port = free_port()
    with Recorder(more.pop("path", directory()), "--netns", "/run/netns/%s" % where, "--metrics", str(port), *options,
                  **more) as r:
        r.port = port
        yield r


@contextlib.contextmanager
def script(where, text, *args):
    """A Python program inside; it says "ready" and then waits for the end of its stdin."""
    with subprocess.Popen(live.in_netns(where, sys.executable, "-c", text, *map(str, args)), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, preexec_fn=live.die_with_parent) as process:
        equal(process.stdout.readline(), b"ready\n", "what the script says")
        yield process
        process.stdin.close()
        equal(process.wait(live.PATIENCE), 0, "exit of the script")


REFUSED = """
import socket, sys
for _ in range(int(sys.argv[1])):
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", 9)) == 111
"""


def refused(where, count):
    live.sh(*live.in_netns(where, sys.executable, "-c", REFUSED, str(count)))


def promtool(*args, **options):
    live.need("promtool")
    done = subprocess.run(["promtool", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=live.PATIENCE, **options)
    equal(done.returncode, 0, "exit of promtool %s (%s)" % (" ".join(args), done.stdout))


def test_counts():
    """Every count against what happened; both formats say the same; promtool takes it."""
    with netns() as where, recorder(where) as r:
        before = scrape(r.port)
        equal({labels["type"]: value for labels, value in before.all("socklife_events_total") if value}, {}, "events")
        flood(50, where)
        refused(where, 7)
        s = until(r.port, "all events", lambda s: s.value("socklife_events_total", type="close") == 50 * 2 + 1 + 7)
        equal({labels["type"]: value for labels, value in s.all("socklife_events_total") if labels["type"] != "process"},
              {"snapshot": 0, "bind": 1, "listen": 1, "connect": 57, "accept": 50, "peer": 0, "state": 0, "close": 108},
              "events")
        equal(s.all("socklife_failures_total"), [({"type": "connect", "errno": "ECONNREFUSED"}, 7)], "failures")
        equal(s.value("socklife_closes_total", reason="refused"), 7, "closes that were refused")
        equal(sum(value for _, value in s.all("socklife_closes_total")), 108, "closes by reason")
        equal(s.value("socklife_connect_latency_seconds_count"), 50, "connects that were timed")
        equal(s.value("socklife_accept_wait_seconds_count"), 50, "accepts that were timed")
        for role in ("client", "server"):
            equal(s.value("socklife_connection_duration_seconds_count", role=role), 50, "connections of a %s" % role)
        equal([value for _, value in s.all("socklife_lost_records_total") if value], [], "lost")
        equal([labels for labels, value in s.all("socklife_findings_total") if value],
              [{"finding": "connect_failing", "status": "open"}], "findings")
        equal([labels for labels, value in s.all("socklife_open_findings") if value],
              [{"finding": "connect_failing", "severity": "warning"}], "open findings")
        check(s.value("process_cpu_seconds_total") > 0 and s.value("process_resident_memory_bytes") > 1 << 20,
              "own CPU and memory")
        check(abs(s.value("process_start_time_seconds") - time.time()) < live.PATIENCE * 2, "start time")
        status, kind, plain = get(r.port, accept="text/plain")
        equal((status, kind), (200, metrics.PLAIN), "answer in the older format")
        promtool("check", "metrics", input=plain)
        for line in plain.splitlines():
            if not line.startswith(("#", "process_", "socklife_look", "socklife_scrapes", "socklife_sockets")):
                check(line in s.text, "only in the older format: %r", line)
        check(scrape(r.port).value("socklife_scrapes_total", result="complete") >= 3, "scrapes")
        equal(get(r.port, "/healthz")[0::2], (200, "ok\n"), "/healthz")
        equal(get(r.port, "/other")[0], 404, "another path")
        equal(r.stop(), "", "stderr")
        log = logs.whole(directory())
        stop = log.of("stop")[0]
        equal({kind: stop["events"].get(kind, 0) for kind in ("bind", "listen", "connect", "accept", "close")},
              {"bind": 1, "listen": 1, "connect": 57, "accept": 50, "close": 108}, "counts of stop")


LOOK = """
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 8080))
server.listen(5)
shared = [socket.socket() for _ in range(2)]
for s in shared:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", 8081))
    s.listen(7)
clients = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(3)]
datagram = socket.socket(type=socket.SOCK_DGRAM)
datagram.bind(("127.0.0.1", 53))
with open("/proc/self/comm", "w") as f:
    f.write("looker")
print("ready", flush=True)
sys.stdin.read()
"""


def test_looks():
    """Sockets by state, accept queues, ephemeral ports: against what a process holds. At most each 5 s."""
    with netns(net__ipv4__ip_local_port_range="40000 40099") as where, script(where, LOOK), recorder(where) as r:
        s = scrape(r.port)
        inode = str(live.netns_inode(where))
        states = {(labels["proto"], labels["state"]): int(value) for labels, value in s.all("socklife_sockets") if value}
        equal(states, {("tcp", "ESTABLISHED"): 6, ("tcp", "LISTEN"): 3, ("udp", "UNCONNECTED"): 1}, "states")
        for name, want in (("length", (3, 0)), ("limit", (5, 14))):
            for port, value in zip((8080, 8081), want):
                equal(s.value("socklife_accept_queue_" + name, netns=inode, laddr="127.0.0.1", lport=str(port),
                              comm="looker"), value, "%s of the queue of %d" % (name, port))
        at = {"netns": inode, "laddr": "127.0.0.1", "raddr": "127.0.0.1", "rport": "8080"}
        equal(s.all("socklife_ephemeral_ports_used"), [(at, 3)], "ports used")
        equal(s.all("socklife_ephemeral_ports_capacity"), [(at, 100)], "ports there are")
        # 3 listeners, 3 clients, a datagram socket; those not accepted yet are nobody's
        equal(s.value("socklife_open_sockets", comm="looker"), 7, "open sockets")
        time.sleep(0.1)
        check(scrape(r.port).value("socklife_look_age_seconds") >= 0.1, "a second look at once")


NAMES = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None)
end, ready = os.pipe(), os.pipe()
names = [bytes.fromhex(word) for word in sys.argv[1:]]
for name in names:
    if os.fork() == 0:
        libc.prctl(15, name)
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        os.write(ready[1], b"x")
        os.close(end[1])
        os.read(end[0], 1)
        os._exit(0)
for _ in names:
    os.read(ready[0], 1)
print("ready", flush=True)
sys.stdin.read()
os.close(end[1])
for _ in names:
    os.wait()
"""
HOSTILE = {b'"\x1b[31m\n"} 1': '"\\x1b[31m\\x0a"} 1', b"\xff\xfe a\xc3": "\\xff\\xfe a\\xc3", b"a\\nb": "a\\x5cnb",
           b"\xe2\x80\xaeabc": None, "größe".encode(): "größe"}


def open_sockets(s):
    return {labels.get("comm", ""): int(value) for labels, value in s.all("socklife_open_sockets")}


def test_names():
    """Names that would break the format; more of them than are told apart; one that is called as the rest is."""
    many = [b"p%03d" % i for i in range(COMMS + 14)]
    with netns() as where, recorder(where) as r:
        with script(where, NAMES, *(name.hex() for name in [*HOSTILE, b"other"])):
            s = until(r.port, "all sockets", lambda s: sum(open_sockets(s).values()) == len(HOSTILE) + 1)
            found = open_sockets(s)
            for name in filter(None, HOSTILE.values()):
                equal(found.get(name), 1, "open sockets of %r among %r" % (name, found))
            equal((len(found), found["other"]), (len(HOSTILE) + 1, 1), "names %r" % found)
            promtool("check", "metrics", input=get(r.port, accept="text/plain")[2])
        until(r.port, "none any more", lambda s: open_sockets(s) == {"other": 0})
        with script(where, NAMES, *(name.hex() for name in many)):
            s = until(r.port, "all sockets", lambda s: sum(open_sockets(s).values()) == len(many))
            found = open_sockets(s)
            equal((len(found), found["other"]), (COMMS + 1, 14), "names and the rest")
        # their places are free again
        with script(where, NAMES, *(name.hex() for name in many[-20:])):
            s = until(r.port, "the last", lambda s: sum(open_sockets(s).values()) == 20)
            equal(open_sockets(s)["other"], 0, "the rest")
        r.stop()


def hang(port, request):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect(("127.0.0.1", port))
    s.sendall(request)
    return s


def test_hanging():
    """Scrapers that say nothing, half of it, or never read: nothing is lost, others are answered, and they are closed."""
    with netns() as where, recorder(where) as r:
        begin = time.monotonic()
        whole = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        silent = [hang(r.port, request) for request in (b"", b"GET /met") for _ in range(7)]
        deaf = [hang(r.port, whole * 40) for _ in range(7)]
        produced = 0
        while time.monotonic() - begin < 2:
            produced += flood(500, where)
            asked = time.monotonic()
            scrape(r.port)
            check(time.monotonic() - asked < 2 * live.SLOW, "a scrape among those that hang: %.1f s",
                  time.monotonic() - asked)
        for s in silent:    # METRICS_TIMEOUT_S
            s.settimeout(25 * live.SLOW)
            equal(s.recv(1), b"", "what one that hangs is told")
            s.close()
        until(r.port, "scrapes that were not taken",
              lambda s: s.value("socklife_scrapes_total", result="incomplete") == len(deaf))
        for s in deaf:
            s.close()
        equal(r.stop(), "", "stderr")
        log = logs.whole(directory())
        equal(len(log.of("bind", "listen", "connect", "accept", "close")), produced, "records")
        equal(log.of("lost"), [], "lost")


def test_prometheus():
    """A real Prometheus: what it has in its database is what happened."""
    live.need("prometheus")
    with netns() as where, recorder(where) as r:
        config, data, port = live.new_path(".yml"), live.new_path(".data"), free_port()
        with open(config, "w", encoding="ascii") as f:
            f.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: socklife\n"
                    "  static_configs: [{targets: ['127.0.0.1:%d']}]\n" % r.port)
        with subprocess.Popen(["prometheus", "--config.file", config, "--storage.tsdb.path", data,
                               "--web.listen-address", "127.0.0.1:%d" % port], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=live.die_with_parent) as prometheus:
            def query(text):
                with contextlib.suppress(OSError):
                    status, _, body = get(port, "/api/v1/query?query=" + urllib.parse.quote(text))
                    if status == 200:
                        return {tuple(sorted((k, v) for k, v in found["metric"].items()
                                             if k not in ("__name__", "job", "instance"))): float(found["value"][1])
                                for found in json.loads(body)["data"]["result"]}
                return {}
            try:
                wait_for(lambda: query("up") == {(): 1}, "the first scrape")
                flood(40, where)
                refused(where, 3)
                wait_for(lambda: query('socklife_events_total{type="close"}') == {(("type", "close"),): 84}, "84 closes")
                for text, want in (('socklife_events_total{type="connect"}', {(("type", "connect"),): 43}),
                                   ('socklife_events_total{type="accept"}', {(("type", "accept"),): 40}),
                                   ("socklife_failures_total", {(("errno", "ECONNREFUSED"), ("type", "connect")): 3}),
                                   (BUCKETS_OF + "_count", {(): 40}),
                                   (BUCKETS_OF + '_bucket{le="+Inf"}', {(("le", "+Inf"),): 40}),
                                   ("sum(socklife_closes_total)", {(): 84}), ("socklife_healthy", {(): 1}),
                                   ("sum(socklife_lost_records_total)", {(): 0}), ("up", {(): 1})):
                    equal(query(text), want, text)
            finally:
                prometheus.terminate()
        r.stop()


def test_full_disk():
    """/healthz says what keeps the log from being written, and that it can be again; lost records are counted."""
    disk = logs.tmpfs("8m")
    with netns() as where, recorder(where, "--on-full", "drop-oldest", path=os.path.join(disk, "log")) as r:
        flood(50, where)
        wait_for(lambda: get(r.port, "/healthz")[0] == 200, "healthy")
        fill(disk)
        for _ in range(16):
            flood(250, where)
        status, _, text = wait_for(lambda: (lambda a: a if a[0] == 503 else None)(get(r.port, "/healthz")), "not healthy")
        equal(text, "the output cannot be written: ENOSPC\n", "what /healthz says")
        s = scrape(r.port)
        equal(s.value("socklife_healthy"), 0, "socklife_healthy")
        os.unlink(os.path.join(disk, "filler"))
        wait_for(lambda: get(r.port, "/healthz")[0] == 200, "healthy again")
        lost = scrape(r.port).value("socklife_lost_records_total", reason="disk")
        check(lost > 0, "no loss is counted")
        r.stop()
        equal(logs.Log(os.path.join(disk, "log")).of("stop")[0]["lost"]["disk"], lost, "lost, in the log and counted")


def test_early():
    """A scraper that connects before the hooks are there is answered, and its other end is no loss."""
    port, answers = free_port(), []

    def ask():
        with socket.socket() as s:
            while s.connect_ex(("127.0.0.1", port)):
                time.sleep(0.001)
            s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answers.append(s.recv(1000))
    asker = threading.Thread(target=ask)
    asker.start()
    with live.Tracer("--port", str(port), "--metrics", str(port)) as tracer:
        asker.join(live.PATIENCE)
        check(answers and b" 200 OK" in answers[0], "answers: %r", answers)
    equal([r for r in tracer.records if r["type"] == "lost"], [], "lost")


def test_address():
    """Loopback unless asked; what cannot be listened on is named; no own records; no thread with more privileges."""
    port = free_port()
    with live.Tracer("--port", str(port), "--metrics", str(port)) as tracer:
        listed = live.sh("ss", "-Hltn", "sport = :%d" % port).stdout.split()
        equal(listed[3], "127.0.0.1:%d" % port, "what is listened on")
        until(port, "a connect", lambda s: s.value("socklife_events_total", type="connect") >= 2)
        check(test_privileges.limited(tracer.process.pid, test_privileges.ASKING) > 1, "no thread that serves")
        done = live.socklife("trace", "--metrics", str(port))
        equal((done.returncode, done.stderr.decode()), (1, "socklife: --metrics: '%d' cannot be listened on: EADDRINUSE, "
              "see socklife ports for who has it\n" % port), "an address that is in use")
    own = [r for r in tracer.records if r.get("pid") == tracer.process.pid or r.get("lport") == port]
    equal(own, [], "records of its own sockets")
    check([r for r in tracer.records if r["type"] == "connect" and r.get("rport") == port], "the scraper's are not there")
    with live.Tracer("--port", str(port), "--metrics", "[::1]:%d" % port):
        equal(get(port, "/healthz", address="[::1]")[0], 200, "over IPv6")
    for wrong in ("0", "65536", "localhost:9", "127.0.0.1:", ":9", "::1:9", "[127.0.0.1]:9", "[::1]9", ""):
        done = live.socklife("trace", "--metrics", wrong)
        equal(done.returncode, 2, "exit of --metrics '%s'" % wrong)
        check("--metrics: '%s' is not an address" % wrong in done.stderr.decode(), "stderr: %s", done.stderr)
    done = live.socklife("trace", "-o", "/dev/null", "--metrics", str(port), "--", "sh", "-c",
                         "sleep 0.3; curl -sf http://127.0.0.1:%d/healthz" % port)
    equal((done.returncode, done.stdout), (0, b"ok\n"), "what a command hears (%s)" % done.stderr)


def test_watchdog():
    """A sign of life at half the interval, from this process only, and none once it hangs."""
    with netns() as where:
        with Recorder(directory(), "--netns", "/run/netns/%s" % where, env={"WATCHDOG_USEC": "400000"}) as r:
            times = []
            for _ in range(6):
                equal(r.heard(), "WATCHDOG=1", "message to the service manager")
                times.append(time.monotonic())
            check(times[-1] - times[0] > 0.5, "6 of them in %.3f s", times[-1] - times[0])
            flood(500, where)
            os.kill(r.pid, 19)    # SIGSTOP: as one that hangs
            r.manager.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    r.manager.recv(100)
            time.sleep(0.5)
            with contextlib.suppress(BlockingIOError):
                raise AssertionError("stopped, and yet: %r" % r.manager.recv(100))
            os.kill(r.pid, 18)
            r.stop()
        for env in ({"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}):
            with Recorder(directory(), "--netns", "/run/netns/%s" % where, env=env) as r:
                time.sleep(0.3)
                r.process.terminate()
                equal(r.heard(), "STOPPING=1", "message to the service manager")
                r.finish()


# --- what others are told of ---

def read(*path):
    with open(os.path.join(live.TOP, *path), encoding="utf-8") as f:
        return f.read()


def exposed():
    """Every name that a sample can have, and the families."""
    with netns() as where, recorder(where) as r:
        families = scrape(r.port).families
        r.stop()
    return {name + suffix for name, kind in families.items() for suffix in metrics.SUFFIXES[kind]}, families


def test_documents():
    """docs/metrics.md has each metric and no other; its rules are valid; so with the dashboard."""
    names, families = exposed()
    text = read("docs", "metrics.md")
    told = set(re.findall(r"(?m)^\| `((?:socklife|process)_[a-z_]+)`", text))
    whole = {name + {"counter": "_total", "info": "_info"}.get(kind, "") for name, kind in families.items()}
    equal(told, whole, "metrics in docs/metrics.md")
    rules = re.findall(r"(?ms)^```yaml\n(groups:.*?)^```", text)
    equal(len(rules), 1, "examples of rules")
    path = live.new_path(".yml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(rules[0])
    promtool("check", "rules", path)
    used = set(re.findall(r"\b(?:socklife|process)_[a-z_]+", rules[0]))
    check(used <= names, "in the rules, and not exported: %r", used - names)
    dashboard = json.loads(read("contrib", "grafana", "socklife.json"))
    check(dashboard["schemaVersion"] >= 36, "schemaVersion")
    variables = {v["name"]: v["type"] for v in dashboard["templating"]["list"]}
    equal(variables.get("datasource"), "datasource", "the variable of the data source")
    shown, ids = set(), []
    for panel in dashboard["panels"]:
        ids.append(panel["id"])
        check(set(panel["gridPos"]) == {"h", "w", "x", "y"} and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24,
              "place of %r", panel["title"])
        for target in panel.get("targets", []):
            equal(target["datasource"], {"type": "prometheus", "uid": "${datasource}"}, "data source of %r" % target)
            found = set(re.findall(r"\b(?:socklife|process)_[a-z_]+", target["expr"]))
            check(found, "no metric in %r", target["expr"])
            shown |= found
    equal(len(ids), len(set(ids)), "different ids of panels")
    check(shown <= names, "on the dashboard, and not exported: %r", shown - names)
    missing = {name for name in whole if not any(s.startswith(name) for s in shown)}
    listed = set(re.findall(r"`([a-z_]+)`", re.search(r"(?m)^Not on the dashboard: (.*(?:\n.+)*)", text)[1]))
    equal(missing, listed, "metrics that are not on the dashboard")
