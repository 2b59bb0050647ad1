# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets from before socklife started: connections on either end, inherited ones, and those still in a queue."""
import contextlib
import os
import subprocess
import sys
import time

import live
from live import ABSENT, TIME, check, equal

HOLD = """
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
print(flush=True)
sys.stdin.readline()
"""
CONNECT = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 999), backlog=200)
held = [socket.create_connection(("127.0.0.1", 999)) for _ in range(int(sys.argv[1]))]
held += [listener.accept() for _ in list(held)]
print(flush=True)
sys.stdin.readline()
"""
STATES = {"nobody": ("ESTABLISHED", "ESTABLISHED"), "client": ("FIN_WAIT2", "CLOSE_WAIT"),
          "server": ("CLOSE_WAIT", "FIN_WAIT2")}


def old_connection(sent, answered, port, fin):
    """Both ends have a snapshot with the state, and a close with the role and the exact counts."""
    with live.Held(sent, answered, port, fin, name="before") as held:
        with live.Tracer() as tracer:
            for name in ("client", "child", "listener"):
                live.wait_for(lambda: tracer.has(type="snapshot", sock=str(held.facts[name])), "snapshot of " + name)
            held.release()
            for name in ("client", "child", "listener"):
                live.wait_for(lambda: tracer.has(type="close", sock=str(held.facts[name])), "close of " + name)
    run = live.Run(tracer.records, held.facts)
    sent += 2 * (fin != "client")
    answered += 2 * (fin != "server")
    client_first = fin != "server"
    for name, who, role, state, tx, rx, first in (
            ("client", "client", "client", STATES[fin][0], sent, answered, client_first),
            ("child", "server", "server", STATES[fin][1], answered, sent, not client_first)):
        pid = {"pid": run.facts[who + "_pid"], "comm": who}
        run.life(name, run.ends(name),
                 {"type": "snapshot", "state": state, "fd": run.facts[name + "_fd"], **pid},
                 {"type": "close", "role": role, "reason": "local-close" if first else "remote-close",
                  "time_wait": True if first else ABSENT, "tx_bytes": tx, "rx_bytes": rx, "unacked_bytes": ABSENT,
                  "unread_bytes": ABSENT, "released": TIME, "ended": TIME, "closed_by": pid, **pid})


def test_connection():
    for sent, answered in ((0, 0), (40, 30), (0, 1), (1, 0), (300000, 7)):
        old_connection(sent, answered, "free", "nobody")


def test_connection_from_bound_port():
    for fin in ("nobody", "client", "server"):
        old_connection(40, 30, "bound", fin)
    old_connection(0, 0, "bound", "nobody")


def test_fin_before_start():
    for fin in ("client", "server"):
        for sent, answered in ((40, 30), (0, 0), (100000, 0), (0, 100000)):
            old_connection(sent, answered, "free", fin)


def test_inherited():
    """-p WORKER: what the worker shares with its parent, whose lower pid is found first, is told for the worker."""
    with live.Held(name="inherit") as held:
        check(held.facts["server_pid"] < held.facts["worker_pid"], "the worker has the lower pid")
        with live.Tracer("-p", str(held.facts["worker_pid"])) as tracer:
            for name in ("listener", "child"):
                live.wait_for(lambda: tracer.has(type="snapshot", sock=str(held.facts[name])), "snapshot of " + name)
            held.release()
            for name in ("listener", "child"):
                live.wait_for(lambda: tracer.has(type="close", sock=str(held.facts[name])), "close of " + name)
    equal(set(tracer.socks), {str(held.facts[name]) for name in ("listener", "child")}, "sockets")
    worker = held.facts["worker_pid"]
    for name, role in (("listener", "listener"), ("child", "server")):
        life = tracer.socks[str(held.facts[name])]
        equal([r["type"] for r in life], ["snapshot", "close"], "records of " + name)
        equal((life[0]["pid"], life[0]["comm"]), (worker, "worker"), "who has the snapshot of " + name)
        equal((life[1]["pid"], life[1]["closed_by"]["pid"]), (worker, worker), "who closed " + name)
        equal(life[1]["role"], role, "role of " + name)


def queued(*options, fin=False):
    """
    Accepted after the start, out of an old listener's queue: an accept record, and its close. Returns the tracer, the
    child's records, and the facts.
    """
    with live.Held(*["fin"] * fin, name="queued") as held:
        options = [str(o).format(**held.facts) for o in options]
        with live.Tracer(*options) as tracer:
            listener = str(held.facts["listener"])
            live.wait_for(lambda: tracer.has(type="snapshot", sock=listener), "snapshot of the listener")
            held.line("accepted")
            ends = {"lport": held.facts["listener_lport"], "rport": held.facts["client_lport"]}
            live.wait_for(lambda: tracer.has(type="accept", **ends), "accept of the child")
            held.release()
            live.wait_for(lambda: tracer.has(type="close", **ends), "close of the child")
            live.wait_for(lambda: tracer.has(type="close", sock=listener), "close of the listener")
    lives = [life for life in tracer.socks.values() if life[-1].get("lport") == ends["lport"]
             and life[-1].get("rport") == ends["rport"]]
    equal(len(lives), 1, "sockets that the child has been")
    life, server = lives[0], held.facts["server_pid"]
    equal([r["type"] for r in life], ["accept", "close"], "records")
    for record in life:
        equal((record["pid"], record["comm"]), (server, "server"), "who in %s" % record["type"])
    end = life[1]
    equal((end["role"], end["reason"], end["tx_bytes"], end["rx_bytes"]), ("server", "remote-close", 0, 10), "the close")
    return tracer, life, held.facts


def test_queued():
    queued()


def test_queued_with_filter():
    queued("-p", "{server_pid}")
    queued("--lport", "{listener_lport}")


def test_queued_with_filter_of_others():
    """Nothing where the filters leave out who accepted it, or the connection."""
    for options in (["--comm", "nobody-has-it"], ["--port", "1"], ["--laddr", "::1"], ["--netns", "1"],
                    ["--pid", str(os.getpid())]):
        with live.Held(name="queued") as held:
            with live.Tracer(*options) as tracer:
                held.line("accepted")
                held.release()
        equal([r["type"] for r in tracer.records], ["start", "stop"], "records with %r" % options)


def test_queued_and_ended_by_peer():
    """Its peer's FIN comes while it is queued, after the start."""
    queued(fin=True)


def test_queued_and_closed_at_once():
    """Its end comes before anything else that would find it."""
    with live.Held(name="queued") as held:
        with live.Tracer() as tracer:
            listener = str(held.facts["listener"])
            live.wait_for(lambda: tracer.has(type="snapshot", sock=listener), "snapshot of the listener")
            held.release()
            live.wait_for(lambda: tracer.has(type="close", sock=listener), "close of the listener")
            time.sleep(1.2)
    ends = {"lport": held.facts["listener_lport"], "rport": held.facts["client_lport"]}
    check(tracer.has(type="accept", **ends) and tracer.has(type="close", **ends), "it is not told of")


@contextlib.contextmanager
def holding(code, n, where=None):
    """A process with n sockets, which ends when a line is written to it."""
    command = [sys.executable, "-c", code, str(n)]
    with subprocess.Popen(live.in_netns(where, *command) if where else command, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, preexec_fn=live.die_with_parent) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def told(tracer, pid, kind):
    return sum(r["type"] == kind and r.get("pid") == pid for r in tracer.written())


def test_more_than_one_read():
    """The kernel's buffer has room for some 150 of them: the one that finds none is shown again."""
    with holding(HOLD, 700) as process, live.Tracer() as tracer:
        live.wait_for(lambda: told(tracer, process.pid, "snapshot") == 700, "700 snapshots")
        process.communicate("\n")
        live.wait_for(lambda: told(tracer, process.pid, "close") == 700, "700 closes")


def test_question_in_the_middle():
    """A finding about the first half asks who has the ports, which is another pass: the second half is told all the same."""
    with live.netns(net__ipv4__ip_local_port_range="40000 40099") as where:
        with holding(CONNECT, 85, where), holding(HOLD, 400) as process, live.Tracer() as tracer:
            live.wait_for(lambda: tracer.has(type="finding", finding="ephemeral_pressure"), "the finding")
            live.wait_for(lambda: told(tracer, process.pid, "snapshot") == 400, "400 snapshots")
            process.communicate("\n")
            live.wait_for(lambda: told(tracer, process.pid, "close") == 400, "400 closes")


def test_not_after_a_loss():
    """--no-snapshot: a loss tells of what was new, and not of what was there before."""
    with holding(HOLD, 20) as process:
        with live.Tracer("--no-snapshot", "--ring-size", "4K", lost=("ring",)) as tracer:
            with holding(HOLD, 300) as other:
                live.wait_for(lambda: tracer.has(type="lost", reason="ring"), "a loss", 20)
                live.wait_for(lambda: told(tracer, other.pid, "snapshot"), "a snapshot of the new ones")
    equal(told(tracer, process.pid, "snapshot"), 0, "snapshots of the old ones")
