"""Use case: the pending migrations on a restored copy: applied and measured, verified, audited, undone, applied again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue, differences
from pointsctl.model.escape import plain
from pointsctl.model.expected_catalogue import ExpectedCatalogue, Observed, Reading, expected_catalogue
from pointsctl.model.finding import Outcome
from pointsctl.model.fingerprint import Fingerprints, compare
from pointsctl.model.pending_migration import HistoryRow, PendingMigration
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.proof import Difference
from pointsctl.model.rehearsal import MeasuredStatement, RehearsedMigration
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.fingerprints import fingerprints_of_copy
from pointsctl.postgres.migrating import StatementFailedError, StatementObserver, Unobserved
from pointsctl.postgres.rehearsing import apply_to_copy, connect_to_copy, prepare_history, undo_on_copy
from pointsctl.postgres.verify_script import verify_problem
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.copy_audits import CopyAudits, audit_copy
from pointsctl.workflow.rehearsal_parts import Asked, Place, Tried, limits_of
from pointsctl.workflow.rehearsal_watch import STAGE, Watching, traffic_on
from pointsctl.workflow.stored_catalogue import read_definitions

_HISTORY = "table supabase_migrations.schema_migrations"
_AS_GOOD = (Outcome.PASS, Outcome.SKIP)
_LONGEST = 1000
_MOST_LOST = 100


class Trial:
    """One rehearsal on one copy, which `run` uses up."""

    def __init__(
        self, request: BackupRequest, place: Place, asked: Asked, cancellation: Cancellation, progress: Progress
    ) -> None:
        self._request, self._place, self._asked = request, place, asked
        self._cancellation, self._progress = cancellation, progress
        self._limits = limits_of(request.loaded.checklist.migrations)
        self._tried = Tried()
        archive = place.restored.engine.archived(place.manifest.contents, place.restored.folder)
        self._archived = archive.catalogue
        self._reading: Reading = archive.reading.model_copy(update={"sealed": place.manifest.encryption is not None})

    def run(self) -> Tried:
        """1. How the copy is. 2. Apply and measure. 3. The verify scripts. 4. How the copy is then. 5. The audits.
        6. Undo, and compare with 1. 7. Apply again. Whatever is bad ends what depends on it, and is a problem.
        """
        before = self._definitions()
        earlier = self._tried.audits = audit_copy(self._request, self._place.copy.url, self._progress)
        if not self._asked.pending:
            self._tried.expected = self._expected(before, before)
            return self._tried
        role = self._place.copy.role_url()
        with closing(connect_to_copy(role)) as connection:
            prepare_history(connection)
            undoable = all(one.reverse for one in self._asked.companions)
            start = self._state(before) if undoable else None
            if self._apply_all(connection):
                self._verify(role)
                self._tried.expected = self._expected(before, self._definitions())
                self._audit(earlier)
                self._undo_and_again(connection, start)
        return self._tried

    def _expected(self, before: Catalogue, after: Catalogue) -> ExpectedCatalogue:
        manifest = self._place.manifest
        observed = Observed(self._archived, before, after)
        return expected_catalogue(observed, self._reading, self._request.name, manifest.id, manifest.digest)

    def _apply_all(self, connection: Connection) -> bool:
        total = sum(len(one.script.statements) for one in self._asked.pending)
        self._progress.begin(STAGE, Unit.THINGS, total)
        clock = self._request.surroundings.monotonic
        with traffic_on(self._place.copy.url, clock, wanted=self._asked.traffic) as traffic:
            applied = all(self._apply(connection, one) for one in self._asked.pending)
        self._tried.traffic = traffic.waited
        self._progress.end(STAGE)
        untried = self._asked.pending[len(self._tried.migrations) :]
        self._tried.migrations += [_rehearsed(one, 0, ()) for one in untried]
        return applied

    def _apply(self, connection: Connection, one: PendingMigration) -> bool:
        clock, before = (
            self._request.surroundings.monotonic,
            sum(len(each.statements) for each in self._tried.migrations),
        )
        with Watching(self._place.copy.url, clock, self._progress, before) as watching:
            problem = self._applied(connection, one, watching.begin)
            statements = watching.statements
        took = sum(each.duration_ms for each in statements)
        self._tried.migrations.append(_rehearsed(one, took, statements))
        self._tried.problems += [problem] if problem else []
        return not problem

    def _applied(self, connection: Connection, one: PendingMigration, observer: Callable[[], StatementObserver]) -> str:
        row = HistoryRow(one.version, one.name, tuple(statement.text for statement in one.script.statements))
        work = (row, self._limits, self._cancellation, observer)
        return _problem(one, partial(apply_to_copy, connection, one.script, *work))

    def _verify(self, url: str) -> None:
        for number, (one, scripts) in enumerate(zip(self._asked.pending, self._asked.companions, strict=True)):
            if scripts.verify is None:
                continue
            limit = self._limits.statement_timeout
            problem = verify_problem(url, scripts.verify, limit, self._cancellation)
            self._change(number, verified=not problem)
            if problem:
                self._tried.problems.append(_bounded(f"the verify script of {one.full_name} does not pass: {problem}"))

    def _audit(self, earlier: CopyAudits | None) -> None:
        later = self._tried.audits = audit_copy(self._request, self._place.copy.url, self._progress)
        good = {one.id for one in (earlier.results if earlier else ()) if one.outcome in _AS_GOOD}
        never = []
        for finding in later.findings if later else ():
            name = finding.id.removeprefix("audit.")
            if finding.outcome in _AS_GOOD:
                continue
            said = f"audit {name}: {finding.observation.summary}"
            if name in good:
                self._tried.problems.append(_bounded(f"it passes before the migrations and not after: {said}"))
            else:
                never.append((name, said))
        if len(never) == 1:
            self._tried.remarks.append(_bounded(f"it does not pass before the migrations either: {never[0][1]}"))
        elif never:
            names = ", ".join(name for name, _ in never)
            self._tried.remarks.append(
                _bounded(f"{len(never)} audits do not pass before the migrations either: {names}")
            )

    def _undo_and_again(self, connection: Connection, start: _State | None) -> None:
        undone = self._undo(connection)
        if undone is None:
            return
        if start is not None:
            self._compare(start)
        again = [one for one in self._asked.pending if one.version in undone]
        self._tried.applied_again = bool(again) and all(self._again(connection, one) for one in again)

    def _undo(self, connection: Connection) -> set[str] | None:
        """The versions that were undone, the newest first, until one has no reverse script; None when one failed."""
        undone: set[str] = set()
        for one, scripts in reversed(list(zip(self._asked.pending, self._asked.companions, strict=True))):
            if scripts.reverse is None:
                self._tried.remarks.append(
                    f"{one.full_name} has no reverse script: nobody knows whether it can be undone"
                )
                break
            undo = partial(undo_on_copy, connection, scripts.reverse, one.version, self._limits, self._cancellation)
            problem = _problem(one, undo)
            if problem:
                self._tried.problems.append(f"the reverse script fails: {problem}")
                return None
            undone.add(one.version)
        return undone

    def _again(self, connection: Connection, one: PendingMigration) -> bool:
        problem = self._applied(connection, one, Unobserved)
        self._tried.problems += [f"it cannot be applied again after it was undone: {problem}"] if problem else []
        return not problem

    def _compare(self, start: _State) -> None:
        now = self._state(None)
        found = (*differences(start.catalogue, now.catalogue), *compare(start.fingerprints, now.fingerprints))
        for number in range(len(self._tried.migrations)):
            lost = tuple(map(_lost, found[:_MOST_LOST])) if number == 0 else ()
            self._change(number, reversible=not found, loses=lost)

    def _state(self, known: Catalogue | None) -> _State:
        catalogue = known if known is not None and _HISTORY in known else self._definitions()
        jobs, without = self._request.settings.jobs, self._reading.without
        work = (self._cancellation, self._progress)
        return _State(catalogue, fingerprints_of_copy(self._place.copy.url, without, jobs, *work))

    def _definitions(self) -> Catalogue:
        return read_definitions(
            self._place.copy.url,
            self._reading,
            self._place.folder,
            self._request.variables.get("PATH", ""),
            self._cancellation,
            programs=self._place.restored.scratch.programs,
        )

    def _change(self, number: int, **changed: object) -> None:
        known = self._tried.migrations[number]
        self._tried.migrations[number] = known.model_copy(update=changed)


@dataclass(frozen=True)
class _State:
    catalogue: Catalogue
    fingerprints: Fingerprints


def _rehearsed(one: PendingMigration, took: int, statements: tuple[MeasuredStatement, ...]) -> RehearsedMigration:
    return RehearsedMigration(
        migration=one.migration, duration_ms=took, statements=statements, verified=None, reversible=None
    )


def _problem(one: PendingMigration, work: Callable[[], object]) -> str:
    """What the file itself did wrong, in a sentence; everything else is raised."""
    try:
        work()
    except StatementFailedError as error:
        return _bounded(f"{one.full_name}: {error.message}")
    except PointsctlError as error:
        if error.exit_code is not ExitCode.BAD:
            raise
        return _bounded(f"{one.full_name}: {error.message}")
    return ""


def _lost(one: Difference) -> str:
    return _bounded(f"{one.differs.value} {one.what}: expected {one.expected}, found {one.found}")


def _bounded(text: str) -> str:
    return plain(text, _LONGEST)
