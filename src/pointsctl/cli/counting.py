"""Shows how far a long count has come: one line that changes on a terminal, a line now and then anywhere else."""

from __future__ import annotations

from contextlib import suppress
from typing import TextIO

_PLAIN_STEP = 100_000
_CLEAR = "\r\x1b[K"


class Counting:
    """Told the number of records so far; what cannot be written is dropped, because it is not the result."""

    def __init__(self, stream: TextIO, *, ci: bool) -> None:
        self._stream = stream
        self._live = stream.isatty() and not ci
        self._shown = False
        self._next = _PLAIN_STEP

    def __call__(self, number: int) -> None:
        """Show the number."""
        if self._live:
            self._shown = True
            self._write(f"{_CLEAR}{number:,} records")
        elif number >= self._next:
            self._next = number - number % _PLAIN_STEP + _PLAIN_STEP
            self._write(f"{number:,} records\n")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            self._shown = False
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
