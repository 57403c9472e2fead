"""One work for several things at a time, which all end when one of them fails or somebody asks to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from pointsctl.model.cancellation import Cancellation

S = TypeVar("S")
T = TypeVar("T")


def for_each(things: Sequence[S], work: Callable[[S], T], jobs: int, stop: Stop) -> list[T]:
    """Do the work for all, `jobs` at a time, and give the results in order. The first error stops the others."""
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="transfer") as pool:
        futures = [pool.submit(work, thing) for thing in things]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        failed = [one for one in done if one.exception() is not None]
        if failed:
            stop.now()
            pool.shutdown(wait=True, cancel_futures=True)
            raise _first(failed)
        return [one.result() for one in futures]


def _first(failed: Sequence[Future[T]]) -> BaseException:
    error = failed[0].exception()
    if error is None:
        raise AssertionError("a future that failed without an error")
    return error


class Stop:
    """The caller's cancellation, which also ends everything when one object has failed."""

    def __init__(self, outer: Cancellation) -> None:
        self._outer = outer
        self._lock = threading.Lock()
        self._stopped = False
        self._stops: dict[object, Callable[[], object]] = {}

    @property
    def requested(self) -> bool:
        """Whether the work must end now."""
        return self._stopped or self._outer.requested

    def remaining(self) -> float:
        """Seconds until the caller's time limit."""
        return self._outer.remaining()

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the context is open, `stop` is called when the work must end."""
        key = object()
        with self._lock:
            already = self._stopped
            self._stops[key] = stop
        if already:
            stop()
        try:
            with self._outer.callback(stop):
                yield
        finally:
            with self._lock:
                self._stops.pop(key, None)

    def now(self) -> None:
        """End it."""
        with self._lock:
            self._stopped = True
            stops = list(self._stops.values())
        for stop in stops:
            threading.Thread(target=stop, daemon=True, name="stop").start()
