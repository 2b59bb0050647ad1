# SPDX-License-Identifier: GPL-2.0-or-later
"""
Audit logs made without socklife, by the rules of docs/audit-log.md: for the tests of what reads them.
"""
import gzip
import hashlib
import hmac
import json
import os

ZEROS = "0" * 64
LABEL = b"socklife seal key"


def read_key(path):
    """(index, 32 bytes)"""
    with open(path) as f:
        magic, version, index, digits = f.read().split()
    assert (magic, version) == ("socklife-key", "1")
    return int(index), bytes.fromhex(digits)


class Log:
    """Segments as lists of lines (bytes). `key`: of the first seal, 32 bytes."""

    def __init__(self, key=None):
        self.segments, self.seq, self.index = [], 0, 1
        self.head, self.block, self.key = ZEROS, [], key

    def _front(self, kind, fields):
        self.seq += 1
        record = {"v": 1, "seq": self.seq, "ts": "2026-11-22T23:48:24.%09dZ" % self.seq,
                  "boot_ns": 81234567890 + self.seq, "boot": "0b6f3ba0-3a8a-4f0b-9d3c-5d3c6a9f1c11",
                  "host": "wéb \"1\"", "type": kind}
        record.update(fields)
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()

    def record(self, kind="bind", **fields):
        line = self._front(kind, fields) + b"\n"
        self.segments[-1].append(line)
        self.block.append(line)

    def segment(self):
        self.segments.append([])
        self.record("segment", version="0.1.0", segment=len(self.segments), prev=self.head)

    def seal(self, end=False):
        fields = {"records": len(self.block), "index": self.index}
        if end:
            fields["end"] = True
        fields["prev"] = self.head
        line = self._front("seal", fields)[:-1]
        d = hashlib.sha256(bytes.fromhex(self.head) + b"".join(self.block) + line).digest()
        self.head = d.hex()
        if self.key:
            mac = hmac.new(self.key, d, "sha256").digest()
            line += b',"mac":"%s"' % mac.hex().encode()
            self.head = hashlib.sha256(d + mac).hexdigest()
            self.key = hmac.new(self.key, LABEL, "sha256").digest()
        self.segments[-1].append(line + b',"sha256":"%s"}\n' % self.head.encode())
        self.block = []
        self.index += 1

    def binds(self, n):
        for number in range(n):
            self.record(sock=str(number), laddr="127.0.0.1", lport=8000 + number)

    def stop(self):
        self.record("stop", events={}, lost={}, findings={})
        self.seal(end=True)

    def write(self, path, packed=()):
        """Into a directory; `packed`: numbers of the segments to gzip."""
        os.makedirs(path, exist_ok=True)
        for number, lines in enumerate(self.segments, 1):
            name = os.path.join(path, "socklife-%06d.ndjson" % number)
            data = b"".join(lines)
            if number in packed:
                name, data = name + ".gz", gzip.compress(data)
            with open(name, "wb") as f:
                f.write(data)
        return path


def sample(key=None):
    """Three segments: lines 1 segment, 2-6, 7 seal, 8-11, 12 seal, 13-15, (16 stop in the last,) seal."""
    log = Log(key)
    for number in range(3):
        log.segment()
        log.binds(5)
        log.seal()
        log.binds(4)
        log.seal()
        log.binds(3)
        if number < 2:
            log.seal(end=True)
    log.stop()
    return log
