"""The locks of a session whose statement commits on its own, sampled from another connection while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.relation_look import locks

_EVERY_S = 0.002


@dataclass
class Held:
    """When a lock was first and last seen, in seconds."""

    first: float
    last: float


@dataclass
class LockSampling:
    """Looks at the locks of the session `pid` every few milliseconds; one that is held for less may be missed.

    Until `end`, the connection is the sampling's alone. `clock` gives seconds.
    """

    connection: Connection
    pid: int
    clock: Callable[[], float]
    _seen: dict[tuple[int, str], Held] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    def begin(self) -> Self:
        """Start to look, in a thread of its own."""
        self._thread = threading.Thread(target=self._repeat, daemon=True, name="locks")
        self._thread.start()
        return self

    def end(self) -> Mapping[tuple[int, str], Held]:
        """Look no more; each relation's oid and mode that was seen. Raises what a look has raised."""
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._seen

    def _repeat(self) -> None:
        try:
            with translated("looking at the locks of a migration"):
                self._look()
                while not self._over.wait(_EVERY_S):
                    self._look()
        except BaseException as error:  # noqa: BLE001  (raised again by `end`)
            self._failure = error

    def _look(self) -> None:
        now = self.clock()
        for lock in locks(self.connection, self.pid):
            self._seen.setdefault(lock, Held(now, now)).last = now
