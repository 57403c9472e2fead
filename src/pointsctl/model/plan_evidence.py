"""What proves that a plan may be deployed: gathered from the history, and what of it is missing or stale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pointsctl.model.duration import format_duration
from pointsctl.model.history import History
from pointsctl.model.plan import Absent, Evidence, Plan, ProofEvidence, RunEvidence
from pointsctl.model.run_history import RecordedRun

PHASE = "pre-deployment"
"""The phase whose run is shown to the approvers."""


def evidence_of(history: History) -> Evidence:
    """The newest evidence that the ledger holds."""
    return Evidence(run=_run(history), backup=_backup(history), rehearsal=_rehearsal(history))


def evidence_problems(
    plan: Plan, history: History, now: datetime, *, run_fresh_for: timedelta, backup_fresh_for: timedelta
) -> tuple[str, ...]:
    """What is missing or stale when a gate is asked at `now` (the database's clock), a sentence each; empty when nothing is.

    It is looked up in the history, so that evidence may be refreshed after the plan was made. What the run found is not
    judged here: the gate judges the newest finding of each item.
    """
    return tuple(_problems(plan, history, now, run_fresh_for, backup_fresh_for))


def _problems(
    plan: Plan, history: History, now: datetime, run_fresh_for: timedelta, backup_fresh_for: timedelta
) -> Iterator[str]:
    content, found = plan.content, evidence_of(history)
    if isinstance(found.run, Absent):
        yield f"no preflight run: {found.run.absent}"
    else:
        yield from _stale("the preflight run", found.run.recorded_at, now, run_fresh_for)
        if newest_run(history).checklist_sha256 != content.checklist:  # type: ignore[union-attr]
            yield "the preflight run was made with another checklist than the plan's"
    if isinstance(found.backup, ProofEvidence):
        yield from _stale("the verified backup", found.backup.recorded_at, now, backup_fresh_for)
    elif "backup" not in content.without:
        yield f"no verified backup: {found.backup.absent}"
    if isinstance(found.rehearsal, Absent) and "rehearsal" not in content.without:
        yield f"no rehearsal: {found.rehearsal.absent}"
    if isinstance(content.functions, Absent) and "functions" not in content.without:
        yield f"no functions: {content.functions.absent}"


def newest_run(history: History) -> RecordedRun | None:
    """The newest run of the whole phase."""
    return next((run for run in reversed(history.runs) if run.phase == PHASE), None)


def _stale(what: str, recorded_at: datetime, now: datetime, limit: timedelta) -> Iterator[str]:
    age = now - recorded_at
    if age < timedelta():
        yield f"{what} is recorded in the future"
    elif age > limit:
        whole = timedelta(minutes=age // timedelta(minutes=1))
        yield f"{what} is {format_duration(whole)} old, the limit is {format_duration(limit)}"


def _run(history: History) -> RunEvidence | Absent:
    run = newest_run(history)
    if run is None:
        return Absent(absent="no run of the phase pre-deployment is recorded")
    return run.evidence()


def _backup(history: History) -> ProofEvidence | Absent:  # noqa: ARG001  (no record of a backup exists yet)
    return Absent(absent="no backup is recorded in the ledger")


def _rehearsal(history: History) -> ProofEvidence | Absent:  # noqa: ARG001  (no record of a rehearsal exists yet)
    return Absent(absent="no rehearsal is recorded in the ledger")
