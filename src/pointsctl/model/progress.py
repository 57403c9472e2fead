"""What long work tells whoever watches it: stages that begin, move and end, several of them at a time."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Unit(StrEnum):
    """What a stage counts."""

    BYTES = "bytes"
    ROWS = "rows"
    THINGS = "things"


class Progress(Protocol):
    """Told by the work, from any of its threads. Nothing that it does may end the work."""

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        """The stage `stage` (`dump`, `fingerprints`, `upload`) begins; `total` in the unit, None where nobody can know it."""

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """So much of the stage is done in all; `detail` says what it is at, such as `public.coupons`."""

    def end(self, stage: str, summary: str = "") -> None:
        """The stage has ended well."""


class NoProgress:
    """Watches nothing."""

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        """Ignored."""

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """Ignored."""

    def end(self, stage: str, summary: str = "") -> None:
        """Ignored."""
