"""Progress of long work: lines in a log, bars on a terminal, and neither ever ends the work."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from pointsctl.cli.work_progress import BarProgress, LineProgress
from pointsctl.model.progress import Progress, Unit

SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
EVIL = "\x1b[31mpublic.\u202eevil\n::error::no"


class Clock:
    """A clock in the test's hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TextIO, int]]:
    """A pseudo-terminal: what the program writes to, and the descriptor at which it arrives."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    leader, follower = os.openpty()
    stream = os.fdopen(follower, "w", encoding="utf-8")
    yield stream, leader
    stream.close()
    os.close(leader)


def seen(terminal: tuple[TextIO, int]) -> str:
    terminal[0].close()
    parts = []
    try:
        while part := os.read(terminal[1], 65536):
            parts.append(part)
    except OSError:  # how Linux says that the other side is closed
        pass
    return b"".join(parts).decode()


def test_a_log_gets_a_line_at_each_tenth_and_at_both_ends(clock: Clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.begin("dump", Unit.BYTES, 1_000_000)
    for done in range(0, 1_000_001, 10_000):
        clock.now += 0.25
        progress.move("dump", done, "public.events")
    progress.end("dump", "8 tables")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "dump: begins, 1.0 MB to do"
    assert [line.split(",")[0] for line in lines[1:-1]] == [f"dump: {percent} %" for percent in range(10, 101, 10)]
    assert "public.events" in lines[1]
    assert "left" in lines[1]
    assert lines[-1] == "dump: done in 25.2 s: 8 tables"


def test_a_stage_that_takes_a_moment_gets_no_lines_in_between(clock: Clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.begin("migrations", Unit.THINGS, 12)
    for done in range(1, 13):
        clock.now += 0.01
        progress.move("migrations", done, "CREATE TABLE")
    progress.end("migrations")
    assert stream.getvalue().splitlines() == ["migrations: begins, 12 to do", "migrations: done in 120 ms"]


def test_a_log_gets_a_line_every_ten_seconds_where_nobody_knows_the_total(clock: Clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.begin("restore", Unit.THINGS)
    for second in range(35):
        clock.now += 1
        progress.move("restore", second)
    assert len(stream.getvalue().splitlines()) == 1 + 3


def test_what_a_database_calls_its_tables_cannot_act_on_a_terminal_or_a_runner(clock: Clock) -> None:
    stream = io.StringIO()
    progress = LineProgress(stream, clock)
    progress.begin("dump", Unit.BYTES, 100)
    clock.now += 20
    progress.move("dump", 50, EVIL)
    progress.end("dump", EVIL)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("::") for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_bars_stay_within_the_terminal_and_leave_a_line_for_each_stage(
    terminal: tuple[TextIO, int], width: int
) -> None:
    progress = BarProgress(terminal[0], width=width)
    progress.begin("dump", Unit.BYTES, 900)
    progress.begin("fingerprints", Unit.ROWS)
    progress.move("dump", 450, EVIL)
    progress.move("fingerprints", 3_000_000, "public.events")
    progress.end("dump", "8 tables")
    progress.end("fingerprints")
    progress.close()
    progress.close()
    text = seen(terminal)
    assert "\u202e" not in text
    rows = [row for part in SEQUENCES.sub("\n", text).splitlines() for row in part.split("\r")]
    assert max(len(row) for row in rows) <= width - len("^C")  # which the terminal echoes behind the last row
    assert any(row.startswith("dump done in") for row in rows)
    assert "\x1b[?25h" in text  # the cursor is back


def test_stages_that_nobody_began_are_ignored(terminal: tuple[TextIO, int], clock: Clock) -> None:
    progresses: tuple[Progress, ...] = (BarProgress(terminal[0], width=80), LineProgress(io.StringIO(), clock))
    for progress in progresses:
        progress.move("dump", 3)
        progress.end("dump")


def test_a_reader_that_goes_away_does_not_end_the_work(clock: Clock) -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", buffering=1)
    os.close(reading)
    progress = LineProgress(stream, clock)
    progress.begin("dump", Unit.BYTES, 10)
    progress.end("dump")
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    stream.close()


def test_many_threads_may_tell_at_once(terminal: tuple[TextIO, int], clock: Clock) -> None:
    stream = io.StringIO()
    progresses: tuple[Progress, ...] = (BarProgress(terminal[0], width=80), LineProgress(stream, clock))

    def work(name: str) -> None:
        for progress in progresses:
            progress.begin(name, Unit.ROWS, 100)
            for done in range(101):
                progress.move(name, done, name)
            progress.end(name)

    drain = threading.Thread(target=lambda: _drain(terminal[1]), daemon=True)
    drain.start()
    threads = [threading.Thread(target=work, args=(f"stage {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert sum("done in" in line for line in lines) == len(threads)
    assert all(line.startswith("stage ") for line in lines)


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        pass
