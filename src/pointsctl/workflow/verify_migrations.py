"""Use case: a database has exactly what its rehearsed migrations make, and before them exactly what its backup held."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from pointsctl.errors import ContextMissingError, ExitCode
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue
from pointsctl.model.escape import plain
from pointsctl.model.expected_catalogue import ExpectedCatalogue
from pointsctl.model.fingerprint import shown_name
from pointsctl.model.history import History
from pointsctl.model.plan import Migration
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.proof import Difference
from pointsctl.model.rehearsal import RecordedRehearsal, newest_covering
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import translated
from pointsctl.postgres.history_contents import supabase_rows
from pointsctl.postgres.verify_script import verify_problem
from pointsctl.postgres.workspace import Workspace
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.companion_scripts import read_companions
from pointsctl.workflow.migration_files import MigrationFile, read_migrations
from pointsctl.workflow.pending import read_pending
from pointsctl.workflow.stored_catalogue import read_definitions, stored_catalogue

STAGE = "definitions"


@dataclass(frozen=True)
class VerifiedScript:
    """A verify script that ran on the real database, read-only: of which migration, and what is wrong (empty when it passed)."""

    migration: str
    problem: str


@dataclass(frozen=True)
class VerifyResult:
    """What was compared with which rehearsal (`rehearsal` is the seq of its record), and all that is not as it left it.

    `invalid_indexes` and `pending` (files that are not applied) are names; `objects` is how many were compared.
    """

    rehearsal: int
    objects: int
    differences: tuple[Difference, ...]
    invalid_indexes: tuple[str, ...]
    pending: tuple[str, ...]
    scripts: tuple[VerifiedScript, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is there and nothing else has changed; nothing compared proves nothing."""
        bad = (self.differences, self.invalid_indexes, self.pending, [one for one in self.scripts if one.problem])
        return self.objects > 0 and not any(bad)

    @property
    def exit_code(self) -> ExitCode:
        """What it amounts to."""
        return ExitCode.DONE if self.holds else ExitCode.BAD


def verify_migrations(
    request: BackupRequest, history: History, cancellation: Cancellation, progress: Progress
) -> VerifyResult:
    """Compare the environment's database with the newest rehearsal that covers the project's migrations, and passed.

    Changes nothing: verify scripts run in transactions that are read-only and rolled back. Raises ContextMissingError when no
    rehearsal covers the files, StorageError and ExpectedCatalogueError for its stored definitions, ToolMissingError,
    RefusedError for files that are not what was applied.
    """
    loaded, url = request.loaded, request.environment.database_url
    settings = loaded.checklist.migrations
    files = read_migrations(loaded.directory, settings).migrations
    rehearsal, expected = _expected(request, history, [one.migration for one in files])
    pending = read_pending(loaded.directory, settings, url, include_all=True)
    found = _definitions(request, expected, cancellation, progress)
    return VerifyResult(
        rehearsal=rehearsal.record.seq,
        objects=len(expected.after.objects),
        differences=expected.differs_from_after(found),
        invalid_indexes=_invalid_indexes(url, expected),
        pending=tuple(one.migration.name for one in pending.migrations),
        scripts=tuple(_run_scripts(request, files, cancellation)),
    )


def unchanged_since_backup(
    request: BackupRequest, history: History, cancellation: Cancellation, progress: Progress
) -> tuple[Difference, ...]:
    """How the definitions of the environment's database are not those of the backup that was rehearsed on; empty when they are.

    To be called before migrating. Where some of the rehearsed migrations are applied already (after a kill), only what they
    leave alone is compared. Raises as `verify_migrations` does.
    """
    files = read_migrations(request.loaded.directory, request.loaded.checklist.migrations).migrations
    rehearsal, expected = _expected(request, history, [one.migration for one in files])
    rehearsed = {one.migration.name.partition("_")[0] for one in rehearsal.data.migrations}
    with closing(connect(request.environment.database_url)) as connection:
        applied = {row.version for row in supabase_rows(connection)}
    found = _definitions(request, expected, cancellation, progress)
    return expected.differs_from_before(found, untouched=bool(rehearsed & applied))


def _expected(
    request: BackupRequest, history: History, migrations: list[Migration]
) -> tuple[RecordedRehearsal, ExpectedCatalogue]:
    rehearsal = newest_covering(history.rehearsals, migrations)
    hint = f"`pointsctl migrate rehearse --env {request.name}`"
    if rehearsal is None:
        message = f"no rehearsal of {request.name!r} is of these very migration files, so nobody knows what to expect"
        raise ContextMissingError(message, hint=hint)
    if rehearsal.why_not:
        why = plain(rehearsal.why_not, 300)
        raise ContextMissingError(f"the newest rehearsal of these files did not pass: {why}", hint=hint)
    return rehearsal, stored_catalogue(request.store(), request.name, rehearsal)


def _definitions(
    request: BackupRequest, expected: ExpectedCatalogue, cancellation: Cancellation, progress: Progress
) -> Catalogue:
    url, search_path = request.environment.database_url, request.variables.get("PATH", os.defpath)
    progress.begin(STAGE, Unit.THINGS, len(expected.after.objects))
    with Workspace.open(request.base, f"migrate verify {request.name}") as workspace:
        folder = workspace.directory("definitions")
        found = read_definitions(url, expected.reading, folder, search_path, cancellation)
    progress.end(STAGE)
    return found


def _invalid_indexes(url: str, expected: ExpectedCatalogue) -> tuple[str, ...]:
    statement = sqlfiles.load("migration", "invalid-indexes").statement.encode()
    with closing(connect(url)) as connection, translated("looking for invalid indexes"):
        rows = connection.execute(statement, {"schemas": list(expected.reading.without.schemas)}).fetchall()
    return tuple(shown_name(*row) for row in rows)


def _run_scripts(
    request: BackupRequest, files: tuple[MigrationFile, ...], cancellation: Cancellation
) -> Iterator[VerifiedScript]:
    settings = request.loaded.checklist.migrations
    scripts = read_companions(request.loaded.directory, settings, [one.migration for one in files])
    for one, companions in zip(files, scripts, strict=True):
        if companions.verify is not None:
            url, limit = request.environment.database_url, settings.statement_timeout
            problem = verify_problem(url, companions.verify, limit, cancellation)
            yield VerifiedScript(one.migration.name, problem)
