"""What synthetic clients ask of a table: one row by its key, and one row written as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from pointsctl.model.fingerprint import shown_name
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection

_ROWS = 50


@dataclass(frozen=True)
class ClientTable:
    """A table as clients know it: its key and its columns; `written` is one that may be set to what it is, if there is any."""

    in_schema: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    written: str | None
    keys: tuple[tuple[str, ...], ...]

    @property
    def shown(self) -> str:
        """`public.coupons`, for people."""
        return shown_name(self.in_schema, self.name)

    @property
    def read(self) -> sql.Composed:
        """SELECT of one row, with every column by its name, as a program has it that was written before the migration."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, self._named, self._one_row)

    @property
    def write(self) -> sql.Composed | None:
        """UPDATE of one row that changes nothing in it."""
        if self.written is None:
            return None
        column = sql.Identifier(self.written)
        return sql.SQL("UPDATE {} SET {} = {} WHERE {}").format(self._named, column, column, self._one_row)

    @property
    def _named(self) -> sql.Identifier:
        return sql.Identifier(self.in_schema, self.name)

    @property
    def _one_row(self) -> sql.Composed:
        return sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(one)) for one in self.key)


def client_tables(connection: Connection, most: int) -> tuple[ClientTable, ...]:
    """The largest tables that have rows and a primary key. Raises psycopg.Error."""
    statement = sqlfiles.load("rehearsal", "largest-tables").statement.encode()
    rows = connection.execute(statement, {"most": most}).fetchall()
    found = [_table(connection, *row) for row in rows]
    return tuple(one for one in found if one.keys)


def send(connection: Connection, statement: sql.Composed, key: Sequence[str]) -> None:
    """One request in a transaction of its own, which is rolled back, so that the copy stays as it is. Raises psycopg.Error."""
    with connection.transaction(force_rollback=True):
        connection.execute(statement, key)


def _table(
    connection: Connection, in_schema: str, name: str, key: list[str], columns: list[str], written: str | None
) -> ClientTable:
    # Text finds its type by what it is compared with, whatever that is.
    chosen = sql.SQL(", ").join(sql.SQL("{}::pg_catalog.text").format(sql.Identifier(one)) for one in key)
    select = sql.SQL("SELECT {} FROM {} LIMIT {}").format(chosen, sql.Identifier(in_schema, name), _ROWS)
    keys = tuple(connection.execute(select).fetchall())
    return ClientTable(in_schema, name, tuple(key), tuple(columns), written, keys)
