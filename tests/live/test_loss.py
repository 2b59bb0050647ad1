# SPDX-License-Identifier: GPL-2.0-or-later
"""
Losses are counted exactly: what the load generator did = what the records say + what `lost` says. With a ring of one
page, a reader that is stopped, a table of 100 sockets, and a full disk. (test_record_faults has the same for a queue
that is full, a frozen disk and a recorder that is killed.)
"""
import collections
import contextlib
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
UNSEEN = 260      # deaths: more than one look finds, SWEEP_ROOM of src/live.c
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


def bpftool_batch(lines):
    path = live.new_path(".batch")
    with open(path, "w") as f:
        f.write("".join(line + "\n" for line in lines))
    return [each["output"] for each in bpftool("batch", "file", path)]


def in_hex(data):
    return " ".join("0x%02x" % byte for byte in data)


def slots_map(pid):
    """The number and the size of the map `slots` of socklife."""
    numbers = set()
    for fd in os.listdir("/proc/%d/fdinfo" % pid):
        with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
            numbers.update(re.findall(r"^map_id:\s+(\d+)$", f.read(), re.M))
    slots = [m for m in (bpftool("map", "show", "id", n) for n in numbers) if m["name"] == "slots"]
    equal(len(slots), 1, "maps named slots")
    return slots[0]["id"], slots[0]["max_entries"]


def closes(tracer, cookies):
    """The close records of these sockets by now, by socket: others of this machine may close too."""
    return {r["sock"]: r for r in tracer.written() if r["type"] == "close" and int(r["sock"]) in cookies}


def test_died_unseen():
    """
    Facts of connections that were let go of long ago and are no more: within half a minute their closes are told, inferred, of
    all of them. Those of one that is still there stay. Such facts are made here of live connections', by hand: that no
    program ran when a socket died, the kernel does on its own only.
    """
    live.need("bpftool")
    at = live.run_alone("facts_layout")
    with contextlib.ExitStack() as stack:
        tracer = stack.enter_context(live.Tracer())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        cookies = []
        for _ in range(UNSEEN + 1):
            s = stack.enter_context(socket.create_connection(listener.getsockname()))
            stack.enter_context(listener.accept()[0])
            cookies.append(struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0])
        wait_for(lambda: tracer.has(type="connect", sock=str(cookies[-1])), "connect")
        number, size = slots_map(tracer.process.pid)
        keys = [in_hex(struct.pack("<I", cookie % size)) for cookie in cookies]
        updates = []
        for i, found in enumerate(bpftool_batch("map lookup id %d key %s" % (number, key) for key in keys)):
            value = bytearray(int(byte, 16) for byte in found["value"])
            equal(struct.unpack_from("=Q", value)[0], cookies[i], "cookie in the slot")
            flags, address = (struct.unpack_from(form, value, at[name])[0] for form, name in (("=I", "flags"), ("=Q", "sk")))
            check(address, "the facts have no address")
            struct.pack_into("=I", value, at["flags"], flags | at["released"])
            struct.pack_into("=Q", value, at["released_ns"], 1)
            struct.pack_into("=Q", value, at["sk"], address + (256 if i < UNSEEN else 0))
            updates.append("map update id %d key %s value %s" % (number, keys[i], in_hex(value)))
        bpftool_batch(updates)
        wait_for(lambda: closes(tracer, cookies), "the first close", 40)
        wait_for(lambda: len(closes(tracer, cookies)) == UNSEEN, "all closes", 10)
        gone = closes(tracer, cookies)
        equal(set(gone), {str(cookie) for cookie in cookies[:-1]}, "closes")
        for record in gone.values():
            check("ended" in record["inferred"] and "reason" in record["inferred"], "inferred: %s", record["inferred"])
            equal(record["reason"], "unknown", "reason")
