# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of record share: a recorder, a reader, and an independent check of the chain of seals."""
import ctypes
import gzip
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import live
from live import check, equal

SEGMENT = re.compile(r"^socklife-(\d{6,})\.ndjson(\.gz)?$")


class Recorder:
    """`socklife record`; ready once the service manager would know it."""

    def __init__(self, directory, *options, ready=True, env=None, prefix=()):
        self.directory = directory
        path = live.new_path(".notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(path)
        self.manager.settimeout(live.PATIENCE)
        self.process = subprocess.Popen([*prefix, live.binary(), "record", "--dir", directory, *options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, NOTIFY_SOCKET=path, **(env or {})),
                                        preexec_fn=live.die_with_parent)
        self.pid = self.process.pid
        if ready:
            try:
                equal(self.heard(), "READY=1", "first message to the service manager")
            except TimeoutError:
                self.process.kill()
                raise AssertionError("not ready: %r" % (self.process.communicate(),))

    def heard(self):
        """What the service manager is told next."""
        if self.process.poll() is not None:
            self.manager.setblocking(False)
        try:
            return self.manager.recv(4096).decode()
        except BlockingIOError:
            raise AssertionError("ended, exit %d: %s" % (self.process.returncode,
                                 self.process.stderr.read().decode("utf-8", "replace")))

    def finish(self, status=0):
        """Its end, which something has caused; what it said on stderr."""
        _, stderr = self.process.communicate(timeout=live.PATIENCE)
        stderr = stderr.decode("utf-8", "replace")
        equal(self.process.returncode, status, "exit of record (%s)" % stderr)
        return live.said(stderr)

    def stop(self, number=signal.SIGTERM, status=0):
        self.process.send_signal(number)
        return self.finish(status)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.kill()
        self.manager.close()
        return False


def segments(directory):
    """[(number, path)] in order. For a moment, or after a kill -9 in it, there are both: the plain one counts."""
    found = {}
    for name in sorted(os.listdir(directory), reverse=True):
        match = SEGMENT.match(name)
        if match:
            found[int(match[1])] = os.path.join(directory, name)
    return sorted(found.items())


def read_bytes(path):
    if not path.endswith(".gz") and not os.path.exists(path):
        path += ".gz"    # packed meanwhile
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        return f.read()


class Log:
    """All of a log: per segment its records, and what always holds of them, checked without socklife's help."""

    def __init__(self, directory, whole=True):
        self.numbers, self.segments, self.records = [], [], []
        self.head, self.index, self.unsealed = None, 0, 0
        before = None
        for number, path in segments(directory):
            check(before is None or number == before + 1, "segment %d after %s", number, before)
            before = number
            self.numbers.append(number)
            self.add(number, read_bytes(path), path)
        check(self.records, "no records in %s", directory)
        if whole:
            equal([r["type"] for r in self.records[-2:]], ["stop", "seal"], "the last records")

    def add(self, number, data, path):
        check(data.endswith(b"\n"), "%s ends in a part of a line", path)
        begin = len(self.records)
        block = None
        for at, line in enumerate(data.split(b"\n")[:-1], 1):
            record = json.loads(line)
            where = "%s, line %d" % (path, at)
            live.no_nulls(record, where)
            live.schema.valid(record)
            equal(list(record)[:7], ["v", "seq", "ts", "boot_ns", "boot", "host", "type"], "first fields, %s" % where)
            if self.records:
                equal(record["seq"], self.records[-1]["seq"] + 1, "seq, %s" % where)
            self.records.append(record)
            if at == 1:
                block = self.begin(number, record, where)
            check((record["type"] == "segment") == (at == 1), "a segment record, %s", where)
            if record["type"] == "seal":
                block = self.seal(record, line, block, where)
                self.unsealed = 0
                ended = record.get("end")
            else:
                block.update(line + b"\n")
                self.unsealed += 1
                ended = False
        self.ended = ended
        self.segments.append(self.records[begin:])

    def begin(self, number, record, where):
        equal(record["type"], "segment", "first record, %s" % where)
        equal(record["segment"], number, "number, %s" % where)
        if self.head is None:
            self.head, self.index = record["prev"], record["seals"]
            check(number != 1 or (self.head == "0" * 64 and record["seq"] == 1), "the very first, %s", where)
        equal((record["prev"], record["seals"]), (self.head, self.index), "prev and seals, %s" % where)
        equal(self.unsealed, 0, "records before this segment that are not sealed")
        return hashlib.sha256(bytes.fromhex(self.head))

    def seal(self, record, line, block, where):
        cut = line.index(b',"mac"') if "mac" in record else line.index(b',"sha256"')
        block.update(line[:cut])
        digest = block.digest()
        if "mac" in record:
            digest = hashlib.sha256(digest + bytes.fromhex(record["mac"])).digest()
        equal(record["sha256"], digest.hex(), "sha256, %s" % where)
        equal((record["prev"], record["index"], record["records"]), (self.head, self.index + 1, self.unsealed),
              "prev, index and records, %s" % where)
        self.head, self.index = record["sha256"], record["index"]
        return hashlib.sha256(digest)

    def of(self, *types):
        return [r for r in self.records if r["type"] in types]

    def lost(self, reason):
        return sum(r["count"] for r in self.of("lost") if r["reason"] == reason)

    def stands_alone(self):
        """
        In each segment a socket's first record is its snapshot, or the first of its life, and a process is told
        before its first record.
        """
        open_before = {}
        for number, records in zip(self.numbers, self.segments):
            told, processes = {}, set()
            for record in records:
                if record["type"] == "process":
                    processes.add(record["proc"])
                if record["type"] not in live.SOCKET_TYPES:
                    continue
                for proc in (record.get("proc"), record.get("owner", {}).get("proc")):
                    check(proc is None or proc in processes, "segment %d: %s is not told before %r", number, proc, record)
                sock = record["sock"]
                if sock in open_before and sock not in told:
                    equal(record["type"], "snapshot", "first record of %s in segment %d" % (sock, number))
                told[sock] = record["type"]
            missing = set(open_before) - set(told)
            check(not missing, "open before segment %d and not told there: %r", number, missing)
            open_before = {sock: True for sock, kind in told.items() if kind != "close"}


def verify(directory, status=0, *options):
    done = live.socklife("verify", *options, directory)
    equal(done.returncode, status, "exit of verify (%s%s)" % (done.stdout.decode(), done.stderr.decode()))
    return done.stdout.decode()


def whole(directory):
    verify(directory)
    return Log(directory)


def private_mounts():
    """What this test mounts is seen by it and its children only, and goes with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000):    # CLONE_NEWNS
        raise live.Skip("no mount namespace: %s" % os.strerror(ctypes.get_errno()))
    live.sh("mount", "--make-rprivate", "/")


def tmpfs(size):
    private_mounts()
    path = live.new_path(".mnt")
    os.mkdir(path)
    live.sh("mount", "-t", "tmpfs", "-o", "size=%s" % size, "socklife-test", path)
    return path


def flood(count, where):
    """`count` connections, 4 records each, and 3 of their listener."""
    live.run_alone("flood", str(count), prefix=["ip", "netns", "exec", where])
    return 4 * count + 3


class Load:
    """Floods one after the other, with pauses, until stopped."""

    def __init__(self, where, count=500):
        self.stopped = False
        path = live.new_path(".facts")
        script = "while [ ! -e \"$1\" ]; do \"$2\" %d || exit; sleep 0.1; done" % count
        self.flag = live.new_path(".stop")
        self.process = subprocess.Popen(["ip", "netns", "exec", where, "sh", "-c", script, "sh", self.flag,
                                         live.program("flood")], env=dict(os.environ, TRIGGER_FACTS=path),
                                        stdin=subprocess.DEVNULL, preexec_fn=live.die_with_parent)

    def stop(self):
        with open(self.flag, "w", encoding="ascii"):
            pass
        equal(self.process.wait(live.PATIENCE), 0, "exit of the load")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.stop()
        return False


def until_sealed(directory, seconds=5):
    """Until all that is there is sealed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = read_bytes(segments(directory)[-1][1]).rsplit(b"\n", 2)
        if len(lines) > 2 and b'"type":"seal"' in lines[-2]:
            return
        time.sleep(0.05)
    raise AssertionError("not sealed within %d s" % seconds)
