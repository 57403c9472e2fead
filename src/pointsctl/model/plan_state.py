"""How a recorded plan stands, in one word. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pointsctl.model.deployment import Deployment
from pointsctl.model.history import RecordedPlan
from pointsctl.model.standing import State, standings


class PlanState(StrEnum):
    """Only an open plan can be approved."""

    OPEN = "open"
    SUPERSEDED = "superseded"
    CHANGED = "changed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNSIGNED = "unsigned"


def plan_state(plan: RecordedPlan, deployment: Deployment, now: datetime) -> PlanState:
    """How the plan stands at `now` (the database's clock); `deployment` is about the newest one."""
    newest = deployment.plan
    if not plan.signed.counts:
        return PlanState.UNSIGNED
    if newest is None or newest.signed.record.seq != plan.signed.record.seq:
        return PlanState.SUPERSEDED
    rejected = any(one.state is State.REJECTED for one in standings(deployment, now))
    if rejected or now > plan.plan.content.not_after:
        return PlanState.REJECTED if rejected else PlanState.EXPIRED
    return PlanState.CHANGED if deployment.changes else PlanState.OPEN
