"""Use case: apply what is pending to an environment's database, one file after the other, each with its audit record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pointsctl import kinds
from pointsctl.errors import PointsctlError
from pointsctl.ledger.migration_marks import read_marks
from pointsctl.ledger.reading import read_history
from pointsctl.migration_engines.interface import Engine, Order, Target
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Migrations
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.pending_migration import AppliedMigration, Limits, PendingMigration
from pointsctl.model.plan import SHORT
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.deployment_lock import procedure_lock, session_name
from pointsctl.postgres.migration_lock import migration_lock
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.earlier_work import require_nothing_twice
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.pending import Pending, read_pending
from pointsctl.workflow.permitted_migrations import backup_of, require_known_bytes, require_open_gate
from pointsctl.workflow.required_plan import require_plan
from pointsctl.workflow.unchanged_database import require_unchanged

_STAGE = "migrations"


@dataclass(frozen=True)
class ApplyRequest:
    """`work` names the environment and who applies; `run` is the id of the run, such as a deployment's. `to` is the version
    to stop after, `include_all` takes also what is older than the newest that is applied.
    """

    work: BackupRequest
    run: str
    to: str | None = None
    include_all: bool = False

    @property
    def settings(self) -> Migrations:
        """The checklist's `migrations`."""
        return self.work.loaded.checklist.migrations

    @property
    def target(self) -> Target:
        """The database to migrate, with the limits of the checklist."""
        found = self.settings
        limits = Limits(found.lock_timeout, found.statement_timeout, found.idle_timeout, found.tries)
        return Target(self.work.environment.database_url, limits)

    def pending(self) -> Pending:
        """What there is to apply. Raises as `read_pending` does."""
        url = self.work.environment.database_url
        return read_pending(self.work.loaded.directory, self.settings, url, to=self.to, include_all=self.include_all)

    def engine(self) -> Engine:
        """The engine that the checklist names."""
        loaded, kind = self.work.loaded, self.settings.engine
        engine: Engine = kinds.load("migration_engines", kind).open(
            loaded.checklist, self.work.variables, loaded.directory
        )
        return engine


@dataclass(frozen=True)
class Applied:
    """What was applied, in order; `pending` is what was found before, `backup_taken` whether a proven backup was known."""

    pending: Pending
    migrations: tuple[AppliedMigration, ...]
    backup_taken: bool = False


def find_pending(request: ApplyRequest) -> Pending:
    """What `apply_migrations` would apply now, after everything that can be refused without a lock. Changes nothing.

    Raises RefusedError, UsageError, StorageError, ContextMissingError (no ledger), and what connecting raises.
    """
    with open_ledger(request.work.name, request.work.environment) as ledger:
        pending = request.pending()
        require_nothing_twice(read_marks(ledger), pending, request.settings.engine)
    engine = request.engine()
    try:
        engine.refuse(pending.migrations, request.target)
    finally:
        engine.close()
    return pending


def apply_migrations(
    request: ApplyRequest, confirm: Callable[[Pending], None], cancellation: Cancellation, progress: Progress
) -> Applied:
    """The command: 1. what is pending is found, must be permitted, and is confirmed. 2. The lock of procedures is taken. 3. Everything is looked at
    again under it, and must be permitted. 4. What is pending is applied.

    `confirm` raises unless somebody wants it. Raises as `find_pending` and `apply_pending` do, and RefusedError while another
    procedure goes on, for a closed gate, and for bytes that nobody has planned or rehearsed.
    """
    found = find_pending(request)
    if not found.migrations:
        return Applied(found, ())
    work = request.work
    with open_ledger(work.name, work.environment) as ledger:
        require_open_gate(work, ledger)
        require_known_bytes(work, read_history(ledger, work.variables), found.migrations)
    confirm(found)
    with procedure_lock(request.target.url, session_name("apply", work.operator, request.run)) as lock:
        with open_ledger(work.name, work.environment) as ledger:
            plan = require_open_gate(work, ledger)
            history = read_history(ledger, work.variables)
        if plan is not None:
            require_unchanged(work, history, cancellation, progress)
        return apply_pending(request, plan, cancellation, progress, held=lock.require_held)


def apply_pending(
    request: ApplyRequest,
    plan: str | None,
    cancellation: Cancellation,
    progress: Progress,
    *,
    procedure: str | None = None,
    held: Callable[[], None] = lambda: None,
) -> Applied:
    """Apply what is pending, for callers who hold the lock of procedures and have decided the gate. `plan` is the digest that
    the records name, and must be in force; `procedure` is the deployment's run; `held` raises when the lock of procedures is
    lost.

    1. What is pending is read anew, and must be planned and rehearsed, and nothing of it applied. 2. No dump, migration or old transaction is going on.
    3. Each file is applied with its record. Raises RefusedError before anything is changed, and what engines raise; the
    error's message says what is applied.
    """
    work = request.work
    history, marks = _recorded(work)
    pending = request.pending()
    require_plan(history, plan)
    require_known_bytes(work, history, pending.migrations)
    require_nothing_twice(marks, pending, request.settings.engine)
    backup = backup_of(history)
    engine, done = request.engine(), list[AppliedMigration]()
    try:
        engine.refuse(pending.migrations, request.target)
        who = session_name("migrate", work.operator, request.run)
        with migration_lock(request.target.url, who, request.settings.old_transaction) as lock:
            progress.begin(_STAGE, Unit.THINGS, len(pending.migrations))
            for one in pending.migrations:
                stop_if_over(cancellation, "the migration")
                lock.require_held()
                held()
                order = Order(one, _draft(request, one, backup, plan, procedure))
                done.append(engine.apply(order, request.target, cancellation, progress))
                progress.move(_STAGE, len(done), one.full_name)
            progress.end(_STAGE)
    except PointsctlError as error:
        error.message = f"{error.message}{_so_far(done, pending)}"
        raise
    finally:
        engine.close()
    return Applied(pending, tuple(done), backup is not None)


def _recorded(work: BackupRequest) -> tuple[History, Mapping[str, Record]]:
    with open_ledger(work.name, work.environment) as ledger:
        return read_history(ledger, work.variables), read_marks(ledger)


def _draft(
    request: ApplyRequest, one: PendingMigration, backup: str | None, plan: str | None, procedure: str | None
) -> Draft:
    work = request.work
    data = {
        "version": one.version,
        "file": one.migration.name,
        "sha256": one.migration.sha256,
        "engine": request.settings.engine,
        "statements": len(one.script.statements),
        "backup": backup,
        "procedure": procedure,
        "tool": work.tool,
    }
    return Draft(
        Kind.MIGRATION_APPLIED,
        work.name,
        work.operator,
        data,
        plan=plan,
        run=request.run,
        migration_name=one.full_name,
        backup_taken=backup is not None,
        notes=f"{_number(len(one.script.statements))}, engine {request.settings.engine}, {_proof(backup)}",
    )


def _number(statements: int) -> str:
    return f"{statements:,} statement{'s' * (statements != 1)}"


def _proof(backup: str | None) -> str:
    return f"proven backup with manifest {backup[:SHORT]}" if backup else "no proven backup"


def _so_far(done: list[AppliedMigration], pending: Pending) -> str:
    """What of several files is applied, for whoever reads an error."""
    total = len(pending.migrations)
    if total < 2 and not done:  # of one file, its own error has said it
        return ""
    if not done:
        return f"; none of the {total} pending migrations is applied"
    last = done[-1].migration.name
    return f"; applied before it: {len(done)} of {total}, up to and with {last}"
