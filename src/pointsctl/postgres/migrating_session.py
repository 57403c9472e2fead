"""The connection that applies migrations, made again when it is lost, and what came of a file whose end nobody heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
from psycopg import errors as pg

from pointsctl.errors import PointsctlError, ServerUnreachableError
from pointsctl.model.cancellation import Cancellation
from pointsctl.postgres.blockers import BlockWatch
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.pooler import refuse_transaction_pooler
from pointsctl.postgres.work_lock import take_work_lock

_AGAIN_S = 1.0
_TIMES = 20


class MigratingSession:
    """One connection, opened when it is first asked for and again when it is gone. `name` is what servers show of it.

    `watch` looks from another connection whom it waits for; `has_history` is whether the history's table is known to be
    there. `sleep` waits for seconds between two attempts to reach a server that is starting again.
    """

    def __init__(
        self,
        url: str,
        name: str,
        lock_timeout: timedelta = timedelta(seconds=1),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = url
        self._name = name
        self._sleep = sleep
        self._connection: Connection | None = None
        self.pid = 0
        self.has_history = False
        self.watch = BlockWatch(url, lock_timeout)

    def open(self, cancellation: Cancellation) -> Connection:
        """The connection; its session holds the lock of migrations. Raises RefusedError while an earlier run's session
        works, or for a pooler that shares sessions, and what connecting raises.
        """
        if self._connection is None or self._connection.closed:
            connection = connect(self.url, application_name=self._name)
            try:
                refuse_transaction_pooler(connection, self.url)
                take_work_lock(connection, cancellation)
            except BaseException:
                connection.close()
                raise
            self._connection, self.pid = connection, _pid(connection)
        return self._connection

    def again(self, cancellation: Cancellation) -> Connection:
        """A new connection, as soon as the server accepts one and the lost session has ended; a minute at most."""
        self._end()
        for _ in range(_TIMES):
            try:
                return self.open(cancellation)
            except ServerUnreachableError:
                self._sleep(_AGAIN_S)
        return self.open(cancellation)

    def close(self) -> None:
        """End the session, where there is one, and what watches it."""
        self.watch.close()
        self._end()

    def _end(self) -> None:
        self.has_history = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def pause(seconds: float, cancellation: Cancellation) -> None:
    """Wait, and no longer than until the work is to end."""
    over = threading.Event()
    with cancellation.callback(over.set):
        over.wait(seconds)


def _pid(connection: Connection) -> int:
    """The server's process: what a pooler tells at the start is made up."""
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def is_lost(error: PointsctlError) -> bool:
    """Whether the session ended under the work, so that nobody has heard what came of it."""
    cause = error.__cause__
    ended = (pg.AdminShutdown, pg.CrashShutdown, pg.IdleInTransactionSessionTimeout)
    return isinstance(cause, ended) or (isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None)


def is_locked(error: PointsctlError) -> bool:
    """Whether somebody else's lock is why it failed, so that it may be tried again."""
    return isinstance(error.__cause__, (pg.LockNotAvailable, pg.DeadlockDetected))
