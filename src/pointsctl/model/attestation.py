"""Attestations: whether a person's word for an item counts now, and if not, exactly why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pointsctl.errors import UsageError
from pointsctl.model.canonical import utc_text
from pointsctl.model.checklist import Item
from pointsctl.model.duration import format_duration
from pointsctl.model.field_values import asked_for, fill
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.problems import shown
from pointsctl.model.supply import anybody, holders

if TYPE_CHECKING:
    from pointsctl.model.history import History, Signed
    from pointsctl.model.statement import AttestationStatement


@dataclass(frozen=True)
class Asked:
    """What is asked of people: the item with the digest of its definition, in the environment `target`; `role` is who can say
    it, empty for everybody who holds a role.
    """

    item: Item
    definition: str
    target: str
    role: str = ""


def attested(asked: Asked, history: History | None) -> Observation:
    """What the attestations of the item amount to: the newest that counts is a pass, all others are waited for."""
    if history is None:
        hint = f"install the ledger with `pointsctl init --env {asked.target}`"
        return _pending(asked, None, f"waits for {_who(asked)} to say so{_with(asked)}", hint=hint)
    entries = history.attestations.get(asked.item.id, ())
    for entry in reversed(entries):
        if not objection_to(entry, asked, history):
            return _passed(entry, history)
    command = attest_command(asked)
    if entries:
        why = objection_to(entries[-1], asked, history)
        summary = f"the attestation in record {entries[-1].record.seq} does not count: {why}"
    else:
        summary = f"waits for {_who(asked)} to say so{_with(asked)}"
    return _pending(asked, history, summary, hint=command)


def objection_to(entry: Signed[AttestationStatement], asked: Asked, history: History) -> str:
    """Why an attestation does not count now; empty when it does."""
    statement = entry.statement
    if statement is None or not entry.counts:
        return entry.objection or entry.since or "it cannot be read"
    if not any((one.id, one.definition) == (asked.item.id, asked.definition) for one in statement.items):
        return "the item's definition in the checklist has changed since"
    return (
        _too_old(statement, asked.item, history)
        or _no_say(statement.principal, asked.role, history)
        or _not_filled(statement, asked.item)
    )


def may_attest(history: History, principal: str, role: str) -> bool:
    """Whether the policy in force lets the principal say it: by that role, or by any when `role` is empty."""
    held = history.trust.policy.roles_of(principal) if history.trust else ()
    return role in held if role else bool(held)


def attest_command(asked: Asked) -> str:
    """The command with which it is said."""
    fields = "".join(f" --field {field.name}=..." for field in asked_for(asked.item))
    return f"pointsctl attest {asked.item.id} --env {asked.target}{fields}"


def _too_old(statement: AttestationStatement, item: Item, history: History) -> str:
    if history.now is None:
        return "the database's clock is not known"
    if statement.expires_at is not None and statement.expires_at <= history.now:
        return f"it expired at {utc_text(statement.expires_at)}"
    age = history.now - statement.not_before
    if age < timedelta(0):
        return f"it is of the future: signed at {utc_text(statement.not_before)}, it is {utc_text(history.now)}"
    if item.valid_for is not None and age > item.valid_for:
        return f"it is {_age(age)} old, and counts for {format_duration(item.valid_for)}"
    return ""


def _no_say(principal: str, role: str, history: History) -> str:
    if may_attest(history, principal, role):
        return ""
    return f"{shown(principal)} holds {'not the role ' + repr(role) if role else 'no role'} in the policy in force"


def _not_filled(statement: AttestationStatement, item: Item) -> str:
    if len(statement.items) > 1 and not asked_for(item):
        return ""
    try:
        fill(item, statement.fields, statement.principal)
    except UsageError as error:
        return error.message
    return ""


def _passed(entry: Signed[AttestationStatement], history: History) -> Observation:
    statement = entry.statement
    if statement is None or history.now is None:
        raise AssertionError("only an attestation that counts is a pass")
    ago = _age(history.now - statement.not_before)
    said = ", ".join(f"{name} {value}" for name, value in statement.fields.items())
    evidence: dict[str, JsonValue] = {
        "by": statement.principal,
        "at": utc_text(statement.not_before),
        "record": entry.record.seq,
        "values": dict(statement.fields),
        "note": statement.note,
        "files": [one.model_dump(mode="json") for one in statement.evidence],
    }
    return Observation.passed(
        f"{statement.principal} said so {ago} ago{f': {said}' if said else ''}",
        observed=f"signed by {statement.principal} at {utc_text(statement.not_before)}",
        expected="a signed attestation",
        evidence=evidence,
    )


def _pending(asked: Asked, history: History | None, summary: str, *, hint: str) -> Observation:
    trust = history.trust if history else None
    evidence: dict[str, JsonValue] = {
        "waits_for": _who(asked),
        "fields": [field.name for field in asked_for(asked.item)],
        "who": holders(trust, [asked.role]) if asked.role else anybody(trust),
        "command": attest_command(asked) if history else f"pointsctl init --env {asked.target}",
    }
    return Observation.pending(summary, expected="a signed attestation", hint=hint, evidence=evidence)


def _who(asked: Asked) -> str:
    return asked.role or "a person"


def _with(asked: Asked) -> str:
    names = [field.name for field in asked_for(asked.item)]
    return f" with {', '.join(names)}" if names else ""


def _age(age: timedelta) -> str:
    return format_duration(timedelta(seconds=max(1, int(age.total_seconds()))))
