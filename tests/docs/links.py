# SPDX-License-Identifier: GPL-2.0-or-later
"""README.md and docs/*.md: every relative link and anchor is there, and so is each message of exit code 3 in docs/troubleshooting.md."""
import functools
import glob
import os
import re

from common import Failed, same

# Who ends with exit code 3 prints a `struct tracer_error`, but for check, whose last line says it.
EXITS_3 = {"src/live.c", "src/cmd_ports.c", "src/cmd_check.c"}
MESSAGE = re.compile(r'(?:WHY\(\s*(?:why|&h->why)|snprintf\(\s*why->text,\s*sizeof\(why->text\)),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
CONVERSION = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z)?[a-zA-Z]")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def prose(path):
    """Without fenced blocks: nothing in them is a link or a heading."""
    return re.sub(r"^```.*?^```$", "", read(path), flags=re.M | re.S)


def anchors(path):
    """As GitHub makes them of headings; a heading that is there before gets a number."""
    found = {}
    for heading in re.findall(r"^#+ +(.+?) *$", prose(path), re.M):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if not n else f"{slug}-{n}" for slug, last in found.items() for n in range(last + 1)}


def links(path):
    wrong = []
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    for link in re.findall(r"\]\(([^()\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(target):
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target):
            wrong.append(f"{link}: no such heading")
    if wrong:
        raise Failed("; ".join(wrong))


def linked_from_readme():
    same("README.md", re.findall(r"\]\((docs/[\w-]+\.md)", prose("README.md")), glob.glob("docs/*.md"), "docs/")


def plain(message):
    """What changes in a message is `...`, once."""
    return re.sub(r"(?:\.\.\.)+", "...", message)


def exit_3():
    sources = {path: read(path) for path in glob.glob("src/**/*.[ch]", recursive=True)}
    same("the list of who exits with 3", EXITS_3, {path for path, text in sources.items() if path.endswith(".c") and "EXIT_CANNOT_RUN" in text})
    messages = set()
    for text in (text for text in sources.values() if "struct tracer_error *why" in text):
        for literals in MESSAGE.findall(text):
            message = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
            messages.add(plain(CONVERSION.sub("...", message)))
    if len(messages) < 15:
        raise Failed(f"only {len(messages)} messages were found in the source")
    section = re.search(r"^## It cannot run.*?(?=^### check)", read("docs/troubleshooting.md"), re.M | re.S)[0]
    documented = {plain(" ".join(m.split())) for m in re.findall(r"\*\*(.+?)\*\*", section, re.S)}
    wrong = [f"lacks '{m}'" for m in sorted(messages - documented)] + [f"has '{m}', which no source has" for m in
                                                                      sorted(documented - messages)]
    if wrong:
        raise Failed("docs/troubleshooting.md " + "; ".join(wrong))


def tests(_program):
    for path in ["README.md", *sorted(glob.glob("docs/*.md")), "tests/README.md"]:
        yield f"links.{path}", functools.partial(links, path)
    yield "links.from_readme", linked_from_readme
    yield "messages.exit_3", exit_3
