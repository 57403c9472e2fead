"""Whether a plan is approved: which role is filled by whom, what is missing, who can supply it, and what refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pointsctl.model.ages import minute
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import RecordedPlan
from pointsctl.model.policy import Policy, PolicyRole, Trust
from pointsctl.model.policy_rules import seated, usable_signers
from pointsctl.model.standing import Standing, State, barred, changed, standings
from pointsctl.model.statement import Decision


class Verdict(StrEnum):
    """What the approvals of a plan amount to. Refused is for good: it takes a new plan."""

    APPROVED = "approved"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True)
class RoleApproval:
    """How a role of the plan stands: `needed` people must sign for it, `filled_by` are the approvals that do.

    `candidates` are those who can supply what is missing, with `command`; empty when nobody can.
    """

    role: str
    needed: int
    filled_by: tuple[Standing, ...]
    candidates: tuple[str, ...]
    command: str

    @property
    def missing(self) -> int:
        """How many people must still sign."""
        return self.needed - len(self.filled_by)


@dataclass(frozen=True)
class Approvals:
    """The approvals of the newest plan. `refusals` say what closes it whoever signs, a sentence each; `standings` are all
    decisions in the ledger, those about other plans too.
    """

    plan: RecordedPlan
    roles: tuple[RoleApproval, ...]
    refusals: tuple[str, ...]
    standings: tuple[Standing, ...]

    @property
    def verdict(self) -> Verdict:
        """Closed by default: what is refused is never approved, and a plan without roles is approved by nobody."""
        if self.refusals:
            return Verdict.REFUSED
        done = bool(self.roles) and all(one.missing <= 0 for one in self.roles)
        return Verdict.APPROVED if done else Verdict.WAITING

    @property
    def of_plan(self) -> tuple[Standing, ...]:
        """The decisions about this plan."""
        return tuple(one for one in self.standings if one.statement.plan == self.plan.digest)

    @property
    def died(self) -> tuple[Standing, ...]:
        """The approvals of this plan that counted and do no longer, because something changed since."""
        return tuple(one for one in self.standings if _has_died(one, self.plan.digest))

    def role(self, name: str) -> RoleApproval | None:
        """How the role stands; None when the plan does not ask for it."""
        return next((one for one in self.roles if one.role == name), None)


def approvals_of(deployment: Deployment, now: datetime) -> Approvals | None:
    """The approvals of the newest plan at `now` (the database's clock); None when there is no plan."""
    plan = deployment.plan
    if plan is None:
        return None
    found = standings(deployment, now)
    roles = _roles(plan, deployment.history.trust, found)
    return Approvals(plan, roles, tuple(_refusals(deployment, plan, found, now)), found)


def objection(deployment: Deployment, principal: str, role: str, decision: Decision, now: datetime) -> str:
    """Why the principal may not decide about the newest plan in this role at `now`; empty when they may.

    The same question before somebody signs, and before what was signed elsewhere is recorded.
    """
    approvals, trust = approvals_of(deployment, now), deployment.history.trust
    if approvals is None or trust is None:
        return "there is no plan" if approvals is None else "no policy is in force"
    asked = approvals.plan.plan.content.roles
    if role not in asked:
        return f"plan {approvals.plan.plan.short} asks for {_listed(asked)}, not for {role}"
    if role not in trust.policy.roles_of(principal):
        return f"{principal} does not hold the role {role}, but {_listed(trust.policy.roles_of(principal))}"
    if decision is Decision.REJECT:
        return ""
    if approvals.refusals:
        return approvals.refusals[0]
    return barred(approvals.plan, trust.policy, principal) or _seated_elsewhere(approvals, principal, role)


def open_roles(deployment: Deployment, principal: str, decision: Decision, now: datetime) -> tuple[str, ...]:
    """The plan's roles in which the principal may decide now; for an approval, those that still lack somebody."""
    approvals = approvals_of(deployment, now)
    if approvals is None:
        return ()
    return tuple(
        one.role
        for one in approvals.roles
        if (decision is Decision.REJECT or one.missing > 0)
        and not objection(deployment, principal, one.role, decision, now)
    )


def _refusals(deployment: Deployment, plan: RecordedPlan, found: tuple[Standing, ...], now: datetime) -> Iterable[str]:
    history, content = deployment.history, plan.plan.content
    signer = plan.signed.statement.principal if plan.signed.statement else ""
    if signer != content.operator:
        yield f"the plan names {content.operator} as its operator, and {signer or 'nobody'} signed it"
    if history.pin is None or not history.pin.names(content.environment, content.database):
        yield "the plan was made for another environment or database than the one that is pinned"
    for one in found:
        if one.state is State.REJECTED:
            comment = f": {one.statement.comment}" if one.statement.comment else ""
            yield f"{one.statement.principal} rejected plan {plan.plan.short} (record {one.seq}){comment}"
    if deployment.changes:
        what = f"plan {plan.plan.short} is no longer what would be deployed: {changed(deployment.changes)}"
        yield f"{what}{_died([one for one in found if _has_died(one, plan.digest)])}"
    elif history.trust is None or history.trust.digest != content.policy:
        yield "the approval policy in force is another one than when the plan was made"
    if now > content.not_after:
        yield f"plan {plan.plan.short} could be deployed until {minute(content.not_after)}"


def _has_died(standing: Standing, plan: str) -> bool:
    return standing.statement.plan == plan and standing.state is State.SUPERSEDED


def _died(dead: Sequence[Standing]) -> str:
    """The end of a sentence that names what killed them; empty when there are none."""
    named = [f"{one.statement.principal} ({one.statement.role}, record {one.seq})" for one in dead]
    if not named:
        return ""
    what = "the approval of" if len(named) == 1 else "the approvals of"
    return f": {what} {' and '.join(named)} no longer {'counts' if len(named) == 1 else 'count'}"


def _roles(plan: RecordedPlan, trust: Trust | None, found: tuple[Standing, ...]) -> tuple[RoleApproval, ...]:
    wanted = tuple(dict.fromkeys(plan.plan.content.roles))
    valid: dict[tuple[str, str], Standing] = {}
    for one in found:
        if one.state is State.VALID:
            # Of several approvals by one person in one role, the newest is shown.
            valid[(one.statement.role, one.statement.principal)] = one
    policy = _restricted(trust.policy, wanted, valid) if trust else None
    seats = seated(policy, policy.roles, {principal for _, principal in valid}) if policy else {}
    closed = set(seats) | {one.statement.principal for one in found if one.state is State.REJECTED}
    return tuple(_role(role, plan, trust, seats, valid, closed) for role in wanted)


def _restricted(policy: Policy, wanted: tuple[str, ...], valid: Iterable[tuple[str, str]]) -> Policy:
    """The policy with those who signed for a role as its only holders: a signature fills the role that it names."""
    signed = set(valid)
    roles = {
        role: PolicyRole.model_construct(
            principals=tuple(one for one in policy.roles[role].principals if (role, one) in signed),
            threshold=policy.roles[role].threshold,
        )
        for role in wanted
        if role in policy.roles
    }
    return policy.model_copy(update={"roles": roles})


def _role(
    role: str,
    plan: RecordedPlan,
    trust: Trust | None,
    seats: Mapping[str, str],
    valid: Mapping[tuple[str, str], Standing],
    closed: set[str],
) -> RoleApproval:
    known = trust.policy.roles.get(role) if trust else None
    filled = tuple(valid[(role, principal)] for principal, seat in seats.items() if seat == role)
    able: tuple[str, ...] = ()
    if trust is not None and known is not None and len(filled) < known.threshold:
        own = {one for one in known.principals if barred(plan, trust.policy, one)}
        able = _able(role, trust, closed | own)
    content = plan.plan.content
    command = f"pointsctl approve {plan.plan.short} --env {content.environment} --role {role}"
    return RoleApproval(role, known.threshold if known else 1, filled, able, command)


def _able(role: str, trust: Trust, excluded: set[str]) -> tuple[str, ...]:
    known = trust.policy.roles.get(role)
    holders = known.principals if known else ()
    return tuple(one for one in holders if one not in excluded and usable_signers(trust, one))


def _seated_elsewhere(approvals: Approvals, principal: str, role: str) -> str:
    for one in approvals.roles:
        if one.role != role and any(filled.statement.principal == principal for filled in one.filled_by):
            return f"{principal} approved already as {one.role}; one person fills one role"
    return ""


def _listed(roles: Iterable[str]) -> str:
    return ", ".join(roles) or "no role"
