"""Use case: the deployment procedure: gate, announce, lock, backup, migrate, verify, record, functions, probes, hand over.

1. The lock of procedures is taken before the ledger is read, so that of several operators exactly one goes on. 2. There is no
open procedure, or it is this one that is gone on with. 3. Every step is executed (`workflow/procedure.py`). 4. Its end is
recorded, with the share of the users who have what is new: nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pointsctl.errors import ExitCode, PointsctlError, WaitingError
from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.history import History
from pointsctl.model.procedure import RecordedProcedure, RecordedStep, StepState, open_procedure
from pointsctl.model.procedure_records import Ending
from pointsctl.model.progress import Progress
from pointsctl.postgres.deployment_lock import ProcedureLock, procedure_lock, session_name
from pointsctl.workflow.chosen_procedure import DEPLOY, DeployRequest, begun, new_procedure, none_open, resumed
from pointsctl.workflow.deploy_steps.announce import Announce, agreed_window
from pointsctl.workflow.deploy_steps.backup import Backup
from pointsctl.workflow.deploy_steps.context import Context
from pointsctl.workflow.deploy_steps.functions import DeployFunctions
from pointsctl.workflow.deploy_steps.gate import Gate
from pointsctl.workflow.deploy_steps.hand_over import HandOver
from pointsctl.workflow.deploy_steps.lock import Lock
from pointsctl.workflow.deploy_steps.migrate import Migrate
from pointsctl.workflow.deploy_steps.probes import Probes
from pointsctl.workflow.deploy_steps.record import Record
from pointsctl.workflow.deploy_steps.verify import Verify
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.procedure import Execution, Hold, Step, StepReport, limited
from pointsctl.workflow.procedure_book import Author, ProcedureBook


@dataclass(frozen=True)
class Deployed:
    """What became of each step. `run` is the procedure's id, `plan` the digest of the plan (None without one); `problem` is the
    first error of a dry run.
    """

    run: str
    plan: str | None
    reports: tuple[StepReport, ...]
    resumed: bool
    dry: bool = False
    problem: PointsctlError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What it amounts to."""
        return self.problem.exit_code if self.problem else ExitCode.DONE


def deploy(request: DeployRequest, cancellation: Cancellation, progress: Progress) -> Deployed:
    """Deploy, or go on with the open deployment. What is done is seen, not remembered; nothing is done twice.

    Raises RefusedError (somebody else deploys, a closed gate, an open procedure that nobody asked to go on with, another
    plan), WaitingError (announcements, the window, its deadline), and what the steps raise, each with how to go on.
    """
    with _locked(request) as lock:
        history = _history(request)
        recorded = resumed(request, history, _IDS) if request.resume else begun(request, history, _IDS)
        lock.rename(_session(request, recorded.run))
        work = request.work
        book = ProcedureBook(
            Author(work.name, work.environment, work.operator, work.tool), recorded, begun=request.resume
        )
        context = Context(work, recorded.plan, lambda: book.recorded, lock.require_held, request.project)
        steps = _steps(context, lock.require_held)
        late = _may_be_late(context, request)
        hold = Hold(lock.require_held, lambda _step: _still_permitted(context, cancellation, late=late))
        execution = Execution(steps, book, hold, (cancellation, progress), work.surroundings.monotonic, request.command)
        reports = execution.run()
        lock.require_held()
        book.begin()
        book.finish(Ending.DONE, "deployed; the rollout begins at 0 %", 0.0)
        return Deployed(recorded.run, recorded.plan, reports, request.resume)


def dry_run(request: DeployRequest, cancellation: Cancellation) -> Deployed:
    """What `deploy` would find and do. Changes nothing, records nothing, takes no lock; every step is looked at, also after
    one that could not be done now.
    """
    work, clock = request.work, request.work.surroundings.monotonic
    history = _history(request)
    going_on = open_procedure(history.procedures)
    problem: PointsctlError | None = None
    try:
        recorded = resumed(request, history, _IDS) if request.resume else begun(request, history, _IDS)
    except PointsctlError as error:
        problem, recorded = error, going_on or new_procedure(request, history, _IDS)
    reports = []
    for step in _steps(Context(work, recorded.plan, lambda: recorded, project=request.project), None):
        began = clock()
        with limited(step.definition.timeout.total_seconds(), cancellation, clock) as limit:
            state, summary, found = _looked_at(step, limit)
        known = recorded.steps.get(step.definition.id, RecordedStep(step.definition.id))
        taken = round((clock() - began) * 1000)
        hint = found.hint if found else ""
        reports.append(StepReport(step.definition, state, summary, taken, known.attempts, hint))
        problem = problem or found
    return Deployed(recorded.run, recorded.plan, tuple(reports), request.resume, dry=True, problem=problem)


def abandon(request: DeployRequest, reason: str) -> RecordedProcedure:
    """Record that the open procedure is given up; nothing that it did is undone.

    Raises ContextMissingError when none is open, RefusedError while somebody works on it.
    """
    with _locked(request):
        found = open_procedure(_history(request).procedures)
        if found is None:
            raise none_open(request)
        work = request.work
        book = ProcedureBook(Author(work.name, work.environment, work.operator, work.tool), found, begun=True)
        return book.finish(Ending.ABANDONED, reason, None)


def _steps(context: Context, held: Callable[[], None] | None) -> tuple[Step, ...]:
    return (
        Gate(context),
        Announce(context),
        Lock(context, held),
        Backup(context),
        Migrate(context),
        Verify(context),
        Record(context),
        DeployFunctions(context),
        Probes(context),
        HandOver(context),
    )


_IDS = tuple(
    one.definition.id
    for one in (Gate, Announce, Lock, Backup, Migrate, Verify, Record, DeployFunctions, Probes, HandOver)
)


@contextmanager
def _locked(request: DeployRequest) -> Iterator[ProcedureLock]:
    with procedure_lock(request.work.environment.database_url, _session(request, "")) as lock:
        yield lock


def _session(request: DeployRequest, run: str) -> str:
    who = f"{request.work.operator}@{request.host}" if request.host else request.work.operator
    return session_name(DEPLOY, who, run)


def _history(request: DeployRequest) -> History:
    work = request.work
    with open_ledger(work.name, work.environment) as ledger:
        return read_history(ledger, work.variables)


def _may_be_late(context: Context, request: DeployRequest) -> bool:
    """Whether a person wants to go on past the deadline; asked only when it has passed."""
    history = context.history()
    try:
        window = agreed_window(context, history)
    except WaitingError:
        return False  # the step that asks for it says so
    passed = window is not None and history.now is not None and window.past_deadline(history.now)
    return window is not None and passed and request.late(window)


def _still_permitted(context: Context, cancellation: Cancellation, *, late: bool) -> None:
    """Hours may have passed since the gate was looked at, and somebody may have rejected the plan, or made another one."""
    _in_time(context, late=late)
    Gate(context).observe(cancellation)


def _in_time(context: Context, *, late: bool) -> None:
    """Raises WaitingError where nothing may be changed at this time; past the deadline a person must have said so."""
    history = context.history()
    window = agreed_window(context, history)
    if window is None or history.now is None:
        return
    if window.too_early(history.now):
        raise WaitingError(f"the window has not begun: {window.in_a_sentence}", hint="run again when it has")
    if window.past_deadline(history.now) and not late:
        hint = "decide whether to go on or to roll back; to go on all the same: --past-deadline"
        raise WaitingError(f"the rollback deadline has passed: {window.in_a_sentence}", hint=hint)


def _looked_at(step: Step, limit: Cancellation) -> tuple[StepState, str, PointsctlError | None]:
    try:
        reason = step.skipped()
        if reason:
            return StepState.SKIPPED, reason, None
        seen = step.observe(limit)
        if not seen.done:
            step.require(limit)
    except PointsctlError as error:
        return StepState.FAILED, error.message, error
    return (StepState.FINISHED if seen.done else StepState.NOT_STARTED), seen.summary, None
