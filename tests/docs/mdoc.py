# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of mdoc(7) as the pages in man/ use: sections, list items, text without markup."""
import re
from dataclasses import dataclass, field

MACROS = {"Cm", "Va", "Ar", "Fl", "Pa", "Li", "Ql", "Sq", "Pq", "Er", "Dv", "Ev", "Xr", "Sx", "Nm", "Em", "Ic", "No",
          "Ns", "Pf", "Op"}


@dataclass
class Item:
    macro: str  # the first macro of its tag: Fl, Va, Cm
    names: list  # of the tag, without markup: ["-p", "--pid"]
    arg: str
    body: list = field(default_factory=list)  # lines

    def text(self):
        return plain(self.body)

    def marked(self, *macros):
        return marked(self.body, *macros)


@dataclass
class Section:
    title: str
    lines: list = field(default_factory=list)
    items: list = field(default_factory=list)


def words(line):
    return [w.replace("\\&", "") for w in line.lstrip(".").split()]


def flag(macro, word):
    return "-" + word if macro == "Fl" else word


def plain(lines):
    """The text of lines of source, in one line."""
    out = ""
    for line in lines:
        if line.startswith('.\\"') or line in (".Pp", ".El", ".Ed") or line.startswith((".Bl", ".Bd")):
            continue
        macro = None
        tokens = words(line) if line.startswith(".") else [line.replace("\\&", "")]
        for token in tokens:
            if line.startswith(".") and token in MACROS:
                macro = token
                continue
            glue = "" if not out or token in (",", ".", ";", ":", ")", "!", "?") else " "
            out += glue + flag(macro, token)
    return out


def marked(lines, *macros):
    """The words in these macros."""
    found = []
    for line in lines:
        if not line.startswith("."):
            continue
        macro = None
        for token in words(line):
            if token in MACROS:
                macro = token
            elif macro in macros and re.search(r"\w", token):
                found.append(flag(macro, token))
    return found


def tag(line):
    """An .It line: `.It Fl p , Fl -pid Ar N[,N]`, `.It Va laddr , lport`."""
    item, macro = Item("", [], ""), None
    for token in words(line)[1:]:
        if token in MACROS:
            macro = token
            item.macro = item.macro or macro
        elif macro == "Ar":
            item.arg += token
        elif token != ",":
            item.names.append(flag(macro, token))
    return item


def read(path):
    """Sections and subsections by title, in order; items of nested lists belong to their section too."""
    sections, lists = {}, []
    section = None
    with open(path, encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith((".Sh ", ".Ss ")):
                section = sections[line[4:].replace("\\&", "")] = Section(line[4:].replace("\\&", ""))
                continue
            if section is None:
                continue
            section.lines.append(line)
            if line.startswith(".Bl"):
                lists.append(None)
            elif line.startswith(".El"):
                lists.pop()
            elif line.startswith(".It") and lists:
                lists[-1] = tag(line)
                section.items.append(lists[-1])
            elif lists and lists[-1]:
                for item in lists:
                    if item:
                        item.body.append(line)
    return sections
