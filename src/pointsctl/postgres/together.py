"""Two pieces of work at the same time, which begin and end together: when one fails, the other is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.stops import Stops, once_by_either

_One = TypeVar("_One")
_Other = TypeVar("_Other")


def together(
    cancellation: Cancellation, one: Callable[[Cancellation], _One], other: Callable[[Cancellation], _Other]
) -> tuple[_One, _Other]:
    """What both give. Each gets a cancellation that also asks to stop when the other one has failed.

    Raises what was raised first: what the other says when it is stopped is only a consequence.
    """
    shared = _Shared(cancellation)
    results: list[_Other] = []

    def run_other() -> None:
        with shared.watching():
            results.append(other(shared))

    thread = threading.Thread(target=run_other, name="beside", daemon=True)
    thread.start()
    first: list[_One] = []
    with shared.watching():
        first.append(one(shared))
    thread.join()
    if shared.failure is not None:
        raise shared.failure
    return first[0], results[0]


class _Shared:
    """Implements `pointsctl.model.cancellation.Cancellation`."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._stops = Stops()
        self.failure: BaseException | None = None

    @property
    def requested(self) -> bool:
        return self._cancellation.requested or self.failure is not None

    def remaining(self) -> float:
        return self._cancellation.remaining()

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        with once_by_either(self._cancellation.callback, self._stops.callback, stop):
            yield

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keeps the first failure of the block, of any thread, and stops the others."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001  (raised again by `together`)
            with self._lock:
                self.failure = self.failure or error
            self._stops.pull()
