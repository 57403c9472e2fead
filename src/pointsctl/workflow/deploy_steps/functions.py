"""The step `functions`: the platform runs the edge functions of the plan."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import ACTIVE
from pointsctl.model.function_state import last_deployment, unchanged
from pointsctl.model.history import History
from pointsctl.model.plan import Absent
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.deploy_functions import FunctionsWanted, deploy_functions
from pointsctl.workflow.deploy_steps.context import LONG, Context
from pointsctl.workflow.function_bundles import read_functions
from pointsctl.workflow.function_copy import refuse_strange_paths
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.open_platform import identify_project, open_platform
from pointsctl.workflow.procedure import Step
from pointsctl.workflow.required_plan import require_plan


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
        found = read_functions(request.loaded.directory, request.loaded.checklist.functions.names).bundles
        if isinstance(found, Absent):
            raise RefusedError(found.absent, hint="make it, or take the name out of `functions.names`")
        refuse_strange_paths(request.loaded.directory)
        with open_ledger(request.name, request.environment) as ledger:
            history, target = read_history(ledger, request.variables), ledger.identity()
        opened = open_platform(request)
        opened.platform.refuse(cancellation)
        identify_project(opened, target, history.functions, self._context.project, cancellation)

    def observe(self, cancellation: Cancellation) -> Seen:
        """Compare what the platform lists with what was recorded of these bundles."""
        request = self._context.request
        names = request.loaded.checklist.functions.names
        history = self._context.history()
        wanted = self._wanted(history)
        opened, recorded = open_platform(request), history.functions
        listed = {one.name: one for one in opened.platform.list(cancellation)}
        versions: dict[str, str] = {}
        for name in names:
            last, found = last_deployment(recorded, opened.project, name), listed.get(name)
            if last and found and last.data.bundle == wanted.get(name) and unchanged(last, found):
                versions |= {name: found.version} if found.status == ACTIVE else {}
        missing = [name for name in names if name not in versions]
        if missing:
            return Seen(done=False, summary=f"not deployed as in the files: {', '.join(missing)}")
        running = "1 function runs" if len(versions) == 1 else f"{len(versions)} functions run"
        return Seen(done=True, summary=f"{running} as in the files", evidence={"versions": versions})

    def _wanted(self, history: History) -> dict[str, str]:
        """The digest of each bundle: the plan's, which was approved; without a plan, that of the files as they are."""
        request, plan = self._context.request, self._context.plan
        require_plan(history, plan)
        bundles = read_functions(request.loaded.directory, request.loaded.checklist.functions.names).bundles
        if plan is not None and history.plan is not None:
            bundles = history.plan.plan.content.functions
        return {} if isinstance(bundles, Absent) else {one.name: one.sha256 for one in bundles}

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Deploy them, one by one."""
        context, recorded = self._context, self._context.recorded()
        wanted = FunctionsWanted(project=context.project, procedure=recorded.run, plan=recorded.plan)
        deploy_functions(context.request, wanted, cancellation, progress, held=context.held)
