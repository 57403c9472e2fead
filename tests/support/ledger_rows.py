"""Chains made without a database, as the table's trigger would make them, and bodies rewritten as a forger would."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pointsctl.model.canonical import canonical_text
from pointsctl.model.ledger import EMPTY, FORMAT, Head, Row, chain_hash

RECORDED_AT = "2026-01-31T08:00:00.123456Z"


def body(seq: int, kind: str = "migration.noted", data: dict[str, Any] | None = None, **columns: object) -> str:
    """A record's body."""
    value: dict[str, object] = dict.fromkeys(
        ("applied_by", "backup_taken", "environment", "item", "migration_name", "notes", "plan", "run")
    )
    value |= {"data": data or {}, "format": FORMAT, "kind": kind, "recorded_at": RECORDED_AT, "role": "postgres"}
    return canonical_text({**value, **columns, "seq": seq})


def follow(head: Head, written: str, *, kind: str = "migration.noted", signature: str | None = None) -> Row:
    """The next row after `head` with this body."""
    return Row(head.seq + 1, kind, head.hash, chain_hash(head.hash, written), written, signature)


def chain(number: int, since: Head = EMPTY) -> list[Row]:
    """That many whole records."""
    rows: list[Row] = []
    head = since
    for _ in range(number):
        rows.append(follow(head, body(head.seq + 1, notes=f"note {head.seq + 1}")))
        head = Head(rows[-1].seq, rows[-1].hash)
    return rows


def rewritten(row: Row, **columns: object) -> Row:
    """The row with another body and the hash that belongs to it; its number and its link stay."""
    changed = body(row.seq, **{"kind": row.kind, **columns})  # type: ignore[arg-type]  # columns of any type
    return row._replace(body=changed, hash=chain_hash(row.previous_hash, changed))


def relinked(rows: Iterable[Row], head: Head = EMPTY) -> list[Row]:
    """The chain computed anew over these bodies, as somebody does who may switch the triggers off."""
    made: list[Row] = []
    for row in rows:
        made.append(row._replace(previous_hash=head.hash, hash=chain_hash(head.hash, row.body)))
        head = Head(row.seq, made[-1].hash)
    return made


def seen(rows: Iterable[Row]) -> list[Row]:
    """The rows with what the reading query says about their columns: that the body has another number is all it sees here."""
    number = re.compile(r'"seq":(\d+)\}$')
    return [
        row._replace(
            consistent=row.consistent and (found := number.search(row.body)) is not None and int(found[1]) == row.seq
        )
        for row in rows
    ]
