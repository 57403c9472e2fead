"""What the ledger remembers of an item that was looked at: the newest finding, when it is of this very item and still fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pointsctl.model.checklist import Item
from pointsctl.model.duration import format_duration
from pointsctl.model.finding import Observation, Outcome
from pointsctl.model.history import History
from pointsctl.model.pin import Pin
from pointsctl.model.run_history import SeenFinding
from pointsctl.model.waiver import WAIVABLE

_IDENTITY = ("system_identifier", "database_oid", "database")


@dataclass(frozen=True)
class Asked:
    """What is asked of the ledger: an item with the digest of its definition, looked at in `environment` for `target`."""

    item: Item
    definition: str
    environment: str
    target: str


def remembered(asked: Asked, history: History | None) -> Observation:
    """The newest finding as an observation; an error where it is missing, of something else, stale or of the future.

    A finding that was waived then is what it was before the waiver: whether one counts is decided anew.
    """
    seen = history.findings.get(asked.item.id) if history else None
    if history is None or seen is None:
        return _unknown(asked, "it was never looked at, as far as the ledger knows")
    why = _objection(seen, asked, history)
    if why:
        return _unknown(asked, f"what record {seen.seq} says of it does not count: {why}")
    return _observation(seen, asked, history)


def run_command(asked: Asked) -> str:
    """The command that looks at the item again, and records it."""
    return f"pointsctl check run {asked.item.id} --env {asked.target}"


def _objection(seen: SeenFinding, asked: Asked, history: History) -> str:
    """Why the finding does not count; empty when it does."""
    if not asked.definition or seen.definition != asked.definition:
        return "the item's definition in the checklist has changed since"
    looked_at = seen.document.get("environment")
    if looked_at != asked.environment:
        return f"it looked at {looked_at!r}, asked for is {asked.environment!r}"
    return _identity_objection(seen.document.get("looked_at"), asked, history.pin) or _too_old(seen, asked, history)


def _identity_objection(looked_at: Any, asked: Asked, pin: Pin | None) -> str:
    """The database that was looked at must be the pinned one, and where another environment was asked for, another one."""
    if pin is None or not isinstance(looked_at, Mapping):
        return "it does not say which database was looked at"
    if not looked_at:
        return ""  # no database was asked
    pinned = pin.database.model_dump()
    differs = [
        name
        for name in _IDENTITY
        if None not in (pinned[name], looked_at.get(name)) and pinned[name] != looked_at[name]
    ]
    if asked.environment == asked.target:
        return f"it looked at another database ({differs[0]} {looked_at[differs[0]]!r})" if differs else ""
    same = not [name for name in differs if name != "database"]
    known = looked_at.get("database_oid") is not None and looked_at.get("system_identifier") is not None
    return f"{asked.environment} was the same database as {asked.target}" if same and known else ""


def _too_old(seen: SeenFinding, asked: Asked, history: History) -> str:
    if history.now is None:
        return "the database's clock is not known"
    age, limit = seen.age(history.now), asked.item.valid_for
    if age < timedelta(0):
        return f"it is of the future, by {format_duration(-age)}"
    if limit is not None and age > limit:
        return f"it is {_age(age)} old, and counts for {format_duration(limit)}"
    return ""


def _observation(seen: SeenFinding, asked: Asked, history: History) -> Observation:
    document = seen.document
    texts = {name: str(document.get(name, "")) for name in ("summary", "observed", "expected", "hint")}
    age = _age(seen.age(history.now)) if history.now else ""
    evidence = {"run": seen.run_id, "record": seen.seq, "age": age, "looked_at": document.get("looked_at")}
    found = Observation(seen.outcome, evidence=evidence, **texts)
    if found.outcome is Outcome.WAIVED:
        found = _before_waiver(found, document.get("evidence"))
    if found.outcome not in (Outcome.PASS, Outcome.SKIP):
        evidence = {**evidence, "who": _WHO[found.outcome], "command": run_command(asked)}
    return replace(found, summary=f"{found.summary} ({age} ago)", evidence=evidence)


def _before_waiver(found: Observation, evidence: Any) -> Observation:
    waiver = evidence.get("waiver") if isinstance(evidence, Mapping) else None
    was = waiver.get("outcome") if isinstance(waiver, Mapping) else None
    if not isinstance(waiver, Mapping) or was not in [outcome.value for outcome in WAIVABLE]:
        return Observation.error("it was waived, and nothing says what was seen", hint="look at it again")
    return replace(found, outcome=Outcome(was), summary=str(waiver.get("summary", "")))


_WHO = {
    Outcome.FAIL: "whoever mends it",
    Outcome.ERROR: "whoever mends what was in the way",
    Outcome.PENDING: "whoever supplies what it waits for",
}


def _unknown(asked: Asked, summary: str) -> Observation:
    command = run_command(asked)
    evidence = {"who": f"whoever may look at {asked.environment}", "command": command}
    return Observation.error(summary, hint=f"look at it, and record it: {command}", evidence=evidence)


def _age(age: timedelta) -> str:
    return format_duration(timedelta(seconds=max(1, int(age.total_seconds()))))
