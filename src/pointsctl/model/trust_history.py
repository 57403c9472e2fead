"""Which trust is in force: a pure fold over the records that pin an environment, pin a policy, or sign for replacing it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from pointsctl.model.ledger import Kind, Record
from pointsctl.model.pin import Pin, read_pin
from pointsctl.model.policy import PolicyError, Trust
from pointsctl.model.policy_rules import check_trust, unfilled
from pointsctl.model.problems import shown
from pointsctl.model.signature import SignatureVerdict
from pointsctl.model.statement import PolicyStatement, Statement, StatementError, read_statement


@dataclass(frozen=True)
class Proposal:
    """A trust that is to replace the one in force, and the statements of those who signed for it so far."""

    trust: Trust
    statements: Mapping[str, PolicyStatement]

    def signed_at(self, moment: datetime) -> tuple[str, ...]:
        """The principals whose signatures have not expired."""
        return tuple(
            principal
            for principal, one in self.statements.items()
            if one.expires_at is None or moment <= one.expires_at
        )


@dataclass(frozen=True)
class TrustHistory:
    """The pin, the trust in force (None before one is pinned) since record `since`, the proposals by their digest.

    `refused` holds the records of these kinds that changed nothing, each with why; `left` is how it stood in each database
    of which a copy was adopted.
    """

    pin: Pin | None = None
    trust: Trust | None = None
    since: int = 0
    proposals: Mapping[str, Proposal] = field(default_factory=lambda: MappingProxyType({}))
    nonces: frozenset[str] = frozenset()
    refused: tuple[tuple[int, str], ...] = ()
    left: tuple[TrustHistory, ...] = ()

    def missing(self, digest: str, at: datetime) -> Mapping[str, int]:
        """How many signatures each role still has to give before the trust with this digest takes effect."""
        if self.trust is None:
            return {}
        proposal = self.proposals.get(digest)
        policy = self.trust.policy
        return unfilled(policy, policy.updates, proposal.signed_at(at) if proposal else ())


def after(
    history: TrustHistory, record: Record, verdict: SignatureVerdict | None, *, head_known: bool = False
) -> TrustHistory:
    """The history after one more record; records of other kinds change nothing.

    `verdict` is that of the record's signature under the trust in force before it, None without one. `head_known` says
    whether the head that its statement names is in the chain before it. Raises PinError for a pin that cannot be read.
    """
    if record.kind == Kind.ENVIRONMENT_PINNED:
        return _pinned(history, read_pin(record))
    if record.kind == Kind.POLICY_PINNED:
        return _policy_pinned(history, record)
    if record.kind == Kind.POLICY_SIGNED:
        return _policy_signed(history, record, verdict, head_known=head_known)
    return history


def statement_of(record: Record) -> Statement | None:
    """The statement that a record holds, or None when it is none."""
    text = record.data.get("statement")
    try:
        return read_statement(text) if isinstance(text, str) else None
    except StatementError:
        return None


def _pinned(history: TrustHistory, pin: Pin) -> TrustHistory:
    if pin.copied_from is None or history.pin is None or history.pin.database.same_as(pin.database):
        return replace(history, pin=pin)
    # A copy that was adopted: whom its origin trusted has no say in what it has become. In the origin they still have: who
    # may append a pin could lead away from it and back, and no signature would be asked for.
    left = (*history.left, history)
    known = (one for one in reversed(left) if one.pin is not None and one.pin.database.same_as(pin.database))
    before = next(known, TrustHistory())
    return replace(before, pin=pin, nonces=history.nonces, refused=history.refused, left=left)


def _policy_pinned(history: TrustHistory, record: Record) -> TrustHistory:
    if history.trust is not None:
        return _refuse(history, record, "a policy is in force; only signatures under it replace it")
    trust = _trust_of(record)
    if isinstance(trust, str):
        return _refuse(history, record, trust)
    return replace(history, trust=trust, since=record.seq)


def _policy_signed(
    history: TrustHistory, record: Record, verdict: SignatureVerdict | None, *, head_known: bool
) -> TrustHistory:
    """1. Signature and bindings must hold. 2. The signature joins those for the same trust. 3. Complete, it is in force."""
    statement, trust = statement_of(record), _trust_of(record)
    objection = _objection(history, record, statement, trust, verdict)
    if not objection and not head_known:
        objection = "its statement names a head that is not in the chain before it"
    if objection or history.trust is None or not isinstance(statement, PolicyStatement) or isinstance(trust, str):
        return _refuse(history, record, objection)
    before = history.proposals.get(trust.digest)
    statements = {**(before.statements if before else {}), statement.principal: statement}
    proposals = {**history.proposals, trust.digest: Proposal(trust, statements)}
    signed = replace(history, proposals=proposals, nonces=history.nonces | {statement.nonce})
    if signed.missing(trust.digest, record.recorded_at):
        return signed
    return replace(signed, trust=trust, since=record.seq, proposals={})


def _objection(
    history: TrustHistory,
    record: Record,
    statement: Statement | None,
    trust: Trust | str,
    verdict: SignatureVerdict | None,
) -> str:
    """Why a signature for a policy does not count; empty when it does."""
    if history.trust is None or history.pin is None:
        return "there is no policy in force that could be replaced"
    if isinstance(trust, str):
        return trust
    if not isinstance(statement, PolicyStatement):
        return "it holds no statement about a policy"
    if verdict is None or not verdict.valid:
        return verdict.reason if verdict else "it is not signed"
    if (statement.replaces, statement.policy) != (history.trust.digest, trust.digest):
        return "it is about another policy than the one in force, or than the one that it holds"
    return misbound(history.pin, record, statement, history.nonces) or _no_say(history.trust, statement)


def misbound(pin: Pin, record: Record, statement: Statement, nonces: Set[str]) -> str:
    """Why a statement does not belong to its record and to what is pinned; empty when it does."""
    if not pin.names(statement.environment, statement.database):
        return "it was signed for another environment or database"
    if statement.principal != record.applied_by:
        return f"it was signed by {shown(statement.principal)} and recorded for {shown(record.applied_by)}"
    if statement.nonce in nonces:
        return "it was recorded before: a nonce counts once"
    if record.recorded_at < statement.not_before:
        return "it was recorded before the time that it names"
    if statement.expires_at is not None and statement.expires_at < record.recorded_at:
        return "it had expired when it was recorded"
    return ""


def _no_say(trust: Trust, statement: Statement) -> str:
    if set(trust.policy.updates) & set(trust.policy.roles_of(statement.principal)):
        return ""
    return f"{shown(statement.principal)} holds none of the roles that replace the policy"


def _trust_of(record: Record) -> Trust | str:
    """The trust that a record holds, or why it cannot be used."""
    value = record.data.get("trust")
    try:
        trust = Trust.from_json(value if isinstance(value, Mapping) else {})
        check_trust(trust)
    except PolicyError as error:
        return error.message
    if record.kind == Kind.POLICY_PINNED and record.data.get("policy") != trust.digest:
        return "its digest is not that of the policy that it holds"
    return trust


def _refuse(history: TrustHistory, record: Record, why: str) -> TrustHistory:
    return replace(history, refused=(*history.refused, (record.seq, why)))
