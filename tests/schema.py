# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether a record is as docs/events.schema.json has it. valid() is quick: fastjsonschema, one validator a type, compiled
when the first record of it comes. thorough() is jsonschema, which knows all of the draft, and the schema itself is
checked first.
"""
import json
import os
import sys

# Debian's packages, where `python3` is another one than Debian's
sys.path.append("/usr/lib/python3/dist-packages")

SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs/events.schema.json")

_schema = None
_compiled = {}
_thorough = None


def _load():
    global _schema
    if _schema is None:
        with open(SCHEMA) as f:
            _schema = json.load(f)
    return _schema


def _message(record, why):
    return "not as docs/events.schema.json has it: %s in %s" % (why, json.dumps(record))


def valid(record):
    """Raises AssertionError."""
    import fastjsonschema
    schema = _load()
    kind = record.get("type")
    if kind not in _compiled:
        if kind not in schema["properties"]["type"]["enum"]:
            raise AssertionError(_message(record, "type %r" % (kind,)))
        _compiled[kind] = fastjsonschema.compile({"$ref": "#/$defs/" + kind, "$defs": schema["$defs"]})
    try:
        _compiled[kind](record)
    except fastjsonschema.JsonSchemaException as why:
        raise AssertionError(_message(record, why)) from None


def thorough(record):
    """Raises AssertionError."""
    global _thorough
    import jsonschema
    if _thorough is None:
        jsonschema.Draft202012Validator.check_schema(_load())
        _thorough = jsonschema.Draft202012Validator(_load())
    for why in _thorough.iter_errors(record):
        raise AssertionError(_message(record, why.message))
