# SPDX-License-Identifier: GPL-2.0-or-later
"""The program's tables of commands, options and findings, as `socklife help` prints them."""
import re
import subprocess
from dataclasses import dataclass

# Titles of the help's sections that are the same options in every command.
SOCKETS = "Which sockets (all that is given must match)"
RECORDS = "Which of their records"
EVERYWHERE = "Everywhere"
HELP_COLUMN = 30  # src/options.c


@dataclass
class Option:
    section: str
    letter: str  # "" where it has none
    name: str
    arg: str  # "": takes none
    help: str
    default: str  # "": none is told


def help_page(program, topic=""):
    """The lines of one page; raises where the program has none."""
    run = subprocess.run([program, "help"] + ([topic] if topic else []), stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise RuntimeError(f"help {topic}: {run.stderr.strip()}")
    return run.stdout.splitlines()


def commands(program):
    """Names and summaries, in the order of the table."""
    text = "\n".join(help_page(program))
    block = text.split("\nCommands:\n")[1].split("\n\n")[0]
    block = re.sub(r"\n {12}(?=\S)", " ", block)  # where a summary was broken
    return dict(re.findall(r"^  (\S+) +(.*)$", block, re.M))


def exit_codes(program):
    text = "\n".join(help_page(program))
    return [int(n) for n in re.findall(r"^  (\d)  ", text.split("\nExit codes")[1], re.M)]


OPTION = re.compile(r"^  (?:-(\S), |    )--([a-z0-9-]+)(?: (\S+))?(?: +(.*))?$")


def options(program, command):
    """The options of one command, in the order of its help."""
    found, section = [], None
    for line in help_page(program, command):
        option = OPTION.match(line)
        if re.match(r"^\S.*:$", line):
            section = line[:-1]
        elif option and section:
            letter, name, arg, text = option.groups(default="")
            if option.start(3) >= HELP_COLUMN:  # a name so long that its text follows after one space
                arg, text = "", f"{arg} {text}"
            found.append(Option(section, letter, name, arg, text, ""))
        elif found and line.startswith(" " * HELP_COLUMN):
            found[-1].help += " " + line.strip()
    for option in found:
        told = re.match(r"(.*?) ?\[default: (.*)\]$", option.help.strip())
        if told:
            option.help, option.default = told.groups()
        option.help = option.help.strip()
    return found


def findings(program):
    """Name -> (severity, what stands below it)."""
    text = "\n".join(help_page(program, "findings")) + "\n"
    blocks = re.findall(r"^(\w+) \((\w+)\)\n((?:  .*\n)*)", text, re.M)
    return {name: (severity, " ".join(body.split())) for name, severity, body in blocks}
