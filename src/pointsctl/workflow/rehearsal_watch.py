"""Watches a rehearsal: what each statement costs, how far it is, and what clients wait meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pointsctl.model.progress import Progress
from pointsctl.model.rehearsal import MeasuredStatement
from pointsctl.postgres.client_traffic import ClientTraffic, client_traffic
from pointsctl.postgres.measuring import Measuring

STAGE = "migrations"


class Watching:
    """Measures the tries at one file on the copy at `url`, of which the last counts; use it as a context.

    `before` statements of the stage were done already; `clock` counts seconds.
    """

    def __init__(self, url: str, clock: Callable[[], float], progress: Progress, before: int = 0) -> None:
        self._url, self._clock, self._progress, self._before = url, clock, progress, before
        self._newest: Measuring | None = None

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        if self._newest is not None:
            self._newest.close()

    def begin(self) -> Measuring:
        """The observer of a new try."""
        if self._newest is not None:
            self._newest.close()
        self._newest = Measuring(self._url, self._clock, self._tell)
        return self._newest

    @property
    def statements(self) -> tuple[MeasuredStatement, ...]:
        """What the newest try has measured, also when it failed."""
        return self._newest.statements if self._newest else ()

    def _tell(self, done: int, words: str) -> None:
        self._progress.move(STAGE, self._before + done, words)


def traffic_on(url: str, clock: Callable[[], float], *, wanted: bool) -> AbstractContextManager[ClientTraffic]:
    """Synthetic clients on the copy at `url` while the block runs; none unless they are wanted."""
    return client_traffic(url, clock) if wanted else nullcontext(ClientTraffic())
