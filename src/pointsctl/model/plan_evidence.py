"""What proves that a plan may be deployed: gathered from the history, and what of it is missing or stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.model.ages import about_seconds, minute
from pointsctl.model.backup_history import BackupState, RecordedBackup, is_fresh, newest, proven
from pointsctl.model.checklist import Checklist
from pointsctl.model.duration import format_duration
from pointsctl.model.escape import plain
from pointsctl.model.history import History
from pointsctl.model.plan import Absent, Content, Evidence, Migration, Plan, ProofEvidence, RunEvidence
from pointsctl.model.rehearsal import RecordedRehearsal, newest_covering
from pointsctl.model.run_history import RecordedRun
from pointsctl.model.sizes import size

PHASE = "pre-deployment"
"""The phase whose run is shown to the approvers."""


@dataclass(frozen=True)
class Gap:
    """What is missing or stale, in a sentence, and the command that supplies it."""

    why: str
    command: str


@dataclass(frozen=True)
class FreshFor:
    """How old each kind of evidence may be."""

    run: timedelta
    backup: timedelta
    rehearsal: timedelta

    @classmethod
    def of(cls, checklist: Checklist) -> FreshFor:
        """As the checklist says: a run is looked at with the backup."""
        backup = checklist.backup.fresh_for
        return cls(run=backup, backup=backup, rehearsal=checklist.migrations.rehearsal_fresh_for)


def evidence_of(history: History, migrations: Sequence[Migration]) -> Evidence:
    """The newest evidence that the ledger holds for a plan with these migrations."""
    return Evidence(run=_run(history), backup=_backup(history), rehearsal=_rehearsal(history, migrations))


def evidence_problems(plan: Plan, history: History, now: datetime, fresh_for: FreshFor) -> tuple[str, ...]:
    """What `evidence_gaps` gives, a sentence each."""
    return tuple(gap.why for gap in evidence_gaps(plan, history, now, fresh_for))


def evidence_gaps(plan: Plan, history: History, now: datetime, fresh_for: FreshFor) -> tuple[Gap, ...]:
    """What is missing or stale when a gate is asked at `now` (the database's clock); empty when nothing is.

    It is looked up in the history, so that evidence may be refreshed after the plan was made. What the run found is not
    judged here: the gate judges the newest finding of each item.
    """
    content = plan.content
    look = f"pointsctl preflight --env {content.environment}"
    backup = (
        f"pointsctl backup create --env {content.environment} && pointsctl backup verify --env {content.environment}"
    )
    rehearse = f"pointsctl migrate rehearse --env {content.environment}"
    found = evidence_of(history, content.migrations)
    return (
        *(Gap(why, look) for why in _run_problems(content, found, history, now, fresh_for.run)),
        *(Gap(why, backup) for why in _backup_problems(content, found, history, now, fresh_for.backup)),
        *(Gap(why, rehearse) for why in _rehearsal_problems(content, found, now, fresh_for.rehearsal)),
        *(Gap(why, look) for why in _function_problems(content)),
    )


def _run_problems(
    content: Content, found: Evidence, history: History, now: datetime, fresh_for: timedelta
) -> Iterator[str]:
    if isinstance(found.run, Absent):
        yield f"no preflight run: {found.run.absent}"
    else:
        yield from _stale("the preflight run", found.run.recorded_at, now, fresh_for)
        if newest_run(history).checklist_sha256 != content.checklist:  # type: ignore[union-attr]
            yield "the preflight run was made with another checklist than the plan's"


def _backup_problems(
    content: Content, found: Evidence, history: History, now: datetime, fresh_for: timedelta
) -> Iterator[str]:
    if isinstance(found.backup, ProofEvidence):
        yield from _stale_backup(history, now, fresh_for)
    elif "backup" not in content.without:
        yield f"no verified backup: {found.backup.absent}"


def _rehearsal_problems(content: Content, found: Evidence, now: datetime, fresh_for: timedelta) -> Iterator[str]:
    """A plan without migrations (functions alone) has nothing that could be rehearsed."""
    if isinstance(found.rehearsal, ProofEvidence):
        yield from _stale("the rehearsal", found.rehearsal.recorded_at, now, fresh_for)
    elif content.migrations and "rehearsal" not in content.without:
        yield f"no rehearsal: {found.rehearsal.absent}"


def _function_problems(content: Content) -> Iterator[str]:
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


def _rehearsal(history: History, migrations: Sequence[Migration]) -> ProofEvidence | Absent:
    """The newest rehearsal of these very bytes, if it passed on a backup that is still proven; else what is missing.

    An older one that passed says nothing against a newer one that did not. Another database's say nothing at all.
    """
    found = newest_covering(history.rehearsals, migrations)
    why = _why_none(history, migrations) if found is None else _why_not(found, history.backups)
    if found is None or why:
        return Absent(absent=why[:400])
    record, data = found.record, found.data
    count = len(data.migrations)
    what = f"{count} migration{'s' * (count != 1)}" if count else "nothing left to migrate"
    return ProofEvidence(
        seq=record.seq,
        hash=record.hash,
        summary=f"{what} on backup {data.backup} in {about_seconds(data.duration_ms)}",
        recorded_at=record.recorded_at,
        subject=data.catalogue,
        since=record.recorded_at,
    )


def _why_none(history: History, migrations: Sequence[Migration]) -> str:
    command = "run `pointsctl migrate rehearse`"
    if not migrations:
        return "there is no migration to rehearse"
    if not history.rehearsals:
        return f"none is recorded; {command}"
    newest_one = history.rehearsals[-1]
    if newest_one.objection:
        return f"{newest_one.objection}; {command}"
    known = {one.migration for one in newest_one.data.migrations}
    other = next((one for one in migrations if one not in known and not newest_one.covers([one])), None)
    return f"the newest one was not of these bytes of {plain(other.name, 120) if other else 'the files'}; {command}"


def _why_not(found: RecordedRehearsal, backups: Sequence[RecordedBackup]) -> str:
    if found.why_not:
        return f"the newest one did not pass: {plain(found.why_not, 300)}"
    data = found.data
    backup = next((one for one in backups if (one.id, one.digest) == (data.backup, data.manifest)), None)
    if backup is None:
        return f"it was made from backup {data.backup}, which the ledger does not know with these bytes"
    return "" if backup.verification else f"it was made from another than a proven backup: {backup.in_a_sentence}"
