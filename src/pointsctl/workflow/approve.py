"""Use case: a person approves or rejects the newest plan with their key; shown first, signed after it, recorded at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import objection, open_roles
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import RecordedPlan
from pointsctl.model.plan import Evidence, Plan
from pointsctl.model.plan_evidence import evidence_of
from pointsctl.model.policy import Trust
from pointsctl.model.redaction import redact
from pointsctl.model.statement import ApprovalStatement, Decision
from pointsctl.workflow.find_plan import find_plan
from pointsctl.workflow.record_decision import Decided, Look, SignedDecision, record_decision
from pointsctl.workflow.sign import Bindings, SigningMeans, sign_statement, signer_for

_LONGEST_COMMENT = 1_000


@dataclass(frozen=True)
class Request:
    """What is asked for: the environment by name, the plan (the beginning of its digest, None for the newest), the role (None
    when there is only one that the signer can fill), what is decided and why, and the means to sign.
    """

    environment: str
    plan: str | None
    role: str | None
    decision: Decision
    comment: str
    means: SigningMeans


@dataclass(frozen=True)
class Asked:
    """What is about to be signed; shown to the person before they confirm it. `now` is the database's clock, `evidence` the
    newest, which may be newer than the plan; `valid_for` is None for what does not run out.
    """

    deployment: Deployment
    plan: Plan
    evidence: Evidence
    principal: str
    role: str
    decision: Decision
    comment: str
    now: datetime
    valid_for: timedelta | None


def approve(ledger: Ledger, request: Request, look: Look, consent: Callable[[Asked], None]) -> Decided:
    """Decide about the newest plan; `consent` is called before anything is signed.

    The world is looked at three times: before it is shown, after it was confirmed, and when nobody else can append to the
    ledger any more. Raises UsageError (another plan, which role, no comment), RefusedError (whatever would make the decision
    count for nothing), what `consent` raises, and what signing, the ledger and `look` raise.
    """
    require_comment(request.decision, request.comment)
    asked = _asked(request, look())
    consent(asked)
    again = _asked(request, look())
    if again.plan.digest != asked.plan.digest:
        raise RefusedError(
            f"plan {again.plan.short} was made while you looked at plan {asked.plan.short}",
            hint="nothing was signed; run the command again and look at the new plan",
        )
    signed = sign_statement(
        ledger,
        request.environment,
        _trust(again.deployment),
        request.means,
        lambda bindings: statement_for(asked, bindings),
        valid_for=asked.valid_for,
    )
    decision = SignedDecision(signed.statement, signed.signature)
    return record_decision(ledger, request.environment, decision, look, request.means.variables)


def statement_for(asked: Asked, bindings: Bindings) -> ApprovalStatement:
    """The statement that is signed."""
    return ApprovalStatement(
        **bindings,
        plan=asked.plan.digest,
        evidence=asked.evidence.digest,
        role=asked.role,
        decision=asked.decision,
        comment=asked.comment,
    )


def require_comment(decision: Decision, comment: str) -> None:
    """Raises UsageError for a rejection that says nothing (whoever made the plan must know what to change), and for a comment
    that does not belong into a record that stays for ever.
    """
    if decision is Decision.REJECT and not comment.strip():
        raise UsageError("a rejection without a comment", hint="say what must change, with --comment")
    if len(comment) > _LONGEST_COMMENT or not comment.isprintable() or redact(comment) != comment:
        expected = f"{_LONGEST_COMMENT:,} printable characters at the most, without a secret"
        raise UsageError(f"the comment cannot be recorded; expected {expected}", hint='--comment "..."')


def _asked(request: Request, deployment: Deployment) -> Asked:
    """1. The plan that was named is the newest. 2. Whose key it is. 3. In which role. 4. Nothing speaks against it."""
    trust, now = _trust(deployment), deployment.history.now
    plan = _plan(request, deployment)
    if now is None:
        raise RefusedError("the database's clock is not known", hint="run the command again")
    principal = signer_for(trust, request.means)
    role = request.role or _only_role(request, deployment, trust, principal, now)
    why = objection(deployment, principal, role, request.decision, now)
    if why:
        hint = f"nothing was signed; see `pointsctl approvals list --env {request.environment}`"
        raise RefusedError(f"refused: {why}", hint=hint)
    # What closes a gate does not run out.
    valid_for = deployment.valid_for if request.decision is Decision.APPROVE else None
    evidence = evidence_of(deployment.history, plan.plan.content.migrations)
    return Asked(deployment, plan.plan, evidence, principal, role, request.decision, request.comment, now, valid_for)


def _trust(deployment: Deployment) -> Trust:
    if deployment.history.trust is None:
        raise RefusedError("no approval policy is in force", hint="pin one with `pointsctl trust update`")
    return deployment.history.trust


def _plan(request: Request, deployment: Deployment) -> RecordedPlan:
    plan = find_plan(deployment.history, request.plan, request.environment)
    newest = deployment.plan
    if newest is None or plan.digest != newest.digest:
        newer = newest.plan.short if newest else "none"
        raise RefusedError(
            f"plan {plan.plan.short} is superseded; the newest is {newer}",
            hint=f"nothing was signed; look at it with `pointsctl plan show --env {request.environment}`",
        )
    return newest


def _only_role(request: Request, deployment: Deployment, trust: Trust, principal: str, now: datetime) -> str:
    roles = open_roles(deployment, principal, request.decision, now)
    if len(roles) == 1:
        return roles[0]
    if roles:
        raise UsageError(f"in which role? {principal} holds {' and '.join(roles)}", hint=f"--role {roles[0]}")
    held = [
        one for one in trust.policy.roles_of(principal) if deployment.plan and one in deployment.plan.plan.content.roles
    ]
    if not held:
        raise RefusedError(
            f"{principal} holds none of the roles that the plan asks for",
            hint=f"see who does: `pointsctl approvals list --env {request.environment}`",
        )
    # Of a role that is held, the reason why it cannot be filled is told by whoever asks next.
    return held[0]
