"""A pool of asynchronous connections for a service that works as another role than it logs in as."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from pointsctl.errors import ServerUnreachableError
from pointsctl.postgres.failures import translated

Row = Mapping[str, Any]
_Connection = psycopg.AsyncConnection[DictRow]


class StatementRefusedError(Exception):
    """The server refused a statement for what the caller asked: a constraint, or a code that a function raised.

    `sqlstate` is its five characters, `constraint` the name of the constraint (or empty), the text the server's message.
    """

    def __init__(self, sqlstate: str, constraint: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.constraint = constraint


@dataclass(frozen=True)
class Session:
    """One transaction of the service."""

    connection: _Connection

    async def rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """Run one statement and return its rows; raise StatementRefusedError, or pointsctl's errors when it broke."""
        with translated("answering a request"):
            try:
                cursor = await self.connection.execute(statement.encode(), parameters)
            except (psycopg.IntegrityError, psycopg.DataError) as error:
                raise _refused(error) from error
            except psycopg.Error as error:
                if (error.sqlstate or "").startswith("PT"):
                    raise _refused(error) from error
                raise
            return [] if cursor.description is None else list(await cursor.fetchall())

    async def row(self, statement: str, parameters: Mapping[str, object] | None = None) -> Row:
        """Like `rows`, for a statement that always gives one row."""
        return (await self.rows(statement, parameters))[0]


class ServicePool:
    """Connections that log in as the URL's role and then act as `role`, as the edge functions' gateway does."""

    def __init__(self, url: str, *, role: str, size: int = 8, wait: float = 3) -> None:
        async def become(connection: _Connection) -> None:
            await connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
            await connection.execute("set statement_timeout = '10s'; set lock_timeout = '5s'")
            await connection.commit()

        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            url,
            kwargs={"row_factory": dict_row, "application_name": "points-service"},
            min_size=1,
            max_size=size,
            timeout=wait,
            open=False,
            configure=become,
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=5,
        )

    async def open(self) -> None:
        """Start connecting; requests wait for a connection, so the server may come up later."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A transaction that is committed when the block ends well and rolled back otherwise."""
        try:
            async with self._pool.connection() as connection:
                yield Session(connection)
        except PoolTimeout as error:
            raise ServerUnreachableError("the database gave no connection in time", hint="run again shortly") from error


def _refused(error: psycopg.Error) -> StatementRefusedError:
    diagnostics = error.diag
    return StatementRefusedError(
        error.sqlstate or "", diagnostics.constraint_name or "", diagnostics.message_primary or type(error).__name__
    )
