"""What there is to fingerprint, looked up before anything is dumped, with locks so that it stays what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import LeftOut
from pointsctl.model.escape import plain
from pointsctl.model.fingerprint import MaterializedView, SequenceFingerprint, shown_name
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.relations import Relation, lines_left_out, query, relations
from pointsctl.postgres.row_hash import Column, End, Table
from pointsctl.postgres.snapshot import HeldSnapshot
from pointsctl.postgres.source import refuse_partial_view

_AT_ONCE = 200


@dataclass(frozen=True)
class Survey:
    """The tables to fingerprint, and what is known without reading them. `sequences` have no `data_end` yet; `keys` are their
    oids, in the same order.
    """

    tables: tuple[Table, ...]
    sequences: tuple[SequenceFingerprint, ...]
    keys: tuple[int, ...]
    views: tuple[MaterializedView, ...]
    left_out: tuple[str, ...]


def survey_source(snapshot: HeldSnapshot, left_out: LeftOut, cancellation: Cancellation) -> Survey:
    """Look at a source, before its dump begins: where sequences stand then is what a dump's are never behind.

    Every table stays locked as pg_dump locks it (ACCESS SHARE) until the snapshot ends. Raises RefusedError when the role
    does not see everything, or when a table was emptied or rewritten since the snapshot was taken, which then shows none
    of its rows; and TookTooLongError when a lock is not to be had.
    """
    with snapshot.holder(cancellation) as connection:
        found = relations(connection, left_out)
        refuse_partial_view(connection, found)
        _lock(connection, found)
        return _survey(connection, left_out, found)


def survey_copy(snapshot: HeldSnapshot, left_out: LeftOut, cancellation: Cancellation) -> Survey:
    """Look at a copy, which nobody else changes."""
    with snapshot.holder(cancellation) as connection:
        found = relations(connection, left_out)
        refuse_partial_view(connection, found)
        return _survey(connection, left_out, found)


def _lock(connection: Connection, found: Iterable[Relation]) -> None:
    tables = [one for one in found if one.kind in "rp"]
    for start in range(0, len(tables), _AT_ONCE):
        names = [sql.Identifier(one.in_schema, one.name) for one in tables[start : start + _AT_ONCE]]
        each = sql.SQL(", ").join(sql.SQL("ONLY {}").format(name) for name in names)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(each))
    if not tables:
        return
    names_only = [shown_name(one.in_schema, one.name) for one in tables if one.kind == "r"]
    statement = sqlfiles.load("context", "rewritten").statement.encode()
    rewritten = connection.execute(statement, {"names": names_only}).fetchall()
    if rewritten:
        raise RefusedError(
            f"table {plain(rewritten[0][0], 160)} was emptied or rewritten while the backup began, so its snapshot shows no row of it",
            hint="run again when nothing empties or alters tables",
        )


def _survey(connection: Connection, left_out: LeftOut, found: Sequence[Relation]) -> Survey:
    steps = {row[0]: _Step(*row) for row in query(connection, "sequences", {"sequences": _oids(found, "S")})}
    sequences = _sequences(connection, [one for one in found if one.kind == "S"], steps)
    views = [one for one in found if one.kind == "m"]
    return Survey(
        tables=_tables(connection, found, steps.values()),
        sequences=tuple(sequences.values()),
        keys=tuple(sequences),
        views=tuple(MaterializedView(in_schema=one.in_schema, name=one.name, populated=one.populated) for one in views),
        left_out=lines_left_out(connection, left_out, found),
    )


def _oids(found: Iterable[Relation], kind: str) -> list[int]:
    return [one.oid for one in found if one.kind == kind]


@dataclass(frozen=True)
class _Step:
    """How a sequence steps, and the column of the table that it fills, if any."""

    sequence: int
    increment: int
    cycles: bool
    table: int | None
    column: str | None


def _sequences(
    connection: Connection, found: Sequence[Relation], steps: Mapping[int, _Step]
) -> dict[int, SequenceFingerprint]:
    known: dict[int, SequenceFingerprint] = {}
    for start in range(0, len(found), _AT_ONCE):
        some = found[start : start + _AT_ONCE]
        select = sql.SQL("SELECT {}, last_value, is_called FROM {}")
        each = [select.format(number, sql.Identifier(one.in_schema, one.name)) for number, one in enumerate(some)]
        for number, last_value, is_called in connection.execute(sql.SQL(" UNION ALL ").join(each)).fetchall():
            one = some[number]
            step = steps[one.oid]
            known[one.oid] = SequenceFingerprint(
                in_schema=one.in_schema,
                name=one.name,
                last_value=last_value,
                is_called=is_called,
                increment=step.increment,
                cycles=step.cycles,
            )
    return known


def _tables(connection: Connection, found: Sequence[Relation], steps: Iterable[_Step]) -> tuple[Table, ...]:
    by_oid = {one.oid: one for one in found if one.kind in "rp"}
    above = dict(query(connection, "ancestors", {"tables": _oids(found, "r")}))
    size: dict[int, int] = defaultdict(int)
    scattered = {oid for (oid,) in query(connection, "scattered")}
    for oid in _oids(found, "r"):
        ancestors = above.get(oid, [])
        size[ancestors[-1] if scattered & {*ancestors} else oid] += by_oid[oid].bytes
    columns = {
        oid: tuple(map(Column, names, sent))
        for oid, names, sent in query(connection, "columns", {"tables": list(size)})
    }
    fills = [step for step in steps if step.table is not None]
    return tuple(
        _table(
            by_oid[oid],
            size[oid],
            columns.get(oid, ()),
            [step for step in fills if step.table in (oid, *above.get(oid, []))],
        )
        for oid in size
    )


def _table(one: Relation, size: int, columns: tuple[Column, ...], fills: Iterable[_Step]) -> Table:
    ends = [End(step.sequence, step.column, step.increment > 0) for step in fills if step.column is not None]
    whole = one.kind == "p"
    return Table(one.in_schema, one.name, columns, tuple(ends), size, one.pages, one.condition or "", whole)
