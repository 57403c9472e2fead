"""Use case: check an in-toto attestation with nothing but itself and ssh-keygen: the approvals in it are judged anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import CouldNotLookError, ExitCode, PointsctlError, StorageError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.model.approval import Approvals, Verdict, approvals_of
from pointsctl.model.approval_predicate import Grounds, predicate_of, read_grounds
from pointsctl.model.bundle import Difference
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import History, Signed, fold
from pointsctl.model.in_toto import (
    LONGEST,
    Envelope,
    InTotoError,
    pre_authentication_encoding,
    read_envelope,
    read_predicate,
    statement_text,
)
from pointsctl.model.ledger import Head, MalformedRecordError, Row, chain_hash, read_record
from pointsctl.model.pin import Pin
from pointsctl.model.policy import PolicyError, Trust
from pointsctl.model.policy_rules import check_trust
from pointsctl.model.statement import Statement
from pointsctl.model.trust_history import misbound, statement_of

_ENVELOPE, _RECORDS = "the envelope", "its records"


@dataclass(frozen=True)
class VerifiedEnvelope:
    """What an envelope says, as far as it could be read, and what is wrong with it. `compared`: a policy was given."""

    grounds: Grounds | None
    approvals: Approvals | None
    policy: str | None
    fingerprint: str | None
    compared: tuple[bool, bool]
    differences: tuple[Difference, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong, and the plan was approved."""
        return not self.differences and self.approvals is not None and self.approvals.verdict is Verdict.APPROVED

    @property
    def exit_code(self) -> ExitCode:
        """0 when whole, 1 when not."""
        return ExitCode.DONE if self.whole else ExitCode.BAD


class _WrongError(PointsctlError):
    """Ends a verification at the first thing that is wrong; `difference` says what."""

    code = "envelope"

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"{name}: expected {expected}, found {found}", hint="export the attestation again")
        self.difference = Difference(name, expected, found)


def verify_envelope(
    path: Path, policy: str | None, heads: Sequence[Head], variables: Mapping[str, str]
) -> VerifiedEnvelope:
    """Verify an attestation; `policy` is the digest of the policy that is known (None when it is not), `heads` are known
    heads: the envelope can be compared with those of the records that it holds, and with its own head.

    1. The envelope is signed by its issuer. 2. Each record has its hash, each signature its signer. 3. By the rules of every
    gate the plan was approved then. 4. The rest of the statement is what follows from that. Raises StorageError,
    CouldNotLookError, ToolMissingError.
    """
    data = _content(path)
    grounds = approvals = trust = fingerprint = None
    try:
        envelope = _read(data)
        grounds = _grounds(envelope)
        trust = _trust(grounds, policy)
        _require_heads(grounds, heads)
        with SignatureChecker(variables) as checker:
            fingerprint = _require_signed(envelope, grounds, trust, checker)
            history = _history(grounds, trust, checker)
        approvals = _approvals(history, grounds)
        _require_derived(envelope, grounds, approvals, trust)
    except _WrongError as error:
        differences: tuple[Difference, ...] = (error.difference,)
    else:
        differences = ()
    digest = trust.digest if trust else None
    compared = (policy is not None, bool(heads))
    return VerifiedEnvelope(grounds, approvals, digest, fingerprint, compared, differences)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from None
    if len(data) > LONGEST:
        raise CouldNotLookError(f"{path} has more than {LONGEST:,} bytes", hint="name a file of `evidence export`")
    return data


def _read(data: bytes) -> Envelope:
    try:
        return read_envelope(data)
    except InTotoError as error:
        raise _WrongError(_ENVELOPE, "an envelope as `evidence export` writes it", error.message) from None


def _grounds(envelope: Envelope) -> Grounds:
    try:
        grounds = read_grounds(read_predicate(envelope.payload))
    except InTotoError as error:
        raise _WrongError(_ENVELOPE, "a statement about an approval", error.message) from None
    if grounds is None:
        raise _WrongError(_ENVELOPE, "a predicate with its grounds", "another one")
    return grounds


def _trust(grounds: Grounds, known: str | None) -> Trust:
    try:
        trust = Trust.from_json(grounds.trust)
        check_trust(trust)
    except PolicyError as error:
        raise _WrongError("its policy", "one that can be used", error.message) from None
    if trust.as_json() != grounds.trust:
        raise _WrongError("its policy", "one as the ledger writes it", "another form of it")
    if known is not None and known != trust.digest:
        raise _WrongError("its policy", known, trust.digest)
    return trust


def _require_heads(grounds: Grounds, heads: Sequence[Head]) -> None:
    known = {Head(row.seq, row.hash) for row in grounds.rows()}
    known.add(Head(grounds.ledgerHead.seq, grounds.ledgerHead.hash))
    for head in heads:
        if head not in known:
            expected = f"the head {head.seq}:{head.hash}, which was given"
            raise _WrongError(_RECORDS, expected, "it is neither its head nor one of them")


def _require_signed(envelope: Envelope, grounds: Grounds, trust: Trust, checker: SignatureChecker) -> str | None:
    encoded = pre_authentication_encoding(envelope.payload)
    try:
        verdict = checker.check(encoded, envelope.signature, grounds.issuer, trust, grounds.approvedAt)
    except PolicyError as error:
        raise _WrongError("its policy", "one that can be used", error.message) from None
    if not verdict.valid or verdict.fingerprint != envelope.keyid:
        found = verdict.reason or f"one by {verdict.fingerprint}"
        raise _WrongError(_ENVELOPE, f"a signature of {grounds.issuer} by the key {envelope.keyid}", found)
    return verdict.fingerprint


def _history(grounds: Grounds, trust: Trust, checker: SignatureChecker) -> History:
    """The history that the records amount to, as if they were all there is."""
    pin = Pin(name=grounds.environment, database=grounds.database, protected=False, tool="")
    nonces: set[str] = set()
    entries, last = [], 0
    for row in grounds.rows():
        if row.seq <= last or row.seq > grounds.ledgerHead.seq:
            raise _WrongError(_RECORDS, "records in order, up to the head", f"record {row.seq} after record {last}")
        entries.append(_entry(row, pin, trust, checker, nonces))
        last = row.seq
    return fold(History(Head(grounds.ledgerHead.seq, grounds.ledgerHead.hash), grounds.approvedAt, pin, trust), entries)


def _entry(row: Row, pin: Pin, trust: Trust, checker: SignatureChecker, nonces: set[str]) -> Signed[Statement]:
    try:
        record = read_record(row)
    except MalformedRecordError as error:
        raise _WrongError(_RECORDS, "whole records", error.message) from None
    statement = statement_of(record)
    if chain_hash(row.previous_hash, row.body) != row.hash or statement is None or row.signature is None:
        raise _WrongError(_RECORDS, f"record {row.seq} with its hash, a statement and a signature", "another one")
    verdict = checker.check(statement.text(), row.signature, statement.principal, trust, record.recorded_at)
    objection = verdict.reason or misbound(pin, record, statement, nonces)
    nonces.add(statement.nonce)
    return Signed(record, statement, verdict.fingerprint, objection)


def _approvals(history: History, grounds: Grounds) -> Approvals:
    approvals = approvals_of(Deployment(history, history.plan, (), grounds.valid_for), grounds.approvedAt)
    if approvals is None:
        raise _WrongError(_RECORDS, "the record of a plan that counts", "none")
    if approvals.verdict is not Verdict.APPROVED:
        why = "; ".join(approvals.refusals) or "signatures are missing or do not count"
        raise _WrongError(_RECORDS, "a plan that is approved", why)
    return approvals


def _require_derived(envelope: Envelope, grounds: Grounds, approvals: Approvals, trust: Trust) -> None:
    expected = statement_text(approvals.plan.plan.content, predicate_of(grounds, approvals, trust))
    if expected != envelope.payload:
        raise _WrongError(_ENVELOPE, "the statement that follows from its records", "another one")
