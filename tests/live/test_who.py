# SPDX-License-Identifier: GPL-2.0-or-later
"""The `process` record: who acts, also where it lives a millisecond, renames itself, execs, or sees other paths."""
import json
import os
import re
import shutil
import subprocess
import sys

import live
from live import check, equal, trigger
from test_filters import cgroup

PYTHON = os.path.realpath(sys.executable)
NONE = 4294967295


def told(records):
    return [r for r in records if r["type"] == "process"]


def first_hand(record):
    check("inferred" not in record, "not first-hand: %s", json.dumps(record))


def only_process(records, **fields):
    found = [r for r in told(records) if all(r.get(k) == v for k, v in fields.items())]
    equal(len(found), 1, "process records with %r in %s" % (fields, json.dumps(told(records))))
    return found[0]


def number_in(path):
    with open(path) as f:
        return int(f.read())


def run_traced(cmd, options=(), facts=None):
    output, _ = live.traced(cmd, options=options, facts=facts)
    records = live.parse(output)
    live.check_stream(records)
    return records


def test_trigger():
    """Everything that is known of a process, against /proc and what this test knows."""
    run = trigger("tcp_local_close")
    path = live.program("tcp_local_close")
    server, client = run.process("server"), run.process("client")
    for name, record in (("server", server), ("client", client)):
        first_hand(record)
        equal(record["exe"], os.path.realpath(path), "exe")
        equal(record["args"], [path], "args")
        equal((record["uid"], record["euid"], record["user"]), (0, 0, "root"), "users")
        equal(record["loginuid"], number_in("/proc/self/loginuid"), "loginuid")
        equal(record["session"], number_in("/proc/self/sessionid"), "session")
        equal(record["cgroup"], live.cgroup2()[0], "cgroup")
        equal(record["comm"], name, "comm")
        check("container" not in record, "a container: %r", record.get("container"))
    equal(client["ppid"], server["pid"], "ppid")
    equal([p["pid"] for p in client["parents"][1:]], [p["pid"] for p in server["parents"][:3]], "parents")
    parent, us = server["parents"][:2]
    equal(parent["exe"], os.path.realpath(live.binary()), "exe of the parent")
    equal((us["pid"], us["exe"]), (os.getpid(), PYTHON), "socklife's parent")
    equal(len(told(run.records)), 2, "process records")


def test_lives_of_a_millisecond():
    """Each with its own executable, argument, parent and name, although all have ended when their event is read."""
    n = 200
    path = live.program("short_lives")
    run = trigger("short_lives", str(n), text=False)
    records = told(run.records)
    equal(len(records), n, "processes")
    equal(sorted(r["args"] for r in records), sorted(["short", "life", str(i)] for i in range(n)), "args")
    for record in records:
        first_hand(record)
        equal(record["exe"], os.path.realpath(path), "exe")
        equal(record["ppid"], run.facts["parent_pid"], "ppid")
        equal(record["parents"][0]["exe"], os.path.realpath(path), "exe of the parent")
        check(record["comm"] in ("short-" + record["args"][2], "short_lives", "exe"), "comm is %r", record["comm"])


def test_renamed():
    code = ("import ctypes, socket\n"
            "ctypes.CDLL(None).prctl(15, b'somebody-else')\n"
            "s = socket.socket(); s.bind(('127.0.0.1', 0))")
    records = run_traced([sys.executable, "-c", code])
    record = only_process(records, comm="somebody-else")
    first_hand(record)
    equal(record["exe"], PYTHON, "exe")
    equal(record["args"], [sys.executable, "-c", code], "args")


def test_long_arguments():
    """The first 256 bytes, the last argument cut."""
    code = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))"
    args = [sys.executable, "-c", code, "\x1b[31m\n", "", "x" * 300]
    whole = b"".join(a.encode() + b"\0" for a in args)
    record = only_process(run_traced(args), exe=PYTHON)
    equal("\0".join(record["args"]).encode(), whole[:256], "args")


def test_exec_in_place():
    code = ("import os, socket\n"
            "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()\n"
            "os.execv(%r, ['other', 'name'])" % live.program("bind_unused"))
    records = run_traced([sys.executable, "-c", code], facts=live.new_path(".facts"))
    before, after = told(records)
    for record in (before, after):
        first_hand(record)
    equal((before["pid"], before["started"]), (after["pid"], after["started"]), "the process")
    check(before["proc"] != after["proc"], "proc is the same")
    equal(before["exe"], PYTHON, "exe before")
    equal((after["exe"], after["args"]), (os.path.realpath(live.program("bind_unused")), ["other", "name"]), "after")


def test_executable_without_a_file():
    """A memfd, and a file that is removed before the process makes its socket."""
    code = ("import os\n"
            "fd = os.memfd_create('nowhere')\n"
            "os.write(fd, open(%r, 'rb').read())\n"
            "os.execve(fd, ['hidden'], os.environ)" % live.program("bind_unused"))
    records = run_traced([sys.executable, "-c", code], facts=live.new_path(".facts"))
    equal(only_process(records, args=["hidden"])["exe"], "/memfd:nowhere", "exe of a memfd")
    copy = os.path.join(os.path.realpath(live.tmp()), "gone")
    shutil.copy(live.program("short_lives"), copy)
    records = run_traced([copy, "unlinked"], facts=live.new_path(".facts"))
    check(not os.path.exists(copy), "it is still there")
    record = only_process(records, exe=copy)
    equal(record["args"], [copy, "unlinked"], "args")


def test_long_path():
    """Up to 511 bytes are whole; of a longer path the end is kept."""
    for parts, cut in ((4, False), (9, True)):
        where = os.path.join(os.path.realpath(live.tmp()), *[c * 100 for c in "abcdefghi"[:parts]])
        os.makedirs(where)
        path = os.path.join(where, "prog")
        shutil.copy(live.program("bind_unused"), path)
        exe = told(run_traced([path], facts=live.new_path(".facts")))[0]["exe"]
        if cut:
            check(exe.startswith(".../") and path.endswith(exe[3:]) and len(exe) > 500, "exe is %r", exe)
        else:
            equal(exe, path, "exe")
        shutil.rmtree(os.path.join(os.path.realpath(live.tmp()), "a" * 100))


def test_heir():
    """A child whose only act is its end has no memory left to be read: it is its parent's program, inferred."""
    run = trigger("short_lives", "heir")
    testator, heir = run.process("testator"), run.process("heir")
    first_hand(testator)
    equal(heir["exe"], testator["exe"], "exe")
    equal(heir["args"], testator["args"], "args")
    equal(sorted(heir["inferred"]), ["args", "exe"], "inferred")
    equal(heir["ppid"], testator["pid"], "ppid")


ROOT = """
set -e
root=$1
mkdir "$root"
mount -t tmpfs none "$root"
for dir in bin lib lib64 usr proc; do
    [ -e /$dir ] || continue
    if [ -L /$dir ]; then cp -P /$dir "$root"; else mkdir "$root/$dir"; mount --rbind /$dir "$root/$dir"; fi
done
mkdir "$root/app" "$root/old"
mount -t tmpfs none "$root/app"
cp "$2" "$root/app/server"
"""
PIVOT = 'cd "$root"; pivot_root . old; exec /app/server'
CHROOT = 'exec chroot "$root" /app/server'


def other_root(how, prefix=""):
    """A program on a mount of its own, below a root directory of its own."""
    live.need("unshare", "pivot_root", "chroot")
    root = os.path.join(os.path.realpath(live.tmp()), "root-%d" % len(how))
    records = run_traced(["unshare", "--mount", "sh", "-c", prefix + ROOT + how, "sh", root,
                          live.program("bind_unused")])
    return only_process(records, comm="idler")


def test_container():
    """Its root directory is another one: the path is as the container sees it, with the container's id."""
    container = "%064x" % (0x50c41ee << 224 | os.getpid())
    with cgroup("docker-%s.scope" % container) as path:
        record = other_root(PIVOT, "echo $$ >%s/cgroup.procs\n" % path)
    first_hand(record)
    equal(record["exe"], "/app/server", "exe")
    equal(record["args"], ["/app/server"], "args")
    equal(record["container"], container, "container")


def test_chroot():
    record = other_root(CHROOT)
    first_hand(record)
    equal(record["exe"], "/app/server", "exe")


def test_there_before():
    """Asked for: nothing of it is first-hand, but it is the same."""
    with live.Held("0", "0", "free", "nobody", name="before") as held:
        with live.Tracer() as tracer:
            live.wait_for(lambda: tracer.has(type="snapshot", sock=str(held.facts["client"])), "snapshot")
            held.release()
            live.wait_for(lambda: tracer.has(type="close", sock=str(held.facts["client"])), "close")
    path = live.program("before")
    record = live.Run(tracer.records, held.facts).process("client")
    equal(record["exe"], os.path.realpath(path), "exe")
    equal(record["args"], [path, "0", "0", "free", "nobody"], "args")
    equal(sorted(record["inferred"]), ["args", "euid", "exe", "loginuid", "parents", "ppid", "session"], "inferred")
    equal(record["parents"][0]["pid"], held.facts["server_pid"], "parent")
    equal(record["parents"][1]["exe"], PYTHON, "exe of its parent's parent")


def test_users():
    records = run_traced(["python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))"],
                         options=["--user", "nobody"])
    record = told(records)[0]
    equal((record["uid"], record["euid"], record["user"]), (live.NOBODY, live.NOBODY, "nobody"), "users")


def test_login():
    """The user who logged in stays, whoever the process is by now."""
    script = 'echo 4242 >/proc/self/loginuid && exec "$@"'
    if subprocess.run(["sh", "-c", script, "sh", "true"], stderr=subprocess.DEVNULL).returncode:
        raise live.Skip("the login uid cannot be set here")
    records = run_traced(["sh", "-c", script, "sh", live.program("bind_unused")], facts=live.new_path(".facts"))
    record = told(records)[0]
    equal(record["loginuid"], 4242, "loginuid")
    equal(record["uid"], 0, "uid")
    check(record["session"] != NONE, "no session")


def test_chosen():
    """They accompany the records that are written; chosen themselves they come alone."""
    run = trigger("tcp_local_close", options=["--event", "connect"], whole=False, text=False)
    equal([r["type"] for r in run.records], ["start", "process", "connect", "stop"], "records")
    equal(told(run.records)[0]["comm"], "client", "process")
    run = trigger("tcp_local_close", options=["--event", "process"], whole=False)
    equal([r["type"] for r in run.records], ["start", "process", "process", "stop"], "records")
    check(not re.search("process", run.text), "text has process records: %s", run.text)


def test_filters():
    """Only of processes with records, whatever other filters there are."""
    for options in (["--comm", "client"], ["--uid", "0", "--comm", "client"]):
        run = trigger("tcp_local_close", options=options, text=False)
        equal([r["comm"] for r in told(run.records)], ["client"], "processes with %r" % options)
        first_hand(told(run.records)[0])
