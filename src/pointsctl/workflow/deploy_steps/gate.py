"""The step `gate`: every item before a deployment is satisfied, and the plan is the one that was approved."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.model.approval import approvals_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.plan import SHORT
from pointsctl.model.plan_evidence import PHASE
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.selection import select
from pointsctl.workflow.decide_gate import Request, decide_gate
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.procedure import Step


class Gate(Step):
    """The gate before a deployment.

    Once everything is migrated, evidence about the time before may have grown old: what counts then is that the plan is still
    the one that was approved, its files are unchanged and nobody has rejected it.
    """

    definition = StepDefinition("gate", "The gate is open", MOMENT * 5, "nothing was changed")

    def __init__(self, context: Context) -> None:
        self._context = context

    def observe(self, cancellation: Cancellation) -> Seen:
        """Decide it from the ledger. Raises RefusedError with what is in the way."""
        del cancellation
        return self._still_approved() if self._context.migrated() else self._open()

    def _open(self) -> Seen:
        request = self._context.request
        loaded = request.loaded
        selection = select(loaded.checklist, loaded.references, phase=PHASE)
        asked = Request(selection, request.name, request.environment, self._context.plan)
        with open_ledger(request.name, request.environment) as ledger:
            decision = decide_gate(loaded, ledger, asked, request.surroundings)
        if not decision.opens:
            hint = f"see everything with `pointsctl gate {PHASE} --env {request.name}`"
            raise RefusedError(f"the gate is closed ({decision.verdict.value}): {decision.in_the_way}", hint=hint)
        plan = f" for plan {decision.plan[:SHORT]}" if decision.plan else ""
        return Seen(done=True, summary=f"open{plan}", evidence={"plan": decision.plan, "head": decision.head})

    def _still_approved(self) -> Seen:
        context = self._context
        request = context.request
        with open_ledger(request.name, request.environment) as ledger:
            deployment = read_deployment(request.loaded, request.name, request.environment, ledger, request.variables)
        plan, now = deployment.plan, deployment.history.now
        if context.plan is None:
            return Seen(done=True, summary="everything is migrated, and no plan is asked for")
        approvals = approvals_of(deployment, now) if now else None
        if plan is None or approvals is None or plan.digest != context.plan:
            in_force = plan.digest[:SHORT] if plan else "none"
            message = f"this deployment is of plan {context.plan[:SHORT]}, in force is {in_force}"
            raise RefusedError(message, hint=f"give it up with `pointsctl deploy --env {request.name} --abandon`")
        if approvals.refusals:
            raise RefusedError(approvals.refusals[0], hint=f"see `pointsctl plan show --env {request.name}`")
        return Seen(done=True, summary=f"everything is migrated, and plan {context.plan[:SHORT]} is still in force")
