# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether a record is as docs/events.schema.json has it, or one of ports as docs/ports.schema.json. valid() is quick:
fastjsonschema, one validator a type, compiled when the first record of it comes. thorough() is jsonschema, which knows
all of the draft, and the schema itself is checked first.
"""
import json
import os
import sys

# Debian's packages, where `python3` is another one than Debian's
sys.path.append("/usr/lib/python3/dist-packages")

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
EVENTS, PORTS = "events.schema.json", "ports.schema.json"

_schemas = {}
_compiled = {}
_thorough = {}


def _load(name):
    if name not in _schemas:
        with open(os.path.join(DOCS, name)) as f:
            _schemas[name] = json.load(f)
    return _schemas[name]


def _message(record, name, why):
    return "not as docs/%s has it: %s in %s" % (name, why, json.dumps(record))


def _definition(schema, kind):
    """Where the record of this type is described; None: there is no such type."""
    for row in schema["allOf"]:
        if row["if"]["properties"]["type"]["const"] == kind:
            return row["then"]["$ref"]
    return None


def _validator(name, kind):
    import fastjsonschema
    if (name, kind) not in _compiled:
        schema = _load(name)
        definition = _definition(schema, kind)
        if definition is None:
            return None
        _compiled[name, kind] = fastjsonschema.compile({"$ref": definition, "$defs": schema["$defs"]})
    return _compiled[name, kind]


def compile_all():
    """Now rather than in each process that is forked off."""
    for row in _load(EVENTS)["allOf"]:
        _validator(EVENTS, row["if"]["properties"]["type"]["const"])


def valid(record, name=EVENTS):
    """Raises AssertionError."""
    import fastjsonschema
    kind = record.get("type")
    validator = _validator(name, kind)
    if validator is None:
        raise AssertionError(_message(record, name, "type %r" % (kind,)))
    try:
        validator(record)
    except fastjsonschema.JsonSchemaException as why:
        raise AssertionError(_message(record, name, why)) from None


def thorough(record, name=EVENTS):
    """Raises AssertionError."""
    import jsonschema
    if name not in _thorough:
        jsonschema.Draft202012Validator.check_schema(_load(name))
        _thorough[name] = jsonschema.Draft202012Validator(_load(name))
    for why in _thorough[name].iter_errors(record):
        raise AssertionError(_message(record, name, why.message))
