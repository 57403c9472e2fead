"""Use case: delete an edge function; what was deployed is kept in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pointsctl.errors import ContextMissingError, PointsctlError
from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import DeployedFunction
from pointsctl.model.escape import plain
from pointsctl.model.function_records import DeletedData, function_draft
from pointsctl.model.history import History
from pointsctl.model.ledger import Head
from pointsctl.postgres.workspace import Workspace
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.deploy_functions import FunctionNotDeployedError
from pointsctl.workflow.functions_alone import lock_of_procedures
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.open_platform import OpenedPlatform, identify_project, open_platform
from pointsctl.workflow.planned_functions import plan_in_force
from pointsctl.workflow.saved_functions import fetch_function, keep_function


@dataclass(frozen=True)
class FunctionDeleted:
    """What was deleted; `saved` is the folder of the store with it, None when the platform gives nothing back."""

    name: str
    project: str
    version: str
    saved: str | None
    recorded: Head


def delete_function(
    request: BackupRequest,
    name: str,
    said: str | None,
    consent: Callable[[DeployedFunction], None],
    cancellation: Cancellation,
) -> FunctionDeleted:
    """Delete `name`. `said` is the project as a person names it; `consent` is shown what goes, and raises unless it may.

    Raises ContextMissingError when there is no such function, RefusedError, and what the platform and the store raise.
    """
    with open_ledger(request.name, request.environment) as ledger:
        history, target = read_history(ledger, request.variables), ledger.identity()
    opened = open_platform(request)
    opened.platform.refuse(cancellation)
    identify_project(opened, target, history.functions, said, cancellation)
    consent(_listed(opened, name, cancellation))
    with lock_of_procedures(request) as lock:
        one = _listed(opened, name, cancellation)
        saved = _keep(request, opened, one, cancellation)
        lock.require_held()
        opened.platform.delete(name, cancellation)
        if any(other.name == name for other in opened.platform.list(cancellation)):
            message = f"the platform still lists the function {plain(name, 60)!r} after it was deleted"
            raise FunctionNotDeployedError(message, hint="see on the platform what became of it")
        data = DeletedData(
            platform=opened.kind, project=opened.project, tool=request.tool, name=name, version=one.version, saved=saved
        )
        # Before anybody else may deploy it again: the newest record counts.
        return FunctionDeleted(name, opened.project, one.version, saved, _recorded(request, data, history))


def _recorded(request: BackupRequest, data: DeletedData, history: History) -> Head:
    plan = plan_in_force(history, history.now)
    draft = function_draft(data, request.name, request.operator, plan=plan.digest if plan else None, run=None)
    try:
        with open_ledger(request.name, request.environment) as ledger:
            return ledger.append(draft).head
    except PointsctlError as error:
        error.hint = f"{error.hint}; the function is deleted, and that is not recorded"
        raise


def _listed(opened: OpenedPlatform, name: str, cancellation: Cancellation) -> DeployedFunction:
    listed = opened.platform.list(cancellation)
    found = next((one for one in listed if one.name == name), None)
    if found is None:
        known = ", ".join(plain(one.name, 60) for one in listed) or "none"
        message = f"no function {plain(name, 60)!r} is deployed to {plain(opened.project, 60)!r}"
        raise ContextMissingError(message, hint=f"deployed are: {known}")
    return found


def _keep(
    request: BackupRequest, opened: OpenedPlatform, one: DeployedFunction, cancellation: Cancellation
) -> str | None:
    store = request.store()
    store.prepare()
    with Workspace.open(request.base, "functions delete") as workspace:
        fetched = fetch_function(opened.platform, one.name, workspace.folder / "before", cancellation)
        return keep_function(store, request.name, one, fetched, cancellation) if fetched else None
