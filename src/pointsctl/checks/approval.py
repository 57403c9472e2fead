"""Kind `approval`: the people who hold a role have signed the plan that is to be deployed."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.errors import CouldNotLookError
from pointsctl.model.approval import Approvals, RoleApproval, Verdict, approvals_of
from pointsctl.model.canonical import utc_text
from pointsctl.model.configuration import Name
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.standing import Standing
from pointsctl.model.supply import anybody
from pointsctl.model.time_limit import stop_if_over


class Approval(Check):
    """The newest plan is approved by the holders of a role, as many as the policy in force asks for.

    A signature covers exactly one plan: when one byte of what it holds changes, or its holder rejects it, the item fails
    until there is a new plan. What the plan asks no approval of is skipped only with `when_required`.
    """

    needs_environment: ClassVar[bool] = False
    reads_the_ledger: ClassVar[bool] = True
    never_waived: ClassVar[bool] = True

    role: Name = pydantic.Field(description="who approves: a role of `approvals.roles`, as the policy knows it")
    when_required: bool = pydantic.Field(
        False, description="skipped when the plan asks for no approval of this role, as it decides for security reviews"
    )

    def how(self) -> str:
        """Whose signature it is."""
        return f"signed by {self.role}{', if the plan asks for it' if self.when_required else ''}"

    def look(self, world: World) -> Observation:
        """Fold the decisions in the ledger; nothing else is looked at."""
        stop_if_over(world.cancellation, "reading the approvals")
        deployment = world.deployment()
        if deployment is None:
            return self._waits(
                "waits for a ledger, in which approvals are recorded",
                f"pointsctl init --env {world.target}",
                f"whoever may create tables in {world.target}",
            )
        now = deployment.history.now
        if now is None:
            raise CouldNotLookError("the database's clock is not known", hint="run the command again")
        approvals = approvals_of(deployment, now)
        if approvals is None:
            return self._waits(
                "waits for a plan that can be approved",
                f"pointsctl plan create --env {world.target}",
                anybody(deployment.history.trust),
            )
        if approvals.verdict is Verdict.REFUSED:
            return self._refused(approvals)
        role = approvals.role(self.role)
        if role is None:
            return self._not_asked_for(approvals)
        return _missing(approvals, role) if role.missing > 0 else _filled(approvals, role)

    def _waits(self, summary: str, command: str, who: str) -> Observation:
        return Observation.pending(
            summary,
            expected=f"signed by {self.role}",
            hint=command,
            evidence={"refused": False, "role": self.role, "who": who},
        )

    def _refused(self, approvals: Approvals) -> Observation:
        content = approvals.plan.plan.content
        return Observation.failed(
            approvals.refusals[0],
            observed="refused",
            expected=f"signed by {self.role}",
            hint=f"pointsctl plan create --env {content.environment}; then the leads approve it anew",
            evidence={
                **_evidence(approvals, self.role),
                "refused": True,
                "who": f"{content.operator}, who made the plan, or another holder of a role; then the leads",
                "refusals": list(approvals.refusals),
                "died": [_decision(one) for one in approvals.died],
            },
        )

    def _not_asked_for(self, approvals: Approvals) -> Observation:
        plan = approvals.plan.plan
        if self.when_required:
            return Observation.skipped(f"plan {plan.short} asks for no approval of {self.role}")
        return Observation.failed(
            f"plan {plan.short} asks for no approval of {self.role}",
            observed=f"asks for {', '.join(plan.content.roles)}",
            expected=f"signed by {self.role}",
            hint="make the role `required` under approvals.roles in the checklist, and make a new plan",
            evidence=_evidence(approvals, self.role),
        )


def _missing(approvals: Approvals, role: RoleApproval) -> Observation:
    who = " or ".join(role.candidates) or "nobody who could"
    return Observation.pending(
        f"waits for {role.missing} of {role.needed} to sign plan {approvals.plan.plan.short} as {role.role}: {who}",
        expected=f"signed by {role.needed}",
        hint=role.command if role.candidates else "give the role to somebody else: pointsctl trust update",
        evidence={**_evidence(approvals, role.role), "waits_for": list(role.candidates), "missing": role.missing},
    )


def _filled(approvals: Approvals, role: RoleApproval) -> Observation:
    who = ", ".join(one.statement.principal for one in role.filled_by)
    return Observation.passed(
        f"{who} approved plan {approvals.plan.plan.short} as {role.role}",
        observed=f"{len(role.filled_by)} of {role.needed} signed",
        expected=f"signed by {role.needed}",
        evidence={**_evidence(approvals, role.role), "approvals": [_decision(one) for one in role.filled_by]},
    )


def _evidence(approvals: Approvals, role: str) -> dict[str, JsonValue]:
    return {"refused": False, "plan": approvals.plan.digest, "role": role}


def _decision(standing: Standing) -> JsonValue:
    statement = standing.statement
    return {
        "record": standing.seq,
        "principal": statement.principal,
        "role": statement.role,
        "fingerprint": standing.signed.fingerprint,
        "expires_at": utc_text(statement.expires_at) if statement.expires_at else None,
        "state": standing.state.value,
        "why": standing.why,
    }
