"""Notices at once when a connection that must last is lost, and stops whatever waits for it."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq

from pointsctl.errors import ConnectionLostError, InterruptedByOperatorError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.stops import Stops, once_by_either
from pointsctl.postgres.connection import Connection


class Watch:
    """Watches a connection in a transaction, by waiting for its socket: an idle session has nothing else to say."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._use = threading.Lock()
        self._stops = Stops()
        self._wake, self._woken = socket.socketpair()
        self.lost = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch")
        self._thread.start()

    @contextmanager
    def using(self) -> Iterator[Connection]:
        """The connection, for one thread at a time."""
        with self._use:
            yield self._connection

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the context is open, `stop` is called (from another thread) if the connection is lost."""
        with self._stops.callback(stop):
            yield

    def look(self) -> None:
        """Ask the session whether its transaction is alive still."""
        with self._use, suppress(psycopg.Error):
            self._connection.execute("SELECT 1")
        if self._connection.info.transaction_status is not pq.TransactionStatus.INTRANS:
            self._lose()

    def refuse_lost(self, cause: BaseException | None) -> None:
        """Raises ConnectionLostError from `cause` when the connection is known to be lost; asks nothing."""
        if self.lost and not isinstance(cause, (ConnectionLostError, InterruptedByOperatorError)):
            raise ConnectionLostError(
                "the connection that held the snapshot was lost, so what was read proves nothing",
                hint="run again when the server is up; see its log for what ended the session",
            ) from cause

    def end(self) -> None:
        """Watch no more."""
        self._wake.close()
        self._thread.join()
        self._woken.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            with suppress(psycopg.Error, OSError, ValueError):  # a connection that is lost already has no socket
                selector.register(self._connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self.lost:
                if any(key.fileobj is self._woken for key, _ in selector.select()):
                    return
                self._check()

    def _check(self) -> None:
        with self._use:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT 1")
            gone = self._connection.closed
        if gone:
            self._lose()

    def _lose(self) -> None:
        self.lost = True
        self._stops.pull()


class Guard:
    """A `model.cancellation.Cancellation` that asks to stop when another one does, or when a watched connection is lost."""

    def __init__(self, cancellation: Cancellation, watch: Watch) -> None:
        self._cancellation = cancellation
        self._watch = watch

    @property
    def requested(self) -> bool:
        """Whether the work must end now."""
        return self._cancellation.requested or self._watch.lost

    def remaining(self) -> float:
        """Seconds until the time limit; never negative."""
        return 0.0 if self._watch.lost else self._cancellation.remaining()

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the context is open, `stop` is called (once, from another thread) if the work must end."""
        with once_by_either(self._cancellation.callback, self._watch.callback, stop):
            yield
