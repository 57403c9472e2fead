"""What a look at the world is told about the end of its time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Cancellation(Protocol):
    """Tells a look that its time is up, from another thread."""

    def callback(self, stop: Callable[[], object]) -> AbstractContextManager[None]:
        """While the context is open, `stop` is called (once, from another thread) if the look must end."""

    @property
    def requested(self) -> bool:
        """Whether the look must end now."""

    def remaining(self) -> float:
        """Seconds until the time limit; never negative."""
