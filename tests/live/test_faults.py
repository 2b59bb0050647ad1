# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every allocation and every system call that can fail, failed in turn: no crash, no hang, nothing left behind, the error
named in one line, the exit code of the interface; and where it goes on, the same output, or a word on stderr. All of
them with FAULTS=all; the first of each place, which is the stack of calls to it, with FAULTS=places; else some, about
FAULTS (default 25) in each test; SEED=2 chooses others.
"""
import collections
import contextlib
import ctypes
import os
import random
import re
import select
import shutil
import signal
import subprocess
import termios
import time

import live
import logs
from live import check, equal, netns

HOW_MANY = os.environ.get("FAULTS", "25")
AT_ONCE = 2
HANGS = 20 * live.SLOW    # seconds, where it takes less than one
EXITS = {0, 1, 3, 4, 5}
EXITS_OF_COMMAND = {0, 1, 125, 126, 127}    # 1: before it knows that there is a command
ERROR = {"open": "EMFILE", "openat": "EMFILE", "read": "EIO", "pread64": "EIO", "write": "ENOSPC", "mmap": "ENOMEM",
         "munmap": None, "mprotect": "ENOMEM", "mremap": "ENOMEM", "brk": None, "getpid": None, "gettid": None,
         "getuid": None, "geteuid": None, "getrandom": None, "clone": "EAGAIN", "socket": "EMFILE", "bpf": "ENOMEM",
         "perf_event_open": "EMFILE", "epoll_create1": "EMFILE", "signalfd4": "EMFILE", "timerfd_create": "EMFILE",
         "seccomp": "ENOMEM", "futex": None, "exit": None, "exit_group": None, "rt_sigreturn": None, "execve": None,
         "clone3": "ENOSYS", "rseq": None, "set_robust_list": None, "restart_syscall": None, "vfork": None,
         "close": None, "rt_sigprocmask": None}
# Not: what cannot fail, or of which strace makes what the kernel does not (brk() returns no error); close() that fails
# has closed all the same; at getrandom() json-c says a line of its own; where munmap() of a thread's stack fails,
# pthread_join() of glibc ends the process (allocatestack.c); pthread_create() does not look whether rt_sigprocmask() told it
# which signals were blocked, and afterwards none is.


def some(numbers):
    """As many of them as are asked for, spread at random."""
    numbers = list(numbers)
    chance = random.Random(os.environ.get("SEED", "1"))
    return numbers if HOW_MANY in ("all", "places") else sorted(chance.sample(numbers, min(int(HOW_MANY), len(numbers))))


def before_exec():
    live.die_with_parent()
    if HOW_MANY == "places":
        ctypes.CDLL(None).personality(0x0040000)    # ADDR_NO_RANDOMIZE: return addresses are those of the run before


def shim():
    live.need("gcc")
    if "asan" in live.SOCKLIFE:
        raise live.Skip("the sanitizer must be loaded first")
    path = live.new_path(".so")
    live.sh("gcc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(live.TOP, "tests/live/fault_shim.c"), "-ldl")
    return path


Outcome = collections.namedtuple("Outcome", "status stdout stderr told")


class Command:
    """One command line of socklife, run often; `fresh` is called before each, for what the run before has left."""

    def __init__(self, *args, fresh=None, same=True, stop=0):
        self.args, self.fresh, self.same, self.stop = args, fresh, same, stop    # stop: SIGTERM after so many seconds
        self.exits = EXITS_OF_COMMAND if "--" in args else EXITS

    def start(self, prefix=(), env=None):
        if self.fresh:
            self.fresh()
        return subprocess.Popen([*prefix, live.binary(), *self.args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})),
                                preexec_fn=before_exec, start_new_session=True)

    def terminate(self, process, slow):
        """It, or that which strace has started."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.stop * slow)
        with contextlib.suppress(OSError):
            with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as f:
                children = f.read().split()
            is_strace = os.readlink("/proc/%d/exe" % process.pid).endswith("strace")
            for pid in map(int, children if is_strace else [process.pid]):
                os.kill(pid, signal.SIGTERM)

    def finish(self, process, what, told=None, slow=1):
        if self.stop:
            self.terminate(process, slow)
        try:
            stdout, stderr = process.communicate(timeout=HANGS * slow)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stderr = process.communicate()[1]
            raise AssertionError("%s: not ended after %d s (%s)" % (what, HANGS * slow, stderr.decode("utf-8", "replace")))
        listed = subprocess.run(["ps", "-o", "stat=,args=", "-s", str(process.pid)], stdout=subprocess.PIPE, text=True).stdout
        left = [line for line in listed.splitlines() if not line.startswith("Z")]    # init has yet to reap those
        check(not left, "%s: processes that it left: %s", what, left)
        return Outcome(process.returncode, stdout, stderr.decode("utf-8", "replace"), told and live.read_facts(told))

    def judge(self, whole, got, what, same=True):
        """What is wrong with this outcome of a run with a fault, as lines."""
        lines = [line for line in got.stderr.splitlines() if line]
        wrong = []
        if self.stop and got.status == -signal.SIGTERM:
            return []    # it was slow, and not so far that it hears
        if got.status < 0 or got.status > 127 or got.status not in self.exits:
            wrong.append("exit %d" % got.status)
        if any(not line.startswith(("socklife: ", '"?", line 0')) for line in lines):    # ncurses has its own words
            wrong.append("stderr")
        if got.status not in (0, whole.status) and not lines:
            wrong.append("exit %d without a word" % got.status)
        if got.status == whole.status and not lines and same and self.same and got.stdout != whole.stdout:
            wrong.append("another output without a word")
        return ["%s: %s: %s" % (what, ", ".join(wrong), got.stderr[-300:])] if wrong else []


class Screen(Command):
    """One that has a terminal, which must be as it was when it has ended: `q` after `stop` seconds."""

    def __init__(self, *args):
        super().__init__(*args, same=False, stop=1)
        self.exits = EXITS | {2}    # ncurses does not say that it had no memory for what is known of the terminal
        self.terminals = {}

    def start(self, prefix=(), env=None):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        process = subprocess.Popen([*prefix, live.binary(), *self.args], stdin=slave, stdout=slave,
                                   stderr=subprocess.PIPE, env=dict(os.environ, TERM="xterm", **(env or {})),
                                   preexec_fn=before_exec, start_new_session=True)
        self.terminals[process] = master, slave, before
        return process

    def terminate(self, process, slow):
        master, slave, before = self.terminals.pop(process)
        end = time.monotonic() + self.stop * slow
        asked = False
        while process.poll() is None and time.monotonic() < end + HANGS * slow:
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 65536)
            if not asked and time.monotonic() > end:
                asked = True
                os.write(master, b"q")
        after = termios.tcgetattr(slave)
        os.close(master)
        os.close(slave)
        check(process.returncode is None or after == before, "%r: exit %s, and the terminal is not as it was", self.args,
              process.returncode)


def each(command, jobs):
    """Runs [(start, finish)] some at once; the lines of all."""
    running, wrong = [], []

    def end_one():
        process, finish = running.pop(0)
        try:
            wrong.extend(finish(process))
        except AssertionError as error:
            wrong.append(str(error))

    for start, finish in jobs:
        running.append((start(), finish))
        if command.fresh or len(running) == AT_ONCE:
            end_one()
    while running:
        end_one()
    check(not wrong, "%d faults:\n%s", len(wrong), "\n".join(wrong[:40]))


def allocations(command):
    library = shim()
    by = "FAULT_PLACE" if HOW_MANY == "places" else "FAULT_AT"

    def env(number, told):
        return {"LD_PRELOAD": library, by: str(number), "FAULT_TOLD": told}

    path = live.new_path(".told")
    whole = command.finish(command.start(env=env(0, path)), "without a fault", path)
    told = dict(line.split(" ") for line in open(path).read().splitlines())
    count = int(told["allocations"])
    places = [place for place in told if place.isdigit()]
    print("%d allocations of %r" % (count, command.args) + (" in %d places" % len(places) if places else ""))
    check(count > 0, "nothing is counted")

    def job(number):
        path = live.new_path(".told")

        def finish(process):
            what = "allocation %s of %d of %r" % (number, count, command.args)
            got = command.finish(process, what)
            # a detail is left out where there is no memory for it
            wrong = command.judge(whole, got, what, same=False)
            if os.path.exists(path):
                text = open(path).read()
                if text and "descriptors %s\n" % told["descriptors"] not in text:
                    wrong.append("%s: descriptors are left: %s, not %s" % (what, text.split(), told["descriptors"]))
                os.unlink(path)
            return wrong

        return lambda: command.start(env=env(number, path)), finish

    each(command, map(job, places or some(range(1, count + 1))))


CALL = re.compile(r"^(?:(\d+) +)?(?:([a-z_0-9]+)\(|<\.\.\. )")    # the latter: its end, where another thread came between


def told_calls(path):
    """(thread, name, stack) of each system call that strace has told, in the order of their beginnings; -k makes the stacks."""
    calls, of_thread, thread = [], {}, None
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            match = CALL.match(line)
            if match:
                thread = match[1]
                if match[2]:
                    of_thread[thread] = (thread, match[2], [])
                    calls.append(of_thread[thread])
            elif line.startswith(" > ") and thread in of_thread:
                of_thread[thread][2].append(line)
    return calls


def calls_of(command, by_place=False):
    """
    [(name, number)] of its system calls from main() on, as strace counts them: in each thread; by_place: the first of each
    place, which is the stack of calls to it. The first fcntl() is there. A number that the dynamic loader reaches before
    main() is left out, also where another thread has it later: strace would fail the loader's.
    """
    path = live.new_path(".strace")
    whole = command.finish(command.start(["strace", "-f", "-o", path, *(["-k"] if by_place else [])]), "without a fault",
                           slow=20 if by_place else 1)
    before, early, places, begun = collections.Counter(), set(), {}, False
    for thread, name, stack in told_calls(path):
        begun = begun or name == "fcntl"
        before[thread, name] += 1
        call = (name, before[thread, name])
        if not begun:
            early.add(call)
        elif call not in early and ERROR.get(name, "") is not None:
            places.setdefault((name, *stack) if by_place else call, call)
    check(begun, "no system calls of main()")
    return whole, sorted(set(places.values()))


def system_calls(command):
    live.need("strace")
    if "asan" in live.SOCKLIFE:
        raise live.Skip("the leak checker cannot work beside strace")
    whole, calls = calls_of(command, HOW_MANY == "places")
    print("%d system calls of %r" % (len(calls), command.args))

    def job(call):
        name, number = call
        error = ERROR.get(name, "EIO")
        prefix = ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + name, "-e",
                  "inject=%s:error=%s:when=%d" % (name, error, number)]

        def finish(process):
            what = "%s %d with %s of %r" % (name, number, error, command.args)
            return command.judge(whole, command.finish(process, what), what)

        return lambda: command.start(prefix), finish

    each(command, map(job, some(calls)))


# --- commands that read files ---

def small_log():
    path = os.path.join(live.tmp(), "log")
    with netns() as where, logs.Recorder(path, "--netns", "/run/netns/%s" % where) as recorder:
        logs.flood(2, where)
        recorder.process.send_signal(signal.SIGHUP)
        live.wait_for(lambda: any(p.endswith(".gz") for _, p in logs.segments(path)), "a packed segment")
        live.run_alone("bind_in_use", "127.0.0.1", "127.0.0.1", prefix=live.in_netns(where))
        recorder.stop()
    return path


def offline():
    log, html = small_log(), live.new_path(".html")
    keys = live.new_path(".keys")
    capture = os.path.join(live.TOP, "tests/golden/bind_in_use.cap")
    records = logs.Log(log)
    sock = next(r["sock"] for r in records.of("listen"))
    moment = records.records[-1]["ts"]
    return [Command("replay", capture), Command("replay", "--json", capture), Command("verify", log),
            Command("verify", "--json", log), Command("report", log), Command("report", "--json", log),
            Command("report", "--html", html, log), Command("report", "--socket", sock, log),
            Command("ports", "--at", moment, "--json", log),
            Command("keygen", keys, fresh=lambda: shutil.rmtree(keys, ignore_errors=True)),
            Command("help", "report"), Command("version")]


def each_of(commands, fail):
    wrong = []
    for command in commands:
        try:
            fail(command)
        except AssertionError as error:
            wrong.append(str(error))
    check(not wrong, "%s", "\n".join(wrong))


def test_offline_allocations():
    each_of(offline(), allocations)


def test_offline_calls():
    each_of(offline(), system_calls)


# --- commands that ask the kernel: what ends with them are their processes, and so every descriptor, link and program ---

def tracing():
    log = live.new_path(".log")
    return [Command("trace", "--count", "1", "--timeout", "200ms", same=False),
            Command("trace", "-o", live.new_path(".out"), "--", "true", same=False),
            Command("ports", "--json", same=False), Command("ports", "80", same=False),
            Screen("top", "--interval", "100ms"),
            Command("record", "--dir", log, same=False, stop=1.5, fresh=lambda: shutil.rmtree(log, ignore_errors=True))]


def test_live_allocations():
    each_of(tracing(), allocations)


def test_live_calls():
    each_of(tracing(), system_calls)


def test_first_bpf_calls():
    """What libbpf asks the kernel before it loads, each question: where one has no answer it goes on with less."""
    live.need("strace")
    if "asan" in live.SOCKLIFE:
        raise live.Skip("the leak checker cannot work beside strace")
    for number in range(1, 26):
        run = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=bpf", "-e",
                              "inject=bpf:error=ENOMEM:when=%d" % number, live.SOCKLIFE, "ports", "80"],
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=HANGS)
        check(run.returncode in (0, 3), "bpf() %d: exit %d: %r", number, run.returncode, run.stderr)
        check(run.returncode == 0 or run.stderr, "bpf() %d: nothing said", number)


for _test in (test_offline_allocations, test_offline_calls, test_live_allocations, test_live_calls):
    _test.limit = 300 if HOW_MANY.isdigit() else 7200
