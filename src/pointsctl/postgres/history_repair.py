"""Corrections of single rows in `supabase_migrations.schema_migrations`; whoever calls has a signature and a transaction."""

from __future__ import annotations

from dataclasses import replace

from pointsctl.errors import RefusedError
from pointsctl.model.escape import plain
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.history_contents import supabase_rows
from pointsctl.postgres.supabase_history import insert, install

_FOLDER = "migration"


def correct_row(connection: Connection, version: str, expected: HistoryRow | None, wanted: HistoryRow | None) -> None:
    """Make the row of `version` `wanted` (None: no row), in the transaction that is open.

    Raises RefusedError when the row is not `expected` (None: no row) any more: somebody else was faster. What others write is
    waited for, and waits.
    """
    if wanted is not None:
        install(connection)
    with translated("correcting the history of migrations"):
        connection.execute(_statement("repair-lock"))
    _require(connection, version, expected, "is not what was shown any more")
    if expected is None and wanted is not None:
        insert(connection, wanted)
    elif expected is not None:
        _change(connection, version, wanted)
    _require(connection, version, replace(wanted, statements=None) if wanted else None, "was not stored as it was sent")


def _require(connection: Connection, version: str, expected: HistoryRow | None, otherwise: str) -> None:
    found = next((row for row in supabase_rows(connection) if row.version == version), None)
    if found != expected:
        message = f"the row of {plain(version, 80)} {otherwise}: found {_told(found)}, expected {_told(expected)}"
        raise RefusedError(message, hint="nothing was changed; look again with `pointsctl migrate status`")


def _change(connection: Connection, version: str, wanted: HistoryRow | None) -> None:
    with translated("correcting the history of migrations"):
        if wanted is None:
            connection.execute(_statement("repair-delete"), {"version": version})
        else:
            values = {"version": version, "name": wanted.name, "statements": list(wanted.statements or ())}
            connection.execute(_statement("repair-update"), values)


def _told(row: HistoryRow | None) -> str:
    if row is None:
        return "no row"
    return f"{plain(row.name or 'a row without a name', 80)} with {row.digest[:12] if row.digest else 'no statements'}"


def _statement(name: str) -> bytes:
    return sqlfiles.load(_FOLDER, name).statement.encode()
