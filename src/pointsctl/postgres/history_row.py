"""One migration's row in the history: whether a database says to have had it."""

from __future__ import annotations

from psycopg import errors as pg

from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated


def row_of(connection: Connection, version: str) -> HistoryRow | None:
    """The row of a version, None where there is none or no history. Raises PermissionMissingError."""
    statement = sqlfiles.load("migration", "history-row").statement.encode()
    with translated("reading the history of migrations"):
        try:
            row = connection.execute(statement, {"version": version}).fetchone()
        except (pg.UndefinedTable, pg.InvalidSchemaName):
            return None
    return HistoryRow(row[0], row[1], tuple(row[2]) if row[2] is not None else None) if row else None
