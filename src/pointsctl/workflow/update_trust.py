"""Use case: pin the approval policy of the trust folder, or sign for replacing the one in force with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_trust_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Draft, Head, Kind
from pointsctl.model.policy import Trust
from pointsctl.model.policy_rules import check_trust
from pointsctl.model.problems import shown
from pointsctl.model.statement import PolicyStatement
from pointsctl.model.trust_changes import changes
from pointsctl.model.trust_history import TrustHistory
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.show_trust import require_usable
from pointsctl.workflow.sign import Bindings, Signed, SigningMeans, sign_statement, signer_for


class Step(StrEnum):
    """What an update does: nothing is different, the first policy, or a signature for another one."""

    NOTHING = "nothing"
    PIN = "pin"
    SIGN = "sign"


@dataclass(frozen=True)
class Request:
    """What is asked for: the environment by name, the folder with the new trust, who says to be doing it (for a pin, which
    nobody signs), the means to sign, and for how long a signature counts.
    """

    environment: str
    folder: Path
    applied_by: str
    means: SigningMeans
    valid_for: timedelta


@dataclass(frozen=True)
class Update:
    """What is about to be done: shown to a person before it is done."""

    step: Step
    old: Trust | None
    new: Trust
    principal: str | None
    changes: tuple[str, ...]
    oddities: tuple[str, ...]


@dataclass(frozen=True)
class Updated:
    """What was done. `recorded` is the new record (None when nothing was to be recorded); `missing` how many signatures each
    role still lacks; empty when the folder's trust is in force.
    """

    update: Update
    recorded: Head | None
    missing: Mapping[str, int]
    candidates: Mapping[str, tuple[str, ...]]


def update_trust(ledger: Ledger, request: Request, consent: Callable[[Update], None]) -> Updated:
    """Make the folder's trust the one in force, as far as one person can; `consent` is called before anything is signed.

    1. Nothing is pinned: the folder is pinned, trusted on first use. 2. The folder differs: its digest is signed for with
    the caller's key, and it takes effect once all roles in `updates` of the policy in force have signed. Raises
    TrustFolderError, RefusedError (a key that has no say, a signature that does not count), what `consent` raises, and what
    signing and the ledger raise.
    """
    new = load_trust(request.folder)
    require_usable(new, request.means.variables)
    history = read_trust_history(ledger, request.means.variables)
    if history.trust is None:
        update = Update(Step.PIN, None, new, None, (), check_trust(new))
        consent(update)
        return _pin(ledger, request, update)
    if history.trust.digest == new.digest:
        return Updated(Update(Step.NOTHING, history.trust, new, None, (), check_trust(new)), None, {}, {})
    principal = _principal(history.trust, request.means)
    update = Update(Step.SIGN, history.trust, new, principal, changes(history.trust, new), check_trust(new))
    proposal = history.proposals.get(new.digest)
    if proposal is not None and principal in proposal.signed_at(ledger.now()):
        return _outcome(ledger, history, update, None)
    consent(update)
    return _sign(ledger, request, update, history.trust)


def _principal(trust: Trust, means: SigningMeans) -> str:
    """Whose key it is. Raises RefusedError when that person has no say in replacing the policy."""
    principal = signer_for(trust, means)
    roles = trust.policy.roles_of(principal)
    if not set(roles) & set(trust.policy.updates):
        message = f"{shown(principal)} holds {_listed(roles)}; the policy in force is replaced by {_listed(trust.policy.updates)}"
        raise RefusedError(message, hint="ask the holders of these roles to run this command with their keys")
    return principal


def _pin(ledger: Ledger, request: Request, update: Update) -> Updated:
    data = {"trust": update.new.as_json(), "policy": update.new.digest}
    with ledger.transaction("pinning the policy"):
        # Somebody may have pinned one while a person was asked; the first one is the authority.
        if read_trust_history(ledger, request.means.variables).trust is not None:
            hint = "see it with `pointsctl trust show`, then run this command again"
            raise RefusedError("a policy was pinned in the meantime", hint=hint)
        record = ledger.append(Draft(Kind.POLICY_PINNED, request.environment, request.applied_by, data))
    return Updated(update, record.head, {}, {})


def _sign(ledger: Ledger, request: Request, update: Update, in_force: Trust) -> Updated:
    def build(bindings: Bindings) -> PolicyStatement:
        return PolicyStatement(**bindings, replaces=in_force.digest, policy=update.new.digest)

    signed = sign_statement(ledger, request.environment, in_force, request.means, build, valid_for=request.valid_for)
    record = ledger.append(_draft(request, signed, update.new))
    history = read_trust_history(ledger, request.means.variables)
    refused = dict(history.refused)
    if record.seq in refused:
        hint = "see `pointsctl trust show`, then run this command again"
        raise RefusedError(f"the signature was recorded and does not count: {refused[record.seq]}", hint=hint)
    return _outcome(ledger, history, update, record.head)


def _draft(request: Request, signed: Signed[PolicyStatement], trust: Trust) -> Draft:
    data = {"statement": signed.text, "trust": trust.as_json()}
    principal = signed.statement.principal
    return Draft(Kind.POLICY_SIGNED, request.environment, principal, data, signature=signed.signature)


def _outcome(ledger: Ledger, history: TrustHistory, update: Update, recorded: Head | None) -> Updated:
    digest = update.new.digest
    if history.trust is None or history.trust.digest == digest:
        return Updated(update, recorded, {}, {})
    now = ledger.now()
    missing = history.missing(digest, now)
    signed = history.proposals[digest].signed_at(now) if digest in history.proposals else ()
    roles = history.trust.policy.roles
    candidates = {role: tuple(one for one in roles[role].principals if one not in signed) for role in missing}
    return Updated(update, recorded, missing, candidates)


def _listed(names: tuple[str, ...]) -> str:
    return f"the role{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else "no role"
