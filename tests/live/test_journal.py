# SPDX-License-Identifier: GPL-2.0-or-later
"""record --journal: findings and losses in the systemd journal, with one that reads, one that hangs, none, a real one."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time

import live
import logs
from live import check, equal, netns
from logs import Recorder
from test_record import directory, of_netns

SOCKET = "/run/systemd/journal/socket"
JOURNALD = "/lib/systemd/systemd-journald"
MESSAGE_IDS = {"finding": "79cec58355b7407a9ceb2650a9590f2e", "lost": "b511be23df864587ae6587f9ca4899df"}

# argv[1] ports, each asked for twice: a finding each
CONFLICTS = """
import socket, sys
with open("/proc/self/comm", "w") as f:
    f.write("a\\n\\033[31mb")
for i in range(int(sys.argv[1])):
    first = socket.create_server(("127.0.0.1", 0))
    with socket.socket() as s:
        try:
            s.bind(first.getsockname())
        except OSError:
            pass
    first.close()
"""


def conflicts(where, count=1):
    live.sh("ip", "netns", "exec", where, sys.executable, "-c", CONFLICTS, str(count))


def private_run():
    """/run is this test's alone; also its `ip netns` namespaces."""
    logs.private_mounts()
    live.sh("mount", "-t", "tmpfs", "-o", "size=64m", "socklife-test", "/run")
    os.makedirs(os.path.dirname(SOCKET))


def journal():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET)
    s.bind(SOCKET)
    s.settimeout(live.PATIENCE)
    return s


def parse(data):
    """The native protocol."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8:8 + size], data[8 + size + 1:]
        check(re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", key), "key %r", key)
        check(key not in fields, "twice: %r", key)
        fields[key.decode()] = value.decode("utf-8", "surrogateescape")
    return fields


def received(s):
    """What has come and nobody read."""
    s.setblocking(False)
    entries = []
    with contextlib.suppress(BlockingIOError):
        while True:
            entries.append(parse(s.recv(1 << 20)))
    return entries


def is_of(entry, record):
    """The entry's record: found by its time, and the same in all that both have."""
    if entry["SOCKLIFE_TYPE"] != record["type"] or entry["SOCKLIFE_BOOT_NS"] != str(record["boot_ns"]):
        return False
    return record["type"] == "lost" or (entry["SOCKLIFE_KEY"], entry["SOCKLIFE_STATUS"]) == (record["key"],
                                                                                            record["status"])


def find(entry, log):
    found = [r for r in log.of("finding", "lost") if is_of(entry, r)]
    equal(len(found), 1, "records of %r" % (entry,))
    return found[0]


def compare(entry, record):
    priority = {"info": "6", "warning": "4", "error": "3"}[record["severity"]]
    want = {
        "MESSAGE_ID": MESSAGE_IDS["finding"], "SYSLOG_IDENTIFIER": "socklife",
        "PRIORITY": "6" if record["status"] == "closed" else priority, "SOCKLIFE_FINDING": record["finding"],
        "SOCKLIFE_SEVERITY": record["severity"], "SOCKLIFE_COUNT": str(record["evidence"]["count"]),
    }
    for field in ("rule", "sock", "netns", "proto", "proc", "pid", "comm", "uid", "exe", "cgroup", "container", "unit"):
        if field in record:
            want["SOCKLIFE_" + field.upper()] = str(record[field])
    for key, value in want.items():
        equal(entry.get(key), value, key)
    check(entry["MESSAGE"].startswith(record["finding"]), "message: %r", entry["MESSAGE"])
    for key in ("MESSAGE", "SOCKLIFE_ADVICE"):
        check(entry[key].isprintable(), "control characters: %r", entry[key])


def test_entries():
    """Each finding once, with what identifies it; a hostile name is a field like another. After a restart of the journal too."""
    private_run()
    first = journal()
    with netns() as where, Recorder(directory(), "--journal", *of_netns(where)) as recorder:
        conflicts(where)
        entries = [parse(first.recv(1 << 20))]
        first.close()
        second = journal()
        conflicts(where)
        entries.append(parse(second.recv(1 << 20)))
        equal(recorder.stop(), "", "stderr")
        entries += received(second)
    log = logs.whole(directory())
    equal(sorted(e["SOCKLIFE_BOOT_NS"] for e in entries), sorted(str(r["boot_ns"]) for r in log.of("finding", "lost")),
          "entries")
    for entry in entries:
        compare(entry, find(entry, log))
        equal(entry["SOCKLIFE_COMM"], "a\n\033[31mb", "comm")


def test_hangs():
    """Nobody reads: the log has all, the end does not wait, and what did not get there is counted exactly."""
    private_run()
    wanted = 1300    # more than may wait
    silent = journal()
    with netns() as where, Recorder(directory(), "--journal", *of_netns(where)) as recorder:
        conflicts(where, wanted)
        logs.until_sealed(directory())
        begin = time.monotonic()
        said = recorder.stop()
        took = time.monotonic() - begin
        entries = received(silent)
    log = logs.whole(directory())
    findings = log.of("finding", "lost")
    check(len(findings) >= wanted, "%d findings", len(findings))
    check(entries, "no entry")
    match = re.fullmatch(r"socklife: (?:warning: )?--journal: (\d+) entries did not get to the journal: the log has them\n?", said)
    check(match, "stderr: %r", said)
    equal(int(match[1]) + len(entries), len(findings), "dropped and sent")
    check(took < live.PATIENCE / 2, "the end took %.1f s", took)


def test_gone():
    """There is none: said once. One that comes later gets what waits."""
    private_run()
    with netns() as where, Recorder(directory(), "--journal", *of_netns(where)) as recorder:
        conflicts(where)
        logs.until_sealed(directory())
        late = journal()
        entry = parse(late.recv(1 << 20))
        late.close()
        os.unlink(SOCKET)
        conflicts(where)
        logs.until_sealed(directory())
        said = recorder.stop().splitlines()
    log = logs.whole(directory())
    compare(entry, find(entry, log))
    for line, words in zip(said, ("takes nothing (ENOENT)", "takes entries again, 0 were dropped", "takes nothing (",
                                  "entries did not get to the journal")):
        check(words in line, "%r is not in %r", words, line)
    equal(len(said), 4, "lines on stderr")


def test_journald():
    """A real one: journalctl finds them by identifier and by message id, hostile names and all."""
    live.need("journalctl")
    if not os.path.exists(JOURNALD):
        raise live.Skip("%s is not there" % JOURNALD)
    private_run()
    os.makedirs("/run/log/journal")
    journald = subprocess.Popen([JOURNALD], preexec_fn=live.die_with_parent, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        live.wait_for(lambda: os.path.exists(SOCKET), "the journal's socket")
        with netns() as where, Recorder(directory(), "--journal", *of_netns(where)) as recorder:
            conflicts(where)
            equal(recorder.stop(), "", "stderr")

        def read():
            out = live.sh("journalctl", "-D", "/run/log/journal", "--all", "-o", "json", "-t", "socklife",
                          "MESSAGE_ID=" + MESSAGE_IDS["finding"]).stdout
            return [json.loads(line) for line in out.splitlines()]

        log = logs.whole(directory())
        wanted = log.of("finding")
        live.wait_for(lambda: len(read()) == len(wanted), "entries in the journal")
        for entry in read():
            # what is not printable is an array of bytes there
            entry = {k: bytes(v).decode() if isinstance(v, list) else v for k, v in entry.items()}
            record = find(entry, log)
            compare(entry, record)
            equal(entry["_PID"], str(recorder.pid), "who sent it")
    finally:
        journald.terminate()
        journald.wait()


def test_sandbox():
    """Behind the filters of the systemd unit, with its capabilities only."""
    live.need("setpriv", "systemd-analyze")
    unit = os.path.join(live.TOP, "contrib/socklife.service")
    private_run()
    receiver = journal()
    with netns() as where:
        with Recorder(directory(), "--journal", *of_netns(where),
                      prefix=["setpriv", "--no-new-privs", sys.executable,
                              os.path.join(live.TOP, "tests/live/sandbox.py"), unit]) as recorder:
            conflicts(where)
            equal(parse(receiver.recv(1 << 20))["SOCKLIFE_FINDING"], "port_conflict", "the entry's finding")
            equal(recorder.stop(), "", "stderr")
