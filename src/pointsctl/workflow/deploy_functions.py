"""Use case: deploy the edge functions: these bytes, to this project, and what was there before is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pointsctl.backup_stores.interface import Store
from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import ACTIVE, DeployedFunction, rose
from pointsctl.model.escape import plain
from pointsctl.model.function_records import DeployedData, function_draft
from pointsctl.model.function_state import LastDeployment, last_deployment, unchanged
from pointsctl.model.history import History, RecordedPlan
from pointsctl.model.ledger import Head
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.workspace import Workspace
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.function_copy import FunctionCopy, copy_functions
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.open_platform import Identified, OpenedPlatform, identify_project, open_platform
from pointsctl.workflow.planned_functions import plan_in_force, require_planned, wanted_names
from pointsctl.workflow.required_plan import require_plan
from pointsctl.workflow.saved_functions import difference, fetch_function, keep_function, kept_before

_STAGE = "functions"
_LOOKS = 3
"""So many calls of the platform follow a deployment at the most, each with its time limit."""


class FunctionNotDeployedError(PointsctlError):
    """A function was deployed, and the platform does not run what was sent."""

    exit_code = ExitCode.BAD
    code = "function-not-deployed"


class Done(StrEnum):
    """What became of a function; ids that scripts may rely on."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"  # the platform runs these very bytes since an earlier deployment


@dataclass(frozen=True)
class FunctionsWanted:
    """What to deploy: `names` of the checklist's functions, all of them when empty; `project` is what a person says it is;
    `procedure` the run of the deployment that this is a step of; `plan` the digest of the plan whose gate was open, None where
    none was needed.
    """

    names: tuple[str, ...] = ()
    project: str | None = None
    procedure: str | None = None
    plan: str | None = None


@dataclass(frozen=True)
class FunctionDone:
    """One function. `saved` is the folder of the store with what was there before; `compared` whether what the platform runs
    was fetched again and is what was sent; `recorded` the head with its record, None where nothing was to be recorded.
    """

    name: str
    done: Done
    bundle: str
    version_before: str | None
    version_after: str
    saved: str | None
    compared: bool
    recorded: Head | None


@dataclass(frozen=True)
class FunctionsDeployed:
    """Every function that was asked for, in the checklist's order."""

    platform: str
    project: str
    identified: Identified
    functions: tuple[FunctionDone, ...]


def deploy_functions(
    request: BackupRequest,
    wanted: FunctionsWanted,
    cancellation: Cancellation,
    progress: Progress,
    *,
    held: Callable[[], None] = lambda: None,
) -> FunctionsDeployed:
    """Deploy functions one by one. The caller holds the lock of procedures, and has asked the gate; `held` raises when the lock
    is lost.

    1. The ledger is the environment's, the platform can be spoken to, and its project works with this very database. 2. The
    files are copied; the copy's digests are those of the plan in force. 3. For each function: what runs already is left
    alone; what is deployed is kept in the store; the copy is deployed; the platform lists a newer version, which is active;
    what it gives back is what was sent. 4. `function.deployed` is recorded.
    Raises RefusedError (before anything is deployed), FunctionNotDeployedError, and what the platform, the store and the
    ledger raise; the message says what was deployed until then.
    """
    names = wanted_names(request.loaded.checklist.functions.names, wanted.names)
    with open_ledger(request.name, request.environment) as ledger:
        history, target = read_history(ledger, request.variables), ledger.identity()
    opened = open_platform(request)
    opened.platform.refuse(cancellation)
    identified = identify_project(opened, target, history.functions, wanted.project, cancellation)
    store = request.store()
    store.prepare()
    with Workspace.open(request.base, "functions deploy") as workspace:
        copied = copy_functions(
            request.loaded.directory, request.loaded.checklist.functions.names, workspace.directory("sent")
        )
        plan = plan_in_force(history, history.now)
        require_plan(history, wanted.plan)
        require_planned(plan, copied, names)
        work = _Deployment(request, wanted, opened, identified, history, plan, store, copied, workspace.folder, held)
        return FunctionsDeployed(opened.kind, opened.project, identified, work.run(names, cancellation, progress))


@dataclass
class _Deployment:
    """The third part: one function after the other."""

    request: BackupRequest
    wanted: FunctionsWanted
    opened: OpenedPlatform
    identified: Identified
    history: History
    plan: RecordedPlan | None
    store: Store
    copied: FunctionCopy
    folder: Path
    held: Callable[[], None]
    done: list[FunctionDone] = field(default_factory=list)

    def run(self, names: Sequence[str], cancellation: Cancellation, progress: Progress) -> tuple[FunctionDone, ...]:
        progress.begin(_STAGE, Unit.THINGS, len(names))
        listed = {one.name: one for one in self.opened.platform.list(cancellation)}
        for number, name in enumerate(names):
            progress.move(_STAGE, number, name)
            try:
                stop_if_over(cancellation, "deploying the functions")
                self.done.append(self._one(name, listed.get(name), cancellation))
            except PointsctlError as error:
                error.message = f"function {name!r}: {error.message}{self._so_far(names[number + 1 :])}"
                raise
        progress.end(_STAGE)
        return tuple(self.done)

    def _so_far(self, left: Sequence[str]) -> str:
        told = [f"deployed before it: {', '.join(one.name for one in self.done)}"] if self.done else []
        return "".join(f"; {one}" for one in (*told, *([f"not tried: {', '.join(left)}"] if left else [])))

    def _one(self, name: str, before: DeployedFunction | None, cancellation: Cancellation) -> FunctionDone:
        bundle = self.copied.bundles[name]
        last = last_deployment(self.history.functions, self.opened.project, name)
        if last and before and last.data.bundle == bundle and unchanged(last, before) and before.status == ACTIVE:
            version = before.version
            return FunctionDone(
                name, Done.UNCHANGED, bundle, version, version, last.data.saved, last.data.compared, None
            )
        saved = self._keep(before, last, cancellation) if before else None
        self.held()
        self.opened.platform.deploy(name, self.copied.folder, cancellation)
        # What is deployed is recorded, whoever wants to stop now.
        timeout = self.request.loaded.checklist.functions.timeout.total_seconds()
        unstopped = TimeLimit(_LOOKS * timeout, self.request.surroundings.monotonic)
        after = self._deployed(name, before, unstopped)
        compared = self._compared(name, unstopped)
        data = DeployedData(
            platform=self.opened.kind,
            project=self.opened.project,
            tool=self.request.tool,
            name=name,
            bundle=bundle,
            version_before=before.version if before else None,
            version_after=after.version,
            sha256=after.sha256,
            saved=saved,
            compared=compared,
            identified=self.identified,
            procedure=self.wanted.procedure,
        )
        head = self._record(data)
        return FunctionDone(name, Done.DEPLOYED, bundle, data.version_before, after.version, saved, compared, head)

    def _keep(self, before: DeployedFunction, last: LastDeployment | None, stop: Cancellation) -> str | None:
        """The folder of the store with what was there before."""
        environment, name = self.request.name, before.name
        fetched = fetch_function(self.opened.platform, name, self.folder / f"{name}.before", stop)
        if fetched is None:
            return None
        kept = keep_function(self.store, environment, before, fetched, stop)
        if unchanged(last, before) or difference(fetched, name, self.copied.folder) is not None:
            return kept
        # These very bytes run, and nobody recorded it: their deployment was cut off, and its way back is older.
        since = last.data.version_after if last else None
        return kept_before(self.store, environment, before, since) or kept

    def _deployed(self, name: str, before: DeployedFunction | None, cancellation: Cancellation) -> DeployedFunction:
        after = next((one for one in self.opened.platform.list(cancellation) if one.name == name), None)
        was = before.version if before else None
        if after is None or not rose(was, after.version):
            found = f"version {plain(after.version, 40)}" if after else "no such function"
            expected = f"a version after {plain(was, 40)}" if was else "a version"
            raise FunctionNotDeployedError(
                f"the platform lists {found} after the deployment, expected {expected}",
                hint="see on the platform what it made of the deployment, then run again",
            )
        if after.status != ACTIVE:
            message = (
                f"version {plain(after.version, 40)} has the status {plain(after.status, 40)!r}, expected {ACTIVE!r}"
            )
            raise FunctionNotDeployedError(message, hint="see its log on the platform, then deploy again")
        return after

    def _compared(self, name: str, cancellation: Cancellation) -> bool:
        if not self.request.loaded.checklist.functions.compare:
            return False
        fetched = fetch_function(self.opened.platform, name, self.folder / f"{name}.after", cancellation)
        if fetched is None:
            return False
        found = difference(fetched, name, self.copied.folder)
        if found is not None:
            raise FunctionNotDeployedError(
                f"what the platform runs is not what was sent: {found}",
                hint="find out who deploys there too, then run again; what was there before is kept in the store",
            )
        return True

    def _record(self, data: DeployedData) -> Head:
        plan = self.plan.digest if self.plan else None
        draft = function_draft(data, self.request.name, self.request.operator, plan=plan, run=self.wanted.procedure)
        try:
            # Opened anew: a connection that was idle for minutes may be gone.
            with open_ledger(self.request.name, self.request.environment) as ledger:
                return ledger.append(draft).head
        except PointsctlError as error:
            error.hint = (
                f"{error.hint}; version {plain(data.version_after, 40)} is deployed and not recorded: run again"
            )
            raise
