# SPDX-License-Identifier: GPL-2.0-or-later
"""
What test_queries and test_schemas read: an audit log of a known load, over a rotation, a stop, a restart and a kill -9, and a
second one of the time after a deployment. What the load did is in `Story`, counted by the load itself.
"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

import live
import logs
from live import equal

# Reads one line of JSON, runs it as Python, answers with `result`.
ACTOR = r"""
import json, select, socket, struct, sys, threading, time
def listen(addr, port, backlog=64):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in addr:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((addr, port))
    s.listen(backlog)
    return s
def serve(s):
    def answer(c):
        try:
            if c.recv(100, socket.MSG_WAITALL):
                c.sendall(b"x" * 1000)
                c.recv(1)
        except OSError:
            pass
        c.close()
    def go():
        try:
            while True:
                threading.Thread(target=answer, args=s.accept()[:1], daemon=True).start()
        except OSError:
            pass    # shut down
    threading.Thread(target=go, daemon=True).start()
def fetch(port):
    c = socket.create_connection(("127.0.0.1", port))
    c.sendall(b"q" * 100)
    c.recv(1000, socket.MSG_WAITALL)
    return c
def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return 1
    return 0
def bind_fails(addr, port):
    s = socket.socket()
    try:
        s.bind((addr, port))
    except OSError as e:
        return e.errno
    finally:
        s.close()
    return 0
open("/proc/self/comm", "w").write(sys.argv[1])
names = globals()
for line in sys.stdin:
    names["result"] = None
    exec(json.loads(line), names)
    print(json.dumps(names["result"]), flush=True)
"""


class Actor:
    """A process of this name in the namespace, that does as it is told."""

    def __init__(self, where, name):
        self.process = subprocess.Popen(["ip", "netns", "exec", where, sys.executable, "-c", ACTOR, name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=live.die_with_parent)
        self.pid = self.process.pid

    def do(self, code):
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], live.PATIENCE)
        assert ready, "the load does not end: %s" % code
        line = self.process.stdout.readline()
        assert line, "the load's process ended (%d): %s" % (self.process.wait(), code)
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        return False


def now():
    """As the queries take it: to the microsecond, which is finer than what lies between two steps here."""
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + ".%06d" % (ns // 1000 % 10**6)


class Story:
    """Times and process ids that the answers depend on."""


def rotate(recorder, path):
    number = logs.segments(path)[-1][0]
    recorder.process.send_signal(signal.SIGHUP)
    live.wait_for(lambda: logs.segments(path)[-1][0] == number + 1, "segment %d" % (number + 1))
    live.wait_for(lambda: any(p.endswith(".gz") and n == number for n, p in logs.segments(path)), "a packed segment")


def retransmit(where, actor):
    """What it sends is dropped, until it has sent it again at least once."""
    actor.do("c = socket.create_connection(('127.0.0.1', 8080))")
    live.sh("ip", "netns", "exec", where, "nft", "add table ip lose; add chain ip lose in { type filter hook input priority 0; }; "
            "add rule ip lose in tcp dport 8080 drop")
    actor.do("c.sendall(b'q' * 100)\n"
             "while not c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100]: time.sleep(0.05)")    # tcpi_total_retrans
    live.sh("ip", "netns", "exec", where, "nft", "delete table ip lose")
    actor.do("c.recv(1000, socket.MSG_WAITALL); c.close()")


def record():
    """(directory of the log, directory of the one after a deployment, Story)"""
    story = Story()
    before, after = live.new_path(".log"), live.new_path(".log")
    with live.netns(blackhole=True) as where, Actor(where, "old") as old, Actor(where, "web") as web, \
            Actor(where, "batch") as batch, Actor(where, "deploy") as deploy:
        options = ("--netns", "/run/netns/%s" % where)
        story.pids = {"old": old.pid, "web": web.pid, "batch": batch.pid, "deploy": deploy.pid}
        old.do("s = listen('0.0.0.0', 7070)")    # before the log begins
        story.begin = now()
        with logs.Recorder(before, *options) as recorder:
            web.do("s = listen('0.0.0.0', 8080); serve(s)")
            web.do("s6 = listen('::', 8081); gone = listen('0.0.0.0', 6060); inner = listen('127.0.0.1', 9090)")
            batch.do("for _ in range(30): fetch(8080).close()")
            batch.do("held = [fetch(8080) for _ in range(3)]")
            story.deployed = now()
            deploy.do("for _ in range(4): bind_fails('0.0.0.0', 8080)")
            deploy.do("bind_fails('198.51.100.1', 80)")
            rotate(recorder, before)
            story.rotated = now()
            batch.do("result = sum(refused(4444) for _ in range(7))")
            batch.do("for _ in range(5):\n"
                     "    c = fetch(8080)\n"
                     "    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n"
                     "    c.close()")
            batch.do("for _ in range(3):\n"
                     "    c = socket.socket()\n"
                     "    c.setblocking(False)\n"
                     "    c.connect_ex(('198.18.0.2', 99))\n"
                     "    c.close()")
            retransmit(where, batch)
            web.do("for wait in [0] * 5 + [0.1] * 5:\n"
                   "    c = socket.create_connection(('127.0.0.1', 9090))\n"
                   "    time.sleep(wait)\n"
                   "    inner.accept()[0].close()\n"
                   "    c.close()")
            batch.do("u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b'q', ('127.0.0.1', 53)); u.close()")
            equal(recorder.stop(), "", "stderr of record")
        web.do("gone.close()")    # nobody sees it
        batch.do("fetch(8080).close()")
        story.unwatched = now()
        with logs.Recorder(before, *options) as recorder:
            batch.do("for c in held: c.close()")
            web.do("s6.close()")
            logs.until_sealed(before)
            recorder.kill()
        tool = os.path.join(live.tmp(), "newtool")
        shutil.copy(live.program("flood"), tool)
        story.tool, story.third = tool, now()
        with logs.Recorder(before, *options) as recorder:
            live.sh("ip", "netns", "exec", where, tool, "5", env=dict(os.environ, TRIGGER_FACTS=live.new_path(".facts")))
            recorder.stop()
        story.end = now()
        with logs.Recorder(after, *options) as recorder:
            web.do("extra = listen('127.0.0.1', 5050)")
            batch.do("for _ in range(10): fetch(8080).close()")
            batch.do("result = sum(refused(5555) for _ in range(10))")
            deploy.do("bind_fails('198.51.100.1', 80)")
            web.do("s.shutdown(socket.SHUT_RDWR); s.close()")
            batch.do("result = sum(refused(8080) for _ in range(10))")
            equal(recorder.stop(), "", "stderr of record")
    return before, after, story
