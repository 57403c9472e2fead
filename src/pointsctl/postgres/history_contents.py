"""What histories of migrations hold, whoever keeps them: the Supabase CLI, Alembic, or people in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from psycopg import sql

from pointsctl.errors import CouldNotLookError, PermissionMissingError
from pointsctl.model.escape import plain
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.ledger_catalogue import comment

_FOLDER = "migration"
_GRANT = "grant it SELECT there, and USAGE on the schema; a view or row level security hides rows"


def supabase_rows(connection: Connection) -> tuple[HistoryRow, ...]:
    """The rows of `supabase_migrations.schema_migrations` with digests, by version; none where there is no such table.

    Raises PermissionMissingError when the table is there and may not be read.
    """
    if not _has_history(connection):
        return ()
    with translated("reading the history of migrations"):
        rows = connection.execute(_statement("history-digests")).fetchall()
    return tuple(HistoryRow(version, name, digest=digest) for version, name, digest in rows)


def supabase_statements(connection: Connection, versions: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The statements that the table keeps of these versions. Raises PermissionMissingError."""
    if not versions or not _has_history(connection):
        return {}
    with translated("reading the history of migrations"):
        rows = connection.execute(_statement("history-statements"), {"versions": list(versions)}).fetchall()
    return {version: tuple(str(one) for one in kept) for version, kept in rows if kept is not None}


def noted_migrations(connection: Connection) -> tuple[tuple[str, str | None], ...]:
    """What the ledger names as applied, oldest first, each with the file's digest where pointsctl applied it.

    Raises CouldNotLookError where a table of the ledger's name is none.
    """
    with translated("reading the ledger's migrations"):
        there, kept = comment(connection)
        if there and kept is None:
            message = "public.migration_audit is there, and is no ledger of pointsctl"
            raise CouldNotLookError(message, hint="see `pointsctl init --env NAME`")
        return tuple(connection.execute(_statement("noted-migrations")).fetchall()) if there else ()


def alembic_revisions(connection: Connection) -> tuple[str, ...]:
    """The revisions at which Alembic says the database is; none where it has no table, or an empty one.

    Raises PermissionMissingError, CouldNotLookError where several schemas have such a table and `public` has none.
    """
    with translated("reading Alembic's history"):
        tables = connection.execute(_statement("alembic-tables")).fetchall()
        if not tables:
            return ()
        schema, readable = tables[0]
        if len(tables) > 1 and schema != "public":
            found = " and ".join(plain(f"{name}.alembic_version", 200) for name, _ in tables[:2])
            message = f"there is more than one history of Alembic: {found}; expected one, or one in public"
            raise CouldNotLookError(message, hint="move away or drop the ones that are not in use")
        if not readable:
            raise _unreadable(f"{plain(schema, 200)}.alembic_version")
        query = sql.SQL("SELECT version_num::text FROM {}").format(sql.Identifier(schema, "alembic_version"))
        return tuple(sorted(row[0] for row in connection.execute(query).fetchall()))


def _has_history(connection: Connection) -> bool:
    with translated("looking for the history of migrations"):
        found = connection.execute(_statement("history-seen")).fetchone()
    exists, readable = found or (False, False)
    if exists and not readable:
        raise _unreadable("supabase_migrations.schema_migrations")
    return bool(exists)


def _unreadable(table: str) -> PermissionMissingError:
    message = f"the role may not read {table} in full, so nobody knows which migrations are pending"
    return PermissionMissingError(message, hint=_GRANT)


def _statement(name: str) -> bytes:
    return sqlfiles.load(_FOLDER, name).statement.encode()
