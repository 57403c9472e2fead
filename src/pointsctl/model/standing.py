"""What became of each decision about a plan: whether it counts now, and if it does not, why, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pointsctl.model.ages import minute
from pointsctl.model.deployment import Change, Deployment, shortened
from pointsctl.model.duration import format_duration
from pointsctl.model.history import History, RecordedPlan, Signed
from pointsctl.model.plan import SHORT, Content
from pointsctl.model.policy import Policy, Trust
from pointsctl.model.signature import KEY_REVOKED
from pointsctl.model.statement import ApprovalStatement, Decision

_MOST_NAMED = 3
_OWN_PLAN = "{principal} made the plan and deploys it; nobody approves their own plan"


class State(StrEnum):
    """How a decision stands. Only `valid` ones can fill a role, and a `rejected` one closes the plan."""

    VALID = "valid"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WRONG_ROLE = "wrong-role"
    TAMPERED = "tampered"
    SELF_APPROVED = "self-approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Standing:
    """A decision and how it stands; `why` is one sentence, for a valid one too. Texts in it may come from anybody."""

    signed: Signed[ApprovalStatement]
    statement: ApprovalStatement
    state: State
    why: str

    @property
    def seq(self) -> int:
        """Its record in the ledger."""
        return self.signed.record.seq


def standings(deployment: Deployment, now: datetime) -> tuple[Standing, ...]:
    """How every decision in the ledger stands at `now` (the database's clock), in the order of the chain.

    Approvals that two people gave with one key are none.
    """
    found = [standing_of(one, deployment, now) for one in deployment.history.decisions if one.statement is not None]
    users: dict[str | None, set[str]] = {}
    for one in found:
        if one.state is State.VALID:
            users.setdefault(one.signed.fingerprint, set()).add(one.statement.principal)
    return tuple(_unless_shared(one, users.get(one.signed.fingerprint, set())) for one in found)


def standing_of(signed: Signed[ApprovalStatement], deployment: Deployment, now: datetime) -> Standing:
    """How one decision stands at `now`. Raises ValueError for one without a statement, of which nothing is known."""
    if signed.statement is None:
        raise ValueError("a decision without a statement")
    statement = signed.statement
    judge = _reject if statement.decision is Decision.REJECT else _approve
    state, why = judge(signed, statement, deployment, now)
    return Standing(signed, statement, state, why)


def barred(plan: RecordedPlan, policy: Policy, principal: str) -> str:
    """Why the principal may approve in no role, being the plan's operator or one of its authors; empty when that is not so."""
    signer = plan.signed.statement.principal if plan.signed.statement else None
    if principal == signer:
        return _OWN_PLAN.format(principal=principal)
    return barred_from(plan.plan.content, policy, principal)


def barred_from(content: Content, policy: Policy, principal: str) -> str:
    """The same of a plan's content alone, whose signature is not known."""
    if principal == content.operator:
        return _OWN_PLAN.format(principal=principal)
    for author in content.authors:
        if principal.casefold() == author.casefold() or policy.principal_for(author) == principal:
            return f"{principal} is an author of what is deployed ({author}); nobody approves their own work"
    return ""


def changed(changes: tuple[Change, ...]) -> str:
    """What changed since the plan was made, in a few words."""
    named = [_change(one) for one in changes[:_MOST_NAMED]]
    more = len(changes) - len(named)
    return ", ".join([*named, f"and {more} more"] if more else named)


def _change(change: Change) -> str:
    if change.planned == "nothing":
        return f"{change.what} was added"
    if change.found == "nothing":
        return f"{change.what} is gone"
    return f"{change.what} changed (planned {shortened(change.planned)}, found {shortened(change.found)})"


_Judged = tuple[State, str]


def _reject(
    signed: Signed[ApprovalStatement], statement: ApprovalStatement, deployment: Deployment, _now: datetime
) -> _Judged:
    """A rejection does not expire, and outlives its key: it closes, and what closes is believed for longer."""
    plan, trust = deployment.plan, deployment.history.trust
    forged = _forged(signed, statement)
    if forged is not None:
        return forged
    if plan is None or statement.plan != plan.digest:
        return State.SUPERSEDED, _other_plan(statement.plan, deployment)
    roles = trust.policy.roles_of(statement.principal) if trust else ()
    if trust and not set(roles) & set(plan.plan.content.roles):
        return State.WRONG_ROLE, f"{statement.principal} holds none of the roles that the plan asks for"
    return State.REJECTED, f"{statement.principal} rejected the plan; only a new plan can go on"


def _approve(
    signed: Signed[ApprovalStatement], statement: ApprovalStatement, deployment: Deployment, now: datetime
) -> _Judged:
    """The first objection, those that hold for ever before those that came later."""
    for found in _objections(signed, statement, deployment, now):
        if found is not None:
            return found
    return State.VALID, f"counts for {statement.role} until {_end(statement, deployment)}"


def _end(statement: ApprovalStatement, deployment: Deployment) -> str:
    """Its own end, or the plan's where that comes first."""
    plan = deployment.plan
    ends = (statement.expires_at, plan.plan.content.not_after if plan else None)
    return minute(min(one for one in ends if one is not None))


def _objections(
    signed: Signed[ApprovalStatement], statement: ApprovalStatement, deployment: Deployment, now: datetime
) -> Iterator[_Judged | None]:
    """1. Signature and bindings. 2. The plan that it is about. 3. Who may approve it. 4. The time. 5. What changed since."""
    plan, trust = deployment.plan, deployment.history.trust
    yield _forged(signed, statement)
    if signed.since:
        yield State.REVOKED, f"it counted when it was recorded; {signed.since}"
    if plan is None or statement.plan != plan.digest:
        yield _about_another(statement.plan, deployment)
        return
    yield _before_the_plan(statement, plan, deployment.history)
    yield _no_holder(statement, plan, trust)
    yield _out_of_time(statement, plan, deployment, now)
    yield _taken_back(statement, deployment)
    if deployment.changes:
        why = f"plan {plan.plan.short} is no longer what would be deployed: {changed(deployment.changes)}"
        yield State.SUPERSEDED, why


def _forged(signed: Signed[ApprovalStatement], statement: ApprovalStatement) -> _Judged | None:
    if signed.objection:
        revoked = signed.objection == KEY_REVOKED
        return State.REVOKED if revoked else State.TAMPERED, f"it never counted: {signed.objection}"
    if signed.record.plan != statement.plan:
        return State.TAMPERED, "it is recorded for another plan than the one that was signed"
    return None


def _about_another(digest: str, deployment: Deployment) -> _Judged:
    if any(one.digest == digest for one in deployment.history.plans):
        return State.SUPERSEDED, _other_plan(digest, deployment)
    return State.TAMPERED, f"it is about plan {digest[:SHORT]}, which the ledger does not hold"


def _other_plan(digest: str, deployment: Deployment) -> str:
    if deployment.plan is None:
        return f"it is about plan {digest[:SHORT]}, and no plan is open"
    newer = deployment.plan
    return f"it is about plan {digest[:SHORT]}, and plan {newer.plan.short} (record {newer.signed.record.seq}) is the newest"


def _before_the_plan(statement: ApprovalStatement, plan: RecordedPlan, history: History) -> _Judged | None:
    """Whoever signs names the last record; before the plan's own record nobody can have seen the plan."""
    seq = plan.signed.record.seq
    if statement.head.seq >= seq:
        return None
    earlier = any(one.digest == plan.digest and one.signed.record.seq <= statement.head.seq for one in history.plans)
    if earlier:
        return State.SUPERSEDED, f"it is about an earlier record of the plan, which was made anew in record {seq}"
    return State.TAMPERED, f"it was signed after record {statement.head.seq}, before the plan was made in record {seq}"


def _no_holder(statement: ApprovalStatement, plan: RecordedPlan, trust: Trust | None) -> _Judged | None:
    who, role = statement.principal, statement.role
    if role not in plan.plan.content.roles:
        return State.WRONG_ROLE, f"the plan asks for no approval of the role {role}"
    if trust is None or role not in trust.policy.roles_of(who):
        return State.WRONG_ROLE, f"{who} does not hold the role {role}"
    own = barred(plan, trust.policy, who)
    return (State.SELF_APPROVED, own) if own else None


def _out_of_time(
    statement: ApprovalStatement, plan: RecordedPlan, deployment: Deployment, now: datetime
) -> _Judged | None:
    until, longest = statement.expires_at, deployment.valid_for
    if until is None:
        return State.TAMPERED, "it names no time at which it expires"
    if until - statement.not_before > longest:
        claimed = format_duration(until - statement.not_before)
        return State.TAMPERED, f"it claims to count for {claimed}; the checklist allows {format_duration(longest)}"
    if now > until:
        return State.EXPIRED, f"it expired at {minute(until)}"
    if now > plan.plan.content.not_after:
        return State.EXPIRED, f"the plan could be deployed until {minute(plan.plan.content.not_after)}"
    return None


def _taken_back(statement: ApprovalStatement, deployment: Deployment) -> _Judged | None:
    for one in deployment.history.decisions:
        other = one.statement
        if other is None or other.decision is not Decision.REJECT or _forged(one, other) is not None:
            continue
        if (other.plan, other.principal) == (statement.plan, statement.principal):
            seq = one.record.seq
            return State.SUPERSEDED, f"{other.principal} rejected the plan in record {seq}, and nobody takes that back"
    return None


def _unless_shared(standing: Standing, users: set[str]) -> Standing:
    if standing.state is not State.VALID or len(users) < 2:
        return standing
    why = f"one key signed for {' and '.join(sorted(users))}; each person needs a key of their own"
    return Standing(standing.signed, standing.statement, State.TAMPERED, why)
