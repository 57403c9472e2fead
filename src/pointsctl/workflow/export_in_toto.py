"""Use case: an approved plan as a signed in-toto attestation. What is not approved now is not attested at all."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.errors import RefusedError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signing import sign
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Approvals, Verdict, approvals_of
from pointsctl.model.approval_predicate import Issued, grounds_of, predicate_of
from pointsctl.model.configuration import Environment
from pointsctl.model.in_toto import Envelope, envelope_text, pre_authentication_encoding, statement_text
from pointsctl.model.ledger import Kind, Row
from pointsctl.model.plan import SHORT
from pointsctl.model.policy import Trust
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.find_plan import find_plan
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.sign import SigningMeans, key_for, signer_for


@dataclass(frozen=True)
class Attested:
    """An envelope as text, the plan that it is about, who signed it."""

    text: str
    plan: str
    principal: str
    fingerprint: str

    @property
    def short(self) -> str:
        """The beginning of the plan's digest, as people name it."""
        return self.plan[:SHORT]


def export_in_toto(
    ledger: Ledger, loaded: Loaded, name: str, environment: Environment, plan: str | None, means: SigningMeans
) -> Attested:
    """Attest that the newest plan is approved; `plan` names it, or is None.

    1. It is the newest, and approved at this moment. 2. The records that say so, with the policy by which they count.
    3. Signed by a key of that policy. Raises RefusedError for a plan that is not approved or a key that is nobody's.
    """
    deployment = read_deployment(loaded, name, environment, ledger, means.variables)
    history, now = deployment.history, ledger.now()
    wanted = find_plan(history, plan, name)
    approvals = approvals_of(deployment, now)
    trust = history.trust
    if approvals is None or trust is None or wanted.digest != approvals.plan.digest:
        raise RefusedError(f"plan {wanted.plan.short} is not the newest", hint="only the newest plan can be approved")
    _refuse_unapproved(approvals, name)
    issued = Issued(now, history.head, signer_for(trust, means))
    grounds = grounds_of(name, ledger.database(), issued, deployment.valid_for, trust, _rows(ledger, approvals))
    payload = statement_text(approvals.plan.plan.content, predicate_of(grounds, approvals, trust))
    return _signed(payload, approvals, trust, issued, means)


def _refuse_unapproved(approvals: Approvals, name: str) -> None:
    if approvals.verdict is Verdict.APPROVED:
        return
    lacking = [f"{one.role} lacks {one.missing}" for one in approvals.roles if one.missing > 0]
    why = "; ".join([*approvals.refusals, *lacking])
    message = f"plan {approvals.plan.plan.short} is not approved: {why or 'it asks for no role'}"
    raise RefusedError(message, hint=f"see `pointsctl approvals list --env {name}`")


def _rows(ledger: Ledger, approvals: Approvals) -> list[Row]:
    """The rows of the plan and of every decision about it, rejections too."""
    wanted = {approvals.plan.signed.record.seq, *(one.seq for one in approvals.of_plan)}
    return [row for row in ledger.rows(kinds=[Kind.PLAN_CREATED, Kind.PLAN_DECIDED]) if row.seq in wanted]


def _signed(payload: str, approvals: Approvals, trust: Trust, issued: Issued, means: SigningMeans) -> Attested:
    encoded = pre_authentication_encoding(payload)
    armored = sign(encoded, key_for(trust, means), means.variables, terminal=means.terminal)
    with SignatureChecker(means.variables) as checker:
        verdict = checker.check(encoded, armored, issued.issuer, trust, issued.at)
    if not verdict.valid or verdict.fingerprint is None:
        hint = "nothing was written; see who may sign with which key: `pointsctl trust show`"
        raise RefusedError(f"the signature does not count: {verdict.reason}", hint=hint)
    text = envelope_text(Envelope(payload, verdict.fingerprint, armored))
    return Attested(text, approvals.plan.digest, issued.issuer, verdict.fingerprint)
