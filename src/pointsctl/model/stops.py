"""What has to be called when work must end: the part that every cancellation has in common."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class Stops:
    """Callbacks that are called once, each from a thread of its own, when `pull` is called; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pulled = False
        self._stops: dict[object, Callable[[], object]] = {}

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the context is open, `stop` is called by `pull`; at once when that was called already."""
        key = object()
        with self._lock:
            already = self._pulled
            self._stops[key] = stop
        if already:
            stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.pop(key, None)

    def pull(self) -> None:
        """Call them; the first time only. Returns at once: a stop that waits for a dead network must not hold up the others."""
        with self._lock:
            if self._pulled:
                return
            self._pulled = True
            stops = list(self._stops.values())
        for stop in stops:
            threading.Thread(target=stop, daemon=True, name="stop").start()


Callbacks = Callable[[Callable[[], object]], AbstractContextManager[None]]
"""The method `callback` of a cancellation."""


@contextmanager
def once_by_either(first: Callbacks, second: Callbacks, stop: Callable[[], object]) -> Iterator[None]:
    """While the context is open, `stop` is called by whichever of the two calls first, and not by the other one."""
    taken = threading.Lock()

    def stop_once() -> None:
        if taken.acquire(blocking=False):
            stop()

    with first(stop_once), second(stop_once):
        yield
