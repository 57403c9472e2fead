"""Use case: append a signed decision about a plan, after asking of it everything that a gate will ask later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pointsctl.errors import RefusedError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Approvals, approvals_of, objection
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import History, Signed
from pointsctl.model.ledger import Draft, Head, Kind, Record
from pointsctl.model.policy import Trust
from pointsctl.model.standing import State, standing_of
from pointsctl.model.statement import ApprovalStatement, Statement
from pointsctl.model.trust_history import misbound

Look = Callable[[], Deployment]
"""Looks at the ledger, the files and the database, anew each time."""

_HINT = "nothing was recorded; see `pointsctl approvals list`"


@dataclass(frozen=True)
class SignedDecision:
    """A statement and the armored signature over its text."""

    statement: ApprovalStatement
    signature: str


@dataclass(frozen=True)
class Decided:
    """What was done: the new record, the decision, and how the plan stands with it (None if it is no longer there)."""

    recorded: Head
    decision: SignedDecision
    approvals: Approvals | None


def record_decision(
    ledger: Ledger, environment: str, decision: SignedDecision, look: Look, variables: Mapping[str, str]
) -> Decided:
    """Append the decision, while nobody else can append anything.

    `variables` is the process environment, for PATH. Raises RefusedError naming the first thing because of which it would
    not count, and what the ledger and `look` raise.
    """
    statement = decision.statement
    with ledger.transaction("recording the decision"):
        _require_counting(ledger, decision, look(), variables)
        data = {"statement": statement.text()}
        record = ledger.append(
            Draft(
                Kind.PLAN_DECIDED,
                environment,
                statement.principal,
                data,
                plan=statement.plan,
                signature=decision.signature,
            )
        )
    deployment = look()
    now = deployment.history.now
    return Decided(record.head, decision, approvals_of(deployment, now) if now else None)


def _require_counting(
    ledger: Ledger, decision: SignedDecision, deployment: Deployment, variables: Mapping[str, str]
) -> None:
    """1. The signature, under the policy in force. 2. What it is bound to. 3. Who signed. 4. How it would stand."""
    statement, history, now = decision.statement, deployment.history, ledger.now()
    if history.trust is None or history.pin is None:
        raise RefusedError("no approval policy is in force", hint="pin one with `pointsctl trust update`")
    candidate = _candidate(decision, history, now)
    checked = _checked(decision, history.trust, now, variables)
    why = (
        checked.objection
        or misbound(history.pin, candidate, statement, frozenset(_nonces(history)))
        or _unknown_head(ledger, statement)
        or objection(deployment, statement.principal, statement.role, statement.decision, now)
    )
    if why:
        raise RefusedError(f"the decision would not count: {why}", hint=_HINT)
    standing = standing_of(Signed(candidate, statement, checked.fingerprint), deployment, now)
    if standing.state not in (State.VALID, State.REJECTED):
        raise RefusedError(f"the decision would not count: {standing.why} ({standing.state.value})", hint=_HINT)


@dataclass(frozen=True)
class _Checked:
    fingerprint: str | None
    objection: str


def _checked(decision: SignedDecision, trust: Trust, now: datetime, variables: Mapping[str, str]) -> _Checked:
    text, principal = decision.statement.text(), decision.statement.principal
    with SignatureChecker(variables) as checker:
        verdict = checker.check(text, decision.signature, principal, trust, now)
    return _Checked(verdict.fingerprint, verdict.reason)


def _candidate(decision: SignedDecision, history: History, now: datetime) -> Record:
    """The record that it would be, for the questions that are asked of records."""
    statement, head = decision.statement, history.head
    return Record(
        seq=head.seq + 1,
        recorded_at=now,
        kind=Kind.PLAN_DECIDED,
        environment=statement.environment,
        applied_by=statement.principal,
        role="",
        migration_name=None,
        backup_taken=None,
        notes=None,
        plan=statement.plan,
        run=None,
        item=None,
        data={},
        hash="",
        signature=decision.signature,
    )


def _nonces(history: History) -> Iterator[str]:
    signed: list[Signed[Statement]] = [*history.decisions, *(one.signed for one in history.plans)]
    for several in (*history.attestations.values(), *history.waivers.values()):
        signed += several
    yield from (one.statement.nonce for one in signed if one.statement is not None and not one.objection)


def _unknown_head(ledger: Ledger, statement: ApprovalStatement) -> str:
    seq, digest = statement.ledger_head
    if seq > 0 and ledger.hash_at(seq) == digest:
        return ""
    return f"it names record {seq} with a hash that is not in this ledger"
