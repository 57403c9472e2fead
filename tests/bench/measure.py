"""Times things side by side, in turns, so that a machine that slows down slows both sides."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY_S = 0.01


@dataclass(frozen=True)
class Ratio:
    """Two things timed in turns; seconds for each turn, and what the ratio of ours to theirs should be at the most."""

    name: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    target: float

    @property
    def value(self) -> float:
        """The median of the ratios of each turn."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self) -> tuple[str, ...]:
        """Name, both medians in ms, the ratio, the target, whether it is met."""
        medians = [f"{statistics.median(times) * 1000:,.0f}" for times in (self.ours, self.theirs)]
        return (
            self.name,
            *medians,
            f"{self.value:.3f}",
            f"{self.target:g}",
            "yes" if self.value <= self.target else "NO",
        )


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes, on the wall clock."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def side_by_side(
    name: str, ours: Callable[[], object], theirs: Callable[[], object], *, target: float, turns: int = 5
) -> Ratio:
    """Time both in turns, after one turn that is not counted."""
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(turns)]
    return Ratio(name, tuple(a for a, _ in pairs), tuple(b for _, b in pairs), target)


@dataclass(frozen=True)
class Ended:
    """A program that has ended: its output, how long it took, and the most memory that it held (bytes)."""

    code: int
    out: str
    seconds: float
    peak_bytes: int


def run(command: Sequence[str], *, cwd: str, environment: Mapping[str, str]) -> Ended:
    """Run a program to its end and account for it alone, not for its neighbours."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            list(command), cwd=cwd, env=dict(environment), stdout=out, stderr=subprocess.DEVNULL, text=True
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, _high_water_mark(process.pid))
            time.sleep(_LOOK_EVERY_S)
        out.seek(0)
        return Ended(process.returncode, out.read(), time.perf_counter() - started, peak)


def _high_water_mark(pid: int) -> int:
    """The most memory that the process has held so far, in bytes; what wait4 says counts the servers that it started."""
    with suppress(OSError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    return 0
