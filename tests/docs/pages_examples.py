# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in the pages: socklife takes their options and values, jq runs on real records."""
import functools
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from common import Failed, Skipped


def commands_of(path):
    """Lines of .Dl and of literal blocks as a shell would get them, those that go on joined."""
    lines, literal = [], False
    with open(path, encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith((".Bd", ".Ed")):
                literal = line.startswith(".Bd")
                lines.append("")
            elif literal:
                lines.append(line)
            elif line.startswith(".Dl "):
                lines += ["", line[4:]]
            else:
                lines.append("")
    text = "\n".join(lines)
    for source, means in (("\\&", ""), ("\\-", "-"), ("\\(dq", '"'), ("\\e", "\\")):
        text = text.replace(source, means)
    return re.sub(r" *(\\\n|\n(?= +[|\"'\[])) *", " ", text)


def words_of(line):
    """The words of one socklife command, without what the shell does with it, and what is explained beside it."""
    words = []
    for word in shlex.split(re.split(r"[|;&<>]|\s{2,}", line)[0], comments=True):
        # A name in /run/netns must be there to be taken.
        if words and words[-1] == "--netns" and "/" not in word:
            word = "/proc/self/ns/net"
        words.append(word)
    return words


def taken(program, path):
    """Each with --help behind its options: a wrong one is told before that."""
    for line in re.findall(r"^[#$] (socklife .*)$", commands_of(path), re.M):
        words = words_of(line)[1:]
        end = words.index("--") if "--" in words else len(words)
        run = subprocess.run([program, *words[:end], "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60)
        if run.returncode:
            raise Failed(f"{path}: '{line}': {run.stderr.strip()}")


def jq_runs():
    """Those of socklife-json(5), on the records of all golden captures."""
    if not shutil.which("jq"):
        raise Skipped("no jq")
    examples = re.findall(r"^jq .*$", commands_of("man/socklife-json.5"), re.M)
    if len(examples) < 4:
        raise Failed(f"only {len(examples)} examples were found")
    with tempfile.TemporaryDirectory(prefix="socklife-docs-") as where:
        with open(f"{where}/t.json", "wb") as out:
            for path in sorted(glob.glob("tests/golden/*.json")):
                with open(path, "rb") as f:
                    out.write(f.read())
        for example in examples:
            run = subprocess.run(["bash", "-c", example], cwd=where, capture_output=True, text=True, timeout=60)
            if run.returncode or not run.stdout:
                raise Failed(f"'{example}': {run.stderr.strip() or 'prints nothing'}")


def tests(program):
    for path in sorted(glob.glob("man/*.[1-8]")):
        yield f"examples.{os.path.basename(path)}", functools.partial(taken, program, path)
    yield "examples.jq", jq_runs
