# SPDX-License-Identifier: GPL-2.0-or-later
"""What overhead and rate share: a tracer that is started and stopped, the load, the kernel's BPF statistics."""

import ctypes
import glob
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONNLOAD = os.path.join(TOP, "build/tests/bench/connload")
HOOKS = os.path.join(TOP, "build/tests/bench/hooks")
GETPPID = os.path.join(TOP, "build/tests/bench/getppid")
SOCKLIFE = os.environ.get("SOCKLIFE", os.path.join(TOP, "socklife"))
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def die(text):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {text}")


def need(*programs):
    if os.geteuid() != 0:
        die("must be root")
    for program in programs:
        if not shutil.which(program, path=PATH):
            die(f"{program} is missing: run `make deps bench`")


def end_on_signals():
    """So that what must be undone is undone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, frame: sys.exit(128 + n))


class Statistics:
    """Kernel BPF statistics, on until closed. The kernel turns them off again when the descriptor goes, whatever
    ends this process; where others have them on too (sysctl kernel.bpf_stats_enabled), they stay on for them."""

    def __enter__(self):
        libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
        self.fd = libbpf.bpf_enable_stats(0)    # BPF_STATS_RUN_TIME
        if self.fd < 0:
            die(f"BPF statistics: {os.strerror(-self.fd)}")
        return self

    def __exit__(self, *error):
        os.close(self.fd)


def programs():
    """{id: program} of all loaded BPF programs."""
    run = subprocess.run([shutil.which("bpftool", path=PATH), "prog", "show", "-j"], check=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return {p["id"]: p for p in json.loads(run.stdout)}


def load(*options):
    """Run connload; its numbers."""
    run = subprocess.run([CONNLOAD, *map(str, options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if run.returncode:
        die("the load failed")
    return json.loads(run.stdout)


def with_tracefs(argv):
    """The peers need a mounted tracefs, bpftrace in debugfs: give them mounts that die with them where there are none.
    Neither unshare nor sh stays as a process: the pid is the tracer's."""
    if os.path.exists("/sys/kernel/debug/tracing/events"):
        return argv
    mounts = "mount -t tracefs tracefs /sys/kernel/tracing; mount -t debugfs debugfs /sys/kernel/debug; "
    return ["unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh", *argv]


def unrelated():
    """Nanoseconds of a getppid()."""
    run = subprocess.run([GETPPID, "500000"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return float(run.stdout)


def first_event(argv, directory):
    """Milliseconds from exec to the first line about a connection, with one every 5 ms. On a terminal, so that who
    writes lines to one does not keep them."""
    with socket.create_server(("127.0.0.1", 0)) as server, open(os.path.join(directory, "err"), "wb") as err:
        port = str(server.getsockname()[1]).encode()
        leader, follower = pty.openpty()
        begin = time.monotonic()
        tracer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=follower, stderr=err)
        os.close(follower)
        seen = b""
        try:
            while port not in seen:
                if time.monotonic() - begin > 20:
                    die(f"{' '.join(argv)} shows nothing in 20 s")
                with socket.create_connection(server.getsockname()):
                    server.accept()[0].close()
                if select.select([leader], [], [], 0.005)[0]:
                    seen = seen[-10:] + os.read(leader, 65536)
            return (time.monotonic() - begin) * 1000
        finally:
            tracer.send_signal(signal.SIGINT)
            while select.select([leader], [], [], 5)[0]:    # what it still has to say must go somewhere
                try:
                    os.read(leader, 65536)
                except OSError:
                    break
            end(tracer, argv)
            os.close(leader)


def end(tracer, argv):
    """By SIGINT, which bpftrace has been seen to lose, and where that does not help by SIGKILL."""
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
        if tracer.poll() is not None:
            return
        tracer.send_signal(number)
        try:
            tracer.wait(30)
        except subprocess.TimeoutExpired:
            pass
    print(f"{' '.join(argv)} had to be killed", file=sys.stderr)


class Tracer:
    """A tracer that is running and has its programs in the kernel; stopped at the end of the with block."""

    def __init__(self, argv, directory):
        self.argv = argv
        self.out = os.path.join(directory, "out")
        self.err = os.path.join(directory, "err")

    def __enter__(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def held(self):
        """The ids of the programs that it has descriptors of."""
        ids = set()
        for path in glob.glob(f"/proc/{self.process.pid}/fdinfo/*"):
            try:
                with open(path, encoding="ascii") as f:
                    ids |= {int(line.split()[1]) for line in f if line.startswith("prog_id:")}
            except OSError:
                pass    # closed meanwhile
        return ids

    def wait_ready(self):
        """Until no program has been added for half a second."""
        self.ids, since, begin = set(), 0, time.monotonic()
        while time.monotonic() - begin < 20:
            if self.process.poll() is not None:
                with open(self.err, errors="replace") as f:
                    die(f"{' '.join(self.argv)} ended with status {self.process.returncode}\n{f.read()}")
            ids = self.held()
            if ids != self.ids:
                self.ids, since = ids, time.monotonic()
            elif ids and time.monotonic() - since > 0.5:
                return
            time.sleep(0.1)
        die(f"{' '.join(self.argv)} is not ready after 20 s")

    def kernel_ns(self, name=None):
        """(runs, nanoseconds) of its programs so far, or of the one of this name, while statistics were on."""
        mine = [p for i, p in programs().items() if i in self.ids and name in (None, p.get("name"))]
        return sum(p.get("run_cnt", 0) for p in mine), sum(p.get("run_time_ns", 0) for p in mine)

    def memory(self):
        """MiB that are resident."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024

    def cpu_us(self):
        """CPU time of the process so far, all its threads, user and kernel."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1000

    def stop(self):
        end(self.process, self.argv)

    def __exit__(self, *error):
        self.stop()
