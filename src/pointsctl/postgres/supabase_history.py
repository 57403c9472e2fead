"""The history that the Supabase CLI keeps, `supabase_migrations.schema_migrations`: made and written as it does."""

from __future__ import annotations

from psycopg import errors as pg

from pointsctl.errors import PermissionMissingError, RefusedError
from pointsctl.model.escape import plain
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated

_FOLDER = "migration"
_MAKING = ("history-schema", "history-table", "history-columns")


def applied_versions(connection: Connection) -> frozenset[str]:
    """The versions in the history; none where there is no such table.

    Raises PermissionMissingError when the table is there and may not be read.
    """
    found = connection.execute(sqlfiles.load("context", "migration-history").statement.encode()).fetchone()
    exists, readable = found or (False, False)
    if not exists:
        return frozenset()
    if not readable:
        raise PermissionMissingError(
            "the role may not read supabase_migrations.schema_migrations in full, so nobody knows which migrations are pending",
            hint="grant it SELECT there, and USAGE on the schema supabase_migrations; a view or row level security hides rows",
        )
    rows = connection.execute(sqlfiles.load("context", "applied-migrations").statement.encode()).fetchall()
    return frozenset(str(row[0]) for row in rows)


def install(connection: Connection) -> None:
    """Make schema and table where they are missing; in the transaction that is open, if one is.

    Raises PermissionMissingError, TookTooLongError.
    """
    with translated("making the history of migrations"):
        complete = connection.execute(_statement("history-complete")).fetchone()
        if complete and complete[0]:
            return
        for name in _MAKING:
            connection.execute(_statement(name))


def insert(connection: Connection, row: HistoryRow) -> None:
    """Write a migration's row; in the transaction that is open, if one is.

    Raises RefusedError when the version is there or the table stores something else, PermissionMissingError, ContextMissingError
    without the table.
    """
    statements = None if row.statements is None else list(row.statements)
    values = {"version": row.version, "name": row.name, "statements": statements}
    with translated("writing the history of migrations"):
        try:
            stored = connection.execute(_statement("history-insert"), values).fetchone()
        except pg.UniqueViolation as error:
            message = (
                f"the history holds version {plain(row.version, 80)} already, so somebody else has applied it just now"
            )
            raise RefusedError(message, hint="see `pointsctl migrate status`") from error
    if stored != (True,):
        message = f"the history did not keep the row of version {plain(row.version, 80)} as it was sent"
        hint = "look for triggers and rules on supabase_migrations.schema_migrations, and drop them"
        raise RefusedError(message, hint=hint)


def _statement(name: str) -> bytes:
    return sqlfiles.load(_FOLDER, name).statement.encode()
