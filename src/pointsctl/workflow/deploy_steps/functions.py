"""The step `functions`: the platform runs the edge functions of the plan."""

from __future__ import annotations

from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import ACTIVE
from pointsctl.model.function_state import last_deployment, unchanged
from pointsctl.model.plan import Absent
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.deploy_functions import FunctionsWanted, deploy_functions
from pointsctl.workflow.deploy_steps.context import LONG, Context
from pointsctl.workflow.function_bundles import read_functions
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.open_platform import identify_project, open_platform
from pointsctl.workflow.procedure import Step


def no_functions(context: Context) -> str:
    """Why nothing is to be done about functions; empty when there are some."""
    if not context.request.loaded.checklist.functions.names:
        return "the checklist names no functions"
    return context.without("functions")


class DeployFunctions(Step):
    """A function that the platform runs since an earlier deployment of these very bytes is left alone."""

    definition = StepDefinition(
        "functions", "The edge functions are deployed", LONG, "deploy the saved versions from the store again"
    )
    changes = True

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Without functions."""
        return no_functions(self._context)

    def require(self, cancellation: Cancellation) -> None:
        """Before the migration: a token that is refused would leave a migrated database with yesterday's functions."""
        request = self._context.request
        with open_ledger(request.name, request.environment) as ledger:
            history, target = read_history(ledger, request.variables), ledger.identity()
        opened = open_platform(request)
        opened.platform.refuse(cancellation)
        identify_project(opened, target, history.functions, None, cancellation)

    def observe(self, cancellation: Cancellation) -> Seen:
        """Compare what the platform lists with what was recorded of these bundles."""
        request = self._context.request
        names = request.loaded.checklist.functions.names
        bundles = read_functions(request.loaded.directory, names).bundles
        wanted = {} if isinstance(bundles, Absent) else {one.name: one.sha256 for one in bundles}
        opened, recorded = open_platform(request), self._context.history().functions
        listed = {one.name: one for one in opened.platform.list(cancellation)}
        versions: dict[str, str] = {}
        for name in names:
            last, found = last_deployment(recorded, opened.project, name), listed.get(name)
            if last and found and last.data.bundle == wanted.get(name) and unchanged(last, found):
                versions |= {name: found.version} if found.status == ACTIVE else {}
        missing = [name for name in names if name not in versions]
        if missing:
            return Seen(done=False, summary=f"not deployed as in the files: {', '.join(missing)}")
        return Seen(
            done=True, summary=f"{len(versions)} functions run as in the files", evidence={"versions": versions}
        )

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Deploy them, one by one."""
        wanted = FunctionsWanted(procedure=self._context.recorded().run)
        deploy_functions(self._context.request, wanted, cancellation, progress)
