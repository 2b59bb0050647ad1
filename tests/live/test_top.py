# SPDX-License-Identifier: GPL-2.0-or-later
"""
socklife top in a real terminal: tmux with a server of the test's own, keys by send-keys, the screen by capture-pane.
The sockets are those of triggers in a namespace of the test's own, which --netns lets in alone.
"""
import contextlib
import os
import re
import signal
import subprocess
import time

import live
from live import Held, check, equal, need, netns, wait_for

CONF = """set -g default-terminal "{term}"
set -s escape-time 0
set -g status off
"""
COLOR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;5|38;2|4[0-7]|48;5)[0-9;]*m")


def modes(path):
    """What stty -a says, but for the size."""
    with open(path) as f:
        return re.sub(r"rows \d+; columns \d+;", "", f.read())


class Top:
    """A shell in a terminal, and socklife top started from it."""

    def __init__(self, *options, width=100, height=30, term="tmux-256color", env="LC_ALL=C.UTF-8"):
        need("tmux", "stty")
        self.options, self.width, self.height, self.env = options, width, height, env
        self.tmux = ("tmux", "-L", "socklife-%d-%s" % (os.getpid(), os.path.basename(live.new_path(""))))
        self.before, self.after = live.new_path(".before"), live.new_path(".after")
        conf = live.new_path(".conf")
        with open(conf, "w") as f:
            f.write(CONF.format(term=term))
        live.sh(*self.tmux, "-f", conf, "new-session", "-d", "-x", str(width), "-y", str(height),
                "env PS1='shell> ' bash --norc --noprofile")

    def __enter__(self):
        wait_for(lambda: "shell>" in self.text(), "the shell")
        self.line("stty -a >%s; %s %s top %s; echo exit=$?; stty -a >%s" % (
            self.before, self.env, live.binary(), " ".join(self.options), self.after))
        self.until("conn/s", "the screen")
        return self

    def __exit__(self, kind, error, trace):
        with contextlib.suppress(Exception):
            pid = self.child()
            if pid:
                os.kill(pid, signal.SIGKILL)
        live.sh(*self.tmux, "kill-server", check_rc=False)
        if kind is AssertionError:
            raise AssertionError("%s\n--- the screen:\n%s" % (error, self.last)) from error
        return False

    def line(self, text):
        live.sh(*self.tmux, "send-keys", "-l", text)
        live.sh(*self.tmux, "send-keys", "Enter")

    def keys(self, *keys):
        live.sh(*self.tmux, "send-keys", *keys)

    def type(self, text):
        live.sh(*self.tmux, "send-keys", "-l", text)

    def text(self, *options):
        self.last = live.sh(*self.tmux, "capture-pane", "-p", *options).stdout
        return self.last

    def lines(self):
        return self.text().split("\n")[:-1]

    def until(self, pattern, what=None, seconds=15):
        return wait_for(lambda: re.search(pattern, self.text(), re.M), what or "%r on the screen" % pattern, seconds)

    def until_not(self, pattern, seconds=15):
        wait_for(lambda: not re.search(pattern, self.text(), re.M), "no %r on the screen" % pattern, seconds)

    def resize(self, width, height):
        self.width, self.height = width, height
        live.sh(*self.tmux, "resize-window", "-x", str(width), "-y", str(height))

    def ask(self, what):
        return live.sh(*self.tmux, "display-message", "-p", "#{%s}" % what).stdout.strip()

    def child(self):
        """The pid of socklife: what the shell has started."""
        shell = self.ask("pane_pid")
        with open("/proc/%s/task/%s/children" % (shell, shell)) as f:
            children = f.read().split()
        return int(children[0]) if children else 0

    def given_back(self, status):
        """The shell again, with the terminal as it was."""
        self.until("^exit=%s$" % status, "the end, with status %s" % status)
        self.until("^shell> *$", "the shell again")
        equal(self.ask("alternate_on"), "0", "the alternate screen")
        equal(self.ask("cursor_flag"), "1", "the cursor")
        equal(modes(self.after), modes(self.before), "what stty says")

    def quit(self):
        self.keys("q")
        self.given_back(0)


def run_in(ns, name, *args):
    live.run_alone(name, *args, prefix=live.in_netns(ns))


def row(top, text):
    """The line of the screen that has this text."""
    top.until(re.escape(text))
    return next(line for line in top.last.split("\n") if text in line)


def test_views_and_keys():
    with netns() as ns, Held(where=ns):
        with Top("--netns", ns) as top:
            top.until(r"^ESTABLISHED .*server", "the connections")
            check("LISTEN " in top.text(), "states are counted")
            top.keys("2")
            line = row(top, "0/8")
            check(line.startswith("tcp") and "reuseaddr" in line, "the listener: %s", line)
            check("udp" in top.text(), "the UDP socket is among the listeners")
            top.keys("3")
            top.until("^well-known +0 ")
            top.until(r"ephemeral \d+-\d+: \d+ of \d+ TCP")
            top.keys("4")
            top.until("Nothing is wrong")
            top.keys("Tab")
            top.until("^STATE")
            top.keys("BTab")
            top.until("^TIME")
            top.keys("1")
            top.until("^STATE")
            for column in ("AGE", "PROTO", "PID", "PROCESS"):
                top.keys(">")
                top.until(column + "[▲▼]")
            top.keys("<")
            top.until("PID▲")
            top.keys("r")
            top.until("PID▼")
            top.keys("g")
            top.until("by process")
            top.keys("g", "g", "g")
            top.until("by container")
            top.keys("g")
            top.until_not("by container")
            top.keys("?")
            top.until("^Keys")
            top.keys("NPage", "End", "Home", "Up", "Down")
            top.keys("?")
            top.until("^STATE")
            top.quit()


def test_cursor_moves():
    with netns() as ns, Held("20", name="close_wait", where=ns), Top("--netns", ns) as top:
        top.until("CLOSE_WAIT +.*leaky")
        top.until(r"1/(\d+)$")
        n = int(re.search(r"1/(\d+)$", top.text(), re.M).group(1))
        check(n >= 20, "%d rows", n)
        for key, place in (("Down", 2), ("Down", 3), ("Up", 2), ("End", n), ("Up", n - 1), ("Home", 1)):
            top.keys(key)
            top.until("%d/%d$" % (place, n))
        top.resize(100, 14)    # ten rows
        top.keys("NPage")
        top.until("10/%d$" % n)
        top.keys("PPage")
        top.until("1/%d$" % n)
        top.quit()


def test_filter_as_it_is_typed():
    with netns() as ns, Held(where=ns), Top("--netns", ns) as top:
        top.until("^ESTABLISHED .*server")
        top.keys("/")
        top.type("SERV")
        top.until("^/serv")
        top.until("^ESTABLISHED .*server")
        top.type("q")
        top.until("Nothing has this text")
        top.keys("BSpace")
        top.until("^ESTABLISHED .*server")
        top.keys("Enter")
        top.until("^/serv .*Esc")
        top.keys("Escape")
        top.until_not("^/serv")
        top.quit()


def test_pause():
    with netns() as ns, Top("--netns", ns, "--interval", "100ms") as top:
        top.until("No connections")
        top.keys("p")
        top.until("PAUSED")
        with Held(where=ns):
            time.sleep(0.6)
            check("server" not in top.text(), "nothing comes while it is paused")
            top.keys("2")
            top.until("Nothing listens")
            top.keys("1", "p")
            top.until("^ESTABLISHED .*server")
            check("PAUSED" not in top.text(), "it goes on")
        top.quit()


def test_timeline_of_a_socket():
    with netns() as ns, Top("--netns", ns) as top:
        top.until("No connections")
        with Held(where=ns):
            top.keys("2")
            top.until("0/8")
            top.type("/tcp")
            top.keys("Enter", "Enter")
            top.until(r"^tcp 127\.0\.0\.1:\d+  LISTEN")
            top.until(r"^\d\d:\d\d:\d\d\.\d{6} .* bind ")
            top.until("listen +backlog 8")
            top.until("now +LISTEN for")
            top.until("^Process +server")
            top.until("^Executable +/")
            top.keys("Escape", "Escape", "1")
            top.until("^ESTABLISHED .*server")
            top.keys("End", "Enter")
            top.until("handshake|connect ")
            top.keys("Escape")
        top.until("^(local-close|remote-close) ", "how it ended")
        top.until("No connections", "closed ones go after 5 s")
        top.quit()


def test_queued_comes_first():
    with netns() as ns, Held(name="queued", where=ns), Top("--netns", ns) as top:
        top.until("^QUEUED +.*server")
        equal(top.lines()[3].split()[0], "QUEUED", "the first row")
        top.keys("2")
        top.until("1/")
        top.quit()


def test_port_conflict_opened():
    with netns() as ns, Top("--netns", ns) as top:
        top.until("No connections")
        run_in(ns, "bind_in_use", "127.0.0.1", "0.0.0.0")
        top.until("1 error")
        top.keys("4")
        top.until(r"^\d\d:\d\d:\d\d .*error +port_conflict")
        top.keys("Enter")
        top.until("^port_conflict +error")
        top.until("^What to do")
        top.until(r"^  tcp 127\.0\.0\.1:\d+ LISTEN +holder ")
        top.until("^  error +EADDRINUSE")
        top.keys("Escape")
        top.until("^TIME")
        top.quit()


def test_group_by_process_and_into_it():
    with netns() as ns, Held("10", name="close_wait", where=ns), Top("--netns", ns) as top:
        top.until("^CLOSE_WAIT")
        top.keys("g")
        top.until(r"^leaky \d+ .* 11 ")
        top.keys("Enter")
        top.until("by process: leaky")
        top.until("^CLOSE_WAIT")
        top.keys("Escape")
        top.until("^GROUP")
        top.quit()


def test_any_size():
    with netns() as ns, Held(where=ns), Top("--netns", ns) as top:
        for width, height in ((60, 16), (300, 100), (80, 24), (20, 5), (200, 50)):
            top.resize(width, height)
            top.until(r"^STATE[▼].*" if height > 5 else "^1 Conn")
            wait_for(lambda: top.lines()[height - 1].rstrip().endswith("/2") or width < 30, "the last row in its place")
            check(all(len(line) <= width for line in top.lines()), "no line is wider")
            equal(top.lines()[1][:13], "1 Connections", "the second row")
        top.quit()


def test_suspend_and_resume():
    with netns() as ns, Held(where=ns), Top("--netns", ns) as top:
        top.until("^ESTABLISHED .*server")
        for _ in range(2):
            top.keys("C-z")
            top.until("Stopped")
            equal(top.ask("alternate_on"), "0", "the alternate screen")
            equal(top.ask("cursor_flag"), "1", "the cursor")
            shell = live.new_path(".shell")
            top.line("stty -a >%s; echo asked" % shell)
            top.until("^asked")
            equal(modes(shell), modes(top.before), "what stty says while it is stopped")
            top.resize(90, 20)
            top.line("clear; fg")
            top.until("^ESTABLISHED .*server")
            top.keys("2")
            top.until("0/8")
            top.keys("1")
            top.until("^STATE")
        top.keys("q")
        top.until("^shell> *$", "the shell again")
        top.line("echo exit=$?; stty -a >%s" % top.after)
        top.given_back(0)


def ended_by(number, status):
    with netns() as ns, Held(where=ns), Top("--netns", ns) as top:
        top.until("^ESTABLISHED .*server")
        os.kill(top.child(), number)
        top.given_back(status)


def test_terminal_after_sigterm():
    ended_by(signal.SIGTERM, 0)


def test_terminal_after_sighup():
    ended_by(signal.SIGHUP, 0)


def test_terminal_after_sigsegv():
    ended_by(signal.SIGSEGV, "(139|1)")    # 1: the sanitizer's


def test_terminal_after_abort_and_quit():
    ended_by(signal.SIGABRT, "(134|1)")
    ended_by(signal.SIGQUIT, "131")


def test_terminal_after_interrupt():
    with Top() as top:
        top.keys("C-c")
        top.given_back(0)


def test_ends_while_the_terminal_is_stopped():
    with Top("--interval", "100ms") as top:
        top.keys("C-s")
        time.sleep(0.5)
        pid = top.child()
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), "the end")


def test_ends_with_its_terminal():
    with Top() as top:
        pid = top.child()
        live.sh(*top.tmux, "kill-server")
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), "the end")


def test_ascii_where_the_locale_is():
    with netns() as ns, Held(where=ns), Top("--netns", ns, env="LC_ALL=C") as top:
        for page in "1234":
            top.keys(page)
            top.until("^(STATE|PROTO|TIME|DEST)")
            check(top.text().isascii(), "ASCII only on page %s", page)
        top.keys("2")
        top.until(r"\.{8} 0/8")
        top.quit()


def test_colors():
    for term, env, colored in (("tmux-256color", "", True), ("screen", "", True), ("tmux-256color", "NO_COLOR=1", False),
                               ("vt100", "", False), ("xterm-mono", "", False)):
        if not live.sh("infocmp", term, check_rc=False).returncode == 0:
            continue
        with netns() as ns, Held(where=ns), Top("--netns", ns, term="screen-256color", env="LC_ALL=C.UTF-8 TERM=%s %s" %
                                                (term, env)) as top:
            top.until("^ESTABLISHED .*server")
            screen = top.text("-e")
            equal(bool(COLOR.search(screen)), colored, "colours with TERM=%s %s" % (term, env))
            check("\x1b[" in screen, "the selected row stands out")
            top.quit()


def test_loss_is_loud():
    with netns() as ns, Top("--netns", ns, "--ring-size", "4K", width=60, height=16) as top:
        run_in(ns, "flood", "3000")
        top.until(r"LOST \d+ \(ring")
        for page in "234":
            top.keys(page)
            top.until(r"LOST \d+ \(ring")
        top.keys("q")
        top.until(r"lost \(ring\)")
        top.given_back(0)


def test_hostile_names():
    with netns() as ns, Top("--netns", ns) as top:
        top.until("No connections")
        run_in(ns, "hostile_name")
        top.until(r"\\x")
        check("conn/s" in top.lines()[0], "the screen is whole")
        top.quit()


def test_filters():
    with netns() as ns, netns() as other, Held(where=ns), Held("7777", where=other), Top("--lport", "7777") as top:
        top.until("^ESTABLISHED .*127.0.0.1:7777 ")
        equal(len([line for line in top.lines() if "server" in line]), 1, "rows: the accepted end alone")
        top.keys("2")
        top.until(" 7777 ")
        equal(len([line for line in top.lines() if "server" in line]), 1, "listeners")
        top.quit()


def test_failed_only():
    with netns() as ns, Held(where=ns), Top("--netns", ns, "--errno", "ECONNREFUSED") as top:
        run_in(ns, "connect_refused")
        top.until("^refused")
        check("LISTEN" not in top.text(), "what did not fail is left out")
        top.quit()


def test_not_a_terminal():
    done = live.socklife("top")
    equal(done.returncode, 2, "exit")
    equal(done.stdout, b"", "stdout")
    check(b"not a terminal" in done.stderr and b"socklife trace" in done.stderr and b"socklife ports" in done.stderr,
          "it says what to use: %r", done.stderr)


def test_a_terminal_without_a_cursor():
    need("script")
    done = live.sh("script", "-qec", "env TERM=dumb %s top; echo exit=$?" % live.binary(), "/dev/null",
                   stdin=subprocess.DEVNULL)
    check("cannot move its cursor" in done.stdout and "exit=2" in done.stdout, "it says why: %r", done.stdout)


def test_interval():
    for value in ("0", "99ms", "2h", "x"):
        done = live.socklife("top", "--interval", value)
        equal(done.returncode, 2, "exit")
        check(b"--interval" in done.stderr and value.encode() in done.stderr, "it names them: %r", done.stderr)
