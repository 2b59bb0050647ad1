# SPDX-License-Identifier: GPL-2.0-or-later
"""What socklife does when its surroundings fail it: stalled readers, full disks, namespaces, no privileges."""
import fcntl
import os
import select
import signal
import subprocess
import time

import live
from live import check, equal, need, socklife
from test_command import text_of, unprivileged

F_SETPIPE_SZ = 1031


def into_full_pipe(options, signals):
    """stdout is a pipe that nobody reads and that is full; the time from the first signal to the end, status, stderr."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    process = subprocess.Popen([live.binary(), "trace", *options], stdin=subprocess.DEVNULL, stdout=writer,
                               stderr=subprocess.PIPE, preexec_fn=live.die_with_parent)
    try:
        live.wait_for(lambda: pending(reader), "first line")
        live.run_alone("flood", "1000")
        live.wait_for(lambda: not select.select([], [writer], [], 0)[1], "full pipe")
        time.sleep(0.5)
        begin = time.monotonic()
        for number in signals:
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(0.2)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            raise AssertionError("%r into a full pipe: not ended after %d s" % (options, time.monotonic() - begin))
        return time.monotonic() - begin, process.returncode, live.said(process.stderr.read().decode())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(reader)
        os.close(writer)


def pending(fd):
    return int.from_bytes(fcntl.ioctl(fd, 0x541B, b"\0" * 4), "little")    # FIONREAD


def test_stop_with_full_pipe():
    for options in (["--no-snapshot"], ["--json", "--no-snapshot"]):
        for signals in ([signal.SIGTERM], [signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]):
            took, status, stderr = into_full_pipe(options, signals)
            check(took < 2, "%r, %r: took %.1f s", options, signals, took)
            equal(status, 5, "exit with %r, %r (%s)" % (options, signals, stderr))
            equal(len(stderr.splitlines()), 1, "lines on stderr with %r, %r (%s)" % (options, signals, stderr))


def test_sigchld_ignored():
    """Whoever started it may have left SIGCHLD ignored: then the kernel reaps the command."""
    for script, status in (("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)):
        done = socklife("trace", "-o", "/dev/null", "--", "sh", "-c", script, timeout=10,
                        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        equal(done.returncode, status, "exit after `%s` (%s)" % (script, text_of(done)))


def test_pid_in_pid_namespace():
    """Its numbers are not those that the kernel's programs see: refused rather than another process traced."""
    need("unshare")
    for option in ("-p", "--pid"):
        done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", live.binary(), "trace", option, "1",
                               "--timeout", "1s"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=live.PATIENCE)
        equal(done.returncode, 3, "exit (%s)" % text_of(done))
        equal(len(text_of(done).splitlines()), 1, "lines on stderr (%s)" % text_of(done))
        check("--pid" in text_of(done), "--pid is not named: %r", text_of(done))
        equal(done.stdout, b"", "stdout")


CONTENT = b"what was there before\n"


def precious(name):
    path = live.new_path(name)
    with open(path, "wb") as f:
        f.write(CONTENT)
    return path


def content(path):
    with open(path, "rb") as f:
        return f.read()


def kept(option):
    path = precious(".out")
    os.chmod(path, 0o666)
    for options in ([option, path], ["--json", option, path], [option, path, "--", "true"]):
        done = unprivileged("trace", *options)
        equal(done.returncode, 125 if "--" in options else 3, "exit of %r (%s)" % (options, text_of(done)))
        equal(len(text_of(done).splitlines()), 1, "lines on stderr of %r (%s)" % (options, text_of(done)))
        equal(content(path), CONTENT, "content after %r" % options)
    for options in ([option, path, "--port", "x"], [option, path, "--bogus"], [option, path, "stray"]):
        equal(socklife("trace", *options).returncode, 2, "exit of %r" % options)
        equal(content(path), CONTENT, "content after %r" % options)


def test_output_kept_if_it_cannot_start():
    kept("-o")


def test_capture_kept_if_it_cannot_start():
    kept("--capture")


def test_replay_onto_itself():
    capture = live.new_path(".capture")
    done = socklife("trace", "-o", "/dev/null", "--capture", capture, "--", live.program("bind_unused"))
    equal(done.returncode, 0, "exit (%s)" % text_of(done))
    before = content(capture)
    soft, hard = live.new_path(".link"), live.new_path(".link")
    os.symlink(capture, soft)
    os.link(capture, hard)
    for out in (capture, soft, hard, os.path.join(os.path.dirname(capture), ".", os.path.basename(capture))):
        for form in ([], ["--json"]):
            done = socklife("replay", *form, "-o", out, capture)
            equal(done.returncode, 2, "exit of replay -o %s (%s)" % (out, text_of(done)))
            equal(len(text_of(done).splitlines()), 1, "lines on stderr (%s)" % text_of(done))
            equal(content(capture), before, "the capture after replay -o %s" % out)


def on_small_disk(*cmd):
    """CMD where SMALL in its words is a file on a tmpfs of 64 KB, in a mount namespace that ends with it."""
    need("unshare")
    directory = live.new_path(".disk")
    os.mkdir(directory)
    words = [w.replace("SMALL", directory + "/file") for w in cmd]
    return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64k none "$0" && exec "$@"', directory, *words]


def test_capture_on_full_disk():
    """It says so in one line and ends by itself: exit 5, or 125 where CMD's status would be."""
    for option in ("--capture", "-o"):
        other = [] if option == "-o" else ["-o", "/dev/null"]
        process = subprocess.Popen(on_small_disk(live.binary(), "trace", "--json", "--no-snapshot", *other, option,
                                                 "SMALL", "--timeout", "20s"), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=live.die_with_parent)
        try:
            for _ in range(30):
                live.run_alone("flood", "300")
                if process.poll() is not None:
                    break
                time.sleep(0.1)
            check(process.poll() is not None, "%s on a full disk: it goes on", option)
            stderr = live.said(process.stderr.read().decode())
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        equal(process.returncode, 5, "exit with %s on a full disk (%s)" % (option, stderr))
        equal(len(stderr.splitlines()), 1, "lines on stderr (%s)" % stderr)
        done = subprocess.run(on_small_disk(live.binary(), "trace", "--json", *other, option, "SMALL", "--",
                                            live.program("flood"), "1000"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=live.PATIENCE,
                              env=dict(os.environ, TRIGGER_FACTS=live.new_path(".facts")))
        equal(done.returncode, 125, "exit with a command and %s on a full disk (%s)" % (option, text_of(done)))
        equal(len(text_of(done).splitlines()), 1, "lines on stderr (%s)" % text_of(done))
