# SPDX-License-Identifier: GPL-2.0-or-later
"""Who: descriptors that change hands, threads, names, descendants, namespaces of pids and users."""
import json

import live
from live import TIME, accept, bind, check, connect, equal, trigger

LIFE = {"established": TIME, "released": TIME}


def server_side(run, got, **close):
    run.life("child", {**run.ends("child"), **run.who("server")}, accept(run.id("listener")),
             run.close("remote-close", "server", "server", tx_bytes=0, rx_bytes=got, **LIFE, **close))
    run.listener()
    run.only("client", "child", "listener")


def owner(run, name):
    return {"pid": run.facts[name + "_pid"], "comm": name, "proc": live.PRESENT}


def test_fd_across_fork():
    """The creator closes first; the child's close is the last and counts."""
    run = trigger("fd_fork")
    run.life("client", run.ends("client"), connect(**run.who("client")),
             run.close("local-close", "client", "heir", owner=owner(run, "client"), tx_bytes=6, rx_bytes=0,
                       time_wait=True, **LIFE))
    server_side(run, 6)


def test_accepted_by_parent_closed_by_worker():
    run = trigger("fd_fork_accepted")
    run.life("client", run.ends("client"), connect(**run.who("client")),
             run.close("local-close", "client", "client", tx_bytes=14, rx_bytes=0, time_wait=True, **LIFE))
    run.life("child", run.ends("child"), accept(run.id("listener"), **run.who("server")),
             run.close("remote-close", "server", "worker", owner=owner(run, "server"), tx_bytes=0, rx_bytes=14, **LIFE))
    run.listener()
    run.only("client", "child", "listener")


def test_fd_passed():
    run = trigger("fd_pass")
    run.life("client", run.ends("client"), connect(**run.who("client")),
             run.close("local-close", "client", "receiver", owner=owner(run, "client"), tx_bytes=15, rx_bytes=0,
                       time_wait=True, **LIFE))
    server_side(run, 15)


def test_fd_in_flight():
    """The kernel drops the last reference: nobody has closed it, and the owner stays."""
    run = trigger("fd_in_flight")
    run.life("client", run.ends("client"), connect(**run.who("client")),
             live.close("local-close", "client", pid=run.facts["client_pid"], comm="client",
                        closed_by={"kernel": True}, tx_bytes=0, rx_bytes=0, time_wait=True, **LIFE))
    server_side(run, 0)


def test_thread_name():
    run = trigger("thread_name")
    acting = {**run.who("client"), "tid": run.facts["tid"], "thread": "worker-7"}
    check(run.facts["tid"] != run.facts["client_pid"], "the thread is the leader")
    run.life("client", {**run.ends("client")}, connect(**acting),
             run.close("local-close", "client", "client", time_wait=True, **LIFE, **{k: acting[k] for k in
                                                                                  ("tid", "thread")}))
    server_side(run, 0)


def test_hostile_names():
    """Escape codes, newlines, quotes, bytes that are no UTF-8: one JSON line each, nothing raw in the text."""
    run = trigger("hostile_name")
    for name, comm in (("escape", '"\x1b[31m\n","x'), ("control", "\r\t\x01\x7f\x9b0m\\")):
        run.life(name, {**run.ends(name), "pid": run.facts["hostile_pid"], "comm": comm},
                 bind(req_addr="127.0.0.1"),
                 live.close("unused", "idle", closed_by={"pid": run.facts["hostile_pid"], "comm": comm}))
    life = run.socks[run.id("binary")]
    equal([r["type"] for r in life], ["bind", "close"], "records of the process with a binary name")
    for record in life:
        check("a" in record["comm"], "comm is %r", record["comm"])
        json.dumps(record).encode("utf-8")
    check(run.text.count("\n") >= 6, "lines are missing: %r", run.text)
    check("\x1b" not in run.text, "a raw escape in the text")


def test_double_forked_descendant():
    """trace -- CMD follows it after CMD has ended, and still exits with CMD's status."""
    run = trigger("orphan", status=7)
    run.life("late", {**run.ends("late"), **run.who("grandchild")}, bind(req_addr="127.0.0.1"),
             run.close("unused", "idle", "grandchild"))
    run.only("late")


def test_pid_namespace():
    """In another pid namespace pid is the host's, nspid the own."""
    live.need("unshare")
    path = live.new_path(".facts")
    output, _ = live.traced(["unshare", "--pid", "--fork", live.program("bind_unused")], facts=path)
    records = live.parse(output)
    live.check_stream(records)
    facts = live.read_facts(path)
    life = live.by_sock(records)[str(facts["bound"])]
    equal([r["type"] for r in life], ["bind", "close"], "records")
    for record in life:
        equal(record["nspid"], 1, "nspid")
        check(record["pid"] != 1, "pid is the namespace's")
        equal(record["comm"], "idler", "comm")


def test_exec_changes_proc():
    """EXEC of proc tells the images of one process apart; PID and START stay."""
    code = ("import os, socket\n"
            "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()\n"
            "os.execv(%r, ['bind_unused'])" % live.program("bind_unused"))
    output, _ = live.traced(["python3", "-c", code], facts=live.new_path(".facts"))
    records = live.parse(output)
    live.check_stream(records)
    procs = [r["proc"].split(".") for r in records if r["type"] == "bind"]
    equal(len(procs), 2, "binds")
    equal(procs[0][:2], procs[1][:2], "PID and START")
    check(procs[0][2] != procs[1][2], "EXEC did not change: %r", procs)


def test_user_option():
    """--user runs CMD as that user."""
    run_uid = live.NOBODY
    output, _ = live.traced(["python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))"],
                            options=["--user", "nobody"])
    records = live.parse(output)
    live.check_stream(records)
    equal({r["uid"] for r in records if r["type"] in ("bind", "close")}, {run_uid}, "uid")


def test_released_by_exit():
    """A process that ends normally without closing: exit is true."""
    output, _ = live.traced(["python3", "-c", "import socket, os; s = socket.socket(); s.bind(('127.0.0.1', 0)); "
                             "os._exit(0)"])
    records = live.parse(output)
    live.check_stream(records)
    closes = [r for r in records if r["type"] == "close"]
    equal(len(closes), 1, "closes")
    equal(closes[0]["closed_by"].get("exit"), True, "exit")


def test_cgroup():
    """Every record with a process has its cgroup: the path and the id."""
    run = trigger("tcp_local_close")
    path, inode = live.cgroup2()
    for record in run.of(*live.SOCKET_TYPES):
        equal(record.get("cgroup"), path, "cgroup in %s" % json.dumps(record))
        if inode:
            equal(record.get("cgroup_id"), str(inode), "cgroup_id in %s" % json.dumps(record))
