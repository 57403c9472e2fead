"""Loads many rows at once through COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from pointsctl.errors import RefusedError
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated

# What an index costs for each row that goes in while it exists is more than building it once, from about this many rows on.
_WITHOUT_INDEXES_FROM = 20_000


# For each index of a table but the primary key's and those that foreign keys of others need: how to drop it, how to build it.
_DROP_AND_BUILD = """
select
    case when k.oid is null then format('drop index %%I.%%I', n.nspname, c.relname)
         else format('alter table %%s drop constraint %%I', i.indrelid::regclass, k.conname) end,
    case when k.oid is null then pg_get_indexdef(c.oid)
         else format('alter table %%s add constraint %%I %%s', i.indrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) end
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
join pg_namespace as n on n.oid = c.relnamespace
left join pg_constraint as k on k.conindid = c.oid and k.contype in ('u', 'x')
where i.indrelid = ('public.' || quote_ident(%s))::regclass and i.indisvalid and not i.indisprimary
    and not exists (select from pg_constraint as f where f.conindid = c.oid and f.contype = 'f')
order by c.relname
"""


class BulkLoad:
    """One transaction that fills tables; made by `bulk_load`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def copy(self, table: str, columns: tuple[str, ...], chunks: Iterable[bytes]) -> int:
        """Copy rows in COPY's text format (whole lines in each chunk) into public.`table`; return how many there were."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier("public", table), names)
        cursor = self._connection.cursor()
        # A thread of its own does the writing, so that making rows and storing them go on at the same time.
        with cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return cursor.rowcount

    @contextmanager
    def rebuilding_indexes(self, table: str, rows: int) -> Iterator[None]:
        """Drop the indexes of public.`table` during the block when `rows` make that worthwhile, then build them again.

        Unique constraints come back too, which proves all rows at once; the primary key stays, since others refer to it. The
        table is locked for everybody else until the transaction ends.
        """
        if rows < _WITHOUT_INDEXES_FROM or 2 * rows < self._estimated_rows(table):
            yield
            return
        definitions = self._connection.execute(_DROP_AND_BUILD, (table,)).fetchall()
        for drop, _ in definitions:
            self._connection.execute(drop.encode())
        yield
        for _, build in definitions:
            self._connection.execute(build.encode())

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
