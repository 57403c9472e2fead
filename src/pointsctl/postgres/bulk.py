"""Loads many rows at once through COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pointsctl.errors import RefusedError
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated

# What an index costs for each row that goes in while it exists is more than building it once, from about this many rows on.
_WITHOUT_INDEXES_FROM = 20_000


class BulkLoad:
    """One transaction that fills tables; made by `bulk_load`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def copy(self, table: str, columns: tuple[str, ...], chunks: Iterable[bytes]) -> int:
        """Copy rows in COPY's text format (whole lines in each chunk) into public.`table`; return how many there were."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier("public", table), names)
        cursor = self._connection.cursor()
        with cursor.copy(statement) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return cursor.rowcount

    @contextmanager
    def rebuilding_indexes(self, table: str, rows: int) -> Iterator[None]:
        """Drop the plain indexes of public.`table` during the block when `rows` make that worthwhile, then build them again.

        The table is locked for everybody else until the transaction ends. Constraints and their indexes stay.
        """
        if rows < _WITHOUT_INDEXES_FROM or rows < self._estimated_rows(table):
            yield
            return
        definitions = self._connection.execute(
            "select format('%%I.%%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid) from pg_index i"
            " join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace"
            " where i.indrelid = ('public.' || quote_ident(%s))::regclass and not i.indisunique and i.indisvalid"
            " and not exists (select from pg_constraint where conindid = i.indexrelid)",
            (table,),
        ).fetchall()
        for name, _ in definitions:
            self._connection.execute(f"drop index {name}".encode())
        yield
        for _, definition in definitions:
            self._connection.execute(definition.encode())

    def _estimated_rows(self, table: str) -> float:
        row = self._connection.execute(
            "select reltuples from pg_class where oid = ('public.' || quote_ident(%s))::regclass", (table,)
        ).fetchone()
        return float(row[0]) if row else 0.0


@contextmanager
def bulk_load(url: str) -> Iterator[BulkLoad]:
    """Give a load in one transaction: everything is there after the block, or nothing.

    Raises RefusedError when rows with the same keys are there already, and pointsctl's errors for the rest.
    """
    with connect(url, autocommit=False) as connection, translated("loading rows"):
        try:
            yield BulkLoad(connection)
            connection.commit()
        except psycopg.errors.UniqueViolation as error:
            raise RefusedError(f"these rows are there already: {error.diag.message_primary}") from error


def vacuum_analyze(url: str, tables: tuple[str, ...]) -> None:
    """Tell the planner about new rows, and make index-only scans possible on them."""
    names = sql.SQL(", ").join(sql.Identifier("public", table) for table in tables)
    with connect(url) as connection, translated("analyzing tables"):
        connection.execute(sql.SQL("vacuum (analyze) {}").format(names))
