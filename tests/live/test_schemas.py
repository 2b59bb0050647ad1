# SPDX-License-Identifier: GPL-2.0-or-later
"""
contrib/ecs.jq and contrib/ocsf.jq: every record that they make of a real log and of the golden traces is valid by what
tests/schemas/compile took from the schemas themselves, says what the record said, and none is left out that docs/schemas.md
does not name.
"""
import glob
import ipaddress
import json
import os
import re
import signal
import subprocess

import live
import logs
from live import check, equal

DROPPED = {"segment", "process", "seal"}    # what docs/schemas.md says has no event of its own


def schema(name):
    with open(os.path.join(live.TOP, "tests/schemas", name), encoding="utf-8") as f:
        return json.load(f)


def turned(program, lines):
    done = subprocess.run(["jq", "-nc", "-f", os.path.join(live.TOP, "contrib", program)], input=lines, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    equal((done.returncode, done.stderr), (0, b""), "exit and stderr of %s" % program)
    return [json.loads(line) for line in done.stdout.splitlines()]


def pairs(program, lines):
    """[(record, what it became)]"""
    records = [r for r in map(json.loads, lines.splitlines()) if r["type"] not in DROPPED]
    events = turned(program, lines)
    equal(len(events), len(records), "events of %s" % program)
    return list(zip(records, events))


# --- what the two schemas ask for ---

SCALARS = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool}


class Ocsf:
    def __init__(self):
        self.told = schema("ocsf.json")

    def event(self, event):
        uid = event["class_uid"]
        told = self.told["classes"][str(uid)]
        self.object(event, told, "class %d" % uid, skip={"class_uid", "category_uid"})
        equal(event["category_uid"], uid // 1000, "category_uid")
        equal(event["type_uid"], uid * 100 + event["activity_id"], "type_uid")
        equal((event["class_name"], event["category_name"]), (told["name"], told["category"]), "class and category")
        equal(event["metadata"]["version"], self.told["version"], "version")
        check(14e11 < event["time"] < 1e14, "time is not in milliseconds: %r", event["time"])

    def object(self, value, told, where, skip=()):
        check(isinstance(value, dict), "%s is %r", where, value)
        attributes = told["attributes"]
        for name, attribute in attributes.items():
            check(name in value or not attribute.get("required"), "%s lacks %s: %r", where, name, value)
        for name, item in value.items():
            check(name in attributes, "%s has no attribute %s", where, name)
            attribute, at = attributes[name], "%s.%s" % (where, name)
            check(isinstance(item, list) == bool(attribute.get("array")), "%s: %r", at, item)
            for one in item if isinstance(item, list) else [item]:
                self.value(one, attribute, at, name in skip)
            sibling = name[:-3] if name.endswith("_id") else None
            if sibling in value and value[name] != 99 and "enum" in attribute:
                equal(value[sibling], attribute["enum"][str(item)], "%s.%s" % (where, sibling))
        for group in told.get("constraints", {}).get("at_least_one", []) and [told["constraints"]["at_least_one"]]:
            check(set(group) & set(value), "%s has none of %r: %r", where, group, value)

    def value(self, value, attribute, where, any_number=False):
        kind = attribute["type"]
        if kind in SCALARS:
            check(type(value) is SCALARS[kind], "%s is %r, no %s", where, value, kind)
            check(any_number or "enum" not in attribute or str(value) in attribute["enum"], "%s: %r is none of its values", where, value)
            if where.endswith(".ip"):
                ipaddress.ip_address(value)
        elif kind in ("object", "json_t"):
            check(value is not None, "%s is null", where)
        else:
            check(kind in self.told["objects"], "%s: the object %s is not in ocsf.json", where, kind)
            self.object(value, self.told["objects"][kind], where)


class Ecs:
    def __init__(self):
        self.told = schema("ecs.json")

    def event(self, event):
        for name in ("@timestamp", "ecs", "event", "host"):
            check(name in event, "no %s: %r", name, event)
        equal(event["ecs"]["version"], self.told["version"], "ecs.version")
        self.fields({name: value for name, value in event.items() if name != "socklife"}, "")
        category, = event["event"]["category"]
        check(set(event["event"]["type"]) <= set(self.told["allowed"]["event.category"][category]),
              "event.type %r in category %s", event["event"]["type"], category)

    def fields(self, value, prefix):
        for name, item in value.items():
            path = prefix + name
            if isinstance(item, dict):
                self.fields(item, path + ".")
                continue
            check(path in self.told["fields"], "ECS has no field %s", path)
            kind = self.told["fields"][path]
            check(isinstance(item, list) == kind.endswith("[]"), "%s is %s: %r", path, kind, item)
            for one in item if isinstance(item, list) else [item]:
                self.scalar(one, kind.rstrip("[]"), path)

    def scalar(self, value, kind, path):
        if kind == "long":
            check(type(value) is int and -2**63 <= value < 2**63, "%s is %r", path, value)
        else:
            check(type(value) is str, "%s is %r", path, value)
        if kind == "ip":
            ipaddress.ip_address(value)
        if kind == "date":
            live.ns_of(value)
        allowed = self.told["allowed"].get(path)
        check(allowed is None or value in allowed, "%s: %r is none of its values", path, value)


# --- what became of a record ---

def leaves(value):
    if isinstance(value, dict):
        return {leaf for item in value.values() for leaf in leaves(item)}
    if isinstance(value, list):
        return {leaf for item in value for leaf in leaves(item)}
    return {str(value)}


ALREADY = {"v", "type", "proto", "family", "severity", "latency_us", "duration_us"}    # said in other words


def nothing_lost(record, event):
    """Each value of the record is somewhere in the event."""
    had = leaves({key: value for key, value in record.items() if key not in ALREADY})
    has = leaves(event)
    has |= {leaf.split(".", 1)[1] for leaf in has if leaf.startswith(record["boot"] + ".")}
    missing = {leaf for leaf in had - has if leaf not in ("0", "4294967295")}
    check(not missing, "of %r is missing %r", record, missing)


def ends_of(record):
    local = (record.get("laddr", record.get("req_addr")), record.get("lport", record.get("req_port")) or None)
    remote = (record.get("raddr"), record.get("rport"))
    return local, remote


def check_ends(record, source, destination):
    local, remote = ends_of(record)
    if record["type"] == "accept" or record.get("role") == "server":
        equal((source, destination), (remote, local), "ends of %r" % record)
    elif remote[0]:
        equal((source, destination), (local, remote), "ends of %r" % record)
    elif "sock" in record:
        equal((source, destination), ((None, None), local), "ends of %r" % record)


def check_ecs(record, event):
    end = lambda name: (event.get(name, {}).get("ip"), event.get(name, {}).get("port"))
    check_ends(record, end("source"), end("destination"))
    equal((event["@timestamp"], event["event"]["sequence"], event["event"]["action"]), (record["ts"], record["seq"], record["type"]), "who")
    equal(event.get("error", {}).get("code"), record.get("error"), "error.code")
    if "tx_bytes" in record:
        equal(event["network"]["bytes"], record["tx_bytes"] + record["rx_bytes"], "bytes")
        mine, others = ("destination", "source") if record["role"] == "server" else ("source", "destination")
        if "raddr" in record:
            equal((event[mine]["bytes"], event[others]["bytes"]), (record["tx_bytes"], record["rx_bytes"]), "bytes of both ends")
    if "proc" in record:
        equal((event["process"]["pid"], event["process"]["name"]), (record["pid"], record["comm"]), "process")
        check("executable" in event["process"] or "exe" not in record, "no executable: %r", event)


ACTIVITIES = {"bind": {99}, "listen": {7, 4}, "connect": {1, 4, 5}, "accept": {1, 4}, "peer": {1, 4}, "snapshot": {99}, "state": {99},
              "close": {2, 3, 4, 5}, "start": {3}, "stop": {4}, "lost": {99}, "clock": {99}}


def check_ocsf(record, event):
    if record["type"] == "finding":
        equal(event["activity_id"], {"open": 1, "update": 2, "closed": 3}[record["status"]], "activity_id")
        equal(event["severity_id"], {"info": 1, "warning": 3, "error": 4}[record["severity"]], "severity_id")
        equal(event["evidences"][0]["data"], {"evidence": record["evidence"], "holders": record["holders"]}, "evidence")
        check(event["finding_info"]["uid"].endswith("%s.%s" % (record["key"], record["first"])), "uid of %r", event)
        return
    check(event["activity_id"] in ACTIVITIES[record["type"]], "activity_id of %r is %d", record, event["activity_id"])
    if record["type"] in live.SOCKET_TYPES:
        end = lambda name: (event.get(name, {}).get("ip"), event.get(name, {}).get("port"))
        check_ends(record, end("src_endpoint"), end("dst_endpoint"))
        failed = "error" in record or record.get("abandoned") or event["activity_id"] in (4, 5)
        equal(event["status_id"], 2 if failed else 0 if record.get("reason") == "unknown" else 1, "status_id of %r" % record)
    equal(event["time"], live.ns_of(record["ts"]) // 10**6, "time")
    if "tx_bytes" in record and "raddr" in record:
        pair = (record["tx_bytes"], record["rx_bytes"])
        equal((event["traffic"]["bytes_out"], event["traffic"]["bytes_in"]), pair[::-1] if record["role"] == "server" else pair, "traffic")


def check_lines(lines):
    ecs, ocsf = Ecs(), Ocsf()
    for record, event in pairs("ecs.jq", lines):
        ecs.event(event)
        check_ecs(record, event)
        nothing_lost(record, event)
    for record, event in pairs("ocsf.jq", lines):
        ocsf.event(event)
        check_ocsf(record, event)
        nothing_lost(record, event)


def test_real_log():
    """Over a rotation: a process that only an earlier segment told first is told again."""
    live.need("jq")
    path = live.new_path(".log")
    with live.netns() as where:
        with logs.Recorder(path, "--netns", "/run/netns/%s" % where) as recorder:
            logs.flood(5, where)
            for name, args in (("bind_in_use", ("127.0.0.1", "127.0.0.1")), ("tcp6", ()), ("udp_peers", ("2",)), ("tcp_linger_reset", ())):
                live.run_alone(name, *args, prefix=["ip", "netns", "exec", where])
            recorder.process.send_signal(signal.SIGHUP)
            live.wait_for(lambda: len(logs.segments(path)) == 2, "second segment")
            logs.flood(2, where)
            recorder.stop()
    log = logs.Log(path)
    lines = b"".join(logs.read_bytes(name) for _, name in logs.segments(path))
    check_lines(lines)
    kinds = {r["type"] for r in log.records}
    check(kinds >= {"start", "stop", "finding", "connect", "accept", "close", "bind", "listen", "peer"}, "types: %r", kinds)
    executables = [event["process"].get("executable") for record, event in pairs("ecs.jq", lines) if "proc" in record]
    check(executables and all(executables), "a process without its program: %r", executables)


def test_golden():
    """Also hostile names and --states; and made up, since no trigger has them: losses, a step of the clock, a bound of types."""
    live.need("jq")
    texts = []
    for name in sorted(glob.glob(os.path.join(live.TOP, "tests/golden/*.json"))):
        with open(name, "rb") as f:
            texts.append(f.read())
    head = re.match(rb'\{"v":1,"seq":1,("ts":.*?),"type"', texts[0])[1]
    made = b"".join(b'{"v":1,"seq":%d,%s,"type":%s}\n' % (at, head, rest) for at, rest in enumerate((
        b'"lost","reason":"ring","count":7,"from":"2026-11-23T06:08:10.707459005Z","to":"2026-11-23T06:08:11.707459005Z"',
        b'"clock","step_us":-5000000',
        b'"accept","sock":"18446744073709551615","proto":"tcp","family":"ipv6","mapped":true,"laddr":"127.0.0.1","lport":80,'
        b'"state":"LISTEN","netns":1,"netns_cookie":"1","error":"EMFILE"',
        b'"snapshot","sock":"5","proto":"mptcp","family":"ipv6","laddr":"::1","lport":65535,"raddr":"::1","rport":1,'
        b'"state":"ESTABLISHED","netns":1,"netns_cookie":"1"',
        b'"close","sock":"5","proto":"tcp","family":"ipv4","state":"CLOSE","netns":1,"netns_cookie":"1","role":"idle",'
        b'"ended":"2026-11-23T06:08:11.707459005Z","duration_us":0,"reason":"unused"'), 1))
    for line in made.splitlines():
        live.schema.valid(json.loads(line))
    check_lines(b"".join(texts) + made)
    hostile = made.replace(b'"host":"golden"', b'"host":"a_b \\u001b[31m"')
    check_lines(hostile)
    check("hostname" not in turned("ocsf.jq", hostile)[0]["device"], "a host name that OCSF does not allow")


def test_unknown():
    """A record of a later version stops both, with its number: nothing is left out silently."""
    live.need("jq")
    for program in ("ecs.jq", "ocsf.jq"):
        for line in (b'{"v":2,"seq":12,"type":"close"}\n', b'{"v":1,"seq":12,"type":"dance"}\n'):
            done = subprocess.run(["jq", "-nc", "-f", os.path.join(live.TOP, "contrib", program)], input=line, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            check(done.returncode and b"seq 12" in done.stderr and not done.stdout, "%s of %r: %r", program, line, done)
    with open(os.path.join(live.TOP, "docs/events.schema.json"), encoding="utf-8") as f:
        types = json.load(f)["properties"]["type"]["enum"]
    with open(os.path.join(live.TOP, "docs/schemas.md"), encoding="utf-8") as f:
        told = set(re.findall(r"`([a-z]+)`", "".join(line.split("|")[1] for line in f if line.startswith("| `"))))
    check(set(types) <= told, "docs/schemas.md does not say what becomes of %r", set(types) - told)
