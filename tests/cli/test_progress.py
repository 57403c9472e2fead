"""Progress on a terminal, in a pipe and on a terminal that went away."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

import pytest

from pointsctl.cli.progress import LiveProgress, PlainProgress, RunProgress, progress_for
from pointsctl.model.finding import Outcome
from tests.support.runs import make_failure, make_finding, make_run
from tests.support.world import make_item

ITEMS = [make_item(id=f"a.item-{number}") for number in range(3)]
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A pseudo-terminal: `stream` is what the program writes to, `seen()` what arrives at the other side."""

    stream: io.TextIOWrapper
    leader: int

    def seen(self) -> str:
        """Close the writing side; everything that was written."""
        self.stream.close()
        return self.rest()

    def rest(self) -> str:
        """Everything until the writing side is closed."""
        parts = []
        while part := self._read():
            parts.append(part)
        return b"".join(parts).decode()

    def _read(self) -> bytes:
        try:
            return os.read(self.leader, 65536)
        except OSError:  # how Linux says that the other side is closed
            return b""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    leader, follower = os.openpty()
    stream = os.fdopen(follower, "w", encoding="utf-8")
    yield Terminal(stream, leader)
    stream.close()
    os.close(leader)


def watch_a_run(progress: RunProgress) -> None:
    """What a runner says of three items, one of them bad."""
    findings = [make_finding(id="a.item-0"), make_failure(id="a.item-1"), make_finding(Outcome.SKIP, id="a.item-2")]
    progress.run_started(ITEMS)
    progress.item_started(ITEMS[0], "sandbox")
    progress.item_started(ITEMS[1], "sandbox")
    for finding in findings:
        progress.item_finished(finding)
    progress.run_finished(make_run(findings))
    progress.close()


def test_one_plain_line_an_item() -> None:
    stream = io.StringIO()
    watch_a_run(progress_for(stream, ci=False))
    assert stream.getvalue().split("\n") == [
        "[1/3] pass a.item-0 (12 ms): 3 tables looked at",
        "[2/3] fail a.item-1 (12 ms): 2 tables without row level security",
        "[3/3] skip a.item-2 (12 ms): 3 tables looked at",
        "",
    ]


def test_plain_in_ci_even_on_a_terminal(terminal: Terminal) -> None:
    watch_a_run(progress_for(terminal.stream, ci=True))
    assert "\x1b" not in terminal.seen()


def test_live_on_a_terminal(terminal: Terminal) -> None:
    progress = progress_for(terminal.stream, ci=False)
    assert isinstance(progress, LiveProgress)
    watch_a_run(progress)
    seen = terminal.seen()
    assert "a.item-1 on sandbox" in seen
    assert "on sandbox" not in seen.rsplit("3/3", 1)[1]  # what has ended is no longer shown as running
    assert "✗ fail    " in SEQUENCES.sub("", seen)
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1  # the cursor is hidden, and shown again


@pytest.mark.parametrize("width", [20, 40, 80])
def test_live_lines_fit_the_terminal(terminal: Terminal, width: int) -> None:
    progress = LiveProgress(terminal.stream, width=width)
    item = make_item(id=f"section.{'very-long-' * 8}name")
    progress.run_started([item])
    progress.item_started(item, "sandbox-staging")
    progress.item_finished(make_finding(id=item.id, summary="a summary " * 30))
    progress.close()
    for line in re.split(r"[\r\n]+", SEQUENCES.sub("", terminal.seen())):
        assert len(line) <= width, line


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_hostile_text_does_not_reach_the_terminal(terminal: Terminal, kind: Callable[[TextIO], RunProgress]) -> None:
    progress = kind(terminal.stream)
    progress.run_started(ITEMS)
    progress.item_finished(make_finding(id="[red]x\x1b[5;5H", summary="a\x1b]0;owned\x07\u202eb\n::error::c"))
    progress.close()
    seen = terminal.seen()
    assert "\x1b[5;5H" not in seen
    assert not re.search("\x1b\\]|\x07|\u202e|::error", seen)
    assert "[red]x" in seen


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_a_stream_that_is_closed_does_not_end_the_run(kind: Callable[[TextIO], RunProgress]) -> None:
    stream = io.StringIO()
    stream.close()
    watch_a_run(kind(stream))
    assert stream.closed


def test_a_reader_that_went_away_does_not_end_the_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    progress = PlainProgress(stream)
    watch_a_run(progress)
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_terminal_that_hung_up_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = os.openpty()
    stream = os.fdopen(follower, "w", encoding="utf-8")
    progress = LiveProgress(stream)
    progress.run_started(ITEMS)
    os.close(leader)
    progress.item_finished(make_failure(id="a.item-1"))
    progress.run_finished(make_run([make_failure()]))
    with pytest.raises(OSError, match="Input/output error"):
        stream.close()


@pytest.mark.parametrize("live", [False, True])
def test_events_from_many_threads(terminal: Terminal, live: bool) -> None:
    progress: RunProgress = LiveProgress(terminal.stream) if live else PlainProgress(terminal.stream)
    items = [make_item(id=f"t.item-{number}") for number in range(64)]
    parts: list[str] = []
    reader = threading.Thread(target=lambda: parts.append(terminal.rest()))  # a pseudo-terminal holds 4 KiB only
    reader.start()
    progress.run_started(items)

    def work(part: int) -> None:
        for item in items[part::8]:
            progress.item_started(item, "sandbox")
            progress.item_finished(make_finding(id=item.id, summary=f"seen {item.id}."))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    terminal.stream.close()
    reader.join()
    seen = SEQUENCES.sub("", "".join(parts))
    assert all(f"seen {item.id}." in seen for item in items)
    assert "64/64" in seen
