# SPDX-License-Identifier: GPL-2.0-or-later
"""
port_conflict names whoever holds the port now, and nobody else: groups, heirs, other users and devices. Each
program is a few lines of Python in a namespace of its own; `note` writes what the test compares with.
"""
import sys

import live
from live import ABSENT, check, differs, equal, netns

PROLOGUE = """
import os, socket, struct, sys, time
PORT = 8080
FACTS = open(os.environ["TRIGGER_FACTS"], "a")
def note(**facts):
    FACTS.write("".join("%s=%s\\n" % fact for fact in facts.items()))
    FACTS.flush()
def cookie(s):
    return struct.unpack("Q", s.getsockopt(socket.SOL_SOCKET, 57, 8))[0]
def hold(name, addr="127.0.0.1", listen=True, options=(), device=None, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, kind)
    for option in options:
        s.setsockopt(socket.SOL_SOCKET, option, 1)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\\0")
    s.bind((addr, PORT))
    if listen and kind == socket.SOCK_STREAM:
        s.listen(8)
    note(**{name: cookie(s), name + "_pid": os.getpid()})
    return s
def newcomer(name, **how):
    try:
        hold(name, **how)
        note(**{name + "_refused": 0})
    except OSError as e:
        note(**{name + "_refused": e.errno})
def child(run):
    r, w = os.pipe()
    pid = os.fork()
    if pid:
        os.close(w)
        os.read(r, 1)          # until it is ready, or dead
        os.close(r)
        return pid
    os.close(r)
    run(lambda: os.write(w, b"."))
    os._exit(0)
def end(*pids):
    time.sleep(0.3)                # socklife asks the kernel some ms after the refusal
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
REUSEADDR, REUSEPORT = socket.SO_REUSEADDR, socket.SO_REUSEPORT
"""


def run(script, devices=()):
    with netns() as where:
        for device in devices:
            live.sh("ip", "-n", where, "link", "add", device, "type", "veth", "peer", "name", "peer-" + device)
            live.sh("ip", "-n", where, "link", "set", device, "up")
        path = live.new_path(".facts")
        output, _ = live.traced(live.in_netns(where, sys.executable, "-c", PROLOGUE + script), facts=path)
        records = live.parse(output)
        live.check_stream(records, live.read_facts(path))
        return live.Run(records, live.read_facts(path), where=where)


def conflict(script, *names, refused=True, devices=(), **fields):
    """One port_conflict whose holders are the sockets of these names, in any order."""
    result = run(script, devices)
    equal(bool(result.facts["newcomer_refused"]), refused, "refused")
    opened = [f for f in result.findings("port_conflict") if f["status"] == "open"]
    if not refused:
        equal(opened, [], "findings")
        return None
    equal(len(opened), 1, "findings")
    found = {h.get("sock"): h for h in opened[0]["holders"]}
    equal(sorted(found), sorted(result.id(name) for name in names), "holders")
    for name in names:
        equal(found[result.id(name)]["pid"], result.facts[name + "_pid"], "process of %s" % name)
    equal(opened[0]["evidence"]["holders_total"], len(names), "holders_total")
    lines = differs({"evidence": {"estimated": ABSENT}, **fields}, opened[0])
    check(not lines, "\n".join(lines))
    return opened[0]


def test_reuseport_group():
    conflict("""
def serve(ready, name):
    s = hold(name, options=[REUSEPORT])
    ready()
    time.sleep(60)
group = [child(lambda ready, n=n: serve(ready, "h%d" % n)) for n in range(3)]
newcomer("newcomer")
end(*group)
""", "h0", "h1", "h2", rule="reuseport-missing")


def test_inherited_by_a_worker():
    """The one that bound it is gone: its child has the socket."""
    conflict("""
def master(ready):
    s = hold("holder")
    pid = os.fork()
    if pid:
        os._exit(0)
    note(holder_pid=os.getpid())
    while os.getppid() != main:
        time.sleep(0.001)
    ready()
    time.sleep(60)
main = os.getpid()
import ctypes
ctypes.CDLL(None).prctl(36, 1)      # PR_SET_CHILD_SUBREAPER
os.waitpid(child(master), 0)
newcomer("newcomer")
import signal
with open(os.environ["TRIGGER_FACTS"]) as f:
    end([int(line[11:]) for line in f if line.startswith("holder_pid=")][-1])
""", "holder")


def test_passed_over_a_unix_socket():
    conflict("""
ours, theirs = socket.socketpair(socket.AF_UNIX)
def maker(ready):
    s = hold("holder")
    socket.send_fds(theirs, [b"x"], [s.fileno()])
maker_pid = child(maker)
os.waitpid(maker_pid, 0)
def heir(ready):
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    note(holder_pid=os.getpid())
    ready()
    time.sleep(60)
pid = child(heir)
newcomer("newcomer")
end(pid)
""", "holder")


def test_other_user():
    finding = conflict("""
def serve(ready):
    os.setuid(65534)
    s = hold("holder")
    ready()
    time.sleep(60)
pid = child(serve)
newcomer("newcomer")
end(pid)
""", "holder")
    equal((finding["holders"][0]["uid"], finding["holders"][0].get("user")), (65534, "nobody"), "user of the holder")


def test_v4_mapped():
    conflict("""
s = hold("holder", addr="::ffff:127.0.0.1")
newcomer("newcomer")
""", "holder", rule="same-address")


def test_same_device():
    conflict("""
s = hold("holder", addr="0.0.0.0", device="d0")
newcomer("newcomer", addr="0.0.0.0", device="d0")
""", "holder", devices=["d0"])


def test_no_device_wanted():
    conflict("""
s = hold("holder", addr="0.0.0.0", device="d0")
newcomer("newcomer", addr="0.0.0.0")
""", "holder", devices=["d0"])


def test_other_device_is_silent():
    conflict("""
s = hold("holder", addr="0.0.0.0", device="d0")
newcomer("newcomer", addr="0.0.0.0", device="d1")
""", refused=False, devices=["d0", "d1"])


def test_bystanders_are_not_named():
    """Another address, another protocol, the client's end: none of them. An accepted connection holds the port too."""
    conflict("""
other = hold("other", addr="127.0.0.2")
udp = hold("udp", kind=socket.SOCK_DGRAM)
s = hold("holder")
c = socket.create_connection(("127.0.0.1", PORT))
a, _ = s.accept()
note(accepted=cookie(a), accepted_pid=os.getpid())
newcomer("newcomer")
end()
""", "holder", "accepted")


def test_two_addresses_are_silent():
    conflict("""
s = hold("holder", addr="127.0.0.1")
newcomer("newcomer", addr="127.0.0.2")
""", refused=False)


def test_restart_over_time_wait_is_silent():
    conflict("""
s = hold("holder", options=[REUSEADDR])
c = socket.create_connection(("127.0.0.1", PORT))
a, _ = s.accept()
a.close()                           # the server's end closes first: TIME_WAIT on its port
c.close()
s.close()
newcomer("newcomer", options=[REUSEADDR])
""", refused=False)
