"""What the ledger says of one migration file: that it is applied, or how many of its statements are committed."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.ledger.store import Ledger, append_within
from pointsctl.model.ledger import Draft, Kind, Record, read_record
from pointsctl.postgres.connection import Connection

_KINDS = (Kind.MIGRATION_PROGRESSED, Kind.MIGRATION_APPLIED, Kind.MIGRATION_REPAIRED)


def applied_seq(url: str, version: str, sha256: str) -> int | None:
    """The seq of the record that these bytes are applied, None without one."""
    found = [
        one for one in _of(url, version) if one.kind == Kind.MIGRATION_APPLIED and one.data.get("sha256") == sha256
    ]
    return found[-1].seq if found else None


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
        records = [read_record(row) for row in ledger.rows(kinds=_KINDS)]
    return [one for one in records if one.data.get("version") == version]
