"""Use case: functions deployed or deleted outside a deployment: under its lock, and through the same gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.plan_evidence import PHASE
from pointsctl.model.progress import Progress
from pointsctl.model.selection import select
from pointsctl.postgres.deployment_lock import ProcedureLock, procedure_lock, session_name
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.decide_gate import Request, decide_gate
from pointsctl.workflow.deploy_functions import FunctionsDeployed, FunctionsWanted, deploy_functions
from pointsctl.workflow.open_ledger import open_ledger


def deploy_functions_alone(
    request: BackupRequest,
    wanted: FunctionsWanted,
    consent: Callable[[], None],
    cancellation: Cancellation,
    progress: Progress,
) -> FunctionsDeployed:
    """Deploy functions outside a deployment. A protected environment needs the open gate of its plan; `consent` raises unless
    somebody wants it. Raises RefusedError, also while a deployment is going on, and what `deploy_functions` raises.
    """
    consent()
    # The gate is asked last: it may have closed while somebody read and typed.
    with lock_of_procedures(request) as lock:
        plan = _require_open_gate(request) if request.environment.protected else None
        return deploy_functions(request, replace(wanted, plan=plan), cancellation, progress, held=lock.require_held)


@contextmanager
def lock_of_procedures(request: BackupRequest) -> Iterator[ProcedureLock]:
    """Nobody deploys, migrates or rolls back here during the block."""
    who = session_name("functions", request.operator, request.surroundings.new_id())
    with procedure_lock(request.environment.database_url, who) as lock:
        yield lock


def _require_open_gate(request: BackupRequest) -> str | None:
    """The digest of the plan whose gate is open. Raises RefusedError."""
    selection = select(request.loaded.checklist, request.loaded.references, phase=PHASE)
    with open_ledger(request.name, request.environment) as ledger:
        asked = Request(selection, request.name, request.environment, None)
        decision = decide_gate(request.loaded, ledger, asked, request.surroundings)
    if not decision.opens:
        message = f"the gate of {request.name!r} is closed ({decision.verdict.value}): {decision.in_the_way}"
        raise RefusedError(message, hint=f"see everything with `pointsctl gate {PHASE} --env {request.name}`")
    return decision.plan
