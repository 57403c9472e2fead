"""Writes the pages of this folder that follow from the program: `python docs/generate.py`, or `--check` to compare only."""

from __future__ import annotations

import difflib
import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pointsctl import errors, kinds
from pointsctl.checks.interface import Check
from pointsctl.model.checklist import Field, Item, Section
from pointsctl.workflow.checklist_schema import checklist_schema
from pointsctl.workflow.load_checklist import Loaded, load_checklist

DOCS = Path(__file__).resolve().parent
CHECKLIST = DOCS.parent / "checklist.yaml"
NOTE = "<!-- Written by `python docs/generate.py`; change what it is made from, not this file. -->\n"
Page = Callable[[], str]


def checklist_page() -> str:
    """Every box of the paper checklist: its heading, the item that stands for it, and how that item is executed."""
    loaded = load_checklist(CHECKLIST, {})
    items = list(loaded.checklist.walk())
    counts = Counter(item.kind for item in items)
    lines = [NOTE, f"# {loaded.checklist.title}\n", f"Revision {loaded.checklist.revision}. {len(items)} items:\n"]
    lines += table(("kind", "items"), ((f"[{kind}](kinds.md#{kind})", n) for kind, n in counts.most_common()))
    lines.append(
        "Sub-items are indented (↳). `planned` items can be decided by a machine, but not by this version yet.\n"
    )
    for phase in loaded.checklist.phases:
        lines.append(f"## {phase.title} (`{phase.id}`)\n")
        lines += _gates(phase.gates, "phase")
        for section in phase.sections:
            lines += _section(section, loaded)
    return "\n".join(lines)


def _section(section: Section, loaded: Loaded) -> Iterator[str]:
    yield f"### {section.title} (`{section.id}`)\n"
    yield f"On paper: {section.source}\n"
    yield from _gates(section.gates, "section")
    rows = [row for item in section.items for row in _item_rows(item, loaded, depth=0)]
    if rows:
        yield from table(("item", "title", "how it is executed", "kind", "to fill in"), rows)
    if section.fields:
        yield f"To fill in: {_fields(section.fields)}\n"


def _item_rows(item: Item, loaded: Loaded, depth: int) -> Iterator[tuple[object, ...]]:
    where = f" at {item.at}" if item.at else ""
    how = (loaded.checks[item.id].how() or item.kind) + where
    yield f"{'↳ ' * depth}`{item.id}`", item.title, how, item.kind, _fields(item.fields)
    for child in item.items:
        yield from _item_rows(child, loaded, depth + 1)


def _gates(gates: Iterable[str], what: str) -> list[str]:
    names = ", ".join(f"`{gate}`" for gate in gates)
    return [f"A run of this {what} must also satisfy {names}.\n"] if names else []


def _fields(fields: Iterable[Field]) -> str:
    return ", ".join(f"{one.name} ({one.type}{f': {one.value}' if one.value else ''})" for one in fields)


def schema_page() -> str:
    """The JSON Schema that editors use to complete and check a checklist."""
    return json.dumps(checklist_schema(), indent=1, ensure_ascii=False) + "\n"


def kinds_page() -> str:
    """Every kind of check: what it does, what `with` may hold, and an example out of the checklist."""
    items = list(load_checklist(CHECKLIST, {}).checklist.walk())
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
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of names to {type_words(schema['additionalProperties'])}"
    is_duration = "7d" in schema.get("examples", ())
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    return "duration" if is_duration else words.get(schema.get("type", "any value"), schema.get("type", "any value"))


def _example(item: Item | None) -> list[str]:
    if item is None:
        return []
    shown = {"id": item.id, "title": item.title, "kind": item.kind}
    if item.parameters:
        shown["with"] = item.parameters  # type: ignore[assignment]  # the other values are texts
    text = yaml.safe_dump([shown], sort_keys=False, width=100, allow_unicode=True)
    return [f"```yaml\n{text}```\n"]


def exit_codes_page() -> str:
    """What each exit code means, and the errors that lead to it."""
    found = sorted(_subclasses(errors.PointsctlError), key=lambda one: (one.exit_code, one.code))
    lines = [NOTE, "# Exit codes\n", "Where several apply: 5, then 4, then 1, then 3.\n"]
    lines += table(("code", "meaning"), ((code.value, MEANINGS[code]) for code in errors.ExitCode))
    lines += ["## Errors\n", "`code` is what `--json` gives in `pointsctl/error/v1`.\n"]
    rows = ((f"`{one.code}`", one.exit_code.value, (one.__doc__ or "").splitlines()[0]) for one in found)
    return "\n".join([*lines, *table(("code", "exit", "meaning"), rows)])


MEANINGS = {
    errors.ExitCode.DONE: "done; every gate asked for is open",
    errors.ExitCode.BAD: "looked, and it is bad: a check failed, verification failed, a trigger fired",
    errors.ExitCode.USAGE: "usage or configuration: a bad flag, or a checklist with something to mend",
    errors.ExitCode.WAITING: "waiting: for a person (attestation, approval) or for time",
    errors.ExitCode.COULD_NOT_LOOK: "could not look: server unreachable, tool missing, permission denied",
    errors.ExitCode.REFUSED: "refused for safety; nothing was changed",
    errors.ExitCode.INTERRUPTED: "interrupted",
}


def _subclasses(root: type[errors.PointsctlError]) -> Iterator[type[errors.PointsctlError]]:
    for child in root.__subclasses__():
        yield child
        yield from _subclasses(child)


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """A Markdown table; cells are single lines in which `|` is escaped."""
    lines = [_row(head), "|" + "---|" * len(head), *(_row(row) for row in rows)]
    return ["\n".join(lines) + "\n"]


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


PAGES: dict[str, Page] = {
    "checklist.md": checklist_page,
    "checklist.schema.json": schema_page,
    "exit-codes.md": exit_codes_page,
    "kinds.md": kinds_page,
}


def main(arguments: list[str]) -> int:
    """Write every page, or with `--check` show what is out of date; 1 when something is, 2 for unknown arguments."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    stale = False
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        before = path.read_text("utf-8") if path.exists() else ""
        stale = stale or text != before
        if arguments:
            lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(*lines, f"docs/{name} (on disk)", f"docs/{name} (generated)"))
        else:
            path.write_text(text, "utf-8")
    return int(bool(arguments) and stale)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
