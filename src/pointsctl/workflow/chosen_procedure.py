"""Use case: which procedure a deployment is: a new one, or the open one that somebody goes on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pointsctl.errors import ContextMissingError, RefusedError
from pointsctl.model.ages import minute
from pointsctl.model.deployment_window import Window
from pointsctl.model.escape import plain
from pointsctl.model.history import History
from pointsctl.model.plan import SHORT
from pointsctl.model.procedure import RecordedProcedure, RecordedStep, open_procedure
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.deploy_steps.context import Context

DEPLOY = "deploy"
"""The procedure's name."""


@dataclass(frozen=True)
class DeployRequest:
    """`work` names the environment and who deploys, `host` their machine; `plan` is the beginning of the digest that must be in
    force, None where any may be. `late` asks a person, before anything is begun, whether to go on past the rollback deadline.
    `project` is the functions' project as a person names it, for a platform that does not let its database be asked.
    """

    work: BackupRequest
    plan: str | None
    resume: bool
    late: Callable[[Window], bool]
    host: str = ""
    project: str | None = None

    @property
    def command(self) -> str:
        """The command that goes on."""
        return f"pointsctl deploy --env {self.work.name} --resume"


def begun(request: DeployRequest, history: History, steps: Sequence[str]) -> RecordedProcedure:
    """A new procedure. Raises RefusedError while another one is open."""
    found = open_procedure(history.procedures)
    if found is not None:
        hint = f"go on with `{request.command}`, or {_give_up(request)}"
        raise RefusedError(f"a procedure is open: {_told(found)}", hint=hint)
    return new_procedure(request, history, steps)


def new_procedure(request: DeployRequest, history: History, steps: Sequence[str]) -> RecordedProcedure:
    """A procedure that nothing is recorded of yet, with what is pending now."""
    work = request.work
    plan = _plan(request, history)
    began = history.now or work.surroundings.clock()
    recorded = {one: RecordedStep(one) for one in steps}
    new = RecordedProcedure(work.surroundings.new_id(), DEPLOY, plan, work.operator, began, recorded)
    return replace(new, pending=Context(work, plan, lambda: new).pending())


def resumed(request: DeployRequest, history: History, steps: Sequence[str]) -> RecordedProcedure:
    """The open procedure. Raises ContextMissingError when none is open, RefusedError when it cannot be gone on with."""
    found = open_procedure(history.procedures)
    if found is None:
        raise none_open(request)
    why = found.objection
    if not why and found.procedure != DEPLOY:
        why = f"it is a {plain(found.procedure, 40)}, not a {DEPLOY}"
    if not why and tuple(found.steps) != tuple(steps):
        why = "it has other steps than this version of pointsctl"
    in_force = _plan(request, history)
    if not why and found.plan != in_force:
        why = f"it is of plan {_short(found.plan)}, in force is {_short(in_force)}"
    if why:
        raise RefusedError(f"the open procedure cannot be gone on with: {_told(found)}: {why}", hint=_give_up(request))
    return found


def _plan(request: DeployRequest, history: History) -> str | None:
    """The digest of the plan in force. Raises RefusedError when another one was asked for."""
    found = history.plan.digest if history.plan else None
    if request.plan is not None and (found is None or len(request.plan) < SHORT or not found.startswith(request.plan)):
        message = f"asked for is plan {plain(request.plan, 64)}, in force is {_short(found)}"
        raise RefusedError(message, hint=f"see `pointsctl plan list --env {request.work.name}`")
    return found


def _told(found: RecordedProcedure) -> str:
    at = f", at the step {found.at.id} ({found.at.state.value})" if found.at else ""
    what = plain(found.procedure, 40) or "unreadable"
    return f"{what} {plain(found.run, 40)} of {plain(found.operator, 80)}, since {minute(found.started_at)}{at}"


def _give_up(request: DeployRequest) -> str:
    return f"give it up with `pointsctl deploy --env {request.work.name} --abandon --reason TEXT`"


def none_open(request: DeployRequest) -> ContextMissingError:
    """The error where there is nothing to go on with."""
    message = f"no procedure is open at {request.work.name!r}"
    return ContextMissingError(message, hint="begin one: leave --resume and --abandon out")


def _short(digest: str | None) -> str:
    return digest[:SHORT] if digest else "none"
