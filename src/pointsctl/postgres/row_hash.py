"""The statement that turns the rows of a table into one digest: the sum of their hashes (`model.fingerprint.METHOD`).

A sum of 64-bit hashes, never XOR, in which two equal rows cancel each other; numeric, so that it never overflows. Each row's
hash goes through the hash function once more: `hash_record_extended` adds up what its columns give, times a constant, and
a sum of such sums stays the same when two rows swap a value. It guards against accidents, not against somebody who
computes collisions: what the store holds is guarded by SHA-256.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql


@dataclass(frozen=True)
class Column:
    """A column and how its value goes into the hash: `sent` is empty (as it is), `text`, or a function that sends its type."""

    name: str
    sent: str


@dataclass(frozen=True)
class End:
    """The column that a sequence fills, and whether its values rise."""

    sequence: int
    column: str
    rising: bool


@dataclass(frozen=True)
class Table:
    """A table whose rows are compared. `whole` takes the rows of its partitions too; `pages` are 0 where rows cannot be
    read by their place; `condition` is SQL that limits the rows, as the extension that owns the table wrote it.
    """

    in_schema: str
    name: str
    columns: tuple[Column, ...]
    ends: tuple[End, ...] = ()
    bytes: int = 0
    pages: int = 0
    condition: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Piece:
    """Some pages of a table, or all of it: `until` None is its end, which moves while others write."""

    table: Table
    start: int = 0
    until: int | None = None

    @property
    def share(self) -> float:
        """How much of its table it is, from 0 to 1."""
        pages = self.table.pages
        return ((pages if self.until is None else self.until) - self.start) / pages if pages else 1.0


PIECE_PAGES = 8192


def pieces(table: Table) -> tuple[Piece, ...]:
    """The table in pieces that take a moment each, so that several connections share one table and the work can end soon."""
    if table.pages <= PIECE_PAGES or table.condition:
        return (Piece(table),)
    starts = range(0, table.pages, PIECE_PAGES)
    return tuple(Piece(table, start, start + PIECE_PAGES if start != starts[-1] else None) for start in starts)


def statement(piece: Piece) -> sql.Composed:
    """One row: the number of rows, their digest as text, and the end of each of the table's `ends`."""
    table = piece.table
    ends = [
        sql.SQL(", {}({})").format(sql.SQL("max" if one.rising else "min"), sql.Identifier(one.column))
        for one in table.ends
    ]
    row = _hash(sql.SQL("ROW({})").format(sql.SQL(", ").join(map(_value, table.columns))))
    mixed = _hash(sql.SQL("ROW(pg_catalog.int8send({}))").format(row))
    return sql.SQL(
        "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum({}), 0)::pg_catalog.text{} FROM {}{} {}"
    ).format(
        mixed,
        sql.Composed(ends),
        sql.SQL("" if table.whole else "ONLY "),
        sql.Identifier(table.in_schema, table.name),
        _limit(piece),
    )


def _hash(record: sql.Composed) -> sql.Composed:
    return sql.SQL("pg_catalog.hash_record_extended({}, 0)").format(record)


def _value(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    if not column.sent:
        return sql.Composed([name])
    if column.sent == "text":
        # In a collation that takes letters for equal, they have one hash.
        return sql.SQL('{}::pg_catalog.text COLLATE pg_catalog."C"').format(name)
    return sql.SQL("{}({})").format(sql.Identifier("pg_catalog", column.sent), name)


def _limit(piece: Piece) -> sql.Composable:
    if piece.table.condition:
        return sql.SQL(piece.table.condition)  # the extension's own SQL, which pg_dump runs too
    if piece.start == 0 and piece.until is None:
        return sql.SQL("")
    bounds = [("<", piece.until)] if piece.until is not None else []
    parts = [sql.SQL("ctid >= {}").format(f"({piece.start},0)")]
    parts += [sql.SQL("ctid {} {}").format(sql.SQL(sign), f"({page},0)") for sign, page in bounds]
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(parts))


def by_size(tables: Sequence[Table]) -> list[Piece]:
    """All pieces, those of the largest table first, so that nobody is left alone with it at the end."""
    return [piece for table in sorted(tables, key=lambda one: -one.bytes) for piece in pieces(table)]
