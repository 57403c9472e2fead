"""A console that a closed pipe makes silent, so that the command comes to its end with its own exit code."""

from __future__ import annotations

import shutil
from typing import TextIO

from rich.console import Console


class Terminal(Console):
    """A console on `stream`: as wide as the terminal, 100 columns in a pipe, colour only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        terminal = stream.isatty()
        super().__init__(
            file=stream,
            width=shutil.get_terminal_size((100, 24)).columns,
            force_terminal=terminal,
            no_color=None if terminal else True,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def on_broken_pipe(self) -> None:
        """Stay silent. rich would exit with 1, which is a verdict; that the pipe is closed is told at the end."""
        self.quiet = True
