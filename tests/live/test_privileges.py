# SPDX-License-Identifier: GPL-2.0-or-later
"""
Least privilege: what each command has left while it works, as /proc/PID/status tells; that what it says is whole with
that; and the least that it can be started with, with what is lost without each capability.
"""
import contextlib
import os
import signal
import subprocess

import live
import logs
from live import Held, check, equal, netns, socklife, wait_for
from test_top import Top, row

BIT = {"cap_dac_override": 1, "cap_dac_read_search": 2, "cap_kill": 5, "cap_net_admin": 12, "cap_sys_ptrace": 19,
       "cap_sys_admin": 21, "cap_sys_nice": 23, "cap_perfmon": 38, "cap_bpf": 39}
ASKING = {"cap_sys_admin", "cap_sys_ptrace", "cap_dac_read_search"}
LOADING = ("bpf", "perfmon", "net_admin")
FILTER = 0 if "asan" in live.SOCKLIFE else 2    # the leak checker traces its own process: no filter there


def status(path):
    with open(path) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


def limited(pid, capabilities):
    """Every thread of it has these capabilities and no more, in every set that gives any, and may gain none."""
    want = "%016x" % sum(1 << BIT[name] for name in capabilities)
    threads = os.listdir("/proc/%d/task" % pid)
    for thread in threads:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            s = status("/proc/%d/task/%s/status" % (pid, thread))
            equal([s[key] for key in ("CapPrm", "CapEff", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp")],
                  [want, want, "0" * 16, "0" * 16, "1", str(FILTER)],
                  "CapPrm, CapEff, CapInh, CapAmb, NoNewPrivs and Seccomp of %s" % s["Name"])
    return len(threads)


def is_limited(pid, capabilities):
    try:
        return limited(pid, capabilities)
    except AssertionError:
        return False


def soon_limited(pid, capabilities):
    with contextlib.suppress(AssertionError):
        wait_for(lambda: is_limited(pid, capabilities), "fewer privileges")
    return limited(pid, capabilities)


# --- commands that trace ---

def conflict(records):
    found = [r for r in records if r["type"] == "finding" and r["finding"] == "port_conflict"]
    check(found, "no port_conflict")
    return found[0]


def test_trace():
    """In another namespace, whose listener is asked for inside it; with the container's name and the cgroup's path."""
    with netns() as where, live.Tracer("--netns", "/run/netns/%s" % where) as tracer:
        limited(tracer.process.pid, ASKING)
        live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=live.in_netns(where))
        wait_for(lambda: tracer.has(type="finding"), "finding")
        limited(tracer.process.pid, ASKING)
    finding = conflict(tracer.records)
    check(finding["holders"] and not finding["evidence"].get("estimated"), "holders: %r", finding)
    bind = next(r for r in tracer.records if r["type"] == "bind")
    equal(bind["cgroup"], live.cgroup2()[0], "the cgroup's path")


def test_command():
    """CMD has what the caller has; socklife beside it has less, but can tell it to end whoever it is."""
    script = "cat /proc/self/status; echo; cat /proc/$PPID/status; exec sleep 30"
    own = status("/proc/self/status")
    with subprocess.Popen([live.binary(), "trace", "-o", "/dev/null", "--user", "nobody", "--", "sh", "-c", script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=live.die_with_parent) as process:
        command = dict(line.rstrip("\n").split(":\t", 1)
                       for line in iter(lambda: process.stdout.readline().decode(), "\n"))
        equal([command[key] for key in ("CapBnd", "NoNewPrivs", "Seccomp")],
              [own[key] for key in ("CapBnd", "NoNewPrivs", "Seccomp")], "CapBnd, NoNewPrivs and Seccomp of CMD")
        soon_limited(process.pid, ASKING | {"cap_kill"})
        process.terminate()
        equal(process.wait(live.PATIENCE), 128 + signal.SIGTERM, "exit")
    done = socklife("trace", "-o", "/dev/null", "--", "cat", "/proc/self/status")
    command = dict(line.split(":\t", 1) for line in done.stdout.decode().splitlines() if ":\t" in line)
    equal([command[key] for key in ("CapPrm", "CapEff", "NoNewPrivs", "Seccomp")],
          [own[key] for key in ("CapPrm", "CapEff", "NoNewPrivs", "Seccomp")], "what CMD has")


def of_other(path):
    os.mkdir(path, 0o700)
    os.chown(path, live.NOBODY, live.NOBODY)
    return path


def test_record():
    """It rotates, packs and removes segments; where the directory is another user's, one capability more."""
    own, other = os.path.join(live.tmp(), "own"), of_other(os.path.join(live.tmp(), "other"))
    for path, capabilities in ((own, ASKING), (other, ASKING | {"cap_dac_override"})):
        with netns() as where:
            with logs.Recorder(path, "--netns", "/run/netns/%s" % where, "--seal-every", "50ms") as recorder:
                check(limited(recorder.pid, capabilities) > 1, "no writer's thread")
                logs.flood(20, where)
                recorder.process.send_signal(signal.SIGHUP)
                wait_for(lambda: any(p.endswith(".gz") for _, p in logs.segments(path)), "a packed segment")
                live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=live.in_netns(where))
                logs.until_sealed(path)
                limited(recorder.pid, capabilities)
                equal(recorder.stop(), "", "stderr")
        finding = conflict(logs.whole(path).records)
        check(finding["holders"] and not finding["evidence"].get("estimated"), "holders: %r", finding)


def test_top():
    """Its screen's thread goes first, and may not say so any more; stopping, going on and the views work."""
    with netns() as where, Held(where=where):
        with Top("--netns", where) as top:
            check(soon_limited(top.child(), ASKING) >= 3, "threads are missing")
            top.until(r"^ESTABLISHED .*server", "the connections")
            top.keys("2")
            check(row(top, "0/8").startswith("tcp"), "the listener: %s", top.last)
            top.keys("C-z")
            top.until("Stopped", "the shell")
            top.line("fg")
            top.until("0/8", "the screen again")
            top.keys("q")
            top.until("^shell> *$", "the shell again")


# --- commands that look once ---

@contextlib.contextmanager
def stuck(*args, stdin=None):
    """A socklife that waits for the reader of its stdout, which is full; or for its stdin."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while not stdin:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    process = subprocess.Popen([live.binary(), *args], stdin=stdin or subprocess.DEVNULL, stdout=writer,
                               stderr=subprocess.DEVNULL, preexec_fn=live.die_with_parent)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


def test_ports():
    with netns() as where, Held(where=where) as held:
        with stuck("ports") as process:
            soon_limited(process.pid, ASKING)
        out = live.new_path(".json")
        done = socklife("ports", "--json", "-o", out, "--netns", "/run/netns/%s" % where, "--cgroup", live.cgroup2()[0])
        equal((done.returncode, done.stderr), (0, b""), "exit and stderr")
        with open(out) as f:
            text = f.read()
        check('"pid":%d' % held.facts["server_pid"] in text, "the server is missing: %s", text)
    done = socklife("ports", "80", "--json")
    equal((done.returncode, done.stderr), (0, b""), "exit and stderr")


def test_offline():
    """No capability, and their own output is all that they can write."""
    path = os.path.join(live.tmp(), "log")
    with netns() as where, logs.Recorder(path, "--netns", "/run/netns/%s" % where) as recorder:
        logs.flood(5, where)
        recorder.stop()
    for command in (["verify"], ["report"], ["report", "--html", live.new_path(".html")], ["ports", "--at", "-1h"]):
        with stuck(*command, "-", stdin=subprocess.PIPE) as process:
            soon_limited(process.pid, set())
            process.stdin.close()
    capture = live.new_path(".capture")
    equal(socklife("trace", "-o", "/dev/null", "--capture", capture, "--", live.program("flood"), "2000").returncode, 0,
          "exit of trace")
    with stuck("replay", capture) as process:
        soon_limited(process.pid, set())


def test_offline_of_others():
    """Root reads the log of another user: the one capability for that is kept, and no other; and it can."""
    path = of_other(os.path.join(live.tmp(), "log"))
    with netns() as where, logs.Recorder(path, "--netns", "/run/netns/%s" % where) as recorder:
        logs.flood(5, where)
        recorder.stop()
    for name in os.listdir(path):
        os.chown(os.path.join(path, name), live.NOBODY, live.NOBODY)
        os.chmod(os.path.join(path, name), 0o600)
    logs.verify(path)
    equal(socklife("report", path).returncode, 0, "exit of report")
    process = subprocess.Popen([live.binary(), "report", path, "/dev/stdin"], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=live.die_with_parent)
    soon_limited(process.pid, {"cap_dac_read_search"})
    process.stdin.close()
    process.wait(live.PATIENCE)


# --- the least to begin with ---

def limited_to(uid, *capabilities):
    """From now on socklife is run by this user with these capabilities."""
    live.need("setpriv")
    words = ",".join(["-all", *("+" + name for name in capabilities)])
    sets = ["--bounding-set", words] if uid == 0 else ["--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                                                       "--inh-caps", words, "--ambient-caps", words]
    path = live.new_path(".sh")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexec setpriv %s %s \"$@\"\n" % (" ".join(sets), BINARY))
    os.chmod(path, 0o755)
    live.SOCKLIFE = path


BINARY = live.SOCKLIFE


def seen(inode, *there):
    """What a trace sees of a conflict in a namespace: (is the path of its cgroup known, are the holders asked for)."""
    with live.Tracer("--netns", str(inode)) as tracer:
        live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=there)
        wait_for(lambda: tracer.has(type="finding"), "finding")
    bind = next(r for r in tracer.records if r["type"] == "bind")
    return "cgroup" in bind, not conflict(tracer.records)["evidence"].get("estimated")


@contextlib.contextmanager
def nameless():
    """A process in a network namespace that has no name in /run/netns."""
    process = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && exec sleep %d" % (60 * live.SLOW)],
                               preexec_fn=live.die_with_parent)
    try:
        wait_for(lambda: os.readlink("/proc/%d/exe" % process.pid).endswith("sleep"), "the namespace")
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def perf_events_by_perfmon():
    """Debian's kernels have perf_event_paranoid at 3: then a tracepoint's event takes CAP_SYS_ADMIN."""
    path = "/proc/sys/kernel/perf_event_paranoid"
    with open(path) as f:
        before = f.read()
    try:
        if int(before) > 2:
            with open(path, "w") as f:
                f.write("2")
        yield
    finally:
        with open(path, "w") as f:
            f.write(before)


def tracefs():
    """Mounted, for this test: without CAP_SYS_ADMIN socklife cannot do so itself."""
    logs.private_mounts()
    if not os.path.exists("/sys/kernel/tracing/events"):
        live.sh("mount", "-t", "tracefs", "socklife-test", "/sys/kernel/tracing")


def test_least():
    """What it can be started with, and what is lost with less. As root of fewer capabilities: the modes of files let it."""
    tracefs()
    for missing in LOADING:
        limited_to(0, *(name for name in LOADING if name != missing))
        for command in (["trace", "--timeout", "1s"], ["check"], ["ports"]):
            done = socklife(*command)
            words = done.stderr.decode()
            equal((done.returncode, len(words.splitlines())), (3, 1), "exit and lines of %s (%s)" % (command, words))
            check("CAP_%s" % missing.upper() in words.partition("missing: ")[2].partition(")")[0],
                  "CAP_%s is not named: %s", missing.upper(), words)
    with netns() as where, nameless() as other, perf_events_by_perfmon():
        for more, want in (((), (False, False, False)), (("dac_read_search",), (True, False, False)),
                           (("dac_read_search", "sys_admin"), (True, True, False)),
                           (("dac_read_search", "sys_admin", "sys_ptrace"), (True, True, True))):
            limited_to(0, *LOADING, *more)
            named = seen(live.netns_inode(where), "ip", "netns", "exec", where)
            unnamed = seen(os.stat("/proc/%d/ns/net" % other).st_ino, "nsenter", "-t", str(other), "-n")
            equal((*named, unnamed[1]), want,
                  "path of the cgroup, holders, and those of a namespace without a name, with %r" % (more,))
            done = socklife("check")
            said = done.stdout.decode()
            equal(done.returncode, 0, "exit of check (%s)" % said)
            for name in ("sys_admin", "sys_ptrace", "dac_read_search"):
                line = next(line for line in said.splitlines() if line.startswith("CAP_" + name.upper()))
                check(("works" in line) == (name in more), "check says of %s: %s", name, line)
