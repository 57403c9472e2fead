"""Makes the known rows that probes aim at: one of user A and one of user B in each table, and two not yet inserted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pointsctl.errors import ContextMissingError, UsageError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.requirements import assert_context
from pointsctl.postgres.sqlfiles import Requirement, SqlFile, listed

FOLDER = "probes/rows"

Row = Mapping[str, Any]
"""A row as the JSON object that PostgreSQL makes of it."""


@dataclass(frozen=True)
class Target:
    """What probes need to know of one table. `key` names the column that tells the rows apart.

    `candidate` is a row that user A could want to insert; `fresh` one of a new user, which breaks no constraint.
    """

    name: str
    relation: str
    key: str
    row_a: Row
    row_b: Row
    candidate: Row
    fresh: Row

    @property
    def identifier(self) -> sql.Identifier:
        """The table's name for a statement."""
        return sql.Identifier(*self.relation.split("."))


@dataclass(frozen=True)
class Stage:
    """Everything that was made for one item's probes, in one transaction that is rolled back."""

    user_a: uuid.UUID
    user_b: uuid.UUID
    targets: Mapping[str, Target]


def present(connection: Connection, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the tables (by the names of their files) that exist in this database."""
    found = []
    for name in names:
        try:
            assert_context(connection, [Requirement("table", _file(name).headers["table"])])
        except ContextMissingError:
            continue
        found.append(name)
    return tuple(found)


def set_up(connection: Connection, names: Iterable[str]) -> Stage:
    """Insert the rows as the role that is connected. Raises pointsctl's errors: without its rows a probe proves nothing."""
    user_a, user_b = uuid.uuid4(), uuid.uuid4()
    ordered = _in_order(names)
    assert_context(connection, [Requirement("table", _file(name).headers["table"]) for name in ordered])
    rows_a: dict[str, Row] = {}
    rows_b: dict[str, Row] = {}
    targets = {}
    for name in ordered:
        rows_a[name] = _insert(connection, name, _generate(connection, name, user_a, rows_a))
        rows_b[name] = _insert(connection, name, _generate(connection, name, user_b, rows_b))
        candidate = _generate(connection, name, user_a, rows_a)
        fresh = _generate(connection, name, uuid.uuid4(), rows_a)
        headers = _file(name).headers
        targets[name] = Target(name, headers["table"], headers["key"], rows_a[name], rows_b[name], candidate, fresh)
    return Stage(user_a, user_b, targets)


def _in_order(names: Iterable[str]) -> list[str]:
    ordered: list[str] = []
    for name in names:
        for one in (*listed(_file(name).headers.get("after", "")), name):
            if one not in ordered:
                ordered.append(one)
    return ordered


def _file(name: str) -> SqlFile:
    if name not in sqlfiles.names(FOLDER):
        raise UsageError(f"no row to probe table {name!r} with", hint=f"tables: {', '.join(sqlfiles.names(FOLDER))}")
    return sqlfiles.load(FOLDER, name)


def _generate(connection: Connection, name: str, user: uuid.UUID, made: Mapping[str, Row]) -> Row:
    statement = sql.SQL("SELECT to_jsonb(made) FROM ({}) AS made").format(_raw(_file(name).statement))
    with translated(f"making a row for {name}"):
        found = connection.execute(statement, {"user": user, "made": json.dumps(made)}).fetchone()
    return _only(found)


def _insert(connection: Connection, name: str, row: Row) -> Row:
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    statement = sql.SQL(
        "INSERT INTO {table} AS made ({columns})"
        " SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %(row)s::jsonb) RETURNING to_jsonb(made)"
    ).format(table=sql.Identifier(*_file(name).headers["table"].split(".")), columns=columns)
    with translated(f"setting up a row in {_file(name).headers['table']}"):
        found = connection.execute(statement, {"row": json.dumps(row)}).fetchone()
    return _only(found)


def _only(found: tuple[Any, ...] | None) -> Row:
    if found is None:
        raise ContextMissingError(
            "a row that was set up for a probe is gone again", hint="look for a trigger that swallows inserts"
        )
    row: Row = found[0]
    return row


def _raw(statement: str) -> sql.Composable:
    # The text is a file of ours; nothing of it comes from outside.
    return sql.SQL(statement)
