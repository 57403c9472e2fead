"""A cancellation that ends earlier than the one it is made of: for one call of work that may take longer as a whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic

from pointsctl.model.cancellation import Cancellation


class Limited:
    """Implements Cancellation: asked to stop when `outer` is, over when `outer` is or after `seconds`."""

    def __init__(self, outer: Cancellation, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._outer, self._clock = outer, clock
        self._end = clock() + seconds

    def callback(self, stop: Callable[[], object]) -> AbstractContextManager[None]:
        """As the outer one's: whoever waits looks at `remaining` for the time."""
        return self._outer.callback(stop)

    @property
    def requested(self) -> bool:
        """Whether a stop was requested."""
        return self._outer.requested

    def remaining(self) -> float:
        """Seconds until the first of both limits; never negative."""
        return min(self._outer.remaining(), max(0.0, self._end - self._clock()))
