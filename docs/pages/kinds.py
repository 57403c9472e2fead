"""docs/kinds.md: every kind of check and its parameters."""

from __future__ import annotations

import inspect

import yaml

from pages.markdown import NOTE, keys
from pages.source import shipped_checklist
from pointsctl import kinds
from pointsctl.checks.interface import Check
from pointsctl.model.checklist import Item
from pointsctl.workflow.checklist_schema import schema_of


def page() -> str:
    """Every kind of check: what it does, what `with` may hold, and an example out of the checklist."""
    items = list(shipped_checklist().checklist.walk())
    lines = [NOTE, "# Kinds of checks\n", "`kind` of an item names one of these; `with` holds its parameters.\n"]
    for kind in kinds.names("checks"):
        check: type[Check] = kinds.load("checks", kind)
        schema = schema_of(check)
        lines += [f"## {kind}\n", inspect.cleandoc(check.__doc__ or "") + "\n", *keys("with", schema)]
        for name, nested in schema.get("$defs", {}).items():
            lines += keys(name, nested)
        lines += _example(next((item for item in items if item.kind == kind), None))
    return "\n".join(lines)


def _example(item: Item | None) -> list[str]:
    if item is None:
        return []
    shown: dict[str, object] = {"id": item.id, "title": item.title, "kind": item.kind}
    if item.parameters:
        shown["with"] = item.parameters
    text = yaml.safe_dump([shown], sort_keys=False, default_flow_style=None, width=100, allow_unicode=True)
    return [f"```yaml\n{text}```\n"]
