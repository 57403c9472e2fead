"""Pieces of Markdown that several pages are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NOTE = "<!-- Written by `python docs/generate.py`; change what it is made from, not this file. -->\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """A Markdown table; cells are single lines in which `|` is escaped."""
    lines = [_row(head), "|" + "---|" * len(head), *(_row(row) for row in rows)]
    return ["\n".join(lines) + "\n"]


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def type_words(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words: `text`, `list of numbers`, `a, b or c`."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[-1]}`"
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(type_words(one) for one in schema[several] if one.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {type_words(schema.get('items', {}))}"
    if schema.get("type") == "object" and (held := _held(schema)):
        return f"mapping of names to {type_words(held)}"
    is_duration = "7d" in schema.get("examples", ())
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    return "duration" if is_duration else words.get(schema.get("type", "any value"), schema.get("type", "any value"))


def _held(schema: dict[str, Any]) -> dict[str, Any]:
    """What each value of a mapping is; empty when that is not said."""
    by_pattern = list(schema.get("patternProperties", {}).values())
    held = by_pattern[0] if by_pattern else schema.get("additionalProperties")
    return held if isinstance(held, dict) else {}


def keys(name: str, schema: dict[str, Any]) -> list[str]:
    """The keys of one JSON Schema object as a table; of an enumeration, its values."""
    if "enum" in schema:
        return [f"`{name}` is {type_words(schema)}.\n"]
    rows = [
        (f"`{key}`", type_words(one), _default(key, one, schema), one.get("description", ""))
        for key, one in schema.get("properties", {}).items()
    ]
    return [f"`{name}`:\n", *table(("key", "value", "default", "meaning"), rows)] if rows else []


def _default(key: str, one: dict[str, Any], schema: dict[str, Any]) -> str:
    if key in schema.get("required", ()):
        return "required"
    default = one.get("default")
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default)}`"
