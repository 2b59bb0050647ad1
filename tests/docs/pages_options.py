# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the commands and of the findings: commands, options, defaults, exit codes, severities, evidence."""
import functools
import glob
import os
import re
import shutil
import subprocess

import mdoc
import tables
from common import Failed, Skipped, page, same

SHARED = {tables.SOCKETS: "Which sockets", tables.RECORDS: "Which records", tables.EVERYWHERE: "OPTIONS"}
NO_PAGE = {"help", "version"}  # socklife(8) explains them


def lint(path):
    if not shutil.which("mandoc"):
        raise Skipped("no mandoc")
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "style", path], capture_output=True, text=True, timeout=60)
    # Whether other manuals are installed is a matter of this host; socklife's own are checked by references().
    said = [line for line in run.stdout.splitlines() if "referenced manual not found" not in line]
    if said:
        raise Failed(said[0] + (f" (and {len(said) - 1} more)" if len(said) > 1 else ""))


def option_items(section):
    return {item.names[-1]: item for item in section.items if item.macro == "Fl"}


def compare_option(where, item, option):
    expected = ([f"-{option.letter}"] if option.letter else []) + [f"--{option.name}"]
    if item.names != expected or item.arg != option.arg:
        raise Failed(f"{where}: '{' '.join(item.names)} {item.arg}' is '{' '.join(expected)} {option.arg}' in the help")
    told = re.search(r"Default: (.*?)\.?$", item.text())
    told = told.group(1) if told else ""
    if told != option.default:
        raise Failed(f"{where}: the default of --{option.name} is '{option.default}' in the help, not '{told}'")


def compare_options(where, section, options):
    items = option_items(section)
    same(where, items, [f"--{o.name}" for o in options])
    for option in options:
        compare_option(where, items[f"--{option.name}"], option)


def shared_options(program):
    """socklife(8) has those that many commands take."""
    main = page("socklife.8")
    for title, heading in SHARED.items():
        takers = {}
        for command in tables.commands(program):
            for option in tables.options(program, command):
                if option.section == title:
                    takers.setdefault(option.name, option)
        compare_options(f"socklife(8), {heading}", main[heading], list(takers.values()))


def command_options(program, command):
    """A command's page has the rest, and says which of the shared ones it takes."""
    own = [o for o in tables.options(program, command) if o.section not in SHARED]
    sections = {o.section for o in tables.options(program, command)}
    manual = page(f"socklife-{command}.8")
    compare_options(f"socklife-{command}(8)", manual["OPTIONS"], own)
    text = mdoc.plain(manual["OPTIONS"].lines)
    if "socklife 8" not in text:
        raise Failed(f"socklife-{command}(8) does not say that socklife(8) has more options")
    if (tables.SOCKETS in sections) != ("FILTER OPTIONS" in text):
        raise Failed(f"socklife-{command}(8) and its help differ in whether it takes filters")
    records_too = "Filters that choose records are not taken" not in text
    if tables.SOCKETS in sections and (tables.RECORDS in sections) != records_too:
        raise Failed(f"socklife-{command}(8) and its help differ in whether filters choose records")


def synopsis(program, command):
    """What the synopsis names is an option; with a help of the same synopsis, it names the same."""
    manual = page(f"socklife-{command}.8")
    known = {f"-{o.letter}" for o in tables.options(program, command)}
    known |= {f"--{o.name}" for o in tables.options(program, command)} | {"--"}
    lines = tables.help_page(program, command)
    usage = " ".join(lines[:lines.index("")])
    named = [n for n in mdoc.marked(manual["SYNOPSIS"].lines, "Fl")]
    if "--" in usage.split() or "[--" in usage.split():
        named.append("--")
    same(f"the synopsis of socklife-{command}(8)", named, re.findall(r"(?<=[\s\[])--?[a-z-]*(?=[\s\]])", usage))
    unknown = set(named) - known
    if unknown:
        raise Failed(f"the synopsis of socklife-{command}(8) has {' '.join(unknown)}, which is no option")


def command_list(program):
    """socklife(8) and the pages against the table of commands."""
    commands = tables.commands(program)
    same("socklife(8)", [i.names[0] for i in page("socklife.8")["DESCRIPTION"].items if i.macro == "Cm"], commands)
    pages = {re.match(r"socklife-(.*)\.8", os.path.basename(p)).group(1) for p in glob.glob("man/socklife-*.8")}
    same("man/", pages, set(commands) - NO_PAGE)


def exit_status(program):
    same("socklife(8), EXIT STATUS", [i.names[0] for i in page("socklife.8")["EXIT STATUS"].items],
         [str(n) for n in tables.exit_codes(program)])


def references():
    """Every .Xr to one of socklife's pages has its page, with that section."""
    pages = {os.path.basename(p) for p in glob.glob("man/*.[1-8]")}
    for path in sorted(glob.glob("man/*.[1-8]")):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for name, section in re.findall(r"^\.Xr (socklife\S*) (\d)", text, re.M):
            if f"{name}.{section}" not in pages:
                raise Failed(f"{path}: refers to {name}({section}), which is not there")


# --- findings -----------------------------------------------------------------------------------

def markdown_rows(text):
    """Rows of tables by the title in their first column."""
    rows, title = {}, None
    for line in text.splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not cells:
            title = None
        elif title is None:
            title = cells[0]
        elif not set(cells[0]) <= set("-: "):
            rows.setdefault(title, []).append(cells)
    return rows


def finding_texts():
    """docs/findings.md by finding."""
    with open("docs/findings.md", encoding="utf-8") as f:
        text = f.read()
    return dict(re.findall(r"^## ([a-z_]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))


def finding_list(program):
    findings = tables.findings(program)
    manual = page("socklife-findings.7")
    titles = list(manual)
    titles = titles[titles.index("FINDINGS") + 1:titles.index("SEE ALSO")]
    same("socklife-findings(7)", titles, findings)
    for name, (severity, _) in findings.items():
        told = re.match(r"Severity (\w+)\.", mdoc.plain(manual[name].lines))
        if not told or told.group(1) != severity:
            raise Failed(f"socklife-findings(7): {name} is of severity {severity}")
    with open("docs/findings.md", encoding="utf-8") as f:
        rows = markdown_rows(f.read())["finding"]
    same("docs/findings.md", [f"{r[0].strip('`')}/{r[1]}" for r in rows],
         [f"{name}/{severity}" for name, (severity, _) in findings.items()])


def source(*paths):
    text = ""
    for path in paths:
        with open(path, encoding="utf-8") as f:
            text += f.read()
    return text


def evidence_in_source(name, evidence):
    """What the detector writes is documented; what is documented stands in the source."""
    own = source(f"src/detect/{name}.c")
    undocumented = set(re.findall(r'\bfinding__\w+\([^;"]*?"([a-z_]+)"', own)) - set(evidence)
    if undocumented:
        raise Failed(f"docs/findings.md, {name} lacks {' '.join(sorted(undocumented))}, which the detector writes")
    everywhere = own + source("src/ephemeral.c", "src/finding.c", "src/sink/json.c", "src/json_fields.c")
    for key in evidence:
        # tcp_established and its like are made of the names of states
        if f'"{key}"' not in everywhere and not key.startswith("tcp_"):
            raise Failed(f"docs/findings.md, {name} has {key}, which the source does not write")


def finding_details(program, name):
    """Evidence, and the words that a rule, a cause or a cure can be, as docs/findings.md and the program tell them."""
    section = page("socklife-findings.7")[name]
    text = finding_texts()[name]
    rows = markdown_rows(text.split("### evidence")[1].split("### holders")[0])["key"]
    evidence = [key for row in rows for key in re.findall(r"`(\w+)`", row[0])]
    paged = [key for item in section.items if item.macro == "Va" for key in item.names if key != "..."]
    same(f"socklife-findings(7), {name}", paged, evidence, "docs/findings.md")
    evidence_in_source(name, evidence)
    help_text = tables.findings(program)[name][1]
    listed = markdown_rows(text)
    choices = [row[0].strip("`") for title in ("rule", "cause", "cure") for row in listed.get(title, [])]
    same(f"socklife-findings(7), {name}", [i.names[0] for i in section.items if i.macro == "Cm"], choices,
         "docs/findings.md")
    for title in ("rule", "cause", "cure"):
        told = re.search(rf"\b{title}(?: \(beside evidence\))?: ([^;]*)", help_text)
        if told and title in listed:  # one finding's can be those of another
            same(f"docs/findings.md, {name}, {title}", [row[0].strip("`") for row in listed[title]],
                 re.split(r", | or ", told.group(1)))


def tests(program):
    commands = [c for c in tables.commands(program) if c not in NO_PAGE]
    for path in sorted(glob.glob("man/*.[1-8]")):
        yield f"lint.{os.path.basename(path)}", functools.partial(lint, path)
    yield "commands", functools.partial(command_list, program)
    yield "exit_status", functools.partial(exit_status, program)
    yield "references", references
    yield "options.shared", functools.partial(shared_options, program)
    for command in commands:
        yield f"options.{command}", functools.partial(command_options, program, command)
        yield f"synopsis.{command}", functools.partial(synopsis, program, command)
    yield "findings", functools.partial(finding_list, program)
    for name in tables.findings(program):
        yield f"findings.{name}", functools.partial(finding_details, program, name)
