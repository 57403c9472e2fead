"""Which backups may be removed, and why each of the others stays; decided from the store and the ledger together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.model.ages import minute
from pointsctl.model.duration import format_duration
from pointsctl.model.posture_rules import SHORTEST_RETENTION

UPLOAD_TAKES = timedelta(days=1)
"""After how long an upload without a manifest counts as abandoned."""

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Candidate:
    """A backup in the store. `taken_at` is the database's clock, None where the manifest cannot be believed.

    `recorded`: the ledger knows this very manifest, and it counts; `verified`: its newest restore proved it; `pruned`: the
    ledger says already that it is removed. `damaged` says what is wrong with it in the store, empty when nothing is.
    """

    id: str
    taken_at: datetime | None
    recorded: bool
    verified: bool
    pruned: bool = False
    damaged: str = ""
    locked_until: datetime | None = None


@dataclass(frozen=True)
class Judgement:
    """What becomes of a backup, and why."""

    id: str
    removed: bool
    why: str


@dataclass(frozen=True)
class Rules:
    """`now` is the database's clock; `needed` says of backups, by id, what still needs them."""

    now: datetime
    retention: timedelta
    needed: Mapping[str, str]

    @property
    def kept_for(self) -> timedelta:
        """How long a backup is kept; never less than the checklist's seven days, whatever is configured."""
        return max(self.retention, SHORTEST_RETENTION)


def judge(candidates: Sequence[Candidate], rules: Rules) -> tuple[Judgement, ...]:
    """What becomes of each, in their order. Closed by default: what is not understood stays, and so does the newest backup
    and the newest one that a restore has proven.

    When none is proven nothing is removed: what is left might be worth nothing.
    """
    whole = [(one.taken_at, one.id, one) for one in candidates if one.taken_at is not None and _counts(one, rules.now)]
    proven = [entry for entry in whole if entry[2].verified]
    newest, newest_proven = (max(part)[1] if part else None for part in (whole, proven))

    def why_kept(one: Candidate) -> str:
        reason = _unclear(one, rules.now)
        if reason:
            return reason
        if one.id in rules.needed:
            return rules.needed[one.id]
        if one.locked_until is not None and one.locked_until > rules.now:
            return f"the store protects it until {minute(one.locked_until)}"
        # Also for what the ledger says is removed already: anybody who may write there could have said so.
        return _kept_by_age(one, rules) or _kept_as_newest(one, newest, newest_proven)

    return tuple(_judged(one, why_kept(one), rules) for one in candidates)


def protected_until(taken_at: datetime, retention: timedelta, locked_until: datetime | None) -> datetime:
    """Until when nothing of pointsctl, and where it locks not even the store, removes a backup."""
    rule = taken_at + max(retention, SHORTEST_RETENTION)
    return max(rule, locked_until) if locked_until else rule


def is_abandoned(begun_at: datetime, now: datetime) -> bool:
    """Whether an upload that has no manifest will not get one any more."""
    return now - begun_at > UPLOAD_TAKES


def _counts(one: Candidate, now: datetime) -> bool:
    """Whether it could be what is restored when everything else is gone."""
    return not one.pruned and not _unclear(one, now)


def _unclear(one: Candidate, now: datetime) -> str:
    if one.taken_at is None:
        return f"its manifest cannot be believed: {one.damaged}" if one.damaged else "its manifest cannot be believed"
    if one.pruned:
        return ""  # some of it is gone already
    if one.damaged:
        return f"it is not as it was stored: {one.damaged}"
    if not one.recorded:
        return "the ledger does not know it"
    if one.taken_at > now + _CLOCKS_DIFFER:
        return f"it was taken in the future, at {minute(one.taken_at)}: a clock is wrong"
    return ""


def _kept_by_age(one: Candidate, rules: Rules) -> str:
    if one.taken_at is None or rules.now - one.taken_at < rules.kept_for:
        return f"younger than {format_duration(rules.kept_for)}"
    return ""


def _kept_as_newest(one: Candidate, newest: str | None, newest_proven: str | None) -> str:
    if newest_proven is None:
        return "no backup in the store is verified"
    if one.id == newest_proven:
        return "the newest verified backup"
    return "the newest backup" if one.id == newest else ""


def _judged(one: Candidate, kept: str, rules: Rules) -> Judgement:
    if kept:
        return Judgement(one.id, removed=False, why=kept)
    if one.pruned:
        return Judgement(one.id, removed=True, why="its removal was begun")
    return Judgement(one.id, removed=True, why=f"older than {format_duration(rules.kept_for)}")
