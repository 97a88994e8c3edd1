# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Whether records of Kafka, and lines of MQTT, are what schema/ says of them. Needs Debian's python3-jsonschema."""
import json
import warnings

import broker as brokers

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMAS = brokers.ROOT / "schema"


def validator(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # in newer versions; Debian's knows no other way
        resolver = jsonschema.RefResolver(base_uri=f"{SCHEMAS.as_uri()}/", referrer=schema)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def is_there():
    assert jsonschema is not None, "python3-jsonschema is missing: scripts/install-dependencies test"


def is_good(component, line):
    """By a component of asyncapi.json."""
    is_there()
    components = json.loads((SCHEMAS / "asyncapi.json").read_text())["components"]
    schema = {"$ref": f"#/components/schemas/{component}", "components": components}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(line)


def check(name, records):
    """Each of them, and there has to be one."""
    is_there()
    assert records
    against = validator(name)
    for record in records:
        against.validate({"key": record.chat, "headers": record.headers, "value": record.value})


def refuses(name, record, **changes):
    """So that the schema says something: with these members of the value it is not good."""
    value = {key: value for key, value in {**record.value, **changes}.items() if value is not None}
    return not validator(name).is_valid({"key": record.chat, "headers": record.headers, "value": value})
