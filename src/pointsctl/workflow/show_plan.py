"""Use case: the plans of an environment as they stand now, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pointsctl.errors import CouldNotLookError, RefusedError
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import RecordedPlan
from pointsctl.model.plan import Evidence
from pointsctl.model.plan_changes import changes_of
from pointsctl.model.plan_evidence import evidence_of
from pointsctl.model.plan_file import PlanFile
from pointsctl.model.plan_state import PlanState, plan_state
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.find_plan import find_plan
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.plan_content import find_content


@dataclass(frozen=True)
class ListedPlan:
    """A plan of the ledger and how it stands."""

    recorded: RecordedPlan
    state: PlanState


@dataclass(frozen=True)
class ShownPlan:
    """One plan, how it stands, and the deployment with the changes since this plan was made; `evidence` is the newest."""

    recorded: RecordedPlan
    state: PlanState
    deployment: Deployment
    evidence: Evidence
    now: datetime

    def file(self) -> PlanFile:
        """The plan's file for approvers without access to the database. Raises RefusedError for a plan that is not open."""
        trust, plan = self.deployment.history.trust, self.recorded.plan
        if self.state is not PlanState.OPEN or trust is None:
            hint = f"make a new one with `pointsctl plan create --env {plan.content.environment}`"
            raise RefusedError(f"plan {plan.short} is {self.state.value}; nobody can approve it", hint=hint)
        pending = self.deployment.pending or ()
        return PlanFile(plan, trust, self.deployment.history.head, self.now, self.deployment.valid_for, pending)


def list_plans(
    ledger: Ledger, loaded: Loaded, name: str, environment: Environment, variables: Mapping[str, str]
) -> tuple[ListedPlan, ...]:
    """Every plan that the ledger holds, the newest first. Raises what `read_deployment` raises."""
    deployment = read_deployment(loaded, name, environment, ledger, variables)
    now = _now(deployment)
    return tuple(ListedPlan(one, plan_state(one, deployment, now)) for one in reversed(deployment.history.plans))


def show_plan(
    ledger: Ledger,
    loaded: Loaded,
    name: str,
    environment: Environment,
    named: str | None,
    variables: Mapping[str, str],
) -> ShownPlan:
    """The plan that `named` begins the digest of, or the newest. Raises what `find_plan` and `read_deployment` raise."""
    deployment = read_deployment(loaded, name, environment, ledger, variables)
    now, history = _now(deployment), deployment.history
    recorded = find_plan(history, named, name)
    state = plan_state(recorded, deployment, now)
    if state is PlanState.SUPERSEDED:
        found = find_content(loaded, name, environment, ledger, history)
        deployment = replace(deployment, changes=changes_of(recorded.plan.content, found.values))
    evidence = evidence_of(history, recorded.plan.content.migrations)
    return ShownPlan(recorded, state, deployment, evidence, now)


def _now(deployment: Deployment) -> datetime:
    if deployment.history.now is None:
        raise CouldNotLookError("the database's clock is not known", hint="run again")
    return deployment.history.now
