"""Looks up whether named objects of a schema exist and can be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.requirements import assert_context
from pointsctl.postgres.sqlfiles import Requirement


@dataclass(frozen=True)
class Flaw:
    """An object that is missing or unusable; `kind` is table, index, constraint, function or policy."""

    kind: str
    name: str
    problem: str


def find_flaws(connection: Connection, schema: str, wanted: Sequence[tuple[str, str]]) -> tuple[Flaw, ...]:
    """The flaws among the (kind, name) pairs, in their order. Raises ContextMissingError without the schema."""
    assert_context(connection, [Requirement("schema", schema)])
    statement = sqlfiles.load("context", "objects").statement
    given = {"schema": schema, "kinds": [kind for kind, _ in wanted], "names": [name for _, name in wanted]}
    with translated("looking up the migration's objects"):
        rows = connection.execute(statement.encode(), given).fetchall()
    return tuple(Flaw(*row) for row in rows)
