"""What a checklist's items say of a backup and its store: taken, stored, of a size that can be right, kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.model.ages import about, minute
from pointsctl.model.backup_history import RecordedBackup, is_fresh
from pointsctl.model.canonical import utc_text
from pointsctl.model.duration import format_duration
from pointsctl.model.escape import plain
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.posture import Posture
from pointsctl.model.posture_rules import PostureProblem, Weight
from pointsctl.model.size_sanity import size_problems
from pointsctl.model.sizes import size
from pointsctl.model.store_seen import StoreSeen


@dataclass(frozen=True)
class InQuestion:
    """The backup that the items are about, at `now` (the database's clock); `target` is the environment that it is of."""

    backup: RecordedBackup
    now: datetime
    fresh_for: timedelta
    target: str

    def create(self) -> str:
        """The command that takes a new one."""
        return f"pointsctl backup create --env {self.target}"

    def verify(self) -> str:
        """The command that proves it."""
        return f"pointsctl backup verify {self.backup.id} --env {self.target}"

    def evidence(self) -> dict[str, JsonValue]:
        """Which backup it is."""
        backup = self.backup
        return {
            "backup": backup.id,
            "manifest": backup.digest,
            "taken_at": utc_text(backup.taken_at),
            "record": backup.record.seq,
            "state": backup.state.value,
        }


def too_old(asked: InQuestion) -> Observation | None:
    """The failure of a backup that is not fresh, or of the future; None for one that is."""
    backup, now = asked.backup, asked.now
    if is_fresh(backup, now, asked.fresh_for):
        return None
    age = f"{about(now - backup.taken_at)} old" if backup.taken_at <= now else "of the future"
    return Observation.failed(
        f"the newest backup {backup.id} is {age}",
        observed=f"taken {minute(backup.taken_at)}, it is {minute(now)} now",
        expected=f"at most {format_duration(asked.fresh_for)} old",
        hint=f"{asked.create()}; then pointsctl backup verify --env {asked.target}",
        evidence=asked.evidence(),
    )


def taken(asked: InQuestion, seen: StoreSeen) -> Observation:
    """The backup is fresh, and the store holds every byte that its manifest names, by name and size."""
    stale = too_old(asked)
    if stale is not None:
        return stale
    data, age = asked.backup.data, about(asked.now - asked.backup.taken_at)
    evidence = {**asked.evidence(), "store": seen.address, "stored_size": data.stored_size}
    manifest = seen.manifest
    if manifest is None or seen.missing or manifest.digest != asked.backup.digest:
        missing = seen.missing or ("its manifest is another one",)
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        elsewhere = f"; it was put into {plain(data.store, 120)}" if data.store != seen.address else ""
        return Observation.failed(
            f"backup {asked.backup.id} is not whole in {plain(seen.address, 120)}: {plain(missing[0], 200)}{more}{elsewhere}",
            observed=f"{len(missing)} missing or damaged",
            expected="the manifest and every object, in their sizes",
            hint=asked.create(),
            evidence={**evidence, "missing": list(missing[:20])},
        )
    return Observation.passed(
        f"backup {asked.backup.id} of {size(data.stored_size)}, {age} old, is in {plain(seen.address, 120)}",
        observed=f"{age} old, {len(manifest.objects)} objects of {size(manifest.stored_size)}",
        expected=f"at most {format_duration(asked.fresh_for)} old, every object there",
        evidence={**evidence, "objects": len(manifest.objects)},
    )


def stored(asked: InQuestion, seen: StoreSeen, *, protected: bool, folder_is_away: bool) -> Observation:
    """The backup lies away from the database, in a store that nobody reads and that does not let it expire.

    A folder will do where the environment is not protected, or somebody says that it is elsewhere (`folder_is_away`).
    """
    posture = seen.posture
    evidence = {**asked.evidence(), "store": seen.address, "kind": posture.kind, "away": posture.away}
    expected = "away from the database, private, and kept long enough"
    wrong = [*_serious(seen.problems), *_unanswered(posture)]
    if not posture.away and protected and not folder_is_away:
        wrong.append((f"{plain(seen.address, 120)} is a folder, which may be lost with the database", _ANOTHER_STORE))
    if seen.manifest is None:
        wrong.append((f"backup {asked.backup.id} is not there", asked.create()))
    if wrong:
        text, hint = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        evidence = {**evidence, "problems": [one for one, _ in wrong]}
        return Observation.failed(f"{text}{more}", observed=text, expected=expected, hint=hint, evidence=evidence)
    where = "a store of its own"
    if not posture.away:
        why = "the checklist says that it is away" if folder_is_away else f"{asked.target} is not protected"
        where = f"a folder, which will do: {why}"
    return Observation.passed(
        f"{plain(seen.address, 120)} is {where}", observed=where, expected=expected, evidence=evidence
    )


_ANOTHER_STORE = (
    "set `backup.store` to s3://bucket/prefix; or `folder_is_away: true` when the folder is on another machine"
)


def _serious(problems: tuple[PostureProblem, ...]) -> list[tuple[str, str]]:
    return [(problem.text, problem.fix) for problem in problems if problem.weight is Weight.SERIOUS]


def _unanswered(posture: Posture) -> Iterator[tuple[str, str]]:
    """What would be serious if it were so, and nobody could say."""
    if posture.public is None:
        yield (
            "nobody could say whether it can be read without credentials",
            "allow the credentials to ask, see `pointsctl doctor`",
        )
    if not posture.expiry_known:
        yield (
            "nobody could say whether a rule deletes what is in it",
            "allow the credentials to ask, see `pointsctl doctor`",
        )


def size_plausible(asked: InQuestion, previous: RecordedBackup | None, live_size: int) -> Observation:
    """The backup is as large as the one before it and the database now let expect; sizes in bytes."""
    data = asked.backup.data
    problems = size_problems(data, previous.data if previous else None, live_size)
    evidence = {
        **asked.evidence(),
        "stored_size": data.stored_size,
        "database_size": data.database_size,
        "live_size": live_size,
        "previous": {"backup": previous.id, "stored_size": previous.data.stored_size} if previous else None,
    }
    observed = f"{size(data.stored_size)} of a database of {size(data.database_size)}, {size(live_size)} now"
    expected = "at least half of the backup before, of a database about as large as now"
    if problems:
        hint = f"see what is missing with `pointsctl backup show {asked.backup.id}`, then {asked.create()}"
        return Observation.failed(problems[0], observed=observed, expected=expected, hint=hint, evidence=evidence)
    than = f"{size(previous.data.stored_size)} before it" if previous else "no backup before it"
    return Observation.passed(f"{observed}; {than}", observed=observed, expected=expected, evidence=evidence)


def kept(retention: timedelta, seen: StoreSeen) -> Observation:
    """The policy is written down and long enough, and the store does not break it."""
    posture = seen.posture
    wrong = [*_serious(seen.problems), *_unanswered(posture)]
    observed = f"backup.retention is {format_duration(retention)} in {plain(seen.address, 120)}"
    evidence: dict[str, JsonValue] = {
        "retention": format_duration(retention),
        "store": seen.address,
        "versioning": posture.versioning,
        "lock": posture.lock,
        "lock_mode": posture.lock_mode,
        "lock_days": posture.lock_days,
        "advice": [problem.text for problem in seen.problems if problem.weight is not Weight.SERIOUS],
    }
    expected = "at least 7d, and no rule that deletes sooner"
    if wrong:
        text, hint = wrong[0]
        return Observation.failed(text, observed=observed, expected=expected, hint=hint, evidence=evidence)
    locked = f", locked ({posture.lock_mode or 'each object'})" if posture.lock else ""
    return Observation.passed(f"{observed}{locked}", observed=observed, expected=expected, evidence=evidence)
