"""Waivers: who signed for going on without an item, until when, and whether that counts now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pointsctl.errors import UsageError
from pointsctl.model.canonical import utc_text
from pointsctl.model.checklist import Item
from pointsctl.model.deadline import parse_deadline
from pointsctl.model.duration import format_duration
from pointsctl.model.finding import Observation, Outcome
from pointsctl.model.history import History, Signed
from pointsctl.model.problems import shown
from pointsctl.model.statement import WaiverStatement

LONGEST = timedelta(days=30)
"""How long a waiver counts at the most."""

WAIVABLE = frozenset({Outcome.FAIL, Outcome.PENDING})
"""What can be waived: what nobody could look at is not known, so nobody can sign for it."""


@dataclass(frozen=True)
class Waiver:
    """A waiver that counts; `seq` is its record."""

    principal: str
    reason: str
    until: datetime
    seq: int


def waivers_for(
    items: Mapping[str, Item], definitions: Mapping[str, str], history: History | None
) -> dict[str, Waiver]:
    """The newest waiver that counts of each of the items, by id."""
    found = {key: waiver_for(item, definitions.get(key, ""), history) for key, item in items.items()}
    return {key: waiver for key, waiver in found.items() if waiver is not None}


def waiver_for(item: Item, definition: str, history: History | None) -> Waiver | None:
    """The newest waiver of the item that counts now, by the database's clock."""
    for entry in reversed(history.waivers.get(item.id, ()) if history else ()):
        statement = entry.statement
        if history and statement and statement.expires_at and not objection_to(entry, item, definition, history):
            return Waiver(statement.principal, statement.reason, statement.expires_at, entry.record.seq)
    return None


def objection_to(entry: Signed[WaiverStatement], item: Item, definition: str, history: History) -> str:
    """Why a waiver does not count now; empty when it does."""
    statement = entry.statement
    if statement is None or not entry.counts:
        return entry.objection or entry.since or "it cannot be read"
    if not item.waivable:
        return "the item cannot be waived"
    if statement.item.id != item.id or statement.item.definition != definition:
        return "the item's definition in the checklist has changed since"
    if statement.expires_at is None or statement.expires_at - statement.not_before > LONGEST:
        return f"it was signed for longer than {format_duration(LONGEST)}"
    if history.now is None or not statement.not_before <= history.now < statement.expires_at:
        return f"it counted until {utc_text(statement.expires_at)}"
    if not may_waive(history, statement.principal):
        return f"{shown(statement.principal)} holds none of the roles that sign waivers"
    return ""


def may_waive(history: History, principal: str) -> bool:
    """Whether the principal holds one of the roles that sign waivers in the policy in force."""
    policy = history.trust.policy if history.trust else None
    return policy is not None and bool(set(policy.waivers) & set(policy.roles_of(principal)))


def waived(observation: Observation, waiver: Waiver | None) -> Observation:
    """The observation after the waiver: what was seen stays in it, with who signed, why and until when."""
    if waiver is None or observation.outcome not in WAIVABLE:
        return observation
    was = observation.outcome.value
    said = f"{was}, waived by {waiver.principal} until {_minute(waiver.until)}: {waiver.reason}"
    evidence = {
        **observation.evidence,
        "waiver": {
            "outcome": was,
            "summary": observation.summary,
            "by": waiver.principal,
            "reason": waiver.reason,
            "until": utc_text(waiver.until),
            "record": waiver.seq,
        },
    }
    return replace(observation, outcome=Outcome.WAIVED, summary=said, evidence=evidence)


def parse_until(text: str, now: datetime) -> datetime:
    """Until when a waiver is to count: a date (to the end of that day in UTC), a time with its zone, or a duration.

    Raises UsageError when it is not in the future, or later than the longest that is allowed.
    """
    until = parse_deadline(text, now)
    hint = f"--until takes a date, a time with its zone or a duration; at most {format_duration(LONGEST)}"
    if until is None:
        raise UsageError(f"--until {shown(text)} is no time", hint=hint)
    if until <= now:
        raise UsageError(f"--until {utc_text(until)} is not after now, {utc_text(now)}", hint=hint)
    if until - now > LONGEST:
        latest = utc_text(now + LONGEST)
        raise UsageError(f"--until {utc_text(until)} is too far away, the latest is {latest}", hint=hint)
    return until


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
