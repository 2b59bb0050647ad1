# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of --metrics share: a client, and a strict reader of OpenMetrics that uses nothing of socklife's."""
import re
import socket
import urllib.error
import urllib.request

import live
from live import check, equal

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
META = re.compile(r"^# (TYPE|UNIT|HELP) ([a-z_]+) (.*)$")
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\d+(?:\.\d+)?)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path="/metrics", accept=None, address="127.0.0.1"):
    """(status, content type, body)"""
    request = urllib.request.Request("http://%s:%d%s" % (address, port, path),
                                     headers={"Accept": accept} if accept else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=live.PATIENCE) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode("utf-8")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode("utf-8")


def labels_of(text, line):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        check(match, "labels of %r", line)
        check(match[1] not in labels, "a label twice: %r", line)
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
    return labels


class Scrape:
    """`families`: name to type. `samples`: (name, sorted labels) to value."""

    def __init__(self, text):
        self.text, self.families, self.samples = text, {}, {}
        check(text.endswith("\n# EOF\n"), "the end is %r", text[-80:])
        family = told = None
        for line in text.split("\n")[:-2]:
            meta = META.match(line)
            if meta and meta[1] == "TYPE":
                check(meta[2] not in self.families, "a family twice: %r", line)
                family, told = meta[2], []
                self.families[family] = meta[3]
            if meta:
                equal(meta[2], family, "family of %r" % line)
                check(meta[1] not in told, "twice: %r", line)
                told.append(meta[1])
                check(meta[1] != "UNIT" or family.endswith("_" + meta[3]), "the unit is not in the name: %r", line)
                continue
            self.add(line, family)
        self.check_histograms()

    def add(self, line, family):
        match = SAMPLE.match(line)
        check(match and family, "no sample: %r", line)
        check(match[1] in [family + s for s in SUFFIXES[self.families[family]]], "not of %s: %r", family, line)
        key = (match[1], tuple(sorted(labels_of(match[2] or "", line).items())))
        check(key not in self.samples, "a series twice: %r", line)
        self.samples[key] = float(match[3])

    def check_histograms(self):
        for family in [name for name, kind in self.families.items() if kind == "histogram"]:
            series = {}
            for (name, labels), value in self.samples.items():
                if name == family + "_bucket":
                    rest = tuple(pair for pair in labels if pair[0] != "le")
                    series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
            check(series, "no buckets of %s", family)
            for labels, buckets in series.items():
                equal(buckets, sorted(buckets), "buckets of %s" % family)
                values = [value for _, value in buckets]
                equal(values, sorted(values), "counts of %s" % family)
                equal(values[-1], self.samples[(family + "_count", labels)], "count of %s" % family)
                check((family + "_sum", labels) in self.samples, "no sum of %s", family)

    def value(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def all(self, name):
        """[(labels, value)]"""
        return [(dict(labels), value) for (have, labels), value in self.samples.items() if have == name]


def scrape(port):
    status, kind, text = get(port, accept="application/openmetrics-text")
    equal((status, kind), (200, OPENMETRICS), "answer to a scrape")
    return Scrape(text)


def until(port, what, test):
    """Scrapes until it is so; the scrape."""
    def look():
        found = scrape(port)
        return found if test(found) else None
    return live.wait_for(look, what)
