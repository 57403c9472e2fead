"""A migration that the database has already, with the audit record that an earlier run or another tool left out."""

from __future__ import annotations

from dataclasses import replace

from pointsctl.errors import RefusedError
from pointsctl.ledger.migration_marks import applied_seq
from pointsctl.ledger.store import append_within
from pointsctl.model.ledger import Draft
from pointsctl.model.pending_migration import AppliedMigration, PendingMigration
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.history_row import row_of


def completed_migration(
    connection: Connection, url: str, pending: PendingMigration, draft: Draft
) -> AppliedMigration | None:
    """The migration when the history of `url` has its row, None otherwise. `draft` is its whole audit record, which is appended
    when the ledger has none for these bytes; `connection` is to the same database, with no transaction open.

    Raises RefusedError when the row holds other statements, and what `Ledger.append` raises.
    """
    row = row_of(connection, pending.version)
    if row is None:
        return None
    if row.statements is not None and row.statements != tuple(one.text for one in pending.script.statements):
        message = f"{pending.migration.name} was applied with other content"
        raise RefusedError(message, hint="see the difference with `pointsctl migrate status --diff`")
    seq = applied_seq(url, pending.version, pending.migration.sha256)
    if seq is None:
        with connection.transaction():
            seq = append_within(connection, draft).seq
    data = draft.data
    return AppliedMigration(
        pending.migration, pending.version, len(pending.script.statements), data["duration_ms"], data["tries"], seq
    )


def with_time(draft: Draft, duration_ms: int, tries: int) -> Draft:
    """The draft with what is known only when the migration has been applied."""
    return replace(draft, data={**draft.data, "duration_ms": duration_ms, "tries": tries})
