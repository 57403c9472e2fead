"""The time limit of one look: tells the look to stop, once, from outside its thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pointsctl.model.stops import Stops


class TimeLimit:
    """Implements `pointsctl.model.cancellation.Cancellation` against an injected monotonic clock (seconds)."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._lock = threading.Lock()
        self._stops = Stops()
        self.reason = ""

    @property
    def requested(self) -> bool:
        """Whether the look must end now."""
        return bool(self.reason)

    @property
    def over(self) -> bool:
        """Whether the time is up, asked to stop or not."""
        return self._clock() >= self._end

    def remaining(self) -> float:
        """Seconds until the time is up; never negative."""
        return 0.0 if self.requested else max(0.0, self._end - self._clock())

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the context is open, `stop` is called when the look must end; at once if it must end already."""
        with self._stops.callback(stop):
            yield

    def cancel(self, reason: str) -> None:
        """Ask the look to end. Returns at once: a stop that waits for a dead network must not hold up the others."""
        with self._lock:
            if self.requested:
                return
            self.reason = reason
        self._stops.pull()
