"""Shows long work while it goes on: a moving bar for each stage on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

from pointsctl.cli.progress import Forgiving
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.sizes import amount, rate

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import Task, TaskID

_LINE_EVERY_S = 10.0
_LINE_EVERY_PERCENT = 10
_MOMENT_S = 1.0
_LONGEST_DETAIL = 60
_NARROW = 60


@contextmanager
def work_progress(*, ci: bool) -> Iterator[Progress]:
    """The progress of long work on stderr, put away at the end of the block."""
    if sys.stderr.isatty() and not ci:
        bars = BarProgress(sys.stderr)
        try:
            yield bars
        finally:
            bars.close()
    else:
        yield LineProgress(sys.stderr, time.monotonic)


@dataclass
class _Stage:
    unit: Unit
    total: int | None
    began: float
    done: int = 0
    told_at: float = 0.0
    told_percent: int = 0

    @property
    def percent(self) -> int | None:
        return min(100, self.done * 100 // self.total) if self.total else None


class LineProgress:
    """A line when a stage begins and ends, and in between at every tenth of it or every ten seconds, never twice in a second.

    `clock` counts seconds. Any thread may call it.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = cast("TextIO", Forgiving(stream))
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        """Write that it begins, and how much there is to do."""
        with self._lock:
            now = self._clock()
            self._stages[stage] = _Stage(unit, total, now, told_at=now)
            self._write(stage, f"begins{f', {amount(total, unit)} to do' if total else ''}")

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """Write a line when enough has happened since the last one."""
        with self._lock:
            found = self._stages.get(stage)
            if found is None:
                return
            found.done, now = done, self._clock()
            if now - found.told_at < _MOMENT_S:
                return
            step = (found.percent or 0) // _LINE_EVERY_PERCENT * _LINE_EVERY_PERCENT
            if step <= found.told_percent and now - found.told_at < _LINE_EVERY_S:
                return
            found.told_at, found.told_percent = now, max(step, found.told_percent)
            self._write(stage, _moved(found, now, detail))

    def end(self, stage: str, summary: str = "") -> None:
        """Write how long it took."""
        with self._lock:
            found = self._stages.pop(stage, None)
            if found is not None:
                time_taken = elapsed(round((self._clock() - found.began) * 1000))
                self._write(stage, f"done in {time_taken}{f': {plain(summary)}' if summary else ''}")

    def _write(self, stage: str, text: str) -> None:
        self._stream.write(f"{plain(stage, _LONGEST_DETAIL)}: {text}\n")
        self._stream.flush()


def _moved(stage: _Stage, now: float, detail: str) -> str:
    seconds = now - stage.began
    parts = [f"{stage.percent} %"] if stage.percent is not None else []
    parts.append(amount(stage.done, stage.unit))
    if seconds > 0 and stage.done > 0:
        parts.append(rate(stage.done, stage.unit, seconds))
        left = _left(stage.done, stage.total, seconds)
        if left is not None:
            parts.append(f"about {elapsed(left)} left")
    if detail:
        parts.append(plain(detail, _LONGEST_DETAIL))
    return ", ".join(parts)


def _left(done: float, total: float | None, seconds: float) -> int | None:
    """Milliseconds that are left at the speed so far."""
    if not total or done <= 0 or done >= total:
        return None
    return round((total - done) / done * seconds * 1000)


class BarProgress:
    """A bar for each stage at the bottom of the terminal; a stage that has ended leaves a line."""

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        self._stream = cast("TextIO", Forgiving(stream))
        self._width = width
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._tasks: dict[str, tuple[TaskID, Unit]] = {}

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        """Add a bar."""
        with self._lock:
            if self._bars is None:
                self._bars = _bars(self._stream, self._width)
                self._bars.start()
            self._remove(stage)
            name = plain(stage, _LONGEST_DETAIL)
            self._tasks[stage] = (self._bars.add_task(name, total=total, unit=unit, detail=""), unit)

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """Move the bar."""
        with self._lock:
            if self._bars is not None and stage in self._tasks:
                task, _ = self._tasks[stage]
                self._bars.update(task, completed=done, detail=plain(detail, _LONGEST_DETAIL))

    def end(self, stage: str, summary: str = "") -> None:
        """Replace the bar by a line that says how long it took."""
        with self._lock:
            if self._bars is None or stage not in self._tasks:
                return
            task, unit = self._tasks[stage]
            line = _ended(self._bars.tasks[self._bars.task_ids.index(task)], unit, summary)
            self._remove(stage)
            self._bars.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def close(self) -> None:
        """Stop moving and show the cursor again; harmless when called again."""
        with self._lock:
            bars, self._bars = self._bars, None
            self._tasks.clear()
            if bars is not None:
                bars.stop()

    def _remove(self, stage: str) -> None:
        task = self._tasks.pop(stage, None)
        if task is not None and self._bars is not None:
            self._bars.remove_task(task[0])


def _ended(task: Task, unit: Unit, summary: str) -> str:
    done = summary or (amount(int(task.completed), unit) if task.completed else "")
    return plain(
        f"{task.description} done in {elapsed(round((task.elapsed or 0) * 1000))}{f': {done}' if done else ''}"
    )


def _bars(stream: TextIO, width: int | None) -> Bars:
    # Imported here: a command without a terminal does not pay for it.
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column
    from rich.text import Text

    from pointsctl.cli.terminal import MovingConsole

    class Numbers(ProgressColumn):
        """Percent, amount, rate and what is left, as much of it as the terminal has room for."""

        def render(self, task: Task) -> Text:
            return Text(_numbers(task, narrow=console.width < _NARROW))

    console = MovingConsole(stream, width=width)
    name = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    detail_column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    detail = TextColumn("{task.fields[detail]}", markup=False, table_column=detail_column)
    columns = (name, BarColumn(12), Numbers(table_column=Column(no_wrap=True)), detail)
    shown = columns if console.width >= _NARROW else (columns[0], columns[2])
    return Bars(*shown, console=console, transient=True, expand=console.width >= _NARROW, redirect_stdout=False)


def _numbers(task: Task, *, narrow: bool) -> str:
    unit: Unit = task.fields["unit"]
    done, seconds = int(task.completed), task.elapsed or 0.0
    percent = [f"{min(100, done * 100 // int(task.total))} %"] if task.total else []
    if narrow:
        return " ".join(percent or [amount(done, unit)])
    parts = [*percent, amount(done, unit)]
    if seconds > 0 and done > 0:
        parts.append(rate(done, unit, seconds))
        left = _left(done, task.total, seconds)
        parts += [f"{elapsed(left)} left"] if left is not None else []
    return "  ".join(parts)
