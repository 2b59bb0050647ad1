# SPDX-License-Identifier: GPL-2.0-or-later
"""
socklife report: what it says of a real log is what Python computes from the same lines; what it does with logs that are
damaged; and its page, in a real browser.
"""
import collections
import gzip
import json
import math
import os
import re
import shutil
import signal
import subprocess
import time

import live
from live import check, equal

WORK = r"""
import socket, sys, threading
def serve(port, n):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(16)
    def go():
        for _ in range(n):
            c, _peer = s.accept()
            c.recv(100)
            c.send(b"x" * 1000)
            c.close()
        s.close()
    t = threading.Thread(target=go)
    t.start()
    return t
threads = [serve(8080, 60), serve(9090, 40)]
for port, n in ((8080, 60), (9090, 40)):
    for i in range(n):
        c = socket.create_connection(("127.0.0.1", port))
        c.send(b"hello")
        while c.recv(5000):
            pass
        c.close()
for _ in range(7):
    try:
        socket.create_connection(("127.0.0.1", 4444))
    except OSError:
        pass
a = socket.socket()
a.bind(("127.0.0.1", 7777))
a.listen(1)
b = socket.socket()
try:
    b.bind(("127.0.0.1", 7777))
except OSError:
    pass
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b"q", ("127.0.0.1", 53))
u.close()
open("/proc/self/comm", "w").write("</script><b>'\"")
c = socket.create_connection(("127.0.0.1", 7777))
c.close()
for t in threads:
    t.join()
"""


def real_log():
    """A `trace --json` of a program that does a bit of everything."""
    path = live.new_path(".ndjson")
    with live.netns() as name:
        done = live.socklife("trace", "--json", "-o", path, "--", *live.in_netns(name, "python3", "-c", WORK))
    equal(done.returncode, 0, "exit of trace (%s)" % done.stderr.decode())
    return path


def records_of(path):
    with open(path, "rb") as f:
        return live.parse(f.read())


def report(*args, status=0, **options):
    done = live.socklife("report", *args, **options)
    equal(done.returncode, status, "exit of report %s (%s)" % (" ".join(args), done.stderr.decode("utf-8", "replace")))
    return done


def report_json(*args, **options):
    return json.loads(report("--json", *args, **options).stdout)


def check_plain(text):
    check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text), "control bytes: %r", text)
    text.decode("utf-8")


# --- an independent reader ---

def kept(value):
    """To 7 significant bits, as docs/report.md says."""
    shift = max(0, value.bit_length() - 7)
    return value >> shift << shift


def percentiles(values):
    if not values:
        return {"count": 0}
    values = sorted(values)
    at = lambda permille: kept(values[max(0, math.ceil(len(values) * permille / 1000) - 1)])
    return {"count": len(values), "min": values[0], "mean": sum(values) // len(values), "p50": at(500), "p90": at(900),
            "p99": at(990), "p999": at(999), "max": values[-1]}


def rows(part, name):
    return {row[name]: row for row in part["top"]}


def owner(record):
    return record.get("owner", {}).get("comm", record.get("comm", "?"))


def compare(records, said):
    """Every number of the report against one that is computed here."""
    of = lambda *types: [r for r in records if r["type"] in types]
    equal(said["records"], len(records), "records")
    equal(said["events"], dict(collections.Counter(r["type"] for r in records)), "events")
    equal(said["from"], min(r["ts"] for r in records), "from")
    equal(said["to"], max(r["ts"] for r in records), "to")
    equal(said["hosts"], sorted({r["host"] for r in records}), "hosts")
    sockets = [r for r in records if r["type"] in live.SOCKET_TYPES]

    errors = collections.Counter("%s %s" % (r["type"], r["error"]) for r in sockets if "error" in r)
    errors.update("connect abandoned" for r in sockets if r.get("abandoned") and "error" not in r)
    equal({k: v["count"] for k, v in rows(said["errors"], "what").items()}, dict(errors), "errors")

    who = lambda r: owner(r) if r["type"] == "close" else r.get("comm", "?")
    connected = lambda r: r["type"] == "connect" and "error" not in r and not r.get("abandoned")
    for comm, row in rows(said["processes"], "comm").items():
        mine = [r for r in sockets if who(r) == comm]
        closes = [r for r in mine if r["type"] == "close"]
        want = {"records": len(mine), "connects": sum(map(connected, mine)), "closes": len(closes),
                "accepts": sum(r["type"] == "accept" and "error" not in r for r in mine),
                "failed": sum("error" in r or bool(r.get("abandoned")) for r in mine),
                "tx_bytes": sum(r.get("tx_bytes", 0) for r in closes), "rx_bytes": sum(r.get("rx_bytes", 0) for r in closes)}
        equal({k: row[k] for k in want}, want, "process %s" % comm)
    equal(said["processes"]["total"], len({who(r) for r in sockets}), "processes")

    for port, row in rows(said["ports"], "port").items():
        proto, number = port.split("/")[0], int(port.split("/")[1])
        here = [r for r in sockets if r["proto"] == proto]
        mine = [r for r in here if r.get("lport") == number]
        ended = [r for r in mine if r["type"] == "close" and r["role"] == "server"]
        failed = [r for r in here if "error" in r and (r["type"] == "bind" and r.get("req_port") == number or
                                                       r["type"] == "listen" and r.get("lport") == number)]
        want = {"accepts": sum(r["type"] == "accept" and "error" not in r for r in mine), "closes": len(ended),
                "listens": sum(r["type"] == "listen" and "error" not in r for r in mine), "failed": len(failed),
                "tx_bytes": sum(r["tx_bytes"] for r in ended), "rx_bytes": sum(r["rx_bytes"] for r in ended)}
        equal({k: row[k] for k in want}, want, "port %s" % port)

    for destination, row in rows(said["destinations"], "destination").items():
        end = lambda r: ("[%s]:%d/%s" if ":" in r["raddr"] else "%s:%d/%s") % (r["raddr"], r["rport"], r["proto"])
        mine = [r for r in sockets if "rport" in r and end(r) == destination]
        took = [r["latency_us"] for r in mine if connected(r) and "latency_us" in r]
        ended = [r for r in mine if r["type"] == "close" and r["role"] == "client"]
        want = {"connects": sum(map(connected, mine)), "latencies": len(took), "peers": sum(r["type"] == "peer" for r in mine),
                "failed": sum(r["type"] == "connect" and not connected(r) for r in mine),
                "latency_us_sum": sum(took), "latency_us_max": max(took, default=0),
                "tx_bytes": sum(r.get("tx_bytes", 0) for r in ended), "rx_bytes": sum(r.get("rx_bytes", 0) for r in ended)}
        equal({k: row[k] for k in want}, want, "destination %s" % destination)

    ended = collections.Counter(r["reason"] for r in of("close"))
    equal({k: v["count"] for k, v in rows(said["ended"], "reason").items()}, dict(ended), "ended")
    for reason, row in rows(said["ended"], "reason").items():
        roles = collections.Counter(r["role"] for r in of("close") if r["reason"] == reason)
        equal({role: row[role] for role in live.ROLES}, {role: roles[role] for role in live.ROLES}, "roles of %s" % reason)

    equal(said["durations_us"], percentiles([r["duration_us"] for r in of("close") if "established" in r and
                                             r["role"] in ("client", "server")]), "durations")
    equal(said["connect_latency_us"], percentiles([r["latency_us"] for r in of("connect") if connected(r) and
                                                   r["proto"] != "udp" and "latency_us" in r]), "latencies")
    equal(said["accept_wait_us"], percentiles([r["queue_us"] for r in of("accept") if "error" not in r and
                                               "queue_us" in r]), "accept waits")

    last = {}
    for r in of("finding"):
        last[r["key"]] = r
    equal({f["key"]: (f["finding"], f["severity"], f["status"], f["message"], f["advice"], f["count"], f["last"])
           for f in said["findings"]},
          {k: (r["finding"], r["severity"], r["status"], r["message"], r["advice"], r["evidence"]["count"], r["last"])
           for k, r in last.items()}, "findings")
    firsts = [f["first"] for f in said["findings"]]
    equal(firsts, sorted(firsts), "order of findings")


def test_round_trip():
    path = real_log()
    records = records_of(path)
    said = report_json(path)
    compare(records, said)
    equal(said["coverage"]["percent"], 100, "coverage")
    equal((said["coverage"]["gaps"], said["coverage"]["lost"]), ([], []), "gaps and losses")
    with open(path, "rb") as f:
        plain = f.read()
    packed = live.new_path(".gz")
    with gzip.open(packed, "wb") as f:
        f.write(plain)
    equal(report_json(packed), said, "the same from gzip")
    done = subprocess.run([live.binary(), "report", "--json", "-"], input=plain, stdout=subprocess.PIPE, timeout=live.PATIENCE)
    equal(json.loads(done.stdout), said, "the same from stdin")
    text = report(path, env=dict(os.environ, TZ="UTC")).stdout
    check_plain(text)
    check(text.index(b"coverage") < text.index(b"EVENTS") < text.index(b"FINDINGS"), "coverage is not first: %r", text)


def test_round_trip_of_an_audit_log():
    """A recorder that is killed and started again: the time in between is a gap."""
    where = os.path.join(live.tmp(), "log")
    for stop in (signal.SIGKILL, signal.SIGTERM):
        recorder = subprocess.Popen([live.binary(), "record", "--dir", where, "--rotate-size", "64K"], stderr=subprocess.DEVNULL,
                                    preexec_fn=live.die_with_parent)
        with live.netns() as name:
            try:
                live.wait_for(lambda: any(n.endswith("ndjson") for n in os.listdir(where)) if os.path.isdir(where) else False,
                              "a segment")
                time.sleep(1)
                live.sh(*live.in_netns(name, "python3", "-c", WORK))
                time.sleep(1.5)
            finally:
                recorder.send_signal(stop)
                recorder.wait(live.PATIENCE)
        time.sleep(0.7)
    records = []
    for name in sorted(n for n in os.listdir(where) if "ndjson" in n):
        with (gzip.open if name.endswith(".gz") else open)(os.path.join(where, name), "rb") as f:
            records += live.parse(f.read())
    said = report_json(where)
    del said["findings"]    # findings of one key in both runs are joined: other tests compare them
    compare_log(records, said)
    crash = next(r for r in records if r["type"] == "lost" and r["reason"] == "crash")
    check(b"lost    an unknown number (crash), " in report(where).stdout, "the text does not tell of the crash")
    gaps = said["coverage"]["gaps"]
    equal([(g["from"], g["reason"]) for g in gaps], [(crash["from"], "no-stop")], "gaps")
    check(gaps[0]["seconds"] >= 0.7, "the gap is only %r s", gaps[0]["seconds"])
    span = (live.ns_of(records[-1]["ts"]) - live.ns_of(records[0]["ts"])) / 1e9
    check(abs(said["coverage"]["percent"] - 100 * (span - gaps[0]["seconds"]) / span) < 0.1, "coverage is %r",
          said["coverage"])


def compare_log(records, said):
    said["findings"] = []
    compare([r for r in records if r["type"] != "finding"], {**said, "records": said["records"] - said["events"].get("finding", 0),
            "events": {k: v for k, v in said["events"].items() if k != "finding"}})


def test_filters():
    """The same words as of trace: a socket that matched once is followed to its close."""
    path = real_log()
    records = records_of(path)
    socks = {r["sock"] for r in records if r["type"] in live.SOCKET_TYPES and 9090 in (r.get("lport"), r.get("rport"))}
    said = report_json("--port", "9090", path)
    wanted = [r for r in records if r.get("sock") in socks and r["type"] in live.SOCKET_TYPES]
    for kind in ("connect", "accept", "close"):
        equal(said["events"][kind], sum(r["type"] == kind for r in wanted), kind)
    equal(report_json("--failed", "--event", "connect", path)["events"].get("connect"), 7, "failed connects")
    equal(report_json("--comm", "nobody", path)["events"].get("close"), None, "closes of nobody")
    equal(report_json("--addr", "127.0.0.0/8", "--proto", "udp", path)["events"].get("peer"), 1, "peers")
    middle = sorted(r["ts"] for r in records)[len(records) // 2]
    said = report_json("--since", middle, path)
    equal(said["events"].get("close"), sum(r["type"] == "close" and r["ts"] >= middle for r in records), "closes since")
    said = report_json("--until", middle, path)
    equal(said["events"].get("close"), sum(r["type"] == "close" and r["ts"] <= middle for r in records) or None, "closes until")
    said = report_json("--since", "2020-01-01T00:00:00Z", path)
    equal([g["reason"] for g in said["coverage"]["gaps"]], ["before-log"], "gap before the log")
    equal(said["coverage"]["percent"], 0, "coverage of years")
    for options in (("--until", "2020-01-01T00:00:00Z"), ("--since", "2100-01-01T00:00:00Z")):
        said = report_json(*options, path)
        equal((said["from"], said["coverage"]["percent"]), (options[1][:-1] + ".000000000Z", 0), "all of it beyond the log")


def test_one_life():
    path = real_log()
    records = records_of(path)
    sock = next(r["sock"] for r in records if r["type"] == "connect" and r.get("rport") == 8080)
    mine = [r for r in records if r.get("sock") == sock]
    said = report_json("--socket", sock, path)
    equal(said["records"], mine, "records of sk:%s" % sock)
    text = report("--socket", "sk:%x" % int(sock), path).stdout
    equal(text, report("--socket", "0x%x" % int(sock), path).stdout, "both forms of an id")
    check_plain(text)
    check(b"connect" in text and b"established" in text and b"remote-close" in text, "no life: %r", text)
    done = report("--socket", "1", path, status=1)
    check(b"no record of socket 1" in done.stderr, "%r", done.stderr)


def test_damaged():
    """Each is named with file and line, and the rest is still read."""
    with open(real_log(), "rb") as f:
        lines = f.read().split(b"\n")[:-1]
    head, tail = lines[:20], lines[20:]
    close = next(line for line in lines if b'"type":"close"' in line)
    junk = [(b"\xff\x00\x80junk", "is not a JSON object"),
            (close.replace(b'{"v":1,', b'{"v":2,'), "of version 2 of the format"),
            (b'{"hello":"world"}', "is not a record of socklife"),
            (close.replace(b'"type":"close"', b'"type":"zork"'), "has type 'zork'"),
            (re.sub(rb'"duration_us":\d+', b'"duration_us":"1"', close), "close record: duration_us is not a number"),
            (re.sub(rb'"reason":"[a-z-]+",?', b'', close), "close record: reason is missing"),
            (re.sub(rb'"lport":\d+', b'"lport":65536', close), "lport is not a port"),
            (b'{"v":1,"a":"' + b"x" * 10000000 + b'"}', "is not a record of socklife"),
            (b"[" * 100000, "is not a JSON object")]
    path = live.new_path(".ndjson")
    with open(path, "wb") as f:
        f.write(b"\n".join(head + [line for line, _ in junk] + tail + [b'{"v":1,"se']))
    done = report("--json", path, status=1)
    said, stderr = json.loads(done.stdout), done.stderr.decode()
    for number, (_, words) in enumerate(junk, len(head) + 1):
        check(any("%s, line %d: " % (path, number) in line and words in line for line in stderr.split("\n")),
              "nothing about line %d (%s):\n%s", number, words, stderr)
    equal(said["coverage"]["unreadable_lines"], len(junk), "unreadable lines")
    equal(said["coverage"]["torn_lines"], 1, "torn lines")
    equal(said["events"]["close"], sum(b'"type":"close"' in line for line in lines), "closes")

    many = live.new_path(".ndjson")
    with open(many, "wb") as f:
        f.write(b"\n".join(lines + [b"junk"] * 5000) + b"\n")
    stderr = report(many, status=1).stderr.decode()
    check(len(stderr.splitlines()) < 20 and "and 4990 more" in stderr, "messages are not bounded: %s", stderr[:3000])

    cut = live.new_path(".gz")
    data = gzip.compress(b"\n".join(lines) + b"\n")
    with open(cut, "wb") as f:
        f.write(data[:len(data) // 2])
    done = report("--json", cut, status=1)
    check(b"cut off here" in done.stderr, "%r", done.stderr)
    check(json.loads(done.stdout)["records"] > 10, "what stands before the cut is not read")

    where = os.path.join(live.tmp(), "dir")
    os.mkdir(where)
    check(b"without segments" in report(where, status=1).stderr, "an empty directory")
    with open(os.path.join(where, "socklife-000001.ndjson"), "wb") as f:
        f.write(b"\n".join(lines) + b"\n")
    with open(os.path.join(where, "notes.txt"), "w") as f:
        f.write("not a log\n")
    check(b"notes.txt: not part of the log" in report(where).stderr, "a foreign file is not named")
    report("/nowhere", status=1)
    report("--until", "02:61", where, status=2)


# --- the page ---

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
         "--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000"]


def browse(path, fragment="", *flags):
    """The DOM as the script of the page leaves it, what the console said, and what the page asked the network for."""
    profile = os.path.join(live.tmp(), "profile")
    shutil.rmtree(profile, ignore_errors=True)
    net = live.new_path(".net.json")
    done = subprocess.run(["chromium", *FLAGS, *flags, "--user-data-dir=" + profile, "--log-net-log=" + net, "--dump-dom",
                           "file://" + path + fragment], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=50)
    console = [line for line in done.stderr.decode("utf-8", "replace").split("\n") if "CONSOLE" in line]
    with open(net) as f:    # an event a line; what the browser asks for itself has no origin as its initiator
        asked = sorted({found[1] for found in (re.search(r'"url":"((?:https?|wss?|ftp):[^"]*)"', line) for line in f
                                               if '"initiator":' in line and '"initiator":"not an origin"' not in line) if found})
    return done.stdout.decode("utf-8"), console, asked


def attribute(dom, name):
    found = re.search(r'\bdata-%s="([^"]*)"' % name, dom)
    check(found, "no data-%s in the page", name)
    return int(found[1])


def life_rows(dom):
    body = dom[dom.index('id="lives-table"'):]
    body = body[body.index("<tbody"):body.index("</tbody>")]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


def test_page():
    live.need("chromium")
    path = real_log()
    records = records_of(path)
    page = live.new_path(".html")
    report("--html", page, path)
    with open(page, "rb") as f:
        source = f.read()
    equal(source.count(b"</script>"), 2, "script ends in the page")
    dom, console, asked = browse(page)
    equal(console, [], "what the console says")
    equal(asked, [], "requests that leave the page")
    curious = live.new_path(".html")
    with open(curious, "wb") as f:
        f.write(source.replace(b"default-src 'none'; img-src data:", b"img-src *").replace(b"<main>", b"<main><img src='http://page.test/x'>"))
    equal(browse(curious)[2], ["http://page.test/x"], "requests of a page that has one (else the test sees none)")
    check('data-ready="yes"' in dom, "the script did not come to its end")
    good = lambda r: r["type"] == "connect" and "error" not in r and not r.get("abandoned")
    equal(attribute(dom, "connects"), sum(map(good, records)), "connects in the chart")
    equal(attribute(dom, "failed"), sum(r["type"] == "connect" and not good(r) for r in records), "failed in the chart")
    equal(attribute(dom, "accepts"), sum(r["type"] == "accept" and "error" not in r for r in records), "accepts in the chart")
    findings = {r["key"] for r in records if r["type"] == "finding"}
    equal(dom.count('class="mark"'), len(findings), "findings in the chart")
    equal(attribute(dom, "listened"), len({r["lport"] for r in records if r["type"] == "listen" and "error" not in r}),
          "ports that are listened on")
    for section in ("timeline", "ports", "ephemeral"):
        part = dom[dom.index('id="%s"' % section):]
        check(part.index("<svg") < part.index("</section>"), "no chart in %s", section)
    closes = [r for r in records if r["type"] == "close"]
    equal(attribute(dom, "rows"), len(closes), "lives")
    check("&lt;/script&gt;&lt;b&gt;'" in dom and "<b>'" not in dom, "a process's name is not escaped")
    for tile, kind in (("connects", "connect"), ("accepts", "accept"), ("lives ended", "close")):
        found = re.search(r'data-name="%s" data-value="(\d+)"' % tile, dom)
        equal(int(found[1]), sum(r["type"] == kind for r in records), tile)


test_page.limit = 120


def test_page_search_and_sort():
    live.need("chromium")
    path = real_log()
    records = records_of(path)
    page = live.new_path(".html")
    report("--html", page, path)
    dom, console, _ = browse(page, "#q=refused")
    equal(console, [], "what the console says")
    refused = [r for r in records if r["type"] == "close" and r["reason"] == "refused"]
    equal(attribute(dom, "rows"), len(refused), "lives found")
    check(all("refused" in "".join(row) for row in life_rows(dom)), "others than those found")
    dom, _, _ = browse(page, "#q=:9090+client&sort=received&down=1")
    clients = [r for r in records if r["type"] == "close" and r["role"] == "client" and r.get("rport") == 9090]
    equal(attribute(dom, "rows"), len(clients), "lives found by two words")
    check('aria-sort="descending"' in dom, "the sorted column is not marked")
    dom, _, _ = browse(page, "#sort=local")
    local = [row[4] for row in life_rows(dom)]
    equal(local, sorted(local), "lives by their local end")


test_page_search_and_sort.limit = 180


FULL = r"""
import socket, threading, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 8080))
s.listen(16)
def serve():
    while True:
        c, _peer = s.accept()
        c.recv(1)
        c.close()
threading.Thread(target=serve, daemon=True).start()
for _ in range(120):
    try:
        socket.create_connection(("127.0.0.1", 8080)).close()
    except OSError:
        pass
    time.sleep(0.005)
q = socket.socket()
q.bind(("127.0.0.1", 9999))
q.listen(3)
clients = [socket.socket() for _ in range(9)]
for number, c in enumerate(clients):
    c.bind(("127.0.0.2", 0))
    c.setblocking(False)
    c.connect_ex(("127.0.0.1", 9999))
time.sleep(3)
"""


def test_page_of_findings():
    """Ephemeral ports against their capacity and accept queues against their limits, as the findings have them."""
    live.need("chromium")
    path, page = live.new_path(".ndjson"), live.new_path(".html")
    with live.netns(net__ipv4__ip_local_port_range="40000 40099", net__ipv4__tcp_tw_reuse="0") as name:
        live.socklife("trace", "--json", "-o", path, "--", *live.in_netns(name, "python3", "-c", FULL))
    found = [r for r in records_of(path) if r["type"] == "finding"]
    ports = [r["evidence"] for r in found if r["finding"].startswith("ephemeral_")]
    queues = [r["evidence"] for r in found if r["finding"] == "accept_queue_full"]
    check(ports and queues, "no findings to show: %r", [r["finding"] for r in found])
    report("--html", page, path)
    dom, console, _ = browse(page)
    equal(console, [], "what the console says")
    equal(attribute(dom, "capacity"), max(e["capacity"] for e in ports), "capacity in the chart")
    equal(dom.count("<circle"), len([e for e in ports if e.get("capacity")]), "counts of findings in the chart")
    check(attribute(dom, "peak") >= max(e["used"] for e in ports), "the chart is lower than what was in use")
    equal(attribute(dom, "limit"), queues[-1]["limit"], "limit of the queue")
    equal(attribute(dom, "length"), max(e["length"] for e in queues), "length of the queue")


test_page_of_findings.limit = 120


def test_page_capacity():
    """No finding told it: that of the recorder's own namespace, which an audit log has."""
    live.need("chromium")
    path, page = live.new_path(".ndjson"), live.new_path(".html")
    rest = {"max_time_wait": 1000, "tw_reuse": 2, "unprivileged_start": 1024}
    told = [{"own": True, "range_low": 40000, "range_high": 40999, "reserved": 100, **rest},
            {"range_low": 1, "range_high": 2, "reserved": 0, **rest}]
    with open(path, "w") as f:
        for record in records_of(real_log()):
            if record["type"] == "connect" and told:
                record["settings"] = told.pop(0)
            if not (record["type"] == "finding" and record["finding"].startswith("ephemeral_")):
                f.write(json.dumps(record, separators=(",", ":")) + "\n")
    report("--html", page, path)
    dom, console, _ = browse(page)
    equal(console, [], "what the console says")
    equal(attribute(dom, "capacity"), 900, "capacity in the chart")
    check("Capacity: 900 ports (40000 to 40999)" in dom, "the text does not tell it")


test_page_capacity.limit = 120


def test_page_of_a_million_records():
    """It stays below 5 MB, and says that it has not all lives."""
    lines = [json.loads(line) for line in open(real_log(), "rb")]
    start, stop = lines[0], lines[-1]
    close = next(r for r in lines if r["type"] == "close" and r["role"] == "client")
    connect = next(r for r in lines if r["type"] == "connect" and "error" not in r)
    path, page = live.new_path(".ndjson"), live.new_path(".html")
    split = lambda r, *keys: re.split(r"@\d@", json.dumps({**r, **{k: "@%d@" % i for i, k in enumerate(keys)}},
                                                           separators=(",", ":")).replace('"@', "@").replace('@"', "@"))
    one, two = split(connect, "seq", "sock", "lport"), split(close, "seq", "sock", "lport")
    with open(path, "w") as f:
        f.write(json.dumps(start, separators=(",", ":")) + "\n")
        seq = 1
        for i in range(500000):
            for parts in (one, two):
                seq += 1
                values = {"seq": str(seq), "sock": '"%d"' % (10**6 + i), "lport": str(1024 + i % 64000)}
                f.write(fill(parts, values, connect if parts is one else close))
        f.write(json.dumps({**stop, "seq": seq + 1}, separators=(",", ":")) + "\n")
    report("--html", page, path, timeout=150)
    size = os.path.getsize(page)
    check(size < 5 * 2**20, "the page has %d bytes", size)
    with open(page, "rb") as f:
        check(b'"lives_total":500000' in f.read(), "it does not say how many there are")
    if shutil.which("chromium"):
        dom = browse(page)[0]
        note = dom.index('id="aggregated"')
        check(note < dom.index('id="lives-table"'), "that not all lives are in the table is said below it")
        check("500\u202f000 lives are in this page, evenly chosen" in dom[note:note + 200], "it says: %s", dom[note:note + 200])


def fill(parts, values, record):
    """The order of the three fields in the line is that of the record."""
    order = [key for key in record if key in values]
    return "".join(part + (values[order[i]] if i < len(order) else "") for i, part in enumerate(parts)) + "\n"


test_page_of_a_million_records.limit = 240
