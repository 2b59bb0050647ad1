# SPDX-License-Identifier: GPL-2.0-or-later
"""
Losses are counted exactly: what the load generator did = what the records say + what `lost` says. With a ring of one
page, a reader that is stopped, a table of 100 sockets, and a full disk. (test_record_faults has the same for a queue
that is full, a frozen disk and a recorder that is killed.)
"""
import collections
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

import live
import logs
from live import check, equal, netns, wait_for
from test_record_faults import fill, first_hand

SOCKET_RECORDS = ("bind", "listen", "connect", "accept", "close")
TABLE = 100
SO_COOKIE = 57    # include/uapi/asm-generic/socket.h

GENERATOR = """
import json, socket, sys
count = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0), backlog=count)
clients, servers = [], []
for _ in range(count):
    clients.append(socket.create_connection(listener.getsockname()))
    servers.append(listener.accept()[0])
calls = dict(bind=1, listen=1, connect=len(clients), accept=len(servers), close=len(clients) + len(servers) + 1)
print(json.dumps(calls), flush=True)
sys.stdin.read()
"""


def generator(where, count):
    """What it did: {record: number}. All its connections are open together before the first is closed."""
    done = live.sh(*live.in_netns(where, sys.executable, "-c", GENERATOR, str(count)), stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)


def first_hand_of(records):
    """By type: what the kernel told, without what was concluded from the loss."""
    return collections.Counter(r["type"] for r in records
                               if r["type"] in SOCKET_RECORDS and "ended" not in r.get("inferred", []))


def lost_in(records, reason):
    count = sum(r["count"] for r in records if r["type"] == "lost" and r["reason"] == reason)
    equal(records[-1]["lost"], {reason: count} if count else {}, "lost in stop")
    return count


def with_ring(ring, stopped):
    with netns() as where:
        with live.Tracer("--netns", "/run/netns/%s" % where, "--ring-size", ring, lost=("ring",)) as tracer:
            produced = logs.flood(20, where)
            if stopped:
                tracer.process.send_signal(signal.SIGSTOP)
            for _ in range(4):
                produced += logs.flood(500, where)
            tracer.process.send_signal(signal.SIGCONT)
            time.sleep(1.5)    # a tick: what was lost is told, and who is gone is found out
            produced += logs.flood(20, where)
    lost = lost_in(tracer.records, "ring")
    kept = sum(first_hand_of(tracer.records).values())
    print("%d produced, %d kept, %d lost" % (produced, kept, lost))
    # a process's own record is lost with the record of its that was to follow it, and is told with the next
    equal(kept + lost, produced, "kept %d and lost %d of" % (kept, lost))
    return lost


def test_one_page():
    """A ring of one page, and a reader that goes on."""
    with_ring("4K", False)


def test_one_page_stopped():
    check(with_ring("4K", True) > 7000, "almost nothing was lost")


def test_stopped():
    """As much as fits is kept."""
    check(with_ring("256K", True) > 3000, "almost nothing was lost")


def test_table():
    """Every record is there, also of sockets that are not in the table any more; those are counted, each once."""
    with netns() as where:
        with live.Tracer("--netns", "/run/netns/%s" % where, "--table-size", str(TABLE), lost=("table",)) as tracer:
            did = generator(where, 300)
            wait_for(lambda: sum(1 for line in open(tracer.path) if '"type":"close"' in line) == did["close"], "closes")
    equal(dict(first_hand_of(tracer.records)), did, "records")
    equal(lost_in(tracer.records, "table"), did["close"] - TABLE, "sockets that were forgotten")


def test_full_disk():
    """To the record. No new segment meanwhile, which would tell what is open once more: the disk is large enough."""
    disk = logs.tmpfs("64m")
    path = os.path.join(disk, "log")
    with netns() as where:
        with logs.Recorder(path, "--on-full", "drop-oldest", "--rotate-size", "16M", "--netns",
                           "/run/netns/%s" % where) as recorder:
            produced = logs.flood(50, where)
            logs.until_sealed(path)
            fill(disk)
            for _ in range(16):
                produced += logs.flood(250, where)
            os.unlink(os.path.join(disk, "filler"))
            time.sleep(1.5)
            produced += logs.flood(50, where)
            recorder.stop()
    log = logs.whole(path)
    others = log.of("stop")[0]["events"]
    produced += sum(others.get(kind, 0) for kind in ("finding", "process", "clock"))
    kept = len(first_hand(log)) + len(log.of("finding", "process", "clock"))
    check(log.lost("disk") > 1000, "%d lost", log.lost("disk"))
    equal(kept + log.lost("disk"), produced, "%d kept and %d lost of" % (kept, log.lost("disk")))


def bpftool(*args):
    return json.loads(live.sh("bpftool", "-j", *args).stdout or "null")


def facts_slot(pid, cookie):
    """Of this socket in the map `slots` of socklife: the map's id, the key's bytes in hex, the value."""
    numbers = set()
    for fd in os.listdir("/proc/%d/fdinfo" % pid):
        with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
            numbers.update(re.findall(r"^map_id:\s+(\d+)$", f.read(), re.M))
    slots = [m for m in (bpftool("map", "show", "id", n) for n in numbers) if m["name"] == "slots"]
    equal(len(slots), 1, "maps named slots")
    number = str(slots[0]["id"])
    key = ["0x%02x" % byte for byte in struct.pack("<I", cookie % slots[0]["max_entries"])]
    found = bpftool("map", "lookup", "id", number, "key", *key)
    return number, key, bytearray(int(byte, 16) for byte in found["value"])


def test_died_unseen():
    """
    Facts of a connection that was let go of long ago and is no more: within half a minute its close is told, inferred. Those
    of one that is still there stay. Such facts are made here of a live connection's, by hand: that no program ran
    when a socket died, the kernel does on its own only.
    """
    live.need("bpftool")
    at = live.run_alone("facts_layout")
    with live.Tracer() as tracer, socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname()) as one, socket.create_connection(listener.getsockname()) as two:
        cookies = [struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0] for s in (one, two)]
        for cookie, moved in zip(cookies, (256, 0)):
            wait_for(lambda: tracer.has(type="connect", sock=str(cookie)), "connect")
            number, key, value = facts_slot(tracer.process.pid, cookie)
            equal(struct.unpack_from("=Q", value)[0], cookie, "cookie in the slot")
            flags, address = (struct.unpack_from(form, value, at[name])[0] for form, name in (("=I", "flags"), ("=Q", "sk")))
            check(address, "the facts have no address")
            struct.pack_into("=I", value, at["flags"], flags | at["released"])
            struct.pack_into("=Q", value, at["released_ns"], 1)
            struct.pack_into("=Q", value, at["sk"], address + moved)
            bpftool("map", "update", "id", number, "key", *key, "value", *("0x%02x" % byte for byte in value))
        gone = wait_for(lambda: tracer.has(type="close", sock=str(cookies[0])), "close", 40)
        check("ended" in gone["inferred"] and "reason" in gone["inferred"], "inferred: %s", gone["inferred"])
        equal(gone["reason"], "unknown", "reason")
        equal(tracer.has(type="close", sock=str(cookies[1])), None, "close of the one that is there")
