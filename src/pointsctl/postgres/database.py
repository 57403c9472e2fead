"""One database during one run: readers that share a snapshot, and scratch transactions that are always rolled back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
from psycopg import pq

from pointsctl.errors import ConnectionLostError, PointsctlError, RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import statement_failed
from pointsctl.postgres.identity import Identity, identify
from pointsctl.postgres.pins import pin

_LOCK_TIMEOUT = timedelta(seconds=2)
_LOOK = "the look at the database"


class Database:
    """Access to one database for the length of a run; safe to use from several threads.

    Every reader sees the same snapshot, taken by the first one, so that all audits agree with each other. The first
    connection that fails, fails for everybody: thirty items do not wait for thirty time-outs.
    """

    def __init__(self, url: str, *, lock_timeout: timedelta = _LOCK_TIMEOUT) -> None:
        self._url = url
        self._lock_timeout = lock_timeout
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._idle: list[Connection] = []
        self._open: list[Connection] = []
        self._snapshot: str | None = None
        self._identity: Identity | None = None
        self._broken: PointsctlError | None = None

    def identity(self) -> Identity:
        """Who the server says this database is, in the same session that holds the snapshot."""
        self._ensure_snapshot()
        if self._identity is None:
            raise AssertionError("a snapshot without an identity")
        return self._identity

    @property
    def known_identity(self) -> Identity | None:
        """The identity if the server has been asked already; asks nothing."""
        return self._identity

    @contextmanager
    def reader(self, cancellation: Cancellation) -> Iterator[Connection]:
        """A read-only connection in the shared REPEATABLE READ snapshot; what the block sets is undone afterwards.

        `search_path` holds only pg_catalog: statements name their schemas. Raises pointsctl's errors.
        """
        connection = self._take_reader()
        healthy = False
        try:
            connection.execute("SAVEPOINT look")
            with cancellable(connection, cancellation, _LOOK):
                self._limit(connection, cancellation)
                yield connection
            healthy = self._recover(connection)
        except psycopg.Error as error:
            healthy = self._recover(connection)
            raise statement_failed(error, "reading the database") from error
        except BaseException:
            healthy = self._recover(connection)
            raise
        finally:
            self._give_back(connection, healthy=healthy)

    @contextmanager
    def scratch(self, cancellation: Cancellation) -> Iterator[Connection]:
        """A connection in a read-write transaction of its own that is rolled back however the block ends.

        Raises RefusedError when a URL with several hosts leads to another database than the readers'.
        """
        known = self.identity()
        connection = connect(self._url, autocommit=True)
        try:
            with cancellable(connection, cancellation, _LOOK):
                connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
                pin(connection)
                self._limit(connection, cancellation)
                _refuse_other(known, identify(connection))
                yield connection
        except psycopg.Error as error:
            raise statement_failed(error, "trying the database") from error
        finally:
            with suppress(psycopg.Error):  # closing ends the transaction as well; this only makes it immediate
                connection.execute("ROLLBACK")
            connection.close()

    def close(self) -> None:
        """End every reader; the snapshot is gone afterwards."""
        with self._lock:
            connections, self._open, self._idle = self._open, [], []
            self._broken = self._broken or ConnectionLostError("the run is over", hint="open the database again")
        for connection in connections:
            connection.close()

    def _take_reader(self) -> Connection:
        self._ensure_snapshot()
        with self._lock:
            if self._broken:
                raise self._broken
            if self._idle:
                return self._idle.pop()
        return self._open_reader(self._snapshot)

    def _ensure_snapshot(self) -> None:
        with self._opening:
            if self._broken:
                raise self._broken
            if self._snapshot is None:
                try:
                    self._export_snapshot()
                except PointsctlError as error:
                    self._broken = error
                    raise

    def _export_snapshot(self) -> None:
        connection = self._open_reader(None)
        try:
            self._identity = identify(connection)
            row = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
        except psycopg.Error as error:
            raise statement_failed(error, "exporting a snapshot") from error
        self._snapshot = row[0] if row else None
        self._idle.append(connection)

    def _open_reader(self, snapshot: str | None) -> Connection:
        connection = connect(self._url, autocommit=True)
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if snapshot is not None:
                connection.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
            pin(connection)
        except psycopg.Error as error:
            connection.close()
            raise self._lost(statement_failed(error, "joining the run's snapshot")) from error
        with self._lock:
            self._open.append(connection)
        return connection

    def _limit(self, connection: Connection, cancellation: Cancellation) -> None:
        milliseconds = max(1, round(cancellation.remaining() * 1000))
        locks = round(self._lock_timeout.total_seconds() * 1000)
        connection.execute(
            "SELECT pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true)",
            (str(milliseconds), str(locks)),
        )

    def _recover(self, connection: Connection) -> bool:
        # After a failed statement the savepoint brings the transaction, and with it the snapshot, back to life.
        with suppress(psycopg.errors.QueryCanceled):  # a cancel may arrive late, and then hits this instead
            if self._rolled_back(connection):
                return True
        return self._rolled_back(connection)

    def _rolled_back(self, connection: Connection) -> bool:
        if connection.closed or connection.info.transaction_status == pq.TransactionStatus.UNKNOWN:
            return False
        try:
            connection.execute("ROLLBACK TO SAVEPOINT look")
            connection.execute("RELEASE SAVEPOINT look")
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.Error:
            return False
        return True

    def _give_back(self, connection: Connection, *, healthy: bool) -> None:
        if healthy:
            with self._lock:
                self._idle.append(connection)
            return
        connection.close()
        self._lost(
            ConnectionLostError("a reader of the run's snapshot was lost", hint="run again when the server is up")
        )

    def _lost(self, error: PointsctlError) -> PointsctlError:
        """Once a reader is lost nobody takes a new snapshot quietly: its findings would not agree with the earlier ones."""
        if isinstance(error, ConnectionLostError):
            with self._lock:
                self._broken = self._broken or error
        return error


def _refuse_other(known: Identity, here: Identity) -> None:
    if not here.same_database(known):
        raise RefusedError(
            f"the address led to the database {known.database!r} first, and then to {here.database!r} of another server",
            hint="name one host in database_url",
        )
