# SPDX-License-Identifier: GPL-2.0-or-later
"""verify and keygen on logs that are made here, without socklife: whole ones, and each kind of wrong."""
import fcntl
import gzip
import json
import os
import random
import subprocess

import audit
import live
from live import check, equal, socklife

LINES = 16    # of a segment of audit.sample(), the last has one more
KEY = bytes(range(32))


def verify(path, *options, status=None, **run):
    """The object of --json. Text says the same kind, and the exit code fits."""
    done = socklife("verify", "--json", *options, path, **run)
    result = json.loads(done.stdout)
    text = socklife("verify", *options, path, **run)
    expected = status if status is not None else 0 if result["ok"] else 4
    equal((done.returncode, text.returncode), (expected, expected), "exits (%s)" % text.stderr.decode())
    equal(result["ok"], result["kind"] == "whole", "ok and kind")
    if expected != 1:
        words = {"cut": "cut off"}.get(result["kind"], result["kind"].replace("-", " "))
        check(text.stdout.decode().startswith(words + (", " if result["ok"] else ": ")), "text: %r", text.stdout)
    result["text"] = text.stdout.decode()
    return result


def wrong(result, kind, segment=None, line=None, seq=None):
    name = result.get("file") and os.path.basename(result["file"]).split(".")[0][-1:]
    equal((result["kind"], name and int(name), result.get("line"), result.get("seq")), (kind, segment, line, seq),
          "wrong (%s)" % result["message"])
    check("line %d" % line in result["text"], "the text does not name the line: %r", result["text"])


def whole_log(log, *options, **fields):
    result = verify(log.write(live.new_path(".log")), *options)
    equal(result["kind"], "whole", "kind (%s)" % result.get("message"))
    for name, value in fields.items():
        equal(result[name], value, name)
    return result


def key_file(key=KEY):
    path = live.new_path(".key")
    with open(path, "w") as f:
        f.write("socklife-key 1 1 %s\n" % key.hex())
    return path


# --- whole ---

def test_whole():
    """Its seals are computed by hashlib and hmac: verify agrees with the document."""
    log = audit.sample()
    result = whole_log(log, records=log.seq, segments=3, seals=9, head=log.head, unsealed=0, running=False,
                       stopped=True, first_segment=1)
    equal((result["from"][-4:], result["to"][-4:]), ("001Z", "%03dZ" % log.seq), "times")
    check(result["text"].startswith("whole, %d records, 3 segments, from %s to %s, head %s\n" %
                                    (log.seq, result["from"], result["to"], log.head)), "text: %r", result["text"])
    check("without a key" in result["text"], "not said that only hashes were checked: %r", result["text"])
    log = audit.sample(KEY)
    equal(len(whole_log(log, "--key", key_file(), key_checked=True)["text"].splitlines()), 1, "lines with the key")
    check("give --key" in whole_log(log, key_checked=False)["text"], "not said that it is sealed with a key")


def test_gzip_and_stdin():
    log = audit.sample(KEY)
    path = log.write(live.new_path(".log"), packed=(1, 2))
    equal(verify(path, "--key", key_file())["records"], log.seq, "records, gzip")
    names = sorted(os.path.join(path, name) for name in os.listdir(path))
    done = socklife("verify", "--json", "--key", key_file(), *reversed(names))
    equal(json.loads(done.stdout)["records"], log.seq, "records, files in any order")
    for number, name in enumerate(names):
        result = verify(name, "--key", key_file())
        equal((result["kind"], result["segments"], result["first_segment"]), ("whole", 1, number + 1), name)
    for packed in (False, True):
        data = b"".join(b"".join(lines) for lines in log.segments)
        done = subprocess.run([live.binary(), "verify", "--json", "-"], input=gzip.compress(data) if packed else data,
                              stdout=subprocess.PIPE, timeout=live.PATIENCE)
        equal((done.returncode, json.loads(done.stdout)["records"]), (0, log.seq), "stdin")


def test_running():
    """Whoever holds the lock still writes: what is not sealed is no fault then."""
    log = audit.Log()
    log.segment()
    log.seal()
    log.binds(3)
    path = log.write(live.new_path(".log"))
    with open(os.path.join(path, "socklife-000001.ndjson"), "ab") as f:
        f.write(b'{"v":1,"seq":6')
    with open(os.path.join(path, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = verify(path)
        equal((result["kind"], result["records"], result["unsealed"], result["running"]), ("whole", 2, 3, True),
              "while it is locked")
    result = verify(path)
    wrong(result, "cut", 1, 6)
    equal((result["records"], result["unsealed"]), (2, 3), "what is whole, and what is not sealed")


def test_running_elsewhere():
    """The recorder writes to the last segment only: an earlier one that lacks its end is cut, locked or not."""
    log = audit.Log()
    for _ in range(2):
        log.segment()
        log.binds(2)
        log.seal()
    path = log.write(live.new_path(".log"))
    first, last = (os.path.join(path, "socklife-%06d.ndjson" % number) for number in (1, 2))
    with open(os.path.join(path, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = verify(last)
        equal((result["kind"], result["running"]), ("whole", True), "the last one")
        equal(verify(first)["kind"], "cut", "the first one")


def test_retention():
    log = audit.Log()
    for _ in range(2):
        log.segment()
        log.binds(2)
        log.seal(end=True)
    log.segment()
    log.record("lost", reason="retention", count=8, last_segment=2)
    log.stop()
    path = log.write(live.new_path(".log"))
    for number in (1, 2):
        os.unlink(os.path.join(path, "socklife-%06d.ndjson" % number))
    result = verify(path)
    equal((result["kind"], result["first_segment"]), ("whole", 3), "kind and first segment")
    check("  segments 1 to 2 were removed by retention\n" in result["text"], "text: %r", result["text"])
    name = os.path.join(log.write(live.new_path(".log")), "socklife-000002.ndjson")
    check("  segment 1 was not looked at\n" in verify(name)["text"], "text of a single file")


def test_crash():
    """A recorder that was killed and started again: whole, and verify says how often that was."""
    log = audit.Log()
    log.segment()
    log.binds(3)
    log.seal(end=True)
    for _ in range(2):
        log.segment()
        log.record("lost", reason="crash", count=0)
        log.seal(end=True)
    log.segment()
    log.stop()
    result = whole_log(log, crashes=2)
    check("  the recorder ended without a stop 2 times: " in result["text"], "text: %r", result["text"])


# --- each kind of wrong ---

def tampered(change, *options, key=None):
    log = audit.sample(key)
    change(log.segments)
    return verify(log.write(live.new_path(".log")), *options)


def test_changed():
    def change(segments):
        segments[1][9] = segments[1][9].replace(b"127.0.0.1", b"127.0.0.2")
    for key, options in ((None, ()), (KEY, ()), (KEY, ("--key", key_file()))):
        result = tampered(change, *options, key=key)
        wrong(result, "changed", 2, 8, LINES + 8)
        equal(result["records"], LINES + 7, "records before it")
        check("line 12" in result["message"], "the seal is not named: %r", result["message"])


def test_removed():
    wrong(tampered(lambda s: s[1].pop(2)), "removed", 2, 3, LINES + 3)
    wrong(tampered(lambda s: s[1].__delitem__(slice(7, 12))), "removed", 2, 8, LINES + 8)
    wrong(tampered(lambda s: s[0].__delitem__(slice(0, 2))), "removed", 1, 1, 3)
    wrong(tampered(lambda s: s[0].pop()), "removed", 2, 1, LINES)


def test_inserted():
    wrong(tampered(lambda s: s[1].insert(4, s[1][2])), "inserted", 2, 5, LINES + 3)
    wrong(tampered(lambda s: s[1].insert(4, b"\xff\x00junk\n")), "inserted", 2, 5)
    wrong(tampered(lambda s: s[2].append(s[2][2].replace(b'"seq":35', b'"seq":50'))), "inserted", 3, LINES + 2, 50)


def test_reordered():
    def swap(segments):
        segments[1][2], segments[1][4] = segments[1][4], segments[1][2]
    wrong(tampered(swap), "reordered", 2, 3, LINES + 5)
    wrong(tampered(lambda s: s[2].insert(1, s[1].pop(2))), "reordered", 2, 3, LINES + 4)
    check(tampered(lambda s: s.reverse())["kind"] in ("reordered", "removed"), "segments in reverse")


def test_cut():
    wrong(tampered(lambda s: s[2].pop()), "cut", 3, LINES, 3 * LINES)
    wrong(tampered(lambda s: s[2].__delitem__(slice(12, 17))), "cut", 3, 12, 2 * LINES + 12)
    wrong(tampered(lambda s: s.pop()), "cut", 2, LINES, 2 * LINES)
    result = tampered(lambda s: s[2].__setitem__(slice(9, 17), [s[2][9][:50]]))
    wrong(result, "cut", 3, 10)
    equal((result["records"], result["unsealed"]), (2 * LINES + 7, 2), "what is whole, and what is not sealed")


def test_segment_missing():
    for number in (1, 2):
        path = audit.sample().write(live.new_path(".log"))
        os.unlink(os.path.join(path, "socklife-%06d.ndjson" % number))
        wrong(verify(path), "segment-missing", number + 1, 1, LINES + 1)


def test_wrong_key():
    path = key_file()
    wrong(tampered(lambda s: None, "--key", path, key=bytes(32)), "wrong-key", 1, 7, 7)
    wrong(tampered(lambda s: None, "--key", path), "wrong-key", 1, 7, 7)


def test_sealed_anew_with_a_stolen_key():
    """Whoever takes the machine has the key of seal 5, drops seals 3 and 4, and goes on from seal 2."""
    log = audit.Log(KEY)
    log.segment()
    for _ in range(2):
        log.binds(2)
        log.seal()
    key = log.key
    for _ in range(2):
        key = audit.hmac.new(key, audit.LABEL, "sha256").digest()
    log.key, log.index = key, 5
    log.stop()
    path = log.write(live.new_path(".log"))
    wrong(verify(path, "--key", key_file()), "removed", 1, 9, 9)


def test_rolled_back():
    old, new = audit.sample(), audit.sample()
    new.segment()
    new.stop()
    path = old.write(live.new_path(".log"))
    equal(verify(path, "--head", old.head)["kind"], "whole", "its own head")
    for head in (new.head, audit.ZEROS):
        wrong(verify(path, "--head", head), "rolled-back", 3, LINES + 1, 3 * LINES + 1)
    result = verify(new.write(live.new_path(".log")), "--head", old.head)
    equal((result["kind"], result["seals_after_head"]), ("whole", 1), "an earlier head")


# --- what is no log at all ---

def test_bytes_changed():
    """Single bytes, through the program; tests/unit/test_verify.c does 30 000."""
    chance = random.Random(1)
    path = audit.sample(KEY).write(live.new_path(".log"))
    names = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    key = key_file()
    for _ in range(100):
        name = chance.choice(names)
        with open(name, "r+b") as f:
            data = f.read()
            at = chance.randrange(len(data))
            f.seek(at)
            f.write(bytes([data[at] ^ chance.randrange(1, 256)]))
            f.flush()
            done = socklife("verify", "--key", key, path)
            equal(done.returncode, 4, "exit after byte %d of %s (%s)" % (at, name, done.stdout.decode()))
            f.seek(at)
            f.write(data[at:at + 1])
    equal(socklife("verify", "--key", key, path).returncode, 0, "exit after all were mended")


def test_damaged_gzip():
    log = audit.sample()
    path = log.write(live.new_path(".log"), packed=(1, 2, 3))
    name = os.path.join(path, "socklife-000002.ndjson.gz")
    with open(name, "rb") as f:
        data = f.read()
    for content, kind in ((data[:-5], "cut"), (data[:len(data) // 2], "cut"), (data + b"junk", "changed"),
                          (data[:-6] + b"xx" + data[-4:], "changed")):
        with open(name, "wb") as f:
            f.write(content)
        result = verify(path)
        equal((result["kind"], os.path.basename(result["file"])), (kind, "socklife-000002.ndjson.gz"), "verdict")
        check("gzip" in result["message"], "message: %r", result["message"])


def test_long_lines_and_junk():
    for junk in (b"x" * (10 << 20) + b"\n", b"x" * (17 << 20) + b"\n", os.urandom(1 << 20) + b"\n", b"\0" * 4096 + b"\n"):
        result = tampered(lambda s, j=junk: s[1].insert(4, j))
        equal((result["kind"], result["line"]), ("inserted", 5), "verdict (%s)" % result["message"])
    check(tampered(lambda s: s[2].append(os.urandom(4096)))["kind"] in ("cut", "changed"), "junk at the end")


def test_foreign():
    path = audit.sample().write(live.new_path(".log"))
    for name in ("notes.txt", "socklife-000002.torn-1", "socklife-1.ndjson", "lock", ".temporary"):
        with open(os.path.join(path, name), "w") as f:
            f.write("not a record")
    done = socklife("verify", path)
    equal(done.returncode, 0, "exit")
    for name in ("notes.txt", "socklife-000002.torn-1", "socklife-1.ndjson"):
        equal(done.stderr.decode().count("%s: not part of the log" % name), 1, "%s is named" % name)
    equal(len(done.stderr.splitlines()), 3, "lines on stderr")


def test_not_a_log():
    path = live.new_path(".ndjson")
    for content, kind in ((b"", "cut"), (b'{"v":2,"seq":1}\n', "version"), (b"hello\n", "changed"), (b"{", "cut"),
                          (open(live.binary(), "rb").read(1 << 20), "changed")):
        with open(path, "wb") as f:
            f.write(content)
        result = verify(path)
        equal(result["kind"], kind, "kind of %r" % content[:20])
    check("version 2" in verify_message(b'{"v":2,"seq":1}\n'), "the version is not named")


def verify_message(content):
    path = live.new_path(".ndjson")
    with open(path, "wb") as f:
        f.write(content)
    return verify(path)["message"]


def test_unreadable():
    path = audit.sample().write(live.new_path(".log"))
    name = os.path.join(path, "socklife-000002.ndjson")
    os.chmod(name, 0)
    for directory in (live.tmp(), path):
        os.chmod(directory, 0o755)
    live.need("setpriv")
    done = live.sh("setpriv", "--reuid", str(live.NOBODY), "--clear-groups", live.binary(), "verify", path,
                   check_rc=False)
    equal(done.returncode, 1, "exit (%s)" % done.stderr)
    check(name in done.stderr and "EACCES" in done.stderr, "stderr: %r", done.stderr)
    empty = live.new_path(".empty")
    os.mkdir(empty)
    for arguments, word in (((empty,), "without segments"), (("/nonexistent/log",), "ENOENT"),
                            (("--key", "/nonexistent/key", path), "ENOENT"), (("--key", "/dev/null", path), "keygen")):
        done = socklife("verify", *arguments)
        equal((done.returncode, done.stdout), (1, b""), "exit and stdout of %r" % (arguments,))
        check(word in done.stderr.decode(), "stderr: %r", done.stderr)
    equal(verify(empty, status=1)["kind"], "unreadable", "kind")
    for arguments in ((), (path, empty), ("--head", "abc", path)):
        equal(socklife("verify", *arguments).returncode, 2, "exit of verify %r" % (arguments,))


def test_hostile_names():
    path = live.new_path("\x1b[31m\n\xff.ndjson".encode("latin1").decode("utf-8", "surrogateescape"))
    with open(path, "w") as f:
        f.write("{")
    for options in ((), ("--json",)):
        done = socklife("verify", *options, path)
        equal(done.returncode, 4, "exit")
        check(not any(byte < 32 and byte != 10 for byte in done.stdout), "control bytes: %r", done.stdout)
        done.stdout.decode("utf-8")


# --- keygen ---

def test_keygen():
    path = live.new_path(".keys")
    done = socklife("keygen", path)
    equal(done.returncode, 0, "exit (%s)" % done.stderr.decode())
    names = [os.path.join(path, name) for name in ("start.key", "verify.key")]
    equal(sorted(os.listdir(path)), ["start.key", "verify.key"], "files")
    for name in names:
        equal(os.stat(name).st_mode & 0o7777, 0o600, "mode of %s" % name)
        check(name in done.stdout.decode(), "%s is not told: %r", name, done.stdout)
    equal(audit.read_key(names[0]), audit.read_key(names[1]), "the two at first")
    index, key = audit.read_key(names[1])
    equal(index, 1, "index")
    whole_log(audit.sample(key), "--key", names[1], key_checked=True)
    before = [audit.read_key(name) for name in names]
    equal(socklife("keygen", path).returncode, 5, "exit where both are")
    equal([audit.read_key(name) for name in names], before, "keys that were there")
    os.unlink(names[0])
    equal(socklife("keygen", path).returncode, 5, "exit where one is")
    equal(os.listdir(path), ["verify.key"], "files")
    os.unlink(names[1])
    os.symlink(live.new_path(".target"), names[0])
    equal(socklife("keygen", path).returncode, 5, "exit where a link is")
    check(not os.path.exists(os.readlink(names[0])), "the link was followed")
    equal(socklife("keygen", "/nonexistent/dir/keys").returncode, 5, "exit where there is no directory")
