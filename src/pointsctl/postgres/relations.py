"""What pg_dump reads of a database: its tables, sequences and views, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pointsctl.model.configuration import LeftOut
from pointsctl.model.fingerprint import shown_name
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection

_FOLDER = "backup"


@dataclass(frozen=True)
class Relation:
    """One relation in the scope of a dump; `kind` is pg_class.relkind.

    `condition` limits the rows of an extension's configuration table, and is None for every other relation. `filtered`:
    row level security hides rows from this role. `pages` are 0 where rows cannot be read by their place.
    """

    oid: int
    kind: str
    in_schema: str
    name: str
    condition: str | None
    filtered: bool
    readable: bool
    schema_usable: bool
    unlogged: bool
    populated: bool
    bytes: int
    pages: int

    @property
    def shown(self) -> str:
        """`public.coupons`, for people."""
        return shown_name(self.in_schema, self.name)


def relations(connection: Connection, left_out: LeftOut) -> tuple[Relation, ...]:
    """Every relation in the scope of a dump, as this role sees it, by schema and name. Raises psycopg.Error."""
    return tuple(Relation(*row) for row in query(connection, "relations", _given(left_out)))


def lines_left_out(connection: Connection, left_out: LeftOut, found: Sequence[Relation]) -> tuple[str, ...]:
    """What a dump by this role does not hold, one line each. Raises psycopg.Error."""
    foreign = [f"rows of the foreign table {one.shown}" for one in found if one.kind == "f"]
    views = [
        f"rows of the materialized view {one.shown}, which a restore computes anew" for one in found if one.kind == "m"
    ]
    return (*(row[0] for row in query(connection, "left-out", _given(left_out))), *foreign, *views)


def query(connection: Connection, name: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement of sql/backup. Raises psycopg.Error."""
    return connection.execute(sqlfiles.load(_FOLDER, name).statement.encode(), values or {}).fetchall()


def _given(left_out: LeftOut) -> dict[str, Any]:
    return {"left_out_schemas": list(left_out.schemas), "left_out_extensions": list(left_out.extensions)}
