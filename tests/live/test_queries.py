# SPDX-License-Identifier: GPL-2.0-or-later
"""
docs/queries.md: each answer, by jq and by SQL, as it stands there, on a real log: both say the same, and what the load did.
"""
import gzip
import os
import re
import shutil
import subprocess

import live
import logs
import workload
from live import check, equal


def sections():
    """[(title, [the shell blocks])] of docs/queries.md"""
    with open(os.path.join(live.TOP, "docs/queries.md"), encoding="utf-8") as f:
        parts = re.split(r"^## ", f.read(), flags=re.M)
    return [(part.split("\n")[0], re.findall(r"^```sh\n(.*?)^```", part, re.S | re.M)) for part in parts[1:]]


class Shell:
    """A shell in which contrib/queries/queries.sh was read, with these variables."""

    def __init__(self, **variables):
        self.env = dict(os.environ, DB=live.new_path(".db"), LC_ALL="C.UTF-8", **variables)
        self.run("load")

    def run(self, command, **variables):
        done = subprocess.run(["sh", "-c", ". contrib/queries/queries.sh\n" + command], cwd=live.TOP,
                              env=dict(self.env, **variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal((done.returncode, done.stderr), (0, b""), "exit and stderr of %s" % command)
        return done.stdout

    def ask(self, number, **variables):
        """The rows of one question, which jq and SQL agree on."""
        title, (by_jq, by_sql) = sections()[number - 1]
        check(title.startswith("%d. " % number), "the section %d is %r", number, title)
        by_jq, by_sql = self.run(by_jq, **variables), self.run(by_sql, **variables)
        equal(by_sql.decode(), by_jq.decode(), "the answer by SQL to %s" % title)
        return [line.split("\t") for line in by_jq.decode().splitlines()]


def answers(shell, log, story):
    """What the load knows of each question."""
    pid = {name: str(number) for name, number in story.pids.items()}
    starts = [r["ts"] for r in log.of("start")]
    rows = shell.ask(1)
    equal([row[:2] for row in rows if row[0] != "log"],
          [["lost", "crash"], ["not recorded", "no stop"], ["not recorded", "stop"]], "what is missing")
    equal([row[3] for row in rows[2:]], [starts[2], starts[1]], "when recording went on")
    equal(rows[0][2:], [log.records[0]["ts"], log.records[-1]["ts"], str(len(log.records))], "the log")

    rows = shell.ask(2)
    equal([row[2:] for row in rows], [["tcp", "0.0.0.0", "7070", "old", pid["old"]], ["tcp", "0.0.0.0", "8080", "web", pid["web"]],
                                      ["tcp", "::", "8081", "web", pid["web"]], ["tcp", "0.0.0.0", "6060", "web", pid["web"]]], "listeners")
    closed = next(r["ended"] for r in log.of("close") if r.get("lport") == 8081)
    equal([row[1] for row in rows], ["", "", closed, starts[1]], "until when they listened")
    equal(len(shell.ask(2, FROM=story.third)), 2, "listeners of the third run")
    equal(len(shell.ask(2, TO=story.begin)), 0, "listeners before it all")

    equal(shell.ask(3), [["listening", "tcp", "0.0.0.0", "web", pid["web"], "1"],
                         ["connected", "tcp", "127.0.0.1", "web", pid["web"], "3"]], "who held the port")
    equal(shell.ask(3, AT=story.begin), [], "who held it before")
    programs = {os.path.basename(row[0]): row[1] for row in shell.ask(4)}
    equal(programs, {os.path.basename(os.readlink("/proc/self/exe")): "46", "newtool": "5"}, "short connections")

    wanted = [["deploy", "0.0.0.0:8080", "tcp", "EADDRINUSE", "4"], ["deploy", "198.51.100.1:80", "tcp", "EADDRNOTAVAIL", "1"]]
    equal([row[:5] for row in shell.ask(5, FROM=story.deployed)], wanted, "what failed to bind")
    equal(shell.ask(5, FROM=story.rotated), [], "what failed to bind later")
    talkers = {tuple(row[:2]): row[2:] for row in shell.ask(6)}
    equal(talkers["batch", "127.0.0.1"], ["46", "3900", "39000"], "bytes of batch")
    equal(talkers["web", "127.0.0.1"][2], "3900", "bytes that web received")
    equal({row[0]: row[1] for row in shell.ask(7) if row[0][-4:] in ("8080", "9090")},
          {"127.0.0.1:8080": "39", "127.0.0.1:9090": "10"}, "connects that succeeded")
    equal([row[:4] for row in shell.ask(8)], [["batch", "127.0.0.1:4444", "ECONNREFUSED", "7"],
                                              ["batch", "198.18.0.2:99", "abandoned", "3"]], "connects that failed")
    equal([row[:5] for row in shell.ask(9)], [["batch", "198.18.0.2:99", "tcp", "3", "3"]], "connects to the network")
    equal(len(shell.ask(9, CIDR="127.0.0.1/32")), 5, "connects within the host")

    life = [row[2] for row in shell.ask(10)]
    equal({kind: life.count(kind) for kind in ("process", "connect", "close", "peer", "snapshot")},
          {"process": 1, "connect": 49, "close": 50, "peer": 1, "snapshot": 0}, "records of batch")
    held = {tuple(row[:4]) for row in shell.ask(11)}
    equal(held, {("batch", "client", "127.0.0.1:8080", "34"), ("web", "server", "127.0.0.1:9090", "10")}, "TIME_WAIT")
    equal([row[1] for row in shell.ask(12, FROM=story.third)], [story.tool], "new programs")
    equal(sorted((row[2], row[4], row[5], row[6]) for row in shell.ask(13)),
          [("address_not_local", "closed", "1", "deploy"), ("connect_failing", "closed", "7", "batch"),
           ("port_conflict", "closed", "4", "deploy")], "findings")
    check(["9090", "web", "10"] in [row[:3] for row in shell.ask(14)], "the listener that keeps waiting is not told")
    again = shell.ask(15)
    equal([row[:3] for row in again], [["127.0.0.1:8080", "39", "1"]], "where segments were sent again")
    check(int(again[0][3]) >= 1, "sent again: %r", again)
    resets = shell.ask(16)
    for row in (["local-reset", "batch", "127.0.0.1", "8080", "5"], ["remote-reset", "web", "127.0.0.1", "8080", "5"]):
        check(row in resets, "no %r in %r", row, resets)
    equal(sorted(row for row in shell.ask(17) if row[1] != "median us" and "server" not in row[2] and "client" not in row[2]),
          [["changed", "failed %", "batch to 127.0.0.1:8080/tcp", "0", "50"],
           ["changed", "finding", "connect_failing of batch", "1", "2"],
           ["gone", "destination", "batch to 127.0.0.1:4444/tcp", "7", ""],
           ["gone", "destination", "batch to 127.0.0.1:53/udp", "1", ""],
           ["gone", "destination", "batch to 198.18.0.2:99/tcp", "3", ""],
           ["gone", "destination", "web to 127.0.0.1:9090/tcp", "10", ""],
           ["gone", "finding", "port_conflict of deploy", "1", ""],
           ["gone", "listener", "web on 0.0.0.0:6060/tcp", "1", ""],
           ["gone", "listener", "web on :::8081/tcp", "1", ""],
           ["new", "destination", "batch to 127.0.0.1:5555/tcp", "", "10"],
           ["new", "listener", "web on 127.0.0.1:5050/tcp", "", "1"]], "what changed")


def wrong_times(shell, story):
    equal(shell.ask(5, FROM=story.begin + "Z"), shell.ask(5), "with and without the Z")
    for time in ("2026-11-22T18:00:00+01:00", "2026-11-22T18:00:00-08:00", "yesterday", "1'2"):
        for command in ("ask empty", "sql </dev/null"):
            done = subprocess.run(["sh", "-c", ". contrib/queries/queries.sh; " + command], cwd=live.TOP, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=dict(shell.env, TO=time))
            check(done.returncode == 2 and time.encode() in done.stderr, "%s with TO=%s: %r", command, time, done)


def unquiet(shell, before, log):
    """A segment that is being packed, a half line at the end, a line that is missing."""
    other = live.new_path(".log")
    shutil.copytree(before, other)
    packed = next(path for _, path in logs.segments(other) if path.endswith(".gz"))
    with gzip.open(packed, "rb") as f, open(packed[:-3], "wb") as out:
        shutil.copyfileobj(f, out)
    with open(logs.segments(other)[-1][1], "ab") as f:
        f.write(b'{"v":1,"seq":999999,"ts":"2026-11-')
    lines = shell.run("log")
    equal(lines.count(b"\n"), len(log.records), "lines of the log")
    check(shell.run("log", LOG=other) == lines, "a segment twice or a half line make a difference")
    less = live.new_path(".ndjson")
    with open(less, "wb") as f:
        f.write(b"".join(line + b"\n" for at, line in enumerate(lines.split(b"\n")[:-1]) if at not in (20, 21)))
    variables = {"LOG": less, "DB": live.new_path(".db")}
    shell.run("load", **variables)
    rows = [row for row in shell.ask(1, **variables) if row[0] == "missing"]
    equal([row[4] for row in rows], ["2"], "records that are missing")


def test_answers():
    live.need("jq", "sqlite3", "nft")
    before, after, story = workload.record()
    log = logs.Log(before)
    equal([number for number, path in logs.segments(before) if path.endswith(".gz")][:1], [1], "packed segments")
    shell = Shell(LOG=before, BEFORE=before, AFTER=after, FROM=story.begin, TO=story.end, AT=story.rotated, PORT="8080",
                  ID=str(story.pids["batch"]), CIDR="198.18.0.0/15", SHORT_MS="60000")
    answers(shell, log, story)
    wrong_times(shell, story)
    unquiet(shell, before, log)


def test_hostile_names():
    """Of the golden traces: names with control characters, tabs and newlines make no line more, and reach no terminal."""
    live.need("jq", "sqlite3")
    titles = [title for title, blocks in sections() if blocks]
    equal([title.split(".")[0] for title in titles], [str(n) for n in range(1, 18)], "questions")
    path = os.path.join(live.TOP, "tests/golden/hostile_name.json")
    shell = Shell(LOG=path, BEFORE=path, AFTER=path, SHORT_MS="60000")
    text = shell.run("log") + shell.run("ask 'inputs | [comm, .exe, .args // []] | flatten[] // \"\"'")
    check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\\[bfnrt]|\\u00[01]", text), "control characters: %r", text)
    for number in range(1, 18):
        widths = {len(row) for row in shell.ask(number)}
        check(len(widths) < 2, "rows of question %d have %r columns", number, widths)
