"""What a checklist's items say of the audit records of migrations: they are there, and what they claim is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointsctl.model.ages import minute
from pointsctl.model.escape import plain
from pointsctl.model.finding import Observation
from pointsctl.model.history import History
from pointsctl.model.ledger import Record

_EXPECTED = "an audit record of each migration, with operator, environment, and a backup that was taken and proven"


@dataclass(frozen=True)
class _Claim:
    """A record that says to be about a migration; `manifest` is the backup that it names, None where a person typed it."""

    record: Record
    manifest: str | None
    by_hand: bool


def recorded(history: History, environment: str, named: Sequence[str] = ()) -> Observation:
    """Every migration of the plan that the deployment had to apply, and every one of `named` (`20250725000001_points_and_coupons`),
    has a record whose claims hold.
    """
    wanted = _wanted(history, named)
    if isinstance(wanted, Observation):
        return wanted
    claims = {name: _claim(history, environment, name) for name in wanted}
    problems = [problem for name, claim in claims.items() if (problem := _problem(history, name, claim))]
    evidence = {"migrations": [_row(name, claim) for name, claim in claims.items()]}
    observed = f"{len(wanted) - len(problems)} of {len(wanted)} recorded"
    if problems:
        hint = f"`pointsctl deploy --env {environment} --resume` writes what is missing; see `pointsctl ledger log`"
        return Observation.failed(
            "; ".join(problems)[:300], observed=observed, expected=_EXPECTED, hint=hint, evidence=evidence
        )
    return Observation.passed(
        f"the ledger holds the audit record of {', '.join(wanted)}"[:300],
        observed=observed,
        expected=_EXPECTED,
        evidence=evidence,
    )


def _wanted(history: History, named: Sequence[str]) -> tuple[str, ...] | Observation:
    """The migrations that must be recorded, or what is missing to know them."""
    plan = history.plan
    rehearsal = next((one for one in reversed(history.rehearsals) if one.counts), None)
    planned: list[str] = []
    if plan is not None:
        before = frozenset(rehearsal.data.before) if rehearsal else frozenset()
        names = [one.name.removesuffix(".sql") for one in plan.plan.content.migrations]
        planned = [name for name in names if name.partition("_")[0] not in before]
    wanted = tuple(dict.fromkeys([*named, *planned]))
    if wanted:
        return wanted
    what = "the plan holds no migration to apply" if plan else "no plan says which migrations are deployed"
    return Observation.pending(f"nothing to look for: {what}", expected=_EXPECTED, hint="make a plan, and deploy it")


def _claim(history: History, environment: str, name: str) -> _Claim | None:
    """The newest record about the migration in this environment."""
    claims = [_Claim(one.record, one.data.backup, by_hand=False) for one in history.migrations]
    claims += [_Claim(one, None, by_hand=True) for one in history.noted]
    about = [one for one in claims if one.record.migration_name == name and one.record.environment == environment]
    return max(about, key=lambda one: one.record.seq, default=None)


def _problem(history: History, name: str, claim: _Claim | None) -> str:
    if claim is None:
        return f"{plain(name, 80)} has no audit record"
    if claim.record.backup_taken is not True:
        return f"the record of {plain(name, 80)} says that no backup was taken"
    if not _was_proven(history, claim):
        return f"the record of {plain(name, 80)} claims a backup; none was proven by {minute(claim.record.recorded_at)}"
    return ""


def _was_proven(history: History, claim: _Claim) -> bool:
    """Whether a backup had been proven by a restore before the record was written, and is not refuted by now."""
    return any(
        backup.verification is not None
        and not backup.objection
        and backup.drills[0].record.seq < claim.record.seq
        and (claim.manifest is None or claim.manifest == backup.digest)
        for backup in history.backups
    )


def _row(name: str, claim: _Claim | None) -> dict[str, str | int | bool | None]:
    if claim is None:
        return {"migration": name, "record": None}
    record = claim.record
    return {
        "migration": name,
        "record": record.seq,
        "applied_by": plain(record.applied_by, 120),
        "backup_taken": record.backup_taken,
        "typed_by_hand": claim.by_hand,
    }
