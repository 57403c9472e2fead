"""Shows a run while it goes on: moving lines on a terminal, one plain line an item anywhere else."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from pointsctl.model.checklist import Item
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.run import Run
from pointsctl.workflow.observer import Observer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.text import Text

_SUMMARY = 300
_LONGEST_NAME = 60
_BAD = (Outcome.FAIL, Outcome.ERROR)


class RunProgress(Observer, Protocol):
    """An observer of a run that can be put away at any time."""

    def close(self) -> None:
        """Leave the terminal as it was; harmless when nothing is shown, and when called again."""


class Forgiving(io.TextIOBase):
    """A stream that drops what cannot be written.

    Progress is not the result: a terminal that hung up, or a reader that went away, must not end a run whose report goes
    elsewhere.
    """

    def __init__(self, stream: TextIO) -> None:
        self._to = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._to.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._to.flush()

    def isatty(self) -> bool:
        return not self._to.closed and self._to.isatty()

    def fileno(self) -> int:
        return self._to.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in typeshed, read-only in fact
        return self._to.encoding or "utf-8"


def progress_for(stream: TextIO, *, ci: bool, report_follows: bool = False) -> RunProgress:
    """Moving lines where `stream` is a terminal and nobody says that this is CI, else plain lines.

    `report_follows` says that the report will be written to the same terminal.
    """
    return LiveProgress(stream, brief=report_follows) if stream.isatty() and not ci else PlainProgress(stream)


class PlainProgress:
    """One line for each item when it ends, such as `[3/41] pass security.rls-enabled (12 ms): 3 tables looked at`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = cast("TextIO", Forgiving(stream))
        self._lock = threading.Lock()
        self._total = self._done = 0

    def run_started(self, items: Sequence[Item]) -> None:
        """Remember how many there are."""
        with self._lock:
            self._total, self._done = len(items), 0

    def item_started(self, item: Item, environment: str) -> None:
        """Nothing: a line is written when there is a result."""

    def item_finished(self, finding: Finding) -> None:
        """Write the line."""
        with self._lock:
            self._done += 1
            self._write(finding)

    def run_finished(self, run: Run) -> None:
        """Nothing: the report says the rest."""

    def close(self) -> None:
        """Nothing to put away."""

    def _write(self, finding: Finding) -> None:
        time, summary = elapsed(finding.duration_ms), plain(finding.observation.summary, _SUMMARY)
        counted = f"[{self._done}/{self._total}]" if self._total else f"[{self._done}]"
        self._stream.write(f"{counted} {finding.outcome.value} {plain(finding.id)} ({time}): {summary}\n")
        self._stream.flush()


class LiveProgress:
    """What runs now and for how long, at the bottom of the terminal; results scroll above it.

    When `brief`, only what is bad scrolls: the report that follows shows everything, and nobody reads a list twice.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None, brief: bool = False) -> None:
        self._brief = brief
        self._stream = cast("TextIO", Forgiving(stream))
        self._width = width
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._whole: TaskID | None = None
        self._total = self._done = 0
        self._running: dict[str, TaskID] = {}

    def run_started(self, items: Sequence[Item]) -> None:
        """Begin to move."""
        self.close()
        with self._lock:
            self._progress = _moving(self._stream, self._width)
            self._whole = self._progress.add_task("items", total=len(items), counted=f"0/{len(items)}")
            self._running.clear()
            self._total, self._done = len(items), 0
            self._progress.start()

    def item_started(self, item: Item, environment: str) -> None:
        """Add a line that counts the seconds."""
        with self._lock:
            if self._progress is not None:
                name = plain(f"{item.id} on {environment}", _LONGEST_NAME)
                self._running[item.id] = self._progress.add_task(name, total=None, counted="")

    def item_finished(self, finding: Finding) -> None:
        """Take the item's line away and write its result above the moving lines."""
        with self._lock:
            progress = self._progress
            if progress is None or self._whole is None:
                return
            task = self._running.pop(finding.id, None)
            if task is not None:
                progress.remove_task(task)
            self._done += 1
            progress.update(self._whole, completed=self._done, counted=f"{self._done}/{self._total}")
            if not self._brief or finding.outcome in _BAD:
                progress.print(_result(finding), no_wrap=True, overflow="ellipsis", crop=True)

    def run_finished(self, run: Run) -> None:  # noqa: ARG002  (the report shows the run)
        """Stop, and leave only the results."""
        self.close()

    def close(self) -> None:
        """Stop moving and show the cursor again."""
        with self._lock:
            progress, self._progress = self._progress, None
            if progress is not None:
                progress.stop()


def _moving(stream: TextIO, width: int | None) -> Progress:
    # Imported here: a run without a terminal does not pay for it.
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from pointsctl.cli.terminal import MovingConsole

    console = MovingConsole(stream, width=width)
    name_column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    name = TextColumn("{task.description}", markup=False, table_column=name_column)
    counted = TextColumn("{task.fields[counted]}", markup=False)
    columns = (SpinnerColumn("line"), name, counted, TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, expand=True, redirect_stdout=False)


def _result(finding: Finding) -> Text:
    from rich.text import Text

    from pointsctl.reports.text import MARKS

    mark, style = MARKS[finding.outcome]
    head = (f"{mark} {finding.outcome.value:<7}", style)
    rest = f" {plain(finding.id)}  {elapsed(finding.duration_ms)}  {plain(finding.observation.summary, _SUMMARY)}"
    return Text.assemble(head, rest)
