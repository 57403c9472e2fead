"""What verifying a ledger has found, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pointsctl.cli.ledger_tables import head_text
from pointsctl.cli.tables import print_json
from pointsctl.ledger.damage import Damage
from pointsctl.model.canonical import jsonable
from pointsctl.model.escape import plain
from pointsctl.model.ledger import EMPTY
from pointsctl.workflow.verify_ledger import Verified

SCHEMA = "pointsctl/ledger-verification/v1"


def document(verified: Verified, place: dict[str, str]) -> dict[str, Any]:
    """The JSON document; `place` says what was verified: an environment or a file."""
    anchors = verified.anchors
    return {
        "schema": SCHEMA,
        **place,
        "whole": verified.whole,
        "records": verified.records,
        "since": jsonable(verified.since._asdict()),
        "head": jsonable(verified.head._asdict()),
        "damages": [damage.as_json() for damage in verified.damages],
        "more_damages": verified.more,
        "table": list(verified.table),
        "signatures": {
            "valid": verified.signatures,
            "revoked_since": [
                {"principal": one.principal, "fingerprint": one.fingerprint, "number": one.number}
                | {"first": one.first, "last": one.last}
                for one in verified.revoked
            ],
        },
        "anchors": {"store": anchors.store, "good": len(anchors.heads), "note": anchors.note},
        "fixed_until": verified.fixed,
    }


def show(verified: Verified, place: dict[str, str], *, as_json: bool) -> None:
    """Write the result to stdout: no line is cut, because heads are copied from it."""
    if as_json:
        print_json(document(verified, place))
        return
    import sys

    sys.stdout.writelines(f"{plain(line, 10_000)}\n" for line in _lines(verified))


def _lines(verified: Verified) -> Iterator[str]:
    for damage in verified.damages:
        yield from _damage(damage)
    if verified.more:
        yield f"... and {verified.more:,} more"
    for difference in verified.table:
        yield f"the table is not as it was installed: {difference}"
    after = f" after record {verified.since.seq:,}" if verified.since != EMPTY else ""
    yield f"{_counted(verified.records, 'record')}{after}, {_counted(verified.signatures, 'good signature')}"
    for one in verified.revoked:
        where = f"record {one.first}" if one.number == 1 else f"{one.number:,} records from {one.first} to {one.last}"
        yield f"the key {one.fingerprint} of {one.principal} is revoked since: valid when recorded, {where}"
    yield from _anchors(verified)
    if verified.whole:
        yield f"whole, up to {head_text(verified.head)}"
    else:
        yield f"DAMAGED; the last record is {head_text(verified.head)}"


def _damage(damage: Damage) -> Iterator[str]:
    line = f" (line {damage.line})" if damage.line is not None else ""
    yield f"{damage.records}{line}: {damage.what.value}"
    yield f"  expected: {damage.expected}"
    yield f"  found:    {damage.found}"


def _anchors(verified: Verified) -> Iterator[str]:
    anchors = verified.anchors
    if anchors.heads:
        yield f"{_counted(len(anchors.heads), 'good anchor')} in {anchors.store}"
    if anchors.note:
        yield f"not compared with an anchor: {anchors.note}"
    if verified.fixed < verified.head.seq:
        by = "signature or anchor" if anchors.heads else "signature"
        first = verified.fixed + 1
        yield f"no {by} fixes the records from {first} on: a superuser could have rewritten or removed them"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
