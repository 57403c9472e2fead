"""What is left of an index that was built concurrently: dropped when it is invalid, taken as done when it is the one wanted."""

from __future__ import annotations

import re
from typing import NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql

from pointsctl.model.statement_kind import ConcurrentIndex
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection

_FOLDER = "migration"
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\s."(]+)'
_DEFINITION = re.compile(
    rf"\bON\s+(?:ONLY\s+)?(?:{_IDENTIFIER}\s*\.\s*)?{_IDENTIFIER}\s*((?:USING\b|\().*)", re.DOTALL | re.IGNORECASE
)
_PROBE = sql.Identifier("pg_temp", "pointsctl_index")


class _Found(NamedTuple):
    schema: str
    name: str
    same_table: bool
    whole: bool
    definition: str
    unique: bool
    tablespace: int

    @property
    def meaning(self) -> tuple[str, bool, int]:
        """The definition without its name and table."""
        return self.definition.partition(" USING ")[2], self.unique, self.tablespace


def drop_leftover(connection: Connection, index: ConcurrentIndex) -> tuple[str, ...]:
    """Drop the table's index of this name when it is invalid, and return its name; nothing otherwise. Raises psycopg.Error."""
    found = _find(connection, index.schema, index.table, index.name)
    if found is None or found.whole or not found.same_table:
        return ()
    named = sql.Identifier(found.schema, found.name)
    connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(named))
    return (f"{found.schema}.{found.name}",)


def built_already(connection: Connection, index: ConcurrentIndex, text: str) -> bool:
    """Whether the table has this very index, whole. One that cannot be compared is another one. Raises psycopg.Error."""
    found = _find(connection, index.schema, index.table, index.name)
    definition = _DEFINITION.search(text)
    if found is None or definition is None or not (found.whole and found.same_table):
        return False
    wanted = _meaning(connection, index, definition.group(1))
    return wanted is not None and wanted == found.meaning


def _meaning(connection: Connection, index: ConcurrentIndex, definition: str) -> tuple[str, bool, int] | None:
    """What the server makes of the definition, on an empty table of the same columns that nobody ever sees."""
    parts = [part for part in (index.schema, index.table) if part is not None]
    table, unique = sql.Identifier(*parts), sql.SQL("UNIQUE " if index.unique else "")
    make = sql.SQL("CREATE TEMP TABLE {} (LIKE {})").format(sql.Identifier("pointsctl_index"), table)
    build = sql.SQL("CREATE {}INDEX pointsctl_wanted ON {} ").format(unique, _PROBE).as_bytes(connection)
    connection.execute(b"BEGIN")
    try:
        connection.execute(make)
        connection.execute(build + definition.encode(), binary=True)
        found = _find(connection, "pg_temp", "pointsctl_index", "pointsctl_wanted")
    except (pg.LockNotAvailable, pg.QueryCanceled):
        raise
    except psycopg.Error:
        found = None
    finally:
        if not connection.closed:
            connection.execute(b"ROLLBACK")
    return found.meaning if found else None


def _find(connection: Connection, schema: str | None, table: str, name: str | None) -> _Found | None:
    statement = sqlfiles.load(_FOLDER, "index-by-name").statement.encode()
    row = connection.execute(statement, {"schema": schema, "table": table, "name": name}).fetchone()
    return _Found(*row) if row else None
