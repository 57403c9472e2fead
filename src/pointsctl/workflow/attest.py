"""Use case: a person says, with a signature, that items are done that no program can see."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pointsctl.errors import RefusedError, UsageError
from pointsctl.files import see
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.attestation import may_attest
from pointsctl.model.checklist import Item
from pointsctl.model.field_values import asked_for, fill
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.policy import Trust
from pointsctl.model.problems import nearest, shown
from pointsctl.model.references import matching
from pointsctl.model.statement import AttestationStatement, EvidenceFile, ItemReference
from pointsctl.model.supply import anybody, holders
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.record_signed import record_signed, trust_in_force
from pointsctl.workflow.recorded_note import recorded_note
from pointsctl.workflow.sign import Bindings, SigningMeans, sign_statement, signer_for

_LONGEST_NAME = 255
_SECONDS_A_FILE = 600.0


@dataclass(frozen=True)
class Request:
    """What is asked for: items by ids or globs in an environment, the fields as they were typed, files by their paths, and
    for how long the attestation counts at the most (None: as long as each item's `valid_for` says).
    """

    environment: str
    patterns: Sequence[str]
    fields: Mapping[str, str]
    note: str
    files: Sequence[Path]
    valid_for: timedelta | None
    means: SigningMeans


@dataclass(frozen=True)
class Saying:
    """What is about to be signed: shown to the person before it is."""

    principal: str
    items: tuple[Item, ...]
    fields: Mapping[str, str]
    note: str
    files: tuple[EvidenceFile, ...]


@dataclass(frozen=True)
class Attested:
    """What was signed, and its record."""

    saying: Saying
    record: Record
    fingerprint: str


def attest(loaded: Loaded, ledger: Ledger, request: Request, consent: Callable[[Saying], None]) -> Attested:
    """Sign for the items and record it; `consent` is called with what will be signed, before it is.

    1. The items are such that people attest them. 2. The signer may say it, in the policy in force. 3. Every field is of its
    type and none is missing. 4. Files are taken by their digest. Raises UsageError, RefusedError (a signer without a say, no
    policy), StorageError (a file that cannot be read), and what `consent`, signing and the ledger raise.
    """
    items = attestable(loaded, request.patterns)
    history = read_history(ledger, request.means.variables)
    trust = trust_in_force(history.trust, request.environment)
    principal = signer_for(trust, request.means)
    for item in items:
        _refuse_without_a_say(loaded, item, principal, history)
    fields = _fields(items, request.fields, principal)
    files = tuple(_evidence(path) for path in request.files)
    saying = Saying(principal, items, fields, recorded_note(request.note), files)
    consent(saying)
    return _sign(loaded, ledger, request, saying, trust)


def attestable(loaded: Loaded, patterns: Sequence[str]) -> tuple[Item, ...]:
    """The items that the ids and globs mean, in the order of the checklist; globs mean only items that people attest.

    Raises UsageError for an id that is unknown, that no person can attest, or that asks for fields of its own beside others.
    """
    by_hand = [item for item in loaded.checklist.walk() if loaded.checks[item.id].attested_by() is not None]
    ids = [item.id for item in by_hand]
    wanted: set[str] = set()
    for pattern in patterns:
        found = matching(pattern, ids)
        if not found:
            raise _not_attestable(loaded, pattern, ids)
        wanted.update(found)
    items = tuple(item for item in by_hand if item.id in wanted)
    with_fields = [item.id for item in items if asked_for(item)]
    if len(items) > 1 and with_fields:
        message = f"{with_fields[0]} asks for fields, so it is attested alone, not with {len(items) - 1} more"
        raise UsageError(message, hint=f"pointsctl attest {with_fields[0]} --field NAME=VALUE")
    return items


def _not_attestable(loaded: Loaded, pattern: str, ids: Sequence[str]) -> UsageError:
    item = loaded.checklist.find(pattern)
    if item is not None:
        how = loaded.checks[item.id].how() or item.kind
        message = f"no person can attest {item.id}: it is decided by {item.kind} ({how})"
        return UsageError(message, hint=f"pointsctl check run {item.id}")
    close = nearest(pattern, ids)
    hint = f"did you mean {close!r}?" if close else "see `pointsctl check list`"
    return UsageError(f"no item that people attest matches {shown(pattern)}", hint=hint)


def _refuse_without_a_say(loaded: Loaded, item: Item, principal: str, history: History) -> None:
    role = loaded.checks[item.id].attested_by() or ""
    if not may_attest(history, principal, role):
        who = holders(history.trust, [role]) if role else anybody(history.trust)
        message = f"{shown(principal)} cannot attest {item.id}: it takes {'the role ' + role if role else 'a role'}"
        raise RefusedError(message, hint=f"who can: {who}")


def _fields(items: Sequence[Item], given: Mapping[str, str], principal: str) -> dict[str, str]:
    if len(items) == 1:
        return fill(items[0], given, principal)
    if given:
        hint = "attest the item that has the fields alone"
        raise UsageError(f"fields belong to one item, and {len(items)} are attested together", hint=hint)
    return {}


def _evidence(path: Path) -> EvidenceFile:
    """The file by its last name alone: where it lay on somebody's machine is nobody's business."""
    name = path.name
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        hint = "give it a name of printable characters"
        raise UsageError(f"the file name {shown(name)} cannot be kept as evidence", hint=hint)
    seen = see(path, TimeLimit(_SECONDS_A_FILE, time.monotonic), keep=False)
    if isinstance(seen, str):
        raise UsageError(f"{shown(str(path), 200)} {seen}", hint="name a file with --evidence")
    return EvidenceFile(name=name, size=seen.size, sha256=seen.sha256)


def _sign(loaded: Loaded, ledger: Ledger, request: Request, saying: Saying, trust: Trust) -> Attested:
    references = tuple(ItemReference(id=item.id, definition=loaded.definitions[item.id]) for item in saying.items)

    def build(bindings: Bindings) -> AttestationStatement:
        return AttestationStatement(
            **bindings, items=references, fields=dict(saying.fields), note=saying.note, evidence=saying.files
        )

    signed = sign_statement(ledger, request.environment, trust, request.means, build, valid_for=request.valid_for)
    data = {"statement": signed.text}
    draft = Draft(
        Kind.ITEM_ATTESTED,
        request.environment,
        signed.statement.principal,
        data,
        item=saying.items[0].id,
        signature=signed.signature,
    )
    return Attested(saying, record_signed(ledger, draft, trust, request.means), signed.fingerprint)
