# SPDX-License-Identifier: GPL-2.0-or-later
"""In a container, made of namespaces: the whole host is traced or socklife says that it cannot, and what it cannot tell."""
import json
import os
import signal
import subprocess

import live
from live import check, equal
from test_containers import cgroups, inside

WARNING = "socklife: the host's pid namespace cannot be seen from this container"
PID = ("--pid", "--fork", "--mount-proc")

# A root directory of its own: all of the host's but what it knows of containers. $1 becomes it.
OTHER_ROOT = """
mount -t tmpfs socklife-test "$1" || exit 99
for path in /*; do
    if [ -L "$path" ]; then cp -P "$path" "$1$path"
    elif [ -d "$path" ] && [ "$path" != /run ] && [ "$path" != /var ]; then
        mkdir "$1$path" && mount --rbind "$path" "$1$path" || exit 99
    fi
done
shift_root=$1; shift
chroot "$shift_root" "$@"
"""


def run(namespaces, *args, cgroup=None, within=()):
    """socklife in namespaces of its own, in that cgroup, begun by that command: exit status, stdout, stderr."""
    prefix = inside(cgroup) if cgroup else []
    done = subprocess.run([*prefix, "unshare", *namespaces, *within, live.binary(), *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=live.PATIENCE)
    return done.returncode, done.stdout.decode(), live.said(done.stderr.decode())


def test_pid_namespace():
    """Who acts outside is traced, numbers are the kernel's, and one line says what is missing. A command inside too."""
    path, output = "/socklife-live-%d" % os.getpid(), live.new_path(".out")
    with cgroups(path) as places:
        tracer = subprocess.Popen(["unshare", *PID, live.binary(), "trace", "--json", "-o", output, "--cgroup", path],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=live.die_with_parent)
        try:
            live.wait_for(lambda: os.path.exists(output) and os.path.getsize(output), "start record")
            facts = live.run_alone("bind_unused", prefix=inside(places[0]))
            live.wait_for(lambda: b'"type":"close"' in open(output, "rb").read(), "close")
        finally:
            with open("/proc/%d/task/%d/children" % (tracer.pid, tracer.pid)) as f:
                os.kill(int(f.read()), signal.SIGINT)
            said = live.said(tracer.communicate(timeout=live.PATIENCE)[1].decode())
    equal(said.count("\n"), 1, "lines on stderr (%s)" % said)
    check(said.startswith(WARNING) and "hostPID: true" in said, "stderr: %r", said)
    with open(output, "rb") as f:
        records = live.parse(f.read())
    live.check_stream(records)
    equal({r["sock"] for r in records if r["type"] == "close"}, {str(facts["bound"])}, "sockets")
    told = [r for r in records if r["type"] == "process"]
    equal([r["args"] for r in told], [[live.program("bind_unused")]], "args")
    check("inferred" not in told[0], "not first-hand: %r", told[0])
    output = live.new_path(".out")
    status, _, said = run(PID, "trace", "--json", "-o", output, "--", live.program("bind_unused"))
    equal(status, 0, "exit (%s)" % said)
    with open(output, "rb") as f:
        records = live.parse(f.read())
    close = next(r for r in records if r["type"] == "close")
    check(close["nspid"] < close["pid"], "numbers: %r", close)


def test_check():
    """A pid namespace, in text; what is here, in JSON."""
    status, out, said = run(PID, "check")
    equal((status, said), (0, ""), "exit and stderr")
    line = next(line for line in out.splitlines() if line.startswith("pid namespace"))
    check("missing" in line and "--pid=host" in line and "hostPID: true" in line, "text: %r", line)
    check(out.endswith("socklife can trace here, with what is said above left out\n"), "last line: %r", out[-200:])
    status, out, said = run(["--mount"], "check", "--json")
    equal((status, said), (0, ""), "exit and stderr")
    here = os.stat("/proc/self/ns/pid").st_ino == 0xeffffffc    # PROC_PID_INIT_INO
    equal([(row["name"], row["works"]) for row in json.loads(out)["host"]],
          [("pid namespace", here), ("files of container runtimes", True)], "rows")


def test_root_directory():
    """A container's own, without the host's files: names of containers cannot be told."""
    path = live.new_path(".root")
    os.mkdir(path)
    done = subprocess.run(["unshare", *PID, "sh", "-c", OTHER_ROOT, "sh", path, live.binary(), "check", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=live.PATIENCE)
    equal(done.returncode, 0, "exit (%s)" % done.stderr.decode())
    rows = json.loads(done.stdout)["host"]
    equal([(row["name"], row["works"]) for row in rows], [("pid namespace", False),
                                                          ("files of container runtimes", False)], "rows")
    check(all(row["without"] and row["cure"] for row in rows), "rows: %r", rows)


def test_cgroup_namespace():
    """What would be a part of the host only is refused: the host's own mount of the hierarchy is not there."""
    without = ["sh", "-c", 'umount -a -t cgroup2 && exec "$@"', "sh"]
    with cgroups("/socklife-live-%d" % os.getpid()) as places:
        for command in (["trace"], ["check"]):
            status, _, said = run(["--cgroup", *PID], *command, cgroup=places[0], within=without)
            equal((status, said.count("\n")), (3, 1), "exit and lines of %s (%s)" % (command, said))
            check("only a part of the host" in said and "--cgroupns=host --pid=host" in said, "stderr: %r", said)


def test_user_namespace():
    """Its root has every capability and may load nothing."""
    for command in (["trace"], ["check"], ["ports"]):
        status, _, said = run(["--user", "--map-root-user"], *command)
        equal((status, said.count("\n")), (3, 1), "exit and lines of %s (%s)" % (command, said))
        check("user namespace" in said and "hostUsers: true" in said, "stderr: %r", said)
