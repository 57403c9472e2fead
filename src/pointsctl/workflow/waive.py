"""Use case: somebody who may signs for going on without an item, for a reason and until a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.checklist import Item
from pointsctl.model.finding import Outcome
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.policy import Trust
from pointsctl.model.problems import shown
from pointsctl.model.redaction import redact
from pointsctl.model.statement import ItemReference, WaiverStatement
from pointsctl.model.supply import holders
from pointsctl.model.waiver import WAIVABLE, may_waive, parse_until
from pointsctl.workflow.find_item import find_item
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.record_signed import record_signed, trust_in_force
from pointsctl.workflow.sign import Bindings, SigningMeans, sign_statement, signer_for

_SHORTEST_REASON, _LONGEST_REASON = 8, 1_000
_WAIVED_BEFORE = frozenset({*WAIVABLE, Outcome.WAIVED})


@dataclass(frozen=True)
class Request:
    """What is asked for: an item by its id in an environment, why, and until when (as typed)."""

    environment: str
    item: str
    reason: str
    until: str
    means: SigningMeans


@dataclass(frozen=True)
class Going:
    """What is about to be signed; `seen` is what the ledger knows of the item, in a few words."""

    principal: str
    item: Item
    reason: str
    until: datetime
    seen: str


@dataclass(frozen=True)
class WaivedItem:
    """What was signed, and its record."""

    going: Going
    record: Record
    fingerprint: str


def waive(loaded: Loaded, ledger: Ledger, request: Request, consent: Callable[[Going], None]) -> WaivedItem:
    """Sign for going on without the item and record it; `consent` is called with what will be signed, before it is.

    Raises UsageError (no such item, no reason, no time that is allowed), RefusedError (the item cannot be waived, or there is
    nothing to waive; the signer has no say; no policy), and what `consent`, signing and the ledger raise.
    """
    item = find_item(loaded.checklist, request.item)
    _refuse_unwaivable(loaded, item)
    history = read_history(ledger, request.means.variables)
    until = parse_until(request.until, history.now or ledger.now())
    reason = _reason(request.reason)
    seen = _seen(loaded, item, history, request.environment)
    trust = trust_in_force(history.trust, request.environment)
    principal = signer_for(trust, request.means)
    if not may_waive(history, principal):
        who = holders(trust, trust.policy.waivers)
        raise RefusedError(f"{shown(principal)} holds no role that signs waivers", hint=f"who can: {who}")
    going = Going(principal, item, reason, until, seen)
    consent(going)
    return _sign(loaded, ledger, request, going, trust)


def _refuse_unwaivable(loaded: Loaded, item: Item) -> None:
    if not item.waivable or loaded.checks[item.id].never_waived:
        hint = "mend it; nobody may sign for going on without it"
        raise RefusedError(f"{item.id} cannot be waived: {item.title}", hint=hint)


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON or not reason.isprintable() or redact(reason) != reason:
        expected = f"{_SHORTEST_REASON} to {_LONGEST_REASON:,} printable characters without a secret"
        raise UsageError(f"the reason has {len(reason)} characters; expected {expected}", hint='--reason "..."')
    return reason


def _seen(loaded: Loaded, item: Item, history: History, environment: str) -> str:
    """What there is to waive. A waiver in advance would hide a defect that nobody has seen, so it is refused."""
    if loaded.checks[item.id].reads_the_ledger:
        return f"{item.kind}, decided from the ledger"
    found = history.findings.get(item.id)
    again = f"pointsctl check run {item.id} --env {environment}"
    if found is None or found.definition != loaded.definitions[item.id]:
        raise RefusedError(f"{item.id} was never looked at as it is, so there is nothing to waive", hint=again)
    if found.outcome not in _WAIVED_BEFORE:
        why = "nobody knows what would be waived" if found.outcome is Outcome.ERROR else "there is nothing to waive"
        raise RefusedError(f"{item.id} was {found.outcome.value} in record {found.seq}; {why}", hint=again)
    return f"{found.outcome.value} in record {found.seq}: {found.document.get('summary', '')}"


def _sign(loaded: Loaded, ledger: Ledger, request: Request, going: Going, trust: Trust) -> WaivedItem:
    reference = ItemReference(id=going.item.id, definition=loaded.definitions[going.item.id])

    def build(bindings: Bindings) -> WaiverStatement:
        # To the moment that was shown, however long it took to ask for the passphrase.
        bindings["expires_at"] = going.until
        return WaiverStatement(**bindings, item=reference, reason=going.reason)

    signed = sign_statement(ledger, request.environment, trust, request.means, build, valid_for=None)
    principal, data = signed.statement.principal, {"statement": signed.text}
    draft = Draft(
        Kind.ITEM_WAIVED, request.environment, principal, data, item=going.item.id, signature=signed.signature
    )
    return WaivedItem(going, record_signed(ledger, draft, trust, request.means), signed.fingerprint)
