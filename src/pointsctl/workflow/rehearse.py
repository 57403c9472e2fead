"""Use case: rehearse the pending migrations on a copy restored from the proven backup, and record what it showed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pointsctl import kinds
from pointsctl.backup_stores.interface import Store
from pointsctl.errors import ContextMissingError, ExitCode, RefusedError
from pointsctl.migration_engines.interface import Engine, Target
from pointsctl.model.backup import Manifest
from pointsctl.model.backup_history import RecordedBackup, proven
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.pending_migration import PendingMigration
from pointsctl.model.progress import Progress
from pointsctl.model.rehearsal import RehearsalData
from pointsctl.postgres.connection import connect
from pointsctl.postgres.history_contents import supabase_rows
from pointsctl.postgres.identity import identify
from pointsctl.postgres.measuring import MEASURING_SETTINGS
from pointsctl.postgres.rehearsing import Copy
from pointsctl.postgres.workspace import Workspace, sweep
from pointsctl.workflow.backup_ledger import BackupLedger, Recorded, backup_ledger
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.chosen_backup import recorded_backup, recorded_manifest
from pointsctl.workflow.companion_scripts import read_companions
from pointsctl.workflow.copy_audits import CopyAudits
from pointsctl.workflow.migration_files import MigrationFiles, read_migrations
from pointsctl.workflow.pending import read_pending
from pointsctl.workflow.record_rehearsal import record_rehearsal
from pointsctl.workflow.rehearsal_parts import Asked, Place, Tried, limits_of
from pointsctl.workflow.rehearsal_trial import Trial
from pointsctl.workflow.restored_copy import require_room_for_copy, restored_copy
from pointsctl.workflow.stopwatch import StageTime, Stopwatch
from pointsctl.workflow.stored_backups import LATEST
from pointsctl.workflow.stored_catalogue import store_catalogue


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal that came to its end; `remarks` are sentences about what is not bad, and not proven either.

    `left_over` is the work of killed runs that was removed.
    """

    data: RehearsalData
    remarks: tuple[str, ...]
    audits: CopyAudits | None
    recorded: Recorded
    stages: tuple[StageTime, ...]
    left_over: tuple[Path, ...]

    @property
    def exit_code(self) -> ExitCode:
        """What the rehearsal and its record say together."""
        if self.recorded.failure:
            return ExitCode.COULD_NOT_LOOK
        return ExitCode.DONE if self.data.passed else ExitCode.BAD


def rehearse(
    request: BackupRequest, wanted: str, cancellation: Cancellation, progress: Progress, *, traffic: bool = False
) -> Rehearsed:
    """Rehearse on the proven backup whose id begins with `wanted` (`latest` for the newest one).

    1. The backup, which must be proven, and the migration files, read once. 2. Its copy. 3. The trial, with synthetic clients
    where `traffic` asks for them. 4. The definitions to expect go into the store. 5. The record. The copy is removed in every
    case. What is bad is recorded and returned; whatever kept us from trying is raised and not recorded. Raises
    ContextMissingError without a ledger or a backup, RefusedError for a backup that is not proven and for files that cannot be
    applied, and what restoring raises.
    """
    return _Rehearsal(request, cancellation, Stopwatch(progress, request.surroundings.monotonic)).run(wanted, traffic)


class _Rehearsal:
    def __init__(self, request: BackupRequest, cancellation: Cancellation, progress: Stopwatch) -> None:
        self.request = request
        self.cancellation = cancellation
        self.progress = progress
        self.store: Store = request.store()
        self.started = request.surroundings.monotonic()

    def run(self, wanted: str, traffic: bool) -> Rehearsed:
        request = self.request
        ledger = backup_ledger(request.name, request.environment, request.variables)
        backup = proven_backup(ledger, wanted)
        manifest = recorded_manifest(self.store, ledger.name, backup)
        files = read_migrations(request.loaded.directory, request.loaded.checklist.migrations)
        with closing(connect(request.environment.database_url)) as connection:
            role = identify(connection).role
            applied = frozenset(row.version for row in supabase_rows(connection))
        self._refuse_early(files, applied)
        left_over = sweep(request.base)
        with Workspace.open(request.base, f"migrate rehearse {request.name}") as workspace:
            require_room_for_copy(request, workspace, manifest)
            work = (self.cancellation, self.progress)
            with restored_copy(
                request, self.store, manifest, workspace, *work, settings=MEASURING_SETTINGS
            ) as restored:
                copy = Copy(restored.copy.url, role, restored.scratch.own_server)
                with closing(connect(copy.url)) as connection:
                    before = tuple(row.version for row in supabase_rows(connection))
                asked = self._asked(copy, files, traffic=traffic)
                place = Place(copy, restored, manifest, workspace.directory("definitions"))
                tried = Trial(request, place, asked, *work).run()
                version = restored.scratch.identity().server_version
        data = self._data(manifest, before, version, tried)
        recorded = ledger.record(lambda opened: record_rehearsal(opened, request.name, data, request.operator))
        return Rehearsed(data, tuple(tried.remarks), tried.audits, recorded, self.progress.stages, left_over)

    def _refuse_early(self, files: MigrationFiles, applied: frozenset[str]) -> None:
        """What cannot be rehearsed is said before hours of restoring; the copy may still lack more than its origin."""
        loaded = self.request.loaded
        settings = loaded.checklist.migrations
        waiting = [one for one in files.migrations if one.version not in applied]
        read = [PendingMigration(one.migration, one.version, one.content) for one in waiting if one.content is not None]
        self._engine().refuse(read, Target(self.request.environment.database_url, limits_of(settings)))
        read_companions(loaded.directory, settings, [one.migration for one in waiting])

    def _engine(self) -> Engine:
        """Its statements are what will be applied, whichever engine the environment uses."""
        loaded = self.request.loaded
        engine: Engine = kinds.load("migration_engines", "native").open(
            loaded.checklist, self.request.variables, loaded.directory
        )
        return engine

    def _asked(self, copy: Copy, files: MigrationFiles, *, traffic: bool) -> Asked:
        loaded = self.request.loaded
        settings = loaded.checklist.migrations
        pending = read_pending(loaded.directory, settings, copy.url).migrations
        known = {one.migration for one in files.migrations}
        if any(one.migration not in known for one in pending):
            raise RefusedError("a migration file was changed while the copy was restored", hint="rehearse again")
        self._engine().refuse(pending, Target(copy.url, limits_of(settings)))
        scripts = read_companions(loaded.directory, settings, [one.migration for one in pending])
        return Asked(pending, scripts, traffic)

    def _data(self, manifest: Manifest, before: tuple[str, ...], version: int, tried: Tried) -> RehearsalData:
        return RehearsalData(
            database=manifest.database,
            backup=manifest.id,
            manifest=manifest.digest,
            server_version=version,
            before=before,
            migrations=tuple(tried.migrations),
            catalogue=store_catalogue(self.store, tried.expected) if tried.expected else None,
            audits=tried.audits.results if tried.audits else (),
            applied_again=tried.applied_again,
            traffic=tried.traffic,
            duration_ms=round((self.request.surroundings.monotonic() - self.started) * 1000),
            problems=tuple(tried.problems),
            tool=self.request.tool,
        )


def proven_backup(ledger: BackupLedger, wanted: str) -> RecordedBackup:
    """The backup to rehearse on, which a restore has proven. Raises ContextMissingError, RefusedError, UsageError."""
    name = ledger.name
    if ledger.history is None:
        hint = f"then `pointsctl backup create --env {name}` and `pointsctl backup verify --env {name}`"
        raise ContextMissingError(ledger.why, hint=hint)
    newest_proven = proven(ledger.history.backups) if wanted == LATEST else None
    backup = newest_proven or recorded_backup(ledger, wanted)
    if backup is None or backup.verification is None:
        message = backup.in_a_sentence if backup else "there is no backup"
        hint = f"`pointsctl backup verify --env {name}`, or `pointsctl backup create --env {name}` before"
        raise RefusedError(f"a rehearsal needs a proven backup, and {message}", hint=hint)
    return backup
