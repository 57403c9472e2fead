"""Measures the stages of long work while it tells somebody else of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from pointsctl.model.progress import Progress, Unit


@dataclass(frozen=True)
class StageTime:
    """A stage that has ended: how much it did, in its unit, and how long that took, in seconds."""

    stage: str
    unit: Unit
    done: int
    seconds: float


class Stopwatch:
    """Passes everything on to `inner`. `clock` counts seconds. Any thread may call it."""

    def __init__(self, inner: Progress, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, tuple[float, StageTime]] = {}
        self._ended: list[StageTime] = []

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        """Note when it begins."""
        with self._lock:
            self._running[stage] = (self._clock(), StageTime(stage, unit, 0, 0.0))
        self._inner.begin(stage, unit, total)

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """Note how far it is."""
        with self._lock:
            if stage in self._running:
                began, known = self._running[stage]
                self._running[stage] = (began, replace(known, done=max(done, known.done)))
        self._inner.move(stage, done, detail)

    def end(self, stage: str, summary: str = "") -> None:
        """Note how long it took."""
        with self._lock:
            if stage in self._running:
                began, known = self._running.pop(stage)
                self._ended.append(replace(known, seconds=self._clock() - began))
        self._inner.end(stage, summary)

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """Every stage that has ended, in the order of their ends."""
        with self._lock:
            return tuple(self._ended)
