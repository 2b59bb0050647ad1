# SPDX-License-Identifier: GPL-2.0-or-later
"""
socklife ports against what ss and lsof say in the same moment: a trigger holds a socket of every kind, in the
test's own namespace and in another, and both are asked until nothing has changed between the questions.
"""
import collections
import contextlib
import os
import re
import subprocess
import sys

import live
from live import Held, check, equal, netns, netns_inode

STATES = {"ESTAB": "ESTABLISHED", "UNCONN": "CLOSE", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV",
          "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2", "TIME-WAIT": "TIME_WAIT", "CLOSE-WAIT": "CLOSE_WAIT",
          "LAST-ACK": "LAST_ACK", "LISTEN": "LISTEN", "CLOSING": "CLOSING"}
BOUND_ONLY = {"bound4", "bound6"}
LOST_PORT = {"reset"}

Sock = collections.namedtuple("Sock", "proto state laddr lport raddr rport inode users queues")


def ports(*args, where=None, status=0):
    """Records of `socklife ports --json`, by type."""
    done = live.sh(*enter(where), live.binary(), "ports", "--json", *map(str, args), check_rc=False)
    equal(done.returncode, status, "exit (%s)" % done.stderr.strip())
    records = live.parse(done.stdout.encode())
    for number, record in enumerate(records, 1):
        equal(record["v"], 1, "v")
        equal(record["seq"], number, "seq")
        live.no_nulls(record, record["type"])
        live.schema.valid(record, live.schema.PORTS)
        if record["type"] == "port":
            check_port(record)
    return {kind: [r for r in records if r["type"] == kind] for kind in ("port", "netns", "prediction", "at")}


def enter(where):
    """Only the network namespace: `ip netns exec` would hide /sys too."""
    return ["nsenter", "--net=/run/netns/" + where] if where else []


def check_port(record):
    for side in "lr":
        live.check_address(record, side)
    check(record["state"] in live.STATES, "state is %r", record["state"])
    for process in record["processes"]:
        live.check_process(process, {}, {})
    equal("since" in record, bool(record["processes"]), "a time only with a process")
    equal(record.get("inferred"), ["since"] if record["processes"] else None, "inferred")


def address(text):
    """0.0.0.0:22, [::]:22, *:22, 127.0.0.1%lo:22 as ss and lsof write them."""
    addr, _, port = text.rpartition(":")
    addr = addr.split("%")[0].strip("[]")
    if addr.startswith("::ffff:"):
        addr = addr[7:]
    return addr, int(port) if port != "*" else 0


def from_ss(where):
    """{cookie: Sock} of one namespace."""
    socks = {}
    for line in live.sh(*enter(where), "ss", "-tulnapeOH").stdout.splitlines():
        proto, state, recv, send, local, remote, rest = (line.split(None, 6) + [""])[:7]
        laddr, lport = address(local)
        raddr, rport = address(remote)
        users = frozenset((int(pid), int(fd)) for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", rest))
        inode = re.search(r"\bino:(\d+)", rest)
        cookie = re.search(r"\bsk:([0-9a-f]+)", rest)
        state = STATES[state]
        mini = state == "TIME_WAIT" or (state == "FIN_WAIT2" and "timer:(timewait" in rest)
        check(cookie, "ss tells no cookie: %r", line)
        socks[str(int(cookie[1], 16))] = Sock(proto, state, laddr if laddr != "*" else "::", lport,
                                              raddr if rport else None, rport or None,
                                              int(inode[1]) if inode else 0, users,
                                              None if mini else (int(recv), int(send)))
    return socks


def from_ports(records, inode):
    """The same from socklife. A process stands there once, by its lowest descriptor."""
    socks = {}
    for r in records:
        if r["netns"] != inode:
            continue
        queues = (r["queue"], r["queue_limit"]) if "queue" in r else (r["recv_q"], r["send_q"]) if "recv_q" in r \
            else None
        socks[r["sock"]] = Sock(r["proto"], r["state"], r["laddr"], r["lport"], r.get("raddr"), r.get("rport"),
                                r.get("inode", 0), frozenset((p["pid"], p["fd"]) for p in r["processes"]), queues)
    return socks


def lowest(users):
    first = {}
    for pid, fd in users:
        first[pid] = min(fd, first.get(pid, fd))
    return frozenset(first.items())


def comparable(theirs):
    return {cookie: s._replace(users=lowest(s.users)) for cookie, s in theirs.items()}


def of_trigger(held, socks):
    """Others have sockets too, where the test has no namespace of its own."""
    numbers = {value for key, value in held.facts.items() if key.endswith("_lport")}
    return {cookie: s for cookie, s in socks.items() if s.lport in numbers or s.rport in numbers}


def compare_with_ss(held, where, mine_of=ports):
    def both():
        before = of_trigger(held, comparable(from_ss(where)))
        mine = mine_of()
        return (before, mine) if of_trigger(held, comparable(from_ss(where))) == before else None
    theirs, mine = live.wait_for(both, "a moment without changes")
    own = of_trigger(held, from_ports(mine["port"], netns_inode(where)))
    lines = []
    for cookie, sock in theirs.items():
        if cookie not in own:
            lines.append("only ss has sk:%x %r" % (int(cookie), sock))
        elif own[cookie] != sock:
            lines.append("ss says   %r\nports says %r" % (sock, own[cookie]))
    check(not lines, "%s", "\n".join(lines))
    return mine, own, theirs


def check_held(held, mine, own, theirs):
    """What ss does not show, and what holds nothing."""
    facts = held.facts
    for name in BOUND_ONLY:
        cookie = str(facts[name])
        check(cookie not in theirs, "this ss shows a socket that only bound: the test is blind")
        check(cookie in own, "%s is missing", name)
        equal(own[cookie].users, frozenset({(facts["holder_pid"], facts[name + "_fd"])}), name)
    for name in LOST_PORT:
        check(str(facts[name]) not in own, "%s holds no port", name)
    more = {c for c in own if c not in theirs}
    bound = {r["sock"] for r in mine["port"] if r["role"] == "idle"}
    check(more <= bound, "more than ss shows: %r", [own[c] for c in more - bound])
    record = {r["sock"]: r for r in mine["port"]}
    shared = record[str(facts["shared"])]
    equal({p["pid"] for p in shared["processes"]}, {facts["holder_pid"], facts["heir_pid"]}, "both have it")
    equal(shared["options"], [], "options")
    equal(record[str(facts["listen4"])]["options"], ["reuseaddr"], "options")
    equal(record[str(facts["group2"])]["options"], ["reuseport"], "options")
    equal(record[str(facts["v6only"])]["options"], ["v6only"], "options")
    equal(record[str(facts["device"])]["options"], ["device"], "options")
    equal(record[str(facts["mapped"])].get("mapped"), True, "mapped")
    listener = record[str(facts["listen4"])]
    equal((listener["queue"], listener["queue_limit"]), (1, 5), "accept queue")
    roles = {"listen4": "listener", "bound4": "idle", "udp4": "datagram", "child4": "server", "client4": "client",
             "child64": "server", "client64": "client", "finwait": "client", "closewait": "server",
             "left": "server", "clientmap": "client", "childmap": "server"}
    for name, role in roles.items():
        equal(record[str(facts[name])]["role"], role, "role of %s" % name)
    for name in ("child4", "closewait", "left", "stuck"):
        equal(record[str(facts[name])]["listener"], str(facts["listen4"]), "listener of %s" % name)
    # the children of the pairs, and the one that waits; that of the reset one is gone
    equal(listener["connections"], 5, "connections")
    equal(listener["time_wait"], 0, "the clients closed first")
    closed = [r for r in mine["port"] if r.get("rport") == facts["listen4_lport"] and not r["processes"]]
    equal(sorted(r["state"] for r in closed), ["FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"], "left behind")


def test_ss_own():
    live.need("ss")
    with Held(name="ports_many") as held:
        check_held(held, *compare_with_ss(held, None))


def test_ss_other_namespace():
    """From outside, and from inside."""
    live.need("ss", "nsenter")
    with netns() as where, Held(name="ports_many", where=where) as held:
        check_held(held, *compare_with_ss(held, where))
        mine, own, theirs = compare_with_ss(held, where, lambda: ports(where=where))
        check_held(held, mine, own, theirs)
        named = [n for n in mine["netns"] if n["netns"] == netns_inode(where)]
        equal([(n["name"], n.get("own")) for n in named], [(where, True)], "the namespace")


def from_lsof(where):
    """{(pid, fd): (proto, laddr, lport, raddr, rport, inode)}."""
    found, pid, fd, entry = {}, 0, 0, {}
    done = live.sh(*enter(where), "lsof", "-i", "-nP", "-F", "pfdPn", check_rc=False)
    for line in done.stdout.splitlines():
        key, value = line[0], line[1:]
        if key == "p":
            pid = int(value)
        elif key == "f":
            fd, entry = int(value) if value.isdigit() else -1, {}
        elif key == "n":
            local, _, remote = value.partition("->")
            found[(pid, fd)] = (entry["P"].lower(), *address(local), *(address(remote) if remote else (None, None)),
                                int(entry["d"]))
        else:
            entry[key] = value
    return found


def test_lsof():
    live.need("lsof", "nsenter")
    with netns() as where, Held(name="ports_many", where=where) as held:
        theirs = from_lsof(where)
        mine = ports("--netns", where)
        own = {}
        for r in mine["port"]:
            for p in r["processes"]:
                addr = "*" if r["laddr"] in ("0.0.0.0", "::") else r["laddr"]
                own[(p["pid"], p["fd"])] = (r["proto"], addr, r["lport"], r.get("raddr"), r.get("rport"), r["inode"])
        check(len(theirs) > 20, "lsof sees %d sockets", len(theirs))
        for key, sock in theirs.items():
            if key in own:
                equal(own[key], sock, "pid %d fd %d" % key)
                continue
            # a second descriptor of the process; a port that the socket has lost
            same = [s for (pid, _), s in own.items() if pid == key[0] and s[-1] == sock[-1]]
            check(same or sock[-1] == 0 or sock[2] == held.facts["reset_lport"], "only lsof has pid %d fd %d: %r",
                  *key, sock)


# --- one port ---

PROLOGUE = """
import os, socket, sys, time
def server(port, *options):
    s = socket.socket()
    for option in options:
        s.setsockopt(socket.SOL_SOCKET, option, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    return s
def connection(listener):
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]
def ready(**facts):
    with open(os.environ["TRIGGER_FACTS"], "a") as f:
        f.write("".join("%s=%s\\n" % fact for fact in facts.items()) + "ready=1\\n")
    sys.stdin.read()
"""


@contextlib.contextmanager
def script(text, where=None):
    """A few lines of Python that hold sockets until the with block ends."""
    path = live.new_path(".facts")
    process = subprocess.Popen([*enter(where), sys.executable, "-c", PROLOGUE + text], stdin=subprocess.PIPE,
                               env=dict(os.environ, TRIGGER_FACTS=path), preexec_fn=live.die_with_parent)
    try:
        yield live.wait_for(lambda: live.read_facts(path) if "ready" in live.read_facts(path) else None, "ready")
    finally:
        process.stdin.close()
        process.wait(timeout=live.PATIENCE)


def would(mine, laddr, *options, proto="tcp"):
    found = [p for p in mine["prediction"] if p.get("laddr") == laddr and p["proto"] == proto and
             sorted(p["options"]) == sorted(options) and "mapped" not in p]
    equal(len(found), 1, "predictions")
    return found[0]


def real_bind(where, laddr, port, *options):
    code = "import socket; s = socket.socket(); [s.setsockopt(socket.SOL_SOCKET, getattr(socket, 'SO_' + o.upper()), 1) " \
           "for o in %r]; s.bind((%r, %d))" % (list(options), laddr, port)
    return "succeed" if live.sh(*enter(where), sys.executable, "-c", code, check_rc=False).returncode == 0 \
        else "EADDRINUSE"


def test_time_wait():
    """What only closed connections hold: it depends on an option that they have of their listener."""
    live.need("ip", "nsenter")
    with netns() as where:
        with script("""
for port, options in ((8080, ()), (8081, (socket.SO_REUSEADDR,))):
    s = server(port, *options)
    client, child = connection(s)
    child.close()
    client.recv(1)
    client.close()
    s.close()
ready()
""", where):
            for port, shared in ((8080, False), (8081, True)):
                mine = ports(port, "--netns", where, where=where)
                equal([(r["state"], r["processes"]) for r in mine["port"]], [("TIME_WAIT", [])], "left-overs")
                check(0 < mine["port"][0]["expires_ms"] <= 60000, "expires_ms is %r", mine["port"][0])
                for options in ((), ("reuseaddr",), ("reuseport",)):
                    said = would(mine, "0.0.0.0", *options)
                    equal(said["would"], real_bind(where, "0.0.0.0", port, *options), "%d %r" % (port, options))
                    check("estimated" not in said, "the kernel has told the options: %r", said)
                    equal(said["would"], "succeed" if shared and options == ("reuseaddr",) else "EADDRINUSE", "would")
                    equal(said.get("rule"), "time-wait" if said["would"] != "succeed" else None, "rule")
                    equal(said["holders_total"], 0 if said["would"] == "succeed" else 1, "holders")


def test_nature():
    """Privileged, reserved, in the range; of each namespace its own."""
    live.need("ip", "nsenter")
    with netns(net__ipv4__ip_local_port_range="40000 40099", net__ipv4__ip_local_reserved_ports="40010-40019,50000",
               net__ipv4__ip_unprivileged_port_start="80") as where:
        def nature(port):
            mine = ports(port, "--netns", where, where=where)
            equal(mine["port"], [], "sockets on it")
            equal({p["would"] for p in mine["prediction"]}, {"succeed"}, "would")
            n = [n for n in mine["netns"] if n.get("own")][0]
            return n["class"], n["port_privileged"], n["port_reserved"], n["port_ephemeral"]

        equal(nature(79), ("well-known", True, False, False), "79")
        equal(nature(80), ("well-known", False, False, False), "80")
        equal(nature(8080), ("registered", False, False, False), "8080")
        equal(nature(40000), ("ephemeral", False, False, True), "40000")
        equal(nature(40010), ("ephemeral", False, True, True), "40010")
        equal(nature(50000), ("registered", False, True, False), "50000")
        n = [n for n in ports("--netns", where)["netns"]][0]
        equal((n["range_low"], n["range_high"], n["reserved"], n["capacity"]), (40000, 40099, 10, 90), "range")
        text = live.socklife("ports", "40010", "--netns", where).stdout.decode()
        check("Nobody has it." not in text or "40010" in text, "the text: %s", text)


def test_budget():
    """The tightest pairs, against what was opened and what a connect() then says."""
    live.need("ip", "nsenter")
    with netns(net__ipv4__ip_local_port_range="40000 40019", net__ipv4__ip_local_reserved_ports="40001") as where:
        with script("""
first, second = server(7000), server(7001)
keep = [connection(first) for i in range(10)] + [connection(second) for i in range(4)]
bound = [socket.socket() for i in range(2)]
for s in bound:
    s.bind(("127.0.0.1", 0))
ready()
""", where):
            n = ports("--netns", where)["netns"][0]
            equal(n["capacity"], 19, "capacity")
            equal(n["tcp_bound"], 2, "bound")
            told = [(p["laddr"], p["raddr"], p["rport"], p["live"], p["time_wait"], p["used"], p["percent"])
                    for p in n["tightest"]]
            equal(told, [("127.0.0.1", "127.0.0.1", 7000, 10, 0, 12, 63), ("127.0.0.1", "127.0.0.1", 7001, 4, 0, 6, 31)],
                  "tightest")
            # what is left is what connect() gets
            left = int(live.sh(*enter(where), sys.executable, "-c", """
import socket
got = []
try:
    while True:
        got.append(socket.create_connection(("127.0.0.1", 7000)))
except OSError:
    print(len(got))
""").stdout)
            # the backlog of the listener is larger than that
            equal(left, n["capacity"] - n["tightest"][0]["used"], "connections that were left")


def test_filters():
    live.need("nsenter")
    with netns() as where, Held(name="ports_many", where=where) as held:
        facts = held.facts

        def found(*args):
            return {r["sock"] for r in ports("--netns", where, *args)["port"]}

        everything = found()
        heir = {str(facts["shared"]), str(facts["group2"])}
        equal(found("--pid", facts["heir_pid"]), heir, "--pid")
        equal(found("--comm", "heir"), heir, "--comm")
        equal(found("--pid", facts["holder_pid"], "-f") | heir, found("--comm", "holder,heir"), "-f")
        equal(found("--uid", live.NOBODY), set(), "--uid")
        equal(found("--lport", facts["udp4_lport"]), {str(facts["udp4"])}, "--lport")
        check(str(facts["client4"]) in found("--rport", facts["listen4_lport"]), "--rport")
        equal(found("--proto", "udp"), {str(facts[n]) for n in ("udp4", "udp6", "udpdev", "udpconn", "udpauto")},
              "--proto")
        equal(found("-4") | found("-6"), everything, "-4 and -6")
        equal(found("-4") & found("-6"), set(), "-4 and -6")
        check(str(facts["mapped"]) in found("-6", "--laddr", "127.0.0.0/8"), "a mapped one is IPv6, its address IPv4")
        equal(found("--laddr", "127.0.0.2"), {str(facts["bound4"])}, "--laddr")
        equal(found("--cgroup", "/"), {s for s in everything if s in found("--uid", 0)}, "--cgroup")
        equal({r["netns"] for r in ports("--netns", where)["port"]}, {netns_inode(where)}, "--netns")


def test_usage():
    def refused(*args):
        done = live.socklife("ports", *args)
        equal(done.returncode, 2, "exit of ports %s" % " ".join(args))
        equal(done.stdout, b"", "stdout")
        return done.stderr.decode()

    for value in ("80x", "0", "65536", "8000-8010", "-1", ""):
        check(repr(value) in refused("--", value) or value == "-1", "%r is not named", value)
    check("'81'" in refused("80", "81"), "the second port is not named")
    for option in (("--failed",), ("--event", "bind"), ("--errno", "EADDRINUSE"), ("--slower", "1s"), ("--states",)):
        check(option[0] in refused(*option), "%s is not named", option[0])
    check("--pid" in refused("--follow"), "-f alone")
    equal(live.socklife("ports", "-o", "/nonexistent/x").returncode, 5, "exit with an output that cannot be")
    with open("/dev/full", "w") as full:
        equal(subprocess.run([live.binary(), "ports", "--json"], stdout=full, stderr=subprocess.DEVNULL).returncode, 5,
              "exit on a full disk")
        done = subprocess.run([live.binary(), "check"], stdout=full, stderr=subprocess.PIPE, text=True)
        equal(done.returncode, 5, "exit of check on a full disk")
        check("cannot be written: ENOSPC" in done.stderr, "stderr of check: %r", done.stderr)
    path = live.new_path(".out")
    equal(live.socklife("ports", "--json", "-o", path).returncode, 0, "exit with -o")
    with open(path, "rb") as f:
        check(live.parse(f.read()), "nothing in the file")


def test_no_privilege():
    live.need("setpriv")
    done = live.sh("setpriv", "--reuid", str(live.NOBODY), "--clear-groups", live.binary(), "ports", check_rc=False)
    equal((done.returncode, done.stdout), (3, ""), "exit without privileges")
    check("privileges" in done.stderr, "it does not say why: %r", done.stderr)


def test_text():
    """For people: what matters is there, nothing is raw, no line is wider than the terminal."""
    live.need("nsenter")
    with netns() as where, Held(name="ports_many", where=where) as held:
        port = held.facts["listen4_lport"]
        text = live.sh(live.binary(), "ports", "--netns", where).stdout
        line = next(line for line in text.splitlines() if line.split()[:1] == [str(port)])
        for word in ("tcp", "127.0.0.1", "LISTEN", "1/5", "holder %d" % held.facts["holder_pid"], "root", "reuseaddr"):
            check(word in line, "%r is not in %r", word, line)
        check(where in text and "Ephemeral ports:" in text, "no namespace: %s", text)
        bound = next(line for line in text.splitlines() if " 127.0.0.2 " in line)
        check(" bound " in bound, "bound only: %r", bound)
        story = live.sh(live.binary(), "ports", str(port), "--netns", where).stdout
        for word in ("Port %d:" % port, "Connections:", "TIME_WAIT", "Would a bind() succeed now", "no: same-address"):
            check(word in story, "%r is not in %s", word, story)


def test_container_and_name():
    """A name full of control characters is no way out of its cell."""
    with script("""
with open("/proc/self/comm", "w") as f:
    f.write("a\\033[31m b\\n")
s = server(0)
ready(port=s.getsockname()[1], pid=os.getpid())
""") as facts:
        text = live.sh(live.binary(), "ports", str(facts["port"])).stdout
        check("\033" not in text, "raw control characters: %r", text)
        check("a\\x1b[31m\\x20b %d" % facts["pid"] in text or "a\\x1b" in text, "the name: %r", text)
        record = ports(facts["port"])["port"][0]
        equal(record["processes"][0]["comm"], "a\033[31m b\n", "comm")


def test_mptcp():
    """The subflow has the port; the process has the MPTCP socket."""
    with script("""
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.bind(("127.0.0.1", 0))
    s.listen(3)
    ready(port=s.getsockname()[1], pid=os.getpid(), fd=s.fileno())
except OSError:
    ready(port=0)
""") as facts:
        if not facts["port"]:
            raise live.Skip("this kernel has no MPTCP")
        records = [r for r in ports(facts["port"])["port"] if r["role"] == "listener"]
        equal([(r["proto"], r.get("mptcp"), r["state"], [(p["pid"], p["fd"]) for p in r["processes"]])
               for r in records], [("tcp", True, "LISTEN", [(facts["pid"], facts["fd"])])], "the listener")


def test_hidden_namespace():
    """No process is in it and it has no name: a socket of a process outside keeps it. It cannot be entered."""
    with script("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
if libc.unshare(0x40000000):
    sys.exit(1)
inode = os.stat("/proc/self/ns/net").st_ino
s = socket.socket()
s.bind(("0.0.0.0", 8080))
s.listen(5)
if libc.setns(home, 0x40000000):
    sys.exit(1)
ready(inode=inode, pid=os.getpid())
""") as facts:
        mine = ports("--netns", facts["inode"])
        equal([(r["lport"], r["state"], [p["pid"] for p in r["processes"]]) for r in mine["port"]],
              [(8080, "LISTEN", [facts["pid"]])], "its listener")
        equal([(n["netns"], n.get("incomplete")) for n in mine["netns"]], [(facts["inode"], "ENOENT")], "namespace")
        text = live.sh(live.binary(), "ports", "--netns", str(facts["inode"])).stdout
        check("cannot be entered (ENOENT)" in text and "8080  tcp" in text, "the text: %s", text)
