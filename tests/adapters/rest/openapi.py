"""Just enough YAML and JSON Schema to hold our messages against `specs/openapi/streaming.yaml`.

No YAML library is among the dependencies. The file is kept to what is read here: block mappings and
lists, plain or single-quoted scalars, and lists written as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from mnstream.core.values import Json

FILE = Path(__file__).parents[3] / "specs" / "openapi" / "streaming.yaml"
KEYWORDS = {
    *("$ref", "additionalProperties", "description", "discriminator", "enum", "format", "items"),
    *("minItems", "minLength", "oneOf", "properties", "required", "type"),
}
TYPES: dict[str, type] = {"object": dict, "array": list, "string": str}


def load() -> dict[str, Json]:
    """Read the description."""
    lines = [
        (len(line) - len(line.lstrip()), line.strip())
        for line in FILE.read_text("utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return members(_block(lines))


def members(value: Json) -> dict[str, Json]:
    """Take an object."""
    assert isinstance(value, dict)
    return value


def items(value: Json) -> list[Json]:
    """Take an array."""
    assert isinstance(value, list)
    return value


def resolve(document: dict[str, Json], schema: Json) -> dict[str, Json]:
    """Follow ``$ref``."""
    reference = members(schema).get("$ref")
    if reference is None:
        return members(schema)
    assert isinstance(reference, str)
    found: Json = document
    for segment in reference.removeprefix("#/").split("/"):
        found = members(found)[segment]
    return resolve(document, found)


def fault(document: dict[str, Json], schema: Json, value: Json) -> str:
    """Return why a value does not fit a schema; empty when it does."""
    rules = resolve(document, schema)
    assert set(rules) <= KEYWORDS, set(rules) - KEYWORDS
    if "oneOf" in rules:
        faults = [fault(document, each, value) for each in items(rules["oneOf"])]
        return "" if faults.count("") == 1 else f"fits {faults.count('')} branches: {faults}"
    expected = TYPES[str(rules["type"])]
    if not isinstance(value, expected):
        return f"{value!r} is no {rules['type']}"
    if "enum" in rules and value not in items(rules["enum"]):
        return f"{value!r} is not in {rules['enum']}"
    if isinstance(value, str | list):
        least = rules.get("minLength" if isinstance(value, str) else "minItems", 0)
        if len(value) < cast("int", least):
            return f"{value!r} is too short"
    if isinstance(value, list) and "items" in rules:
        return next(filter(None, (fault(document, rules["items"], each) for each in value)), "")
    return _member_fault(document, rules, value) if isinstance(value, dict) else ""


def _member_fault(document: dict[str, Json], rules: dict[str, Json], value: dict[str, Json]) -> str:
    properties = members(rules.get("properties", {}))
    for name in items(rules.get("required", [])):
        if name not in value:
            return f"{name} is missing"
    for name, member in value.items():
        if name in properties:
            found = fault(document, properties[name], member)
            if found:
                return f"{name}: {found}"
        elif rules.get("additionalProperties") is False:
            return f"{name} is unknown"
    return ""


def _block(lines: list[tuple[int, str]]) -> Json:
    """Read the lines of one block, which is consumed."""
    indent, first = lines[0]
    if first.startswith("- "):
        values: list[Json] = []
        while lines and lines[0][0] == indent:
            lines[0] = (indent + 2, lines[0][1].removeprefix("- "))
            values.append(_block(lines))
        return values
    result: dict[str, Json] = {}
    while lines and lines[0][0] == indent:
        key, separator, text = lines.pop(0)[1].partition(":")
        assert separator, f"not a member: {key}"
        key = key.strip("'")
        assert key not in result, f"{key} is given twice"
        result[key] = _scalar(text.strip()) if text else _block(lines)
    return result


def _scalar(text: str) -> Json:
    if text.startswith("["):
        return cast("Json", json.loads(text))
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if text.isdigit() else text.strip("'")
