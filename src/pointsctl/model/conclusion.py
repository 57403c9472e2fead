"""The sentences with which every report of a run ends: the verdict with what to do now, and the counts."""

from __future__ import annotations

from collections import Counter

from pointsctl.model.finding import Finding, Outcome, Severity
from pointsctl.model.run import Run, Verdict

_ORDER = {severity: place for place, severity in enumerate(Severity)}

_GATE = "gate"
_AUDITS = "audits"


def conclusion(run: Run) -> str:
    """One line: the verdict, what was asked for and where, why, and the next action."""
    return f"{run.verdict.value}: {run.phase} on {run.environment}: {_reason(run)}"


def counts_line(run: Run) -> str:
    """Every outcome with its number, such as `31 pass, 1 fail, 0 error, 9 pending, 2 skip, 0 waived`."""
    return ", ".join(f"{number} {outcome}" for outcome, number in run.counts.items())


def elapsed(milliseconds: int) -> str:
    """A duration for people: `12 ms`, `1.2 s`, `3 min 4 s`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def to_mend(run: Run) -> tuple[Finding, ...]:
    """What failed or could not be looked at, the most severe first, else in the order of the checklist.

    Gates only repeat what their items say, so they stand here only when nothing else does.
    """
    found = [finding for finding in run.findings if finding.outcome in (Outcome.FAIL, Outcome.ERROR)]
    bad = [finding for finding in found if finding.kind != _GATE] or found
    return tuple(sorted(bad, key=lambda finding: _ORDER[finding.severity]))


def again_command(run: Run, finding: Finding) -> str:
    """The command that looks at this one item again."""
    if run.phase == _AUDITS:
        return f"pointsctl audit run {finding.id.removeprefix('audit.')} --env {run.environment}"
    return f"pointsctl check run {finding.id} --env {run.environment}"


def by_section(run: Run) -> dict[str, list[Finding]]:
    """The findings of each section, sections in the order in which they first appear."""
    sections: dict[str, list[Finding]] = {}
    for finding in run.findings:
        sections.setdefault(finding.section, []).append(finding)
    return sections


def nothing_looked_at(run: Run) -> bool:
    """Whether the verdict is `unknown` although no item says so: cut short, empty, or everything skipped."""
    return run.verdict is Verdict.UNKNOWN and not run.counts[Outcome.ERROR]


def _reason(run: Run) -> str:
    if run.interrupted:
        return "interrupted before every item was looked at; run again"
    reasons = {
        Verdict.READY: _ready,
        Verdict.BLOCKED: lambda run: f"{_failures(run)}; {_mend(run)} and run again",
        Verdict.WAITING: _waiting,
        Verdict.UNKNOWN: _unknown,
    }
    return reasons[run.verdict](run)


def _ready(run: Run) -> str:
    kept = [(Outcome.PASS, "passed"), (Outcome.WAIVED, "waived"), (Outcome.SKIP, "skipped")]
    return ", ".join(f"{run.counts[outcome]} {word}" for outcome, word in kept if run.counts[outcome])


def _waiting(run: Run) -> str:
    number = run.counts[Outcome.PENDING]
    return f"{_items(number)} {'waits' if number == 1 else 'wait'} for a person or for a later step"


def _unknown(run: Run) -> str:
    if not run.findings:
        return "nothing was looked at; choose items that exist"
    if nothing_looked_at(run):
        return (
            f"nothing was looked at, {_items(len(run.findings))} skipped; choose items that apply to {run.environment}"
        )
    failures = f" and {_failures(run)}" if run.counts[Outcome.FAIL] else ""
    number = run.counts[Outcome.ERROR]
    return f"{_items(number)} could not be looked at{failures}; mend what is in the way and run again"


def _failures(run: Run) -> str:
    seen = Counter(finding.severity for finding in run.findings if finding.outcome is Outcome.FAIL)
    number = seen.total()
    worst = min(seen, key=_ORDER.__getitem__)
    word = "failure" if number == 1 else "failures"
    if len(seen) == 1:
        return f"{number} {worst.value} {word}"
    return f"{number} {word}, {seen[worst]} of them {worst.value}"


def _mend(run: Run) -> str:
    return "mend it" if run.counts[Outcome.FAIL] == 1 else "mend them"


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"
