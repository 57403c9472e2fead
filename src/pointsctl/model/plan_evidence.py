"""What proves that a plan may be deployed: gathered from the history, and what of it is missing or stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.model.ages import about_seconds, minute
from pointsctl.model.backup_history import BackupState, RecordedBackup, is_fresh, newest, proven
from pointsctl.model.duration import format_duration
from pointsctl.model.history import History
from pointsctl.model.plan import Absent, Content, Evidence, Plan, ProofEvidence, RunEvidence
from pointsctl.model.run_history import RecordedRun
from pointsctl.model.sizes import size

PHASE = "pre-deployment"
"""The phase whose run is shown to the approvers."""


@dataclass(frozen=True)
class Gap:
    """What is missing or stale, in a sentence, and the command that supplies it."""

    why: str
    command: str


def evidence_of(history: History) -> Evidence:
    """The newest evidence that the ledger holds."""
    return Evidence(run=_run(history), backup=_backup(history), rehearsal=_rehearsal(history))


def evidence_problems(
    plan: Plan, history: History, now: datetime, *, run_fresh_for: timedelta, backup_fresh_for: timedelta
) -> tuple[str, ...]:
    """What `evidence_gaps` gives, a sentence each."""
    gaps = evidence_gaps(plan, history, now, run_fresh_for=run_fresh_for, backup_fresh_for=backup_fresh_for)
    return tuple(gap.why for gap in gaps)


def evidence_gaps(
    plan: Plan, history: History, now: datetime, *, run_fresh_for: timedelta, backup_fresh_for: timedelta
) -> tuple[Gap, ...]:
    """What is missing or stale when a gate is asked at `now` (the database's clock); empty when nothing is.

    It is looked up in the history, so that evidence may be refreshed after the plan was made. What the run found is not
    judged here: the gate judges the newest finding of each item.
    """
    content = plan.content
    look = f"pointsctl preflight --env {content.environment}"
    backup = (
        f"pointsctl backup create --env {content.environment} && pointsctl backup verify --env {content.environment}"
    )
    return (
        *(Gap(why, look) for why in _run_problems(content, history, now, run_fresh_for)),
        *(Gap(why, backup) for why in _backup_problems(content, history, now, backup_fresh_for)),
        *(Gap(why, look) for why in _other_problems(content, history)),
    )


def _run_problems(content: Content, history: History, now: datetime, fresh_for: timedelta) -> Iterator[str]:
    found = evidence_of(history)
    if isinstance(found.run, Absent):
        yield f"no preflight run: {found.run.absent}"
    else:
        yield from _stale("the preflight run", found.run.recorded_at, now, fresh_for)
        if newest_run(history).checklist_sha256 != content.checklist:  # type: ignore[union-attr]
            yield "the preflight run was made with another checklist than the plan's"


def _backup_problems(content: Content, history: History, now: datetime, fresh_for: timedelta) -> Iterator[str]:
    found = evidence_of(history)
    if isinstance(found.backup, ProofEvidence):
        yield from _stale_backup(history, now, fresh_for)
    elif "backup" not in content.without:
        yield f"no verified backup: {found.backup.absent}"


def _other_problems(content: Content, history: History) -> Iterator[str]:
    found = evidence_of(history)
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
        yield f"{what} is in the future"
    elif age > limit:
        whole = timedelta(minutes=age // timedelta(minutes=1))
        yield f"{what} is {format_duration(whole)} old, the limit is {format_duration(limit)}"


def _run(history: History) -> RunEvidence | Absent:
    run = newest_run(history)
    if run is None:
        return Absent(absent="no run of the phase pre-deployment is recorded")
    return run.evidence()


def _backup(history: History) -> ProofEvidence | Absent:
    """The proven backup; else what is missing of the newest one, so that nobody verifies what cannot count."""
    backup = proven(history.backups)
    verification = backup.verification if backup else None
    if backup is None or verification is None:
        return Absent(absent=_missing_backup(history.backups)[:400])
    record = backup.drills[-1].record
    restored = f"restored in {about_seconds(verification.restore_ms)}"
    return ProofEvidence(
        seq=record.seq,
        hash=record.hash,
        summary=f"{backup.id} of {size(backup.data.stored_size)}, {restored}{verification.objection}, taken {minute(backup.taken_at)}",
        recorded_at=record.recorded_at,
        subject=backup.digest,
        since=backup.taken_at,
    )


def _missing_backup(backups: Sequence[RecordedBackup]) -> str:
    backup = proven(backups) or newest(backups) or (backups[-1] if backups else None)
    if backup is None:
        return "none is recorded; run `pointsctl backup create`"
    if backup.state is BackupState.UNVERIFIED:
        return f"the newest backup, {backup.id}, is not verified; run `pointsctl backup verify`"
    return f"{backup.in_a_sentence}; run `pointsctl backup create`, then `pointsctl backup verify`"


def _stale_backup(history: History, now: datetime, limit: timedelta) -> Iterator[str]:
    """Names both moments: a backup that was verified a minute ago may be of last week."""
    backup = proven(history.backups)
    if backup is None or is_fresh(backup, now, limit):
        return
    for why in _stale(f"the verified backup {backup.id}", backup.taken_at, now, limit):
        later = newest(history.backups)
        newer = f"; {later.in_a_sentence}" if later is not None and later is not backup else ""
        yield f"{why}: taken {minute(backup.taken_at)}, verified {minute(backup.drills[-1].record.recorded_at)}{newer}"


def _rehearsal(history: History) -> ProofEvidence | Absent:
    """The newest rehearsal that counts; what is missing of the newest one else."""
    found = next((one for one in reversed(history.rehearsals) if one.counts), None)
    if found is None:
        newest_one = history.rehearsals[-1] if history.rehearsals else None
        if newest_one is None:
            return Absent(absent="none is recorded; run `pointsctl migrate rehearse`")
        why = newest_one.objection or "; ".join(newest_one.data.problems) or "nothing was rehearsed"
        return Absent(absent=f"the newest one did not pass: {why}"[:400])
    record = found.record
    return ProofEvidence(
        seq=record.seq,
        hash=record.hash,
        summary=f"{len(found.data.migrations)} migrations on backup {found.data.backup} in {about_seconds(found.data.duration_ms)}",
        recorded_at=record.recorded_at,
        subject=found.data.catalogue,
    )
