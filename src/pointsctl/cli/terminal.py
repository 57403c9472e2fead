"""The consoles of commands: one for results, without blanks at the ends of rows and silent when its pipe is closed; one for
what moves.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

_ECHOED = len("^C")


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
        self.push_render_hook(_WithoutBlanks())

    def on_broken_pipe(self) -> None:
        """Stay silent. rich would exit with 1, which is a verdict; that the pipe is closed is told at the end."""
        self.quiet = True


class MovingConsole(Console):
    """A console for lines that are drawn again and again, a little narrower than the terminal.

    A terminal echoes Ctrl-C as `^C` where the cursor stands. Behind a row of full width that begins another row, which nobody
    counted, and a line of the display stays behind.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        super().__init__(file=stream, width=width, highlight=False, markup=False, emoji=False)

    @property
    def options(self) -> ConsoleOptions:
        """The terminal's, without the columns of the echo."""
        found = super().options
        return found.update_width(max(1, found.max_width - _ECHOED))


class _WithoutBlanks(RenderHook):
    """Has everything printed without the blanks that rich fills the rows of a table up with."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Trimmed(one) for one in renderables]


@dataclass(frozen=True)
class _Trimmed:
    shown: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _trimmed(console.render(self.shown, options))


def _trimmed(segments: Iterable[Segment]) -> Iterator[Segment]:
    # A row may end with several segments of blanks: they are held back until something follows that is shown. What ends
    # without a line end, as a prompt does, keeps its blank.
    blanks: list[Segment] = []
    for segment in _by_line_ends(segments):
        if segment.text == "\n":
            blanks.clear()
        elif not segment.text.strip(" ") and not segment.control:
            blanks.append(segment)
            continue
        shown = segment.text.rstrip(" ")
        yield from blanks
        yield Segment(shown, segment.style, segment.control)
        blanks = [Segment(segment.text[len(shown) :], segment.style)] if shown != segment.text else []
    yield from blanks


def _by_line_ends(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        for number, text in enumerate(segment.text.split("\n")):
            if number:
                yield Segment.line()
            if text or segment.control:
                yield Segment(text, segment.style, segment.control)
