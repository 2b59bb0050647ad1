# SPDX-License-Identifier: GPL-2.0-or-later
"""socklife-json(5) against docs/*.schema.json and the source of the objects that have no schema."""
import functools
import glob
import json
import re
import subprocess

import mdoc
from common import Failed, page, same

# Sections whose fields others have too: `.Sx` in a type's section.
GROUPS = ("Every record", "Socket fields", "Process fields", "Event fields")
# Objects without a schema: what writes them.
SOURCES = {"report": ["report_json.c", "report_life.c", "report_finding.c"], "verify": ["cmd_verify.c"],
           "check": ["cmd_check.c"]}


def schema(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)["$defs"]


def resolve(defs, value):
    """A property with what its $ref says."""
    if "$ref" in value:
        value = {**defs[value["$ref"].split("/")[-1]], **value}
    return value


def inner(defs, value):
    """The property names of an object, or of the objects in an array; and the values of an enum."""
    value = resolve(defs, value)
    if "items" in value:
        value = resolve(defs, value["items"])
    return set(value.get("properties", {})), set(value.get("enum", []))


def fields_of(manual, title):
    """Field -> its item: those of the section, and of the groups that it names by `.Sx`."""
    section = manual[title]
    fields = {name: item for item in section.items if item.macro == "Va" for name in item.names}
    for group in GROUPS:
        if any(line.startswith(f".Sx {group}") for line in section.lines):
            fields = {**{name: item for item in manual[group].items for name in item.names}, **fields}
    return fields


def record_type(path, manual, title, name):
    """A type's fields both ways; of each field the names inside it, and its values."""
    defs = schema(path)
    properties = defs[name]["properties"]
    fields = fields_of(manual, title)
    same(f"socklife-json(5), {title}", fields, properties, path)
    for field, value in properties.items():
        names, values = inner(defs, value)
        text = mdoc.plain(fields[field].body)
        missing = [w for w in sorted(names | values) if not re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", text)]
        if missing and not re.search(r"\b[Aa]s (in|ss)\b|by the names of", text):  # told elsewhere
            raise Failed(f"socklife-json(5), {title}: {field} can have {' '.join(missing)} in {path}, which it does not say")


def types(path, manual, prefix):
    defs = schema(path)
    types = {d["properties"]["type"]["const"]: name for name, d in defs.items()
             if "const" in d.get("properties", {}).get("type", {})}
    first, last = ("RECORDS OF PORTS", "OBJECTS") if prefix else ("Event fields", "RECORDS OF PORTS")
    titles = list(manual)
    titles = titles[titles.index(first) + 1:titles.index(last)]
    same("socklife-json(5)", titles, [prefix + t for t in types], path)
    return types


def lost_reasons():
    """The table in src/record.c."""
    with open("src/record.c", encoding="utf-8") as f:
        table = re.search(r"lost_names\[.*?\{(.*?)\n\};", f.read(), re.S).group(1)
    items = [i.names[0] for i in page("socklife-json.5")["lost"].items if i.macro == "Cm"]
    same("socklife-json(5), lost", items, re.findall(r'"([a-z_-]+)"', table), "src/record.c")


def keys_in(value):
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys_in(v)}
    if isinstance(value, list):
        return {k for v in value for k in keys_in(v)}
    return set()


def output(program, *args):
    run = subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return json.loads(run.stdout)


def named(title):
    """What a section calls a key: its items, and what it marks so in their text."""
    section = page("socklife-json.5")[title]
    return {n for i in section.items for n in i.names} | set(mdoc.marked(section.lines, "Cm", "Va"))


def object_of(title, *outputs):
    """
    Every key of real output is on the page, every key that the source writes too (but for the HTML page), and
    every field of the page is a key in the source.
    """
    # Names that the report counts, such as those of events, are data.
    data = {"bind", "listen", "connect", "accept", "close", "snapshot", "process", "start", "stop", "finding", "peer",
            "state", "lost", "clock", "segment", "seal"}
    for value in outputs:
        missing = keys_in(value) - named(title) - data
        if missing:
            raise Failed(f"socklife-json(5), {title} lacks {' '.join(sorted(missing))}")
    source = ""
    for name in SOURCES[title]:
        with open(f"src/{name}", encoding="utf-8") as f:
            source += re.sub(r"/\* --- the page --- \*/.*?^void ", "", f.read(), flags=re.S | re.M)
    for item in page("socklife-json.5")[title].items:
        for name in item.names:
            if f'"{name}"' not in source and f'\\"{name}\\"' not in source:
                raise Failed(f"socklife-json(5), {title} has {name}, which {' '.join(SOURCES[title])} does not write")
    written = set(re.findall(r'(?:json__put_\w+|json__key|put_\w+)\(b, "(\w+)"', source))
    written |= set(re.findall(r'\\"(\w+)\\":', source))
    missing = written - named(title) - data
    if missing:
        raise Failed(f"socklife-json(5), {title} lacks {' '.join(sorted(missing))}, which the source writes")


def report(program):
    logs = sorted(glob.glob("tests/golden/*.json"))
    object_of("report", output(program, "report", "--json", *logs))


def verify(program):
    object_of("verify", output(program, "verify", "--json", "tests/golden/bind_in_use.json"))


def check():
    """Its source alone: it needs privileges to print all."""
    object_of("check")


def tests(program):
    manual = page("socklife-json.5")
    for path, prefix in (("docs/events.schema.json", ""), ("docs/ports.schema.json", "ports: ")):
        yield f"json.types.{path}", functools.partial(types, path, manual, prefix)
        for name, definition in schema(path).items():
            kind = definition.get("properties", {}).get("type", {}).get("const")
            if kind:
                yield f"json.{prefix.replace(': ', '.')}{kind}", functools.partial(
                    record_type, path, manual, prefix + kind, name)
    yield "json.lost.reasons", lost_reasons
    yield "json.report", functools.partial(report, program)
    yield "json.verify", functools.partial(verify, program)
    yield "json.check", check
