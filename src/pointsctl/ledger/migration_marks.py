"""What the ledger says of one migration file: that it is applied, or how many of its statements are committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pointsctl.errors import RefusedError
from pointsctl.ledger.store import Ledger, append_within
from pointsctl.model.ledger import Draft, Kind, Record, read_record
from pointsctl.postgres.connection import Connection

MARKS = (Kind.MIGRATION_PROGRESSED.value, Kind.MIGRATION_APPLIED.value, Kind.MIGRATION_REPAIRED.value)
"""The kinds of records by which the ledger knows how far a migration is."""


def read_marks(ledger: Ledger) -> Mapping[str, Record]:
    """`newest_marks` of the whole ledger."""
    return newest_marks(map(read_record, ledger.rows(kinds=MARKS)))


def newest_marks(records: Iterable[Record]) -> Mapping[str, Record]:
    """The newest of these records of each version: how far it came, that it is applied, or that somebody repaired its row."""
    return {_version(one): one for one in records}


def applied_seq(url: str, version: str, sha256: str) -> int | None:
    """The seq of the record that these bytes are applied, None without one, and where the row was repaired since."""
    records = [one for one in _of(url, version) if one.kind != Kind.MIGRATION_PROGRESSED]
    newest = records[-1] if records else None
    if newest is None or newest.kind != Kind.MIGRATION_APPLIED or newest.data.get("sha256") != sha256:
        return None
    return newest.seq


def committed_statements(url: str, version: str, sha256: str) -> int | None:
    """How many of the file's first statements are committed, though the file is not; None when it was never begun.

    Raises RefusedError when a part of other bytes of this version is committed.
    """
    records = _of(url, version)
    newest = records[-1] if records else None
    if newest is None or newest.kind != Kind.MIGRATION_PROGRESSED:
        return None
    if newest.data["sha256"] != sha256:
        count = newest.data["statements"]
        message = f"the first {count} statements of another {newest.data['file']} are committed (record {newest.seq})"
        hint = "put those bytes back and apply them to their end; correct what is wrong in a migration after it"
        raise RefusedError(message, hint=hint)
    return int(newest.data["statements"])


def append_alone(connection: Connection, draft: Draft) -> int:
    """Append the record of what another tool has applied, and return its seq. Raises what `Ledger.append` raises."""
    with connection.transaction():
        return append_within(connection, draft).seq


def _of(url: str, version: str) -> list[Record]:
    with Ledger(url) as ledger:
        records = [read_record(row) for row in ledger.rows(kinds=MARKS)]
    return [one for one in records if _version(one) == version]


def _version(record: Record) -> str:
    """A repair's statement is signed as a whole; its version stands in the record's column too."""
    named = (record.migration_name or "").partition("_")[0]
    return str(record.data.get("version", named))
