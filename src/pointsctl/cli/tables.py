"""Listings for people and programs: the items of a checklist, one item in full, the audits."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pointsctl.model.duration import format_duration
from pointsctl.model.escape import HASH_COMMAND, plain

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.checklist import Item
    from pointsctl.model.redactor import Redactor
    from pointsctl.workflow.load_checklist import Loaded


def console() -> Console:
    """The console on stdout."""
    from pointsctl.cli.terminal import Terminal

    return Terminal(sys.stdout)


def print_wrapped(out: Console, line: str, *, indent: int = 0, style: str = "") -> None:
    """The line within the width of `out`, what goes on `indent` columns further in, without blanks at the ends of rows."""
    from rich.text import Text

    begins = len(line) - len(line.lstrip(" "))
    text, room = Text(line[begins:], style=style), out.width - begins - indent
    for number, row in enumerate(text.wrap(out, max(room, 1), overflow="fold")):
        row.rstrip()
        out.print(Text(" " * (begins + (indent if number else 0))).append(row), soft_wrap=True)


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on stdout; only ASCII is written, so nothing in it can act on a terminal or a CI runner."""
    sys.stdout.write(HASH_COMMAND.sub(r"\\u0023#", json.dumps(document)) + "\n")


def item_list(loaded: Loaded, items: Sequence[Item], redactor: Redactor, *, as_json: bool) -> None:
    """Every item: id, kind, severity, how it is executed."""
    if as_json:
        print_json(
            {"schema": "pointsctl/items/v1", "items": [redactor.value(_item_document(loaded, item)) for item in items]}
        )
        return
    from rich.table import Table

    table = Table("id", "severity", "executed by", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].overflow = "fold"
    for item in items:
        how = loaded.checks[item.id].how()
        table.add_row(item.id, item.severity.value, plain(redactor.text(f"{item.kind}: {how}" if how else item.kind)))
    out = console()
    out.print(table)
    out.print(f"\n{len(items)} items", style="bold")


def item_page(loaded: Loaded, item: Item, redactor: Redactor, *, as_json: bool) -> None:
    """One item in full."""
    if as_json:
        print_json({"schema": "pointsctl/item/v1", **redactor.value(_item_document(loaded, item))})
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text(plain(redactor.text(item.title)), style="bold"))
    page = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in _facts(loaded, item):
        if value:
            page.add_row(name, plain(redactor.text(value)))
    out.print(page)


def _facts(loaded: Loaded, item: Item) -> list[tuple[str, str]]:
    section = loaded.checklist.section_of(item.id)
    return [
        ("id", item.id),
        ("section", section.title if section else ""),
        ("why", item.why),
        ("executed by", f"{item.kind}: {loaded.checks[item.id].how()}".rstrip(": ")),
        ("severity", item.severity.value),
        ("looks at", item.at or "the environment asked for"),
        ("applies to", ", ".join(item.environments) or "every environment"),
        ("needs", ", ".join(item.needs)),
        ("stands for", ", ".join(loaded.references.get(item.id, ()))),
        ("to fill in", ", ".join(f"{field.name} ({field.type.value})" for field in item.fields)),
        ("fresh for", format_duration(item.valid_for) if item.valid_for else ""),
        ("time limit", format_duration(item.timeout)),
        ("waivable", "yes" if item.waivable else "no"),
    ]


def _item_document(loaded: Loaded, item: Item) -> dict[str, Any]:
    section = loaded.checklist.section_of(item.id)
    document = item.model_dump(mode="json", by_alias=True, exclude={"items"})
    document["section"] = section.id if section else ""
    document["how"] = loaded.checks[item.id].how()
    document["stands_for"] = list(loaded.references.get(item.id, ()))
    document["items"] = [child.id for child in item.items]
    return document


def audit_list(*, as_json: bool) -> None:
    """Every SQL audit: id, severity, title."""
    from pointsctl.postgres import sqlfiles

    files = [sqlfiles.load("audits", name) for name in sqlfiles.names("audits")]
    if as_json:
        rows = [
            {"id": file.id, "title": file.title, "severity": file.severity, "why": file.why, "remedy": file.remedy}
            for file in files
        ]
        print_json({"schema": "pointsctl/audits/v1", "audits": rows})
        return
    from rich.table import Table

    table = Table("id", "severity", "what it looks for", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for file in files:
        table.add_row(file.id, file.severity, file.title)
    console().print(table)
