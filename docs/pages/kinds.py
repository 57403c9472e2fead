"""docs/kinds.md: every kind of check and its parameters."""

from __future__ import annotations

import inspect
import json
from typing import Any

import yaml

from pages.markdown import NOTE, table, type_words
from pages.source import shipped_checklist
from pointsctl import kinds
from pointsctl.checks.interface import Check
from pointsctl.model.checklist import Item


def page() -> str:
    """Every kind of check: what it does, what `with` may hold, and an example out of the checklist."""
    items = list(shipped_checklist().checklist.walk())
    lines = [NOTE, "# Kinds of checks\n", "`kind` of an item names one of these; `with` holds its parameters.\n"]
    for kind in kinds.names("checks"):
        check: type[Check] = kinds.load("checks", kind)
        schema = check.model_json_schema()
        lines += [f"## {kind}\n", inspect.cleandoc(check.__doc__ or "") + "\n", *_parameters("with", schema)]
        for name, nested in schema.get("$defs", {}).items():
            lines += _parameters(name, nested)
        lines += _example(next((item for item in items if item.kind == kind), None))
    return "\n".join(lines)


def _parameters(name: str, schema: dict[str, Any]) -> list[str]:
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


def _example(item: Item | None) -> list[str]:
    if item is None:
        return []
    shown = {"id": item.id, "title": item.title, "kind": item.kind}
    if item.parameters:
        shown["with"] = item.parameters  # type: ignore[assignment]  # the other values are texts
    text = yaml.safe_dump([shown], sort_keys=False, width=100, allow_unicode=True)
    return [f"```yaml\n{text}```\n"]
