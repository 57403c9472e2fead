"""Records for people and programs: as a list, one in full, and how to check it with tools that every machine has."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pointsctl.cli.record_about import about
from pointsctl.cli.tables import console, print_json
from pointsctl.model.canonical import jsonable, utc_text
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Head, Record
from pointsctl.model.strict_json import JsonError, parse
from pointsctl.workflow.read_ledger import Seen

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.workflow.anchor_ledger import Anchored

LIST_SCHEMA = "pointsctl/records/v1"
SCHEMA = "pointsctl/record/v1"
ANCHOR_SCHEMA = "pointsctl/anchored/v1"
_NARROW = 100
_ABOUT = 300
_LONGEST_LINE = 100_000
_UNREADABLE = "cannot be read; run `pointsctl ledger verify`"


def head_text(head: Head) -> str:
    """`SEQ:HASH`, as `--since` and `--head` take it."""
    return f"{head.seq}:{head.hash}"


def record_list(records: Sequence[Seen], *, as_json: bool) -> None:
    """The records, one a line; two lines each where the terminal is narrow."""
    if as_json:
        print_json({"schema": LIST_SCHEMA, "records": [_document(one) for one in records]})
        return
    out = console()
    if out.width < _NARROW:
        _narrow_list(out, records)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("seq", "recorded at", "kind", "by", "about", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].justify = "right"
    for name in (0, 1):
        table.columns[name].no_wrap = True
    for column in table.columns[2:]:
        column.overflow = "fold"
    for one in records:
        table.add_row(*map(Text, _cells(one)))
    out.print(table)


def _narrow_list(out: Console, records: Sequence[Seen]) -> None:
    from rich.text import Text

    for one in records:
        seq, moment, kind, by, about = _cells(one)
        out.print(Text(f"{seq} {kind} {moment}".rstrip()), overflow="fold")
        line = f"{by}: {about}" if by and about else by or about
        if line:
            out.print(Text(f"  {line}"), overflow="fold")


def _cells(one: Seen) -> tuple[str, str, str, str, str]:
    record = one.record
    if record is None:
        return str(one.row.seq), "", plain(one.row.kind, _ABOUT), "", _UNREADABLE
    signed = "signed " if one.row.signature else ""
    by = plain(record.applied_by or record.role, _ABOUT)
    return str(record.seq), _moment(record), plain(record.kind, _ABOUT), f"{signed}{by}", about(record)


def _moment(record: Record) -> str:
    return utc_text(record.recorded_at).partition(".")[0] + "Z"


def _document(one: Seen) -> dict[str, Any]:
    row, record = one.row, one.record
    document: dict[str, Any] = {"seq": row.seq, "kind": row.kind, "hash": row.hash, "previous_hash": row.previous_hash}
    if record is None:
        return {**document, "readable": False}
    document |= {
        "recorded_at": utc_text(record.recorded_at),
        "environment": record.environment,
        "applied_by": record.applied_by,
        "role": record.role,
        "signed": row.signature is not None,
    }
    names = ("migration_name", "backup_taken", "notes", "plan", "run", "item")
    return document | {name: value for name in names if (value := getattr(record, name)) is not None}


def record_page(one: Seen, commands: Sequence[str], *, as_json: bool) -> None:
    """One record in full, and the commands that check it."""
    if as_json:
        data = dict(one.record.data) if one.record else None
        document = {**_document(one), "data": data, "body": one.row.body, "signature": one.row.signature}
        print_json({"schema": SCHEMA, **document, "commands": list(commands)})
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    page = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    page.add_column(no_wrap=True)
    page.add_column(overflow="fold")
    for name, value in _facts(one):
        if value:
            page.add_row(name, Text(plain(value, _LONGEST_LINE)))
    out.print(page)
    for title, text in _texts(one, commands):
        out.print(Text(f"\n{title}:", style="bold"))
        # Not folded to the terminal: a shell line is copied.
        sys.stdout.writelines(f"  {plain(line, _LONGEST_LINE)}\n" for line in text.splitlines())


def _facts(one: Seen) -> list[tuple[str, str]]:
    row, record = one.row, one.record
    facts = [("record", str(row.seq)), ("kind", row.kind), ("hash", row.hash), ("previous hash", row.previous_hash)]
    if record is None:
        return [*facts, ("body", _UNREADABLE)]
    taken = {True: "yes", False: "no", None: ""}[record.backup_taken]
    return [
        *facts[:2],
        ("recorded at", utc_text(record.recorded_at)),
        ("environment", record.environment),
        ("applied by", record.applied_by),
        ("database role", record.role),
        ("migration", record.migration_name or ""),
        ("backup taken", taken),
        ("notes", record.notes or ""),
        ("item", record.item or ""),
        ("plan", record.plan or ""),
        ("run", record.run or ""),
        *facts[2:],
        ("signed", "yes" if row.signature else "no"),
    ]


def _texts(one: Seen, commands: Sequence[str]) -> list[tuple[str, str]]:
    if one.record is None:
        return [("body", one.row.body), ("check it yourself", "\n".join(commands))]
    data = dict(one.record.data)
    statement = data.pop("statement", None)
    texts = [("what was signed", _pretty(statement))] if isinstance(statement, str) else []
    if data:
        texts.append(("data", json.dumps(data, ensure_ascii=False, indent=2)))
    return [*texts, ("check it yourself", "\n".join(commands))]


def _pretty(statement: str) -> str:
    try:
        return json.dumps(parse(statement), ensure_ascii=False, indent=2)
    except JsonError:
        return statement


def anchored(done: Anchored, *, as_json: bool) -> None:
    """An anchor that was made."""
    if as_json:
        document = {"schema": ANCHOR_SCHEMA, "anchor": done.name, "store": done.store, "principal": done.principal}
        print_json(document | {"head": jsonable(done.head._asdict()), "record": done.record.seq})
        return
    sys.stdout.write(f"anchored {head_text(done.head)}, signed by {plain(done.principal)}\n")
    sys.stdout.write(f"{plain(done.name)} in {plain(done.store)}, told in record {done.record.seq}\n")
