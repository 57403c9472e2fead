"""A run of items against one environment, and the verdict that follows from its findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pointsctl.errors import ExitCode
from pointsctl.model.finding import Finding, Outcome


class Verdict(StrEnum):
    """What a gate says: open, closed by a failure, closed until somebody or time supplies something, or not known."""

    READY = "ready"
    BLOCKED = "blocked"
    WAITING = "waiting"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code that the contract of the command line gives this verdict."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.READY: ExitCode.DONE,
    Verdict.BLOCKED: ExitCode.BAD,
    Verdict.WAITING: ExitCode.WAITING,
    Verdict.UNKNOWN: ExitCode.COULD_NOT_LOOK,
}


def decide(outcomes: Iterable[Outcome]) -> Verdict:
    """Closed by default: unknown comes before blocked, blocked before waiting, and nothing checked is never ready.

    The order is that of the exit codes ("where several apply: 4, then 1, then 3"). A run in which every item was skipped
    has looked at nothing, so it is unknown.
    """
    seen = Counter(outcomes)
    if seen[Outcome.ERROR]:
        return Verdict.UNKNOWN
    if seen[Outcome.FAIL]:
        return Verdict.BLOCKED
    if seen[Outcome.PENDING]:
        return Verdict.WAITING
    return Verdict.READY if seen[Outcome.PASS] + seen[Outcome.WAIVED] else Verdict.UNKNOWN


@dataclass(frozen=True)
class Run:
    """The result of executing a set of items once; `phase` is what was asked for (`pre-deployment`, or a section)."""

    run_id: str
    phase: str
    environment: str
    checklist_sha256: str
    started_at: datetime
    finished_at: datetime
    findings: tuple[Finding, ...]
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """What the findings amount to; an interrupted run knows nothing."""
        return Verdict.UNKNOWN if self.interrupted else decide(finding.outcome for finding in self.findings)

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code for this run."""
        return ExitCode.INTERRUPTED if self.interrupted else self.verdict.exit_code

    @property
    def counts(self) -> dict[str, int]:
        """How many findings have each outcome; every outcome is present."""
        seen = Counter(finding.outcome for finding in self.findings)
        return {outcome.value: seen[outcome] for outcome in Outcome}

    @property
    def duration_ms(self) -> int:
        """Wall time of the whole run, in milliseconds."""
        return max(0, round((self.finished_at - self.started_at).total_seconds() * 1000))
