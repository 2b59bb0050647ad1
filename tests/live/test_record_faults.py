# SPDX-License-Identifier: GPL-2.0-or-later
"""
The audit log when things go wrong: killed at any moment, disk full, read-only, frozen, stopped. What is lost is
counted exactly: produced = written + lost. ROUNDS kill -9 (default 200).
"""
import contextlib
import glob
import json
import os
import random
import signal
import subprocess
import time

import live
import logs
from logs import Load, Log, Recorder, flood, verify, whole
from live import check, equal, netns

ROUNDS = int(os.environ.get("ROUNDS", "200"))
SOCKET_RECORDS = ("bind", "listen", "connect", "accept", "close")


def directory():
    return os.path.join(live.tmp(), "log")


def of_netns(where):
    return ("--netns", "/run/netns/%s" % where)


def first_hand(log):
    """What the kernel told, without what a resynchronisation concluded."""
    return [r for r in log.of(*SOCKET_RECORDS) if "ended" not in r.get("inferred", [])]


def accounted_for(log, produced, reason, again=0):
    """
    Everything that happened, findings and the like included, is in the log or counted as lost for this reason.
    `again`: so many sockets may have been told again for a segment, and lost.
    """
    others = ("finding", "process", "clock")
    told = log.of("stop")[0]["events"]
    produced += sum(told.get(kind, 0) for kind in others)
    kept = len(first_hand(log)) + len(log.of(*others))
    check(produced <= kept + log.lost(reason) <= produced + again, "%d produced, %d written and %d lost (%s)", produced,
          kept, log.lost(reason), reason)
    equal(log.of("stop")[0]["lost"], {reason: log.lost(reason)} if log.lost(reason) else {}, "lost in stop")


def sealed_part(directory_):
    """Everything up to the last seal, as bytes, in order."""
    data = b"".join(logs.read_bytes(path) for _, path in logs.segments(directory_))
    end = data.rfind(b'"type":"seal"')
    end = data.find(b"\n", end) if end >= 0 else -1
    return data[:end + 1]


def test_killed():
    """
    kill -9 at random moments under load, with rotation and packing going on. What was sealed is still there, byte for
    byte; verify says that the log was cut, and after the next start, that it is whole.
    """
    rounds = random.Random(os.environ.get("SEED"))
    torn = crashes = unsealed = 0
    with netns() as where, Load(where):
        for number in range(ROUNDS):
            if number % 5 == 0:    # another log: each round reads all of it
                path, crashes = live.new_path(".log"), 0
            with Recorder(path, "--rotate-size", "512K", "--seal-every", "200ms", *of_netns(where)) as recorder:
                time.sleep(rounds.uniform(0, 0.8))
                recorder.process.send_signal(signal.SIGSTOP)    # so that what is sealed can be read
                before = sealed_part(path)
                recorder.kill()
            torn += not logs.read_bytes(logs.segments(path)[-1][1]).endswith(b"\n")
            said = verify(path, 4)
            check(said.startswith("cut off: "), "round %d: verify says %s", number, said)
            unsealed += "not sealed" in said
            with Recorder(path, *of_netns(where)) as recorder:
                stderr = recorder.stop()
            check("ended without a stop" in stderr, "round %d: stderr %r", number, stderr)
            log = whole(path)
            crashes += 1
            equal(sum(r["reason"] == "crash" for r in log.of("lost")), crashes, "lost records of reason crash")
            equal([r["type"] for r in log.segments[-1][:2]], ["segment", "lost"], "how the segment after it begins")
            after = b"".join(logs.read_bytes(path) for _, path in logs.segments(path))
            check(after.startswith(before), "round %d: what was sealed is not what it was", number)
    print("%d rounds, %d with records not sealed, %d with a torn tail" % (ROUNDS, unsealed, torn))


test_killed.limit = 60 + 6 * ROUNDS


def test_killed_with_key():
    """The key that was in the file when it was killed fits, wherever between seal and key that was."""
    keys = os.path.join(live.tmp(), "keys")
    os.mkdir(keys)
    equal(live.socklife("keygen", keys).returncode, 0, "exit of keygen")
    options = ("--key", os.path.join(keys, "start.key"), "--seal-every", "2ms")
    with netns() as where, Load(where, 200):
        for number in range(max(ROUNDS // 4, 3)):
            with Recorder(directory(), *options, *of_netns(where)) as recorder:
                time.sleep(random.uniform(0, 0.3))
                recorder.kill()
            with Recorder(directory(), *options, *of_netns(where)) as recorder:
                stderr = recorder.stop()
            check("--key" not in stderr, "round %d: %s", number, stderr)
            verify(directory(), 0, "--key", os.path.join(keys, "verify.key"))


test_killed_with_key.limit = 60 + 2 * ROUNDS


# --- a disk that is full ---

def fill(path, leave=0):
    """All that is left there, but `leave` bytes."""
    fd, size = os.open(os.path.join(path, "filler"), os.O_WRONLY | os.O_CREAT), 0
    with contextlib.suppress(OSError):
        while True:
            size += os.write(fd, b"x" * 4096)
    os.ftruncate(fd, max(size - leave, 0))
    os.close(fd)


def test_full_stop():
    """Sealed and stopped from the reserve; exit 5; every record is there or counted."""
    disk = logs.tmpfs("6m")
    path = os.path.join(disk, "log")
    with netns() as where:
        with Recorder(path, *of_netns(where)) as recorder:
            produced = 0
            while recorder.process.poll() is None and produced < 100000:
                produced += flood(250, where)
            equal(recorder.heard(), "STOPPING=1", "message to the service manager")
            stderr = recorder.finish(5)
        check("the log in '%s' cannot be written: ENOSPC" % path in stderr, "stderr: %s", stderr)
        log = whole(path)
        happened = log.of("stop")[0]["events"]
        accounted_for(log, sum(happened.get(kind, 0) for kind in SOCKET_RECORDS), "disk")
        with Recorder(path, *of_netns(where), ready=False) as recorder:    # still full
            flood(250, where)
            check("cannot be written: ENOSPC" in recorder.finish(5), "stderr of a start on a full disk")
        whole(path)


def test_full_drop_oldest():
    """Goes on for ever: the oldest segments make room, each with a word in the log."""
    disk = logs.tmpfs("8m")
    path = os.path.join(disk, "log")
    with netns() as where:
        with Recorder(path, "--on-full", "drop-oldest", "--seal-every", "100ms", *of_netns(where)) as recorder:
            produced = 0
            fill(disk, 1500 << 10)    # they are packed: so there must not be much room
            for more in range(200):
                produced += flood(250, where)
                if more > 10 and logs.segments(path)[0][0] > 1:
                    break
            stderr = recorder.stop()
    verify(path)
    log = Log(path)
    log.stands_alone()
    gone = [r for r in log.of("lost") if r["reason"] == "retention"]
    check(log.numbers[0] > 1 and gone, "no segment went: %r", log.numbers)
    equal(gone[-1]["last_segment"], log.numbers[0] - 1, "the last segment that is said to be gone")
    equal(sum(log.of("stop")[0]["events"].get(kind, 0) for kind in SOCKET_RECORDS), produced, "records that there were")
    check(log.lost("disk") == 0 or "records are counted" in stderr, "%d lost, but: %s", log.lost("disk"), stderr)


def test_full_for_a_while():
    """drop-oldest, and others have filled the disk: it counts, and goes on when there is room again."""
    disk = logs.tmpfs("8m")
    path = os.path.join(disk, "log")
    with netns() as where:
        with Recorder(path, "--on-full", "drop-oldest", *of_netns(where)) as recorder:
            produced = flood(50, where)
            logs.until_sealed(path)
            fill(disk)
            for _ in range(16):    # until what it has allocated in advance is used up
                produced += flood(250, where)
            time.sleep(1.2)
            os.unlink(os.path.join(disk, "filler"))
            time.sleep(1.5)    # nothing happens meanwhile: the loss is told all the same
            check(any(r["reason"] == "disk" for r in parse_lost(path)), "the loss is not told")
            produced += flood(50, where)
            stderr = recorder.stop()
    for words in ("cannot be written: ENOSPC: records are counted", "can be written again", "could not be written"):
        check(words in stderr, "no '%s' in %s", words, stderr)
    verify(path)
    log = Log(path)
    check(log.lost("disk") > 0, "nothing is lost")
    accounted_for(log, produced, "disk", again=8)    # segments are small on a small disk


def parse_lost(path):
    data = logs.read_bytes(logs.segments(path)[-1][1])
    return [r for r in map(json.loads, data.splitlines()) if r["type"] == "lost"]


# --- other disks ---

@contextlib.contextmanager
def ext4(size_mb):
    """An ext4 of its own, on a loop device."""
    live.need("mkfs.ext4", "losetup")
    logs.private_mounts()
    image, mount = live.new_path(".img"), live.new_path(".mnt")
    with open(image, "wb") as f:
        f.truncate(size_mb << 20)
    live.sh("mkfs.ext4", "-q", "-F", image)
    try:
        loop = live.sh("losetup", "--find", "--show", image).stdout.strip()
    except AssertionError as why:
        raise live.Skip("no loop device: %s" % why)
    os.mkdir(mount)
    try:
        live.sh("mount", "-o", "errors=remount-ro", loop, mount)
        yield mount, os.path.basename(loop)
    finally:
        live.sh("umount", "-l", mount, check_rc=False)
        live.sh("losetup", "-d", loop, check_rc=False)


def test_read_only():
    """The file system turns read-only, as ext4 does after an error: exit 5; what was sealed stays whole."""
    with ext4(32) as (mount, loop), netns() as where:
        path = os.path.join(mount, "log")
        trigger = "/sys/fs/ext4/%s/trigger_fs_error" % loop
        if not os.path.exists(trigger):
            raise live.Skip("there is no %s" % trigger)
        with Recorder(path, *of_netns(where)) as recorder:
            flood(50, where)
            logs.until_sealed(path)
            before = sealed_part(path)
            with open(trigger, "w", encoding="ascii") as f:
                f.write("test of socklife")
            flood(50, where)
            stderr = recorder.finish(5)
        check("cannot be written: E" in stderr and "could not be written" in stderr, "stderr: %s", stderr)
        check(sealed_part(path).startswith(before), "what was sealed is not what it was")
        verify(path, 4)


def test_frozen():
    """A disk that hangs: the event loop goes on, the queue fills, and what did not fit is counted exactly."""
    live.need("fsfreeze")
    with ext4(512) as (mount, _), netns() as where:
        path = os.path.join(mount, "log")
        with Recorder(path, "--queue-size", "1M", *of_netns(where)) as recorder:
            produced = flood(50, where)
            logs.until_sealed(path)
            live.sh("fsfreeze", "--freeze", mount)
            try:
                for _ in range(8):
                    produced += flood(250, where)
                time.sleep(1.2)    # a tick: its timer is heard
            finally:
                live.sh("fsfreeze", "--unfreeze", mount)
            produced += flood(50, where)
            stderr = recorder.stop()
        check("lost (queue)" in stderr, "stderr: %s", stderr)
        log = whole(path)
        check(log.lost("queue") > 1000, "%d lost", log.lost("queue"))
        accounted_for(log, produced, "queue")


# --- the process is stopped ---

def test_stopped():
    """SIGSTOP for some seconds under load: the ring overflows; what the kernel counted is what is missing."""
    with netns() as where:
        with Recorder(directory(), "--ring-size", "256K", *of_netns(where)) as recorder:
            produced = flood(100, where)
            recorder.process.send_signal(signal.SIGSTOP)
            begin = time.monotonic()
            for _ in range(4):
                produced += flood(250, where)
            time.sleep(max(0, 3 - (time.monotonic() - begin)))
            recorder.process.send_signal(signal.SIGCONT)
            time.sleep(1.5)
            produced += flood(100, where)
            recorder.stop()
    log = whole(directory())
    check(log.lost("ring") > 1000, "%d lost", log.lost("ring"))
    accounted_for(log, produced, "ring")


def test_ends_in_any_state():
    """SIGTERM while everything is going on: rotation, packing, a load; twice; and at once."""
    with netns() as where, Load(where):
        for wait in (0, 0.05, 0.3, 0.6):
            with Recorder(directory(), "--rotate-size", "64K", *of_netns(where)) as recorder:
                time.sleep(wait)
                recorder.stop()
            whole(directory())
    check(not glob.glob(os.path.join(directory(), ".*")), "files left: %r", os.listdir(directory()))
