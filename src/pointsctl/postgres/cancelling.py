"""Ends what a connection runs when the time of the look is up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.connection import Connection

_CANCEL_TIMEOUT_S = 5.0
_CANCEL_INTERVAL_S = 0.1


@contextmanager
def cancellable(connection: Connection, cancellation: Cancellation, what: str) -> Iterator[None]:
    """While the block runs, statements of the connection are cancelled as soon as `cancellation` asks for it.

    `what` names the work in the error. Raises TookTooLongError or InterruptedByOperatorError before and after the block.
    """
    stop_if_over(cancellation, what)
    stopper = _Stopper(connection)
    with cancellation.callback(stopper.start):
        try:
            yield
        finally:
            stopper.end()
    # A cancel that met no running statement must not leave an answer behind that nobody wanted any more.
    stop_if_over(cancellation, what)


class _Stopper:
    """Cancels what a connection runs, again and again until the look has ended: between two statements a cancel hits nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gate = threading.Lock()
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to cancel, in a thread of its own, and return at once."""
        threading.Thread(target=self._repeat, daemon=True, name="cancel").start()

    def end(self) -> None:
        """Cancel nothing from now on; the connection goes on to somebody else."""
        with self._gate:
            self._over.set()

    def _repeat(self) -> None:
        while not self._over.is_set():
            with self._gate, suppress(psycopg.Error):
                if not self._over.is_set():
                    self._connection.cancel_safe(timeout=_CANCEL_TIMEOUT_S)
            self._over.wait(_CANCEL_INTERVAL_S)
