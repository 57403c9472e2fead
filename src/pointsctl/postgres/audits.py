"""Runs one SQL audit in a reader: its context is asserted, its rows are bounded, and their number is exact all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.requirements import assert_context, assert_unchanged
from pointsctl.postgres.sqlfiles import Requirement, SqlFile

COLUMNS = ("id", "severity", "object", "detail", "remedy", "key")
"""What every audit returns, all of it text."""


@dataclass(frozen=True)
class AuditRow:
    """One offending object, or (when `key` is the audit's id) a line about the whole."""

    id: str
    severity: str
    object: str
    detail: str
    remedy: str
    key: str

    def as_json(self) -> dict[str, str]:
        """The row as evidence."""
        return {name: getattr(self, name) for name in COLUMNS}


@dataclass(frozen=True)
class AuditResult:
    """`total` counts all offending objects; `rows` holds the first of them; `note` is the line about the whole, if any."""

    file: SqlFile
    total: int
    rows: tuple[AuditRow, ...]
    note: AuditRow | None


def run_audit(connection: Connection, file: SqlFile, arguments: Mapping[str, Any], sample: int) -> AuditResult:
    """Run an audit and fetch at most `sample` offending rows.

    Raises ContextMissingError or PermissionMissingError when the answer would mean nothing, and whatever keeps the
    statement from finishing. now() inside an audit is when the reader's transaction began.
    """
    assert_context(connection, file.requirements(arguments))
    # The window function runs before LIMIT, so the total is that of all rows while only the sample crosses the wire.
    statement = (
        f"SELECT a.*, count(*) FILTER (WHERE a.key <> a.id) OVER () FROM (\n{file.statement}\n) AS a"  # noqa: S608  (our own file; values are parameters)
        " LIMIT %(pointsctl_sample)s + 1"
    )
    with translated(f"audit {file.id}"):
        fetched = connection.execute(statement.encode(), {**arguments, "pointsctl_sample": sample}).fetchall()
    assert_unchanged(connection, file.requirements(arguments))
    rows = [AuditRow(*row[:-1]) for row in fetched]
    note = next((row for row in rows if row.key == row.id), None)
    offending = tuple(row for row in rows if row.key != row.id)[:sample]
    return AuditResult(file, fetched[0][-1] if fetched else 0, offending, note)


def table_exists(connection: Connection, table: str) -> bool:
    """Whether there is a table (or view) of this full name, such as `public.coupons`."""
    schema, _, name = table.partition(".")
    with translated(f"looking for {table}"):
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s)",
            (schema, name),
        ).fetchone()
    return bool(row and row[0])


def is_empty(connection: Connection, table: str) -> bool:
    """Whether the table of this full name holds no row; stops at the first row.

    Raises ContextMissingError or PermissionMissingError for a role from which rows are hidden: it would see an empty table.
    """
    whole = (Requirement("unfiltered", table),)
    assert_context(connection, whole)
    with translated(f"looking into {table}"):
        statement = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(*table.split(".")))
        row = connection.execute(statement).fetchone()
    assert_unchanged(connection, whole)
    return not (row and row[0])
