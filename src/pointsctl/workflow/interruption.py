"""Ends long work when the operator asks for it: a wish that is looked for while the work goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.check_environment import Surroundings

_LONGEST_S = 7 * 24 * 3600.0
_LOOK_S = 0.1


class Stoppable(TimeLimit):
    """A limit that leaves time when somebody asked to stop, so that the end is told as an interruption and not as a delay."""

    def remaining(self) -> float:
        """Seconds until the time is up; a request to stop takes none away."""
        return max(0.0, self._end - self._clock())


@contextmanager
def stoppable(surroundings: Surroundings) -> Iterator[Stoppable]:
    """What long work is given as its cancellation: asked to stop as soon as `surroundings.interrupted` says so."""
    limit = Stoppable(_LONGEST_S, surroundings.monotonic)
    done = threading.Event()

    def watch() -> None:
        while not (surroundings.interrupted() or done.wait(_LOOK_S)):
            pass
        if not done.is_set():
            limit.cancel("interrupted")

    watcher = threading.Thread(target=watch, daemon=True, name="interruption")
    watcher.start()
    try:
        yield limit
    finally:
        done.set()
        watcher.join()
