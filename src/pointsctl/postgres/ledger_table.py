"""The rows of `public.migration_audit`: appended under the server's lock, read as a stream, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from psycopg import errors as pg
from psycopg import pq, sql

from pointsctl.errors import PointsctlError, TookTooLongError
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.ledger import EMPTY, Head, Row
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify

LOCK_KEY = 8103228538941106034
"""The advisory lock that the table's trigger takes for every record."""

_LOCK_TIMEOUT_MS = 10_000
_QUERIES = "ledger/queries"
# What `_pin` does one by one, in one message: to a distant server, a migration's record should cost little.
_PIN_WRITER = (
    b"SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL lock_timeout = %d; SET LOCAL synchronous_commit = on"
    % _LOCK_TIMEOUT_MS
)
_ALL = 2**63 - 1


class LedgerTable:
    """The table on one connection; each call is a transaction of its own unless it is made inside `writing`."""

    def __init__(self, url: str, *, lock_timeout_ms: int = _LOCK_TIMEOUT_MS) -> None:
        self._url = url
        self._lock_timeout_ms = lock_timeout_ms
        self._connection = connect(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    @contextmanager
    def writing(self, what: str) -> Iterator[Connection]:
        """A transaction that is committed when the block ends well, and leaves nothing otherwise; `what` names it in errors.

        Inside another one it is part of that.
        """
        if self._inside():
            with translated(what):
                yield self._connection
            return
        try:
            with translated(what), self._connection.transaction():
                # Explicitly: a role's or database's own defaults must not decide what a writer sees after waiting.
                self._connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE")
                _pin(self._connection, lock_timeout_ms=self._lock_timeout_ms)
                yield self._connection
        except PointsctlError as error:
            if isinstance(error.__cause__, pg.LockNotAvailable):
                raise self._waited(what, error) from error
            raise

    @contextmanager
    def reading(self, what: str) -> Iterator[Connection]:
        """A read-only transaction with one snapshot; inside `writing` it is part of that one."""
        inside = self._inside()
        with translated(what), self._connection.transaction():
            if not inside:
                self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _pin(self._connection, lock_timeout_ms=self._lock_timeout_ms)
            yield self._connection

    def _inside(self) -> bool:
        return self._connection.info.transaction_status is pq.TransactionStatus.INTRANS

    def lock(self) -> None:
        """Wait for all other writers; the lock is held until the transaction of `writing` ends."""
        self._connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (LOCK_KEY,))

    def identity(self) -> Identity:
        """Which database this is."""
        return identify(self._connection)

    def now(self) -> datetime:
        """The database's clock."""
        with self.reading("reading the database's clock") as connection:
            (moment,) = _one(connection, b"SELECT clock_timestamp()")
        return moment  # type: ignore[no-any-return]  # the server's timestamptz

    def head(self) -> Head:
        """The last record, or EMPTY."""
        with self.reading("reading the ledger's head") as connection:
            row = connection.execute(_statement("head")).fetchone()
        return Head(*row) if row else EMPTY

    def hash_at(self, seq: int) -> str | None:
        """The hash of the record `seq`, if there is one."""
        with self.reading("reading the ledger") as connection:
            row = connection.execute(_statement("hash-at"), {"seq": seq}).fetchone()
        return row[0] if row else None

    def last_of(self, kind: str) -> int | None:
        """The seq of the last record of the kind, if there is one."""
        with self.reading("reading the ledger") as connection:
            (seq,) = _one(connection, _statement("last-of"), {"kind": kind})
        return int(seq) if seq is not None else None

    def row(self, seq: int) -> Row | None:
        """The row `seq`, if there is one."""
        with self.reading("reading the ledger") as connection:
            row = connection.execute(_statement("rows"), {"after": seq - 1, "until": seq, "kinds": None}).fetchone()
        return Row(*row) if row else None

    def insert(self, values: Mapping[str, object]) -> Row:
        """Append a row inside `writing` and return what is stored; `values` holds every column that a writer may fill."""
        return insert_row(self._connection, values)

    def rows(self, after: int, until: int | None, kinds: Sequence[str] | None) -> Iterator[Row]:
        """The rows with `after` < seq <= `until`, by seq, in one snapshot of a connection of their own.

        They arrive one by one, so that memory holds one at a time however many and however large they are.
        """
        with connect(self._url) as connection, translated("reading the ledger"):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _pin(connection, lock_timeout_ms=self._lock_timeout_ms)
            given = {"after": after, "until": _ALL if until is None else until, "kinds": list(kinds) if kinds else None}
            with connection.cursor() as cursor:
                yield from map(Row._make, cursor.stream(_statement("rows"), given))

    def _waited(self, what: str, error: PointsctlError) -> TookTooLongError:
        """Names who holds the lock: another operator's session that should be looked at."""
        with self.reading("looking for the holder of the ledger's lock") as connection:
            row = connection.execute(_statement("lock-holder"), {"key": LOCK_KEY}).fetchone()
        message = f"{what}: waited {self._lock_timeout_ms / 1000:g} s for another session"
        if row is None:
            return TookTooLongError(message, hint=error.hint)
        pid, name, since = row
        who = f"{message}, process {pid} ({plain(name or 'application unknown')})"
        held = f", which holds the ledger in a transaction since {utc_text(since)}" if since else ""
        return TookTooLongError(f"{who}{held}", hint=f"end that transaction, or run SELECT pg_terminate_backend({pid})")


def insert_row(connection: Connection, values: Mapping[str, object]) -> Row:
    """Append a row in the transaction that is open on `connection`, and return what is stored."""
    return Row(*_one(connection, _statement("append"), values))


def pin_writer(connection: Connection) -> None:
    """For the rest of the transaction that is open on `connection`, names and waiting are as `LedgerTable.writing` has them."""
    connection.execute(_PIN_WRITER)


def _pin(connection: Connection, *, lock_timeout_ms: int) -> None:
    # By itself and first: until then, names in a statement may mean what the database's own search_path says.
    connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(lock_timeout_ms))
    # A record that was reported must survive a crash; a database may have been told not to wait for that.
    connection.execute("SET LOCAL synchronous_commit = on")


def _statement(name: str) -> bytes:
    return sqlfiles.load(_QUERIES, name).statement.encode()


def _one(connection: Connection, statement: bytes, given: Mapping[str, object] | None = None) -> tuple[Any, ...]:
    row = connection.execute(statement, given).fetchone()
    if row is None:
        raise AssertionError("a statement that always gives a row gave none")
    return row
