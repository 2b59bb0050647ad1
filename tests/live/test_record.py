# SPDX-License-Identifier: GPL-2.0-or-later
"""socklife record: what is in the log, how it is divided, and what it leaves alone."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import live
import logs
from logs import Log, Recorder, flood, verify, whole
from live import check, equal, netns, socklife
from test_load import cpu_ns, switches


def directory():
    return os.path.join(live.tmp(), "log")


def of_netns(where):
    return ("--netns", "/run/netns/%s" % where)


def test_whole():
    """A directory that it makes, READY and STOPPING for the service manager, every record once, sealed, stopped."""
    with netns() as where:
        with Recorder(directory(), *of_netns(where)) as recorder:
            wanted = flood(50, where)
            logs.until_sealed(directory())
            recorder.process.send_signal(signal.SIGTERM)
            equal(recorder.heard(), "STOPPING=1", "message to the service manager")
            equal(recorder.finish(), "", "stderr")
    log = whole(directory())
    equal([r["type"] for r in log.records[:2]], ["segment", "start"], "the first records")
    for record in log.records[:2]:
        for key in ("version", "kernel", "machine_id", "args", "hooks", "blind"):
            check(key in record, "%s has no %s", record["type"], key)
        check("gap_s" not in record, "gap_s in the first %s of a log", record["type"])
    equal(len(log.of("bind", "listen", "connect", "accept", "close")), wanted, "records")
    equal(log.of("lost"), [], "losses")
    stop = log.of("stop")[0]
    equal((stop["signal"], stop["by"]["pid"]), ("SIGTERM", os.getpid()), "who stopped it")
    equal(stop["events"]["close"], 101, "closes in stop")
    equal(oct(os.stat(directory()).st_mode & 0o777), "0o750", "mode of the directory")
    equal(oct(os.stat(logs.segments(directory())[0][1]).st_mode & 0o777), "0o640", "mode of a segment")
    equal(sorted(os.listdir(directory())), ["lock", "socklife-000001.ndjson"], "files")


def test_goes_on():
    """A second run: the numbers go on, gap_s says how long nobody recorded."""
    with netns() as where:
        for _ in range(2):
            with Recorder(directory(), *of_netns(where)) as recorder:
                flood(5, where)
                recorder.stop(signal.SIGINT)
            time.sleep(0.5)
    log = whole(directory())
    equal(log.numbers, [1, 2], "segments")
    segment, start = log.segments[1][:2]
    gap = (live.ns_of(segment["ts"]) - live.ns_of(log.segments[0][-1]["ts"])) / 1e9
    check(abs(segment["gap_s"] - gap) < 0.01 and gap > 0.4, "gap_s is %r, it was %r", segment["gap_s"], gap)
    equal(start["gap_s"], segment["gap_s"], "gap_s of start")
    equal(log.of("lost"), [], "losses")


def test_rotated_by_sighup():
    """A segment stands alone: the sockets that are open come first, with what is known of them; those before are packed."""
    with netns() as where:
        with Recorder(directory(), *of_netns(where)) as recorder:
            hold = subprocess.Popen(["ip", "netns", "exec", where, "python3", "-c", "import socket,sys\n"
                                     "s=socket.socket();s.setsockopt(1,2,1);s.bind(('127.0.0.1',0));s.listen(5)\n"
                                     "c=socket.create_connection(s.getsockname());a=s.accept()\n"
                                     "print('ready',flush=True);sys.stdin.read()"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, preexec_fn=live.die_with_parent)
            equal(hold.stdout.readline(), b"ready\n", "the trigger's word")
            for number in (2, 3):
                flood(20, where)
                recorder.process.send_signal(signal.SIGHUP)
                live.wait_for(lambda: logs.segments(directory())[-1][0] == number, "segment %d" % number)
                logs.until_sealed(directory())
            live.wait_for(lambda: sum(p.endswith(".gz") for _, p in logs.segments(directory())) == 2, "packed segments")
            hold.stdin.close()
            hold.wait()
            recorder.stop()
    log = whole(directory())
    log.stands_alone()
    equal(log.numbers, [1, 2, 3], "segments")
    for records in log.segments[1:]:
        told = [r for r in records if r["type"] == "snapshot"]
        equal(len(told), 3, "sockets told again: %r" % told)
        listener = next(r for r in told if r["state"] == "LISTEN")
        equal((listener["options"], listener["pid"]), (["reuseaddr"], hold.pid), "the listener")
        for key in ("created", "bound", "listening"):
            check(key in listener, "no %s in %r", key, listener)
        for r in told:
            equal(r["boot_ns"], records[0]["boot_ns"], "time of what is told again")
            check(r["state"] == "LISTEN" or "established" in r, "no established in %r", r)
        check("gap_s" not in records[0], "gap_s without a gap")
    equal(log.of("stop")[0]["events"].get("snapshot", 0), 0, "snapshots in stop")


def test_rotated_by_size():
    """With retention: what is kept is whole and stands alone, what was deleted is told."""
    with netns() as where:
        with Recorder(directory(), "--rotate-size", "128K", "--keep-size", "400K", "--seal-every", "100ms",
                      *of_netns(where)) as recorder:
            wanted = 0
            for _ in range(12):
                wanted += flood(250, where)
                time.sleep(0.15)
            recorder.stop()
    verify(directory())
    log = Log(directory())
    log.stands_alone()
    check(log.numbers[0] > 1 and log.numbers[-1] > 8, "segments: %r", log.numbers)
    kept = len(log.of("bind", "listen", "connect", "accept", "close"))
    check(kept < wanted < log.records[-1]["seq"], "%d of %d kept, the last has seq %d", kept, wanted,
          log.records[-1]["seq"])
    gone = [r for r in log.of("lost") if r["reason"] == "retention"]
    equal(gone[-1]["last_segment"], log.numbers[0] - 1, "the last segment that is said to be gone")
    check(all(r["from"] < r["to"] and r["count"] > 100 for r in gone), "retention: %r", gone)
    equal(log.of("stop")[0]["lost"], {}, "lost in stop: what was deleted was recorded")
    size = sum(os.path.getsize(path) for _, path in logs.segments(directory()))
    check(size < 1 << 20, "%d bytes kept", size)


def test_modes():
    """0640 whatever the umask; no link is followed, wherever one stands in the way."""
    for mask in (0o077, 0):
        path, before = live.new_path(".log"), os.umask(mask)
        try:
            with Recorder(path) as recorder:
                recorder.process.send_signal(signal.SIGHUP)
                live.wait_for(lambda: any(p.endswith(".gz") for _, p in logs.segments(path)), "a packed segment")
                recorder.kill()
            with open(logs.segments(path)[-1][1], "ab") as f:
                f.write(b"torn")
            with Recorder(path) as recorder:
                recorder.stop()
        finally:
            os.umask(before)
        names = sorted(os.listdir(path))
        check(any(".torn-" in name for name in names), "no torn tail in %r", names)
        for name in names:
            equal(oct(os.stat(os.path.join(path, name)).st_mode & 0o7777), "0o640", "mode of %s" % name)
    target = live.new_path(".target")
    with open(target, "w") as f:
        f.write("untouched")
    for name in ("socklife-000001.ndjson", "socklife-000001.ndjson.gz", "lock"):
        path = live.new_path(".log")
        os.mkdir(path)
        os.symlink(target, os.path.join(path, name))
        done = socklife("record", "--dir", path)
        equal(done.returncode, 5, "exit with a link in the place of %s" % name)
        check(name in done.stderr.decode(), "%s is not named: %s", name, done.stderr.decode())
    path = live.new_path(".log")
    with Recorder(path) as recorder:
        os.symlink(target, os.path.join(path, "socklife-000002.ndjson"))
        recorder.process.send_signal(signal.SIGHUP)
        check("cannot be written: EEXIST" in recorder.finish(5), "stderr with a link in the place of the next segment")
    os.unlink(os.path.join(path, "socklife-000002.ndjson"))
    whole(path)
    with open(target) as f:
        equal(f.read(), "untouched", "what the links lead to")


def test_second_recorder():
    with Recorder(directory()) as recorder:
        done = socklife("record", "--dir", directory())
        equal(done.returncode, 5, "exit of the second one")
        equal(done.stderr.decode(), "socklife: --dir: '%s' is being written by another recorder (pid %d)\n" %
              (directory(), recorder.pid), "stderr of the second one")
        recorder.stop()
    whole(directory())


def test_cannot():
    for options, status, words in ((["--dir", "/proc/nothing"], 5, "cannot be made"),
                                   (["--dir", "/no/such/parent"], 5, "'/no/such/parent' cannot be made: ENOENT"),
                                   (["--dir", live.tmp(), "--key", "/no/key"], 5, "ENOENT"),
                                   (["--seal-every", "2h"], 2, "--seal-every: '2h'"), (["x"], 2, "unexpected 'x'")):
        done = socklife("record", *options)
        text = done.stderr.decode()
        equal(done.returncode, status, "exit with %r (%s)" % (options, text))
        check(words in text and len(text.splitlines()) == 1, "stderr with %r: %s", options, text)


def test_filters():
    """As in trace; what the log needs is there all the same."""
    with netns() as where:
        with Recorder(directory(), "--event", "close", *of_netns(where)) as recorder:
            flood(20, where)
            recorder.process.send_signal(signal.SIGHUP)
            live.wait_for(lambda: len(logs.segments(directory())) == 2, "second segment")
            recorder.stop()
    log = whole(directory())
    kinds = {r["type"] for r in log.records}
    equal(kinds - {"process"}, {"segment", "start", "close", "seal", "stop"}, "types")
    equal(len(log.of("close")), 41, "closes")


def test_key():
    with netns() as where:
        keys = os.path.join(live.tmp(), "keys")
        os.mkdir(keys)
        equal(socklife("keygen", keys).returncode, 0, "exit of keygen")
        start, end = os.path.join(keys, "start.key"), os.path.join(keys, "verify.key")
        for _ in range(2):
            with Recorder(directory(), "--key", start, *of_netns(where)) as recorder:
                flood(5, where)
                equal(recorder.stop(), "", "stderr")
        log = Log(directory())
        verify(directory(), 0, "--key", end)
        with open(start, encoding="ascii") as f:
            equal(int(f.read().split()[2]), log.index + 1, "index in the key file")
        shutil.copy(end, start)    # as if somebody had it: the key is moved to where the log is
        with Recorder(directory(), "--key", start, *of_netns(where)) as recorder:
            equal(recorder.stop(), "", "stderr")
        verify(directory(), 0, "--key", end)
        other = live.new_path(".dir")
        with Recorder(other, "--key", start, *of_netns(where)) as recorder:
            check("the key is for a later seal" in recorder.stop(), "no warning of a used key")
        plain = live.new_path(".dir")
        with Recorder(plain, *of_netns(where)) as recorder:
            recorder.stop()
        for path, options, words in ((directory(), [], "is sealed with a key: give it with --key"),
                                     (plain, ["--key", start], "is sealed without a key: begin another --dir")):
            names = os.listdir(path)
            done = socklife("record", "--dir", path, *options)
            check(done.returncode == 5 and words in done.stderr.decode(), "%d, %r", done.returncode, done.stderr)
            equal(os.listdir(path), names, "files of a log that was refused")
        verify(directory(), 0, "--key", end)


def test_idle():
    """As test_load.test_idle, with the writer's thread."""
    with netns() as where:
        with Recorder(directory(), *of_netns(where)) as recorder:
            time.sleep(2.5)
            woken, used, begin = switches(recorder.pid), cpu_ns(recorder.pid), time.monotonic()
            time.sleep(5)
            woken, used = switches(recorder.pid) - woken, cpu_ns(recorder.pid) - used
            took = time.monotonic() - begin
            recorder.stop()
    check(woken <= 2 * took + 2, "%d wakeups in %.1f s", woken, took)
    check(used < 10e6, "%.1f ms of CPU in %.1f s", used / 1e6, took)


def test_service():
    """The systemd unit is right, and the capabilities and system calls that it leaves are enough."""
    live.need("setpriv", "systemd-analyze")
    unit = os.path.join(live.TOP, "contrib/socklife.service")
    with open(unit, encoding="utf-8") as f:
        text = f.read()
    copy = os.path.join(live.tmp(), "socklife.service")
    with open(copy, "w", encoding="utf-8") as f:
        f.write(text.replace("/usr/local/bin/socklife", live.binary()))
    done = subprocess.run(["systemd-analyze", "verify", copy], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    equal((done.returncode, done.stdout), (0, b""), "systemd-analyze verify")
    bounds = next(line for line in text.splitlines() if line.startswith("CapabilityBoundingSet="))
    caps = ",".join("+" + cap[4:].lower() for cap in bounds.partition("=")[2].split())
    with netns() as where:
        with Recorder(directory(), *of_netns(where),
                      prefix=["setpriv", "--no-new-privs", "--bounding-set", "-all," + caps, sys.executable,
                              os.path.join(live.TOP, "tests/live/sandbox.py"), unit]) as recorder:
            wanted = flood(20, where)
            live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=["ip", "netns", "exec", where])
            recorder.process.send_signal(signal.SIGHUP)
            live.wait_for(lambda: any(p.endswith(".gz") for _, p in logs.segments(directory())), "a packed segment")
            equal(recorder.stop(), "", "stderr")
    log = whole(directory())
    check(len(log.of("bind", "listen", "connect", "accept", "close")) > wanted, "records are missing")
    conflict = next(r for r in log.of("finding") if r["finding"] == "port_conflict")
    check(conflict["holders"] and not conflict["evidence"].get("estimated"), "holders of another namespace: %r", conflict)


# --- the wall clock is set: there is only one, so socklife is given another ---

def shim():
    live.need("gcc")
    path = live.new_path(".so")
    live.sh("gcc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(live.TOP, "tests/live/clock_shim.c"), "-ldl")
    return path


class Clock:
    """The wall clock of one socklife: set() steps it by so many seconds."""

    def __init__(self):
        if "asan" in live.SOCKLIFE:
            raise live.Skip("the sanitizer must be loaded first")
        self.file, self.fifo = live.new_path(".offset"), live.new_path(".fifo")
        os.mkfifo(self.fifo)
        self.write(0)
        self.env = {"LD_PRELOAD": shim(), "CLOCK_OFFSET": self.file, "CLOCK_STEPPED": self.fifo}

    def write(self, seconds):
        with open(self.file, "wb") as f:
            f.write((seconds * 10**9).to_bytes(8, "little", signed=True))

    def set(self, seconds):
        self.write(seconds)
        fd = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, b"12345678")
        os.close(fd)


def test_clock_set_back():
    """An hour back: one clock record, times after it by the new clock, boot_ns as ever, the log whole."""
    clock = Clock()
    with netns() as where:
        with Recorder(directory(), *of_netns(where), env=clock.env) as recorder:
            flood(5, where)
            logs.until_sealed(directory())
            clock.set(-3600)
            live.wait_for(lambda: b'"type":"clock"' in logs.read_bytes(logs.segments(directory())[-1][1]),
                          "clock record")
            flood(5, where)
            clock.set(-3600)    # a step of nothing is none
            recorder.stop()
    log = whole(directory())
    steps = log.of("clock")
    equal(len(steps), 1, "clock records")
    check(abs(steps[0]["step_us"] + 3600 * 10**6) < 1000, "step_us is %r", steps[0]["step_us"])
    for record in log.records:
        offset = (live.ns_of(record["ts"]) - record["boot_ns"] - live.ns_of(log.records[0]["ts"]) +
                  log.records[0]["boot_ns"]) / 1e9
        late = record["seq"] >= steps[0]["seq"]
        check(abs(offset + (3600 if late else 0)) < 0.01, "ts of %s is off by %f", json.dumps(record), offset)


def test_clock_in_trace():
    """The same in trace, and again in its replay."""
    clock = Clock()
    out, capture = live.new_path(".out"), live.new_path(".cap")
    with netns() as where:
        process = subprocess.Popen([live.binary(), "trace", "--json", "-o", out, "--capture", capture,
                                    *of_netns(where)], env=dict(os.environ, **clock.env),
                                   preexec_fn=live.die_with_parent)
        live.wait_for(lambda: os.path.exists(out) and os.path.getsize(out), "start record")
        flood(3, where)
        clock.set(7200)
        flood(3, where)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        equal(process.wait(live.PATIENCE), 0, "exit of trace")
    with open(out, "rb") as f:
        data = f.read()
    live.same_bytes(data, socklife("replay", "--json", capture).stdout, "replay")
    steps = [r for r in live.parse(data) if r["type"] == "clock"]
    equal(len(steps), 1, "clock records")
    check(abs(steps[0]["step_us"] - 7200 * 10**6) < 1000, "step_us is %r", steps[0]["step_us"])
    text = socklife("replay", capture).stdout.decode()
    check("  ! clock  was set forward by 7200.0s, to " in text or "  ! clock  was set forward by 7199.9s, to " in text,
          "the text says: %s", text)
